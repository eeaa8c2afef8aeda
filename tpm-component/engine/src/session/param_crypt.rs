//! Encryption of the first parameter and the first response parameter (Part 1 §21).
//!
//! The size of an arriving parameter is the caller's claim and is compared with what is there before a byte of it is touched; it stays in
//! the clear, only the data are hidden. Integrity is the HMAC's work, which covers the encrypted form.

use tpm_contract::Arithmetic;

use super::Session;
use crate::{
    crypto::{self, cipher},
    structures::{TpmRc, TpmtSymDef},
};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A parameter that arrived.
    Decrypt,
    /// A response parameter.
    Encrypt,
}

/// The data of the TPM2B at the start of `parameters`.
fn first_data(parameters: &mut [u8]) -> Result<&mut [u8], TpmRc> {
    let (size, rest) = parameters.split_first_chunk_mut::<2>().ok_or(TpmRc::INSUFFICIENT)?;
    rest.get_mut(..usize::from(u16::from_be_bytes(*size)))
        .ok_or(TpmRc::SIZE)
}

/// Encrypts or decrypts the first of `parameters` in place. `key` is sessionKey followed by the authValue of the entity that the session
/// authorises; of the nonces, the newer one is that of the side which encrypts.
pub fn crypt_first(
    host: &mut dyn Arithmetic,
    direction: Direction,
    session: &Session,
    key: &[u8],
    nonce_newer: &[u8],
    nonce_older: &[u8],
    parameters: &mut [u8],
) -> Result<(), TpmRc> {
    let data = first_data(parameters)?;
    match &session.symmetric {
        TpmtSymDef::Null => return Err(TpmRc::SYMMETRIC),
        TpmtSymDef::Xor(hash) => cipher::xor_obfuscate(host, *hash, key, nonce_newer, nonce_older, data),
        TpmtSymDef::Aes(aes) => {
            let key_size = aes.key_bits.key_size();
            let bits = (key_size + cipher::BLOCK) * 8;
            let derived = crypto::kdf_a(host, session.auth_hash, key, b"CFB", nonce_newer, nonce_older, bits);
            let (key, iv) = derived.split_at_checked(key_size).ok_or(TpmRc::FAILURE)?;
            match direction {
                Direction::Encrypt => cipher::cfb_encrypt(host, key, iv, data)?,
                Direction::Decrypt => cipher::cfb_decrypt(host, key, iv, data)?,
            }
        }
    }
    Ok(())
}
