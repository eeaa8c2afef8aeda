//! TPM2_TestParms (Part 3 §30.3): whether this TPM takes these parameters. Reading them is the test.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmtPublicParms},
};

/// TPM2_TestParms.
pub struct TestParms;

parameters! {
    /// The parameters of TPM2_TestParms.
    pub struct TestParmsParams {
        /// What is tested.
        pub parameters: TpmtPublicParms,
    }
}

impl Command for TestParms {
    const CODE: TpmCc = TpmCc::TEST_PARMS;
    const NAME: &'static str = "TPM2_TestParms";
    type Params = TestParmsParams;
    type Reply = ();

    fn run(_command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        Ok(())
    }
}
