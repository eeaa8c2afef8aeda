//! The value of one PCR in every bank, and which banks have which PCR.

use core::fmt;

use crate::{
    structures::{TpmRc, TpmiAlgHash, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// The hashes that have a bank. Those that are built in on demand (SHA3) have none: the state is the same with and without them.
pub const BANKS: [TpmiAlgHash; 4] = [
    TpmiAlgHash::Sha1,
    TpmiAlgHash::Sha256,
    TpmiAlgHash::Sha384,
    TpmiAlgHash::Sha512,
];

/// The value of one PCR in every bank, allocated or not.
#[derive(Clone, PartialEq, Eq)]
pub struct PcrValue {
    sha1: [u8; 20],
    sha256: [u8; 32],
    sha384: [u8; 48],
    sha512: [u8; 64],
}

impl fmt::Debug for PcrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PcrValue({:02x?}, ...)", self.sha256)
    }
}

impl PcrValue {
    /// Bytes in all banks.
    pub(super) const SIZE: usize = 20 + 32 + 48 + 64;

    /// Every byte in every bank is `byte`.
    pub const fn filled(byte: u8) -> Self {
        Self {
            sha1: [byte; 20],
            sha256: [byte; 32],
            sha384: [byte; 48],
            sha512: [byte; 64],
        }
    }

    /// Zeros, but for the last byte in every bank: how PCR 0 records the locality of the start (PC Client profile §4.6.2).
    pub const fn starting_at(last: u8) -> Self {
        let mut value = Self::filled(0);
        value.sha1[19] = last;
        value.sha256[31] = last;
        value.sha384[47] = last;
        value.sha512[63] = last;
        value
    }

    /// The value in one bank; nothing for a hash without one.
    pub const fn get(&self, bank: TpmiAlgHash) -> &[u8] {
        match bank {
            TpmiAlgHash::Sha1 => &self.sha1,
            TpmiAlgHash::Sha256 => &self.sha256,
            TpmiAlgHash::Sha384 => &self.sha384,
            TpmiAlgHash::Sha512 => &self.sha512,
            #[cfg(feature = "sha3")]
            TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => &[],
        }
    }

    /// Sets the value in one bank; a value that is not of the bank's size is a broken invariant, TPM_RC_FAILURE.
    pub fn set(&mut self, bank: TpmiAlgHash, value: &[u8]) -> Result<(), TpmRc> {
        let slot: &mut [u8] = match bank {
            TpmiAlgHash::Sha1 => &mut self.sha1,
            TpmiAlgHash::Sha256 => &mut self.sha256,
            TpmiAlgHash::Sha384 => &mut self.sha384,
            TpmiAlgHash::Sha512 => &mut self.sha512,
            #[cfg(feature = "sha3")]
            TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => return Err(TpmRc::FAILURE),
        };
        if slot.len() != value.len() {
            return Err(TpmRc::FAILURE);
        }
        slot.copy_from_slice(value);
        Ok(())
    }
}

impl Marshal for PcrValue {
    fn marshal(&self, writer: &mut Writer) {
        for bank in BANKS {
            writer.bytes(self.get(bank));
        }
    }
}

impl Unmarshal for PcrValue {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            sha1: reader.array()?,
            sha256: reader.array()?,
            sha384: reader.array()?,
            sha512: reader.array()?,
        })
    }
}

/// Which PCR each bank has: one selection for each of [`BANKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation([TpmsPcrSelect; BANKS.len()]);

// A bank's place among the others is the algorithm's among all.
const _: () = {
    let mut at = 0;
    while at < BANKS.len() {
        assert!(BANKS[at] as usize == at);
        at += 1;
    }
};

impl Default for Allocation {
    /// Every PCR in every bank, as a new TPM has it.
    fn default() -> Self {
        Self([TpmsPcrSelect::from_fn(|_| true); BANKS.len()])
    }
}

impl Allocation {
    /// The allocation as TPM_CAP_PCRS answers it: one selection for each bank, ascending.
    pub fn selections(&self) -> TpmlPcrSelection {
        let selections = BANKS.into_iter().zip(self.0);
        let selections = selections.map(|(hash, select)| TpmsPcrSelection { hash, select });
        // One selection for each implemented hash is what TPML_PCR_SELECTION is bounded by.
        TpmlPcrSelection::new(selections.collect()).unwrap_or_default()
    }

    /// The PCR that `bank` has.
    pub fn of(&self, bank: TpmiAlgHash) -> TpmsPcrSelect {
        self.0.get(bank as usize).copied().unwrap_or_default()
    }

    /// Whether `bank` has `pcr`.
    pub fn contains(&self, bank: TpmiAlgHash, pcr: u8) -> bool {
        self.of(bank).contains(pcr)
    }

    /// The banks that have `pcr`, in the order of their algorithms.
    pub fn banks_of(&self, pcr: u8) -> impl Iterator<Item = TpmiAlgHash> + '_ {
        BANKS.into_iter().filter(move |bank| self.contains(*bank, pcr))
    }

    /// The allocation after TPM2_PCR_Allocate: banks that `request` names get what it says, the last word counts; the others stay.
    #[must_use]
    pub fn with(&self, request: &TpmlPcrSelection) -> Self {
        let mut allocation = *self;
        for asked in request {
            if let Some(select) = allocation.0.get_mut(asked.hash as usize) {
                *select = asked.select;
            }
        }
        allocation
    }
}

impl Marshal for Allocation {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.selections());
    }
}

impl Unmarshal for Allocation {
    /// A bank that a saved allocation does not name is not allocated.
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let none = Self([TpmsPcrSelect::empty(); BANKS.len()]);
        Ok(none.with(&Unmarshal::unmarshal(reader)?))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn value_refuses_a_digest_of_another_bank() {
        let mut value = PcrValue::filled(0);
        assert_eq!(value.set(TpmiAlgHash::Sha256, &[1; 20]), Err(TpmRc::FAILURE));
        assert_eq!(value.set(TpmiAlgHash::Sha1, &[1; 20]), Ok(()));
        assert_eq!(
            (value.get(TpmiAlgHash::Sha1), value.get(TpmiAlgHash::Sha256)),
            (&[1u8; 20][..], &[0u8; 32][..])
        );
        assert_eq!(PcrValue::from_bytes(&value.to_bytes()), Ok(value));
    }

    #[test]
    fn allocation_changes_only_the_banks_that_are_named() {
        // Part 3 §22.5: banks that are not named stay as they are.
        let none = TpmsPcrSelection {
            hash: TpmiAlgHash::Sha1,
            select: TpmsPcrSelect::empty(),
        };
        let request = TpmlPcrSelection::new(alloc::vec![none]).expect("one bank");
        let allocation = Allocation::default().with(&request);
        assert_eq!(
            allocation.banks_of(7).collect::<Vec<_>>(),
            [TpmiAlgHash::Sha256, TpmiAlgHash::Sha384, TpmiAlgHash::Sha512]
        );
        assert_eq!(Allocation::from_bytes(&allocation.to_bytes()), Ok(allocation));
    }
}
