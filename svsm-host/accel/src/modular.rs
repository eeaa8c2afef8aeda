//! `mod-exp` and `miller-rabin`: checks the operands, picks the limb count, calls [`montgomery`](crate::montgomery).
//!
//! The numbers are the component's. RSA moduli and their primes have 1024 to 4096 and 512 to 2048 bits, for which there is a limb count of
//! the exact size; any other size up to the contract's bound runs in the next larger one.

use crate::montgomery::{Limbs, Modulus, equal, from_be, less, subtract, to_be};
use alloc::vec::Vec;
use tpm_contract::{Refusal, bounds};

/// Calls a function that is generic over the limb count with the smallest count for so many bytes.
macro_rules! with_limbs_for {
    ($length:expr, $function:ident($($argument:expr),*)) => {
        match $length {
            0..=32 => $function::<4>($($argument),*),
            33..=64 => $function::<8>($($argument),*),
            65..=96 => $function::<12>($($argument),*),
            97..=128 => $function::<16>($($argument),*),
            129..=192 => $function::<24>($($argument),*),
            193..=256 => $function::<32>($($argument),*),
            257..=384 => $function::<48>($($argument),*),
            _ => $function::<64>($($argument),*),
        }
    };
}

/// `mod-exp` of the contract.
pub(crate) fn mod_exp(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
    let sizes = 1..=bounds::MAX_MODULUS;
    if !sizes.contains(&modulus.len()) || !sizes.contains(&exponent.len()) || base.len() > modulus.len() {
        return Err(Refusal::BadOperand);
    }
    with_limbs_for!(modulus.len(), mod_exp_limbs(base, exponent, modulus))
}

fn mod_exp_limbs<const N: usize>(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
    let n: Limbs<N> = from_be(modulus);
    let base: Limbs<N> = from_be(base);
    if n[0] & 1 == 0 || !less(&small(1), &n) || !less(&base, &n) {
        return Err(Refusal::BadOperand);
    }
    let field = Modulus::new(n);
    let result = field.leave(&field.power(&field.enter(&base), exponent));
    Ok(to_be(&result, modulus.len()))
}

/// `miller-rabin` of the contract.
pub(crate) fn miller_rabin(candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
    if !(bounds::MIN_CANDIDATE..=bounds::MAX_CANDIDATE).contains(&candidate.len())
        || bases.is_empty()
        || !bases.len().is_multiple_of(candidate.len())
        || bases.len() / candidate.len() > bounds::MAX_BASES
    {
        return Err(Refusal::BadOperand);
    }
    with_limbs_for!(candidate.len(), miller_rabin_limbs(candidate, bases))
}

/// FIPS 186-5, B.3.1. A candidate that turns out composite is nobody's secret, so the first witness ends the test; for one that
/// passes, the time shows its length and the power of two in `candidate - 1`.
fn miller_rabin_limbs<const N: usize>(candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
    let n: Limbs<N> = from_be(candidate);
    if n[0] & 1 == 0 || !less(&small(3), &n) {
        return Err(Refusal::BadOperand);
    }
    let last = subtract(&n, &small(1)).0;
    for base in bases.chunks_exact(candidate.len()) {
        let base: Limbs<N> = from_be(base);
        if !less(&small(1), &base) || !less(&base, &last) {
            return Err(Refusal::BadOperand);
        }
    }
    let twos = trailing_zeros(&last);
    let exponent = zeroize::Zeroizing::new(to_be(&shift_right(&last, twos), candidate.len()));
    let field = Modulus::new(n);
    let one = field.one();
    let minus_one = field.negate(&one);
    for base in bases.chunks_exact(candidate.len()) {
        let base: Limbs<N> = from_be(base);
        // Base 2, with which a search for primes tries every candidate first, goes faster; a base is nobody's secret.
        let mut z = if equal(&base, &small(2)) {
            field.power_of_two(&exponent)
        } else {
            field.power(&field.enter(&base), &exponent)
        };
        if equal(&z, &one) {
            continue;
        }
        let mut remaining = twos;
        while !equal(&z, &minus_one) {
            remaining -= 1;
            if remaining == 0 {
                return Ok(false);
            }
            z = field.square(&z);
        }
    }
    Ok(true)
}

fn small<const N: usize>(value: u64) -> Limbs<N> {
    let mut out = [0; N];
    out[0] = value;
    out
}

/// Zero bits below the lowest one of a number other than zero.
fn trailing_zeros<const N: usize>(value: &Limbs<N>) -> usize {
    let mut zeros = 0;
    for limb in value {
        zeros += limb.trailing_zeros() as usize;
        if *limb != 0 {
            break;
        }
    }
    zeros
}

fn shift_right<const N: usize>(value: &Limbs<N>, bits: usize) -> Limbs<N> {
    let (limbs, bits) = (bits / 64, bits % 64);
    let at = |i: usize| value.get(i).copied().unwrap_or(0);
    core::array::from_fn(|i| {
        let (low, high) = (at(i + limbs), at(i + limbs + 1));
        if bits == 0 {
            low
        } else {
            low >> bits | high << (64 - bits)
        }
    })
}

#[cfg(test)]
mod tests;
