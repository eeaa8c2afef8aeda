//! Keys of triple DES (SP 800-67): their parity, and which of them are none.
//!
//! The last bit of every byte is its odd parity; the cipher ignores it. A key whose parts are weak, semi-weak or possibly weak, or of which two
//! neighbours are the same, would encrypt with less than it has, and is refused as the TCG's reference does.

/// The four bytes of which the first halves of weak keys consist, as bits of two: whether the upper and the lower half of the byte is ones.
const ALPHABET: [u8; 4] = [0x01, 0x1F, 0xE0, 0xFE];
/// What stands for each of them in the second half of the key.
const SECOND: [u8; 4] = [0x01, 0x0E, 0xF1, 0xFE];

/// Sets the parity of every byte; says whether what is there then is a key.
pub(super) fn settle_key(key: &mut [u8]) -> bool {
    for byte in key.iter_mut() {
        let ones = (*byte >> 1).count_ones() as u8;
        *byte = *byte & 0xFE | !ones & 1;
    }
    let (parts, rest) = key.as_chunks::<8>();
    let repeated = parts.windows(2).any(|pair| pair[0] == pair[1]);
    rest.is_empty() && matches!(parts.len(), 2 | 3) && !repeated && !parts.iter().any(is_weak)
}

/// Whether a part is one of the 64 that give few different round keys: each half of it is made of four bytes of an alphabet of four whose numbers add up to
/// zero, and the second half follows from the first.
fn is_weak(part: &[u8; 8]) -> bool {
    let mut sum = 0;
    for (first, second) in part[..4].iter().zip(&part[4..]) {
        let Some(at) = ALPHABET.iter().position(|byte| byte == first) else {
            return false;
        };
        if SECOND[at] != *second {
            return false;
        }
        sum ^= at;
    }
    sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::bytes;

    /// Weak, semi-weak and possibly weak keys of DES (SP 800-67 revision 1, §3.4.2).
    const WEAK: [u64; 64] = [
        0x0101010101010101,
        0xFEFEFEFEFEFEFEFE,
        0xE0E0E0E0F1F1F1F1,
        0x1F1F1F1F0E0E0E0E,
        0x011F011F010E010E,
        0x1F011F010E010E01,
        0x01E001E001F101F1,
        0xE001E001F101F101,
        0x01FE01FE01FE01FE,
        0xFE01FE01FE01FE01,
        0x1FE01FE00EF10EF1,
        0xE01FE01FF10EF10E,
        0x1FFE1FFE0EFE0EFE,
        0xFE1FFE1FFE0EFE0E,
        0xE0FEE0FEF1FEF1FE,
        0xFEE0FEE0FEF1FEF1,
        0x01011F1F01010E0E,
        0x1F1F01010E0E0101,
        0xE0E01F1FF1F10E0E,
        0x0101E0E00101F1F1,
        0x1F1FE0E00E0EF1F1,
        0xE0E0FEFEF1F1FEFE,
        0x0101FEFE0101FEFE,
        0x1F1FFEFE0E0EFEFE,
        0xE0FE011FF1FE010E,
        0x011F1F01010E0E01,
        0x1FE001FE0EF101FE,
        0xE0FE1F01F1FE0E01,
        0x011FE0FE010EF1FE,
        0x1FE0E01F0EF1F10E,
        0xE0FEFEE0F1FEFEF1,
        0x011FFEE0010EFEF1,
        0x1FE0FE010EF1FE01,
        0xFE0101FEFE0101FE,
        0x01E01FFE01F10EFE,
        0x1FFE01E00EFE01F1,
        0xFE011FE0FE010EF1,
        0xFE01E01FFE01F10E,
        0x1FFEE0010EFEF101,
        0xFE1F01E0FE0E01F1,
        0x01E0E00101F1F101,
        0x1FFEFE1F0EFEFE0E,
        0xFE1FE001FE0EF101,
        0x01E0FE1F01F1FE0E,
        0xE00101E0F10101F1,
        0xFE1F1FFEFE0E0EFE,
        0x01FE1FE001FE0EF1,
        0xE0011FFEF1010EFE,
        0xFEE0011FFEF1010E,
        0x01FEE01F01FEF10E,
        0xE001FE1FF101FE0E,
        0xFEE01F01FEF10E01,
        0x01FEFE0101FEFE01,
        0xE01F01FEF10E01FE,
        0xFEE0E0FEFEF1F1FE,
        0x1F01011F0E01010E,
        0xE01F1FE0F10E0EF1,
        0xFEFE0101FEFE0101,
        0x1F01E0FE0E01F1FE,
        0xE01FFE01F10EFE01,
        0xFEFE1F1FFEFE0E0E,
        0x1F01FEE00E01FEF1,
        0xE0E00101F1F10101,
        0xFEFEE0E0FEFEF1F1,
    ];

    #[test]
    fn weak_parts_are_those_of_sp_800_67_and_no_others() {
        // All candidates of the rule: four bytes of the alphabet, and what they stand for.
        let mut found = 0;
        for number in 0..256usize {
            let at = [number >> 6, number >> 4 & 3, number >> 2 & 3, number & 3];
            let part: [u8; 8] = core::array::from_fn(|i| if i < 4 { ALPHABET[at[i]] } else { SECOND[at[i - 4]] });
            let weak = WEAK.contains(&u64::from_be_bytes(part));
            assert_eq!(is_weak(&part), weak, "{part:02x?}");
            found += usize::from(weak);
        }
        assert_eq!(found, WEAK.len());
        assert!(!is_weak(&[0x01; 8].map(|byte| byte ^ 2)) && !is_weak(&[0x1F; 8]));
    }

    #[test]
    fn parity_is_odd_and_keys_of_equal_parts_are_none() {
        let mut key = bytes("000000000000010380ff7f0102040810");
        assert!(settle_key(&mut key));
        assert_eq!(key, bytes("010101010101010280fe7f0102040810"));
        assert!(key.iter().all(|byte| byte.count_ones() % 2 == 1));
        let strong = bytes("0123456789abcdef23456789abcdef01456789abcdef0123");
        assert!(settle_key(&mut strong.clone()));
        for at in [0, 8] {
            let mut repeated = strong.clone();
            repeated.copy_within(at..at + 8, at + 8);
            // A difference in the parity is none.
            repeated[at] ^= 1;
            assert!(!settle_key(&mut repeated), "{at}");
        }
        // Only neighbours count: three keys whose first and last are the same are two-key triple DES.
        let mut two = strong.clone();
        two.copy_within(0..8, 16);
        assert!(settle_key(&mut two));
        let mut weak = strong;
        weak[8..16].copy_from_slice(&WEAK[20].to_be_bytes());
        assert!(!settle_key(&mut weak));
    }
}
