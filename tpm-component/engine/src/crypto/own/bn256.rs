//! The curve BN_P256 of ISO/IEC 15946-5, on which ECDAA was made to be used: y^2 = x^3 + 3 over a prime of 256 bits, without the pairing, which is the
//! verifier's. No crate has it with the traits of the other curves, so its numbers stand here; the arithmetic of the two fields and the complete formulas
//! for points are RustCrypto's.

use p256::elliptic_curve::{
    Curve, CurveArithmetic, PrimeCurve, PrimeCurveArithmetic,
    bigint::{Odd, U256},
    consts::U32,
    hazmat::FieldArithmetic,
    point::PointCompression,
};
use primeorder::{PrimeCurveParams, mul_backend, point_arithmetic};

use field::FieldElement;
use scalar::Scalar;

/// p = 36u^4 + 36u^3 + 24u^2 + 6u + 1 with u = -7530851732716300289.
const PRIME: &str = "fffffffffffcf0cd46e5f25eee71a49f0cdc65fb12980a82d3292ddbaed33013";
/// n = 36u^4 + 36u^3 + 18u^2 + 6u + 1.
const ORDER: &str = "fffffffffffcf0cd46e5f25eee71a49e0cdc65fb1299921af62d536cd10b500d";

/// BN_P256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BnP256;

impl Curve for BnP256 {
    type FieldBytesSize = U32;
    type Uint = U256;

    const ORDER: Odd<U256> = Odd::<U256>::from_be_hex(ORDER);
}

impl PrimeCurve for BnP256 {}

impl PointCompression for BnP256 {
    const COMPRESS_POINTS: bool = false;
}

/// The field of the coordinates.
#[allow(deprecated, reason = "a macro of primefield's calls what crypto-bigint has renamed")]
mod field {
    use super::PRIME;
    use p256::elliptic_curve::{
        bigint::U256,
        ff::PrimeField,
        ops::BatchInvert,
        subtle::{Choice, ConstantTimeEq, CtOption},
    };

    primefield::monty_field_params! {
        name: FieldParams,
        modulus: PRIME,
        uint: U256,
        byte_order: primefield::ByteOrder::BigEndian,
        multiplicative_generator: 2,
        doc: "The prime. 2 is no square modulo it, which is all that is asked of the generator here."
    }

    primefield::monty_field_element! {
        name: FieldElement,
        params: FieldParams,
        uint: U256,
        doc: "A coordinate."
    }

    primefield::monty_field_arithmetic! {
        name: FieldElement,
        params: FieldParams,
        uint: U256
    }

    impl BatchInvert for FieldElement {}
}

/// The field of the scalars.
#[allow(deprecated, reason = "a macro of primefield's calls what crypto-bigint has renamed")]
mod scalar {
    use super::{BnP256, ORDER};
    use p256::elliptic_curve::{
        Curve,
        bigint::U256,
        ff::PrimeField,
        scalar::{FromUintUnchecked, IsHigh},
        subtle::{Choice, ConstantTimeEq, ConstantTimeGreater, CtOption},
    };
    use primeorder::wnaf;

    primefield::monty_field_params! {
        name: ScalarParams,
        modulus: ORDER,
        uint: U256,
        byte_order: primefield::ByteOrder::BigEndian,
        multiplicative_generator: 2,
        doc: "The order. 2 is no square modulo it, either."
    }

    primefield::monty_field_element! {
        name: Scalar,
        params: ScalarParams,
        uint: U256,
        doc: "A scalar."
    }

    primefield::monty_field_arithmetic! {
        name: Scalar,
        params: ScalarParams,
        uint: U256
    }

    primefield::monty_field_reduce! {
        name: Scalar,
        params: ScalarParams,
        uint: U256,
    }

    p256::elliptic_curve::scalar_impls!(BnP256, Scalar);

    wnaf::impl_wnaf_size_for_scalar!(Scalar);

    impl AsRef<Scalar> for Scalar {
        fn as_ref(&self) -> &Scalar {
            self
        }
    }

    impl FromUintUnchecked for Scalar {
        type Uint = U256;

        fn from_uint_unchecked(uint: U256) -> Self {
            Self::from_uint_unchecked(uint)
        }
    }

    impl IsHigh for Scalar {
        fn is_high(&self) -> Choice {
            const HALF: U256 = BnP256::ORDER.as_ref().shr_vartime(1);
            self.to_canonical().ct_gt(&HALF)
        }
    }
}

impl CurveArithmetic for BnP256 {
    type AffinePoint = primeorder::AffinePoint<Self>;
    type ProjectivePoint = primeorder::ProjectivePoint<Self>;
    type Scalar = Scalar;
}

impl FieldArithmetic for BnP256 {
    type FieldElement = FieldElement;
}

impl PrimeCurveArithmetic for BnP256 {
    type CurveGroup = primeorder::ProjectivePoint<Self>;
}

impl PrimeCurveParams for BnP256 {
    type PointArithmetic = point_arithmetic::EquationAIsGeneric;
    type Backend = mul_backend::VariableOnly;

    const EQUATION_A: FieldElement = FieldElement::ZERO;
    const EQUATION_B: FieldElement = FieldElement::from_u64(3);
    const GENERATOR: (FieldElement, FieldElement) = (FieldElement::ONE, FieldElement::from_u64(2));
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::elliptic_curve::ff::PrimeField;

    mod coordinates {
        use super::super::{FieldElement, U256};
        primefield::test_primefield!(FieldElement, U256);
    }

    mod scalars {
        use super::super::{Scalar, U256};
        primefield::test_primefield!(Scalar, U256);
    }

    #[test]
    fn generator_is_on_the_curve_and_has_the_order() {
        use crate::{crypto::own::curve::multiply, structures::TpmiEccCurve};
        let last = (-Scalar::ONE).to_repr().to_vec();
        let point = multiply(TpmiEccCurve::BnP256, &last, None).expect("a scalar");
        // The negative of (1, 2).
        let minus_two = (-FieldElement::from_u64(2)).to_repr().to_vec();
        assert_eq!(point[..32], FieldElement::ONE.to_repr()[..]);
        assert_eq!(point[32..], minus_two);
    }
}
