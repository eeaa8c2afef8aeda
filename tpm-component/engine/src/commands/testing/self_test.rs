//! TPM2_SelfTest (Part 3 §10.2): known answers of every algorithm, and the health of the host's entropy. What fails ends the TPM's work until the
//! next _TPM_Init.

use crate::{
    crypto::CryptoError,
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
        let mut outcome = tpm.tests.everything(host, params.full_test);
        if params.full_test {
            outcome = outcome.and_then(|()| tpm.rng.test_source(host));
        }
        outcome.map_err(|error| {
            // A host that has no entropy now may have some later.
            if error != CryptoError::NoEntropy {
                tpm.fail();
            }
            TpmRc::FAILURE
        })
    }
}
