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
use tpm_contract::{Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashCore, Host, LogLevel, Refusal};

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
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.mod_exp(base, exponent, modulus)
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        self.arithmetic.miller_rabin(candidate, bases)
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.arithmetic.rsa_private(input, primes, exponents, q_inverse)
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
