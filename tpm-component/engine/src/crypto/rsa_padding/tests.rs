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

/// PKCS#1 signatures of "message of the test" with the other hashes, which OpenSSL 3.0 made with the key of the self-test.
#[cfg(feature = "sha3")]
#[test]
fn digest_info_of_sha3_is_openssl_s() {
    use crate::crypto::{hash, rsa::public_operation, self_test::RSA_MODULUS};
    let modulus = bytes(RSA_MODULUS);
    both_ways(|host| {
        for (alg, signature) in [
            (
                TpmiAlgHash::Sha3256,
                concat!(
                    "901c55c9cf259ea24a7aebe8a242a89e6884cf9556a3c37ee4009d168182cc6d69da70d9f447f200a0a51525a594fd67",
                    "bce56686a446b1fecf0f88b9139d9eb6bf67f0fd3ad53abfe996f9f3b3c4f98cbe51426fce7912536bebfab3107db2a3",
                    "ceb95126ef8b6a6bf49baf5bdcc63ca171bf8222fd51608d4e4c66dbfb52ea9bbda436cf93980b7f850c9ae6739369f5",
                    "5810b7e5665cfd03fe9821bacad1e42b1bfd1e4b74b9fcfca3078a25ff5854343c49db5e12583e55805e70d8f65ec314",
                    "da87101c36b617ae13c0a5d1ba85906270cd580aa5a4d41b85de3332a263a207162a280210d8425cc9a0e9ef33cf3408",
                    "9812615750c28b8888645a8024827df0",
                ),
            ),
            (
                TpmiAlgHash::Sha3384,
                concat!(
                    "3c9e773496a1bd1fb9f3a0475705b52ba6721cf374cd15939515ead5aeb8afd267c194ea543a0104c65b92512ba68d04",
                    "ecd407d649a67170bcd423d6587ab03e1c8d508fe6463edafd267d6037d554c3205e35046dcdbcbce166d8053c903707",
                    "d54ba9a4fb18fbab6a328f4eb261836215b31645eb1edab80c229de9823c5b8d322ca05c36f14afd6e2fb027c921a974",
                    "139b9f3934ad67fe1324a6cf312833674c8ebff1d449cdfdada9f954cf1b58a14b06a1f0fa817d2b266d1e2f7987c9d2",
                    "3147bccd8a09932ef11e27ae38025e8c245669160a085d278a783bf077fcfe62bcf77773eda49cead212537691859ec6",
                    "2552cbff5fd5492041d20e4994c5ee67",
                ),
            ),
            (
                TpmiAlgHash::Sha3512,
                concat!(
                    "96abb1fcea4e614eb1cd8fcc5ca8ad8a912caf12549dc54512b7797fb505b63e95d75c70a3a3ad981d1b9429be76b67f",
                    "0e0879ce573ab53f9040465b3420612e6aee72bb9e2e274b23c7e674ce6d34590a459d2b47be59b48264bc50f0b57c92",
                    "956bd906dbd692da265e90e2edba19b1400d633cbbd9fcacb937d2c0f5354b3283823273830407230328fd87c0700704",
                    "d81eb8f490780dda088dc014f7a69af4df4fdf3fd66ffae9891efda275787bf7b97554cf1ca39a142b5389c896ff98ae",
                    "9a3165a2ae355c06fbb8b079a1eae4148f9332bcefee5d71cb16783c1f6449c7fa3890447ef035da1291fbd53d1af648",
                    "ce562172f7d1c558fdbeb129f15ee3d9",
                ),
            ),
        ] {
            let digest = hash(host, alg, &[b"message of the test"]);
            let block = pkcs1_signature(alg, digest.as_bytes(), modulus.len()).expect("fits");
            assert_eq!(
                public_operation(host, &modulus, 65537, &bytes(signature)),
                Ok(block),
                "{alg:?}"
            );
        }
    });
}
