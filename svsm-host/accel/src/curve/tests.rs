//! Scalar multiplication against published vectors and RustCrypto's curves, and scalars and points that are refused.

use super::*;
use alloc::{vec, vec::Vec};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, Group, ProjectivePoint, Scalar,
    ff::PrimeField,
    sec1::{FromSec1Point, ModulusSize, Sec1Point, ToSec1Point},
};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hex")
}

/// Curve, their point, our scalar, our point, shared x.
type Exchange = (Curve, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

/// NIST CAVP, KAS_ECC_CDH_PrimitiveTest, COUNT = 0 of each curve.
fn cavp() -> [Exchange; 3] {
    [
        (
            Curve::P256,
            bytes(concat!(
                "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
                "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
            )),
            bytes("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534"),
            bytes(concat!(
                "ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230",
                "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141"
            )),
            bytes("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"),
        ),
        (
            Curve::P384,
            bytes(concat!(
                "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066",
                "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a"
            )),
            bytes("3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1"),
            bytes(concat!(
                "9803807f2f6d2fd966cdd0290bd410c0190352fbec7ff6247de1302df86f25d34fe4a97bef60cff548355c015dbb3e5f",
                "ba26ca69ec2f5b5d9dad20cc9da711383a9dbe34ea3fa5a2af75b46502629ad54dd8b7d73a8abb06a3a3be47d650cc99"
            )),
            bytes("5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1"),
        ),
        (
            Curve::P521,
            bytes(concat!(
                "00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d",
                "01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676"
            )),
            bytes(
                "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47",
            ),
            bytes(concat!(
                "00602f9d0cf9e526b29e22381c203c48a886c2b0673033366314f1ffbcba240ba42f4ef38a76174635f91e6b4ed34275eb01c8467d05ca80315bf1a7bbd945f550a5",
                "01b7c85f26f5d4b2d7355cf6b02117659943762b6d1db5ab4f1dbc44ce7b2946eb6c7de342962893fd387d1b73d7a8672d1f236961170b7eb3579953ee5cdc88cd2d"
            )),
            bytes(
                "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831",
            ),
        ),
    ]
}

#[test]
fn multiply_cavp_cdh_vectors_give_public_key_and_shared_secret() {
    for (curve, theirs, scalar, ours, shared) in cavp() {
        assert_eq!(multiply(curve, &scalar, None), Ok(ours), "{curve:?} generator");
        let product = multiply(curve, &scalar, Some(&theirs)).expect("good operands");
        assert_eq!(product[..curve.size()], shared, "{curve:?} point");
        assert_eq!(product.len(), 2 * curve.size());
    }
}

#[test]
fn multiply_add_agrees_with_two_multiplications() {
    // u1 G + u2 (k G) = (u1 + u2 k) G; with u1 = 3, u2 = 5 and k = 7 that is 38 G.
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let scalar = |value: u8| {
            let mut out = vec![0; curve.size()];
            out[curve.size() - 1] = value;
            out
        };
        let point = multiply(curve, &scalar(7), None).expect("7 G");
        let sum = multiply_add(curve, &scalar(3), &scalar(5), &point);
        assert_eq!(sum, multiply(curve, &scalar(38), None), "{curve:?}");
    }
}

#[test]
fn multiply_infinity_comes_back_empty() {
    let zero = [0; 32];
    assert_eq!(multiply(Curve::P256, &zero, None), Ok(vec![]));
    // (n - 1) G + 1 (G): the order of P-256 is FIPS 186-4 D.1.2.3's.
    let minus_one = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
    let mut one = [0; 32];
    one[31] = 1;
    let generator = multiply(Curve::P256, &one, None).expect("G");
    assert_eq!(multiply_add(Curve::P256, &minus_one, &one, &generator), Ok(vec![]));
}

#[test]
fn multiply_bad_operands_are_refused() {
    let bad = Err(Refusal::BadOperand);
    for (curve, theirs, scalar, ..) in cavp() {
        let mut off_curve = theirs.clone();
        off_curve[2 * curve.size() - 1] ^= 1;
        assert_eq!(
            multiply(curve, &scalar, Some(&off_curve)),
            bad,
            "{curve:?} point off the curve"
        );
        assert_eq!(
            multiply(curve, &scalar, Some(&theirs[1..])),
            bad,
            "{curve:?} short point"
        );
        assert_eq!(multiply(curve, &scalar, Some(&[])), bad, "{curve:?} empty point");
        assert_eq!(
            multiply(curve, &scalar, Some(&vec![0xff; 2 * curve.size()])),
            bad,
            "{curve:?} coordinates too big"
        );
        assert_eq!(multiply(curve, &scalar[1..], None), bad, "{curve:?} short scalar");
        assert_eq!(
            multiply(curve, &vec![0xff; curve.size()], None),
            bad,
            "{curve:?} scalar above the order"
        );
        assert_eq!(
            multiply_add(curve, &scalar, &vec![0xff; curve.size()], &theirs),
            bad,
            "{curve:?} u2"
        );
        assert_eq!(
            multiply_add(curve, &vec![0xff; curve.size()], &scalar, &theirs),
            bad,
            "{curve:?} u1"
        );
        assert_eq!(
            multiply_add(curve, &scalar, &scalar, &off_curve),
            bad,
            "{curve:?} point"
        );
    }
    // The order itself is not below the order.
    let order = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    assert_eq!(multiply(Curve::P256, &order, None), bad);
}

/// RFC 6979, A.2.5 to A.2.7: private key and public key.
fn rfc6979() -> [(Curve, Vec<u8>, Vec<u8>); 3] {
    [
        (
            Curve::P256,
            bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
            bytes(concat!(
                "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
                "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
            )),
        ),
        (
            Curve::P384,
            bytes("6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5"),
            bytes(concat!(
                "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
                "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
            )),
        ),
        (
            Curve::P521,
            bytes(
                "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
            ),
            bytes(concat!(
                "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4",
                "00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5"
            )),
        ),
    ]
}

#[test]
fn multiply_rfc6979_private_keys_give_public_keys() {
    for (curve, private, public) in rfc6979() {
        assert_eq!(multiply(curve, &private, None), Ok(public), "{curve:?}");
    }
}

/// RustCrypto's arithmetic of the same curve.
struct Other<C>(core::marker::PhantomData<C>);

impl<C> Other<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    fn scalar(bytes: &[u8]) -> Scalar<C> {
        let repr = FieldBytes::<C>::try_from(bytes).expect("as long as the order");
        Option::from(Scalar::<C>::from_repr(repr)).expect("below the order")
    }

    fn point(bytes: &[u8]) -> ProjectivePoint<C> {
        let encoded = Sec1Point::<C>::from_bytes([&[4], bytes].concat()).expect("an uncompressed point");
        let point: Option<AffinePoint<C>> = AffinePoint::<C>::from_sec1_point(&encoded).into();
        point.expect("on the curve").into()
    }

    fn encode(point: ProjectivePoint<C>) -> Vec<u8> {
        let affine: AffinePoint<C> = point.into();
        affine.to_sec1_point(false).as_bytes()[1..].to_vec()
    }

    /// `scalar` as many bytes.
    fn bytes(scalar: Scalar<C>) -> Vec<u8> {
        scalar.to_repr().to_vec()
    }

    /// Scalars at the ends of the range, next to where digits change their sign, of all ones and all zeros, and random ones.
    fn scalars(count: u64) -> Vec<Vec<u8>> {
        let two = Scalar::<C>::from(2);
        let mut scalars: Vec<Scalar<C>> = (0..=33).map(Scalar::<C>::from).collect();
        for bits in (5..250).step_by(31) {
            let power = (0..bits).fold(Scalar::<C>::from(1), |power, _| power * two);
            scalars.extend([power, power - Scalar::<C>::from(1)]);
        }
        // The digits of five bits: all 16, all -16 and a carry, all -1 and a carry.
        for digit in [0b10000, 0b01111, 0b11111] {
            let repeated = |times| {
                (0..times).fold(Scalar::<C>::from(0), |sum, _| {
                    sum * Scalar::<C>::from(32) + Scalar::<C>::from(digit)
                })
            };
            scalars.extend([repeated(7), repeated(50)]);
        }
        let mut random = Scalar::<C>::from(0x9e37_79b9_7f4a_7c15);
        for i in 0..count {
            random = random * random + Scalar::<C>::from(i);
            scalars.push(random);
        }
        scalars
            .into_iter()
            .flat_map(|scalar| [Self::bytes(scalar), Self::bytes(-scalar)])
            .collect()
    }

    /// The generator, its opposite, small multiples, and a point of which nobody knows anything.
    fn points() -> Vec<Vec<u8>> {
        let generator = ProjectivePoint::<C>::generator();
        let random = Self::scalar(&Self::scalars(9)[115]);
        [generator, -generator, generator.double(), generator * random]
            .map(Self::encode)
            .to_vec()
    }

    fn multiply_agrees(curve: Curve) {
        let points = Self::points();
        for scalar in Self::scalars(12) {
            let value = Self::scalar(&scalar);
            let expected = Self::encode(ProjectivePoint::<C>::mul_by_generator(&value));
            assert_eq!(multiply(curve, &scalar, None), Ok(expected), "{curve:?} {scalar:x?}");
            for point in &points {
                let expected = Self::encode(Self::point(point) * value);
                assert_eq!(
                    multiply(curve, &scalar, Some(point)),
                    Ok(expected),
                    "{curve:?} {scalar:x?} {point:x?}"
                );
            }
        }
    }

    fn multiply_add_agrees(curve: Curve) {
        let (all, points) = (Self::scalars(4), Self::points());
        // 0, 1, 2, 16, 17 and their opposites, and random ones: many sums are infinity, or of equal points.
        let picked: Vec<_> = all
            .iter()
            .take(6)
            .chain(&all[32..36])
            .chain(all.iter().rev().take(4))
            .collect();
        for u1 in &picked {
            for u2 in &picked {
                for point in &points {
                    let terms = ProjectivePoint::<C>::mul_by_generator(&Self::scalar(u1))
                        + Self::point(point) * Self::scalar(u2);
                    assert_eq!(
                        multiply_add(curve, u1, u2, point),
                        Ok(Self::encode(terms)),
                        "{curve:?} {u1:x?} {u2:x?} {point:x?}"
                    );
                }
            }
        }
    }
}

#[test]
fn multiply_edge_and_random_scalars_agree_with_rustcrypto() {
    Other::<p256::NistP256>::multiply_agrees(Curve::P256);
    Other::<p384::NistP384>::multiply_agrees(Curve::P384);
    Other::<p521::NistP521>::multiply_agrees(Curve::P521);
}

#[test]
fn multiply_add_edge_and_random_scalars_agree_with_rustcrypto() {
    Other::<p256::NistP256>::multiply_add_agrees(Curve::P256);
    Other::<p384::NistP384>::multiply_add_agrees(Curve::P384);
    Other::<p521::NistP521>::multiply_add_agrees(Curve::P521);
}

/// The operands just inside and just outside the ranges: order and prime, less 1 and themselves.
#[test]
fn multiply_order_and_prime_are_refused() {
    fn check<C: Parameters<N>, const N: usize>(curve: Curve) {
        let order = to_be(&C::ORDER, C::SIZE);
        let mut last = order.clone();
        *last.last_mut().expect("not empty") -= 1;
        assert_eq!(multiply(curve, &order, None), Err(Refusal::BadOperand));
        let one = multiply(curve, &last, None).expect("below the order");
        // (n - 1) G is -G: the same x, and an y that adds up to the prime.
        let x = to_be(&C::GENERATOR[0], C::SIZE);
        assert_eq!(one[..C::SIZE], x);
        // x + p is the same element, and no coordinate.
        for bad in [to_be(&C::P, C::SIZE), vec![0xff; C::SIZE]] {
            assert_eq!(
                multiply(curve, &last, Some(&[x.clone(), bad.clone()].concat())),
                Err(Refusal::BadOperand)
            );
            assert_eq!(
                multiply(curve, &last, Some(&[bad, x.clone()].concat())),
                Err(Refusal::BadOperand)
            );
        }
    }
    check::<P256, 4>(Curve::P256);
    check::<P384, 6>(Curve::P384);
    check::<P521, 9>(Curve::P521);
}
