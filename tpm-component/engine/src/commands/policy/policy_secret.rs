//! TPM2_PolicySecret (Part 3 §23.4): somebody who knows the secret of an entity agrees. The authorisation area has checked the secret; here it
//! is noted in the session's digest, under the entity's Name. A negative expiration asks for a ticket, which TPM2_PolicyTicket accepts in
//! the place of the secret.

use super::{assertion::Assertion, session};
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{AuthTicketTag, Tpm2bDigest, Tpm2bNonce, Tpm2bTimeout, TpmCc, TpmRc, TpmtTkAuth},
};

/// TPM2_PolicySecret.
pub struct PolicySecret;

parameters! {
    /// Parameters of TPM2_PolicySecret.
    pub struct Params {
        /// The session's nonce, which ties the authorisation to the session; or nothing.
        pub nonce_tpm: Tpm2bNonce,
        /// The only command that is authorised; or nothing.
        pub cp_hash_a: Tpm2bDigest,
        /// What the policy says besides the Name.
        pub policy_ref: Tpm2bNonce,
        /// Seconds until the authorisation ends; 0 for never, negative for a ticket.
        pub expiration: i32,
    }
}

reply! {
    /// Reply of TPM2_PolicySecret.
    pub struct Reply {
        /// When the ticket ends.
        pub timeout: Tpm2bTimeout,
        /// The ticket, or the NULL ticket.
        pub policy_ticket: TpmtTkAuth,
    }
}

impl Command for PolicySecret {
    const CODE: TpmCc = TpmCc::POLICY_SECRET;
    const NAME: &'static str = "TPM2_PolicySecret";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let (entity, handle) = (command.handles.first(), command.handles.second());
        // Using a PIN changes it.
        if *command.tpm.state_clear.read_only && command.tpm.persistent.nv.is_pin(entity) {
            return Err(TpmRc::READ_ONLY);
        }
        let params = &command.params;
        let assertion = Assertion {
            tag: AuthTicketTag::Secret,
            entity,
            nonce: &params.nonce_tpm,
            cp_hash: &params.cp_hash_a,
            policy_ref: &params.policy_ref,
            expiration: params.expiration,
        };
        let session = session(command.tpm, handle)?;
        let expires = assertion.check(session, &command.tpm.time)?;
        let name = command.tpm.entity(entity).name(command.host)?;
        let (timeout, policy_ticket) = assertion.accept(command.tpm, command.host, handle, &name, expires)?;
        Ok(Reply { timeout, policy_ticket })
    }
}
