//! The Schnorr signatures of a TPM: ECSCHNORR (Part 1 §C.4.3) and the TPM's half of ECDAA (Part 1 §C.4.2).
//!
//! Digests, points and signatures may be anybody's. Both schemes end in s = k + r d mod n, which gives d away as soon as one k is used with two
//! r: k is fresh from a seeded generator, or a commitment that the caller of this module uses once.

use alloc::vec::Vec;
use p256::elliptic_curve::{
    CurveArithmetic,
    ff::{Field, PrimeField},
};
use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use super::{EccSignature, is_on_curve, is_private_key, modulo_order, on_curve, padded, parse_scalar, with_nonces};
use crate::crypto::{CryptoError, Drbg, hash, seam};
use crate::structures::{TpmiAlgHash, TpmiEccCurve};

/// Signs a digest with ECSCHNORR. The nonces come from `drbg`, as those of ECDSA do.
pub fn sign(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    private: &[u8],
    digest: &[u8],
) -> Result<EccSignature, CryptoError> {
    with_nonces(host, drbg, curve, |host, nonce| {
        sign_with_nonce(host, curve, alg, private, digest, nonce)
    })
}

/// The signature that a nonce gives; none in the rare case that a half of it is zero or not below the order.
pub(in crate::crypto) fn sign_with_nonce(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    private: &[u8],
    digest: &[u8],
    nonce: &[u8],
) -> Result<Option<EccSignature>, CryptoError> {
    let point = seam::ec_multiply(host, curve, nonce, None)?;
    let r = challenge(host, curve, alg, &point, digest)?;
    if !is_private_key(curve, &r) {
        return Ok(None);
    }
    let s = response(curve, nonce, &r, private)?;
    Ok(s.map(|s| EccSignature { r, s }))
}

/// Whether a signature is the ECSCHNORR signature of a digest. Halves may come without their leading zeros.
pub fn verify(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    point: &[u8],
    digest: &[u8],
    signature: (&[u8], &[u8]),
) -> bool {
    let size = curve.size();
    let (Some(r), Some(s)) = (padded(signature.0, size), padded(signature.1, size)) else {
        return false;
    };
    if !is_private_key(curve, &r) || !is_private_key(curve, &s) || !is_on_curve(curve, point) {
        return false;
    }
    let Ok(minus_r) = on_curve!(curve, negative(&r)) else {
        return false;
    };
    seam::ec_multiply_add(host, curve, &s, &minus_r, point)
        .and_then(|sum| challenge(host, curve, alg, &sum, digest))
        .is_ok_and(|expected| expected == r)
}

/// Signs a digest with ECDAA, with r of the commitment. The first half of the signature is a fresh nonce.
pub fn ecdaa_sign(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    private: &[u8],
    commitment: &[u8],
    digest: &[u8],
) -> Result<EccSignature, CryptoError> {
    with_nonces(host, drbg, curve, |host, nonce| {
        let s = ecdaa_with_nonce(host, curve, alg, private, commitment, digest, nonce)?;
        Ok(s.map(|s| EccSignature { r: nonce.to_vec(), s }))
    })
}

/// The second half that a nonce gives; none in the practically impossible case that it is zero.
pub(in crate::crypto) fn ecdaa_with_nonce(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    private: &[u8],
    commitment: &[u8],
    digest: &[u8],
    nonce: &[u8],
) -> Result<Option<Vec<u8>>, CryptoError> {
    let t = hash(host, alg, &[nonce, digest]);
    response(curve, commitment, t.as_bytes(), private)
}

/// The hash of x and the digest, of which as many bytes count as the order has.
fn challenge(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    alg: TpmiAlgHash,
    point: &[u8],
    digest: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let size = curve.size();
    let x = point.get(..size).ok_or(CryptoError::BadOperand)?;
    let whole = hash(host, alg, &[x, digest]);
    let counts = whole.as_bytes().get(..size).unwrap_or(whole.as_bytes());
    padded(counts, size).ok_or(CryptoError::BadOperand)
}

/// k + r d mod n, where r has any length; none when it is zero, or r is.
fn response(curve: TpmiEccCurve, k: &[u8], r: &[u8], d: &[u8]) -> Result<Option<Vec<u8>>, CryptoError> {
    let r = modulo_order(curve, r)?;
    on_curve!(curve, response_on(k, &r, d))
}

fn response_on<C: CurveArithmetic>(k: &[u8], r: &[u8], d: &[u8]) -> Result<Option<Vec<u8>>, CryptoError> {
    let (k, d) = (
        Zeroizing::new(parse_scalar::<C>(k)?),
        Zeroizing::new(parse_scalar::<C>(d)?),
    );
    let r = parse_scalar::<C>(r)?;
    let s = *k + r * *d;
    let zero = bool::from(r.is_zero() | s.is_zero());
    Ok((!zero).then(|| s.to_repr().to_vec()))
}

fn negative<C: CurveArithmetic>(scalar: &[u8]) -> Result<Vec<u8>, CryptoError> {
    Ok((-parse_scalar::<C>(scalar)?).to_repr().to_vec())
}

#[cfg(test)]
mod tests;
