//! TPM2_PolicyNameHash (Part 3 §23.15): the session authorises commands on entities with these
//! Names only.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    session::policy::Restriction,
    structures::{Tpm2bDigest, TpmCc, TpmRc},
};

/// TPM2_PolicyNameHash.
pub struct PolicyNameHash;

parameters! {
    /// Parameters of TPM2_PolicyNameHash.
    pub struct Params {
        /// Digest of the Names of the command's handles.
        pub name_hash: Tpm2bDigest,
    }
}

impl Command for PolicyNameHash {
    const CODE: TpmCc = TpmCc::POLICY_NAME_HASH;
    const NAME: &'static str = "TPM2_PolicyNameHash";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let name_hash = command.params.name_hash;
        let session = session_mut(command.tpm, command.handles.first())?;
        session.check_digest_size(&name_hash)?;
        if session.policy.restriction != Restriction::None {
            return Err(TpmRc::CPHASH);
        }
        session.restrict(Restriction::NameHash((&name_hash).into()))?;
        session.extend(command.host, Self::CODE, name_hash.as_bytes());
        Ok(())
    }
}
