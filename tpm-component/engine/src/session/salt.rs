//! The salt of a session (Part 1 §19.6.13, Annexes B.10.2 and C.6.3): a secret that the caller has shared with a key of this TPM.
//!
//! The encrypted secret is whatever the caller sent. Everything that can be wrong with it has one and the same answer, so that nobody learns
//! from the answer how far decryption came.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use crate::{
    crypto::{CryptoError, ecc, kdf_e, rsa, rsa_padding},
    object::{Object, creation},
    structures::{
        PublicArea, Tpm2bEncryptedSecret, TpmRc, TpmiAlgHash, TpmiEccCurve, TpmsEccPoint, TpmtRsaScheme,
        TpmuSensitiveComposite,
    },
    wire::Unmarshal,
};

/// The label that tells a salt from other shared secrets, with the zero byte that ends it.
const LABEL: &[u8] = b"SECRET\0";

/// The salt that was encrypted to `key`; TPM_RC_VALUE when there is none in it.
pub fn decrypt(
    host: &mut dyn Arithmetic,
    key: &Object,
    encrypted: &Tpm2bEncryptedSecret,
) -> Result<Zeroizing<Vec<u8>>, TpmRc> {
    let name_alg = key.public.name_alg.ok_or(TpmRc::VALUE)?;
    let private = key.sensitive.as_ref().ok_or(TpmRc::VALUE)?;
    match (&key.public.area, &private.sensitive) {
        (PublicArea::Rsa { parms, unique }, TpmuSensitiveComposite::Rsa(prime)) => {
            let hash = match parms.scheme {
                TpmtRsaScheme::Oaep(hash) => hash,
                _ => name_alg,
            };
            let exponent = creation::exponent(parms.exponent)?;
            let private = rsa::RsaPrivate::from_prime(host, unique.as_bytes(), exponent, prime.as_bytes())?;
            let salt = open(host, &private, hash, encrypted.as_bytes()).map_err(|_| TpmRc::VALUE)?;
            if salt.len() > name_alg.digest_size() {
                Err(TpmRc::VALUE)
            } else {
                Ok(salt)
            }
        }
        (PublicArea::Ecc { parms, unique }, TpmuSensitiveComposite::Ecc(scalar)) => {
            let curve = parms.curve_id;
            agree(host, curve, name_alg, scalar.as_bytes(), unique, encrypted.as_bytes()).map_err(|_| TpmRc::VALUE)
        }
        _ => Err(TpmRc::VALUE),
    }
}

/// OAEP.
fn open(
    host: &mut dyn Arithmetic,
    private: &rsa::RsaPrivate,
    hash: TpmiAlgHash,
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let block = private.operation(host, encrypted)?;
    rsa_padding::oaep_decrypt(host, hash, LABEL, &block)
}

/// One-pass Diffie-Hellman with the caller's ephemeral point.
fn agree(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    hash: TpmiAlgHash,
    scalar: &[u8],
    own: &TpmsEccPoint,
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, TpmRc> {
    let ephemeral = TpmsEccPoint::from_bytes(encrypted)?;
    let size = curve.size();
    let point = [
        left_padded(ephemeral.x.as_bytes(), size)?,
        left_padded(ephemeral.y.as_bytes(), size)?,
    ]
    .concat();
    let shared = ecc::ecdh(host, curve, scalar, &point)?;
    let z = shared.get(..size).ok_or(TpmRc::VALUE)?;
    let party_u = point.get(..size).ok_or(TpmRc::VALUE)?;
    let party_v = left_padded(own.x.as_bytes(), size)?;
    Ok(kdf_e(
        host,
        hash,
        z,
        b"SECRET",
        party_u,
        &party_v,
        hash.digest_size() * 8,
    ))
}

/// A coordinate in the curve's full size; callers may leave out leading zeros.
fn left_padded(coordinate: &[u8], size: usize) -> Result<Vec<u8>, TpmRc> {
    let missing = size.checked_sub(coordinate.len()).ok_or(TpmRc::VALUE)?;
    let mut out = alloc::vec![0; missing];
    out.extend_from_slice(coordinate);
    Ok(out)
}
