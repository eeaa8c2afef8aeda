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
    bits: [u8; limits::PCR_SELECT_SIZE],
}

impl TpmsPcrSelect {
    /// No PCR.
    pub const fn empty() -> Self {
        Self {
            bits: [0; limits::PCR_SELECT_SIZE],
        }
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
    pub fn contains(&self, pcr: u8) -> bool {
        self.bits
            .get(usize::from(pcr / 8))
            .is_some_and(|byte| byte & (1 << (pcr % 8)) != 0)
    }

    /// Selects a PCR; there is nothing to select beyond the last.
    pub fn insert(&mut self, pcr: u8) {
        if let Some(byte) = self.bits.get_mut(usize::from(pcr / 8)) {
            *byte |= 1 << (pcr % 8);
        }
    }

    /// Deselects a PCR.
    pub fn remove(&mut self, pcr: u8) {
        if let Some(byte) = self.bits.get_mut(usize::from(pcr / 8)) {
            *byte &= !(1 << (pcr % 8));
        }
    }

    /// Whether no PCR is selected.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    /// How many PCR are selected.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// The PCR that `other` selects, too.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        both.bits
            .iter_mut()
            .zip(other.bits)
            .for_each(|(bits, other)| *bits &= other);
        both
    }

    /// The selected PCR, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let [low, middle, high] = self.bits.map(u32::from);
        let mut left = low | middle << 8 | high << 16;
        core::iter::from_fn(move || {
            let pcr = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            u8::try_from(pcr).ok().filter(|pcr| *pcr < u32::BITS as u8)
        })
    }
}

impl Marshal for TpmsPcrSelect {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&(limits::PCR_SELECT_SIZE as u8));
        writer.bytes(&self.bits);
    }
}

impl Unmarshal for TpmsPcrSelect {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        if usize::from(u8::unmarshal(reader)?) != limits::PCR_SELECT_SIZE {
            return Err(TpmRc::VALUE);
        }
        Ok(Self { bits: reader.array()? })
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
