//! How an error leaves the state unchanged: every piece of state sits in a [`Group`], a [`GroupMap`] or what works like them (`slots.rs`,
//! the continued sequences of `object/`), which keeps the value that it had before the first change of a command until the
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
/// How many of them last.
static LASTING: AtomicUsize = AtomicUsize::new(0);

/// A piece of state begins to remember, a `lasting` one or another.
fn note_change(lasting: bool) {
    REMEMBERED.fetch_add(1, Relaxed);
    if lasting {
        LASTING.fetch_add(1, Relaxed);
    }
}

/// A moment in the count of pieces that remember. As long as nothing was noted since, no piece of state has changed, and none has to be asked; that
/// something was noted says less, for it may have been another TPM. (The counts would have to go all the way round while a TPM is idle to mislead it.)
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    all: usize,
    lasting: usize,
}

impl Noted {
    /// This moment.
    pub fn now() -> Self {
        Self {
            all: REMEMBERED.load(Relaxed),
            lasting: LASTING.load(Relaxed),
        }
    }

    /// Whether nothing was noted since.
    pub fn nothing_since(self) -> bool {
        self.pieces_since() == 0
    }

    /// Whether nothing was noted since that lasts.
    pub fn nothing_lasting_since(self) -> bool {
        LASTING.load(Relaxed) == self.lasting
    }

    /// No fewer pieces than have begun to remember since.
    pub fn pieces_since(self) -> usize {
        REMEMBERED.load(Relaxed).wrapping_sub(self.all)
    }
}

/// State that can be undone until it is settled.
pub trait Undo {
    /// Whether this command has changed, or may have changed, something.
    fn is_changed(&self) -> bool;
    /// Keeps what is now. No more than `left` pieces of state remember, of those that are asked from now on: each that did counts down, and at zero the
    /// others need not be asked.
    fn settle_of(&mut self, left: &mut usize);
    /// Keeps what is now.
    fn settle(&mut self) {
        let mut any_number = usize::MAX;
        self.settle_of(&mut any_number);
    }
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

            #[inline]
            fn settle_of(&mut self, left: &mut usize) {
                $(if *left != 0 {
                    $crate::state::Undo::settle_of(&mut self.$field, left);
                })*
            }

            fn roll_back(&mut self) {
                $($crate::state::Undo::roll_back(&mut self.$field);)*
            }
        }
    };
}

pub(crate) use undo;

/// One value with its memory of how it was before this command; `LASTING` where it is part of the state that lasts.
#[derive(Default)]
pub struct Group<T, const LASTING: bool = false> {
    now: T,
    before: Option<T>,
}

impl<T: fmt::Debug, const L: bool> fmt::Debug for Group<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now.fmt(f)
    }
}

impl<T, const L: bool> Deref for Group<T, L> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.now
    }
}

impl<T, const LASTING: bool> Group<T, LASTING> {
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
            note_change(LASTING);
            self.before = Some(old);
        }
    }
}

impl<T, const L: bool> Undo for Group<T, L> {
    fn is_changed(&self) -> bool {
        self.before.is_some()
    }

    #[inline]
    fn settle_of(&mut self, left: &mut usize) {
        // Asked first, because most have nothing to drop, and an interpreter pays for every call.
        if self.before.is_some() {
            self.before = None;
            *left = left.saturating_sub(1);
        }
    }

    fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.now = before;
        }
    }
}

impl<T: Clone, const LASTING: bool> Group<T, LASTING> {
    /// The value, to be changed.
    pub fn edit(&mut self) -> &mut T {
        if self.before.is_none() {
            note_change(LASTING);
            self.before = Some(self.now.clone());
        }
        &mut self.now
    }
}

/// What was under some keys before this command, each key once: the memory of all that holds many values. `LASTING` as in [`Group`].
pub(crate) struct Before<K, V, const LASTING: bool = false>(Vec<(K, V)>);

impl<K, V, const L: bool> Default for Before<K, V, L> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + PartialEq, V, const LASTING: bool> Before<K, V, LASTING> {
    /// Whether nothing is remembered.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is remembered what was under `key`.
    pub fn knows(&self, key: K) -> bool {
        self.0.iter().any(|(known, _)| *known == key)
    }

    /// What is remembered, in the order of the changes.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(key, _)| *key)
    }

    /// Remembers what was under `key`, unless it is known.
    pub fn remember(&mut self, key: K, old: V) {
        if !self.knows(key) {
            self.remember_new(key, old);
        }
    }

    /// As [`Self::remember`], for who has asked whether it is known.
    pub fn remember_new(&mut self, key: K, old: V) {
        note_change(LASTING);
        self.0.push((key, old));
    }

    /// Forgets everything; `left` as in [`Undo::settle_of`].
    #[inline]
    pub fn settle_of(&mut self, left: &mut usize) {
        // Asked first, because most have nothing to drop, and an interpreter pays for every call.
        if !self.0.is_empty() {
            *left = left.saturating_sub(self.0.len());
            self.0.clear();
        }
    }

    /// What is remembered, to be brought back.
    pub fn take(&mut self) -> Vec<(K, V)> {
        core::mem::take(&mut self.0)
    }
}

/// Many values under keys, each with its memory of how it was before this command; `LASTING` as in [`Group`].
pub struct GroupMap<K, V, const LASTING: bool = false> {
    now: BTreeMap<K, V>,
    before: Before<K, Option<V>, LASTING>,
}

impl<K, V, const L: bool> Default for GroupMap<K, V, L> {
    fn default() -> Self {
        Self {
            now: BTreeMap::new(),
            before: Before::default(),
        }
    }
}

impl<K: Ord + Copy, V, const L: bool> GroupMap<K, V, L> {
    /// A settled map.
    pub fn new(values: BTreeMap<K, V>) -> Self {
        Self {
            now: values,
            before: Before::default(),
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
        self.before.remember(key, old);
    }

    /// Removes the value under `key`; says whether there was one.
    pub fn remove(&mut self, key: K) -> bool {
        match self.now.remove(&key) {
            None => false,
            old => {
                self.before.remember(key, old);
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
        self.before.keys().map(|key| (key, self.now.get(&key)))
    }
}

impl<K: Ord + Copy, V, const L: bool> Undo for GroupMap<K, V, L> {
    fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    #[inline]
    fn settle_of(&mut self, left: &mut usize) {
        self.before.settle_of(left);
    }

    fn roll_back(&mut self) {
        for (key, before) in self.before.take() {
            match before {
                Some(value) => drop(self.now.insert(key, value)),
                None => drop(self.now.remove(&key)),
            }
        }
    }
}

impl<K: Ord + Copy, V: Clone, const L: bool> GroupMap<K, V, L> {
    /// The value under `key`, to be changed.
    pub fn edit(&mut self, key: K) -> Option<&mut V> {
        if !self.before.knows(key) {
            let old = self.now.get(&key)?.clone();
            self.before.remember_new(key, Some(old));
        }
        self.now.get_mut(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_rolled_back_is_as_before_the_first_edit() {
        let mut group = Group::<_>::new(1);
        *group.edit() = 2;
        group.set(3);
        assert!(group.is_changed());
        group.roll_back();
        assert_eq!((*group, group.is_changed()), (1, false));
    }

    #[test]
    fn group_settled_keeps_the_new_value() {
        let mut group = Group::<_>::new(1);
        *group.edit() = 2;
        group.settle();
        group.roll_back();
        assert_eq!(*group, 2);
    }

    #[test]
    fn map_rolled_back_undoes_insert_edit_and_remove() {
        let mut map = GroupMap::<_, _>::new(BTreeMap::from([(1, 10), (2, 20)]));
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
