//! Part 2 §10.6.1 to §10.6.3 and §10.9.7: selections of PCR. A selection that arrives names banks that this TPM implements and has one
//! bit for each of its PCR; whether a bank is allocated is for `pcr/`.

use super::{TpmRc, TpmiAlgHash, limits};
use crate::wire::{
    Marshal, Reader, Unmarshal, Writer,
    shapes::{tpml, tpms},
};

/// TPMS_PCR_SELECT (Part 2 §10.6.1): one bit for each PCR. sizeofSelect is always 3 here, since PCR_SELECT_MIN and _MAX are equal; any other
/// size is TPM_RC_VALUE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TpmsPcrSelect {
    /// A bit for each PCR, the lowest that of PCR 0; those above all PCR are never set.
    bits: u32,
}

const _: () = assert!(limits::PCR_COUNT <= u32::BITS as usize);

impl TpmsPcrSelect {
    /// No PCR.
    pub const fn empty() -> Self {
        Self { bits: 0 }
    }

    /// The PCR for which `selects` answers true.
    pub fn from_fn(selects: impl Fn(u8) -> bool) -> Self {
        let mut select = Self::empty();
        (0..limits::PCR_COUNT as u8)
            .filter(|pcr| selects(*pcr))
            .for_each(|pcr| select.insert(pcr));
        select
    }

    /// Whether the PCR is selected.
    pub const fn contains(&self, pcr: u8) -> bool {
        self.bits & bit(pcr) != 0
    }

    /// Selects a PCR; there is nothing to select beyond the last.
    pub const fn insert(&mut self, pcr: u8) {
        self.bits |= bit(pcr);
    }

    /// Deselects a PCR.
    pub const fn remove(&mut self, pcr: u8) {
        self.bits &= !bit(pcr);
    }

    /// Whether no PCR is selected.
    pub const fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// How many PCR are selected.
    pub const fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }

    /// The PCR that `other` selects, too.
    #[must_use]
    pub const fn and(&self, other: &Self) -> Self {
        Self {
            bits: self.bits & other.bits,
        }
    }

    /// The selected PCR, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let mut left = self.bits;
        core::iter::from_fn(move || {
            let pcr = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (pcr < u32::BITS).then_some(pcr as u8)
        })
    }
}

impl TpmsPcrSelect {
    /// The selected PCR, ascending, as runs of neighbours: the first of each, and how many they are.
    pub fn runs(&self) -> impl Iterator<Item = (u8, u8)> + use<> {
        let mut left = self.bits;
        core::iter::from_fn(move || {
            let first = left.trailing_zeros();
            let count = left.checked_shr(first)?.trailing_ones();
            // The carry takes the run with it. There is room above all PCR.
            left &= left.wrapping_add(1 << first);
            Some((first as u8, count as u8))
        })
    }
}

/// The bit of a PCR; none for a PCR that does not exist.
const fn bit(pcr: u8) -> u32 {
    if (pcr as usize) < limits::PCR_COUNT {
        1 << pcr
    } else {
        0
    }
}

impl Marshal for TpmsPcrSelect {
    fn marshal(&self, writer: &mut Writer) {
        let [low, middle, high, _] = self.bits.to_le_bytes();
        writer.bytes(&[limits::PCR_SELECT_SIZE as u8, low, middle, high]);
    }
}

impl Unmarshal for TpmsPcrSelect {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        if usize::from(u8::unmarshal(reader)?) != limits::PCR_SELECT_SIZE {
            return Err(TpmRc::VALUE);
        }
        let bits: [u8; limits::PCR_SELECT_SIZE] = reader.array()?;
        let [low, middle, high] = bits;
        Ok(Self {
            bits: u32::from_le_bytes([low, middle, high, 0]),
        })
    }
}

tpms! {
    /// TPMS_PCR_SELECTION (Part 2 §10.6.2): PCR of one bank.
    pub struct TpmsPcrSelection {
        /// The bank.
        pub hash: TpmiAlgHash,
        /// Its PCR.
        pub select: TpmsPcrSelect,
    }
}

tpml! {
    /// TPML_PCR_SELECTION (Part 2 §10.9.7).
    pub struct TpmlPcrSelection[TpmsPcrSelection]: max limits::HASH_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_of_the_read_command_round_trips() {
        // Part 3, confirmed by swtpm 0.7.1: the parameters of TPM2_PCR_Read(sha256, PCR0).
        let bytes = [0, 0, 0, 1, 0, 0x0b, 3, 1, 0, 0];
        let list = TpmlPcrSelection::from_bytes(&bytes).expect("well formed");
        assert_eq!(list.as_slice()[0].select.iter().collect::<alloc::vec::Vec<_>>(), [0]);
        assert_eq!(list.to_bytes(), bytes);
    }

    #[test]
    fn runs_are_the_neighbours_of_a_selection() {
        for (bits, runs) in [
            (0, &[][..]),
            (0xFF, &[(0, 8)]),
            (0xFF_FFFF, &[(0, 24)]),
            (0x80_0001, &[(0, 1), (23, 1)]),
            (0b1011_0110, &[(1, 2), (4, 2), (7, 1)]),
        ] {
            let select = TpmsPcrSelect { bits };
            assert_eq!(select.runs().collect::<alloc::vec::Vec<_>>(), runs, "{bits:#x}");
            let each = select.runs().flat_map(|(first, count)| first..first + count);
            assert!(each.eq(select.iter()), "{bits:#x}");
        }
    }

    #[test]
    fn malformed_selections_name_their_fault() {
        // Part 2 §10.9, list rules.
        assert_eq!(
            TpmlPcrSelection::from_bytes(&[0, 0, 0, limits::HASH_COUNT as u8 + 1]),
            Err(TpmRc::SIZE)
        );
        assert_eq!(
            TpmlPcrSelection::from_bytes(&[0, 0, 0, 1, 0, 0x0b, 2, 1, 0]),
            Err(TpmRc::VALUE)
        );
        assert_eq!(
            TpmlPcrSelection::from_bytes(&[0, 0, 0, 1, 0, 0x0b, 4, 1, 0, 0, 0]),
            Err(TpmRc::VALUE)
        );
        assert_eq!(
            TpmlPcrSelection::from_bytes(&[0, 0, 0, 1, 0, 0x12, 3, 1, 0, 0]),
            Err(TpmRc::HASH)
        );
    }
}
