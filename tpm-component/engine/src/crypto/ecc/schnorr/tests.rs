//! Schnorr signatures, with and without the host's help. The known answers are in the self-test; other TPMs verify what is signed here in the
//! tests against swtpm.

use super::*;
use crate::crypto::{
    ecc::{public_point, random_scalar},
    test_hosts::{both_ways, seq},
};

#[test]
fn ecschnorr_signature_verifies_and_nothing_else_does() {
    both_ways(|host| {
        for curve in TpmiEccCurve::ALL.iter().copied() {
            for alg in TpmiAlgHash::ALL.iter().copied() {
                let mut drbg = Drbg::new(host, &[b"nonces"]);
                let private = random_scalar(host, &mut drbg, curve).expect("a scalar");
                let point = public_point(host, curve, &private).expect("a key");
                let digest = seq(alg.digest_size(), 1);
                let EccSignature { r, s } = sign(host, &mut drbg, curve, alg, &private, &digest).expect("a key");
                let mut good = |r: &[u8], s: &[u8], digest: &[u8]| verify(host, curve, alg, &point, digest, (r, s));
                assert!(good(&r, &s, &digest), "{curve:?} {alg:?}");
                assert!(!good(&s, &r, &digest), "halves exchanged");
                assert!(!good(&r, &s, &digest[1..]), "another digest");
                let zero = alloc::vec![0; curve.size()];
                let big = alloc::vec![0xff; curve.size()];
                for (r, s) in [(&zero, &s), (&r, &zero), (&big, &s), (&r, &big)] {
                    assert!(!good(r, s, &digest), "{curve:?}: a half out of its range");
                }
            }
        }
    });
}

#[test]
fn ecdaa_signature_satisfies_the_equation_of_its_commitment() {
    // Part 1 §C.4.2: s = r + T d, so that s G = R + T Q with R = r G, which the verifier knows from TPM2_Commit; checked with the engine's own
    // addition of points and T computed here.
    let curves = [
        TpmiEccCurve::NistP256,
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256,
    ];
    for curve in curves {
        both_ways(|host| {
            let alg = TpmiAlgHash::Sha256;
            let mut drbg = Drbg::new(host, &[b"keys"]);
            let private = random_scalar(host, &mut drbg, curve).expect("a scalar");
            let r = random_scalar(host, &mut drbg, curve).expect("a scalar");
            let digest = seq(32, 9);
            let signature = ecdaa_sign(host, &mut drbg, curve, alg, &private, &r, &digest).expect("a key");
            let left = public_point(host, curve, &signature.s).expect("below the order");
            let t = hash(host, alg, &[&signature.r, &digest]);
            // Of a SHA-256 digest, all but one in 2^32 are below the order of P-256, and of BN_P256 all but one in 2^46.
            let q = public_point(host, curve, &private).expect("a key");
            let scaled = seam::ec_multiply(host, curve, t.as_bytes(), Some(&q)).expect("below the order");
            let committed = public_point(host, curve, &r).expect("a scalar");
            assert_eq!(crate::crypto::own::curve::add(curve, &committed, &scaled), Ok(left));
        });
    }
}

#[test]
fn challenge_longer_than_the_order_is_truncated() {
    // The leftmost bytes of a SHA-512 digest count on P-256; with P-521 all of them do, behind two zeros.
    both_ways(|host| {
        let point = seq(132, 3);
        let long = challenge(host, TpmiEccCurve::NistP256, TpmiAlgHash::Sha512, &point, b"digest").expect("a point");
        let whole = hash(host, TpmiAlgHash::Sha512, &[&point[..32], b"digest"]);
        assert_eq!(long, whole.as_bytes()[..32]);
        let short = challenge(host, TpmiEccCurve::NistP521, TpmiAlgHash::Sha512, &point, b"digest").expect("a point");
        let whole = hash(host, TpmiAlgHash::Sha512, &[&point[..66], b"digest"]);
        assert_eq!(short, [&[0, 0][..], whole.as_bytes()].concat());
    });
}
