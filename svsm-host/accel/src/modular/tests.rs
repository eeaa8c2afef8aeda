//! Exponentiation against crypto-bigint and algebra, Miller-Rabin with known primes and pseudoprimes, and operands that are refused.

use super::*;
use alloc::{vec, vec::Vec};
use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};

/// Reproducible bytes (xorshift64*), so that a failure can be repeated.
struct Source(u64);

impl Source {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| {
                self.0 ^= self.0 >> 12;
                self.0 ^= self.0 << 25;
                self.0 ^= self.0 >> 27;
                (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
            })
            .collect()
    }
}

/// The same with crypto-bigint's boxed Montgomery form: another implementation.
fn reference(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let bits = modulus.len() as u32 * 8;
    let read = |bytes: &[u8], bits: u32| BoxedUint::from_be_slice(bytes, bits).expect("fits");
    let params = BoxedMontyParams::new(Odd::new(read(modulus, bits)).expect("odd"));
    let power = BoxedMontyForm::new(read(base, bits), &params).pow(&read(exponent, exponent.len() as u32 * 8));
    let full = power.retrieve().to_be_bytes();
    full[full.len() - modulus.len()..].to_vec()
}

#[test]
fn mod_exp_every_limb_count_agrees_with_crypto_bigint() {
    let mut source = Source(0x1234_5678_9abc_def1);
    for length in [1, 8, 16, 31, 32, 33, 64, 96, 100, 128, 192, 255, 256, 384, 511, 512] {
        for exponent_length in [1, 3, 8, 33, length] {
            let mut modulus = source.bytes(length);
            modulus[0] |= 0x80;
            modulus[length - 1] |= 1;
            let mut base = source.bytes(length);
            base[0] &= 0x7f;
            let exponent = source.bytes(exponent_length);
            assert_eq!(
                mod_exp(&base, &exponent, &modulus),
                Ok(reference(&base, &exponent, &modulus)),
                "{length} bytes, exponent of {exponent_length}"
            );
        }
    }
}

#[test]
fn mod_exp_modulus_with_leading_zero_bits_agrees_with_crypto_bigint() {
    let mut source = Source(77);
    for zeros in 0..20 {
        let mut modulus = source.bytes(40);
        modulus[..zeros].fill(0);
        modulus[39] |= 1;
        let mut base = source.bytes(40);
        base[..=zeros].fill(0);
        let exponent = source.bytes(40);
        assert_eq!(
            mod_exp(&base, &exponent, &modulus),
            Ok(reference(&base, &exponent, &modulus)),
            "{zeros} zero bytes"
        );
    }
}

#[test]
fn mod_exp_extreme_values_follow_from_algebra() {
    // n = 2^1024 - 1 carries out of every limb; (n - 1)^2 = 1 and (n - 1)^3 = n - 1 for every n.
    for length in [16, 128, 256, 512] {
        let modulus = vec![0xff; length];
        let mut minus_one = modulus.clone();
        minus_one[length - 1] = 0xfe;
        let mut one = vec![0; length];
        one[length - 1] = 1;
        assert_eq!(mod_exp(&minus_one, &[2], &modulus), Ok(one.clone()));
        assert_eq!(mod_exp(&minus_one, &[3], &modulus), Ok(minus_one.clone()));
        assert_eq!(mod_exp(&minus_one, &[0], &modulus), Ok(one.clone()), "x^0 = 1");
        assert_eq!(
            mod_exp(&[], &[5], &modulus),
            Ok(vec![0; length]),
            "an empty base is zero"
        );
    }
}

#[test]
fn mod_exp_bad_operands_are_refused() {
    let bad = Err(Refusal::BadOperand);
    assert_eq!(mod_exp(&[1], &[1], &[]), bad, "no modulus");
    assert_eq!(mod_exp(&[], &[1], &[1]), bad, "modulus 1");
    assert_eq!(mod_exp(&[0], &[1], &[0, 1]), bad, "modulus 1, padded");
    assert_eq!(mod_exp(&[1], &[1], &[4]), bad, "even modulus");
    assert_eq!(mod_exp(&[1], &[1], &[0; 32]), bad, "modulus 0");
    assert_eq!(mod_exp(&[5], &[1], &[5]), bad, "base not below the modulus");
    assert_eq!(mod_exp(&[0, 1], &[1], &[5]), bad, "base longer than the modulus");
    assert_eq!(mod_exp(&[1], &[], &[5]), bad, "no exponent");
    assert_eq!(mod_exp(&[1], &[1; 513], &[5]), bad, "exponent too long");
    assert_eq!(mod_exp(&[1], &[1], &[5; 513]), bad, "modulus too long");
}

/// 2^bits - 1 in as many bytes as it needs.
fn mersenne(bits: usize) -> Vec<u8> {
    let mut out = vec![0xff; bits.div_ceil(8)];
    out[0] = 0xff >> (out.len() * 8 - bits);
    out
}

fn base(value: u8, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    out[length - 1] = value;
    out
}

#[test]
fn miller_rabin_mersenne_primes_pass_and_composites_fail() {
    // The exponents of Mersenne primes (OEIS A000043), and exponents between them.
    for bits in [127, 521, 607, 1279] {
        let candidate = mersenne(bits);
        let bases: Vec<u8> = [2, 3, 5, 7, 11]
            .iter()
            .flat_map(|b| base(*b, candidate.len()))
            .collect();
        assert_eq!(miller_rabin(&candidate, &bases), Ok(true), "2^{bits} - 1");
    }
    for bits in [131, 523, 1021, 2047] {
        let candidate = mersenne(bits);
        assert_eq!(
            miller_rabin(&candidate, &base(3, candidate.len())),
            Ok(false),
            "2^{bits} - 1"
        );
    }
}

#[test]
fn miller_rabin_fermat_number_passes_base_two_and_fails_base_three() {
    // F7 = 2^128 + 1 is composite and, like every Fermat number, a strong pseudoprime to base 2 (and has 128 twos in F7 - 1).
    let mut f7 = vec![0; 17];
    f7[0] = 1;
    f7[16] = 1;
    assert_eq!(miller_rabin(&f7, &base(2, 17)), Ok(true));
    assert_eq!(miller_rabin(&f7, &base(3, 17)), Ok(false));
    assert_eq!(miller_rabin(&f7, &[base(2, 17), base(3, 17)].concat()), Ok(false));
}

#[test]
fn miller_rabin_base_two_is_no_special_case() {
    // Whether n passes with base 2 is a matter of 2^((n-1)/2^s) and its squares; compared with mod_exp on odd numbers in a row.
    let mut source = Source(5);
    let mut candidate = source.bytes(33);
    candidate[0] |= 1;
    for low in (1..=255).step_by(2) {
        candidate[32] = low;
        let mut exponent = candidate.clone();
        exponent[32] -= 1;
        let mut minus_one = candidate.clone();
        minus_one[32] -= 1;
        let mut passes = false;
        let first = mod_exp(&[2], &exponent, &candidate).expect("good operands");
        if first == base(1, 33) {
            while exponent[32].is_multiple_of(2) {
                let mut carry = 0;
                for byte in exponent.iter_mut() {
                    let next = *byte & 1;
                    *byte = *byte >> 1 | carry << 7;
                    carry = next;
                }
                let root = mod_exp(&[2], &exponent, &candidate).expect("good operands");
                if root != base(1, 33) {
                    passes = root == minus_one;
                    break;
                }
                passes = exponent[32] % 2 == 1;
            }
        }
        assert_eq!(miller_rabin(&candidate, &base(2, 33)), Ok(passes), "last byte {low}");
    }
}

#[test]
fn miller_rabin_bad_operands_are_refused() {
    let bad = Err(Refusal::BadOperand);
    let candidate = mersenne(127);
    assert_eq!(miller_rabin(&candidate, &[]), bad, "no base");
    assert_eq!(miller_rabin(&candidate, &base(2, 15)), bad, "base of another length");
    assert_eq!(miller_rabin(&candidate, &base(1, 16)), bad, "base 1");
    assert_eq!(miller_rabin(&candidate, &base(0, 16)), bad, "base 0");
    let mut minus_one = candidate.clone();
    minus_one[15] = 0xfe;
    assert_eq!(miller_rabin(&candidate, &minus_one), bad, "base candidate - 1");
    assert_eq!(miller_rabin(&minus_one, &base(2, 16)), bad, "even candidate");
    assert_eq!(miller_rabin(&base(3, 16), &base(2, 16)), bad, "candidate 3");
    assert_eq!(miller_rabin(&candidate, &base(2, 16).repeat(65)), bad, "too many bases");
    assert_eq!(miller_rabin(&[0xff; 15], &base(2, 15)), bad, "candidate too short");
    assert_eq!(miller_rabin(&[0xff; 257], &base(2, 257)), bad, "candidate too long");
}
