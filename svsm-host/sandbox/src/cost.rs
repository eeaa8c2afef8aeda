//! What an import costs, in fuel, before it works.
//!
//! The interpreter counts its own instructions, but what an import does takes time that it does not see. So every import charges for itself first: a base
//! for the call, and a part that grows with its operands as its work does. One unit is the time of about one simple interpreted
//! instruction (1.5 ns on the machine on which this was measured); the numbers are `svsm_accel`'s times, rounded up. A host whose arithmetic
//! is slower by a factor makes a call last longer by that factor, no more: the bound stays a bound.

use tpm_contract::{Curve, HashCore, bounds};

/// A call across the boundary, both ways.
const CALL: u64 = 200;
/// Per byte that is copied, in either direction, with its share of allocation.
const BYTE: u64 = 1;
/// Per byte of entropy: sources of full entropy are slow.
const ENTROPY_BYTE: u64 = 400;
/// Per byte of a log line: serial ports are slow.
const LOG_BYTE: u64 = 2_000;
/// Per byte that is committed.
const COMMIT_BYTE: u64 = 20;
/// A commit, whatever its size: hosts write it to durable storage.
const COMMIT: u64 = 100_000;
/// Per product of two 64-bit limbs in modular exponentiation and Miller-Rabin.
const LIMB_PRODUCT: u64 = 2;
/// Multiplications per bit of an exponent.
const PER_BIT: u64 = 3;
/// Per byte that is hashed.
const HASH_BYTE: u64 = 8;
/// Per byte through AES.
const AES_BYTE: u64 = 8;
/// AES key schedule.
const AES_KEY: u64 = 2_000;

/// `entropy`.
pub(crate) fn entropy(length: u64) -> u64 {
    CALL + length * ENTROPY_BYTE
}

/// `clock`.
pub(crate) fn clock() -> u64 {
    CALL
}

/// `log`.
pub(crate) fn log(length: u64) -> u64 {
    CALL + length * LOG_BYTE
}

/// `commit`, by its number of changes; the values are charged by [`commit_value`] as they are read.
pub(crate) fn commit(changes: u64) -> u64 {
    CALL + COMMIT + changes * 16 * COMMIT_BYTE
}

/// One value of a commit.
pub(crate) fn commit_value(length: u64) -> u64 {
    length * COMMIT_BYTE
}

/// `mod-exp`: about three Montgomery products per bit of the exponent, each of limbs squared twice.
pub(crate) fn mod_exp(exponent: u64, modulus: u64) -> u64 {
    let limbs = modulus.div_ceil(8) + 2;
    CALL + (exponent * 8 + 32) * PER_BIT * 2 * limbs * limbs * LIMB_PRODUCT
}

/// `miller-rabin`: an exponentiation per base.
pub(crate) fn miller_rabin(candidate: u64, bases: u64) -> u64 {
    let rounds = bases.div_ceil(candidate.max(1)).max(1);
    CALL + rounds.saturating_mul(mod_exp(candidate, candidate))
}

/// `rsa-private`: an exponentiation for each prime, and less than another round's worth around them.
pub(crate) fn rsa_private(prime: u64) -> u64 {
    CALL + 2 * mod_exp(prime, prime)
}

/// `ec-multiply`.
pub(crate) fn ec_multiply(curve: Curve) -> u64 {
    CALL + match curve {
        Curve::P256 => 150_000,
        Curve::P384 => 500_000,
        Curve::P521 => 800_000,
    }
}

/// `ec-multiply-add`: two multiplications.
pub(crate) fn ec_multiply_add(curve: Curve) -> u64 {
    2 * ec_multiply(curve)
}

/// `hash-blocks`.
pub(crate) fn hash_blocks(_: HashCore, blocks: u64) -> u64 {
    CALL + blocks * HASH_BYTE
}

/// Bytes that are hashed beside a message: less than two of the longest blocks for its padding.
const PADDING: u64 = 256;
/// The same of an HMAC: the padding of the key, of the message and of its digest, and a block with the key before either.
const HMAC_PADDING: u64 = 3 * PADDING + 2 * 128;

/// `digest`.
pub(crate) fn digest(message: u64) -> u64 {
    CALL + (message + PADDING) * HASH_BYTE
}

/// `hmac`.
pub(crate) fn hmac(key: u64, message: u64) -> u64 {
    CALL + (key + message + HMAC_PADDING) * HASH_BYTE
}

/// `aes`.
pub(crate) fn aes(data: u64) -> u64 {
    CALL + AES_KEY + data * AES_BYTE
}

/// Handing `length` bytes back.
pub(crate) fn result(length: u64) -> u64 {
    length * BYTE
}

// The most expensive single import may not exceed what a call has by default, or RSA-4096 would never work.
const _: () = assert!(bounds::MAX_MODULUS == 512);
