//! TPM2_SetAlgorithmSet (Part 3 §26.3): the platform notes a number, which TPM_PT_ALGORITHM_SET answers. This TPM has one set of algorithms, so
//! the number changes nothing else.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_SetAlgorithmSet.
pub struct SetAlgorithmSet;

parameters! {
    /// The parameters of TPM2_SetAlgorithmSet.
    pub struct Params {
        /// The number.
        pub algorithm_set: u32,
    }
}

impl Command for SetAlgorithmSet {
    const CODE: TpmCc = TpmCc::SET_ALGORITHM_SET;
    const NAME: &'static str = "TPM2_SetAlgorithmSet";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        tpm.persistent.algorithm_set.set(params.algorithm_set);
        Ok(())
    }
}
