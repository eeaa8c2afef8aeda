//! Signatures of objects (Part 1 §11.4, Annexes B and C; Part 3 §18.1, §20): which scheme a key signs with, signing, and verifying.
//!
//! Digests, schemes and signatures are the caller's. Which scheme a key may use is decided once, by [`select_scheme`], from what the key
//! itself says and what the caller asks for; a key that names its scheme never signs with another.

use tpm_contract::Host;

use super::{Object, seed_exchange::full_point};
use crate::{
    crypto::{
        Drbg,
        ecc::{self, schnorr},
        hmac, rsa, rsa_padding,
        self_test::Part,
    },
    structures::{
        PublicArea, Tpm2bEccParameter, Tpm2bPublicKeyRsa, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgPublic,
        TpmsSignatureEcc, TpmsSignatureRsa, TpmtEccScheme, TpmtHa, TpmtKeyedhashScheme, TpmtRsaScheme, TpmtSigScheme,
        TpmtSignature, TpmuSensitiveComposite,
    },
    tpm::Tpm,
};

/// Whether an object can sign: a signing key, and no block cipher, whose sign attribute means encryption.
pub fn can_sign(key: &Object) -> bool {
    key.has(TpmaObject::SIGN) && key.public.object_type() != TpmiAlgPublic::SymCipher
}

/// The signing scheme that the key itself names.
fn own_scheme(key: &Object) -> TpmtSigScheme {
    match &key.public.area {
        PublicArea::Rsa { parms, .. } => match parms.scheme {
            TpmtRsaScheme::Rsassa(hash) => TpmtSigScheme::Rsassa(hash),
            TpmtRsaScheme::Rsapss(hash) => TpmtSigScheme::Rsapss(hash),
            TpmtRsaScheme::Rsaes | TpmtRsaScheme::Oaep(_) | TpmtRsaScheme::Null => TpmtSigScheme::Null,
        },
        PublicArea::Ecc { parms, .. } => match parms.scheme {
            TpmtEccScheme::Ecdsa(hash) => TpmtSigScheme::Ecdsa(hash),
            TpmtEccScheme::Ecdaa(ref scheme) => TpmtSigScheme::Ecdaa(scheme.clone()),
            TpmtEccScheme::Ecschnorr(hash) => TpmtSigScheme::Ecschnorr(hash),
            #[cfg(feature = "sm2")]
            TpmtEccScheme::Sm2(hash) => TpmtSigScheme::Sm2(hash),
            TpmtEccScheme::Ecdh(_) | TpmtEccScheme::Ecmqv(_) | TpmtEccScheme::Null => TpmtSigScheme::Null,
        },
        PublicArea::KeyedHash { parms, .. } => match parms.scheme {
            TpmtKeyedhashScheme::Hmac(hash) => TpmtSigScheme::Hmac(hash),
            TpmtKeyedhashScheme::Xor(_) | TpmtKeyedhashScheme::Null => TpmtSigScheme::Null,
        },
        PublicArea::SymCipher { .. } => TpmtSigScheme::Null,
    }
}

/// Whether a scheme is one of the key's type.
fn fits(key: &Object, scheme: &TpmtSigScheme) -> bool {
    #[cfg(feature = "sm2")]
    if let (PublicArea::Ecc { .. }, TpmtSigScheme::Sm2(_)) = (&key.public.area, scheme) {
        return true;
    }
    matches!(
        (&key.public.area, scheme),
        (
            PublicArea::Rsa { .. },
            TpmtSigScheme::Rsassa(_) | TpmtSigScheme::Rsapss(_)
        ) | (
            PublicArea::Ecc { .. },
            TpmtSigScheme::Ecdsa(_) | TpmtSigScheme::Ecdaa(_) | TpmtSigScheme::Ecschnorr(_)
        ) | (PublicArea::KeyedHash { .. }, TpmtSigScheme::Hmac(_))
    )
}

/// The scheme with which a key signs, given what the caller asks for: the key's own, or the caller's when the key has none.
/// TPM_RC_SCHEME when there is none, when the two differ, or when it is not one of the key's type. The count of ECDAA is the caller's to give.
pub fn select_scheme(key: &Object, asked: &TpmtSigScheme) -> Result<TpmtSigScheme, TpmRc> {
    let own = own_scheme(key);
    let chosen = match (&own, asked) {
        (TpmtSigScheme::Null, asked) => asked,
        (TpmtSigScheme::Ecdaa(own), TpmtSigScheme::Ecdaa(with_count)) if own.hash_alg == with_count.hash_alg => asked,
        (TpmtSigScheme::Ecdaa(_), _) => return Err(TpmRc::SCHEME),
        (own, TpmtSigScheme::Null) => own,
        (own, asked) if own == asked => own,
        _ => return Err(TpmRc::SCHEME),
    };
    if fits(key, chosen) {
        Ok(chosen.clone())
    } else {
        Err(TpmRc::SCHEME)
    }
}

/// Signs a digest with a scheme that [`select_scheme`] gave. TPM_RC_VALUE when the digest is not one of the scheme's hash, where that matters.
pub fn sign(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    key: &Object,
    scheme: &TpmtSigScheme,
    digest: &[u8],
) -> Result<TpmtSignature, TpmRc> {
    let sensitive = key.sensitive.as_ref().ok_or(TpmRc::KEY)?;
    match (scheme, &sensitive.sensitive) {
        (TpmtSigScheme::Rsassa(hash), TpmuSensitiveComposite::Rsa(_)) => {
            let block = rsa_padding::pkcs1_signature(*hash, digest, modulus_size(key)?)?;
            sign_rsa(host, key, *hash, &block).map(TpmtSignature::Rsassa)
        }
        (TpmtSigScheme::Rsapss(hash), TpmuSensitiveComposite::Rsa(_)) => {
            let size = modulus_size(key)?;
            let salt = tpm.rng.bytes(host, rsa_padding::pss_salt_size(*hash, size))?;
            let block = rsa_padding::pss_signature(host, *hash, digest, &salt, size)?;
            sign_rsa(host, key, *hash, &block).map(TpmtSignature::Rsapss)
        }
        (_, TpmuSensitiveComposite::Ecc(scalar)) => sign_ecc(tpm, host, key, scheme, scalar.as_bytes(), digest),
        (TpmtSigScheme::Hmac(hash), TpmuSensitiveComposite::Bits(bits)) => {
            let mac = hmac(host, *hash, bits.as_bytes(), &[digest]);
            Ok(TpmtSignature::Hmac(TpmtHa::new(*hash, mac.as_bytes())?))
        }
        _ => Err(TpmRc::SCHEME),
    }
}

/// Signs with one of the schemes of elliptic curves. TPM_RC_VALUE when the commitment that ECDAA names is not open.
fn sign_ecc(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    key: &Object,
    scheme: &TpmtSigScheme,
    private: &[u8],
    digest: &[u8],
) -> Result<TpmtSignature, TpmRc> {
    let PublicArea::Ecc { parms, .. } = &key.public.area else {
        return Err(TpmRc::KEY);
    };
    let (curve, hash) = (parms.curve_id, scheme.hash().ok_or(TpmRc::SCHEME)?);
    // Nonces from randomness, key and digest together: neither a weak generator nor a repeated digest repeats one.
    let random = tpm.rng.bytes(host, hash.digest_size())?;
    let mut nonces = Drbg::new(host, &[&random, private, digest]);
    let signed = |signature: ecc::EccSignature| {
        Ok::<_, TpmRc>(TpmsSignatureEcc {
            hash,
            signature_r: Tpm2bEccParameter::from_vec(signature.r)?,
            signature_s: Tpm2bEccParameter::from_vec(signature.s)?,
        })
    };
    match scheme {
        TpmtSigScheme::Ecdsa(_) => {
            let signature = ecc::ecdsa_sign(host, &mut nonces, curve, private, digest)?;
            signed(signature).map(TpmtSignature::Ecdsa)
        }
        #[cfg(feature = "sm2")]
        TpmtSigScheme::Sm2(_) => {
            tpm.test_before_use(host, Part::Sm2)?;
            let signature = ecc::sm2::sign(host, &mut nonces, curve, private, digest)?;
            signed(signature).map(TpmtSignature::Sm2)
        }
        TpmtSigScheme::Ecschnorr(_) => {
            tpm.test_before_use(host, Part::Schnorr)?;
            let signature = schnorr::sign(host, &mut nonces, curve, hash, private, digest)?;
            signed(signature).map(TpmtSignature::Ecschnorr)
        }
        TpmtSigScheme::Ecdaa(scheme) => {
            tpm.test_before_use(host, Part::Ecdaa)?;
            let commitment = tpm
                .commitment(host, curve, &key.name, scheme.count)
                .ok_or(TpmRc::VALUE)?;
            let signature = schnorr::ecdaa_sign(host, &mut nonces, curve, hash, private, &commitment, digest)?;
            tpm.close_commitment(scheme.count);
            signed(signature).map(TpmtSignature::Ecdaa)
        }
        TpmtSigScheme::Rsassa(_) | TpmtSigScheme::Rsapss(_) | TpmtSigScheme::Hmac(_) | TpmtSigScheme::Null => {
            Err(TpmRc::SCHEME)
        }
    }
}

fn modulus_size(key: &Object) -> Result<usize, TpmRc> {
    match &key.public.area {
        PublicArea::Rsa { unique, .. } => Ok(unique.len()),
        _ => Err(TpmRc::KEY),
    }
}

fn sign_rsa(host: &mut dyn Host, key: &Object, hash: TpmiAlgHash, block: &[u8]) -> Result<TpmsSignatureRsa, TpmRc> {
    let signature = key.rsa_private(host)?.operation(host, block)?;
    Ok(TpmsSignatureRsa {
        hash,
        sig: Tpm2bPublicKeyRsa::new(&signature)?,
    })
}

/// Whether `key` has signed `digest`: TPM_RC_SIGNATURE when not, TPM_RC_SCHEME for a signature that is not one of the key's type, TPM_RC_HANDLE for
/// an HMAC key without its secret.
///
/// ECDAA is anonymous: which key has signed cannot be told, and TPM_RC_SCHEME is the answer.
pub fn verify(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    key: &Object,
    digest: &[u8],
    signature: &TpmtSignature,
) -> Result<(), TpmRc> {
    let good = match (&key.public.area, signature) {
        (PublicArea::Rsa { parms, unique }, TpmtSignature::Rsassa(signature)) => {
            let modulus = unique.as_bytes();
            let exponent = rsa::exponent(parms.exponent);
            let block = rsa::public_operation(host, modulus, exponent, signature.sig.as_bytes());
            let expected = rsa_padding::pkcs1_signature(signature.hash, digest, modulus.len())?;
            block.is_ok_and(|block| block == expected)
        }
        (PublicArea::Rsa { parms, unique }, TpmtSignature::Rsapss(signature)) => {
            let exponent = rsa::exponent(parms.exponent);
            rsa::public_operation(host, unique.as_bytes(), exponent, signature.sig.as_bytes())
                .is_ok_and(|block| rsa_padding::pss_verify(host, signature.hash, digest, &block))
        }
        (PublicArea::Ecc { parms, unique }, TpmtSignature::Ecdsa(signature)) => {
            let point = full_point(parms.curve_id, unique)?;
            let (r, s) = (signature.signature_r.as_bytes(), signature.signature_s.as_bytes());
            ecc::ecdsa_verify(host, parms.curve_id, &point, digest, r, s)
        }
        #[cfg(feature = "sm2")]
        (PublicArea::Ecc { parms, unique }, TpmtSignature::Sm2(signature)) => {
            tpm.test_before_use(host, Part::Sm2)?;
            let point = full_point(parms.curve_id, unique)?;
            let halves = (signature.signature_r.as_bytes(), signature.signature_s.as_bytes());
            ecc::sm2::verify(host, parms.curve_id, &point, digest, halves)
        }
        (PublicArea::Ecc { parms, unique }, TpmtSignature::Ecschnorr(signature)) => {
            tpm.test_before_use(host, Part::Schnorr)?;
            let point = full_point(parms.curve_id, unique)?;
            let halves = (signature.signature_r.as_bytes(), signature.signature_s.as_bytes());
            schnorr::verify(host, parms.curve_id, signature.hash, &point, digest, halves)
        }
        // Without its private half a key of this kind verifies nothing, whatever the signature is.
        (PublicArea::KeyedHash { .. }, _) if key.sensitive.is_none() => return Err(TpmRc::HANDLE),
        // A key with a scheme stands for that scheme only: nobody is to choose a weaker hash.
        (PublicArea::KeyedHash { parms, .. }, TpmtSignature::Hmac(claimed)) if matches!(&parms.scheme, TpmtKeyedhashScheme::Hmac(own) if *own != claimed.hash_alg()) => {
            false
        }
        (PublicArea::KeyedHash { .. }, TpmtSignature::Hmac(claimed)) => {
            let Some(TpmuSensitiveComposite::Bits(bits)) = key.secret() else {
                return Err(TpmRc::HANDLE);
            };
            // TpmtHa compares in constant time.
            let mac = hmac(host, claimed.hash_alg(), bits.as_bytes(), &[digest]);
            TpmtHa::new(claimed.hash_alg(), mac.as_bytes()).as_ref() == Ok(claimed)
        }
        _ => return Err(TpmRc::SCHEME),
    };
    if good { Ok(()) } else { Err(TpmRc::SIGNATURE) }
}
