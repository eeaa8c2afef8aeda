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

#[cfg(test)]
mod tests {
    use crate::{
        structures::{TpmCc, TpmHandle, TpmRc, TpmiAlgHash, TpmlDigestValues, TpmtHa},
        test_tpm::{Call, TestTpm, hex},
    };

    fn extend(pcr: TpmHandle) -> Call {
        let digest = TpmtHa::new(TpmiAlgHash::Sha256, &[0; 32]).expect("of its size");
        let digests = TpmlDigestValues::new(alloc::vec![digest]).expect("one");
        Call::new(TpmCc::PCR_EXTEND).on(pcr).password(b"").with(&digests)
    }

    #[test]
    fn extend_changes_the_named_bank_only() {
        // Computed as Part 1 §17 says, confirmed by swtpm 0.7.1: zeros extended with a digest of zeros.
        let mut test = TestTpm::started();
        assert!(test.run(extend(TpmHandle::pcr(7))).expect("allowed").is_empty());
        let expected = hex("f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
        let pcrs = &test.tpm.state_clear.pcrs;
        assert_eq!(pcrs.value(TpmiAlgHash::Sha256, 7), Some(&expected[..]));
        assert_eq!(pcrs.value(TpmiAlgHash::Sha1, 7), Some(&[0; 20][..]));
        assert_eq!(pcrs.update_counter(), 21);
    }

    #[test]
    fn extend_of_null_does_nothing_and_of_a_foreign_locality_is_refused() {
        // PC Client profile §4.6, as swtpm 0.7.1 answers: RH_NULL succeeds with no effect, the wrong locality is LOCALITY.
        let mut test = TestTpm::started();
        assert!(test.run(extend(TpmHandle::NULL)).is_ok());
        assert_eq!(test.tpm.state_clear.pcrs.update_counter(), 20);
        assert_eq!(test.run(extend(TpmHandle::pcr(17))).err(), Some(TpmRc::LOCALITY));
        assert!(test.run(extend(TpmHandle::pcr(17)).at(3)).is_ok());
        assert_eq!(
            test.run(extend(TpmHandle::pcr(24))).err(),
            Some(TpmRc::VALUE.with_handle(1))
        );
    }
}
