//! Whether a private part belongs to a public one, and whether a public key is one at all (Part 3 §12.2, §12.3).
//!
//! Both come from a caller: from a blob whose integrity somebody vouches for, or from TPM2_LoadExternal, for which nobody does. A key pair
//! that does not belong together could be made to leak its private part, so nothing is loaded on faith.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use super::creation;
use crate::{
    crypto::{ecc, rsa},
    structures::{
        PublicArea, TpmRc, TpmaObject, TpmsEccPoint, TpmtPublic, TpmtSensitive, TpmtSymDefObject,
        TpmuSensitiveComposite,
    },
};

/// The least public exponent of a key that comes from outside. Keys that are made here have larger ones.
const LEAST_EXPONENT: u32 = 7;

/// Whether the public area holds a key: sizes, the modulus's top bit, the point on its curve. Codes without a number, for inPublic.
pub fn public_key(public: &TpmtPublic) -> Result<(), TpmRc> {
    match &public.area {
        PublicArea::Rsa { parms, unique } => {
            let modulus = unique.as_bytes();
            let top = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
            if modulus.len() != parms.key_bits.key_size() || !top {
                Err(TpmRc::KEY)
            } else if parms.exponent != 0 && parms.exponent < LEAST_EXPONENT {
                Err(TpmRc::VALUE)
            } else {
                Ok(())
            }
        }
        PublicArea::Ecc { parms, unique } => {
            let size = parms.curve_id.size();
            if unique.x.as_bytes().len() != size || unique.y.as_bytes().len() != size {
                return Err(TpmRc::KEY);
            }
            if ecc::is_on_curve(parms.curve_id, &point_bytes(unique)) {
                Ok(())
            } else {
                Err(TpmRc::ECC_POINT)
            }
        }
        PublicArea::KeyedHash { unique, .. } | PublicArea::SymCipher { unique, .. } => {
            let size = public.name_alg.map(|alg| alg.digest_size());
            if size.is_none_or(|size| unique.as_bytes().len() == size) {
                Ok(())
            } else {
                Err(TpmRc::KEY)
            }
        }
    }
}

/// Whether `sensitive` is of the type that the public area says. Code without a number, for inPrivate.
pub fn sensitive_type(public: &TpmtPublic, sensitive: &TpmtSensitive) -> Result<(), TpmRc> {
    if sensitive.sensitive.selector() != public.object_type() {
        return Err(TpmRc::TYPE);
    }
    match (&public.area, &sensitive.sensitive) {
        (PublicArea::Rsa { parms, .. }, TpmuSensitiveComposite::Rsa(prime)) => {
            let top = prime.as_bytes().first().is_some_and(|byte| byte & 0x80 != 0);
            if prime.as_bytes().len() * 2 == parms.key_bits.key_size() && top {
                Ok(())
            } else {
                Err(TpmRc::KEY_SIZE)
            }
        }
        (PublicArea::Ecc { parms, .. }, TpmuSensitiveComposite::Ecc(scalar)) => {
            if scalar.as_bytes().len() == parms.curve_id.size() {
                Ok(())
            } else {
                Err(TpmRc::KEY_SIZE)
            }
        }
        (PublicArea::SymCipher { parms, .. }, TpmuSensitiveComposite::Sym(key)) => match &parms.sym {
            TpmtSymDefObject::Aes(aes) if key.as_bytes().len() == aes.key_bits.key_size() => Ok(()),
            _ => Err(TpmRc::KEY_SIZE),
        },
        _ => Ok(()),
    }
}

/// Whether the two belong together: TPM_RC_BINDING when not. Objects without a nameAlg have nothing that could be compared but keys.
pub fn pair(host: &mut dyn Arithmetic, public: &TpmtPublic, sensitive: &TpmtSensitive) -> Result<(), TpmRc> {
    let belongs = match (&public.area, &sensitive.sensitive) {
        (PublicArea::Rsa { parms, unique }, TpmuSensitiveComposite::Rsa(prime)) => {
            let exponent = rsa::exponent(parms.exponent);
            rsa::RsaPrivate::from_prime(host, unique.as_bytes(), exponent, prime.as_bytes()).is_ok()
        }
        (PublicArea::Ecc { parms, unique }, TpmuSensitiveComposite::Ecc(scalar)) => {
            ecc::is_private_key(parms.curve_id, scalar.as_bytes())
                && ecc::public_point(host, parms.curve_id, scalar.as_bytes())
                    .is_ok_and(|point| point == point_bytes(unique))
        }
        (PublicArea::KeyedHash { unique, .. } | PublicArea::SymCipher { unique, .. }, _) => {
            match creation::symmetric_unique(host, public, sensitive) {
                Some(expected) => expected == *unique,
                None => public.name_alg.is_none(),
            }
        }
        _ => false,
    };
    let storage = public.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT));
    let seed = sensitive.seed_value.as_bytes().len();
    let seeded = !storage || public.name_alg.is_some_and(|alg| seed == alg.digest_size());
    if belongs && seeded { Ok(()) } else { Err(TpmRc::BINDING) }
}

/// x followed by y.
pub fn point_bytes(point: &TpmsEccPoint) -> Vec<u8> {
    [point.x.as_bytes(), point.y.as_bytes()].concat()
}
