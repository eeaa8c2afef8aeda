//! Wide numbers made scalars by `c mod (n - 1) + 1` (FIPS 186-5 §A.2.1; Part 1 annex C for primary keys) without a division, for P-256 and P-384, whose
//! orders are a little less than a power of 2^64. The numbers are the TPM's own, from its generator or a seed, and secret; nobody else sends any.
//!
//! With such an order n and m = n - 1, 2^(64 N) is 2^(64 N) - m modulo m, which is short: what stands above 2^(64 N) is multiplied with that
//! and added to the rest, until nothing stands there any more. All of it takes the same time for all numbers.

use alloc::vec::Vec;

use crate::wipe::Wiped;

/// 2^256 - (n - 1) for P-256 (SP 800-186 §3.2.1.3), its least significant 64 bits first.
pub(super) const P256: [u64; 4] = complement([
    0xF3B9_CAC2_FC63_2550,
    0xBCE6_FAAD_A717_9E84,
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_0000_0000,
]);
/// 2^384 - (n - 1) for P-384 (SP 800-186 §3.2.1.4).
pub(super) const P384: [u64; 6] = complement([
    0xECEC_196A_CCC5_2972,
    0x581A_0DB2_48B0_A77A,
    0xC763_4D81_F437_2DDF,
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFF,
]);

/// 2^(64 N) less a number that is not zero.
const fn complement<const N: usize>(mut number: [u64; N]) -> [u64; N] {
    // Two's complement: all bits the other way round, and one more.
    let mut carry = true;
    let mut i = 0;
    while i < N {
        (number[i], carry) = (!number[i]).overflowing_add(carry as u64);
        i += 1;
    }
    number
}

/// The longest of these orders, in words of 64 bits.
const LONGEST: usize = 6;

/// `wide mod m + 1`, big-endian, from 2^(64 N) - m, which has N words and is below 2^(64 N - 32); none unless `wide` has one word more.
pub(super) fn scalar(complement: &[u64], wide: &[u8]) -> Option<Wiped<Vec<u8>>> {
    let (words, []) = wide.as_chunks() else { return None };
    let (top, words) = words.split_first()?;
    if words.len() != complement.len() {
        return None;
    }
    let (mut number, mut less) = (Wiped::new([0; LONGEST]), Wiped::new([0; LONGEST]));
    let number = number.get_mut(..words.len())?;
    for (limb, word) in number.iter_mut().zip(words.iter().rev()) {
        *limb = u64::from_be_bytes(*word);
    }
    // The top is below 2^64, then not above 2^32, then 1 at the most; if it is 1 once more, little is left below it, and the fourth leaves nothing.
    let mut top = u64::from_be_bytes(*top);
    for _ in 0..4 {
        top = add_product(number, complement, top);
    }
    // The number less m, if it is not below m.
    let less = less.get_mut(..words.len())?;
    less.copy_from_slice(number);
    let mask = add_product(less, complement, 1).wrapping_neg();
    let mut out = Wiped::new(alloc::vec![0; wide.len() - 8]);
    let mut carry = true;
    for ((word, limb), less) in out.as_chunks_mut().0.iter_mut().rev().zip(&*number).zip(&*less) {
        let sum;
        (sum, carry) = ((limb & !mask) | (less & mask)).overflowing_add(carry.into());
        *word = sum.to_be_bytes();
    }
    Some(out)
}

/// Adds `factor * complement`; gives what does not fit.
#[inline(never)]
fn add_product(number: &mut [u64], complement: &[u64], factor: u64) -> u64 {
    let mut carry = 0;
    for (limb, other) in number.iter_mut().zip(complement) {
        let sum = u128::from(factor) * u128::from(*other) + u128::from(*limb) + u128::from(carry);
        (*limb, carry) = (sum as u64, (sum >> u64::BITS) as u64);
    }
    carry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::ecc::{last_scalar, on_curve, scalar_by_division},
        structures::TpmiEccCurve,
    };

    #[test]
    fn scalars_are_those_of_a_division() {
        let mut drbg = crate::crypto::Drbg::new(&mut crate::crypto::NoOffer, &[b"wide numbers"]);
        let cases = [(TpmiEccCurve::NistP256, 40), (TpmiEccCurve::NistP384, 56)];
        for (curve, size) in cases {
            let last = on_curve!(curve, last_scalar());
            let mut numbers = Vec::from([alloc::vec![0; size], alloc::vec![0xff; size]]);
            // Multiples of n - 1 and their neighbours, above which the quotient changes.
            for factor in [1u64, 2, 1 << 32, u64::MAX - 1, u64::MAX] {
                let mut multiple = alloc::vec![0; size];
                let mut carry = 0u128;
                for (at, byte) in multiple.iter_mut().enumerate().rev() {
                    let digit = at.checked_sub(8).map_or(0, |at| last[at]);
                    carry += u128::from(digit) * u128::from(factor);
                    *byte = carry as u8;
                    carry >>= 8;
                }
                let last_byte = *multiple.last().expect("not empty");
                for near in [last_byte, last_byte | 1, last_byte.wrapping_sub(1)] {
                    *multiple.last_mut().expect("not empty") = near;
                    numbers.push(multiple.clone());
                }
            }
            for top in [0, 0xff] {
                for _ in 0..200 {
                    let mut random = drbg.bytes(&mut crate::crypto::NoOffer, size).to_vec();
                    random[..size / 2].iter_mut().for_each(|byte| *byte |= top);
                    numbers.push(random);
                }
            }
            for number in numbers {
                let scalar = match curve {
                    TpmiEccCurve::NistP256 => scalar(&P256, &number),
                    _ => scalar(&P384, &number),
                };
                let scalar = scalar.expect("of its size");
                assert_eq!(*scalar, *scalar_by_division(curve, &number).expect("no fault"));
            }
        }
        assert!(scalar(&P256, &[0; 39]).is_none());
        assert!(scalar(&P256, &[0; 48]).is_none());
    }
}
