//! TPM2_PCR_Allocate (Part 3 §22.5): which banks have which PCR from the next _TPM_Init on. Banks that are not named stay as they are.
//!
//! Every bank has its memory here whether it is allocated or not, so there is always room. What must not happen is that no bank has PCR 0 or
//! PCR 17 any more: then nothing could measure the platform.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{TpmCc, TpmRc, TpmiAlgHash, TpmlPcrSelection, limits::PCR_COUNT},
};

/// The PCR of the H-CRTM and of the D-RTM, which some bank has to have.
const INDISPENSABLE: [u8; 2] = [0, 17];

/// TPM2_PCR_Allocate.
pub struct PcrAllocate;

parameters! {
    /// Parameters of TPM2_PCR_Allocate.
    pub struct Params {
        /// The PCR of each named bank.
        pub pcr_allocation: TpmlPcrSelection,
    }
}

reply! {
    /// Reply of TPM2_PCR_Allocate.
    pub struct Reply {
        /// Whether the allocation will be made.
        pub allocation_success: bool,
        /// PCR in a bank.
        pub max_pcr: u32,
        /// Bytes of all PCR of the request.
        pub size_needed: u32,
        /// Bytes that there are.
        pub size_available: u32,
    }
}

/// Bytes of the PCR that `pcrs_of` says each bank has.
fn size(pcrs_of: impl Fn(TpmiAlgHash) -> usize) -> u32 {
    let bytes: usize = TpmiAlgHash::ALL
        .iter()
        .map(|bank| pcrs_of(*bank) * bank.digest_size())
        .sum();
    bytes as u32
}

impl Command for PcrAllocate {
    const CODE: TpmCc = TpmCc::PCR_ALLOCATE;
    const NAME: &'static str = "TPM2_PCR_Allocate";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let pending = &mut command.tpm.persistent.pcr_allocation;
        let allocation = pending.with(&command.params.pcr_allocation);
        if INDISPENSABLE
            .iter()
            .any(|pcr| allocation.banks_of(*pcr).next().is_none())
        {
            return Err(TpmRc::PCR);
        }
        let size_needed = size(|bank| {
            (0..PCR_COUNT as u8)
                .filter(|pcr| allocation.contains(bank, *pcr))
                .count()
        });
        if **pending != allocation {
            pending.set(allocation);
        }
        Ok(Reply {
            allocation_success: true,
            max_pcr: PCR_COUNT as u32,
            size_needed,
            size_available: size(|_| PCR_COUNT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::{TpmHandle, TpmsPcrSelect, TpmsPcrSelection},
        test_tpm::{Call, TestTpm, hex},
    };

    fn allocate(banks: &[TpmiAlgHash]) -> Call {
        let none = |bank: &TpmiAlgHash| TpmsPcrSelection {
            hash: *bank,
            select: TpmsPcrSelect::empty(),
        };
        let request = TpmlPcrSelection::new(banks.iter().map(none).collect()).expect("few");
        Call::new(TpmCc::PCR_ALLOCATE)
            .on(TpmHandle::PLATFORM)
            .password(b"")
            .with(&request)
    }

    #[test]
    fn allocation_takes_effect_at_the_next_init() {
        // PC Client profile §4.6, as swtpm 0.7.1 answers; sizes: 24 PCR of 20, 32, 48 and 64 bytes.
        let mut test = TestTpm::started();
        let answer = test.run(allocate(&[TpmiAlgHash::Sha1])).expect("allowed");
        assert_eq!(answer.parameters, hex("010000001800000d8000000f60"));
        assert!(test.tpm.state_clear.pcrs.allocation().contains(TpmiAlgHash::Sha1, 0));
        let test = test.power_cycle();
        assert!(!test.tpm.state_clear.pcrs.allocation().contains(TpmiAlgHash::Sha1, 0));
        assert!(test.tpm.state_clear.pcrs.allocation().contains(TpmiAlgHash::Sha256, 0));
    }

    #[test]
    fn allocation_without_any_bank_is_refused() {
        let mut test = TestTpm::started();
        assert_eq!(test.run(allocate(TpmiAlgHash::ALL)).err(), Some(TpmRc::PCR));
    }
}
