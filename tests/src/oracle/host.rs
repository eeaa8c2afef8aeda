//! A host in memory: native arithmetic, the machine's clock, entropy of the machine, and a store that is a map.

use std::{collections::BTreeMap, time::Instant};

use svsm_accel::NativeArithmetic;
use tpm_contract::{Arithmetic, Change, CommitError, Host, LogLevel, Record};

/// The host.
pub struct MemoryHost {
    store: BTreeMap<u32, Vec<u8>>,
    started: Instant,
    /// The clock stands still at this time.
    pub frozen: Option<u64>,
    /// Commits fail so.
    pub refuse: Option<CommitError>,
    /// What the store held after each commit so far, if somebody wants to know.
    pub history: Option<Vec<Vec<Record>>>,
    arithmetic: NativeArithmetic,
}

impl Default for MemoryHost {
    fn default() -> Self {
        Self {
            store: BTreeMap::new(),
            started: Instant::now(),
            frozen: None,
            refuse: None,
            history: None,
            arithmetic: NativeArithmetic,
        }
    }
}

impl MemoryHost {
    /// A host whose store holds this, with a clock that stands still.
    pub fn holding(records: &[Record]) -> Self {
        Self {
            store: records
                .iter()
                .map(|record| (record.key, record.value.clone()))
                .collect(),
            frozen: Some(0),
            ..Self::default()
        }
    }

    /// What the commits left.
    pub fn records(&self) -> Vec<Record> {
        self.store
            .iter()
            .map(|(key, value)| Record {
                key: *key,
                value: value.clone(),
            })
            .collect()
    }
}

impl Arithmetic for MemoryHost {
    fn lender(&mut self) -> Option<&mut dyn Arithmetic> {
        Some(&mut self.arithmetic)
    }
}

impl Host for MemoryHost {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        getrandom::fill(out).is_ok()
    }

    fn clock(&mut self) -> u64 {
        self.frozen.unwrap_or_else(|| self.started.elapsed().as_millis() as u64)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        if let Some(error) = self.refuse {
            return Err(error);
        }
        for change in changes {
            match &change.value {
                Some(value) => drop(self.store.insert(change.key, value.clone())),
                None => drop(self.store.remove(&change.key)),
            }
        }
        let records = self.records();
        if let Some(history) = &mut self.history {
            history.push(records);
        }
        Ok(())
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        println!("[{level:?}] {message}");
    }
}
