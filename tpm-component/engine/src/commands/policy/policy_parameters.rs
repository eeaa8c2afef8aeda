//! TPM2_PolicyParameters (Part 3 §23.25, 1.83): the session authorises this command with these
//! parameters, on whatever handles.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    session::policy::Restriction,
    structures::{Tpm2bDigest, TpmCc, TpmRc},
};

/// TPM2_PolicyParameters.
pub struct PolicyParameters;

parameters! {
    /// Parameters of TPM2_PolicyParameters.
    pub struct Params {
        /// Digest of the command code and its parameters.
        pub p_hash: Tpm2bDigest,
    }
}

impl Command for PolicyParameters {
    const CODE: TpmCc = TpmCc::POLICY_PARAMETERS;
    const NAME: &'static str = "TPM2_PolicyParameters";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let p_hash = command.params.p_hash;
        let session = session_mut(command.tpm, command.handles.first())?;
        session.check_digest_size(&p_hash)?;
        if session.policy.restriction != Restriction::None {
            return Err(TpmRc::CPHASH);
        }
        session.restrict(Restriction::ParameterHash((&p_hash).into()))?;
        session.extend(command.host, Self::CODE, p_hash.as_bytes());
        Ok(())
    }
}
