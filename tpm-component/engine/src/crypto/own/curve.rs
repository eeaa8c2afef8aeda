//! Multiplication of points.

use alloc::vec::Vec;
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytesSize, Group, ProjectivePoint,
    ops::LinearCombination,
    sec1::{FromSec1Point, ModulusSize, ToSec1Point},
};

use crate::crypto::{
    CryptoError,
    ecc::{on_curve, parse_point, parse_scalar},
};
use crate::structures::TpmiEccCurve;

/// `scalar * point`, or of the generator when there is no point: x followed by y, or nothing for the point at infinity.
pub(in crate::crypto) fn multiply(
    curve: TpmiEccCurve,
    scalar: &[u8],
    point: Option<&[u8]>,
) -> Result<Vec<u8>, CryptoError> {
    on_curve!(curve, multiply_on(scalar, point))
}

/// `u1 * generator + u2 * point` for public operands: x followed by y, or nothing for the point at infinity.
pub(in crate::crypto) fn multiply_add(
    curve: TpmiEccCurve,
    u1: &[u8],
    u2: &[u8],
    point: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    on_curve!(curve, multiply_add_on(u1, u2, point))
}

/// The sum of two public points: x followed by y. That it is the point at infinity is a bad operand.
pub(in crate::crypto) fn add(curve: TpmiEccCurve, one: &[u8], other: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let sum = on_curve!(curve, add_on(one, other))?;
    if sum.is_empty() {
        Err(CryptoError::BadOperand)
    } else {
        Ok(sum)
    }
}

fn add_on<C>(one: &[u8], other: &[u8]) -> Result<Vec<u8>, CryptoError>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let one = ProjectivePoint::<C>::from(parse_point::<C>(one)?);
    Ok(encode::<C>(one + ProjectivePoint::<C>::from(parse_point::<C>(other)?)))
}

fn multiply_on<C>(scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, CryptoError>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let scalar = parse_scalar::<C>(scalar)?;
    let product = match point {
        Some(point) => ProjectivePoint::<C>::from(parse_point::<C>(point)?) * scalar,
        None => ProjectivePoint::<C>::mul_by_generator(&scalar),
    };
    Ok(encode::<C>(product))
}

fn multiply_add_on<C>(u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, CryptoError>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let terms = [
        (ProjectivePoint::<C>::generator(), parse_scalar::<C>(u1)?),
        (
            ProjectivePoint::<C>::from(parse_point::<C>(point)?),
            parse_scalar::<C>(u2)?,
        ),
    ];
    Ok(encode::<C>(ProjectivePoint::<C>::lincomb_vartime(&terms)))
}

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
