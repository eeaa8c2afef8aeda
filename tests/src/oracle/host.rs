//! A host in memory: native arithmetic, the machine's clock, entropy of the machine, and a store that is a map.

use std::{collections::BTreeMap, time::Instant};

use svsm_accel::NativeArithmetic;
use tpm_contract::{
    Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashCore, Host, LogLevel, Record, Refusal,
};

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
}

impl Default for MemoryHost {
    fn default() -> Self {
        Self {
            store: BTreeMap::new(),
            started: Instant::now(),
            frozen: None,
            refuse: None,
            history: None,
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
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.mod_exp(base, exponent, modulus)
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        NativeArithmetic.miller_rabin(candidate, bases)
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.rsa_private(input, primes, exponents, q_inverse)
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.ec_multiply(curve, scalar, point)
    }

    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.ec_multiply_add(curve, u1, u2, point)
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.hash_blocks(hash, state, blocks)
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        NativeArithmetic.aes(mode, direction, key, iv, data)
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
