//! Values under small numbers, each with its memory of how it was before this command, as in `group.rs`. The numbers come from handles that any caller
//! may send; one without a value finds nothing, and only the owners of the slots (`object/`, `session/`) put values in, within Part 2's limits.
//!
//! Objects and sessions are looked up several times in every command, under numbers that are given out from the lowest on: an array, where a
//! map would be searched each time.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Undo, group::Before};

/// Values under numbers. There is room up to the highest number that was ever used, of which callers keep within their bounds.
pub struct Slots<V> {
    now: Vec<Option<V>>,
    used: usize,
    before: Before<u8, Option<V>>,
}

impl<V> Default for Slots<V> {
    fn default() -> Self {
        Self {
            now: Vec::new(),
            used: 0,
            before: Before::default(),
        }
    }
}

impl<V> Slots<V> {
    /// Settled slots.
    pub fn new(values: BTreeMap<u8, V>) -> Self {
        let mut slots = Self::default();
        for (number, value) in values {
            slots.replace(number, Some(value));
        }
        slots
    }

    /// The value under `number`.
    pub fn get(&self, number: u8) -> Option<&V> {
        self.now.get(usize::from(number))?.as_ref()
    }

    /// Whether there is a value under `number`.
    pub fn contains(&self, number: u8) -> bool {
        self.get(number).is_some()
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// All values, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &V)> {
        (0..=u8::MAX)
            .zip(&self.now)
            .filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    /// The value under `number`, for who undoes its changes without this module; none when this module will undo them.
    pub fn unremembered(&mut self, number: u8) -> Option<&mut V> {
        if self.before.knows(number) {
            return None;
        }
        self.now.get_mut(usize::from(number))?.as_mut()
    }

    /// Puts `value` under `number`, whether or not there is one.
    pub fn insert(&mut self, number: u8, value: V) {
        let old = self.replace(number, Some(value));
        self.before.remember(number, old);
    }

    /// Removes the value under `number`; says whether there was one.
    pub fn remove(&mut self, number: u8) -> bool {
        if !self.contains(number) {
            return false;
        }
        let old = self.replace(number, None);
        self.before.remember(number, old);
        true
    }

    /// Removes every value for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(u8, &V) -> bool) {
        for number in (0..=u8::MAX).take(self.now.len()) {
            if self.get(number).is_some_and(|value| !keep(number, value)) {
                self.remove(number);
            }
        }
    }

    /// What is under `number` from now on; gives back what was.
    fn replace(&mut self, number: u8, value: Option<V>) -> Option<V> {
        let at = usize::from(number);
        if at >= self.now.len() {
            self.now.resize_with(at + 1, || None);
        }
        let slot = self.now.get_mut(at)?;
        self.used += usize::from(value.is_some());
        let old = core::mem::replace(slot, value);
        self.used -= usize::from(old.is_some());
        old
    }
}

impl<V: Clone> Slots<V> {
    /// The value under `number`, to be changed.
    pub fn edit(&mut self, number: u8) -> Option<&mut V> {
        let value = self.now.get_mut(usize::from(number))?.as_mut()?;
        if !self.before.knows(number) {
            self.before.remember_new(number, Some(value.clone()));
        }
        Some(value)
    }
}

impl<V> Undo for Slots<V> {
    fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    #[inline]
    fn settle_of(&mut self, left: &mut usize) {
        self.before.settle_of(left);
    }

    fn roll_back(&mut self) {
        for (number, before) in self.before.take() {
            self.replace(number, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_rolled_back_are_as_before_insert_edit_and_remove() {
        let mut slots = Slots::new(BTreeMap::from([(1, 10), (4, 40)]));
        assert_eq!((slots.len(), slots.is_changed()), (2, false));
        slots.insert(9, 90);
        slots.insert(9, 91);
        assert!(slots.remove(1) && !slots.remove(1) && !slots.remove(200));
        *slots.edit(4).expect("there") += 1;
        *slots.edit(4).expect("there") += 1;
        assert_eq!(slots.edit(1), None);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(4, &42), (9, &91)]);
        assert_eq!((slots.len(), slots.contains(1), slots.get(9)), (2, false, Some(&91)));
        assert!(slots.is_changed());
        assert_eq!(slots.unremembered(4), None);
        assert_eq!(slots.unremembered(2), None);
        slots.roll_back();
        assert_eq!(slots.unremembered(4), Some(&mut 40));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(1, &10), (4, &40)]);
        assert_eq!((slots.len(), slots.is_changed()), (2, false));
    }

    #[test]
    fn slots_settled_keep_what_they_have() {
        let mut slots = Slots::default();
        slots.insert(0, 1);
        slots.insert(255, 2);
        slots.settle();
        slots.retain(|number, _| number != 0);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(255, &2)]);
        slots.settle();
        slots.roll_back();
        assert_eq!(slots.len(), 1);
        assert!(!slots.is_empty() && Slots::<u8>::default().is_empty());
    }
}
