//! What the component asks of the host: the generated traits over [`tpm_contract::Host`].
//!
//! Everything here was chosen by the component; what is over the contract's bounds stops it, as in the sandbox.

use crate::{
    Guest,
    bindings::cloister::tpm::{arithmetic, host, types},
};
use tpm_contract::{
    Change, CipherMode, CommitError, Curve, Direction, HashAlgorithm, HashCore, Host, LogLevel, Refusal,
    bounds::{self, MAX_HASH_STATE, MAX_HMAC_KEY, MAX_IV, MAX_KEY, MAX_SCALAR},
};

/// Stops a component that exceeds a bound: the call in which it happens traps.
fn within(length: usize, bound: usize) -> wasmtime::Result<()> {
    if length > bound {
        return Err(wasmtime::Error::msg(format!(
            "an operand of {length}, and {bound} is the bound"
        )));
    }
    Ok(())
}

impl<H: Host> types::Host for Guest<H> {}

impl<H: Host> host::Host for Guest<H> {
    fn entropy(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        within(length as usize, bounds::MAX_ENTROPY)?;
        let mut fresh = vec![0; length as usize];
        Ok(if self.host.entropy(&mut fresh) {
            fresh
        } else {
            Vec::new()
        })
    }

    fn clock(&mut self) -> wasmtime::Result<u64> {
        Ok(self.host.clock())
    }

    fn commit(&mut self, changes: Vec<types::Change>) -> wasmtime::Result<Result<(), host::CommitError>> {
        within(changes.len(), bounds::MAX_CHANGES)?;
        let mut total = 0;
        for value in changes.iter().filter_map(|change| change.value.as_ref()) {
            within(value.len(), bounds::MAX_RECORD)?;
            total += value.len();
        }
        within(total, bounds::MAX_COMMIT)?;
        let changes: Vec<_> = changes
            .into_iter()
            .map(|change| Change {
                key: change.key,
                value: change.value,
            })
            .collect();
        Ok(self.host.commit(&changes).map_err(|error| match error {
            CommitError::Unavailable => host::CommitError::Unavailable,
            CommitError::Full => host::CommitError::Full,
            CommitError::BadOperand => host::CommitError::BadOperand,
        }))
    }

    fn log(&mut self, level: host::LogLevel, message: String) -> wasmtime::Result<()> {
        within(message.len(), bounds::MAX_LOG)?;
        let level = match level {
            host::LogLevel::Error => LogLevel::Error,
            host::LogLevel::Warn => LogLevel::Warn,
            host::LogLevel::Info => LogLevel::Info,
            host::LogLevel::Debug => LogLevel::Debug,
        };
        self.host.log(level, &message);
        Ok(())
    }
}

fn refusal(refusal: Refusal) -> arithmetic::Refusal {
    match refusal {
        Refusal::NotOffered => arithmetic::Refusal::NotOffered,
        Refusal::BadOperand => arithmetic::Refusal::BadOperand,
    }
}

fn algorithm(hash: arithmetic::HashAlgorithm) -> HashAlgorithm {
    match hash {
        arithmetic::HashAlgorithm::Sha1 => HashAlgorithm::Sha1,
        arithmetic::HashAlgorithm::Sha256 => HashAlgorithm::Sha256,
        arithmetic::HashAlgorithm::Sha384 => HashAlgorithm::Sha384,
        arithmetic::HashAlgorithm::Sha512 => HashAlgorithm::Sha512,
    }
}

fn curve(curve: arithmetic::Curve) -> Curve {
    match curve {
        arithmetic::Curve::P256 => Curve::P256,
        arithmetic::Curve::P384 => Curve::P384,
        arithmetic::Curve::P521 => Curve::P521,
    }
}

/// A reply of the host's arithmetic.
type Reply<R> = wasmtime::Result<Result<R, arithmetic::Refusal>>;

impl<H: Host> arithmetic::Host for Guest<H> {
    fn mod_exp(&mut self, base: Vec<u8>, exponent: Vec<u8>, modulus: Vec<u8>) -> Reply<Vec<u8>> {
        within(base.len().max(exponent.len()).max(modulus.len()), bounds::MAX_MODULUS)?;
        Ok(self.host.mod_exp(&base, &exponent, &modulus).map_err(refusal))
    }

    fn miller_rabin(&mut self, candidate: Vec<u8>, bases: Vec<u8>) -> Reply<bool> {
        within(candidate.len(), bounds::MAX_CANDIDATE)?;
        within(bases.len(), bounds::MAX_CANDIDATE * bounds::MAX_BASES)?;
        Ok(self.host.miller_rabin(&candidate, &bases).map_err(refusal))
    }

    fn rsa_private(
        &mut self,
        input: Vec<u8>,
        p: Vec<u8>,
        q: Vec<u8>,
        d_p: Vec<u8>,
        d_q: Vec<u8>,
        q_inverse: Vec<u8>,
    ) -> Reply<Vec<u8>> {
        within(input.len(), bounds::MAX_MODULUS)?;
        for number in [&p, &q, &d_p, &d_q, &q_inverse] {
            within(number.len(), bounds::MAX_CANDIDATE)?;
        }
        Ok(self
            .host
            .rsa_private(&input, [&p, &q], [&d_p, &d_q], &q_inverse)
            .map_err(refusal))
    }

    fn ec_multiply(&mut self, on: arithmetic::Curve, scalar: Vec<u8>, point: Option<Vec<u8>>) -> Reply<Vec<u8>> {
        within(scalar.len(), MAX_SCALAR)?;
        within(point.as_ref().map_or(0, Vec::len), 2 * MAX_SCALAR)?;
        Ok(self
            .host
            .ec_multiply(curve(on), &scalar, point.as_deref())
            .map_err(refusal))
    }

    fn ec_multiply_add(&mut self, on: arithmetic::Curve, u1: Vec<u8>, u2: Vec<u8>, point: Vec<u8>) -> Reply<Vec<u8>> {
        within(u1.len().max(u2.len()), MAX_SCALAR)?;
        within(point.len(), 2 * MAX_SCALAR)?;
        Ok(self.host.ec_multiply_add(curve(on), &u1, &u2, &point).map_err(refusal))
    }

    fn hash_blocks(&mut self, hash: arithmetic::Hash, state: Vec<u8>, blocks: Vec<u8>) -> Reply<Vec<u8>> {
        within(state.len(), MAX_HASH_STATE)?;
        within(blocks.len(), bounds::MAX_BULK)?;
        let hash = match hash {
            arithmetic::Hash::Sha1 => HashCore::Sha1,
            arithmetic::Hash::Sha256 => HashCore::Sha256,
            arithmetic::Hash::Sha512 => HashCore::Sha512,
        };
        Ok(self.host.hash_blocks(hash, &state, &blocks).map_err(refusal))
    }

    fn digest(&mut self, hash: arithmetic::HashAlgorithm, message: Vec<u8>) -> Reply<Vec<u8>> {
        within(message.len(), bounds::MAX_BULK)?;
        Ok(self.host.digest(algorithm(hash), &message).map_err(refusal))
    }

    fn hmac(&mut self, hash: arithmetic::HashAlgorithm, key: Vec<u8>, message: Vec<u8>) -> Reply<Vec<u8>> {
        within(key.len(), MAX_HMAC_KEY)?;
        within(message.len(), bounds::MAX_BULK)?;
        Ok(self.host.hmac(algorithm(hash), &key, &message).map_err(refusal))
    }

    fn aes(
        &mut self,
        mode: arithmetic::CipherMode,
        direction: arithmetic::Direction,
        key: Vec<u8>,
        iv: Vec<u8>,
        data: Vec<u8>,
    ) -> Reply<Vec<u8>> {
        within(key.len(), MAX_KEY)?;
        within(iv.len(), MAX_IV)?;
        within(data.len(), bounds::MAX_BULK)?;
        let mode = match mode {
            arithmetic::CipherMode::Ecb => CipherMode::Ecb,
            arithmetic::CipherMode::Cbc => CipherMode::Cbc,
            arithmetic::CipherMode::Cfb => CipherMode::Cfb,
            arithmetic::CipherMode::Ctr => CipherMode::Ctr,
            arithmetic::CipherMode::Ofb => CipherMode::Ofb,
        };
        let direction = match direction {
            arithmetic::Direction::Encrypt => Direction::Encrypt,
            arithmetic::Direction::Decrypt => Direction::Decrypt,
        };
        Ok(self.host.aes(mode, direction, &key, &iv, &data).map_err(refusal))
    }
}
