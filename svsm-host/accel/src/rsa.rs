//! `rsa-private`: a power modulo two primes, and Garner's way back to their product (RFC 8017 §5.1.2, step 2b).
//!
//! The key is the component's, and nothing says that it is one: lengths, ranges and parity are checked here, so that every operand of
//! [`montgomery`](crate::montgomery) is in range; whether the primes are primes and the exponents fit them shows in the result, which the
//! component checks with the public exponent. Time depends on lengths alone.
//!
//! One call, because around the two powers stand two reductions by half the length, two products and a sum: nothing here, and a third of the time
//! of the whole when an interpreter does it.

use crate::montgomery::{Limbs, Modulus, add, from_be, from_be_wide, less, less_wide, product, to_be};
use alloc::vec::Vec;
use tpm_contract::{Refusal, bounds};
use zeroize::Zeroizing;

/// `rsa-private` of the contract.
pub(crate) fn private(
    input: &[u8],
    primes: [&[u8]; 2],
    exponents: [&[u8]; 2],
    q_inverse: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let length = primes[0].len();
    let [p, q] = primes;
    let [d_p, d_q] = exponents;
    if !(bounds::MIN_CANDIDATE..=bounds::MAX_CANDIDATE).contains(&length)
        || [p, q, d_p, d_q, q_inverse].iter().any(|number| number.len() != length)
        || input.len() != 2 * length
    {
        return Err(Refusal::BadOperand);
    }
    match length {
        0..=64 => private_limbs::<8>(input, primes, exponents, q_inverse),
        65..=128 => private_limbs::<16>(input, primes, exponents, q_inverse),
        129..=192 => private_limbs::<24>(input, primes, exponents, q_inverse),
        _ => private_limbs::<32>(input, primes, exponents, q_inverse),
    }
}

fn private_limbs<const N: usize>(
    input: &[u8],
    [p, q]: [&[u8]; 2],
    [d_p, d_q]: [&[u8]; 2],
    q_inverse: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let wide: Zeroizing<[Limbs<N>; 2]> = Zeroizing::new(from_be_wide(input));
    let p: Zeroizing<Limbs<N>> = Zeroizing::new(from_be(p));
    let q: Zeroizing<Limbs<N>> = Zeroizing::new(from_be(q));
    let q_inverse: Zeroizing<Limbs<N>> = Zeroizing::new(from_be(q_inverse));
    let one = {
        let mut one = [0; N];
        one[0] = 1;
        one
    };
    let good = |prime: &Limbs<N>| prime[0] & 1 == 1 && less(&one, prime);
    if !good(&p) || !good(&q) || !less(&q_inverse, &p) || !less_wide(&wide, &product(&p, &q)) {
        return Err(Refusal::BadOperand);
    }
    let (by_p, by_q) = (Modulus::new(*p), Modulus::new(*q));
    let m_q = Zeroizing::new(by_q.leave(&by_q.power(&by_q.enter_wide(&wide), d_q)));
    let m_p = Zeroizing::new(by_p.power(&by_p.enter_wide(&wide), d_p));
    // h = (m_p - m_q) / q mod p: the difference is in Montgomery form and 1 / q is not, so neither is h.
    let difference = Zeroizing::new(by_p.subtract(&m_p, &by_p.enter(&m_q)));
    let h = Zeroizing::new(by_p.multiply(&difference, &q_inverse));
    // m_q + h q is at most q - 1 + (p - 1) q, which is below p q.
    let mut result = Zeroizing::new(product(&h, &q));
    let [low, high] = &mut *result;
    let carry;
    (*low, carry) = add(low, &m_q);
    let mut top = [0; N];
    top[0] = carry;
    *high = add(high, &top).0;
    Ok(to_be(result.as_flattened(), input.len()))
}

#[cfg(test)]
mod tests;
