//! TPM2_PolicyAuthorize (Part 3 §23.16): the policy so far is one that the holder of a key has approved, and from here on it is that key's
//! policy. The approval arrives as the ticket of TPM2_VerifySignature.

use super::{key_name_hash, session, session_mut};
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    hierarchy::ticket,
    structures::{Tpm2bDigest, Tpm2bName, Tpm2bNonce, TpmCc, TpmRc, TpmtTkVerified},
};

/// TPM2_PolicyAuthorize.
pub struct PolicyAuthorize;

parameters! {
    /// Parameters of TPM2_PolicyAuthorize.
    pub struct Params {
        /// The policy that was approved.
        pub approved_policy: Tpm2bDigest,
        /// What was approved with it.
        pub policy_ref: Tpm2bNonce,
        /// The Name of the key that approved.
        pub key_sign: Tpm2bName,
        /// The ticket about the key's signature.
        pub check_ticket: TpmtTkVerified,
    }
}

impl Command for PolicyAuthorize {
    const CODE: TpmCc = TpmCc::POLICY_AUTHORIZE;
    const NAME: &'static str = "TPM2_PolicyAuthorize";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let (tpm, host) = (command.tpm, command.host);
        let Params {
            approved_policy,
            policy_ref,
            key_sign,
            check_ticket,
        } = command.params;
        let key_hash = key_name_hash(&key_sign).map_err(|code| code.with_parameter(3))?;
        let session = session(tpm, handle)?;
        if !session.is_trial() {
            if session.policy.digest != approved_policy {
                return Err(TpmRc::VALUE.with_parameter(1));
            }
            let signed = hash(host, key_hash, &[approved_policy.as_bytes(), policy_ref.as_bytes()]);
            let proof = &tpm.root(check_ticket.hierarchy).proof;
            if ticket::verified(host, proof, signed.as_bytes(), key_sign.as_bytes()) != check_ticket.digest {
                return Err(TpmRc::VALUE.with_parameter(4));
            }
        }
        let session = session_mut(tpm, handle)?;
        session.clear_digest();
        session.extend_with_reference(host, Self::CODE, key_sign.as_bytes(), policy_ref.as_bytes());
        Ok(())
    }
}
