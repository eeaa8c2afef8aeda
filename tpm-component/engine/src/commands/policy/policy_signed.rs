//! TPM2_PolicySigned (Part 3 §23.3): the holder of a key agrees, with a signature over the session's nonce and over what the agreement is
//! restricted to. It is noted in the session's digest under the key's Name. A negative expiration asks for a ticket, which TPM2_PolicyTicket
//! accepts in the place of the signature.

use super::{assertion::Assertion, session};
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters, reply},
    object::signing,
    structures::{AuthTicketTag, Tpm2bDigest, Tpm2bNonce, Tpm2bTimeout, TpmCc, TpmRc, TpmtSignature, TpmtTkAuth},
    wire::Marshal,
};

/// TPM2_PolicySigned.
pub struct PolicySigned;

parameters! {
    /// Parameters of TPM2_PolicySigned.
    pub struct Params {
        /// The session's nonce, which ties the authorisation to the session; or nothing.
        pub nonce_tpm: Tpm2bNonce,
        /// The only command that is authorised; or nothing.
        pub cp_hash_a: Tpm2bDigest,
        /// What the policy says besides the Name.
        pub policy_ref: Tpm2bNonce,
        /// Seconds until the authorisation ends; 0 for never, negative for a ticket.
        pub expiration: i32,
        /// The signature.
        pub auth: TpmtSignature,
    }
}

reply! {
    /// Reply of TPM2_PolicySigned.
    pub struct Reply {
        /// When the ticket ends.
        pub timeout: Tpm2bTimeout,
        /// The ticket, or the NULL ticket.
        pub policy_ticket: TpmtTkAuth,
    }
}

impl Command for PolicySigned {
    const CODE: TpmCc = TpmCc::POLICY_SIGNED;
    const NAME: &'static str = "TPM2_PolicySigned";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let (entity, handle) = (command.handles.first(), command.handles.second());
        let params = &command.params;
        let key = command.tpm.located_object(entity)?;
        let assertion = Assertion {
            tag: AuthTicketTag::Signed,
            entity,
            nonce: &params.nonce_tpm,
            cp_hash: &params.cp_hash_a,
            policy_ref: &params.policy_ref,
            expiration: params.expiration,
        };
        let session = session(command.tpm, handle)?;
        let expires = assertion.check(session, &command.tpm.time)?;
        if !session.is_trial() {
            let parts: &[&[u8]] = &[
                params.nonce_tpm.as_bytes(),
                &params.expiration.to_bytes(),
                params.cp_hash_a.as_bytes(),
                params.policy_ref.as_bytes(),
            ];
            let signed = hash(command.host, params.auth.hash_alg(), parts);
            signing::verify(command.tpm, command.host, &key, signed.as_bytes(), &params.auth)
                .map_err(|code| code.with_parameter(5))?;
        }
        let (timeout, policy_ticket) = assertion.accept(command.tpm, command.host, handle, &key.name, expires)?;
        Ok(Reply { timeout, policy_ticket })
    }
}
