//! A secret that two sides share through a public key (Part 1 Annexes B.10 and C.6): the salt of a session, the seed of a credential, the seed
//! of a duplicate. RSA encrypts it with OAEP; ECC derives it from a Diffie-Hellman exchange with an ephemeral key.
//!
//! The encrypted secret is whatever a caller sent. Everything that can be wrong with it has one and the same answer, so that nobody learns
//! from the answer how far decryption came. Each use has its label, so that a secret made for one is worthless for another.

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::{Arithmetic, Host};

use super::{Object, creation};
use crate::{
    crypto::{ecc, kdf_e, rsa, rsa_padding},
    structures::{
        PublicArea, Tpm2bEncryptedSecret, TpmRc, TpmiAlgHash, TpmiEccCurve, TpmsEccPoint, TpmtRsaScheme,
        TpmuSensitiveComposite,
    },
    tpm::Tpm,
    wire::{Marshal, Unmarshal},
};

/// What a shared secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The salt of a session.
    Secret,
    /// The seed that protects a credential.
    Identity,
    /// The seed that protects a duplicate.
    Duplicate,
}

impl Purpose {
    /// The label, with the zero byte that ends it and that OAEP hashes too.
    const fn label(self) -> &'static [u8] {
        match self {
            Purpose::Secret => b"SECRET\0",
            Purpose::Identity => b"IDENTITY\0",
            Purpose::Duplicate => b"DUPLICATE\0",
        }
    }
}

/// The hash of OAEP: that of the key's own scheme, or its nameAlg.
fn oaep_hash(scheme: &TpmtRsaScheme, name_alg: TpmiAlgHash) -> TpmiAlgHash {
    match scheme {
        TpmtRsaScheme::Oaep(hash) => *hash,
        _ => name_alg,
    }
}

/// The secret that somebody encrypted to `key`; TPM_RC_VALUE when there is none in it.
pub fn receive(
    host: &mut dyn Arithmetic,
    key: &Object,
    purpose: Purpose,
    encrypted: &Tpm2bEncryptedSecret,
) -> Result<Wiped<Vec<u8>>, TpmRc> {
    open(host, key, purpose, encrypted).map_err(|_| TpmRc::VALUE)
}

fn open(
    host: &mut dyn Arithmetic,
    key: &Object,
    purpose: Purpose,
    encrypted: &Tpm2bEncryptedSecret,
) -> Result<Wiped<Vec<u8>>, TpmRc> {
    let name_alg = key.public.name_alg.ok_or(TpmRc::VALUE)?;
    let private = key.sensitive.as_ref().ok_or(TpmRc::VALUE)?;
    match (&key.public.area, &private.sensitive) {
        (PublicArea::Rsa { parms, .. }, _) => {
            let hash = oaep_hash(&parms.scheme, name_alg);
            let block = key.rsa_private(host)?.operation(host, encrypted.as_bytes())?;
            let secret = rsa_padding::oaep_decrypt(host, hash, purpose.label(), &block)?;
            if secret.len() > name_alg.digest_size() {
                Err(TpmRc::VALUE)
            } else {
                Ok(secret)
            }
        }
        (PublicArea::Ecc { parms, unique }, TpmuSensitiveComposite::Ecc(scalar)) => {
            let ephemeral = TpmsEccPoint::from_bytes(encrypted.as_bytes())?;
            let whole = full_point(parms.curve_id, &ephemeral)?;
            let shared = ecc::ecdh(host, parms.curve_id, scalar.as_bytes(), &whole)?;
            agreed(host, parms.curve_id, name_alg, purpose, &shared, &ephemeral, unique)
        }
        _ => Err(TpmRc::VALUE),
    }
}

/// A new secret for the holder of `key`'s private half, and the form in which it is sent. TPM_RC_TYPE when `key` cannot receive one.
pub fn send(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    key: &Object,
    purpose: Purpose,
) -> Result<(Wiped<Vec<u8>>, Tpm2bEncryptedSecret), TpmRc> {
    let name_alg = key.public.name_alg.ok_or(TpmRc::TYPE)?;
    match &key.public.area {
        PublicArea::Rsa { parms, unique } => {
            let hash = oaep_hash(&parms.scheme, name_alg);
            let secret = tpm.rng.bytes(host, name_alg.digest_size())?;
            let seed = tpm.rng.bytes(host, hash.digest_size())?;
            let modulus = unique.as_bytes();
            let block = rsa_padding::oaep_encrypt(host, hash, purpose.label(), &secret, &seed, modulus.len())?;
            let exponent = rsa::exponent(parms.exponent);
            let encrypted = rsa::public_operation(host, modulus, exponent, &block)?;
            Ok((secret, Tpm2bEncryptedSecret::from_vec(encrypted)?))
        }
        PublicArea::Ecc { parms, unique } => {
            let curve = parms.curve_id;
            let drbg = tpm.rng.generator(host)?;
            let scalar = ecc::random_scalar(host, drbg, curve)?;
            let ephemeral = creation::point(&ecc::public_point(host, curve, &scalar)?)?;
            let shared = ecc::ecdh(host, curve, &scalar, &full_point(curve, unique)?)?;
            let secret = agreed(host, curve, name_alg, purpose, &shared, &ephemeral, unique)?;
            Ok((secret, Tpm2bEncryptedSecret::from_vec(ephemeral.to_bytes())?))
        }
        PublicArea::KeyedHash { .. } | PublicArea::SymCipher { .. } => Err(TpmRc::TYPE),
    }
}

/// KDFe over the x coordinates of the shared, the ephemeral and the static point.
///
/// The two public ones go in as they were sent and as they stand in the public area: a caller who leaves out leading zeros (tpm2-tools does, in one
/// of 256 cases) computes with what it sends, and so do the reference and swtpm.
fn agreed(
    host: &mut dyn Arithmetic,
    curve: TpmiEccCurve,
    hash: TpmiAlgHash,
    purpose: Purpose,
    shared: &[u8],
    ephemeral: &TpmsEccPoint,
    own: &TpmsEccPoint,
) -> Result<Wiped<Vec<u8>>, TpmRc> {
    let z = shared.get(..curve.size()).ok_or(TpmRc::VALUE)?;
    let label = purpose.label();
    let bits = hash.digest_size() * 8;
    Ok(kdf_e(
        host,
        hash,
        z,
        &label[..label.len() - 1],
        ephemeral.x.as_bytes(),
        own.x.as_bytes(),
        bits,
    ))
}

/// A point with both coordinates in the curve's full size; callers may leave out leading zeros, or have more.
pub fn full_point(curve: TpmiEccCurve, point: &TpmsEccPoint) -> Result<Vec<u8>, TpmRc> {
    let size = curve.size();
    let x = ecc::fitted(point.x.as_bytes(), size).ok_or(TpmRc::ECC_POINT)?;
    let y = ecc::fitted(point.y.as_bytes(), size).ok_or(TpmRc::ECC_POINT)?;
    Ok([x, y].concat())
}
