//! Modular exponentiation and Miller-Rabin rounds over crypto-bigint's Montgomery form, whose time depends on lengths alone.

use alloc::vec::Vec;
use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};

use crate::crypto::{CryptoError, number};

/// The Montgomery parameters of an odd modulus greater than 1.
fn parameters(modulus: &[u8]) -> Result<BoxedMontyParams, CryptoError> {
    let modulus: Option<Odd<BoxedUint>> = Odd::new(number::read(modulus)?).into();
    Ok(BoxedMontyParams::new(modulus.ok_or(CryptoError::BadOperand)?))
}

/// `base ^ exponent mod modulus`, as long as the modulus, for an odd modulus and a base below it.
pub(in crate::crypto) fn mod_exp(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let parameters = parameters(modulus)?;
    let base = number::read_wide(base, modulus.len())?;
    let power = BoxedMontyForm::new(base, &parameters).pow(&number::read(exponent)?);
    Ok(number::to_bytes(&power.retrieve(), modulus.len()))
}

/// Whether an odd candidate passes a Miller-Rabin round with every base (FIPS 186-5 B.3.1).
pub(in crate::crypto) fn miller_rabin(candidate: &[u8], bases: &[u8]) -> Result<bool, CryptoError> {
    let parameters = parameters(candidate)?;
    let one = BoxedMontyForm::one(&parameters);
    let minus_one = -one.clone();
    let last = number::read(candidate)?.wrapping_sub(BoxedUint::one());
    let twos = last.trailing_zeros_vartime();
    let exponent = last.shr(twos);
    for base in bases.chunks_exact(candidate.len()) {
        let mut z = BoxedMontyForm::new(number::read(base)?, &parameters).pow(&exponent);
        let mut remaining = twos;
        let mut passes = z == one;
        while !passes && remaining > 0 {
            passes = z == minus_one;
            z = z.square();
            remaining -= 1;
        }
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}
