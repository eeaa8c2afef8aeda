//! Comparing what may be secret: passwords and HMACs (Part 1 §19), integrity values, tickets. One side is the caller's, who may send any bytes
//! and measure how long the answer takes; it decides nothing but whether both are the same.
//!
//! `subtle` hides every byte from the compiler by a call of its own, which makes an interpreter spend more on the comparison of two HMACs than on what it
//! spends on the rest of a short command. Here the differences of all bytes are gathered, and the sum alone is hidden: no branch depends on a byte,
//! and the compiler cannot make one without knowing what `black_box` does with the sum.

use core::hint::black_box;

/// Whether two byte strings are the same, in a time that depends on their lengths alone, which are not secret.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // Most passwords are empty, and then there is nothing to hide.
    if a.is_empty() {
        return true;
    }
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    let words = a_words.iter().zip(b_words).fold(0, |differences, (x, y)| {
        differences | (u64::from_ne_bytes(*x) ^ u64::from_ne_bytes(*y))
    });
    let rest = a_rest
        .iter()
        .zip(b_rest)
        .fold(0, |differences, (x, y)| differences | (x ^ y));
    black_box(words | u64::from(rest)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // Against the standard library's comparison: every length around a word, every bit.
    #[test]
    fn every_bit_counts() {
        for length in 0..=20 {
            let a: alloc::vec::Vec<u8> = (0..length).map(|i: u8| i.wrapping_mul(37)).collect();
            assert!(equal(&a, &a.clone()));
            assert!(!equal(&a, &[&a[..], &[0]].concat()));
            for bit in 0..usize::from(length) * 8 {
                let mut b = a.clone();
                b[bit / 8] ^= 1 << (bit % 8);
                assert!(a != b && !equal(&a, &b));
            }
        }
    }
}
