//! The one place that decides whether the host computes or the engine itself.
//!
//! The host is asked first. Its answer is used when it has the right shape; a refusal of any kind, or an answer of another shape, sends the
//! work to `own/`, which gives the same result for the same operands. So a component runs on every host, only slower on some. The host that is asked
//! is the gate of `gate.rs`, which refuses what has not been tested, and before it refuses sees to the test of what computes then.
//!
//! An import costs the interpreter about what a hundred of its instructions do, less than a single compression of SHA-256, so there is no
//! size below which asking would not pay. A digest or an HMAC of a whole message is a single question where the host answers it.

use alloc::vec::Vec;
use tpm_contract::{Arithmetic, CipherMode, Curve, Direction, HashAlgorithm, HashCore, Refusal, bounds};

use super::{CryptoError, own};
use crate::structures::{Tpm2bDigest, TpmiAlgHash, TpmiAlgSymObject, TpmiEccCurve};

/// The host's answer, if it has the right length.
fn accept(answer: Result<Vec<u8>, Refusal>, length: usize) -> Option<Vec<u8>> {
    answer.ok().filter(|bytes| bytes.len() == length)
}

/// Compresses whole blocks into `state`, which holds big-endian words.
pub(super) fn compress(host: &mut dyn Arithmetic, core: HashCore, state: &mut [u8], blocks: &[u8]) {
    for run in blocks.chunks(bounds::MAX_BULK) {
        match accept(host.hash_blocks(core, state, run), state.len()) {
            Some(next) => state.copy_from_slice(&next),
            None => own::hash::compress(core, state, run),
        }
    }
}

/// The contract's name of a hash function; those that are built in on demand have none there.
#[inline(always)]
pub(super) const fn contract_hash(alg: TpmiAlgHash) -> Option<HashAlgorithm> {
    Some(match alg {
        TpmiAlgHash::Sha1 => HashAlgorithm::Sha1,
        TpmiAlgHash::Sha256 => HashAlgorithm::Sha256,
        TpmiAlgHash::Sha384 => HashAlgorithm::Sha384,
        TpmiAlgHash::Sha512 => HashAlgorithm::Sha512,
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => return None,
    })
}

/// The digest of a whole message where the host offers it; where it does not, [`hash`](super::hash) pads and compresses. The gate has seen
/// to its length.
#[inline(always)]
pub(super) fn offered_digest(host: &mut dyn Arithmetic, alg: TpmiAlgHash, message: &[u8]) -> Option<Tpm2bDigest> {
    let hash = contract_hash(alg)?;
    Tpm2bDigest::from_vec(host.digest(hash, message).ok()?).ok()
}

/// The HMAC of a whole message where the host offers it; where it does not, [`hmac`](super::hmac) hashes twice. Its length as above.
#[inline(always)]
pub(super) fn offered_hmac(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    message: &[u8],
) -> Option<Tpm2bDigest> {
    let hash = contract_hash(alg)?;
    Tpm2bDigest::from_vec(host.hmac(hash, key, message).ok()?).ok()
}

/// A block cipher over `data`, in place. The caller has checked all sizes; ECB has no IV. What the host offers is AES.
pub(super) fn cipher(
    host: &mut dyn Arithmetic,
    cipher: TpmiAlgSymObject,
    mode: CipherMode,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) {
    if data.is_empty() {
        return;
    }
    if cipher == TpmiAlgSymObject::Aes
        && let Some(result) = accept(host.aes(mode, direction, key, iv, data), data.len())
    {
        data.copy_from_slice(&result);
        return;
    }
    own::cipher::crypt(cipher, mode, direction, key, iv, data);
}

/// `base ^ exponent mod modulus`, as long as the modulus, for an odd modulus and a base below it.
pub(super) fn mod_exp(
    host: &mut dyn Arithmetic,
    base: &[u8],
    exponent: &[u8],
    modulus: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match accept(host.mod_exp(base, exponent, modulus), modulus.len()) {
        Some(power) => Ok(power),
        None => own::modular::mod_exp(base, exponent, modulus),
    }
}

/// [`mod_exp`] where the host offers it; where it does not, something else is quicker than a power.
pub(super) fn offered_mod_exp(
    host: &mut dyn Arithmetic,
    base: &[u8],
    exponent: &[u8],
    modulus: &[u8],
) -> Option<Vec<u8>> {
    accept(host.mod_exp(base, exponent, modulus), modulus.len())
}

/// An RSA private operation where the host offers it; where it does not, its parts are put together in [`rsa`](super::rsa).
pub(super) fn offered_rsa_private(
    host: &mut dyn Arithmetic,
    input: &[u8],
    primes: [&[u8]; 2],
    exponents: [&[u8]; 2],
    q_inverse: &[u8],
) -> Option<Vec<u8>> {
    accept(host.rsa_private(input, primes, exponents, q_inverse), input.len())
}

/// Whether an odd candidate passes a Miller-Rabin round with every base.
pub(super) fn miller_rabin(host: &mut dyn Arithmetic, candidate: &[u8], bases: &[u8]) -> Result<bool, CryptoError> {
    match host.miller_rabin(candidate, bases) {
        Ok(passes) => Ok(passes),
        Err(_) => own::modular::miller_rabin(candidate, bases),
    }
}

/// The contract's name of a curve; P-224 and those that are built in on demand have none there.
const fn contract_curve(curve: TpmiEccCurve) -> Result<Curve, Refusal> {
    match curve {
        TpmiEccCurve::NistP224 => Err(Refusal::NotOffered),
        TpmiEccCurve::NistP256 => Ok(Curve::P256),
        TpmiEccCurve::NistP384 => Ok(Curve::P384),
        TpmiEccCurve::NistP521 => Ok(Curve::P521),
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256 => Err(Refusal::NotOffered),
        #[cfg(feature = "sm2")]
        TpmiEccCurve::Sm2P256 => Err(Refusal::NotOffered),
    }
}

/// A point as x followed by y; the point at infinity is a bad operand, since no key, signature or secret can be one.
fn finite(point: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
    if point.is_empty() {
        Err(CryptoError::BadOperand)
    } else {
        Ok(point)
    }
}

/// `scalar * point`, or of the generator when there is no point, as x followed by y.
pub(super) fn ec_multiply(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    scalar: &[u8],
    point: Option<&[u8]>,
) -> Result<Vec<u8>, CryptoError> {
    match contract_curve(curve).and_then(|curve| host.ec_multiply(curve, scalar, point)) {
        Ok(product) if product.is_empty() || product.len() == 2 * curve.size() => finite(product),
        _ => finite(own::curve::multiply(curve, scalar, point)?),
    }
}

/// `u1 * generator + u2 * point` for public operands, as x followed by y.
pub(super) fn ec_multiply_add(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    u1: &[u8],
    u2: &[u8],
    point: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match contract_curve(curve).and_then(|curve| host.ec_multiply_add(curve, u1, u2, point)) {
        Ok(sum) if sum.is_empty() || sum.len() == 2 * curve.size() => finite(sum),
        _ => finite(own::curve::multiply_add(curve, u1, u2, point)?),
    }
}
