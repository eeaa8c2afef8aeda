//! Probable primes for RSA (FIPS 186-5 A.1.3, B.3.1).
//!
//! The generator's bytes decide everything, so that a primary key can be derived again and again; whether the host helps with the
//! Miller-Rabin rounds makes no difference to the result.
//!
//! Those rounds are nine tenths of the work of making a key, so most candidates must be gone before them: from a random odd start,
//! the window of odd numbers behind it is sieved with every prime below `SIEVE_BOUND`, and what remains is tried in order, first with base 2
//! and, when that passes, with random bases. An incremental search favours primes behind long gaps a little, which is harmless (Brandt and
//! Damgård, "On generation of probable primes by incremental search").

use crate::wipe::Wiped;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use tpm_contract::Arithmetic;
use zeroize::Zeroize;

use super::{CryptoError, Drbg, seam};

/// Candidates are sieved with all primes below this. Doubling it saves a fifteenth of the Miller-Rabin calls and costs as much as it saves.
const SIEVE_BOUND: usize = 1 << 15;
/// Odd numbers in one window. One in 355 is a prime of 1024 bits, so one window in 300 has none.
const WINDOW: usize = 2048;
/// Odd primes below `SIEVE_BOUND`.
const SMALL_PRIMES: usize = 3511;

/// The odd primes below `SIEVE_BOUND`, each as half its distance from the one before; the first is that of 3 from 1.
const GAPS: [u8; SMALL_PRIMES] = {
    let mut composite = [false; SIEVE_BOUND / 2];
    let mut gaps = [0; SMALL_PRIMES];
    let mut found = 0;
    let mut previous = 0;
    let mut i = 1;
    // Entry i stands for 2 i + 1.
    while i < SIEVE_BOUND / 2 {
        if !composite[i] {
            gaps[found] = (i - previous) as u8;
            found += 1;
            previous = i;
            let prime = 2 * i + 1;
            let mut multiple = (prime * prime - 1) / 2;
            while multiple < SIEVE_BOUND / 2 {
                composite[multiple] = true;
                multiple += prime;
            }
        }
        i += 1;
    }
    assert!(found == SMALL_PRIMES);
    gaps
};

/// The odd primes below `SIEVE_BOUND`.
fn small_primes() -> impl Iterator<Item = u32> {
    GAPS.iter().scan(1, |last, gap| {
        *last += 2 * u32::from(*gap);
        Some(*last)
    })
}

/// Whether a public number is prime, by trial division.
pub(super) fn is_small_prime(number: u32) -> bool {
    let root = number.isqrt();
    number > 1
        && (number == 2 || number % 2 == 1)
        && (3..=root).step_by(2).all(|divisor| !number.is_multiple_of(divisor))
}

/// Rounds with random bases for a prime of so many bits (FIPS 186-5 Table B.1, primes of RSA keys; below 1024 bits, FIPS 186-4 Table C.3).
const fn rounds(bits: usize) -> usize {
    if bits >= 1536 {
        4
    } else if bits >= 1024 {
        5
    } else {
        7
    }
}

/// A prime of exactly `bits` bits, a multiple of 32, whose two highest bits are set, so that the product of two has exactly twice as many
/// bits. The prime less one has no factor in common with `exponent`, which is prime.
pub fn generate(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    bits: usize,
    exponent: NonZeroU32,
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    if bits < 256 || !bits.is_multiple_of(32) {
        return Err(CryptoError::BadOperand);
    }
    loop {
        let mut start = drbg.bytes(host, bits / 8);
        start[0] |= 0xc0;
        start[bits / 8 - 1] |= 1;
        if let Some(prime) = search(host, drbg, &start, exponent)? {
            return Ok(prime);
        }
    }
}

/// The first prime of the window that begins at `start`.
fn search(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    start: &[u8],
    exponent: NonZeroU32,
) -> Result<Option<Wiped<Vec<u8>>>, CryptoError> {
    let sieve = sieve(start);
    let start_mod_exponent = residue(start, exponent.get());
    let mut two = alloc::vec![0; start.len()];
    if let Some(last) = two.last_mut() {
        *last = 2;
    }
    for (i, composite) in sieve.iter().enumerate() {
        let less_one = u64::from(start_mod_exponent) + 2 * i as u64 + u64::from(exponent.get()) - 1;
        if *composite || less_one.is_multiple_of(u64::from(exponent.get())) {
            continue;
        }
        let Some(candidate) = plus(start, 2 * i as u64) else {
            return Ok(None);
        };
        if seam::miller_rabin(host, &candidate, &two)? && is_probable_prime(host, drbg, &candidate)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// All rounds with random bases.
fn is_probable_prime(host: &mut dyn Arithmetic, drbg: &mut Drbg, candidate: &[u8]) -> Result<bool, CryptoError> {
    let mut bases = drbg.bytes(host, candidate.len() * rounds(candidate.len() * 8));
    for base in bases.chunks_exact_mut(candidate.len()) {
        // From 2 to candidate - 2, since the candidate's highest bit is set.
        base[0] &= 0x7f;
        base[candidate.len() - 1] |= 2;
    }
    seam::miller_rabin(host, candidate, &bases)
}

/// For each odd number of the window whether a small prime divides it.
fn sieve(start: &[u8]) -> Wiped<Vec<bool>> {
    let mut composite = Wiped::new(alloc::vec![false; WINDOW]);
    let mut primes = small_primes().peekable();
    let mut group = Vec::with_capacity(16);
    while let Some(first) = primes.next() {
        // One long division serves as many primes as have a product below 2^32.
        group.clear();
        group.push(first);
        let mut product = u64::from(first);
        while let Some(next) = primes.next_if(|prime| product * u64::from(*prime) <= u64::from(u32::MAX)) {
            product *= u64::from(next);
            group.push(next);
        }
        let mut residue = residue(start, product as u32);
        for prime in &group {
            // start + 2 i is a multiple of the prime for i = -start / 2.
            let distance = (*prime - residue % *prime) % *prime;
            let first = if distance.is_multiple_of(2) {
                distance / 2
            } else {
                (distance + *prime) / 2
            };
            for hit in composite.iter_mut().skip(first as usize).step_by(*prime as usize) {
                *hit = true;
            }
        }
        residue.zeroize();
    }
    composite
}

/// A number modulo a small one.
fn residue(number: &[u8], modulus: u32) -> u32 {
    let modulus = u64::from(modulus);
    let mut rest = 0u64;
    for word in number.as_chunks().0 {
        rest = (rest << 32 | u64::from(u32::from_be_bytes(*word))) % modulus;
    }
    rest as u32
}

/// `number + addend`; none when that needs one more byte.
fn plus(number: &[u8], addend: u64) -> Option<Wiped<Vec<u8>>> {
    let mut out = Wiped::new(number.to_vec());
    let mut carry = addend;
    for byte in out.iter_mut().rev() {
        carry += u64::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
    (carry == 0).then_some(out)
}

#[cfg(test)]
mod tests;
