//! Native arithmetic for the TPM component: [`NativeArithmetic`] is what a host offers behind `interface arithmetic` of
//! `wit/tpm.wit`, on the development machine and in the firmware alike.
//!
//! Every operand comes from the component and is hostile: each function checks length, range and membership as the contract states
//! them before it works, answers [`Refusal::BadOperand`] otherwise, and never panics. Values are secret (private exponents, prime
//! candidates, scalars, AES keys), so time and memory access depend on lengths alone, except where the contract calls an operand
//! public; what is left behind on the heap is wiped.
//!
//! The crate exists because an interpreter spends its time in exactly these functions (DESIGN, "Speed inside a sandbox"). It holds no
//! state that a caller could observe (multiples of the curves' generators, once computed, are kept), and no unsafe code: the Montgomery
//! arithmetic and the NIST curves are plain Rust, written here because fixed limb counts, a squaring of its own and wide windows matter
//! more for RSA than anything else, and primes that are constants more for curves; hashes and AES come from RustCrypto.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cipher;
mod curve;
mod hash;
mod modular;
mod montgomery;
mod rsa;

use alloc::vec::Vec;
use tpm_contract::{Arithmetic, CipherMode, Curve, Direction, HashAlgorithm, HashCore, Refusal, bounds};

/// Most heap that this crate uses, in bytes: the generators' tables, which are made when a curve is first used and stay, and what one call needs: the making of
/// a table, the powers of a number or the two buffers of a cipher over many bytes, and another result beside it. A test of `svsm_service` counts it.
pub const HEAP_BOUND: usize = curve::TABLE_BYTES
    + longest(&[curve::MAKING_BYTES, montgomery::POWER_BYTES, 2 * bounds::MAX_BULK])
    + bounds::MAX_MODULUS;

/// The largest of some numbers.
const fn longest(of: &[usize]) -> usize {
    let (mut longest, mut at) = (0, 0);
    while at < of.len() {
        if of[at] > longest {
            longest = of[at];
        }
        at += 1;
    }
    longest
}

/// The arithmetic of this machine's processor. Offers every function of the contract at every size.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeArithmetic;

impl Arithmetic for NativeArithmetic {
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        modular::mod_exp(base, exponent, modulus)
    }

    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        modular::miller_rabin(candidate, bases)
    }

    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        rsa::private(input, primes, exponents, q_inverse)
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        curve::multiply(curve, scalar, point)
    }

    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        curve::multiply_add(curve, u1, u2, point)
    }

    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        hash::compress(hash, state, blocks)
    }

    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        hash::digest(hash, message)
    }

    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        hash::hmac(hash, key, message)
    }

    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        cipher::aes(mode, direction, key, iv, data)
    }
}
