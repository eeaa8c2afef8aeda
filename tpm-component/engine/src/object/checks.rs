//! Which attributes, schemes and parents go together (Part 1 §25, Part 2 §8.3, Part 3 §12.1).
//!
//! The public area is the caller's, well formed and nothing more. The order of the checks is the reference's where the specification leaves it
//! open, because clients see which of two errors they get. Codes come without a number: it depends on the command.

use super::Object;
use crate::structures::{
    PublicArea, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgKdf, TpmiAlgPublic, TpmiAlgSymMode, TpmtEccScheme,
    TpmtKdfScheme, TpmtKeyedhashScheme, TpmtPublic, TpmtRsaScheme, TpmtSymDefObject,
};

/// What an object is created or loaded under.
#[derive(Clone, Copy)]
pub enum Parent<'a> {
    /// A hierarchy: the object is a primary one.
    Hierarchy,
    /// A storage parent.
    Object(&'a Object),
    /// Nothing (TPM2_LoadExternal).
    None,
}

/// The checks of TPM2_Create and TPM2_CreatePrimary on the template, with how many bytes of data the caller gave.
pub fn creation(public: &TpmtPublic, parent: Parent<'_>, data: usize) -> Result<(), TpmRc> {
    let attributes = public.object_attributes;
    let origin = attributes.contains(TpmaObject::SENSITIVE_DATA_ORIGIN);
    if !origin && data == 0 {
        return Err(TpmRc::ATTRIBUTES);
    }
    if matches!(parent, Parent::Object(_)) && origin && data != 0 {
        return Err(TpmRc::ATTRIBUTES);
    }
    match public.object_type() {
        TpmiAlgPublic::KeyedHash | TpmiAlgPublic::SymCipher => {
            let sealed = public.object_type() == TpmiAlgPublic::KeyedHash
                && !attributes.intersects(TpmaObject::SIGN.with(TpmaObject::DECRYPT));
            if sealed && origin {
                return Err(TpmRc::ATTRIBUTES);
            }
            let fixed = attributes.intersects(TpmaObject::FIXED_TPM.with(TpmaObject::FIXED_PARENT));
            if attributes.contains(TpmaObject::RESTRICTED) && !origin && fixed {
                return Err(TpmRc::ATTRIBUTES);
            }
        }
        TpmiAlgPublic::Rsa | TpmiAlgPublic::Ecc if !origin => return Err(TpmRc::ATTRIBUTES),
        TpmiAlgPublic::Rsa | TpmiAlgPublic::Ecc => {}
    }
    public_area(public, parent)
}

/// The checks on any public area.
pub fn public_area(public: &TpmtPublic, parent: Parent<'_>) -> Result<(), TpmRc> {
    let attributes = public.object_attributes;
    let has = |bit| attributes.contains(bit);
    let policy = public.auth_policy.as_bytes().len();
    match public.name_alg {
        None if !matches!(parent, Parent::None) => return Err(TpmRc::HASH),
        None if policy != 0 => return Err(TpmRc::SIZE),
        Some(alg) if policy != 0 && policy != alg.digest_size() => return Err(TpmRc::SIZE),
        None | Some(_) => {}
    }
    let fixed_parent_tpm = match parent {
        Parent::Hierarchy => Some(true),
        Parent::Object(object) => Some(object.has(TpmaObject::FIXED_TPM)),
        Parent::None => None,
    };
    match fixed_parent_tpm {
        Some(true) if has(TpmaObject::FIXED_PARENT) != has(TpmaObject::FIXED_TPM) => return Err(TpmRc::ATTRIBUTES),
        Some(false) if has(TpmaObject::FIXED_TPM) => return Err(TpmRc::ATTRIBUTES),
        _ => {}
    }
    let (sign, decrypt, restricted) = (
        has(TpmaObject::SIGN),
        has(TpmaObject::DECRYPT),
        has(TpmaObject::RESTRICTED),
    );
    if sign == decrypt && (restricted || (!sign && public.object_type() != TpmiAlgPublic::KeyedHash)) {
        return Err(TpmRc::ATTRIBUTES);
    }
    let duplication = has(TpmaObject::ENCRYPTED_DUPLICATION);
    if has(TpmaObject::FIXED_TPM) && duplication {
        return Err(TpmRc::ATTRIBUTES);
    }
    if let Parent::Object(object) = parent
        && !object.has(TpmaObject::FIXED_TPM)
        && duplication != object.has(TpmaObject::ENCRYPTED_DUPLICATION)
    {
        return Err(TpmRc::ATTRIBUTES);
    }
    schemes(public)?;
    storage_key(public, parent)?;
    // A symmetric storage key protects its children with CFB (Part 2 §12.2.3.6), as an asymmetric one does.
    match &public.area {
        PublicArea::SymCipher { parms, .. }
            if restricted && decrypt && parms.sym.mode() != Some(TpmiAlgSymMode::Cfb) =>
        {
            Err(TpmRc::MODE)
        }
        _ => Ok(()),
    }
}

/// The checks on a public area without a private one, or without a nameAlg: how it would be used, and nothing else.
pub fn unvouched(public: &TpmtPublic) -> Result<(), TpmRc> {
    schemes(public)
}

fn schemes(public: &TpmtPublic) -> Result<(), TpmRc> {
    let (sign, decrypt, restricted) = (
        public.has(TpmaObject::SIGN),
        public.has(TpmaObject::DECRYPT),
        public.has(TpmaObject::RESTRICTED),
    );
    match &public.area {
        // CMAC does not decrypt.
        PublicArea::SymCipher { parms, .. } if decrypt && parms.sym.mode() == Some(TpmiAlgSymMode::Cmac) => {
            Err(TpmRc::SCHEME)
        }
        PublicArea::SymCipher { .. } => Ok(()),
        PublicArea::KeyedHash { parms, .. } => match &parms.scheme {
            TpmtKeyedhashScheme::Null if sign == decrypt => Ok(()),
            TpmtKeyedhashScheme::Hmac(_) if sign && !decrypt => Ok(()),
            // Derivation is with SP 800-108, so a derivation parent says so; XOR carries the hash.
            TpmtKeyedhashScheme::Xor(scheme)
                if decrypt && !sign && (!restricted || scheme.kdf == Some(TpmiAlgKdf::Kdf1Sp800108)) =>
            {
                Ok(())
            }
            _ => Err(TpmRc::SCHEME),
        },
        PublicArea::Rsa { parms, .. } => {
            let kind = match parms.scheme {
                TpmtRsaScheme::Null => Kind::Null,
                TpmtRsaScheme::Rsassa(_) | TpmtRsaScheme::Rsapss(_) => Kind::Sign,
                TpmtRsaScheme::Rsaes | TpmtRsaScheme::Oaep(_) => Kind::Decrypt,
            };
            asymmetric(kind, &parms.symmetric, sign, decrypt, restricted)
        }
        PublicArea::Ecc { parms, .. } => {
            let kind = match parms.scheme {
                TpmtEccScheme::Null => Kind::Null,
                TpmtEccScheme::Ecdsa(_) | TpmtEccScheme::Ecdaa(_) | TpmtEccScheme::Ecschnorr(_) => Kind::Sign,
                TpmtEccScheme::Ecdh(_) | TpmtEccScheme::Ecmqv(_) => Kind::Decrypt,
                #[cfg(feature = "sm2")]
                TpmtEccScheme::Sm2(_) if sign => Kind::Sign,
                #[cfg(feature = "sm2")]
                TpmtEccScheme::Sm2(_) => Kind::Decrypt,
            };
            asymmetric(kind, &parms.symmetric, sign, decrypt, restricted)?;
            if parms.kdf == TpmtKdfScheme::Null {
                Ok(())
            } else {
                Err(TpmRc::KDF)
            }
        }
    }
}

/// What a scheme is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Sign,
    Decrypt,
}

fn asymmetric(
    scheme: Kind,
    symmetric: &TpmtSymDefObject,
    sign: bool,
    decrypt: bool,
    restricted: bool,
) -> Result<(), TpmRc> {
    let fits = if sign == decrypt {
        scheme == Kind::Null
    } else if sign {
        scheme == Kind::Sign || (scheme == Kind::Null && !restricted)
    } else {
        scheme == Kind::Null || (scheme == Kind::Decrypt && !restricted)
    };
    if !fits {
        return Err(TpmRc::SCHEME);
    }
    let storage = decrypt && restricted;
    match symmetric {
        TpmtSymDefObject::Null if storage => Err(TpmRc::SYMMETRIC),
        // What protects children is CFB (Part 2 §12.2.3.6).
        TpmtSymDefObject::Cipher(_) if storage && symmetric.mode() != Some(TpmiAlgSymMode::Cfb) => Err(TpmRc::MODE),
        TpmtSymDefObject::Cipher(_) if !storage => Err(TpmRc::SYMMETRIC),
        _ => Ok(()),
    }
}

/// A storage key that stays with its parent protects its children as the parent does.
fn storage_key(public: &TpmtPublic, parent: Parent<'_>) -> Result<(), TpmRc> {
    let (Parent::Object(parent), Some(symmetric)) = (parent, public.area.symmetric()) else {
        return Ok(());
    };
    let bits = TpmaObject::RESTRICTED
        .with(TpmaObject::DECRYPT)
        .with(TpmaObject::FIXED_PARENT);
    if !public.has(bits) {
        return Ok(());
    }
    if public.name_alg != parent.public.name_alg {
        return Err(TpmRc::HASH);
    }
    if parent.public.area.symmetric() == Some(symmetric) {
        Ok(())
    } else {
        Err(TpmRc::SYMMETRIC)
    }
}

/// The hash of a signing key's own scheme, if it has one.
pub fn scheme_hash(public: &TpmtPublic) -> Option<TpmiAlgHash> {
    match &public.area {
        PublicArea::KeyedHash { parms, .. } => match &parms.scheme {
            TpmtKeyedhashScheme::Hmac(hash) => Some(*hash),
            TpmtKeyedhashScheme::Xor(scheme) => Some(scheme.hash_alg),
            TpmtKeyedhashScheme::Null => None,
        },
        PublicArea::SymCipher { .. } => None,
        PublicArea::Rsa { parms, .. } => match parms.scheme {
            TpmtRsaScheme::Rsassa(hash) | TpmtRsaScheme::Rsapss(hash) | TpmtRsaScheme::Oaep(hash) => Some(hash),
            TpmtRsaScheme::Rsaes | TpmtRsaScheme::Null => None,
        },
        PublicArea::Ecc { parms, .. } => match parms.scheme {
            TpmtEccScheme::Ecdsa(hash)
            | TpmtEccScheme::Ecschnorr(hash)
            | TpmtEccScheme::Ecdh(hash)
            | TpmtEccScheme::Ecmqv(hash) => Some(hash),
            TpmtEccScheme::Ecdaa(ref scheme) => Some(scheme.hash_alg),
            #[cfg(feature = "sm2")]
            TpmtEccScheme::Sm2(hash) => Some(hash),
            TpmtEccScheme::Null => None,
        },
    }
}
