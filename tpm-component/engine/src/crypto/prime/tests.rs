//! Prime search and primality tests, with and without the host's help.

use super::*;
use crate::crypto::test_hosts::both_ways;
use svsm_accel::NativeArithmetic;
use tpm_contract::Refusal;

const E: NonZeroU32 = NonZeroU32::new(65537).expect("not zero");

/// Counts the Miller-Rabin calls of the native arithmetic.
struct Counting(NativeArithmetic, usize);

impl Arithmetic for Counting {
    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        self.1 += 1;
        self.0.miller_rabin(candidate, bases)
    }
}

#[test]
fn small_primes_are_those_of_trial_division() {
    let expected: Vec<u32> = (3..SIEVE_BOUND as u32)
        .filter(|number| is_small_prime(*number))
        .collect();
    assert_eq!(small_primes().collect::<Vec<_>>(), expected);
}

#[test]
fn sieve_marks_exactly_the_multiples_of_small_primes() {
    // A start with every kind of residue; checked by dividing each number of the window.
    let mut start = [0u8; 32];
    for (i, byte) in start.iter_mut().enumerate() {
        *byte = (i * 37 + 11) as u8 | 1;
    }
    for (i, composite) in sieve(&start).iter().enumerate() {
        let number = plus(&start, 2 * i as u64).expect("fits");
        assert_eq!(
            *composite,
            small_primes().any(|prime| residue(&number, prime) == 0),
            "offset {i}"
        );
    }
}

#[test]
fn generate_gives_primes_of_the_wanted_form_in_few_calls() {
    let mut host = Counting(NativeArithmetic, 0);
    let mut drbg = Drbg::new(&mut host, &[b"primes"]);
    const KEYS: usize = 8;
    for _ in 0..2 * KEYS {
        let prime = generate(&mut host, &mut drbg, 1024, E).expect("good parameters");
        assert_eq!((prime.len(), prime[0] & 0xc0), (128, 0xc0));
        assert_ne!(residue(&prime, 65537), 1, "p - 1 and e have no common factor");
        // Twenty other bases agree that it is one (bases below 72, FIPS 186-5 B.3.1).
        for base in (3..72).filter(|base| is_small_prime(*base)) {
            let mut bytes = alloc::vec![0; 128];
            bytes[127] = base as u8;
            assert_eq!(NativeArithmetic.miller_rabin(&prime, &bytes), Ok(true));
        }
    }
    // Sieving to 2^15 leaves 2 e^-gamma / ln 2^15 * 1024 ln 2 / 2 = 38 candidates for a prime, on average.
    assert!(
        (40..110).contains(&(host.1 / KEYS)),
        "{} calls for one key",
        host.1 / KEYS
    );
}

#[test]
fn generate_smaller_primes_agree_both_ways() {
    let mut found = Vec::new();
    both_ways(|host| {
        let mut drbg = Drbg::new(host, &[b"small primes"]);
        found.push(generate(host, &mut drbg, 256, E).expect("good parameters"));
    });
    assert_eq!(found[0], found[1]);
    both_ways(|host| {
        let mut drbg = Drbg::new(host, &[b"small primes"]);
        assert_eq!(generate(host, &mut drbg, 1000, E), Err(CryptoError::BadOperand));
        assert_eq!(generate(host, &mut drbg, 0, E), Err(CryptoError::BadOperand));
    });
}

#[test]
fn plus_carries_and_notices_overflow() {
    assert_eq!(plus(&[0, 0xff, 0xff], 1).as_deref(), Some(&Vec::from([1, 0, 0])));
    assert_eq!(plus(&[0xff, 0xff], 2), None);
}
