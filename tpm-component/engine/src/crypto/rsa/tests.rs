//! RSA keys and operations, with and without the host's help, against keys of OpenSSL.

use super::*;
use crate::crypto::{
    hash,
    rsa::{openssl, openssl_4096},
    rsa_padding,
    test_hosts::{both_ways, bytes},
};
use crate::structures::TpmiAlgHash::{Sha384, Sha512};
use svsm_accel::NativeArithmetic;
use tpm_contract::Refusal;

#[test]
fn operation_agrees_with_openssl_both_ways() {
    let expected = bytes(openssl::RAW_OF_33);
    both_ways(|host| {
        for prime in [openssl::P, openssl::Q] {
            let key = RsaPrivate::from_prime(host, &bytes(openssl::N), 65537, &bytes(prime)).expect("a key");
            let message = [0x33; 256];
            let result = key.operation(host, &message).expect("below the modulus");
            assert_eq!(*result, expected);
            assert_eq!(
                public_operation(host, key.modulus(), 65537, &result),
                Ok(message.to_vec())
            );
            assert_eq!(*key.prime(), bytes(prime));
        }
    });
}

#[test]
fn operation_extreme_messages_come_back() {
    let mut last = bytes(openssl::N);
    last[255] -= 1;
    both_ways(|host| {
        let key = RsaPrivate::from_prime(host, &bytes(openssl::N), 65537, &bytes(openssl::P)).expect("a key");
        // 0, 1, n - 1, p and q are where the remainder theorem could slip.
        let mut one = alloc::vec![0; 256];
        one[255] = 1;
        let p = [alloc::vec![0; 128], bytes(openssl::P)].concat();
        let q = [alloc::vec![0; 128], bytes(openssl::Q)].concat();
        for message in [alloc::vec![0; 256], one, last.clone(), p, q] {
            let result = key.operation(host, &message).expect("below the modulus");
            assert_eq!(public_operation(host, key.modulus(), 65537, &result), Ok(message));
        }
        assert_eq!(
            key.operation(host, &bytes(openssl::N)),
            Err(CryptoError::BadOperand),
            "the modulus itself"
        );
        assert_eq!(
            key.operation(host, &[1; 255]),
            Err(CryptoError::BadOperand),
            "too short"
        );
    });
}

#[test]
fn from_prime_refuses_what_does_not_fit() {
    let host = &mut NativeArithmetic;
    let (n, p) = (bytes(openssl::N), bytes(openssl::P));
    let refused = |host: &mut NativeArithmetic, n: &[u8], e: u32, p: &[u8]| {
        RsaPrivate::from_prime(host, n, e, p)
            .map(|_| ())
            .expect_err("not a key")
            == CryptoError::BadOperand
    };
    let mut other = p.clone();
    other[127] ^= 2;
    assert!(refused(host, &n, 65537, &other), "not a factor");
    assert!(refused(host, &n, 65537, &p[1..]), "short");
    assert!(refused(host, &n, 65537, &[0; 128]), "zero");
    assert!(refused(host, &[0; 256], 65537, &p), "no modulus");
    assert!(refused(host, &n, 0, &p), "no exponent");
    assert!(refused(host, &n, 4, &p), "even exponent");
}

#[test]
fn operation_wrong_arithmetic_is_a_fault_and_gives_nothing() {
    /// A host that miscalculates modulo one prime: the classical fault attack on the remainder theorem.
    struct Faulty(NativeArithmetic, u32);
    impl Arithmetic for Faulty {
        fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
            let mut result = self.0.mod_exp(base, exponent, modulus)?;
            self.1 += 1;
            if self.1 == 3 {
                result[20] ^= 1;
            }
            Ok(result)
        }
    }
    /// A host that miscalculates the whole.
    struct FaultyPrivate;
    impl Arithmetic for FaultyPrivate {
        fn rsa_private(
            &mut self,
            input: &[u8],
            primes: [&[u8]; 2],
            exponents: [&[u8]; 2],
            q_inverse: &[u8],
        ) -> Result<alloc::vec::Vec<u8>, Refusal> {
            let mut result = NativeArithmetic.rsa_private(input, primes, exponents, q_inverse)?;
            result[20] ^= 1;
            Ok(result)
        }
    }
    let key = RsaPrivate::from_prime(&mut NativeArithmetic, &bytes(openssl::N), 65537, &bytes(openssl::P));
    let key = key.expect("a key");
    assert_eq!(key.operation(&mut FaultyPrivate, &[0x33; 256]), Err(CryptoError::Fault));
    let mut host = Faulty(NativeArithmetic, 0);
    // The first call inverts q, the second and the third raise to d_p and d_q.
    let key = RsaPrivate::from_prime(&mut host, &bytes(openssl::N), 65537, &bytes(openssl::P)).expect("a key");
    assert_eq!(key.operation(&mut host, &[0x33; 256]), Err(CryptoError::Fault));
    assert!(
        key.operation(&mut host, &[0x33; 256]).is_ok(),
        "the next one is right again"
    );
}

#[test]
fn operation_host_with_powers_only_agrees() {
    /// A host of an earlier version of the contract.
    struct PowersOnly;
    impl Arithmetic for PowersOnly {
        fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
            NativeArithmetic.mod_exp(base, exponent, modulus)
        }
    }
    let key = RsaPrivate::from_prime(&mut PowersOnly, &bytes(openssl::N), 65537, &bytes(openssl::P)).expect("a key");
    let result = key.operation(&mut PowersOnly, &[0x33; 256]).expect("below the modulus");
    assert_eq!(*result, bytes(openssl::RAW_OF_33));
}

#[test]
fn generate_is_the_same_key_both_ways() {
    let mut moduli = alloc::vec::Vec::new();
    both_ways(|host| {
        let mut drbg = Drbg::new(host, &[b"a fixed seed for this test"]);
        let key = RsaPrivate::generate(host, &mut drbg, 2048, 65537).expect("good parameters");
        assert_eq!(key.modulus().len(), 256);
        assert!(key.modulus()[0] & 0x80 != 0);
        let again = RsaPrivate::from_prime(host, key.modulus(), 65537, &key.prime()).expect("its own prime");
        let result = again.operation(host, &[0x33; 256]).expect("below the modulus");
        assert_eq!(
            public_operation(host, key.modulus(), 65537, &result),
            Ok([0x33; 256].to_vec())
        );
        moduli.push(key.modulus().to_vec());
    });
    assert_eq!(moduli[0], moduli[1]);
}

#[test]
fn exponents_must_be_primes_from_65537() {
    // 65537 and 65539 are primes, 65541 = 3 * 21847; 2^32 - 5 is the largest prime of 32 bits.
    for (exponent, good) in [
        (65537, true),
        (65539, true),
        (65541, false),
        (3, false),
        (0, false),
        (65536, false),
        (u32::MAX - 4, true),
    ] {
        assert_eq!(is_good_exponent(exponent), good, "{exponent}");
    }
}

#[test]
fn rsa_4096_agrees_with_openssl_both_ways() {
    let modulus = bytes(openssl_4096::N);
    both_ways(|host| {
        let key = RsaPrivate::from_prime(host, &modulus, 65537, &bytes(openssl_4096::P)).expect("a key");
        let digest = hash(host, Sha512, &[b"message of the test"]);
        let block =
            public_operation(host, &modulus, 65537, &bytes(openssl_4096::PSS_SHA512)).expect("below the modulus");
        assert!(rsa_padding::pss_verify(host, Sha512, digest.as_bytes(), &block));
        let digest = hash(host, Sha384, &[b"message of the test"]);
        let block = rsa_padding::pkcs1_signature(Sha384, digest.as_bytes(), 512).expect("fits");
        let signature = key.operation(host, &block).expect("below the modulus");
        assert_eq!(*signature, bytes(openssl_4096::PKCS1_SHA384));
        let block = key
            .operation(host, &bytes(openssl_4096::OAEP_SHA384))
            .expect("below the modulus");
        let plain = rsa_padding::oaep_decrypt(host, Sha384, b"IDENTITY\0", &block).expect("good");
        assert_eq!(*plain, b"secret");
    });
}

#[test]
fn totient_is_that_of_euler() {
    // OEIS A000010, and of primes and products of primes.
    for (number, expected) in [
        (1, 1),
        (2, 1),
        (7, 6),
        (9, 6),
        (15, 8),
        (36, 12),
        (65_535, 32_768),
        (65_537, 65_536),
        (u32::MAX, 2_147_483_648),
        (u32::MAX - 4, 4_294_967_290),
    ] {
        assert_eq!(totient(number), expected, "{number}");
    }
}

#[test]
fn composite_exponents_have_inverses_where_they_can() {
    // 3 divides both primes of OpenSSL's key less one, 17 and 257 neither: their product 4369 is composite and has an inverse.
    let host = &mut NativeArithmetic;
    let (n, p) = (bytes(openssl::N), bytes(openssl::P));
    for exponent in [17, 257, 4369] {
        let key = RsaPrivate::from_prime(host, &n, exponent, &p).expect("has an inverse");
        let result = key.operation(host, &[0x33; 256]).expect("below the modulus");
        assert_eq!(public_operation(host, &n, exponent, &result), Ok([0x33; 256].to_vec()));
    }
    for exponent in [9, 15, 65_535, 65_536] {
        assert!(RsaPrivate::from_prime(host, &n, exponent, &p).is_err(), "{exponent}");
    }
}
