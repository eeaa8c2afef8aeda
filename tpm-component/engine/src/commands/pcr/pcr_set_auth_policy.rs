//! TPM2_PCR_SetAuthPolicy (Part 3 §22.6): gives a policy to the PCR of a group. The PC Client profile has no PCR that takes one (§4.6.2), so what is well formed is
//! refused for its PCR.

use crate::{
    dispatch::{Authorized, Command, parameters},
    pcr::attributes,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmiAlgHash, TpmiDhPcr},
};

/// TPM2_PCR_SetAuthPolicy.
pub struct PcrSetAuthPolicy;

parameters! {
    /// The parameters of TPM2_PCR_SetAuthPolicy.
    pub struct Params {
        /// The policy.
        pub auth_policy: Tpm2bDigest,
        /// Its algorithm.
        pub hash_alg: Option<TpmiAlgHash>,
        /// A PCR of the group.
        pub pcr_num: TpmiDhPcr,
    }
}

impl Command for PcrSetAuthPolicy {
    const CODE: TpmCc = TpmCc::PCR_SET_AUTH_POLICY;
    const NAME: &'static str = "TPM2_PCR_SetAuthPolicy";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            auth_policy, hash_alg, ..
        } = command.params;
        if auth_policy.len() != hash_alg.map_or(0, TpmiAlgHash::digest_size) {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        Err(attributes::NOT_IN_A_GROUP.with_parameter(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmHandle,
        test_tpm::{Call, TestTpm},
    };

    #[test]
    fn no_pcr_takes_a_policy_or_an_auth_value() {
        // Part 3 §22.6 and §22.7 for PCR outside any group, as swtpm 0.7.1 answers for PCR 0.
        let mut tpm = TestTpm::started();
        let policy = |size: u16, alg: u16, pcr: u32| {
            let call = Call::new(TpmCc::PCR_SET_AUTH_POLICY)
                .on(TpmHandle::PLATFORM)
                .password(b"");
            call.with(&size).with_raw(&[7; 64][..size.into()]).with(&alg).with(&pcr)
        };
        for pcr in 0..24 {
            assert_eq!(tpm.run(policy(0, 0x10, pcr)).expect_err("VALUE, P3"), TpmRc::new(0x3C4));
            let value = Call::new(TpmCc::PCR_SET_AUTH_VALUE).on(TpmHandle(pcr)).password(b"");
            assert_eq!(
                tpm.run(value.with_raw(&[0, 1, 7])).expect_err("VALUE"),
                TpmRc::new(0x084)
            );
        }
        assert_eq!(tpm.run(policy(32, 0x0C, 20)).expect_err("SIZE, P1"), TpmRc::new(0x1D5));
        assert_eq!(tpm.run(policy(32, 0x0B, 24)).expect_err("VALUE, P3"), TpmRc::new(0x3C4));
        assert_eq!(tpm.run(policy(0, 0x01, 20)).expect_err("HASH, P2"), TpmRc::new(0x2C3));
    }
}
