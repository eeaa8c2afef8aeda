//! RSA keys and the two operations on them (RFC 8017 §5.1).
//!
//! A public key may be anybody's; a private key comes from here, from a protected blob or from a caller, and is taken only when its primes
//! multiply to its modulus. The private operation uses the Chinese remainder theorem, in the host when it offers that; every result is checked with
//! the public exponent before it leaves, because a single wrong one would give the key away. All arithmetic on secrets takes constant time, here and behind the seam, so
//! there is no blinding.
//!
//! Operands and results are as long as the modulus.

use crate::{constant_time::equal, wipe::Wiped};
use alloc::vec::Vec;
use core::num::NonZeroU32;
use crypto_bigint::{BoxedUint, ConcatenatingMul, Limb, NonZero};
use tpm_contract::Arithmetic;

use super::{CryptoError, Drbg, number, prime, seam};

/// The exponent that a TPMS_RSA_PARMS.exponent of 0 means.
pub const DEFAULT_EXPONENT: u32 = 65537;

/// A private key, ready for use.
#[derive(Clone)]
pub struct RsaPrivate {
    modulus: Vec<u8>,
    exponent: u32,
    // The rest is half as long as the modulus, each.
    p: Wiped<Vec<u8>>,
    q: Wiped<Vec<u8>>,
    /// 1 / e mod p - 1.
    d_p: Wiped<Vec<u8>>,
    /// 1 / e mod q - 1.
    d_q: Wiped<Vec<u8>>,
    /// 1 / q mod p.
    q_inverse: Wiped<Vec<u8>>,
}

impl core::fmt::Debug for RsaPrivate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RsaPrivate({} bits)", self.modulus.len() * 8)
    }
}

/// The exponent that a TPMS_RSA_PARMS.exponent means.
pub const fn exponent(parameter: u32) -> u32 {
    if parameter == 0 { DEFAULT_EXPONENT } else { parameter }
}

/// `message ^ exponent mod modulus` (RSAEP, RSAVP1). A message that is not below the modulus is a bad operand.
pub fn public_operation(
    host: &mut dyn Arithmetic,
    modulus: &[u8],
    exponent: u32,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    if message.len() != modulus.len() || message >= modulus || modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(CryptoError::BadOperand);
    }
    seam::mod_exp(host, message, significant(&exponent.to_be_bytes()), modulus)
}

/// A number without the zero bytes in front.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros.min(bytes.len() - 1)..]
}

/// Whether an exponent can be that of a key made here: a prime from 65537 upwards.
pub fn is_good_exponent(exponent: u32) -> bool {
    exponent == DEFAULT_EXPONENT || exponent > DEFAULT_EXPONENT && prime::is_small_prime(exponent)
}

impl RsaPrivate {
    /// A key from its modulus and one of its primes (the form in which it travels). A bad operand when the prime does not divide the modulus into
    /// two factors of equal length, or the exponent has no inverse.
    pub fn from_prime(host: &mut dyn Arithmetic, modulus: &[u8], exponent: u32, p: &[u8]) -> Result<Self, CryptoError> {
        let half = modulus.len() / 2;
        let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
        if half * 2 != modulus.len()
            || p.len() != half
            || p.first().is_none_or(|first| *first < 0x80)
            || !is_odd(p)
            || !is_odd(modulus)
        {
            return Err(CryptoError::BadOperand);
        }
        let (q, rest) = number::read(modulus)?.div_rem(&nonzero(number::read(p)?)?);
        let q_bytes = Wiped::new(number::to_bytes(&q, half));
        if !bool::from(rest.is_zero()) || q.bit_width() as usize != half * 8 {
            return Err(CryptoError::BadOperand);
        }
        Self::from_primes(host, modulus.to_vec(), exponent, p, &q_bytes)
    }

    /// A key from primes that multiply to its modulus.
    fn from_primes(
        host: &mut dyn Arithmetic,
        modulus: Vec<u8>,
        exponent: u32,
        p: &[u8],
        q: &[u8],
    ) -> Result<Self, CryptoError> {
        let (d_p, d_q) = (private_exponent(p, exponent)?, private_exponent(q, exponent)?);
        // 1 / q = q^(p - 2) mod p, by Fermat.
        let p_number = Wiped::new(number::read(p)?);
        let q_reduced = Wiped::new(Wiped::new(number::read(q)?).rem(&nonzero(number::read(p)?)?));
        let p_less_two = Wiped::new(p_number.wrapping_sub(BoxedUint::from(2u8)));
        let q_inverse = Wiped::new(seam::mod_exp(
            host,
            &Wiped::new(number::to_bytes(&q_reduced, p.len())),
            &Wiped::new(number::to_bytes(&p_less_two, p.len())),
            p,
        )?);
        Ok(Self {
            modulus,
            exponent,
            p: Wiped::new(p.to_vec()),
            q: Wiped::new(q.to_vec()),
            d_p,
            d_q,
            q_inverse,
        })
    }

    /// A new key whose modulus has `bits` bits, from the generator's bytes alone: the same bytes give the same key.
    pub fn generate(
        host: &mut dyn Arithmetic,
        drbg: &mut Drbg,
        bits: usize,
        exponent: u32,
    ) -> Result<Self, CryptoError> {
        let exponent_checked = NonZeroU32::new(exponent).ok_or(CryptoError::BadOperand)?;
        let p = prime::generate(host, drbg, bits / 2, exponent_checked)?;
        let mut q = prime::generate(host, drbg, bits / 2, exponent_checked)?;
        // FIPS 186-5 A.1.3: the primes differ in their first 100 bits. 13 bytes are a little more.
        while p[..13] == q[..13] {
            q = prime::generate(host, drbg, bits / 2, exponent_checked)?;
        }
        let product = number::read(&p)?.concatenating_mul(number::read(&q)?);
        Self::from_primes(host, number::to_bytes(&product, bits / 8), exponent, &p, &q)
    }

    /// The modulus.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// One of the primes, from which the key can be had again.
    pub fn prime(&self) -> Wiped<Vec<u8>> {
        self.p.clone()
    }

    /// `message ^ (1 / exponent) mod modulus` (RSADP, RSASP1). A message that is not below the modulus is a bad operand.
    pub fn operation(&self, host: &mut dyn Arithmetic, message: &[u8]) -> Result<Wiped<Vec<u8>>, CryptoError> {
        if message.len() != self.modulus.len() || message >= &self.modulus[..] {
            return Err(CryptoError::BadOperand);
        }
        let (primes, exponents) = ([&self.p[..], &self.q], [&self.d_p[..], &self.d_q]);
        let result = match seam::offered_rsa_private(host, message, primes, exponents, &self.q_inverse) {
            Some(result) => Wiped::new(result),
            None => self.by_remainders(host, message)?,
        };
        let check = Wiped::new(public_operation(host, &self.modulus, self.exponent, &result)?);
        if equal(&check, message) {
            Ok(result)
        } else {
            Err(CryptoError::Fault)
        }
    }

    /// The operation from its parts, unchecked.
    fn by_remainders(&self, host: &mut dyn Arithmetic, message: &[u8]) -> Result<Wiped<Vec<u8>>, CryptoError> {
        let input = Wiped::new(number::read(message)?);
        let m_p = self.power(host, &input, &self.p, &self.d_p)?;
        let m_q = self.power(host, &input, &self.q, &self.d_q)?;
        // Garner: h = (m_p - m_q) / q mod p; the result is m_q + h q.
        let p = nonzero(number::read(&self.p)?)?;
        let m_q_reduced = Wiped::new(m_q.rem(&p));
        let difference = Wiped::new(m_p.sub_mod(&m_q_reduced, &p));
        let q_inverse = Wiped::new(number::read(&self.q_inverse)?);
        let h = Wiped::new(difference.mul_mod(&q_inverse, &p));
        let q = Wiped::new(number::read(&self.q)?);
        let product = Wiped::new(h.concatenating_mul(&*q));
        let sum = Wiped::new(product.wrapping_add(&*m_q));
        Ok(Wiped::new(number::to_bytes(&sum, self.modulus.len())))
    }

    /// `input ^ exponent` modulo one of the primes.
    fn power(
        &self,
        host: &mut dyn Arithmetic,
        input: &BoxedUint,
        prime: &[u8],
        exponent: &[u8],
    ) -> Result<Wiped<BoxedUint>, CryptoError> {
        let reduced = Wiped::new(input.rem(&nonzero(number::read(prime)?)?));
        let base = Wiped::new(number::to_bytes(&reduced, prime.len()));
        let power = Wiped::new(seam::mod_exp(host, &base, exponent, prime)?);
        number::read(&power).map(Wiped::new)
    }
}

fn nonzero(value: BoxedUint) -> Result<NonZero<BoxedUint>, CryptoError> {
    Option::from(NonZero::new(value)).ok_or(CryptoError::BadOperand)
}

/// How many numbers below a public number have no factor in common with it.
fn totient(number: u32) -> u64 {
    let (mut rest, mut totient) = (number, u64::from(number));
    let mut factor = 2u32;
    while factor.saturating_mul(factor) <= rest {
        if rest.is_multiple_of(factor) {
            totient -= totient / u64::from(factor);
            while rest.is_multiple_of(factor) {
                rest /= factor;
            }
        }
        factor += 1;
    }
    if rest > 1 {
        totient - totient / u64::from(rest)
    } else {
        totient
    }
}

/// 1 / e mod p - 1: with `(p - 1) k = -1 mod e` it is `((p - 1) k + 1) / e`, which needs no long inversion. A bad operand when there is none.
fn private_exponent(prime: &[u8], exponent: u32) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let exponent_limb: Option<NonZero<Limb>> = NonZero::new(Limb::from(exponent)).into();
    let exponent_limb = exponent_limb.ok_or(CryptoError::BadOperand)?;
    let last = Wiped::new(number::read(prime)?.wrapping_sub(BoxedUint::one()));
    let residue = last.rem_limb(exponent_limb).0;
    let e = u64::from(exponent);
    // 1 / residue = residue^(totient - 1) mod e, by Euler; wrong, and found out, when the two have a common factor.
    let power = totient(exponent).saturating_sub(1);
    let mut inverse = 1u64;
    for bit in (0..u32::BITS).rev() {
        inverse = inverse * inverse % e;
        if power >> bit & 1 == 1 {
            inverse = inverse * residue % e;
        }
    }
    if inverse * residue % e != 1 {
        return Err(CryptoError::BadOperand);
    }
    let multiple = Wiped::new(last.concatenating_mul(BoxedUint::from(e - inverse)));
    let dividend = Wiped::new(multiple.wrapping_add(BoxedUint::one()));
    let (quotient, _) = dividend.div_rem_limb(exponent_limb);
    let quotient = Wiped::new(quotient);
    Ok(Wiped::new(number::to_bytes(&quotient, prime.len())))
}

#[cfg(test)]
pub(crate) mod openssl;
#[cfg(test)]
pub(crate) mod openssl_4096;
#[cfg(test)]
mod tests;
