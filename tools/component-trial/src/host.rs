//! A host for component tests: entropy and clock that repeat, a store in memory, and arithmetic that can be switched off.
//!
//! Two hosts that were made alike give alike answers, whoever asks, so that engines can be compared.

use svsm_accel::NativeArithmetic;
use tpm_contract::{
    Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashAlgorithm, HashCore, Host, LogLevel, Record,
    Refusal,
};

/// A host that repeats itself.
#[derive(Clone, Debug)]
pub struct RepeatingHost {
    /// State of the entropy: a counter that is mixed (splitmix64). No secret depends on it.
    seed: u64,
    clock: u64,
    native: bool,
    /// What has been committed.
    pub state: Vec<Record>,
    /// Lines that were logged.
    pub lines: Vec<String>,
    /// Time spent in accelerated arithmetic.
    pub arithmetic: std::time::Duration,
    /// Calls of accelerated arithmetic.
    pub calls: u64,
    /// Commits are refused so.
    pub refuse: Option<CommitError>,
    /// There is no entropy to give.
    pub dry: bool,
    /// How often entropy was asked for.
    pub draws: u64,
}

impl RepeatingHost {
    /// A host with or without native arithmetic.
    pub fn new(native: bool) -> Self {
        Self {
            seed: 1,
            clock: 0,
            native,
            state: Vec::new(),
            lines: Vec::new(),
            arithmetic: std::time::Duration::ZERO,
            calls: 0,
            refuse: None,
            dry: false,
            draws: 0,
        }
    }

    fn native<R>(&mut self, work: impl FnOnce(&mut NativeArithmetic) -> Result<R, Refusal>) -> Result<R, Refusal> {
        if !self.native {
            return Err(Refusal::NotOffered);
        }
        let start = std::time::Instant::now();
        let reply = work(&mut NativeArithmetic);
        self.arithmetic += start.elapsed();
        self.calls += 1;
        reply
    }
}

impl Host for RepeatingHost {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        self.draws += 1;
        if self.dry {
            return false;
        }
        for chunk in out.chunks_mut(8) {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.seed;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        true
    }

    /// A millisecond passes with every question.
    fn clock(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        if let Some(error) = self.refuse {
            return Err(error);
        }
        for change in changes {
            self.state.retain(|record| record.key != change.key);
            if let Some(value) = &change.value {
                self.state.push(Record {
                    key: change.key,
                    value: value.clone(),
                });
            }
        }
        self.state.sort_by_key(|record| record.key);
        Ok(())
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.lines.push(format!("{level:?} {message}"));
    }
}

impl Arithmetic for RepeatingHost {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.mod_exp(base, exponent, modulus))
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        self.native(|native| native.miller_rabin(candidate, bases))
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.rsa_private(input, primes, exponents, q_inverse))
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.ec_multiply(curve, scalar, point))
    }

    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.ec_multiply_add(curve, u1, u2, point))
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.hash_blocks(hash, state, blocks))
    }

    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.digest(hash, message))
    }

    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.hmac(hash, key, message))
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.native(|native| native.aes(mode, direction, key, iv, data))
    }
}
