//! TPM2_MakeCredential in software: a secret that only one key in one TPM can give back.
//!
//! The verifier encrypts a random secret to the endorsement key together with the Name of the attestation key. A TPM decrypts it
//! (TPM2_ActivateCredential) only if it holds the endorsement key's private half and an object of exactly that Name, so whoever
//! returns the secret has both in one TPM. Public area and Name come from the guest and are trusted for nothing else. Part 1 §24,
//! Part 3 §12.6; key exchange: Part 1 annexes B.10.4 (RSA) and C.6.1 (ECC).

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use anyhow::{Context, Result, anyhow, bail, ensure};
use getrandom::SysRng;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::oaep::EncryptingKey;
use rsa::rand_core::UnwrapErr;
use rsa::traits::RandomizedEncryptor;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::tpm::hash::HashAlg;
use crate::tpm::public::{Curve, KeyMaterial, Symmetric, TpmtPublic, sec1_point};
use crate::tpm::signature::rsa_key;
use crate::tpm::wire::put_tpm2b;

/// Label of the key exchange; its terminating zero is part of the OAEP label.
const IDENTITY: &str = "IDENTITY";

/// What TPM2_ActivateCredential takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// TPM2B_ID_OBJECT, size field included.
    pub blob: Vec<u8>,
    /// TPM2B_ENCRYPTED_SECRET, size field included.
    pub encrypted_secret: Vec<u8>,
}

/// Wraps `secret` so that only the holder of `endorsement_key` with an object named `name` gets it.
pub fn make_credential(endorsement_key: &TpmtPublic, name: &[u8], secret: &[u8]) -> Result<Credential> {
    let hash = endorsement_key.name_alg;
    ensure!(
        hash == HashAlg::Sha256,
        "an endorsement key with another nameAlg than SHA-256"
    );
    ensure!(
        endorsement_key.symmetric == Symmetric::AesCfb { bits: 128 },
        "not a storage key with AES-128"
    );
    ensure!(secret.len() <= hash.size(), "a secret longer than the key's digest");
    let (seed, encrypted_secret) = exchange_seed(endorsement_key).context("key exchange with the endorsement key")?;
    let mut identity = Zeroizing::new(Vec::new());
    put_tpm2b(&mut identity, secret)?;
    let key = hash.kdf_a(&seed, "STORAGE", name, &[], 128)?;
    encrypt_cfb(&key, &mut identity)?;
    let integrity_key = hash.kdf_a(&seed, "INTEGRITY", &[], &[], 256)?;
    let integrity = hash.hmac(&integrity_key, &[&identity, name])?;
    let mut body = Vec::new();
    put_tpm2b(&mut body, &integrity)?;
    body.extend_from_slice(&identity);
    let (mut blob, mut sized_secret) = (Vec::new(), Vec::new());
    put_tpm2b(&mut blob, &body)?;
    put_tpm2b(&mut sized_secret, &encrypted_secret)?;
    Ok(Credential {
        blob,
        encrypted_secret: sized_secret,
    })
}

/// A seed and its form for the TPM (the inside of a TPM2B_ENCRYPTED_SECRET).
fn exchange_seed(key: &TpmtPublic) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    match &key.material {
        KeyMaterial::Rsa { modulus } => {
            let mut seed = Zeroizing::new(vec![0u8; key.name_alg.size()]);
            getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
            let label = [IDENTITY.as_bytes(), &[0]].concat();
            let encrypted = EncryptingKey::<Sha256>::new_with_label(rsa_key(modulus)?, label)
                .encrypt_with_rng(&mut UnwrapErr(SysRng), &seed)
                .map_err(|error| anyhow!("OAEP: {error}"))?;
            Ok((seed, encrypted))
        }
        KeyMaterial::Ecc {
            curve: Curve::P256,
            x,
            y,
        } => {
            let theirs =
                p256::PublicKey::from_sec1_bytes(&sec1_point(x, y)).map_err(|_| anyhow!("not on the curve"))?;
            let ours = ephemeral_p256()?;
            let shared = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
            let point = ours.public_key().to_sec1_point(false);
            let (our_x, our_y) = (point.x().context("no x")?, point.y().context("no y")?);
            let seed = key.name_alg.kdf_e(shared.raw_secret_bytes(), IDENTITY, our_x, x, 256);
            let mut secret = Vec::new();
            put_tpm2b(&mut secret, our_x)?;
            put_tpm2b(&mut secret, our_y)?;
            Ok((seed, secret))
        }
        KeyMaterial::Ecc { curve: Curve::P384, .. } => bail!("no endorsement key of the default templates is on P-384"),
    }
}

fn ephemeral_p256() -> Result<p256::SecretKey> {
    loop {
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        // Zero and values of the order or above are no private keys; the next draw is another.
        if let Ok(key) = p256::SecretKey::from_slice(bytes.as_ref()) {
            return Ok(key);
        }
    }
}

/// AES-128-CFB with a zero IV, in place (Part 1 §24.4: the key is used once).
fn encrypt_cfb(key: &[u8], data: &mut [u8]) -> Result<()> {
    let cipher = Aes128::new_from_slice(key).map_err(|_| anyhow!("an AES-128 key of {} bytes", key.len()))?;
    let mut feedback = [0u8; 16];
    for chunk in data.chunks_mut(16) {
        let mut block = Array::from(feedback);
        cipher.encrypt_block(&mut block);
        for (byte, pad) in chunk.iter_mut().zip(block.iter()) {
            *byte ^= pad;
        }
        feedback[..chunk.len()].copy_from_slice(chunk);
    }
    Ok(())
}
