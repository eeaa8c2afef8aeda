//! The values of all PCR, each with its memory of how it was before this command, as in `state/group.rs`.
//!
//! There are always as many, and every start writes all of them: an array, where a map would be searched at each of them.

use alloc::vec::Vec;

use super::PcrValue;
use crate::{
    state::{Before, Undo},
    structures::limits::PCR_COUNT,
};

/// One value for each PCR.
pub(super) struct Values {
    now: Vec<PcrValue>,
    before: Before<u8, PcrValue>,
    /// The PCR in `before`, a bit each: a start changes all of them.
    changed: u32,
}

const _: () = assert!(PCR_COUNT <= u32::BITS as usize);

impl Values {
    /// The same settled value for all.
    pub fn new(value: &PcrValue) -> Self {
        Self {
            now: alloc::vec![value.clone(); PCR_COUNT],
            before: Before::default(),
            changed: 0,
        }
    }

    /// The value of a PCR; none when there is no such PCR.
    pub fn get(&self, pcr: u8) -> Option<&PcrValue> {
        self.now.get(usize::from(pcr))
    }

    /// All values with their PCR, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &PcrValue)> {
        (0u8..).zip(&self.now)
    }

    /// The value of a PCR, to be changed.
    pub fn edit(&mut self, pcr: u8) -> Option<&mut PcrValue> {
        let value = self.now.get_mut(usize::from(pcr))?;
        if self.changed >> pcr & 1 == 0 {
            self.changed |= 1 << pcr;
            self.before.remember_new(pcr, value.clone());
        }
        Some(value)
    }

    /// Replaces the value of a PCR, if there is such a PCR.
    pub fn set(&mut self, pcr: u8, value: PcrValue) {
        if let Some(place) = self.now.get_mut(usize::from(pcr)) {
            let old = core::mem::replace(place, value);
            if self.changed >> pcr & 1 == 0 {
                self.changed |= 1 << pcr;
                self.before.remember_new(pcr, old);
            }
        }
    }
}

impl Undo for Values {
    fn is_changed(&self) -> bool {
        self.changed != 0
    }

    #[inline]
    fn settle_of(&mut self, left: &mut usize) {
        self.before.settle_of(left);
        self.changed = 0;
    }

    fn roll_back(&mut self) {
        for (pcr, value) in self.before.take() {
            if let Some(place) = self.now.get_mut(usize::from(pcr)) {
                *place = value;
            }
        }
        self.changed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::TpmiAlgHash::Sha256;

    #[test]
    fn values_rolled_back_are_as_before_the_first_change() {
        let mut values = Values::new(&PcrValue::filled(0));
        values.set(23, PcrValue::filled(1));
        values.set(23, PcrValue::filled(2));
        let edited = values.edit(7).expect("PCR 7 exists");
        edited.set(Sha256, &[3; 32]).expect("as long as its bank says");
        assert!(values.is_changed());
        assert_eq!(values.get(23), Some(&PcrValue::filled(2)));
        values.roll_back();
        assert!(!values.is_changed());
        assert!(values.iter().all(|(_, value)| *value == PcrValue::filled(0)));
        values.set(23, PcrValue::filled(1));
        values.settle();
        values.roll_back();
        assert_eq!(values.get(23), Some(&PcrValue::filled(1)));
        assert_eq!(values.get(24), None);
        assert!(values.edit(24).is_none());
        values.set(24, PcrValue::filled(1));
        assert!(!values.is_changed());
    }
}
