//! TPM2_Shutdown (Part 3 §9.4): saves what an orderly loss of power is to keep.
//!
//! What it saves is true as long as nothing happens afterwards; the first command that changes saved state withdraws it
//! (`tpm.rs`, `end_orderliness`).

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmSu},
};

/// TPM2_Shutdown.
pub struct Shutdown;

parameters! {
    /// The parameters of TPM2_Shutdown.
    pub struct ShutdownParams {
        /// TPM_SU_CLEAR or TPM_SU_STATE.
        pub shutdown_type: TpmSu,
    }
}

impl Command for Shutdown {
    const CODE: TpmCc = TpmCc::SHUTDOWN;
    const NAME: &'static str = "TPM2_Shutdown";
    type Params = ShutdownParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        // PCR that are to be allocated differently cannot be resumed as they are.
        let reallocated = *tpm.persistent.pcr_allocation != *tpm.state_clear.pcrs.allocation();
        if params.shutdown_type == TpmSu::State && reallocated {
            return Err(TpmRc::TYPE.with_parameter(1));
        }
        tpm.persistent.nv.flush_orderly();
        tpm.persistent.orderly.set(*tpm.orderly);
        if params.shutdown_type == TpmSu::State {
            tpm.persistent.acts.set(tpm.state_clear.acts.saved(tpm.time.now));
        }
        tpm.persistent.orderliness.edit().shutdown = Some(params.shutdown_type);
        Ok(())
    }
}
