//! TPM2_GetTestResult (Part 3 §10.4). A TPM that answers it here has passed what was tested; a TPM in failure mode answers in
//! `dispatch/failure_mode.rs`.

use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{Tpm2bMaxBuffer, TpmCc, TpmRc},
};

/// TPM2_GetTestResult.
pub struct GetTestResult;

reply! {
    /// Reply of TPM2_GetTestResult.
    pub struct Reply {
        /// What a vendor says about the test: nothing.
        pub out_data: Tpm2bMaxBuffer,
        /// The outcome.
        pub test_result: Result<(), TpmRc>,
    }
}

impl Command for GetTestResult {
    const CODE: TpmCc = TpmCc::GET_TEST_RESULT;
    const NAME: &'static str = "TPM2_GetTestResult";
    type Params = ();
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let to_do = command.tpm.tests.are_to_do();
        Ok(Reply {
            out_data: Tpm2bMaxBuffer::empty(),
            test_result: if to_do { Err(TpmRc::NEEDS_TEST) } else { Ok(()) },
        })
    }
}
