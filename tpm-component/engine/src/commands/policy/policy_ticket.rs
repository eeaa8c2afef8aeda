//! TPM2_PolicyTicket (Part 3 §23.5): an authorisation that TPM2_PolicySigned or TPM2_PolicySecret has given before, with the ticket that proves
//! it. The digest becomes what it would have become then.

use super::{
    assertion::{self, ParameterNumbers, Timeout},
    session, session_mut,
};
use crate::{
    dispatch::{Authorized, Command, parameters},
    hierarchy::ticket,
    structures::{Tpm2bDigest, Tpm2bName, Tpm2bNonce, Tpm2bTimeout, TpmCc, TpmRc, TpmtTkAuth},
};

/// TPM2_PolicyTicket.
pub struct PolicyTicket;

parameters! {
    /// Parameters of TPM2_PolicyTicket.
    pub struct Params {
        /// When the ticket ends.
        pub timeout: Tpm2bTimeout,
        /// The only command that is authorised; or nothing.
        pub cp_hash_a: Tpm2bDigest,
        /// What the policy says besides the Name.
        pub policy_ref: Tpm2bNonce,
        /// The Name of the entity that agreed.
        pub auth_name: Tpm2bName,
        /// The ticket.
        pub ticket: TpmtTkAuth,
    }
}

impl Command for PolicyTicket {
    const CODE: TpmCc = TpmCc::POLICY_TICKET;
    const NAME: &'static str = "TPM2_PolicyTicket";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let (tpm, params) = (command.tpm, &command.params);
        let session = session(tpm, handle)?;
        if session.is_trial() {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let timeout = Timeout::decode(&params.timeout).map_err(|code| code.with_parameter(1))?;
        let expires = Some(timeout).filter(|timeout| timeout.deadline != 0);
        let numbers = ParameterNumbers {
            cp_hash: 2,
            expiration: 1,
        };
        assertion::check(
            session,
            &tpm.time,
            &Tpm2bNonce::empty(),
            expires,
            &params.cp_hash_a,
            &numbers,
        )?;
        let given = ticket::Authorization {
            tag: params.ticket.tag,
            timeout: timeout.deadline,
            epoch: tpm.time.epoch,
            total_reset: timeout.expires_on_reset.then_some(tpm.persistent.counters.total_reset),
            cp_hash: params.cp_hash_a.as_bytes(),
            policy_ref: params.policy_ref.as_bytes(),
            name: params.auth_name.as_bytes(),
        };
        let proof = &tpm.root(params.ticket.hierarchy).proof;
        if ticket::authorization(command.host, proof, &given) != params.ticket.digest {
            return Err(TpmRc::TICKET.with_parameter(5));
        }
        let session = session_mut(tpm, handle)?;
        session.extend_with_reference(
            command.host,
            assertion::code(params.ticket.tag),
            params.auth_name.as_bytes(),
            params.policy_ref.as_bytes(),
        );
        assertion::apply(session, expires, &params.cp_hash_a);
        Ok(())
    }
}
