//! `ec-multiply` and `ec-multiply-add` on the NIST curves.
//!
//! Scalars and points are the component's: a scalar must be below the order, a point must lie on the curve. The first function works in
//! constant time (the scalar is a private key or a nonce), the second on public operands only and as fast as it can.

use alloc::vec::Vec;
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, Group, ProjectivePoint, Scalar,
    ff::PrimeField,
    ops::LinearCombination,
    sec1::{FromSec1Point, ModulusSize, Sec1Point, ToSec1Point},
};
use tpm_contract::{Curve, Refusal};

/// `ec-multiply` of the contract.
pub(crate) fn multiply(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
    match curve {
        Curve::P256 => multiply_on::<p256::NistP256>(scalar, point),
        Curve::P384 => multiply_on::<p384::NistP384>(scalar, point),
        Curve::P521 => multiply_on::<p521::NistP521>(scalar, point),
    }
}

/// `ec-multiply-add` of the contract.
pub(crate) fn multiply_add(curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
    match curve {
        Curve::P256 => multiply_add_on::<p256::NistP256>(u1, u2, point),
        Curve::P384 => multiply_add_on::<p384::NistP384>(u1, u2, point),
        Curve::P521 => multiply_add_on::<p521::NistP521>(u1, u2, point),
    }
}

fn multiply_on<C>(scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let scalar = parse_scalar::<C>(scalar)?;
    let product = match point {
        Some(point) => parse_point::<C>(point)? * scalar,
        None => ProjectivePoint::<C>::mul_by_generator(&scalar),
    };
    Ok(encode::<C>(product))
}

fn multiply_add_on<C>(u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let u1 = parse_scalar::<C>(u1)?;
    let u2 = parse_scalar::<C>(u2)?;
    let terms = [(ProjectivePoint::<C>::generator(), u1), (parse_point::<C>(point)?, u2)];
    Ok(encode::<C>(ProjectivePoint::<C>::lincomb_vartime(&terms)))
}

/// A scalar of the right length, below the order.
fn parse_scalar<C: CurveArithmetic>(bytes: &[u8]) -> Result<Scalar<C>, Refusal> {
    let repr = FieldBytes::<C>::try_from(bytes).map_err(|_| Refusal::BadOperand)?;
    Option::from(Scalar::<C>::from_repr(repr)).ok_or(Refusal::BadOperand)
}

/// x followed by y, as a point that is on the curve.
fn parse_point<C>(bytes: &[u8]) -> Result<ProjectivePoint<C>, Refusal>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C>,
{
    let (x, y) = bytes.split_at_checked(bytes.len() / 2).ok_or(Refusal::BadOperand)?;
    let x = FieldBytes::<C>::try_from(x).map_err(|_| Refusal::BadOperand)?;
    let y = FieldBytes::<C>::try_from(y).map_err(|_| Refusal::BadOperand)?;
    let encoded = Sec1Point::<C>::from_affine_coordinates(&x, &y, false);
    let point: Option<AffinePoint<C>> = AffinePoint::<C>::from_sec1_point(&encoded).into();
    point.map(ProjectivePoint::<C>::from).ok_or(Refusal::BadOperand)
}

/// x followed by y; nothing for the point at infinity.
fn encode<C>(point: ProjectivePoint<C>) -> Vec<u8>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: ToSec1Point<C>,
{
    let affine: AffinePoint<C> = point.into();
    // The first byte of the uncompressed form says that it is one; infinity has nothing after it.
    affine
        .to_sec1_point(false)
        .as_bytes()
        .get(1..)
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests;
