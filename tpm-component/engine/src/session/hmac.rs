//! Session keys, and the HMACs of commands and responses (Part 1 §19.6).
//!
//! Nonces and attributes are the caller's; keys are not, and are wiped. Whoever compares an HMAC does it in constant time, which the types
//! of `structures/` do by themselves.

use alloc::vec::Vec;
use core::iter::once;

use crate::wipe::Wiped;
use tpm_contract::Arithmetic;

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
    SessionKey::new(key)
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

/// Room for the response code and the command code.
pub const RP_HASH_OPENING: usize = 8;

/// rpHash (Part 1 §16.8) of a command that succeeded: the response parameters as they leave, behind TPM_RC_SUCCESS and the command code.
/// `message` is as much room and the parameters, so that they need not be copied; what was in that room is there again afterwards.
pub fn rp_hash(host: &mut dyn Arithmetic, hash: TpmiAlgHash, code: TpmCc, message: &mut [u8]) -> Option<Tpm2bDigest> {
    let [c0, c1, c2, c3] = code.0.to_be_bytes();
    let before = *message.first_chunk::<RP_HASH_OPENING>()?;
    *message.first_chunk_mut()? = [0, 0, 0, 0, c0, c1, c2, c3];
    let digest = crypto::hash(host, hash, &[&*message]);
    *message.first_chunk_mut()? = before;
    Some(digest)
}

/// Two secrets, one behind the other: a copy only where there are two.
pub enum Joined<'a> {
    /// One of them is empty.
    Lent(&'a [u8]),
    /// Both.
    Copied(Wiped<Vec<u8>>),
}

impl<'a> Joined<'a> {
    /// `first` and `second`.
    pub fn new(first: &'a [u8], second: &'a [u8]) -> Self {
        if second.is_empty() {
            Self::Lent(first)
        } else if first.is_empty() {
            Self::Lent(second)
        } else {
            Self::Copied(Wiped::new([first, second].concat()))
        }
    }
}

impl core::ops::Deref for Joined<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// The key of a session's HMACs: sessionKey, and the authValue where it counts.
pub fn hmac_key<'a>(session: &'a Session, auth: &'a [u8]) -> Joined<'a> {
    Joined::new(session.key.as_bytes(), auth)
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
    let attributes = [attributes.bits()];
    let message = once(digest.as_bytes())
        .chain(nonces.iter().copied())
        .chain(once(&attributes[..]));
    crypto::hmac_parts(host, hash, key, message)
}

#[cfg(test)]
mod tests {
    //! Expectations: facts/tpm/vectors.md §5, computed with another implementation of the public formulas.

    use super::*;
    use crate::crypto::test_hosts::{bytes, seq, three_ways};

    const SHA256: TpmiAlgHash = TpmiAlgHash::Sha256;

    #[test]
    fn hashes_of_commands_and_responses_match() {
        three_ways(|host| {
            let cp = cp_hash(host, SHA256, TpmCc::GET_RANDOM, &[], &[0, 0x10]);
            assert_eq!(
                cp.as_bytes(),
                bytes("3a936d6ea415e99156592175f59f848645d0b0c31d4878750e234d23dd5723fb")
            );
            let names = bytes("40000001000b781adc0da03d5b44be75a5ff0485e8ce5d4068df344d3102d782a532f5ea86d7");
            let cp = cp_hash(host, SHA256, TpmCc::NV_READ, &names, &[0, 8, 0, 0]);
            assert_eq!(
                cp.as_bytes(),
                bytes("3ed760906696d4b43ba968d274934ac5b1c3568d5e4f48896b110a5007a7a4d8")
            );
            let mut response = [&[7; RP_HASH_OPENING][..], &[0, 0x10], &seq(16, 0xa0)].concat();
            let before = response.clone();
            let rp = rp_hash(host, SHA256, TpmCc::GET_RANDOM, &mut response).expect("there is room");
            assert_eq!(response, before);
            assert_eq!(
                rp_hash(host, SHA256, TpmCc::GET_RANDOM, &mut [0; RP_HASH_OPENING - 1]),
                None
            );
            assert_eq!(
                rp.as_bytes(),
                bytes("1e7913faaf947724651eac9c4b44d13740af213929b08e2ffca0444ff70fb539")
            );
        });
    }

    #[test]
    fn secrets_are_joined_in_their_order() {
        for (first, second, both) in [
            (&b""[..], &b""[..], &b""[..]),
            (b"ab", b"", b"ab"),
            (b"", b"c", b"c"),
            (b"ab", b"c", b"abc"),
        ] {
            assert_eq!(*Joined::new(first, second), *both);
        }
    }

    #[test]
    fn session_key_and_hmacs_match() {
        three_ways(|host| {
            let key = session_key(host, SHA256, &seq(20, 0x30), &seq(16, 0x60), &seq(16, 0x40));
            assert_eq!(
                key.as_bytes(),
                bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974")
            );
            let digest = |hex| Tpm2bDigest::new(&bytes(hex)).expect("32 bytes");
            let random = digest("3a936d6ea415e99156592175f59f848645d0b0c31d4878750e234d23dd5723fb");
            let (caller, tpm) = (seq(16, 0x70), seq(16, 0x60));
            let nonces = [&caller[..], &tpm];
            let unassociated = session_hmac(
                host,
                SHA256,
                key.as_bytes(),
                &random,
                &nonces,
                TpmaSession::CONTINUE_SESSION,
            );
            let expected = "0f5e6014e6712ecad81f3660053659115f55e8df5012a9bcf3b2754c08381993";
            assert_eq!(unassociated.as_bytes(), bytes(expected));
            let with_auth = [key.as_bytes(), b"ownerpw"].concat();
            let read = digest("3ed760906696d4b43ba968d274934ac5b1c3568d5e4f48896b110a5007a7a4d8");
            let authorising = session_hmac(host, SHA256, &with_auth, &read, &nonces, TpmaSession::CONTINUE_SESSION);
            let expected = "69b14c63d46d9c753ff8e67b84858abc937715ee9b9d8b7958b8b14baff39bfe";
            assert_eq!(authorising.as_bytes(), bytes(expected));
            let response = digest("1e7913faaf947724651eac9c4b44d13740af213929b08e2ffca0444ff70fb539");
            let nonces = [&seq(16, 0x90)[..], &caller];
            let answer = session_hmac(
                host,
                SHA256,
                key.as_bytes(),
                &response,
                &nonces,
                TpmaSession::CONTINUE_SESSION,
            );
            let expected = "d7308975048f633a621bdb61a400f924215d3b18675b42db55ceab314bc3d21a";
            assert_eq!(answer.as_bytes(), bytes(expected));
        });
    }
}
