//! What the development server gives to the TPM: the operating system's entropy, a monotonic clock, the journal, and standard error
//! for its log.
//!
//! The component on the other side may be hostile (a file from anywhere, with `--engine wasmi` or `wasmtime`): its log lines lose
//! their control characters before they reach a terminal, and its commits are bounded by the store.

use crate::store::Store;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use svsm_accel::NativeArithmetic;
use tpm_contract::{Arithmetic, Change, CommitError, Host, LogLevel};

/// The host side of one TPM instance.
pub struct ServerHost {
    store: Arc<Mutex<Store>>,
    powered_on: Instant,
    arithmetic: NativeArithmetic,
}

impl ServerHost {
    /// A host whose clock starts at `powered_on`.
    pub fn new(store: Arc<Mutex<Store>>, powered_on: Instant) -> Self {
        Self {
            store,
            powered_on,
            arithmetic: NativeArithmetic,
        }
    }
}

impl Host for ServerHost {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        getrandom::fill(out).is_ok()
    }

    fn clock(&mut self) -> u64 {
        u64::try_from(self.powered_on.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        self.store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .commit(changes)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        let clean: String = message.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        eprintln!("tpm {level:?}: {clean}");
    }
}

impl Arithmetic for ServerHost {
    fn lender(&mut self) -> Option<&mut dyn Arithmetic> {
        Some(&mut self.arithmetic)
    }
}
