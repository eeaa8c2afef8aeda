//! The signature and the key exchange of SM2 (GB/T 32918.2 and 32918.3; Part 1 §C.4.4, §C.8), on whatever curve the key has.
//!
//! Digests, points and signatures may be anybody's. The standard hashes the signer's identity in front of the message; that is done by whoever makes the
//! digest, with the hash that they choose. s = (k - r d) / (1 + d) mod n gives d away as soon as one k is used twice, as in the other schemes.
//!
//! In the exchange each side's value has the low w bits of x, w = ceil(ceil(log2 n) / 2) - 1. The TCG's reference takes one bit less on curves whose order
//! has an even number of bits, and agrees with nobody but itself.

use alloc::vec::Vec;
use p256::elliptic_curve::{
    CurveArithmetic,
    ff::{Field, PrimeField},
    ops::Invert,
};
use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use super::{
    EccSignature, is_on_curve, modulo_order, mqv::shared_point, on_curve, padded, parse_scalar, reduce, with_nonces,
};
use crate::{
    crypto::{CryptoError, Drbg, seam},
    structures::TpmiEccCurve,
    wipe::Wiped,
};

/// Signs a digest. The nonces come from `drbg`, as those of ECDSA do.
pub fn sign(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    curve: TpmiEccCurve,
    private: &[u8],
    digest: &[u8],
) -> Result<EccSignature, CryptoError> {
    with_nonces(host, drbg, curve, |host, nonce| {
        sign_with_nonce(host, curve, private, digest, nonce)
    })
}

/// The signature that a nonce gives; none in the practically impossible cases that the standard excludes.
pub(in crate::crypto) fn sign_with_nonce(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    private: &[u8],
    digest: &[u8],
    nonce: &[u8],
) -> Result<Option<EccSignature>, CryptoError> {
    let point = seam::ec_multiply(host, curve, nonce, None)?;
    let e = modulo_order(curve, digest)?;
    on_curve!(curve, finish_signature(private, &e, nonce, &point[..curve.size()]))
}

fn finish_signature<C: CurveArithmetic>(
    private: &[u8],
    e: &[u8],
    nonce: &[u8],
    x: &[u8],
) -> Result<Option<EccSignature>, CryptoError> {
    let d = Zeroizing::new(parse_scalar::<C>(private)?);
    let k = Zeroizing::new(parse_scalar::<C>(nonce)?);
    let r = parse_scalar::<C>(e)? + reduce::<C>(x)?;
    if bool::from(r.is_zero() | (r + *k).is_zero()) {
        return Ok(None);
    }
    let one_and_d = Zeroizing::new(*d + C::Scalar::ONE);
    let inverse: Option<C::Scalar> = Invert::invert(&*one_and_d).into();
    // A private key of the order less one has no inverse; there is one such key.
    let inverse = Zeroizing::new(inverse.ok_or(CryptoError::BadOperand)?);
    let s = *inverse * (*k - r * *d);
    Ok((!bool::from(s.is_zero())).then(|| EccSignature {
        r: r.to_repr().to_vec(),
        s: s.to_repr().to_vec(),
    }))
}

/// Whether a signature is the SM2 signature of a digest. Halves may come without their leading zeros.
pub fn verify(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    point: &[u8],
    digest: &[u8],
    signature: (&[u8], &[u8]),
) -> bool {
    let size = curve.size();
    let (Some(r), Some(s)) = (padded(signature.0, size), padded(signature.1, size)) else {
        return false;
    };
    let (Ok(e), Ok(t)) = (modulo_order(curve, digest), on_curve!(curve, sum(&r, &s))) else {
        return false;
    };
    if !is_on_curve(curve, point) {
        return false;
    }
    seam::ec_multiply_add(host, curve, &s, &t, point)
        .and_then(|sum| on_curve!(curve, challenge(&e, &sum[..size])))
        .is_ok_and(|expected| expected == r)
}

/// r + s, of which none may be zero.
fn sum<C: CurveArithmetic>(r: &[u8], s: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (r, s) = (parse_scalar::<C>(r)?, parse_scalar::<C>(s)?);
    let t = r + s;
    if bool::from(r.is_zero() | s.is_zero() | t.is_zero()) {
        return Err(CryptoError::BadOperand);
    }
    Ok(t.to_repr().to_vec())
}

/// e + x mod n.
fn challenge<C: CurveArithmetic>(e: &[u8], x: &[u8]) -> Result<Vec<u8>, CryptoError> {
    Ok((parse_scalar::<C>(e)? + reduce::<C>(x)?).to_repr().to_vec())
}

/// The shared point of the key exchange. The curves have cofactor 1.
pub fn exchange(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    own_static: &[u8],
    own_ephemeral: &[u8],
    their_static: &[u8],
    their_ephemeral: &[u8],
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let (fixed, ephemeral) = ((own_static, their_static), (own_ephemeral, their_ephemeral));
    let w = usize::from(curve.bits().div_ceil(2)) - 1;
    // Here the ephemeral keys are multiplied, in MQV the static ones.
    shared_point(host, curve, w, ephemeral, fixed, ephemeral)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{
        ecc::public_point,
        ecc::random_scalar,
        self_test::sm2_answers as known,
        test_hosts::{both_ways, bytes, seq},
    };

    const CURVE: TpmiEccCurve = TpmiEccCurve::Sm2P256;

    #[test]
    fn sm2_signature_of_gm_t_0003_5_is_made_and_verifies() {
        both_ways(|host| {
            let (private, nonce, e) = (bytes(known::PRIVATE), bytes(known::NONCE), bytes(known::DIGEST));
            let point = public_point(host, CURVE, &private).expect("a key");
            assert_eq!(point, bytes(known::POINT));
            let signature = sign_with_nonce(host, CURVE, &private, &e, &nonce).expect("good operands");
            let EccSignature { r, s } = signature.expect("a good nonce");
            assert_eq!((&r, &s), (&bytes(known::R), &bytes(known::S)));
            let mut good = |r: &[u8], s: &[u8], e: &[u8]| verify(host, CURVE, &point, e, (r, s));
            assert!(good(&r, &s, &e));
            assert!(!good(&s, &r, &e) && !good(&r, &s, &e[1..]));
            let (zero, big) = ([0; 32], [0xff; 32]);
            for (r, s) in [(&zero[..], &s[..]), (&r, &zero), (&big, &s), (&r, &big)] {
                assert!(!good(r, s, &e), "a half out of its range");
            }
        });
    }

    #[test]
    fn sm2_signature_of_a_digest_of_any_length_verifies_on_every_curve() {
        both_ways(|host| {
            for curve in TpmiEccCurve::ALL.iter().copied() {
                for size in [20, 32, 64] {
                    let mut drbg = Drbg::new(host, &[b"nonces"]);
                    let private = random_scalar(host, &mut drbg, curve).expect("a scalar");
                    let point = public_point(host, curve, &private).expect("a key");
                    let digest = seq(size, 1);
                    let EccSignature { r, s } = sign(host, &mut drbg, curve, &private, &digest).expect("a key");
                    assert!(verify(host, curve, &point, &digest, (&r, &s)), "{curve:?} {size}");
                    assert!(!verify(host, curve, &point, &digest[1..], (&r, &s)), "{curve:?} {size}");
                }
            }
        });
    }

    #[test]
    fn sm2_exchange_of_gm_t_0003_5_agrees_from_both_sides() {
        both_ways(|host| {
            let sides = [&known::EXCHANGE_A, &known::EXCHANGE_B].map(|[private, ephemeral]| {
                let keys = [bytes(private), bytes(ephemeral)];
                let points = keys
                    .each_ref()
                    .map(|key| public_point(host, CURVE, key).expect("a key"));
                (keys, points)
            });
            for (ours, theirs) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
                let ([private, ephemeral], [their_static, their_ephemeral]) = (&ours.0, &theirs.1);
                let shared = exchange(host, CURVE, private, ephemeral, their_static, their_ephemeral);
                assert_eq!(**shared.as_ref().expect("good points"), bytes(known::SHARED));
                let mut off = their_static.clone();
                off[3] ^= 1;
                let refused = exchange(host, CURVE, private, ephemeral, &off, their_ephemeral);
                assert_eq!(refused, Err(CryptoError::BadOperand));
            }
        });
    }
}
