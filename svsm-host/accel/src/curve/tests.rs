//! Scalar multiplication against published vectors, and scalars and points that are refused.

use super::*;
use alloc::{vec, vec::Vec};

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
