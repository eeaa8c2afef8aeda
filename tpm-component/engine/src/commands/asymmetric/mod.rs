//! Part 3 §14 and §19: encryption with RSA and ECC keys, key exchange with ECC keys, the parameters of a curve, and the first halves of split
//! operations.
//!
//! Messages, ciphertexts and points are the caller's. A restricted key takes no part in any of this: what it protects is chosen by the TPM.

mod commit;
mod ec_ephemeral;
mod ecc_decrypt;
mod ecc_encrypt;
mod ecc_parameters;
mod ecdh_key_gen;
mod ecdh_zgen;
mod rsa_decrypt;
mod rsa_encrypt;
mod zgen_2phase;

pub use commit::Commit;
pub use ec_ephemeral::EcEphemeral;
pub use ecc_decrypt::EccDecrypt;
pub use ecc_encrypt::EccEncrypt;
pub use ecc_parameters::EccParameters;
pub use ecdh_key_gen::EcdhKeyGen;
pub use ecdh_zgen::EcdhZgen;
pub use rsa_decrypt::RsaDecrypt;
pub use rsa_encrypt::RsaEncrypt;
pub use zgen_2phase::ZGen2Phase;

use alloc::vec::Vec;

use tpm_contract::Arithmetic;

use crate::{
    crypto::{self, ecc},
    object::{Object, seed_exchange::full_point},
    structures::{
        PublicArea, Tpm2bData, Tpm2bDigest, Tpm2bEccPoint, TpmRc, TpmaObject, TpmiAlgHash, TpmiEccCurve, TpmsEccParms,
        TpmsRsaParms, TpmtKdfScheme, TpmtRsaDecrypt, TpmtRsaScheme, TpmuSensitiveComposite,
    },
};

/// The parameters of an ECC key that may decrypt whatever a caller says: TPM_RC_KEY when it is no ECC key, TPM_RC_ATTRIBUTES when it may not.
fn decrypting_ecc(key: &Object) -> Result<&TpmsEccParms, TpmRc> {
    let PublicArea::Ecc { parms, .. } = &key.public.area else {
        return Err(TpmRc::KEY.with_handle(1));
    };
    if key.has(TpmaObject::RESTRICTED) || !key.has(TpmaObject::DECRYPT) {
        return Err(TpmRc::ATTRIBUTES.with_handle(1));
    }
    Ok(parms)
}

/// The private scalar of an ECC key: TPM_RC_KEY when only its public part is loaded.
fn ecc_scalar(key: &Object) -> Result<&[u8], TpmRc> {
    match key.secret() {
        Some(TpmuSensitiveComposite::Ecc(scalar)) => Ok(scalar.as_bytes()),
        _ => Err(TpmRc::KEY.with_handle(1)),
    }
}

/// A caller's point, in full size: TPM_RC_ECC_POINT when it is not on the curve.
fn point_on_curve(curve: TpmiEccCurve, given: &Tpm2bEccPoint) -> Result<Vec<u8>, TpmRc> {
    let point = full_point(curve, &given.0)?;
    if ecc::is_on_curve(curve, &point) {
        Ok(point)
    } else {
        Err(TpmRc::ECC_POINT)
    }
}

/// The scheme with which a key encrypts: its own, or the caller's when it has none. TPM_RC_SCHEME when the two differ.
fn select_scheme(parms: &TpmsRsaParms, asked: &TpmtRsaDecrypt) -> Result<TpmtRsaDecrypt, TpmRc> {
    let own = match parms.scheme {
        TpmtRsaScheme::Null => return Ok(asked.clone()),
        TpmtRsaScheme::Rsaes => TpmtRsaDecrypt::Rsaes,
        TpmtRsaScheme::Oaep(hash) => TpmtRsaDecrypt::Oaep(hash),
        TpmtRsaScheme::Rsassa(_) | TpmtRsaScheme::Rsapss(_) => return Err(TpmRc::SCHEME),
    };
    if *asked == TpmtRsaDecrypt::Null || *asked == own {
        Ok(own)
    } else {
        Err(TpmRc::SCHEME)
    }
}

/// The hash of the KDF2 with which an ECC key encrypts: the key's own, or the caller's when it has none. TPM_RC_SCHEME when the two differ, or
/// when it is another KDF.
fn select_kdf(parms: &TpmsEccParms, asked: &TpmtKdfScheme) -> Result<TpmiAlgHash, TpmRc> {
    let chosen = match (&parms.kdf, asked) {
        (TpmtKdfScheme::Null, asked) => asked,
        (own, TpmtKdfScheme::Null) => own,
        (own, asked) if own == asked => own,
        _ => return Err(TpmRc::SCHEME),
    };
    match chosen {
        TpmtKdfScheme::Kdf2(hash) => Ok(*hash),
        TpmtKdfScheme::Mgf1(_)
        | TpmtKdfScheme::Kdf1Sp80056a(_)
        | TpmtKdfScheme::Kdf1Sp800108(_)
        | TpmtKdfScheme::Null => Err(TpmRc::SCHEME),
    }
}

/// What both sides of ECC encryption compute from the shared point (Part 1 Annex D).
struct Sealer<'a> {
    /// The hash of the KDF, and of the integrity value.
    hash: TpmiAlgHash,
    /// x followed by y.
    shared: &'a [u8],
}

impl Sealer<'_> {
    /// The message under its mask, or the message from under it.
    fn masked(&self, host: &mut dyn Arithmetic, text: &[u8]) -> Vec<u8> {
        let mask = crypto::kdf_2(host, self.hash, self.shared, text.len());
        text.iter().zip(mask.iter()).map(|(byte, mask)| byte ^ mask).collect()
    }

    /// The hash of x, the message and y.
    fn digest(&self, host: &mut dyn Arithmetic, plain: &[u8]) -> Tpm2bDigest {
        let (x, y) = self.shared.split_at(self.shared.len() / 2);
        crypto::hash(host, self.hash, &[x, plain, y])
    }
}

/// A label is empty or ends with a zero byte, which belongs to it (Part 1 §B.4).
fn check_label(label: &Tpm2bData) -> Result<(), TpmRc> {
    if label.as_bytes().last().is_none_or(|last| *last == 0) {
        Ok(())
    } else {
        Err(TpmRc::VALUE)
    }
}

#[cfg(test)]
mod tests;
