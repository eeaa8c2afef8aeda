//! TPM2_PolicyCpHash (Part 3 §23.14): the session authorises this very command, with these
//! handles and parameters.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    session::policy::Restriction,
    structures::{Tpm2bDigest, TpmCc, TpmRc},
};

/// TPM2_PolicyCpHash.
pub struct PolicyCpHash;

parameters! {
    /// Parameters of TPM2_PolicyCpHash.
    pub struct Params {
        /// cpHash of the command.
        pub cp_hash_a: Tpm2bDigest,
    }
}

impl Command for PolicyCpHash {
    const CODE: TpmCc = TpmCc::POLICY_CP_HASH;
    const NAME: &'static str = "TPM2_PolicyCpHash";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let cp_hash_a = command.params.cp_hash_a;
        let session = session_mut(command.tpm, command.handles.first())?;
        session.check_digest_size(&cp_hash_a)?;
        session.restrict(Restriction::CpHash((&cp_hash_a).into()))?;
        session.extend(command.host, Self::CODE, cp_hash_a.as_bytes());
        Ok(())
    }
}
