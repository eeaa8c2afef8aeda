//! What the SVSM gives to the TPM component: entropy, time, a store for its state, and a log (`wit/tpm.wit`, interface `host`).
//!
//! The component is confined because it may be hostile. Whatever it passes is bounded here again, although the sandbox already bounds it: commits by
//! the contract's limits and by a total, log lines by length and to printable characters, so that nothing can forge a line of the SVSM's
//! or drive a terminal.
//!
//! The store is VMPL0 memory and ends with the VM: until state can be sealed to an attested server, a new VM has a new TPM (DESIGN 7). It keeps
//! the commit rule all the same, all changes or none.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use log::Level;
use svsm_platform::{Clock, Entropy};
use tpm_contract::{
    Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashCore, Host, LogLevel, Record, Refusal, bounds,
};
use zeroize::Zeroize;

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

/// The component's committed state.
#[derive(Default)]
pub struct Store {
    records: BTreeMap<u32, Vec<u8>>,
}

impl Store {
    /// The state as [`tpm_contract::Component::power_on`] takes it.
    pub fn records(&self) -> Vec<Record> {
        self.records
            .iter()
            .map(|(key, value)| Record {
                key: *key,
                value: value.clone(),
            })
            .collect()
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
        let mut values = Vec::new();
        values
            .try_reserve_exact(changes.len())
            .map_err(|_| CommitError::Unavailable)?;
        for change in changes {
            values.push(match &change.value {
                None => None,
                Some(bytes) => {
                    let mut copy = Vec::new();
                    copy.try_reserve_exact(bytes.len())
                        .map_err(|_| CommitError::Unavailable)?;
                    copy.extend_from_slice(bytes);
                    Some(copy)
                }
            });
        }
        for (change, value) in changes.iter().zip(values) {
            let old = match value {
                Some(value) => self.records.insert(change.key, value),
                None => self.records.remove(&change.key),
            };
            if let Some(mut old) = old {
                old.zeroize();
            }
        }
        Ok(())
    }

    /// Whether the state stays within its bounds with these changes. Where one key is changed twice the larger sum counts.
    fn check_room(&self, changes: &[Change]) -> Result<(), CommitError> {
        let mut count = self.records.len();
        let mut bytes: usize = self.records.values().map(Vec::len).sum();
        for change in changes {
            match (&change.value, self.records.get(&change.key)) {
                (Some(value), Some(old)) => bytes = (bytes + value.len()).saturating_sub(old.len()),
                (Some(value), None) => {
                    bytes += value.len();
                    count += 1;
                }
                (None, Some(old)) => {
                    bytes = bytes.saturating_sub(old.len());
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

impl Drop for Store {
    fn drop(&mut self) {
        self.records.values_mut().for_each(Zeroize::zeroize);
    }
}

impl<E, K, A: Arithmetic> Arithmetic for TpmHost<E, K, A> {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.mod_exp(base, exponent, modulus)
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        self.arithmetic.miller_rabin(candidate, bases)
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.ec_multiply(curve, scalar, point)
    }

    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.ec_multiply_add(curve, u1, u2, point)
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.hash_blocks(hash, state, blocks)
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.aes(mode, direction, key, iv, data)
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
        let lens: Vec<_> = store
            .records()
            .iter()
            .map(|record| (record.key, record.value.len()))
            .collect();
        assert_eq!(lens, [(1, 10), (2, 20)]);
        assert_eq!(store.commit(&[Change { key: 1, value: None }]), Ok(()));
        assert_eq!(store.records().len(), 1);
        let many: Vec<_> = (0..=bounds::MAX_CHANGES as u32).map(|key| set(key, 0)).collect();
        assert_eq!(store.commit(&many), Err(CommitError::BadOperand));
    }

    #[test]
    fn state_beyond_its_bound_is_full() {
        let mut store = Store::default();
        let full = bounds::MAX_STATE / bounds::MAX_RECORD;
        for key in 0..full as u32 {
            assert_eq!(store.commit(&[set(key, bounds::MAX_RECORD)]), Ok(()), "{key}");
        }
        assert_eq!(store.commit(&[set(99, 1)]), Err(CommitError::Full));
        assert_eq!(store.commit(&[set(0, 10)]), Ok(()));
        assert_eq!(store.commit(&[set(99, 1)]), Ok(()));
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
