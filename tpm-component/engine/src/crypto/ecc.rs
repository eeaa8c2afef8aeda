//! ECDSA (FIPS 186-5), ECDH (SP 800-56A) and keys on P-224, P-256, P-384 and P-521, and on BN_P256 and SM2_P256 where they are built in;
//! `ecc/schnorr.rs`, `ecc/mqv.rs` and `ecc/sm2.rs` have the other schemes.
//!
//! Points and signatures may be anybody's: a point is on its curve before anything is computed with it, a signature's numbers are below the
//! order. Private keys and nonces are secret; their arithmetic takes constant time. The multiplications of points go through the seam, the
//! few operations on scalars are done here.
//!
//! A point is x followed by y, each as long as the curve says; a scalar is as long as the order.

pub mod mqv;
mod order;
pub mod schnorr;
#[cfg(feature = "sm2")]
pub mod sm2;

use crate::wipe::Wiped;
use alloc::vec::Vec;
use crypto_bigint::{BoxedUint, NonZero};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, Scalar,
    ff::{Field, PrimeField},
    ops::{Invert, Reduce},
    sec1::{FromSec1Point, ModulusSize, Sec1Point},
};
use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use super::{CryptoError, Drbg, number, seam};
use crate::structures::TpmiEccCurve;

/// Calls a function that is generic over the curve.
macro_rules! on_curve {
    ($curve:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $curve {
            $crate::structures::TpmiEccCurve::NistP224 => $function::<p224::NistP224>($($argument),*),
            $crate::structures::TpmiEccCurve::NistP256 => $function::<p256::NistP256>($($argument),*),
            $crate::structures::TpmiEccCurve::NistP384 => $function::<p384::NistP384>($($argument),*),
            $crate::structures::TpmiEccCurve::NistP521 => $function::<p521::NistP521>($($argument),*),
            #[cfg(feature = "bn256")]
            $crate::structures::TpmiEccCurve::BnP256 => $function::<$crate::crypto::own::bn256::BnP256>($($argument),*),
            #[cfg(feature = "sm2")]
            $crate::structures::TpmiEccCurve::Sm2P256 => $function::<::sm2::Sm2>($($argument),*),
        }
    };
}
pub(super) use on_curve;

/// Bytes beyond the order that make a reduced random number even enough (FIPS 186-5 A.2.1, A.3.1: 64 bits).
pub const EXTRA: usize = 8;

/// A signature: r and s, each as long as the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EccSignature {
    /// The first half.
    pub r: Vec<u8>,
    /// The second half.
    pub s: Vec<u8>,
}

/// A scalar from 1 to the order less one, from `size + 8` random or derived bytes: `c mod (n - 1) + 1` (FIPS 186-5 A.2.1).
pub fn scalar_from_wide(curve: TpmiEccCurve, wide: &[u8]) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let scalar = match curve {
        TpmiEccCurve::NistP256 => order::scalar(&order::P256, wide),
        TpmiEccCurve::NistP384 => order::scalar(&order::P384, wide),
        _ => None,
    };
    scalar.map_or_else(|| scalar_by_division(curve, wide), Ok)
}

/// The same for every curve.
#[inline(never)]
fn scalar_by_division(curve: TpmiEccCurve, wide: &[u8]) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let last = on_curve!(curve, last_scalar());
    let last: Option<NonZero<BoxedUint>> = NonZero::new(number::read(&last)?).into();
    let wide = Wiped::new(number::read(wide)?);
    let reduced = Wiped::new(wide.rem(&last.ok_or(CryptoError::BadOperand)?));
    let scalar = Wiped::new(reduced.wrapping_add(BoxedUint::one()));
    Ok(Wiped::new(number::to_bytes(&scalar, curve.size())))
}

/// The order less one, which is the negative of one.
fn last_scalar<C: CurveArithmetic>() -> Vec<u8> {
    (-Scalar::<C>::ONE).to_repr().to_vec()
}

/// A private key or a nonce.
pub fn random_scalar(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    curve: TpmiEccCurve,
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let wide = drbg.bytes(host, curve.size() + EXTRA);
    scalar_from_wide(curve, &wide)
}

/// Whether these bytes are a private key: as long as the order, above zero, below the order.
pub fn is_private_key(curve: TpmiEccCurve, scalar: &[u8]) -> bool {
    on_curve!(curve, is_private_key_on(scalar))
}

fn is_private_key_on<C: CurveArithmetic>(scalar: &[u8]) -> bool {
    parse_scalar::<C>(scalar).is_ok_and(|scalar| !bool::from(scalar.is_zero()))
}

/// Whether x followed by y is a point of the curve.
pub fn is_on_curve(curve: TpmiEccCurve, point: &[u8]) -> bool {
    on_curve!(curve, is_point(point))
}

fn is_point<C>(point: &[u8]) -> bool
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C>,
{
    parse_point::<C>(point).is_ok()
}

/// A number of any length as a coordinate: modulo the prime of the field.
pub fn coordinate(curve: TpmiEccCurve, number: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let prime: Option<NonZero<BoxedUint>> = NonZero::new(number::read(&field_prime(curve))?).into();
    let reduced = number::read(number)?.rem(&prime.ok_or(CryptoError::BadOperand)?);
    Ok(number::to_bytes(&reduced, curve.size()))
}

/// The prime of the curve's field (SP 800-186 §3.2.1, ISO/IEC 15946-5, GB/T 32918.5).
pub fn field_prime(curve: TpmiEccCurve) -> Vec<u8> {
    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }
    const ONES: u32 = u32::MAX;
    match curve {
        TpmiEccCurve::NistP224 => words(&[ONES, ONES, ONES, ONES, 0, 0, 1]),
        TpmiEccCurve::NistP256 => words(&[ONES, 1, 0, 0, 0, ONES, ONES, ONES]),
        TpmiEccCurve::NistP384 => words(&[ONES, ONES, ONES, ONES, ONES, ONES, ONES, ONES - 1, ONES, 0, 0, ONES]),
        TpmiEccCurve::NistP521 => {
            let mut prime = alloc::vec![0xff; 66];
            prime[0] = 1;
            prime
        }
        #[cfg(feature = "bn256")]
        TpmiEccCurve::BnP256 => words(&[
            ONES,
            0xFFFC_F0CD,
            0x46E5_F25E,
            0xEE71_A49F,
            0x0CDC_65FB,
            0x1298_0A82,
            0xD329_2DDB,
            0xAED3_3013,
        ]),
        #[cfg(feature = "sm2")]
        TpmiEccCurve::Sm2P256 => words(&[ONES - 1, ONES, ONES, ONES, ONES, 0, ONES, ONES]),
    }
}

/// The public point of a private key.
pub fn public_point(host: &mut dyn Arithmetic, curve: TpmiEccCurve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
    seam::ec_multiply(host, curve, private, None)
}

/// The product of a private key and somebody's point (ECDH; SP 800-56A §5.7.1.2). The curves have cofactor 1.
pub fn ecdh(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    private: &[u8],
    point: &[u8],
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    if !is_on_curve(curve, point) {
        return Err(CryptoError::BadOperand);
    }
    seam::ec_multiply(host, curve, private, Some(point)).map(Wiped::new)
}

/// Signs with one nonce after the other, until one gives a signature.
fn with_nonces(
    host: &mut dyn Arithmetic,
    drbg: &mut Drbg,
    curve: TpmiEccCurve,
    mut sign: impl FnMut(&mut dyn Arithmetic, &[u8]) -> Result<Option<EccSignature>, CryptoError>,
) -> Result<EccSignature, CryptoError> {
    loop {
        let nonce = random_scalar(host, drbg, curve)?;
        if let Some(signature) = sign(host, &nonce)? {
            return Ok(signature);
        }
    }
}

/// Signs a digest (FIPS 186-5 §6.4.1). The nonces come from `drbg`, which the caller has seeded with entropy, the key and the digest, so
/// that neither a weak generator nor a repeated message repeats a nonce.
pub fn ecdsa_sign(
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

/// The signature that a nonce gives; none in the practically impossible case that a half of it is zero.
pub(super) fn sign_with_nonce(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    private: &[u8],
    digest: &[u8],
    nonce: &[u8],
) -> Result<Option<EccSignature>, CryptoError> {
    let point = seam::ec_multiply(host, curve, nonce, None)?;
    sign_with_point(host, curve, private, digest, (nonce, &point))
}

/// The same from a nonce and its point.
pub(super) fn sign_with_point(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    private: &[u8],
    digest: &[u8],
    (nonce, point): (&[u8], &[u8]),
) -> Result<Option<EccSignature>, CryptoError> {
    on_curve!(
        curve,
        finish_signature(host, private, digest, nonce, &point[..curve.size()])
    )
}

fn finish_signature<C: CurveArithmetic>(
    host: &mut dyn Arithmetic,
    private: &[u8],
    digest: &[u8],
    nonce: &[u8],
    x: &[u8],
) -> Result<Option<EccSignature>, CryptoError> {
    let private = Zeroizing::new(parse_scalar::<C>(private)?);
    let nonce = Zeroizing::new(parse_scalar::<C>(nonce)?);
    let r = reduce::<C>(x)?;
    let s = *inverse::<C>(host, &nonce)? * (digest_scalar::<C>(digest)? + r * *private);
    if bool::from(r.is_zero() | s.is_zero()) {
        return Ok(None);
    }
    Ok(Some(EccSignature {
        r: r.to_repr().to_vec(),
        s: s.to_repr().to_vec(),
    }))
}

/// The inverse of a scalar: its power to the order less two (Fermat), which the host computes much quicker than an interpreter inverts. It is
/// multiplied with the scalar before it is believed, whoever computed it: that is worth more than known answers, which it therefore needs none of.
fn inverse<C: CurveArithmetic>(
    host: &mut dyn Arithmetic,
    scalar: &Scalar<C>,
) -> Result<Zeroizing<Scalar<C>>, CryptoError> {
    let one = Scalar::<C>::ONE;
    let exponent = (-one - one).to_repr();
    // The order is odd, so the order less one ends with a zero bit.
    let mut order = last_scalar::<C>();
    if let Some(last) = order.last_mut() {
        *last |= 1;
    }
    let base = Wiped::new(scalar.to_repr().to_vec());
    let power = seam::offered_mod_exp(host, &base, &exponent, &order).map(Wiped::new);
    if let Some(power) = power
        && let Ok(inverse) = parse_scalar::<C>(&power)
        && inverse * scalar == one
    {
        return Ok(Zeroizing::new(inverse));
    }
    let inverse: Option<Scalar<C>> = Invert::invert(scalar).into();
    let inverse = Zeroizing::new(inverse.ok_or(CryptoError::BadOperand)?);
    if *inverse * scalar == one {
        Ok(inverse)
    } else {
        Err(CryptoError::Fault)
    }
}

/// Whether a signature is that of a digest under a public point (FIPS 186-5 §6.4.2). Halves may come without their leading zeros.
pub fn ecdsa_verify(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    point: &[u8],
    digest: &[u8],
    r: &[u8],
    s: &[u8],
) -> bool {
    let (Some(r), Some(s)) = (padded(r, curve.size()), padded(s, curve.size())) else {
        return false;
    };
    let Ok((u1, u2)) = on_curve!(curve, verification_scalars(host, digest, &r, &s)) else {
        return false;
    };
    if !is_on_curve(curve, point) {
        return false;
    }
    match seam::ec_multiply_add(host, curve, &u1, &u2, point) {
        Ok(sum) => on_curve!(curve, reduces_to(&sum[..curve.size()], &r)),
        Err(_) => false,
    }
}

/// u1 and u2.
fn verification_scalars<C: CurveArithmetic>(
    host: &mut dyn Arithmetic,
    digest: &[u8],
    r: &[u8],
    s: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
    let (r, s) = (parse_scalar::<C>(r)?, parse_scalar::<C>(s)?);
    if bool::from(r.is_zero() | s.is_zero()) {
        return Err(CryptoError::BadOperand);
    }
    let w = inverse::<C>(host, &s)?;
    let (u1, u2) = (digest_scalar::<C>(digest)? * *w, r * *w);
    Ok((u1.to_repr().to_vec(), u2.to_repr().to_vec()))
}

fn reduces_to<C: CurveArithmetic>(x: &[u8], r: &[u8]) -> bool {
    reduce::<C>(x).is_ok_and(|value| value.to_repr().as_slice() == r)
}

/// A number of any length modulo the order, as long as the order.
pub(super) fn modulo_order(curve: TpmiEccCurve, bytes: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let last = number::read(&on_curve!(curve, last_scalar()))?;
    let order: Option<NonZero<BoxedUint>> = NonZero::new(last.wrapping_add(BoxedUint::one())).into();
    let reduced = number::read(bytes)?.rem(&order.ok_or(CryptoError::BadOperand)?);
    Ok(number::to_bytes(&reduced, curve.size()))
}

/// The leftmost bits of a digest as a scalar.
fn digest_scalar<C: CurveArithmetic>(digest: &[u8]) -> Result<Scalar<C>, CryptoError> {
    let size = FieldBytes::<C>::default().len();
    let padded = padded(&digest[..digest.len().min(size)], size).ok_or(CryptoError::BadOperand)?;
    reduce::<C>(&padded)
}

/// A number of the order's length, reduced.
fn reduce<C: CurveArithmetic>(bytes: &[u8]) -> Result<Scalar<C>, CryptoError> {
    let bytes = FieldBytes::<C>::try_from(bytes).map_err(|_| CryptoError::BadOperand)?;
    Ok(<Scalar<C> as Reduce<FieldBytes<C>>>::reduce(&bytes))
}

/// A number with zeros in front to make it `size` bytes long; none when it is longer.
pub(crate) fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = size.checked_sub(number.len())?;
    let mut out = alloc::vec![0; zeros];
    out.extend_from_slice(number);
    Some(out)
}

/// A number in `size` bytes, with zeros in front put in or left out; none when it does not fit.
pub(crate) fn fitted(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let (over, kept) = number.split_at(number.len().saturating_sub(size));
    if over.iter().all(|byte| *byte == 0) {
        padded(kept, size)
    } else {
        None
    }
}

/// A scalar of the order's length, below the order.
pub(super) fn parse_scalar<C: CurveArithmetic>(bytes: &[u8]) -> Result<Scalar<C>, CryptoError> {
    let bytes = FieldBytes::<C>::try_from(bytes).map_err(|_| CryptoError::BadOperand)?;
    Option::from(Scalar::<C>::from_repr(bytes)).ok_or(CryptoError::BadOperand)
}

/// x followed by y, as a point that is on the curve.
pub(super) fn parse_point<C>(bytes: &[u8]) -> Result<AffinePoint<C>, CryptoError>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C>,
{
    let (x, y) = bytes.split_at(bytes.len() / 2);
    let x = FieldBytes::<C>::try_from(x).map_err(|_| CryptoError::BadOperand)?;
    let y = FieldBytes::<C>::try_from(y).map_err(|_| CryptoError::BadOperand)?;
    let encoded = Sec1Point::<C>::from_affine_coordinates(&x, &y, false);
    Option::from(AffinePoint::<C>::from_sec1_point(&encoded)).ok_or(CryptoError::BadOperand)
}

#[cfg(test)]
mod tests;
