//! TPM2_PCR_Allocate (Part 3 §22.5): which banks have which PCR from the next _TPM_Init on. Banks that are not named stay as they are.
//!
//! Every bank has its memory here whether it is allocated or not, so there is always room, but for hashes without a bank (`pcr/bank.rs`). What must not happen is that no bank has PCR 0 or
//! PCR 17 any more: then nothing could measure the platform.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    pcr::BANKS,
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
    let bytes: usize = BANKS.iter().map(|bank| pcrs_of(*bank) * bank.digest_size()).sum();
    bytes as u32
}

/// Bytes of the PCR that a request wants for hashes without a bank, for which there is no room.
fn without_bank(request: &TpmlPcrSelection) -> u32 {
    let bytes: usize = request
        .iter()
        .filter(|asked| !BANKS.contains(&asked.hash))
        .map(|asked| asked.select.iter().count() * asked.hash.digest_size())
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
        let impossible = without_bank(&command.params.pcr_allocation);
        if **pending != allocation && impossible == 0 {
            pending.set(allocation);
        }
        Ok(Reply {
            allocation_success: impossible == 0,
            max_pcr: PCR_COUNT as u32,
            size_needed: size_needed + impossible,
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

    #[cfg(feature = "sha3")]
    #[test]
    fn hash_without_a_bank_gets_no_pcr() {
        // Part 3 §22.5: allocationSuccess is NO when there is no room, and nothing changes. Nothing for a bank that is not there can be had.
        let mut test = TestTpm::started();
        let before = *test.tpm.persistent.pcr_allocation;
        let some = TpmsPcrSelection {
            hash: TpmiAlgHash::Sha3256,
            select: TpmsPcrSelect::from_fn(|pcr| pcr < 2),
        };
        let call = Call::new(TpmCc::PCR_ALLOCATE).on(TpmHandle::PLATFORM).password(b"");
        let request = TpmlPcrSelection::new(alloc::vec![some]).expect("few");
        let answer = test.run(call.with(&request)).expect("allowed");
        assert_eq!(answer.parameters, hex("000000001800000fa000000f60"));
        assert!(*test.tpm.persistent.pcr_allocation == before);
        let answer = test.run(allocate(&[TpmiAlgHash::Sha3256])).expect("allowed");
        assert_eq!(answer.parameters[0], 1);
    }

    #[test]
    fn allocation_without_any_bank_is_refused() {
        let mut test = TestTpm::started();
        assert_eq!(test.run(allocate(&BANKS)).err(), Some(TpmRc::PCR));
    }
}
