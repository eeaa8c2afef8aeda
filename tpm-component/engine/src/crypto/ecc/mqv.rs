//! Full MQV (SP 800-56A §5.7.2.3): a secret from a static and an ephemeral key of each side. The formula serves SM2's exchange, too.
//!
//! The other side's points are a caller's; they are on the curve before anything is computed with them.

use crate::wipe::Wiped;
use alloc::vec::Vec;
use p256::elliptic_curve::{CurveArithmetic, ff::PrimeField};
use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use super::{is_on_curve, on_curve, parse_scalar};
use crate::crypto::{CryptoError, own, seam};
use crate::structures::TpmiEccCurve;

/// Our private key of one kind, static or ephemeral, and the other side's point.
type Keys<'a> = (&'a [u8], &'a [u8]);

/// The shared point. The curves have cofactor 1.
pub fn mqv(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    own_static: &[u8],
    own_ephemeral: &[u8],
    their_static: &[u8],
    their_ephemeral: &[u8],
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let (fixed, ephemeral) = ((own_static, their_static), (own_ephemeral, their_ephemeral));
    let half = usize::from(curve.bits().div_ceil(2));
    shared_point(host, curve, half, ephemeral, ephemeral, fixed)
}

/// The product of `own_added + v own_multiplied`, a number, and `their_added + v' their_multiplied`, a point, where v and v' are the associate values of
/// the two ephemeral points, `bits` long but for the bit on top.
pub(super) fn shared_point(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    bits: usize,
    (own_ephemeral, their_ephemeral): Keys<'_>,
    (own_added, their_added): Keys<'_>,
    (own_multiplied, their_multiplied): Keys<'_>,
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    if !is_on_curve(curve, their_added) || !is_on_curve(curve, their_multiplied) {
        return Err(CryptoError::BadOperand);
    }
    let own_point = seam::ec_multiply(host, curve, own_ephemeral, None)?;
    let own_value = associated_value(curve, bits, &own_point);
    let implicit = on_curve!(curve, implicit_signature(own_added, &own_value, own_multiplied))?;
    let their_value = associated_value(curve, bits, their_ephemeral);
    let scaled = seam::ec_multiply(host, curve, &their_value, Some(their_multiplied))?;
    let sum = own::curve::add(curve, &scaled, their_added)?;
    seam::ec_multiply(host, curve, &implicit, Some(&sum)).map(Wiped::new)
}

/// The associate value function (§5.7.2.2): so many low bits of x, with the next bit set.
fn associated_value(curve: TpmiEccCurve, half: usize, point: &[u8]) -> Vec<u8> {
    let mut value = point.get(..curve.size()).unwrap_or_default().to_vec();
    for (at, byte) in value.iter_mut().rev().enumerate() {
        let low = 8 * at;
        *byte = match half.saturating_sub(low) {
            0 if half < low => 0,
            below @ 0..8 => *byte & ((1 << below) - 1) | 1 << below,
            _ => *byte,
        };
    }
    value
}

/// (added + value multiplied) mod n, which §5.7.2.3 calls the implicit signature.
fn implicit_signature<C: CurveArithmetic>(
    added: &[u8],
    value: &[u8],
    multiplied: &[u8],
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let added = Zeroizing::new(parse_scalar::<C>(added)?);
    let multiplied = Zeroizing::new(parse_scalar::<C>(multiplied)?);
    let sum = Zeroizing::new(*added + parse_scalar::<C>(value)? * *multiplied);
    Ok(Wiped::new(sum.to_repr().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{
        ecc::{public_point, random_scalar},
        self_test::{MQV_A, MQV_B, MQV_SHARED},
        test_hosts::{both_ways, bytes},
    };

    #[test]
    fn associated_value_is_the_low_half_of_x_with_the_next_bit() {
        // SP 800-56A §5.7.2.2: avf(Q) = (x mod 2^ceil(f / 2)) + 2^ceil(f / 2), with f = 521 in P-521.
        let half = |curve: TpmiEccCurve| usize::from(curve.bits().div_ceil(2));
        let value = |curve: TpmiEccCurve| associated_value(curve, half(curve), &alloc::vec![0xff; 2 * curve.size()]);
        assert_eq!(
            value(TpmiEccCurve::NistP256),
            [[0u8; 15].as_slice(), &[1], &[0xff; 16]].concat()
        );
        assert_eq!(
            value(TpmiEccCurve::NistP521),
            [[0u8; 33].as_slice(), &[0x3f], &[0xff; 32]].concat()
        );
        let zero = associated_value(TpmiEccCurve::NistP521, 261, &[0; 132]);
        assert_eq!(zero, [[0u8; 33].as_slice(), &[0x20], &[0; 32]].concat());
    }

    #[test]
    fn mqv_nist_vector_matches_from_both_sides() {
        // The test of the primitive in NIST's ACVP server: P-384.
        let curve = TpmiEccCurve::NistP384;
        both_ways(|host| {
            for (own, theirs) in [(&MQV_A, &MQV_B), (&MQV_B, &MQV_A)] {
                let (private, ephemeral) = (bytes(own.private), bytes(own.ephemeral_private));
                assert_eq!(public_point(host, curve, &private), Ok(bytes(own.point)));
                let points = (bytes(theirs.point), bytes(theirs.ephemeral_point));
                let shared = mqv(host, curve, &private, &ephemeral, &points.0, &points.1).expect("good points");
                assert_eq!(shared[..48], bytes(MQV_SHARED));
            }
        });
    }

    #[test]
    fn mqv_both_sides_agree_and_strangers_do_not() {
        // §5.7.2.3 gives both sides the same point, in which each static key counts.
        both_ways(|host| {
            for curve in TpmiEccCurve::ALL.iter().copied() {
                let mut drbg = crate::crypto::Drbg::new(host, &[b"keys of both sides"]);
                let keys: [Wiped<Vec<u8>>; 5] =
                    core::array::from_fn(|_| random_scalar(host, &mut drbg, curve).expect("a scalar"));
                let points = keys
                    .each_ref()
                    .map(|key| public_point(host, curve, key).expect("a key"));
                let [a, a_e, b, b_e, other] = &keys;
                let ours = mqv(host, curve, a, a_e, &points[2], &points[3]).expect("good points");
                let theirs = mqv(host, curve, b, b_e, &points[0], &points[1]).expect("good points");
                assert_eq!(ours, theirs, "{curve:?}");
                let stranger = mqv(host, curve, other, a_e, &points[2], &points[3]).expect("good points");
                assert_ne!(ours, stranger);
                let mut off = points[2].clone();
                off[3] ^= 1;
                assert_eq!(mqv(host, curve, a, a_e, &off, &points[3]), Err(CryptoError::BadOperand));
            }
        });
    }
}
