//! What the SVSM gives to the TPM component: entropy, time, a store for its state, and a log (`wit/tpm.wit`, interface `host`).
//!
//! The component is confined because it may be hostile. Whatever it passes is bounded here again, although the sandbox already bounds it: commits by
//! the contract's limits and by a total, log lines by length and to printable characters, so that nothing can forge a line of the SVSM's
//! or drive a terminal.
//!
//! The store is VMPL0 memory and ends with the VM: until state can be sealed to an attested server, a new VM has a new TPM (DESIGN 7). It keeps
//! the commit rule all the same, all changes or none.

use alloc::{string::String, vec::Vec};
use log::Level;
use svsm_platform::{Clock, Entropy};
use tpm_contract::{Arithmetic, Change, CommitError, Host, LogLevel, bounds};
use zeroize::Zeroizing;

/// The host of one TPM.
pub struct TpmHost<E, K, A> {
    entropy: E,
    clock: K,
    arithmetic: A,
    store: Store,
}

impl<E: Entropy, K: Clock, A: Arithmetic> TpmHost<E, K, A> {
    /// A host with an empty store.
    pub fn new(entropy: E, clock: K, arithmetic: A) -> Self {
        TpmHost {
            entropy,
            clock,
            arithmetic,
            store: Store::default(),
        }
    }

    /// What has been committed.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl<E: Entropy, K: Clock, A: Arithmetic> Host for TpmHost<E, K, A> {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        out.len() <= bounds::MAX_ENTROPY && self.entropy.fill(out).is_ok()
    }

    fn clock(&mut self) -> u64 {
        self.clock.milliseconds()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        self.store.commit(changes)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Error => Level::Error,
            LogLevel::Warn => Level::Warn,
            LogLevel::Info => Level::Info,
            LogLevel::Debug => Level::Debug,
        };
        log::log!(target: "tpm", level, "{}", printable(message));
    }
}

/// The part of a hostile line that may be printed: bounded, and without anything but printable ASCII.
fn printable(message: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    message.chars().take(bounds::MAX_LOG).map(clean).collect()
}

/// What a record counts for in the store's bound, beside its value: its place in a table that has twice the places that it needs and, while it grows, those
/// that it had before.
const RECORD_COST: usize = 3 * size_of::<(u32, Zeroizing<Vec<u8>>)>();

/// The component's committed state, wiped where it is dropped.
#[derive(Default)]
pub struct Store {
    /// Sorted by key.
    records: Vec<(u32, Zeroizing<Vec<u8>>)>,
}

impl Store {
    /// Most bytes of heap that a store takes: its records, and the copies that a commit makes before it changes anything.
    pub const HEAP_BOUND: usize =
        bounds::MAX_STATE + bounds::MAX_COMMIT + bounds::MAX_CHANGES * size_of::<Option<Zeroizing<Vec<u8>>>>();

    /// Keys and values, as they stand.
    pub fn records(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.records.iter().map(|(key, value)| (*key, value.as_slice()))
    }

    /// Carries out all changes or none.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        let mut total = 0usize;
        for change in changes {
            let len = change.value.as_ref().map_or(0, Vec::len);
            total = total.saturating_add(len);
            if len > bounds::MAX_RECORD {
                return Err(CommitError::BadOperand);
            }
        }
        if changes.len() > bounds::MAX_CHANGES || total > bounds::MAX_COMMIT {
            return Err(CommitError::BadOperand);
        }
        self.check_room(changes)?;
        let unavailable = |_| CommitError::Unavailable;
        let mut values = Vec::new();
        values.try_reserve_exact(changes.len()).map_err(unavailable)?;
        for change in changes {
            values.push(match &change.value {
                None => None,
                Some(bytes) => {
                    let mut copy = Zeroizing::new(Vec::new());
                    copy.try_reserve_exact(bytes.len()).map_err(unavailable)?;
                    copy.extend_from_slice(bytes);
                    Some(copy)
                }
            });
        }
        let new = changes.iter().filter(|change| self.place(change.key).is_err()).count();
        self.records.try_reserve(new).map_err(unavailable)?;
        // From here on nothing fails.
        for (change, value) in changes.iter().zip(values) {
            match (self.place(change.key), value) {
                (Ok(at), Some(value)) => {
                    if let Some((_, old)) = self.records.get_mut(at) {
                        *old = value;
                    }
                }
                (Ok(at), None) => drop(self.records.remove(at)),
                (Err(at), Some(value)) => self.records.insert(at, (change.key, value)),
                (Err(_), None) => {}
            }
        }
        Ok(())
    }

    /// Where a key's record is, or where it would have to be.
    fn place(&self, key: u32) -> Result<usize, usize> {
        self.records.binary_search_by_key(&key, |(key, _)| *key)
    }

    /// Whether the state stays within its bounds with these changes. Where one key is changed twice the larger sum counts.
    fn check_room(&self, changes: &[Change]) -> Result<(), CommitError> {
        let mut count = self.records.len();
        let mut bytes: usize = self.records().map(|(_, value)| RECORD_COST + value.len()).sum();
        for change in changes {
            let old = self.place(change.key).ok().and_then(|at| self.records.get(at));
            match (&change.value, old) {
                (Some(value), Some((_, old))) => bytes = (bytes + value.len()).saturating_sub(old.len()),
                (Some(value), None) => {
                    bytes += RECORD_COST + value.len();
                    count += 1;
                }
                (None, Some((_, old))) => {
                    bytes = bytes.saturating_sub(RECORD_COST + old.len());
                    count = count.saturating_sub(1);
                }
                (None, None) => {}
            }
        }
        if count > bounds::MAX_RECORDS || bytes > bounds::MAX_STATE {
            Err(CommitError::Full)
        } else {
            Ok(())
        }
    }
}

impl<E, K, A: Arithmetic> Arithmetic for TpmHost<E, K, A> {
    fn lender(&mut self) -> Option<&mut dyn Arithmetic> {
        Some(&mut self.arithmetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn set(key: u32, len: usize) -> Change {
        Change {
            key,
            value: Some(vec![1; len]),
        }
    }

    // Bounds from wit/tpm.wit, `host.commit`.
    #[test]
    fn commit_is_all_or_nothing() {
        let mut store = Store::default();
        assert_eq!(store.commit(&[set(1, 10), set(2, 20)]), Ok(()));
        assert_eq!(
            store.commit(&[set(1, 5), set(3, bounds::MAX_RECORD + 1)]),
            Err(CommitError::BadOperand)
        );
        let lens: Vec<_> = store.records().map(|(key, value)| (key, value.len())).collect();
        assert_eq!(lens, [(1, 10), (2, 20)]);
        assert_eq!(store.commit(&[Change { key: 1, value: None }]), Ok(()));
        assert_eq!(store.records().count(), 1);
        let many: Vec<_> = (0..=bounds::MAX_CHANGES as u32).map(|key| set(key, 0)).collect();
        assert_eq!(store.commit(&many), Err(CommitError::BadOperand));
    }

    #[test]
    fn state_beyond_its_bound_is_full() {
        let mut store = Store::default();
        // Sixteen of the longest values would be the whole mebibyte, without what the records themselves take.
        let full = bounds::MAX_STATE / bounds::MAX_RECORD - 1;
        for key in 0..full as u32 {
            assert_eq!(store.commit(&[set(key, bounds::MAX_RECORD)]), Ok(()), "{key}");
        }
        assert_eq!(store.commit(&[set(99, bounds::MAX_RECORD)]), Err(CommitError::Full));
        assert_eq!(store.commit(&[set(0, 10)]), Ok(()));
        assert_eq!(store.commit(&[set(99, bounds::MAX_RECORD)]), Ok(()));
    }

    #[test]
    fn empty_records_count_as_well() {
        let mut store = Store::default();
        let keys = |from: u32| (from..from + 256).map(|key| set(key, 0)).collect::<Vec<_>>();
        for from in (0..bounds::MAX_RECORDS as u32).step_by(256) {
            assert_eq!(store.commit(&keys(from)), Ok(()), "{from}");
        }
        assert_eq!(store.commit(&[set(u32::MAX, 0)]), Err(CommitError::Full));
        // Their places are charged for: sixteen of the longest values would fit into the mebibyte otherwise.
        let longest = (0..16).map(|key| store.commit(&[set(key, bounds::MAX_RECORD)]));
        let carried_out = longest.filter(Result::is_ok).count();
        assert!((1..14).contains(&carried_out), "{carried_out}");
    }

    #[test]
    fn one_key_changed_twice_ends_as_the_last_change_says() {
        let mut store = Store::default();
        let remove = |key| Change { key, value: None };
        assert_eq!(store.commit(&[set(5, 1), set(3, 2), set(5, 3)]), Ok(()));
        assert_eq!(
            store.commit(&[set(7, 1), remove(7), remove(3), set(4, 9), remove(8)]),
            Ok(())
        );
        let lens: Vec<_> = store.records().map(|(key, value)| (key, value.len())).collect();
        assert_eq!(lens, [(4, 9), (5, 3)]);
    }

    #[test]
    fn log_line_loses_what_could_forge_another() {
        assert_eq!(
            printable("a\r\n[hw] stopped\u{1b}[2J\u{202e}é"),
            "a??[hw] stopped?[2J??"
        );
        assert_eq!(printable(&"x".repeat(1000)).len(), bounds::MAX_LOG);
    }
}
