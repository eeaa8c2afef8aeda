//! TPM2_IncrementalSelfTest (Part 3 §10.3): tests of some algorithms ahead of their use. What was tested before is not tested again; only TPM2_SelfTest
//! does that.

use crate::{
    commands::capability::{implemented, is_implemented},
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
        for alg in &params.to_test {
            if tpm.tests.algorithm(host, *alg).is_err() {
                tpm.fail();
                return Err(TpmRc::FAILURE);
            }
        }
        let to_do = implemented().filter(|alg| tpm.tests.is_to_do(*alg)).collect();
        Ok(Reply {
            to_do_list: TpmlAlg::new(to_do)?,
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
        tpm.run(test(TpmAlgId::SHA256)).expect("implemented");
        assert_eq!(
            tpm.run(test(TpmAlgId::SM4)).expect_err("not here"),
            TpmRc::VALUE.with_parameter(1)
        );
    }

    #[test]
    fn to_do_list_shrinks_with_every_algorithm_that_was_tested_or_used() {
        // Part 3 §10.3: toDoList is what was not tested; §10.2: TPM2_SelfTest tests the rest; §10.4: NEEDS_TEST as long as something is left.
        let mut tpm = TestTpm::started();
        let mut test = |algs: &[TpmAlgId]| {
            let list = TpmlAlg::new(algs.to_vec()).expect("short");
            let answer = tpm.run(Call::new(TpmCc::INCREMENTAL_SELF_TEST).with(&list));
            let left: TpmlAlg = answer.expect("implemented").read();
            left.as_slice().to_vec()
        };
        let all = test(&[]);
        assert!(all.contains(&TpmAlgId::RSA) && all.contains(&TpmAlgId::OAEP) && all.contains(&TpmAlgId::ECC));
        assert!(!all.contains(&TpmAlgId::SHA384), "tested at power-on");
        let left = test(&[TpmAlgId::RSAPSS, TpmAlgId::AES]);
        assert!(!left.contains(&TpmAlgId::RSA) && left.contains(&TpmAlgId::ECC));
        let result = |tpm: &mut TestTpm| tpm.run(Call::new(TpmCc::GET_TEST_RESULT)).expect("always").parameters;
        assert_eq!(result(&mut tpm), [0, 0, 0, 0, 1, 0x53]);
        tpm.run(Call::new(TpmCc::SELF_TEST).with(&false)).expect("good");
        assert_eq!(result(&mut tpm), [0; 6]);
        let none = TpmlAlg::empty();
        let left: TpmlAlg = tpm
            .run(Call::new(TpmCc::INCREMENTAL_SELF_TEST).with(&none))
            .expect("nothing to test")
            .read();
        assert!(left.is_empty());
    }
}
