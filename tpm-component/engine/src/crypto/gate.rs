//! Sees to it that no implementation of an algorithm computes before it has shown known answers: neither the host's nor the engine's own.
//!
//! A [`Gate`] stands between the TPM and its host. What the host answers passes as long as the host's function has shown known answers since power-on, and
//! the answer has the right shape. Anything else sends the work to `own/` (`seam.rs`): a refusal, an answer of another shape, a function that the host
//! offers for the first time. Before that happens for the first time, the gate has the engine's own function show known answers; when it cannot, the gate
//! is broken, and the TPM ends its work before it answers or commits anything ([`Ledger::is_broken`]).
//!
//! So a host may offer as little as it likes, stop offering at any time and begin again: what is slow is then the TPM, which tests what it
//! falls back on, and what the host offers again is not used before the next test.
//!
//! While an algorithm is tested, the gate only takes down who computes; the outcome of the test is theirs. Of a function that both have computed in tests,
//! because the host answers only sometimes, neither has shown enough: the host is not asked for it, and the engine's own shows all its answers first.

use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use tpm_contract::{
    Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashAlgorithm, HashCore, Host, LogLevel, Refusal,
    bounds,
};

use super::self_test;
use crate::structures::TpmiEccCurve;

/// A function that the host may compute, or the engine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Compression of blocks.
    Hash(HashCore),
    /// The digest of a whole message; the engine's own pads it for the compression function, whoever has that.
    Digest(HashAlgorithm),
    /// The HMAC of a whole message; the engine's own is two hashes, whoever makes them.
    Hmac(HashAlgorithm),
    /// AES.
    Aes,
    /// Modular exponentiation.
    ModExp,
    /// An RSA private operation in one piece; the engine's own puts it together from two powers.
    RsaPrivate,
    /// Rounds of Miller and Rabin.
    MillerRabin,
    /// Multiplication of a point.
    Multiply(Curve),
    /// The sum of two products.
    MultiplyAdd(Curve),
}

impl Function {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 21] = [
        Self::Hash(HashCore::Sha1),
        Self::Hash(HashCore::Sha256),
        Self::Hash(HashCore::Sha512),
        Self::Digest(HashAlgorithm::Sha1),
        Self::Digest(HashAlgorithm::Sha256),
        Self::Digest(HashAlgorithm::Sha384),
        Self::Digest(HashAlgorithm::Sha512),
        Self::Hmac(HashAlgorithm::Sha1),
        Self::Hmac(HashAlgorithm::Sha256),
        Self::Hmac(HashAlgorithm::Sha384),
        Self::Hmac(HashAlgorithm::Sha512),
        Self::Aes,
        Self::ModExp,
        Self::RsaPrivate,
        Self::MillerRabin,
        Self::Multiply(Curve::P256),
        Self::Multiply(Curve::P384),
        Self::Multiply(Curve::P521),
        Self::MultiplyAdd(Curve::P256),
        Self::MultiplyAdd(Curve::P384),
        Self::MultiplyAdd(Curve::P521),
    ];

    /// Its bit in the ledger.
    #[inline(always)]
    const fn bit(self) -> u32 {
        1 << match self {
            Self::Hash(core) => core as u32,
            Self::Aes => 3,
            Self::ModExp => 4,
            Self::MillerRabin => 5,
            Self::Multiply(curve) => 6 + curve as u32,
            Self::MultiplyAdd(curve) => 9 + curve as u32,
            Self::RsaPrivate => 12,
            Self::Digest(hash) => 13 + hash as u32,
            Self::Hmac(hash) => 17 + hash as u32,
        }
    }
}

/// What has shown known answers since power-on.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Functions of the host that have computed in tests which passed, and those of the engine.
    host: AtomicU32,
    own: AtomicU32,
    /// Functions of the engine that have shown all their answers outside of such a test.
    own_alone: AtomicU32,
    /// What the test that is running has used of both.
    seen_host: AtomicU32,
    seen_own: AtomicU32,
    testing: AtomicBool,
    /// What the host may be asked for now: everything while a test runs, otherwise what it has shown.
    asks: AtomicU32,
    broken: AtomicBool,
}

impl Ledger {
    /// Runs a test. What computed for it, host or engine, has shown known answers if the test passes.
    pub(super) fn test<E>(&self, run: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        self.seen_host.store(0, Relaxed);
        self.seen_own.store(0, Relaxed);
        self.testing.store(true, Relaxed);
        self.asks.store(u32::MAX, Relaxed);
        let outcome = run();
        self.testing.store(false, Relaxed);
        if outcome.is_ok() {
            self.host.fetch_or(self.seen_host.load(Relaxed), Relaxed);
            self.own.fetch_or(self.seen_own.load(Relaxed), Relaxed);
        }
        self.asks.store(self.shown_by_host(), Relaxed);
        outcome
    }

    /// The host's functions that have shown their answers. Where the engine has computed in a test as well, neither has shown all that it can be asked for.
    fn shown_by_host(&self) -> u32 {
        self.host.load(Relaxed) & !self.own.load(Relaxed)
    }

    /// The engine's.
    fn shown_by_own(&self) -> u32 {
        self.own.load(Relaxed) & !self.host.load(Relaxed) | self.own_alone.load(Relaxed)
    }

    /// Everything has to show its answers again.
    pub(super) fn forget(&self) {
        self.host.store(0, Relaxed);
        self.own.store(0, Relaxed);
        self.own_alone.store(0, Relaxed);
        self.asks.store(0, Relaxed);
    }

    /// Whether the engine's own arithmetic has given a wrong answer: then nothing that was computed since power-on may leave.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    /// As if a known answer had not come.
    #[cfg(test)]
    pub(super) fn break_down(&self) {
        self.broken.store(true, Relaxed);
    }

    /// Whether the host may be asked for the function with this bit.
    #[inline(always)]
    fn asks_host(&self, bit: u32) -> bool {
        self.asks.load(Relaxed) & bit != 0
    }

    /// The host has computed.
    #[inline(always)]
    fn host_computed(&self, bit: u32) {
        if self.testing.load(Relaxed) {
            self.seen_host.fetch_or(bit, Relaxed);
        }
    }

    /// The engine is about to compute.
    #[cold]
    fn own_computes(&self, function: Function) {
        if self.testing.load(Relaxed) {
            self.seen_own.fetch_or(function.bit(), Relaxed);
        } else if self.shown_by_own() & function.bit() == 0 {
            match self_test::own(function) {
                Ok(()) => drop(self.own_alone.fetch_or(function.bit(), Relaxed)),
                Err(_) => self.broken.store(true, Relaxed),
            }
        }
    }
}

/// The host as the engine's algorithms see it.
pub(crate) struct Gate<'a> {
    host: &'a mut dyn Host,
    ledger: Arc<Ledger>,
}

impl<'a> Gate<'a> {
    /// Lets through what the ledger knows to be tested.
    pub(super) fn new(host: &'a mut dyn Host, ledger: Arc<Ledger>) -> Self {
        Self { host, ledger }
    }

    /// The host's answer, if it may give one and it has the right shape. Compiled into each function: they are called for every block that is hashed.
    #[inline(always)]
    fn pass<R>(
        &mut self,
        function: Function,
        ask: impl FnOnce(&mut dyn Host) -> Result<R, Refusal>,
        fits: impl FnOnce(&R) -> bool,
    ) -> Result<R, Refusal> {
        let bit = function.bit();
        if self.ledger.asks_host(bit)
            && let Ok(answer) = ask(self.host)
            && fits(&answer)
        {
            self.ledger.host_computed(bit);
            return Ok(answer);
        }
        self.refused(function)
    }

    /// The host is not asked, or has no answer that fits.
    #[cold]
    fn refused<R>(&self, function: Function) -> Result<R, Refusal> {
        self.ledger.own_computes(function);
        Err(Refusal::NotOffered)
    }
}

/// Whether a modulus is as long as the order of a curve, which no RSA key's and no prime of one is: then the power is an inverse, which is
/// multiplied out before it is believed, whoever computed it (`ecc.rs`).
fn is_order(modulus: &[u8]) -> bool {
    TpmiEccCurve::ALL.iter().any(|curve| curve.size() == modulus.len())
}

impl Arithmetic for Gate<'_> {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        if is_order(modulus) {
            return self.host.mod_exp(base, exponent, modulus);
        }
        self.pass(
            Function::ModExp,
            |host| host.mod_exp(base, exponent, modulus),
            |power| power.len() == modulus.len(),
        )
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.pass(
            Function::RsaPrivate,
            |host| host.rsa_private(input, primes, exponents, q_inverse),
            |result| result.len() == input.len(),
        )
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        self.pass(
            Function::MillerRabin,
            |host| host.miller_rabin(candidate, bases),
            |_| true,
        )
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        self.pass(
            Function::Multiply(curve),
            |host| host.ec_multiply(curve, scalar, point),
            |product| is_point(curve, product),
        )
    }

    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.pass(
            Function::MultiplyAdd(curve),
            |host| host.ec_multiply_add(curve, u1, u2, point),
            |sum| is_point(curve, sum),
        )
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.pass(
            Function::Hash(hash),
            |host| host.hash_blocks(hash, state, blocks),
            |next| next.len() == state.len(),
        )
    }

    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        if message.len() > bounds::MAX_BULK {
            return self.refused(Function::Digest(hash));
        }
        self.pass(
            Function::Digest(hash),
            |host| host.digest(hash, message),
            |digest| digest.len() == hash.digest_size(),
        )
    }

    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        if key.len() > bounds::MAX_HMAC_KEY || message.len() > bounds::MAX_BULK {
            return self.refused(Function::Hmac(hash));
        }
        self.pass(
            Function::Hmac(hash),
            |host| host.hmac(hash, key, message),
            |mac| mac.len() == hash.digest_size(),
        )
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        if data.len() > bounds::MAX_BULK {
            return self.refused(Function::Aes);
        }
        self.pass(
            Function::Aes,
            |host| host.aes(mode, direction, key, iv, data),
            |result| result.len() == data.len(),
        )
    }
}

/// Whether these bytes can be a point: x and y, or nothing for the point at infinity.
fn is_point(curve: Curve, bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.len() == 2 * curve.size()
}

impl Host for Gate<'_> {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        self.host.entropy(out)
    }

    fn clock(&mut self) -> u64 {
        self.host.clock()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        self.host.commit(changes)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.host.log(level, message);
    }
}

#[cfg(test)]
mod tests;
