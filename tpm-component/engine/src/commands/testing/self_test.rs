//! TPM2_SelfTest (Part 3 §10.2): known answers of every algorithm. A wrong one ends the TPM's work until the next _TPM_Init.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_SelfTest.
pub struct SelfTest;

parameters! {
    /// Parameters of TPM2_SelfTest.
    pub struct Params {
        /// Whether what was tested before is tested again.
        pub full_test: bool,
    }
}

impl Command for SelfTest {
    const CODE: TpmCc = TpmCc::SELF_TEST;
    const NAME: &'static str = "TPM2_SelfTest";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        tpm.tests.everything(host, params.full_test).map_err(|_| {
            tpm.fail();
            TpmRc::FAILURE
        })
    }
}
