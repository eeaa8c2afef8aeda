//! Session keys, and the HMACs of commands and responses (Part 1 §19.6).
//!
//! Nonces and attributes are the caller's; keys are not, and are wiped. Whoever compares an HMAC does it in constant time, which the types
//! of `structures/` do by themselves.

use alloc::vec::Vec;

use tpm_contract::Arithmetic;
use zeroize::Zeroizing;

use super::{Session, SessionKey};
use crate::{
    crypto,
    structures::{Tpm2bDigest, TpmCc, TpmaSession, TpmiAlgHash},
};

/// sessionKey (Part 1 §19.6.8): empty for a session that is neither bound nor salted.
pub fn session_key(
    host: &mut dyn Arithmetic,
    hash: TpmiAlgHash,
    auth_and_salt: &[u8],
    nonce_tpm: &[u8],
    nonce_caller: &[u8],
) -> SessionKey {
    let key = crypto::kdf_a(
        host,
        hash,
        auth_and_salt,
        b"ATH",
        nonce_tpm,
        nonce_caller,
        hash.digest_size() * 8,
    );
    SessionKey(key.to_vec())
}

/// cpHash (Part 1 §16.7): the command code, the Names of the handles and the parameters as they arrived.
pub fn cp_hash(
    host: &mut dyn Arithmetic,
    hash: TpmiAlgHash,
    code: TpmCc,
    names: &[u8],
    parameters: &[u8],
) -> Tpm2bDigest {
    crypto::hash(host, hash, &[&code.0.to_be_bytes(), names, parameters])
}

/// rpHash (Part 1 §16.8) of a command that succeeded: the response parameters as they leave.
pub fn rp_hash(host: &mut dyn Arithmetic, hash: TpmiAlgHash, code: TpmCc, parameters: &[u8]) -> Tpm2bDigest {
    crypto::hash(host, hash, &[&0u32.to_be_bytes(), &code.0.to_be_bytes(), parameters])
}

/// The key of a session's HMACs: sessionKey, and the authValue where it counts.
pub fn hmac_key(session: &Session, auth: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(session.key.0.len() + auth.len()));
    key.extend_from_slice(&session.key.0);
    key.extend_from_slice(auth);
    key
}

/// The HMAC over a command or a response (Part 1 §19.6.5). `nonces` are, in this order, the newer one, the older one and, in a command, those
/// of the sessions that encrypt.
pub fn session_hmac(
    host: &mut dyn Arithmetic,
    hash: TpmiAlgHash,
    key: &[u8],
    digest: &Tpm2bDigest,
    nonces: &[&[u8]],
    attributes: TpmaSession,
) -> Tpm2bDigest {
    let mut hmac = crypto::Hmac::new(host, hash, key);
    hmac.update(host, digest.as_bytes());
    for nonce in nonces {
        hmac.update(host, nonce);
    }
    hmac.update(host, &[attributes.bits()]);
    hmac.finish(host)
}
