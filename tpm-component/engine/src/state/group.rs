//! How an error leaves the state unchanged: every piece of state sits in a [`Group`], a [`GroupMap`] or what works like them (`slots.rs`,
//! `pcr/values.rs`, the continued sequences of `object/`), which keeps the value that it had before the first change of a command until the
//! command is settled.
//!
//! Nothing from outside reaches this module. A command changes state through [`Group::edit`], [`GroupMap::insert`] and the like; when it
//! fails, or when the host does not acknowledge the commit of what changed, `roll_back` brings everything back, and otherwise `settle`
//! forgets the old values. Only what a command touches is ever copied, so the cost follows the command and not the size of the state.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    fmt,
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How many pieces of state have begun to remember, of all TPMs of this program together.
static REMEMBERED: AtomicUsize = AtomicUsize::new(0);

/// A piece of state begins to remember: whoever implements [`Undo`] says so.
pub(crate) fn note_change() {
    REMEMBERED.fetch_add(1, Relaxed);
}

/// As long as this stays the same, no piece of state has changed, and none has to be asked. That it grows says nothing: another TPM may have changed.
pub(crate) fn changes_noted() -> usize {
    REMEMBERED.load(Relaxed)
}

/// State that can be undone until it is settled.
pub trait Undo {
    /// Whether this command has changed, or may have changed, something.
    fn is_changed(&self) -> bool;
    /// Keeps what is now.
    fn settle(&mut self);
    /// Brings back what was before.
    fn roll_back(&mut self);
}

/// Implements [`Undo`] for a structure whose fields implement it.
macro_rules! undo {
    ($name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::state::Undo for $name {
            fn is_changed(&self) -> bool {
                $($crate::state::Undo::is_changed(&self.$field))||*
            }

            fn settle(&mut self) {
                $($crate::state::Undo::settle(&mut self.$field);)*
            }

            fn roll_back(&mut self) {
                $($crate::state::Undo::roll_back(&mut self.$field);)*
            }
        }
    };
}

pub(crate) use undo;

/// One value with its memory of how it was before this command.
#[derive(Default)]
pub struct Group<T> {
    now: T,
    before: Option<T>,
}

impl<T: fmt::Debug> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now.fmt(f)
    }
}

impl<T> Deref for Group<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.now
    }
}

impl<T> Group<T> {
    /// A settled value.
    pub const fn new(value: T) -> Self {
        Self {
            now: value,
            before: None,
        }
    }

    /// The value as it was before this command, if the command may have changed it.
    pub const fn before(&self) -> Option<&T> {
        self.before.as_ref()
    }

    /// Replaces the value.
    pub fn set(&mut self, value: T) {
        let old = core::mem::replace(&mut self.now, value);
        if self.before.is_none() {
            note_change();
            self.before = Some(old);
        }
    }
}

impl<T> Undo for Group<T> {
    fn is_changed(&self) -> bool {
        self.before.is_some()
    }

    #[inline]
    fn settle(&mut self) {
        // Asked first, because most have nothing to drop, and an interpreter pays for every call.
        if self.before.is_some() {
            self.before = None;
        }
    }

    fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.now = before;
        }
    }
}

impl<T: Clone> Group<T> {
    /// The value, to be changed.
    pub fn edit(&mut self) -> &mut T {
        if self.before.is_none() {
            note_change();
            self.before = Some(self.now.clone());
        }
        &mut self.now
    }
}

/// Many values under keys, each with its memory of how it was before this command.
pub struct GroupMap<K, V> {
    now: BTreeMap<K, V>,
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for GroupMap<K, V> {
    fn default() -> Self {
        Self {
            now: BTreeMap::new(),
            before: Vec::new(),
        }
    }
}

impl<K: Ord + Copy, V> GroupMap<K, V> {
    /// A settled map.
    pub fn new(values: BTreeMap<K, V>) -> Self {
        Self {
            now: values,
            before: Vec::new(),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: K) -> Option<&V> {
        self.now.get(&key)
    }

    /// Whether there is a value under `key`.
    pub fn contains(&self, key: K) -> bool {
        self.now.contains_key(&key)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.now.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// All values, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.now.iter().map(|(key, value)| (*key, value))
    }

    /// The values whose keys are `from` or greater, in their order.
    pub fn iter_from(&self, from: K) -> impl Iterator<Item = (K, &V)> {
        self.now.range(from..).map(|(key, value)| (*key, value))
    }

    /// Puts `value` under `key`, whether or not there is one.
    pub fn insert(&mut self, key: K, value: V) {
        let old = self.now.insert(key, value);
        self.remember(key, old);
    }

    /// Removes the value under `key`; says whether there was one.
    pub fn remove(&mut self, key: K) -> bool {
        match self.now.remove(&key) {
            None => false,
            old => {
                self.remember(key, old);
                true
            }
        }
    }

    /// Removes every value for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(K, &V) -> bool) {
        let gone: Vec<K> = self
            .iter()
            .filter(|(key, value)| !keep(*key, value))
            .map(|(key, _)| key)
            .collect();
        for key in gone {
            self.remove(key);
        }
    }

    /// What this command has changed: each key with its new value, or none when it was removed.
    pub fn changes(&self) -> impl Iterator<Item = (K, Option<&V>)> {
        self.before.iter().map(|(key, _)| (*key, self.now.get(key)))
    }

    fn remember(&mut self, key: K, old: Option<V>) {
        if !self.before.iter().any(|(known, _)| *known == key) {
            note_change();
            self.before.push((key, old));
        }
    }
}

impl<K: Ord + Copy, V> Undo for GroupMap<K, V> {
    fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    #[inline]
    fn settle(&mut self) {
        if !self.before.is_empty() {
            self.before.clear();
        }
    }

    fn roll_back(&mut self) {
        for (key, before) in core::mem::take(&mut self.before) {
            match before {
                Some(value) => drop(self.now.insert(key, value)),
                None => drop(self.now.remove(&key)),
            }
        }
    }
}

impl<K: Ord + Copy, V: Clone> GroupMap<K, V> {
    /// The value under `key`, to be changed.
    pub fn edit(&mut self, key: K) -> Option<&mut V> {
        if !self.before.iter().any(|(known, _)| *known == key) {
            let old = self.now.get(&key)?.clone();
            note_change();
            self.before.push((key, Some(old)));
        }
        self.now.get_mut(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_rolled_back_is_as_before_the_first_edit() {
        let mut group = Group::new(1);
        *group.edit() = 2;
        group.set(3);
        assert!(group.is_changed());
        group.roll_back();
        assert_eq!((*group, group.is_changed()), (1, false));
    }

    #[test]
    fn group_settled_keeps_the_new_value() {
        let mut group = Group::new(1);
        *group.edit() = 2;
        group.settle();
        group.roll_back();
        assert_eq!(*group, 2);
    }

    #[test]
    fn map_rolled_back_undoes_insert_edit_and_remove() {
        let mut map = GroupMap::new(BTreeMap::from([(1, 10), (2, 20)]));
        map.insert(3, 30);
        map.insert(3, 31);
        map.remove(1);
        if let Some(value) = map.edit(2) {
            *value = 21;
        }
        assert_eq!(
            map.changes().collect::<Vec<_>>(),
            [(3, Some(&31)), (1, None), (2, Some(&21))]
        );
        map.roll_back();
        assert_eq!(map.iter().collect::<Vec<_>>(), [(1, &10), (2, &20)]);
        assert!(!map.is_changed());
    }
}
