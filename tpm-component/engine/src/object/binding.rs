//! Whether a public area is that of a key, and whether a private part belongs to it (Part 3 §12.2, §12.3).
//!
//! Both come from a caller: from a blob whose integrity somebody vouches for, or from TPM2_LoadExternal, for which nobody does. A key pair
//! that does not belong together could be made to leak its private part, so nothing is loaded on faith. What is checked of which object, and in
//! which order, is as in the reference, because clients see which of two errors they get. An object without a nameAlg has no Name that could vouch for
//! anything: of its public half no more is believed than its size, and every operation checks points for itself.

use tpm_contract::Arithmetic;

use super::{creation, seed_exchange::full_point};
use crate::{
    crypto::{cipher, ecc, rsa},
    structures::{
        EccPrivate, PublicArea, TpmRc, TpmaObject, TpmiAlgHash, TpmsEccParms, TpmsEccPoint, TpmsRsaParms,
        TpmtKeyedhashScheme, TpmtPublic, TpmtSensitive, TpmtSymDefObject, TpmuSensitiveComposite,
    },
};

/// The least public exponent of a key that comes from outside. Keys that are made here have larger ones.
const LEAST_EXPONENT: u32 = 7;
/// The longest key or data of a KEYEDHASH object without a scheme.
const LONGEST_DATA: usize = 128;

/// The numbers of the parameters that hold the two areas.
#[derive(Clone, Copy)]
pub struct Places {
    /// The public area's.
    pub public: usize,
    /// The sensitive area's.
    pub private: usize,
}

/// The sensitive area with a private scalar as long as its curve says; callers may leave out leading zeros, or have more.
pub fn canonical(public: &TpmtPublic, mut sensitive: TpmtSensitive) -> Result<TpmtSensitive, TpmRc> {
    if let (PublicArea::Ecc { parms, .. }, TpmuSensitiveComposite::Ecc(scalar)) = (&public.area, &sensitive.sensitive)
        && !scalar.is_empty()
        && let Some(scalar) = ecc::fitted(scalar.as_bytes(), parms.curve_id.size())
    {
        sensitive.sensitive = TpmuSensitiveComposite::Ecc(EccPrivate::from_vec(scalar)?);
    }
    Ok(sensitive)
}

/// Whether a public area alone is that of a key.
pub fn public_only(public: &TpmtPublic, places: Places) -> Result<(), TpmRc> {
    match &public.area {
        PublicArea::Rsa { parms, unique } => modulus(parms, unique.as_bytes(), places),
        PublicArea::Ecc { parms, unique } => {
            let size = parms.curve_id.size();
            if unique.x.len() != size || unique.y.len() != size {
                return Err(TpmRc::KEY.with_parameter(places.public));
            }
            let good = full_point(parms.curve_id, unique).is_ok_and(|point| ecc::is_on_curve(parms.curve_id, &point));
            if good || public.name_alg.is_none() {
                Ok(())
            } else {
                Err(TpmRc::ECC_POINT.with_parameter(places.public))
            }
        }
        PublicArea::KeyedHash { unique, .. } | PublicArea::SymCipher { unique, .. } => {
            if unique.len() == public.name_alg.map_or(0, TpmiAlgHash::digest_size) {
                Ok(())
            } else {
                Err(TpmRc::KEY.with_parameter(places.public))
            }
        }
    }
}

/// Whether both areas are good and belong together: TPM_RC_BINDING when not. The sensitive area is in its [`canonical`] form.
pub fn pair(
    host: &mut dyn Arithmetic,
    public: &TpmtPublic,
    sensitive: &TpmtSensitive,
    places: Places,
) -> Result<(), TpmRc> {
    if sensitive.sensitive.selector() != public.object_type() {
        return Err(TpmRc::TYPE.with_parameter(places.private));
    }
    let wrong_size = TpmRc::KEY_SIZE.with_parameter(places.private);
    match (&public.area, &sensitive.sensitive) {
        (PublicArea::Rsa { parms, unique }, TpmuSensitiveComposite::Rsa(prime)) => {
            modulus(parms, unique.as_bytes(), places)?;
            let top = prime.as_bytes().first().is_some_and(|byte| byte & 0x80 != 0);
            if prime.len() * 2 != parms.key_bits.key_size() || !top {
                return Err(wrong_size);
            }
            let exponent = rsa::exponent(parms.exponent);
            rsa::RsaPrivate::from_prime(host, unique.as_bytes(), exponent, prime.as_bytes())
                .map_err(|_| TpmRc::BINDING)?;
        }
        (PublicArea::Ecc { parms, unique }, TpmuSensitiveComposite::Ecc(scalar)) => {
            if !ecc::is_private_key(parms.curve_id, scalar.as_bytes()) {
                return Err(TpmRc::KEY_SIZE);
            }
            if public.name_alg.is_some() && !is_point_of(host, parms, unique, scalar.as_bytes()) {
                return Err(TpmRc::BINDING);
            }
        }
        (PublicArea::KeyedHash { parms, .. }, TpmuSensitiveComposite::Bits(bits)) => {
            let longest = match &parms.scheme {
                TpmtKeyedhashScheme::Hmac(hash) => hash.block_size(),
                TpmtKeyedhashScheme::Xor(scheme) => scheme.hash_alg.block_size(),
                TpmtKeyedhashScheme::Null => LONGEST_DATA,
            };
            if bits.len() > longest {
                return Err(wrong_size);
            }
            symmetric(host, public, sensitive, places)?;
        }
        (PublicArea::SymCipher { parms, .. }, TpmuSensitiveComposite::Sym(key)) => {
            match &parms.sym {
                TpmtSymDefObject::Cipher(parameters) if key.len() == parameters.key_size() => {
                    if !cipher::is_key(parameters.cipher, key.as_bytes()) {
                        return Err(TpmRc::KEY.with_parameter(places.private));
                    }
                }
                TpmtSymDefObject::Cipher(_) | TpmtSymDefObject::Null => return Err(wrong_size),
            }
            symmetric(host, public, sensitive, places)?;
        }
        _ => return Err(TpmRc::TYPE.with_parameter(places.private)),
    }
    storage_seed(public, sensitive, places)
}

/// Size and top bit of the modulus, and the exponent.
fn modulus(parms: &TpmsRsaParms, modulus: &[u8], places: Places) -> Result<(), TpmRc> {
    let top = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
    if modulus.len() != parms.key_bits.key_size() || !top {
        Err(TpmRc::KEY.with_parameter(places.public))
    } else if parms.exponent != 0 && parms.exponent < LEAST_EXPONENT {
        Err(TpmRc::VALUE.with_parameter(places.public))
    } else {
        Ok(())
    }
}

/// Whether the public point is that of the private scalar.
fn is_point_of(host: &mut dyn Arithmetic, parms: &TpmsEccParms, unique: &TpmsEccPoint, scalar: &[u8]) -> bool {
    let Ok(claimed) = full_point(parms.curve_id, unique) else {
        return false;
    };
    ecc::public_point(host, parms.curve_id, scalar).is_ok_and(|point| point == claimed)
}

/// Whether `unique` commits to the secret, as far as there is a nameAlg to commit with.
fn symmetric(
    host: &mut dyn Arithmetic,
    public: &TpmtPublic,
    sensitive: &TpmtSensitive,
    places: Places,
) -> Result<(), TpmRc> {
    let (PublicArea::KeyedHash { unique, .. } | PublicArea::SymCipher { unique, .. }) = &public.area else {
        return Ok(());
    };
    let Some(alg) = public.name_alg else { return Ok(()) };
    if sensitive.seed_value.len() != alg.digest_size() {
        return Err(TpmRc::KEY_SIZE.with_parameter(places.private));
    }
    if creation::symmetric_unique(host, public, sensitive).as_ref() == Some(unique) {
        Ok(())
    } else {
        Err(TpmRc::BINDING)
    }
}

/// The seed of a parent protects its children: it has at least half a digest.
fn storage_seed(public: &TpmtPublic, sensitive: &TpmtSensitive, places: Places) -> Result<(), TpmRc> {
    let Some(alg) = public.name_alg else { return Ok(()) };
    let (size, digest) = (sensitive.seed_value.len(), alg.digest_size());
    let storage = public.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT));
    if storage && (size < digest / 2 || size > digest) {
        Err(TpmRc::SIZE.with_parameter(places.private))
    } else {
        Ok(())
    }
}
