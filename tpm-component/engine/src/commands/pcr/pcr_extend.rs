//! TPM2_PCR_Extend (Part 3 §22.2): extends a PCR with digests that the caller has computed, one for each bank that it names.
//!
//! Digests for banks that do not have the PCR change nothing, and are no error; TPM_RH_NULL as PCR changes nothing at all.

use super::extendable;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmlDigestValues},
};

/// TPM2_PCR_Extend.
pub struct PcrExtend;

parameters! {
    /// Parameters of TPM2_PCR_Extend.
    pub struct Params {
        /// The digests.
        pub digests: TpmlDigestValues,
    }
}

impl Command for PcrExtend {
    const CODE: TpmCc = TpmCc::PCR_EXTEND;
    const NAME: &'static str = "TPM2_PCR_Extend";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Some(pcr) = extendable(command.handles.first(), command.locality)? else {
            return Ok(());
        };
        let pcrs = &mut command.tpm.state_clear.pcrs;
        for value in &command.params.digests {
            pcrs.extend(command.host, value.hash_alg(), pcr, value.digest())?;
        }
        Ok(())
    }
}
