//! Paddings of RSA, against what OpenSSL made and what it accepts.

use super::*;
use crate::crypto::{
    rsa::{RsaPrivate, openssl, public_operation},
    test_hosts::{both_ways, bytes, seq},
};
use TpmiAlgHash::{Sha1, Sha256, Sha384, Sha512};

const MESSAGE: &[u8] = b"message of the test";

/// OpenSSL's signature or ciphertext after the public or the private operation.
fn opened(host: &mut dyn Arithmetic, text: &str, private: bool) -> Vec<u8> {
    let (n, block) = (bytes(openssl::N), bytes(text));
    if private {
        let key = RsaPrivate::from_prime(host, &n, 65537, &bytes(openssl::P)).expect("a key");
        key.operation(host, &block).expect("below the modulus").to_vec()
    } else {
        public_operation(host, &n, 65537, &block).expect("below the modulus")
    }
}

#[test]
fn pkcs1_signature_is_what_openssl_signs() {
    both_ways(|host| {
        for (alg, signature) in [
            (Sha1, openssl::PKCS1_SHA1),
            (Sha256, openssl::PKCS1_SHA256),
            (Sha384, openssl::PKCS1_SHA384),
            (Sha512, openssl::PKCS1_SHA512),
        ] {
            let digest = hash(host, alg, &[MESSAGE]);
            assert_eq!(
                pkcs1_signature(alg, digest.as_bytes(), 256),
                Ok(opened(host, signature, false)),
                "{alg:?}"
            );
        }
    });
    assert_eq!(
        pkcs1_signature(Sha256, &[0; 20], 256),
        Err(CryptoError::BadOperand),
        "digest of another size"
    );
    assert_eq!(
        pkcs1_signature(Sha512, &[0; 64], 90),
        Err(CryptoError::BadOperand),
        "no room"
    );
}

#[test]
fn pss_verifies_what_openssl_signs_with_any_salt() {
    both_ways(|host| {
        for (alg, signature) in [(Sha256, openssl::PSS_SHA256), (Sha384, openssl::PSS_SHA384_LONG_SALT)] {
            let digest = hash(host, alg, &[MESSAGE]);
            let block = opened(host, signature, false);
            assert!(pss_verify(host, alg, digest.as_bytes(), &block), "{alg:?}");
            let other = hash(host, alg, &[b"other"]);
            assert!(
                !pss_verify(host, alg, other.as_bytes(), &block),
                "{alg:?}, other message"
            );
            for bit in [0, 7, 1000, 255 * 8 - 1, 256 * 8 - 1] {
                let mut wrong = block.clone();
                wrong[bit / 8] ^= 0x80 >> (bit % 8);
                assert!(!pss_verify(host, alg, digest.as_bytes(), &wrong), "{alg:?}, bit {bit}");
            }
        }
    });
}

#[test]
fn pss_signature_verifies_with_its_salt_size() {
    both_ways(|host| {
        for alg in [Sha1, Sha256, Sha384, Sha512] {
            let digest = hash(host, alg, &[MESSAGE]);
            // facts/tpm/behaviours.md §12: min(hashLen, emLen - hashLen - 2).
            assert_eq!(pss_salt_size(alg, 256), alg.digest_size());
            let salt = seq(alg.digest_size(), 3);
            let block = pss_signature(host, alg, digest.as_bytes(), &salt, 256).expect("room");
            assert_eq!(block.len(), 256);
            assert!(pss_verify(host, alg, digest.as_bytes(), &block));
        }
        assert_eq!(pss_salt_size(Sha512, 128), 62);
        assert_eq!(
            pss_signature(host, Sha512, &[0; 64], &[0; 64], 128),
            Err(CryptoError::BadOperand)
        );
        assert!(!pss_verify(host, Sha512, &[0; 64], &[0xbc; 64]), "too short");
    });
}

#[test]
fn oaep_decrypts_what_openssl_encrypts() {
    both_ways(|host| {
        let block = opened(host, openssl::OAEP_SHA256, true);
        assert_eq!(
            *oaep_decrypt(host, Sha256, b"IDENTITY\0", &block).expect("good"),
            b"secret"
        );
        assert_eq!(
            oaep_decrypt(host, Sha256, b"IDENTITY", &block),
            Err(CryptoError::BadOperand),
            "other label"
        );
        assert_eq!(
            oaep_decrypt(host, Sha1, b"IDENTITY\0", &block),
            Err(CryptoError::BadOperand),
            "other hash"
        );
        for byte in [0, 1, 100, 255] {
            let mut wrong = block.clone();
            wrong[byte] ^= 1;
            assert_eq!(
                oaep_decrypt(host, Sha256, b"IDENTITY\0", &wrong),
                Err(CryptoError::BadOperand),
                "byte {byte}"
            );
        }
        assert_eq!(
            oaep_decrypt(host, Sha256, b"", &block[..65]),
            Err(CryptoError::BadOperand),
            "too short"
        );
    });
}

#[test]
fn oaep_encrypted_comes_back_up_to_the_longest_message() {
    both_ways(|host| {
        for length in [0, 1, 190] {
            let message = seq(length, 9);
            let block = oaep_encrypt(host, Sha256, b"", &message, &seq(32, 1), 256).expect("room");
            assert_eq!((block.len(), block[0]), (256, 0));
            assert_eq!(*oaep_decrypt(host, Sha256, b"", &block).expect("good"), message);
        }
        assert_eq!(
            oaep_encrypt(host, Sha256, b"", &[0; 191], &[0; 32], 256),
            Err(CryptoError::BadOperand)
        );
        assert_eq!(
            oaep_encrypt(host, Sha256, b"", &[], &[0; 31], 256),
            Err(CryptoError::BadOperand)
        );
    });
}

#[test]
fn pkcs1_decrypts_what_openssl_encrypts() {
    both_ways(|host| {
        let block = opened(host, openssl::RSAES, true);
        assert_eq!(*pkcs1_decrypt(&block).expect("good"), b"secret");
    });
}

#[test]
fn pkcs1_bad_blocks_are_refused() {
    let random = seq(256, 0);
    let good = pkcs1_encrypt(b"secret", &random, 256).expect("room");
    assert_eq!(*pkcs1_decrypt(&good).expect("good"), b"secret");
    for (byte, value) in [(0, 1), (1, 1), (5, 0)] {
        let mut wrong = good.to_vec();
        wrong[byte] = value;
        assert_eq!(pkcs1_decrypt(&wrong), Err(CryptoError::BadOperand), "byte {byte}");
    }
    let mut endless = good.to_vec();
    endless[2..].fill(7);
    assert_eq!(
        pkcs1_decrypt(&endless),
        Err(CryptoError::BadOperand),
        "no end of padding"
    );
    assert_eq!(pkcs1_decrypt(&good[..10]), Err(CryptoError::BadOperand), "too short");
    assert_eq!(
        pkcs1_encrypt(&[0; 246], &random, 256),
        Err(CryptoError::BadOperand),
        "eight bytes of padding at least"
    );
    assert!(pkcs1_encrypt(&[0; 245], &random, 256).is_ok());
}
