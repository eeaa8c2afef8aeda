//! TPM2_PolicyTransportSPDM (Part 3, 1.84): the session authorises only what comes through a secure channel, one between certain keys if they are named. This
//! TPM has no secure channel of its own, so the session then authorises nothing; the digest can be one branch of a TPM2_PolicyOR all the same.

use super::{key_name_hash, session_mut};
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bName, TpmCc, TpmRc},
    wire::Marshal,
};

/// TPM2_PolicyTransportSPDM.
pub struct PolicyTransportSpdm;

parameters! {
    /// Parameters of TPM2_PolicyTransportSPDM.
    pub struct Params {
        /// The Name of the requester's key, or nothing.
        pub req_key_name: Tpm2bName,
        /// The Name of the TPM's key, or nothing.
        pub tpm_key_name: Tpm2bName,
    }
}

impl Command for PolicyTransportSpdm {
    const CODE: TpmCc = TpmCc::POLICY_TRANSPORT_SPDM;
    const NAME: &'static str = "TPM2_PolicyTransportSPDM";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            req_key_name,
            tpm_key_name,
        } = command.params;
        let session = session_mut(command.tpm, command.handles.first())?;
        if session.policy.needs_secure_channel {
            return Err(TpmRc::VALUE);
        }
        for (name, number) in [(&req_key_name, 1), (&tpm_key_name, 2)] {
            match name.len() {
                0 => {}
                1 => return Err(TpmRc::SIZE.with_parameter(number)),
                _ => drop(key_name_hash(name).map_err(|code| code.with_parameter(number))?),
            }
        }
        if req_key_name.is_empty() && tpm_key_name.is_empty() {
            session.extend(command.host, Self::CODE, &[]);
        } else {
            let names: &[&[u8]] = &[&req_key_name.to_bytes(), &tpm_key_name.to_bytes()];
            let digest = hash(command.host, session.auth_hash, names);
            session.extend(command.host, Self::CODE, digest.as_bytes());
        }
        session.policy.needs_secure_channel = true;
        Ok(())
    }
}
