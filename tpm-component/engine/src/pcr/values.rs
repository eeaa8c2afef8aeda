//! The values of all PCR, bank by bank: those of neighbours in a selection are one piece of memory, which the digest of a selection takes as it is.

use alloc::vec::Vec;
use core::ops::Range;

use super::{BANKS, PcrValue};
use crate::structures::{TpmRc, TpmiAlgHash, limits::PCR_COUNT};

/// One value for each PCR in each of [`BANKS`], allocated or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    bytes: Vec<u8>,
}

/// Where the values of a bank begin: behind those of the banks before it, and for a hash without a bank behind all.
const fn start_of(bank: TpmiAlgHash) -> usize {
    let before = match bank {
        TpmiAlgHash::Sha1 => 0,
        TpmiAlgHash::Sha256 => 20,
        TpmiAlgHash::Sha384 => 20 + 32,
        TpmiAlgHash::Sha512 => 20 + 32 + 48,
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => 20 + 32 + 48 + 64,
    };
    before * PCR_COUNT
}

impl Values {
    /// Zeros.
    pub fn zeros() -> Self {
        Self {
            bytes: alloc::vec![0; PCR_COUNT * PcrValue::SIZE],
        }
    }

    /// Where the values of `count` PCR from `first` on are in a bank; nowhere when there are not that many.
    fn place(bank: TpmiAlgHash, first: u8, count: u8) -> Option<Range<usize>> {
        let (first, count, size) = (usize::from(first), usize::from(count), bank.digest_size());
        let start = start_of(bank) + first * size;
        (first + count <= PCR_COUNT).then_some(start..start + count * size)
    }

    /// The values of `count` PCR from `first` on in one bank; none when there are not that many, or no such bank.
    pub fn run(&self, bank: TpmiAlgHash, first: u8, count: u8) -> Option<&[u8]> {
        self.bytes.get(Self::place(bank, first, count)?)
    }

    /// The value of a PCR in one bank, to be written to.
    fn slot(&mut self, bank: TpmiAlgHash, pcr: u8) -> Option<&mut [u8]> {
        self.bytes.get_mut(Self::place(bank, pcr, 1)?)
    }

    /// Sets the value of a PCR in one bank; what is no value of the bank is a broken invariant, TPM_RC_FAILURE.
    pub fn set_in(&mut self, bank: TpmiAlgHash, pcr: u8, value: &[u8]) -> Result<(), TpmRc> {
        match self.slot(bank, pcr) {
            Some(slot) if slot.len() == value.len() => slot.copy_from_slice(value),
            _ => return Err(TpmRc::FAILURE),
        }
        Ok(())
    }

    /// Sets every byte of a PCR in every bank, if there is such a PCR.
    pub fn fill(&mut self, pcr: u8, byte: u8) {
        for bank in BANKS {
            if let Some(slot) = self.slot(bank, pcr) {
                slot.fill(byte);
            }
        }
    }

    /// Sets the value of a PCR in every bank, if there is such a PCR.
    pub fn set(&mut self, pcr: u8, value: &PcrValue) {
        for bank in BANKS {
            if let Some(slot) = self.slot(bank, pcr) {
                slot.copy_from_slice(value.get(bank));
            }
        }
    }

    /// The value of a PCR in every bank; none when there is no such PCR.
    pub fn get(&self, pcr: u8) -> Option<PcrValue> {
        let mut value = PcrValue::filled(0);
        for bank in BANKS {
            value.set(bank, self.run(bank, pcr, 1)?).ok()?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TpmiAlgHash::{Sha1, Sha256, Sha512};

    #[test]
    fn neighbours_of_a_bank_follow_each_other_and_no_other_bank_is_reached() {
        let mut values = Values::zeros();
        assert_eq!(values.bytes.len(), 24 * (20 + 32 + 48 + 64));
        values.set(23, &PcrValue::filled(0x23));
        values
            .set_in(Sha256, 22, &[0x22; 32])
            .expect("as long as its bank says");
        assert_eq!(values.run(Sha256, 22, 2), Some(&[[0x22; 32], [0x23; 32]].concat()[..]));
        assert_eq!(values.run(Sha1, 22, 2), Some(&[[0; 20], [0x23; 20]].concat()[..]));
        assert_eq!(values.run(Sha512, 23, 1), Some(&[0x23; 64][..]));
        for (first, count) in [(23, 2), (24, 1), (255, 255)] {
            assert_eq!(values.run(Sha1, first, count), None);
        }
        assert_eq!(values.get(23), Some(PcrValue::filled(0x23)));
        assert_eq!(values.get(24), None);
        values.fill(22, 0);
        values.fill(23, 0);
        assert!(values == Values::zeros());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let mut values = Values::zeros();
        let before = values.clone();
        assert_eq!(values.set_in(Sha256, 0, &[1; 20]), Err(TpmRc::FAILURE));
        assert_eq!(values.set_in(Sha256, 24, &[1; 32]), Err(TpmRc::FAILURE));
        values.set(24, &PcrValue::filled(1));
        values.fill(24, 1);
        assert!(values == before);
    }

    #[cfg(feature = "sha3")]
    #[test]
    fn hash_without_a_bank_has_no_values() {
        let mut values = Values::zeros();
        assert_eq!(values.run(TpmiAlgHash::Sha3256, 0, 1), None);
        assert_eq!(values.set_in(TpmiAlgHash::Sha3256, 0, &[1; 32]), Err(TpmRc::FAILURE));
    }
}
