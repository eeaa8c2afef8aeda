//! Is what the component calls its keys what the SVSM may vouch for?
//!
//! The component derives the four keys anew from its seeds; this file checks the result before it goes into any report: each public area equals its template
//! in everything but `unique`, a modulus is an odd 2048-bit number, a point lies on P-256. A component that is only buggy is caught here; a
//! hostile one can still claim keys that it has no private half of, or one that others have: that is why its hash is part of
//! the evidence.
//!
//! Keys are never read from a persistent handle: what lies there is the guest's choice.

use super::templates::{KEYS, KeyTemplate, Unique};
use alloc::vec::Vec;
use tpm_contract::{Failure, Identity};

/// Why no identity can be vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The TPM is in failure mode.
    TpmInFailure,
    /// The component could not derive its keys.
    Component(Failure),
    /// A public area is not its template.
    NotTheTemplate,
    /// A modulus is not a 2048-bit one.
    BadModulus,
    /// A point is not on the curve.
    NotOnCurve,
}

/// Four checked public areas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedIdentity {
    keys: [Vec<u8>; 4],
    ek_x: [u8; 32],
    srk_x: [u8; 32],
}

impl CheckedIdentity {
    /// Checks what a component returned.
    pub fn check(identity: Identity) -> Result<Self, IdentityError> {
        let Identity {
            rsa_ek,
            p256_ek,
            rsa_srk,
            p256_srk,
        } = identity;
        let keys = [rsa_ek, p256_ek, rsa_srk, p256_srk];
        let mut points = [None; 4];
        for ((key, template), point) in keys.iter().zip(&KEYS).zip(&mut points) {
            *point = check_public(key, template)?;
        }
        match points {
            [None, Some(ek_x), None, Some(srk_x)] => Ok(CheckedIdentity { keys, ek_x, srk_x }),
            _ => Err(IdentityError::NotTheTemplate),
        }
    }

    /// TPMT_PUBLIC of each key, in the order of [`KEYS`].
    pub fn publics(&self) -> &[Vec<u8>; 4] {
        &self.keys
    }

    /// TPMT_PUBLIC of the RSA endorsement key.
    pub fn rsa_ek(&self) -> &[u8] {
        &self.keys[0]
    }

    /// TPMT_PUBLIC of the P-256 endorsement key.
    pub fn p256_ek(&self) -> &[u8] {
        &self.keys[1]
    }

    /// TPMT_PUBLIC of the RSA storage root key.
    pub fn rsa_srk(&self) -> &[u8] {
        &self.keys[2]
    }

    /// TPMT_PUBLIC of the P-256 storage root key.
    pub fn p256_srk(&self) -> &[u8] {
        &self.keys[3]
    }

    /// X(P-256 EK) followed by X(P-256 SRK): the REPORT_DATA of the boot identity.
    pub fn boot_report_data(&self) -> [u8; 64] {
        let mut data = [0; 64];
        let (ek, srk) = data.split_at_mut(32);
        ek.copy_from_slice(&self.ek_x);
        srk.copy_from_slice(&self.srk_x);
        data
    }
}

/// Checks one public area; the X coordinate if it is a point.
fn check_public(public: &[u8], template: &KeyTemplate) -> Result<Option<[u8; 32]>, IdentityError> {
    let unique = public
        .strip_prefix(template.head)
        .ok_or(IdentityError::NotTheTemplate)?;
    match template.unique {
        Unique::Rsa2048 => {
            let modulus: &[u8; 256] = unique
                .strip_prefix(&[1, 0])
                .and_then(|n| n.try_into().ok())
                .ok_or(IdentityError::NotTheTemplate)?;
            if modulus[0] & 0x80 == 0 || modulus[255] & 1 == 0 {
                return Err(IdentityError::BadModulus);
            }
            Ok(None)
        }
        Unique::P256 => {
            let (x, rest) = coordinate(unique).ok_or(IdentityError::NotTheTemplate)?;
            let (y, rest) = coordinate(rest).ok_or(IdentityError::NotTheTemplate)?;
            if !rest.is_empty() {
                return Err(IdentityError::NotTheTemplate);
            }
            let mut sec1 = [4; 65];
            sec1[1..33].copy_from_slice(x);
            sec1[33..].copy_from_slice(y);
            // Refuses coordinates that are no field elements or not on the curve, and the point at infinity.
            p256::PublicKey::from_sec1_bytes(&sec1).map_err(|_| IdentityError::NotOnCurve)?;
            Ok(Some(*x))
        }
    }
}

fn coordinate(bytes: &[u8]) -> Option<(&[u8; 32], &[u8])> {
    bytes.strip_prefix(&[0, 32])?.split_first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The generator of P-256, FIPS 186-4 D.1.2.3.
    const GX: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    const GY: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn point(head: &[u8]) -> Vec<u8> {
        let (x, y) = (hex::decode(GX).expect("hex"), hex::decode(GY).expect("hex"));
        [head, &[0, 32], &x, &[0, 32], &y].concat()
    }

    fn good() -> Identity {
        let modulus = [0x81; 256];
        Identity {
            rsa_ek: [KEYS[0].head, &[1, 0], &modulus].concat(),
            p256_ek: point(KEYS[1].head),
            rsa_srk: [KEYS[2].head, &[1, 0], &modulus].concat(),
            p256_srk: point(KEYS[3].head),
        }
    }

    /// Why a good identity is refused after this change.
    fn refusal(change: impl FnOnce(&mut Identity)) -> Option<IdentityError> {
        let mut identity = good();
        change(&mut identity);
        CheckedIdentity::check(identity).err()
    }

    #[test]
    fn good_identity_gives_both_x_coordinates() {
        let identity = CheckedIdentity::check(good()).expect("good");
        assert_eq!(hex::encode(identity.boot_report_data()), [GX, GX].concat());
    }

    #[test]
    fn every_single_bit_of_a_template_matters() {
        for bit in 0..KEYS[0].head.len() * 8 {
            let refusal = refusal(|identity| identity.rsa_ek[bit / 8] ^= 1 << (bit % 8));
            assert_eq!(refusal, Some(IdentityError::NotTheTemplate), "bit {bit}");
        }
        for bit in 0..KEYS[3].head.len() * 8 {
            let refusal = refusal(|identity| identity.p256_srk[bit / 8] ^= 1 << (bit % 8));
            assert_eq!(refusal, Some(IdentityError::NotTheTemplate), "bit {bit}");
        }
    }

    #[test]
    fn point_off_the_curve_is_refused() {
        let off = refusal(|identity| *identity.p256_ek.last_mut().expect("a point") ^= 1);
        assert_eq!(off, Some(IdentityError::NotOnCurve));
        let beyond = refusal(|identity| identity.p256_srk[KEYS[3].head.len() + 2..][..32].fill(0xFF));
        assert_eq!(beyond, Some(IdentityError::NotOnCurve));
    }

    #[test]
    fn modulus_that_is_short_or_even_is_refused() {
        for (at, value) in [(2, 0x01), (257, 0x80)] {
            let refusal = refusal(|identity| identity.rsa_srk[KEYS[2].head.len() + at] = value);
            assert_eq!(refusal, Some(IdentityError::BadModulus));
        }
    }

    #[test]
    fn keys_in_each_others_place_or_of_another_length_are_refused() {
        let swapped = refusal(|identity| core::mem::swap(&mut identity.p256_ek, &mut identity.p256_srk));
        assert_eq!(swapped, Some(IdentityError::NotTheTemplate));
        for change in [
            |key: &mut Vec<u8>| key.push(0),
            |key: &mut Vec<u8>| key.truncate(key.len() - 1),
        ] {
            let refusal = refusal(|identity| change(&mut identity.p256_ek));
            assert_eq!(refusal, Some(IdentityError::NotTheTemplate));
        }
    }
}
