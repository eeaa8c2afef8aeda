//! TPM2_PolicyGetDigest (Part 3 §23.20): the policyDigest of a session, of a trial session too; that is what one is for.

use super::session;
use crate::{
    dispatch::{Authorized, Command, reply},
    session::InlineDigest,
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyGetDigest.
pub struct PolicyGetDigest;

reply! {
    /// Reply of TPM2_PolicyGetDigest.
    pub struct Reply {
        /// policyDigest.
        pub policy_digest: InlineDigest,
    }
}

impl Command for PolicyGetDigest {
    const CODE: TpmCc = TpmCc::POLICY_GET_DIGEST;
    const NAME: &'static str = "TPM2_PolicyGetDigest";
    type Params = ();
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        Ok(Reply {
            policy_digest: session(command.tpm, command.handles.first())?.policy.digest,
        })
    }
}
