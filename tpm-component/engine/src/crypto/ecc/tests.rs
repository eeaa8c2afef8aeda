//! Curve arithmetic and the schemes on it, with and without the host's help, against published vectors.

use super::*;
use crate::crypto::{
    hash::hash,
    test_hosts::{both_ways, bytes, seq},
};
use crate::structures::TpmiAlgHash;
use TpmiEccCurve::{NistP224, NistP256, NistP384, NistP521};

/// RFC 6979 A.2.4 to A.2.7, message "sample": curve, hash, private key, public point, k, r, s.
fn rfc_6979() -> [(TpmiEccCurve, TpmiAlgHash, [Vec<u8>; 5]); 4] {
    [
        (
            NistP224,
            TpmiAlgHash::Sha256,
            [
                bytes("f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1"),
                bytes(concat!(
                    "00cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6c",
                    "eeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a"
                )),
                bytes("ad3029e0278f80643de33917ce6908c70a8ff50a411f06e41dedfcdc"),
                bytes("61aa3da010e8e8406c656bc477a7a7189895e7e840cdfe8ff42307ba"),
                bytes("bc814050dab5d23770879494f9e0a680dc1af7161991bde692b10101"),
            ],
        ),
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
        (
            NistP521,
            TpmiAlgHash::Sha512,
            [
                bytes(concat!(
                    "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75ca",
                    "a896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538"
                )),
                bytes(concat!(
                    "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd37",
                    "1123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4",
                    "00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28",
                    "a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5"
                )),
                bytes(concat!(
                    "01dae2ea071f8110dc26882d4d5eae0621a3256fc8847fb9022e2b7d28e6f10198",
                    "b1574fdd03a9053c08a1854a168aa5a57470ec97dd5ce090124ef52a2f7ecbffd3"
                )),
                bytes(concat!(
                    "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f17",
                    "4e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa"
                )),
                bytes(concat!(
                    "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af28",
                    "2623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a"
                )),
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
                Some(EccSignature {
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
    for curve in [NistP224, NistP256, NistP384, NistP521] {
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
    for (curve, last) in LAST {
        let mut order = bytes(last);
        assert!(is_private_key(curve, &order), "{curve:?}, the order less one");
        *order.last_mut().expect("not empty") += 1;
        assert!(!is_private_key(curve, &order), "{curve:?}, the order");
    }
    assert!(!is_private_key(NistP256, &[1; 31]));
}

/// The orders less one (SP 800-186 §3.2.1).
const LAST: [(TpmiEccCurve, &str); 4] = [
    (NistP224, "ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3c"),
    (
        NistP256,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
    ),
    (
        NistP384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52972",
    ),
    (
        NistP521,
        concat!(
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386408"
        ),
    ),
];

#[test]
fn ecdh_cavp_vectors_match() {
    // NIST CAVP, KAS_ECC_CDH_PrimitiveTest, COUNT = 0 of P-224 and P-521 (the self-test has those of the other curves).
    let cases = [
        (
            NistP224,
            "8346a60fc6f293ca5a0d2af68ba71d1dd389e5e40837942df3e43cbd",
            concat!(
                "af33cd0629bc7e996320a3f40368f74de8704fa37b8fab69abaae280",
                "882092ccbba7930f419a8a4f9bb16978bbc3838729992559a6f2e2d7"
            ),
            "7d96f9a3bd3c05cf5cc37feb8b9d5209d5c2597464dec3e9983743e8",
        ),
        (
            NistP521,
            concat!(
                "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4ea",
                "c6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47"
            ),
            concat!(
                "00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a949034085433",
                "4b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d",
                "01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83",
                "bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676"
            ),
            concat!(
                "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e1366",
                "72d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831"
            ),
        ),
    ];
    both_ways(|host| {
        for (curve, private, point, shared) in cases {
            let product = ecdh(host, curve, &bytes(private), &bytes(point)).expect("on the curve");
            assert_eq!(product[..curve.size()], bytes(shared), "{curve:?}");
        }
    });
}
