//! Comparison in constant time, for what an attacker could learn byte by byte: digests, HMACs, authValues, private keys.
//!
//! Eight bytes are compared at a time, with a barrier for the optimiser behind each, where `subtle` has one for each byte, which in an
//! interpreter costs as much as the HMAC that is compared.

use core::hint::black_box;

/// Whether both are the same, in a time that depends on nothing but their lengths.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks(), other.as_chunks());
    let mut difference = 0;
    for (word, other) in words.iter().zip(other_words) {
        difference = black_box(difference | (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(*other)));
    }
    for (byte, other) in rest.iter().zip(other_rest) {
        difference = black_box(difference | u64::from(byte ^ other));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_counts_and_so_does_the_length() {
        for size in [0, 1, 7, 8, 9, 16, 32, 61] {
            let bytes: alloc::vec::Vec<u8> = (0..size).collect();
            assert!(equal(&bytes, &bytes.clone()));
            assert!(!equal(&bytes, &[&bytes[..], &[0]].concat()));
            for at in 0..usize::from(size) {
                for bit in 0..8 {
                    let mut other = bytes.clone();
                    other[at] ^= 1 << bit;
                    assert!(!equal(&bytes, &other) && !equal(&other, &bytes), "{size} {at} {bit}");
                }
            }
        }
    }
}
