//! Curve arithmetic and the schemes on it, with and without the host's help, against published vectors.

use super::*;
use crate::crypto::{
    hash::hash,
    test_hosts::{both_ways, bytes, seq},
};
use crate::structures::TpmiAlgHash;
use TpmiEccCurve::{NistP256, NistP384};

/// RFC 6979 A.2.5 and A.2.6, message "sample": curve, hash, private key, public point, k, r, s.
fn rfc_6979() -> [(TpmiEccCurve, TpmiAlgHash, [Vec<u8>; 5]); 2] {
    [
        (
            NistP256,
            TpmiAlgHash::Sha256,
            [
                bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
                bytes(concat!(
                    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
                    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
                )),
                bytes("a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60"),
                bytes("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"),
                bytes("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
            ],
        ),
        (
            NistP384,
            TpmiAlgHash::Sha384,
            [
                bytes(
                    "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
                ),
                bytes(concat!(
                    "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
                    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
                )),
                bytes(
                    "94ed910d1a099dad3254e9242ae85abde4ba15168eaf0ca87a555fd56d10fbca2907e3e83ba95368623b8c4686915cf9",
                ),
                bytes(
                    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
                ),
                bytes(
                    "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
                ),
            ],
        ),
    ]
}

#[test]
fn ecdsa_rfc_6979_vectors_sign_and_verify() {
    both_ways(|host| {
        for (curve, alg, [private, point, nonce, r, s]) in rfc_6979() {
            assert_eq!(public_point(host, curve, &private), Ok(point.clone()), "{curve:?}");
            let digest = hash(host, alg, &[b"sample"]);
            let signature = sign_with_nonce(host, curve, &private, digest.as_bytes(), &nonce).expect("good operands");
            assert_eq!(
                signature,
                Some(EcdsaSignature {
                    r: r.clone(),
                    s: s.clone()
                }),
                "{curve:?}"
            );
            assert!(ecdsa_verify(host, curve, &point, digest.as_bytes(), &r, &s));
            assert!(
                !ecdsa_verify(host, curve, &point, digest.as_bytes(), &s, &r),
                "{curve:?}, halves exchanged"
            );
            assert!(
                !ecdsa_verify(host, curve, &point, &[1; 32], &r, &s),
                "{curve:?}, other digest"
            );
        }
    });
}

#[test]
fn ecdsa_any_digest_size_signs_and_verifies() {
    both_ways(|host| {
        for (curve, _, [private, point, ..]) in rfc_6979() {
            for alg in TpmiAlgHash::ALL {
                let digest = hash(host, *alg, &[b"message"]);
                let mut drbg = Drbg::new(host, &[b"nonce"]);
                let signature = ecdsa_sign(host, &mut drbg, curve, &private, digest.as_bytes()).expect("a key");
                assert!(ecdsa_verify(
                    host,
                    curve,
                    &point,
                    digest.as_bytes(),
                    &signature.r,
                    &signature.s
                ));
                // Zeros in front may be missing, as Part 2 lets a TPM2B_ECC_PARAMETER be short; more bytes may not be there.
                let long = padded(&signature.r, curve.size() + 1).expect("longer");
                assert!(!ecdsa_verify(
                    host,
                    curve,
                    &point,
                    digest.as_bytes(),
                    &long,
                    &signature.s
                ));
            }
        }
    });
}

#[test]
fn ecdsa_bad_signatures_and_points_do_not_verify() {
    both_ways(|host| {
        for (curve, alg, [_, point, _, r, s]) in rfc_6979() {
            let digest = hash(host, alg, &[b"sample"]);
            let zero = alloc::vec![0; curve.size()];
            let big = alloc::vec![0xff; curve.size()];
            for (r, s) in [(&zero, &s), (&r, &zero), (&big, &s), (&r, &big), (&Vec::new(), &s)] {
                assert!(!ecdsa_verify(host, curve, &point, digest.as_bytes(), r, s), "{curve:?}");
            }
            let mut off = point.clone();
            off[5] ^= 1;
            assert!(!is_on_curve(curve, &off));
            assert!(!ecdsa_verify(host, curve, &off, digest.as_bytes(), &r, &s));
            assert_eq!(ecdh(host, curve, &s, &off), Err(CryptoError::BadOperand));
            assert_eq!(ecdh(host, curve, &s, &point[1..]), Err(CryptoError::BadOperand));
            assert_eq!(ecdh(host, curve, &s, &[]), Err(CryptoError::BadOperand));
        }
    });
}

#[test]
fn ecdh_secret_sharing_vector_matches() {
    // facts/tpm/vectors.md §2, "Full ECC secret-sharing vector P-256".
    let static_point = bytes(concat!(
        "261efbd3550cf068ef013ed7366ba32f5d6fe557b4b2abce8ade58cba168a55e",
        "1788a0b29a56a6abec4084c0c96bd3dcbca6b507f35dbea9e985708479d8bdc9"
    ));
    both_ways(|host| {
        let secret = ecdh(host, NistP256, &seq(32, 0x01), &static_point).expect("on the curve");
        assert_eq!(
            secret[..32],
            bytes("7434f2c52e0d08dc73394aae3d2d55d5b88bc570f21cc2b8f8b80b273ddbf76f")
        );
    });
}

#[test]
fn scalar_from_wide_matches_the_derivation_vector() {
    // facts/tpm/vectors.md §9: derived ECC P-256, first 40 bytes of the stream, mod n - 1, plus 1.
    let stream = bytes("15df43b08bd895c51db5213c037d53ed34c73469af636d1ed1ef08d888a511f20a70ea6663fd336d");
    let expected = bytes("a98db70061c57a783a82c662eb6511a73d20a49968ce6fb90fed9b0203dc55de");
    assert_eq!(*scalar_from_wide(NistP256, &stream).expect("right length"), expected);
    for curve in [NistP256, NistP384] {
        // The least and the greatest that can come out: 0 + 1, and (n - 2) + 1.
        let mut one = alloc::vec![0; curve.size()];
        one[curve.size() - 1] = 1;
        assert_eq!(
            *scalar_from_wide(curve, &alloc::vec![0; curve.size() + 8]).expect("right length"),
            one
        );
        assert!(is_private_key(curve, &one));
    }
    assert!(!is_private_key(NistP256, &[0; 32]));
    assert!(!is_private_key(NistP256, &[0xff; 32]));
    assert!(is_private_key(NistP256, &P256_LAST));
    assert!(is_private_key(NistP384, &P384_LAST));
    assert!(!is_private_key(NistP256, &[1; 31]));
}
