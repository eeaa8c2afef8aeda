//! How policies compare values (Part 2 §6.8, TPM_EO): byte strings of equal length as big-endian numbers, signed ones in two's complement of
//! that length.

use core::cmp::Ordering;

use crate::structures::TpmEo;

/// Whether `a` stands in the relation `operation` to `b`, which is as long as `a`.
pub(super) fn holds(a: &[u8], b: &[u8], operation: TpmEo) -> bool {
    let unsigned = a.cmp(b);
    let signed = compare_signed(a, b);
    match operation {
        TpmEo::Eq => unsigned == Ordering::Equal,
        TpmEo::Neq => unsigned != Ordering::Equal,
        TpmEo::SignedGt => signed == Ordering::Greater,
        TpmEo::UnsignedGt => unsigned == Ordering::Greater,
        TpmEo::SignedLt => signed == Ordering::Less,
        TpmEo::UnsignedLt => unsigned == Ordering::Less,
        TpmEo::SignedGe => signed != Ordering::Less,
        TpmEo::UnsignedGe => unsigned != Ordering::Less,
        TpmEo::SignedLe => signed != Ordering::Greater,
        TpmEo::UnsignedLe => unsigned != Ordering::Greater,
        TpmEo::Bitset => a.iter().zip(b).all(|(a, b)| a & b == *b),
        TpmEo::Bitclear => a.iter().zip(b).all(|(a, b)| a & b == 0),
    }
}

/// Two's complement: a set first bit makes a number less than any without it; within one sign the order is that of the bytes.
fn compare_signed(a: &[u8], b: &[u8]) -> Ordering {
    let is_negative = |number: &[u8]| number.first().is_some_and(|byte| byte & 0x80 != 0);
    match (is_negative(a), is_negative(b)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_comparison_is_two_s_complement() {
        // A known mistake: mixed signs, which an older implementation got wrong.
        let bytes = |number: i16| number.to_be_bytes();
        for (a, b) in [(-1, 0), (-2, -1), (-32768, 32767), (5, 6), (-300, 2)] {
            assert!(holds(&bytes(a), &bytes(b), TpmEo::SignedLt), "{a} < {b}");
            assert!(holds(&bytes(b), &bytes(a), TpmEo::SignedGt), "{b} > {a}");
            assert!(!holds(&bytes(a), &bytes(b), TpmEo::SignedGe), "not {a} >= {b}");
            assert!(holds(&bytes(a), &bytes(a), TpmEo::SignedLe), "{a} <= {a}");
        }
        assert!(holds(&bytes(-1), &bytes(0), TpmEo::UnsignedGt));
    }

    #[test]
    fn bits_are_compared_against_operand_b() {
        // Part 2 §6.8, as swtpm 0.7.1 compares: BITSET is (A & B) = B, BITCLEAR is (A & B) = 0.
        assert!(holds(&[0b1110], &[0b0110], TpmEo::Bitset));
        assert!(!holds(&[0b1110], &[0b0111], TpmEo::Bitset));
        assert!(holds(&[0b1000], &[0b0111], TpmEo::Bitclear));
        assert!(!holds(&[0b1001], &[0b0111], TpmEo::Bitclear));
        assert!(holds(&[], &[], TpmEo::Eq) && !holds(&[1], &[2], TpmEo::Eq) && holds(&[1], &[2], TpmEo::Neq));
    }
}
