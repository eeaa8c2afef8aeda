//! TPM2_IncrementalSelfTest (Part 3 §10.3): tests of some algorithms. All of them are tested together, so that nothing is left to do.

use crate::{
    commands::capability::is_implemented,
    crypto::self_test::{Extent, self_test},
    dispatch::{Authorized, Command, parameters, reply},
    structures::{TpmCc, TpmRc, TpmlAlg},
};

/// TPM2_IncrementalSelfTest.
pub struct IncrementalSelfTest;

parameters! {
    /// Parameters of TPM2_IncrementalSelfTest.
    pub struct Params {
        /// Which algorithms.
        pub to_test: TpmlAlg,
    }
}

reply! {
    /// Reply of TPM2_IncrementalSelfTest.
    pub struct Reply {
        /// What is not tested yet.
        pub to_do_list: TpmlAlg,
    }
}

impl Command for IncrementalSelfTest {
    const CODE: TpmCc = TpmCc::INCREMENTAL_SELF_TEST;
    const NAME: &'static str = "TPM2_IncrementalSelfTest";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        if !params.to_test.iter().all(|alg| is_implemented(*alg)) {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        if !params.to_test.is_empty() && self_test(host, Extent::Quick).is_err() {
            tpm.fail();
            return Err(TpmRc::FAILURE);
        }
        Ok(Reply {
            to_do_list: TpmlAlg::empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmAlgId,
        test_tpm::{Call, TestTpm},
    };

    #[test]
    fn algorithm_that_is_not_implemented_is_value() {
        // facts/tpm/behaviours.md §18.
        let mut tpm = TestTpm::started();
        let test = |alg| Call::new(TpmCc::INCREMENTAL_SELF_TEST).with(&TpmlAlg::new(alloc::vec![alg]).expect("one"));
        let done: TpmlAlg = tpm.run(test(TpmAlgId::SHA256)).expect("implemented").read();
        assert!(done.is_empty());
        assert_eq!(
            tpm.run(test(TpmAlgId::SM4)).expect_err("not here"),
            TpmRc::VALUE.with_parameter(1)
        );
    }
}
