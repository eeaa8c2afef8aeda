//! What the engine asks of the host: the contract's traits over the generated imports.
//!
//! The host is believed to answer in good form, since the canonical ABI has no other; the engine checks what the answers mean.

use crate::bindings::cloister::tpm::{arithmetic, host, types};
use alloc::{format, vec::Vec};
use tpm_contract::{
    Arithmetic, Change, CipherMode, CommitError, Curve, Direction, HashAlgorithm, HashCore, Host, LogLevel, Refusal,
};
use tpm_engine::wipe::Wipe;

/// The host on the other side of the sandbox.
pub(crate) struct WasmHost;

impl Host for WasmHost {
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        let Ok(length) = u32::try_from(out.len()) else {
            return false;
        };
        let mut fresh = host::entropy(length);
        let complete = fresh.len() == out.len();
        if complete {
            out.copy_from_slice(&fresh);
        }
        fresh.wipe();
        complete
    }

    fn clock(&mut self) -> u64 {
        host::clock()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| types::Change {
                key: change.key,
                value: change.value.as_deref(),
            })
            .collect();
        host::commit(&changes).map_err(|error| match error {
            host::CommitError::Unavailable => CommitError::Unavailable,
            host::CommitError::Full => CommitError::Full,
            host::CommitError::BadOperand => CommitError::BadOperand,
        })
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Error => host::LogLevel::Error,
            LogLevel::Warn => host::LogLevel::Warn,
            LogLevel::Info => host::LogLevel::Info,
            LogLevel::Debug => host::LogLevel::Debug,
        };
        host::log(level, message);
    }
}

/// A panic's place, cut to the contract's bound.
pub(crate) fn log_panic(file: &str, line: u32) {
    let name = file.rsplit('/').next().unwrap_or(file);
    let line = format!("panic at {name}:{line}");
    host::log(
        host::LogLevel::Error,
        line.get(..tpm_contract::bounds::MAX_LOG).unwrap_or(&line),
    );
}

fn refusal(refusal: arithmetic::Refusal) -> Refusal {
    match refusal {
        arithmetic::Refusal::NotOffered => Refusal::NotOffered,
        arithmetic::Refusal::BadOperand => Refusal::BadOperand,
    }
}

fn algorithm(hash: HashAlgorithm) -> arithmetic::HashAlgorithm {
    match hash {
        HashAlgorithm::Sha1 => arithmetic::HashAlgorithm::Sha1,
        HashAlgorithm::Sha256 => arithmetic::HashAlgorithm::Sha256,
        HashAlgorithm::Sha384 => arithmetic::HashAlgorithm::Sha384,
        HashAlgorithm::Sha512 => arithmetic::HashAlgorithm::Sha512,
    }
}

fn curve(curve: Curve) -> arithmetic::Curve {
    match curve {
        Curve::P256 => arithmetic::Curve::P256,
        Curve::P384 => arithmetic::Curve::P384,
        Curve::P521 => arithmetic::Curve::P521,
    }
}

impl Arithmetic for WasmHost {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        arithmetic::mod_exp(base, exponent, modulus).map_err(refusal)
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        arithmetic::miller_rabin(candidate, bases).map_err(refusal)
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        [p, q]: [&[u8]; 2],
        [d_p, d_q]: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        arithmetic::rsa_private(input, p, q, d_p, d_q, q_inverse).map_err(refusal)
    }

    fn ec_multiply(&mut self, on: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        arithmetic::ec_multiply(curve(on), scalar, point).map_err(refusal)
    }

    fn ec_multiply_add(&mut self, on: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        arithmetic::ec_multiply_add(curve(on), u1, u2, point).map_err(refusal)
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        let hash = match hash {
            HashCore::Sha1 => arithmetic::Hash::Sha1,
            HashCore::Sha256 => arithmetic::Hash::Sha256,
            HashCore::Sha512 => arithmetic::Hash::Sha512,
        };
        arithmetic::hash_blocks(hash, state, blocks).map_err(refusal)
    }

    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        arithmetic::digest(algorithm(hash), message).map_err(refusal)
    }

    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        arithmetic::hmac(algorithm(hash), key, message).map_err(refusal)
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let mode = match mode {
            CipherMode::Ecb => arithmetic::CipherMode::Ecb,
            CipherMode::Cbc => arithmetic::CipherMode::Cbc,
            CipherMode::Cfb => arithmetic::CipherMode::Cfb,
            CipherMode::Ctr => arithmetic::CipherMode::Ctr,
            CipherMode::Ofb => arithmetic::CipherMode::Ofb,
        };
        let direction = match direction {
            Direction::Encrypt => arithmetic::Direction::Encrypt,
            Direction::Decrypt => arithmetic::Direction::Decrypt,
        };
        arithmetic::aes(mode, direction, key, iv, data).map_err(refusal)
    }
}
