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
        TpmtSymDef::Cipher(parameters) => {
            let (cipher, key_size) = (parameters.cipher, parameters.key_size());
            let bits = (key_size + cipher.block_size()) * 8;
            let derived = crypto::kdf_a(host, session.auth_hash, key, b"CFB", nonce_newer, nonce_older, bits);
            let (key, iv) = derived.split_at_checked(key_size).ok_or(TpmRc::FAILURE)?;
            match direction {
                Direction::Encrypt => cipher::cfb_encrypt(host, cipher, key, iv, data)?,
                Direction::Decrypt => cipher::cfb_decrypt(host, cipher, key, iv, data)?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Expectations: facts/tpm/vectors.md §5, computed with another implementation of the public formulas.

    use super::*;
    use crate::{
        crypto::test_hosts::{both_ways, bytes, seq},
        session::{InlineDigest, SessionKey, SessionKind, policy::PolicyState},
        structures::{SymKeyBits, SymParameters, TpmiAlgHash, TpmiAlgSymObject},
    };

    fn session(symmetric: TpmtSymDef) -> Session {
        Session {
            kind: SessionKind::Hmac,
            auth_hash: TpmiAlgHash::Sha256,
            symmetric,
            nonce_tpm: InlineDigest::EMPTY,
            key: SessionKey::default(),
            binding: None,
            bound_to_protected: false,
            bound_to_lockout: false,
            audit: None,
            policy: PolicyState::begin(TpmiAlgHash::Sha256, 0, 0),
        }
    }

    #[test]
    fn first_parameter_is_hidden_as_the_vectors_say_and_the_rest_is_left() {
        let key = bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974");
        let plain = bytes("706172616d65746572206461746121210102030405");
        let aes = TpmtSymDef::Cipher(SymParameters::cfb(TpmiAlgSymObject::Aes, SymKeyBits::Bits128));
        let xor = TpmtSymDef::Xor(TpmiAlgHash::Sha256);
        let (caller, tpm, newer_tpm) = (seq(16, 0x70), seq(16, 0x60), seq(16, 0x90));
        for (symmetric, newer, older, hidden) in [
            (&aes, &caller, &tpm, "53f323a3bb31f7d99858b29bb0e5c864a29a077e58"),
            (&aes, &newer_tpm, &caller, "d513c786be3b547efbd041b0f9da082d47943bab5d"),
            (&xor, &caller, &tpm, "318d81234ffedb0f7f5094f6549b76d550404faca1"),
        ] {
            both_ways(|host| {
                let session = session(symmetric.clone());
                let open = [&[0, 21][..], &plain, &[0xEE; 3]].concat();
                let mut parameters = open.clone();
                crypt_first(host, Direction::Encrypt, &session, &key, newer, older, &mut parameters)
                    .expect("well formed");
                assert_eq!(parameters, [&[0, 21][..], &bytes(hidden), &[0xEE; 3]].concat());
                crypt_first(host, Direction::Decrypt, &session, &key, newer, older, &mut parameters)
                    .expect("well formed");
                assert_eq!(parameters, open);
            });
        }
    }

    #[cfg(any(feature = "camellia", feature = "tdes"))]
    #[test]
    fn first_parameter_is_hidden_with_the_other_ciphers() {
        // Key and vector by KDFa over the same key and nonces with Python's hmac, the rest by OpenSSL 3.0; the same steps give the vector for AES above.
        let key = bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974");
        let plain = bytes("706172616d65746572206461746121210102030405");
        let ciphers: &[(TpmiAlgSymObject, SymKeyBits, &str)] = &[
            #[cfg(feature = "camellia")]
            (
                TpmiAlgSymObject::Camellia,
                SymKeyBits::Bits128,
                "712af986bbc43d9b0de18b8c15134a57c0d7022508",
            ),
            #[cfg(feature = "camellia")]
            (
                TpmiAlgSymObject::Camellia,
                SymKeyBits::Bits256,
                "6682992a764a38ab5d4accb390c869d27fc6db49eb",
            ),
            #[cfg(feature = "tdes")]
            (
                TpmiAlgSymObject::Tdes,
                SymKeyBits::Bits192,
                "5b3f0b14b86546106ef1a71946c36577956ee0ba63",
            ),
            #[cfg(feature = "tdes")]
            (
                TpmiAlgSymObject::Tdes,
                SymKeyBits::Bits128,
                "6b208baac2ae3739a6c118ed528ad15f6d0464f4b3",
            ),
        ];
        let (newer, older) = (seq(16, 0x70), seq(16, 0x60));
        both_ways(|host| {
            for (cipher, bits, hidden) in ciphers {
                let session = session(TpmtSymDef::Cipher(SymParameters::cfb(*cipher, *bits)));
                let mut parameters = [&[0, 21][..], &plain].concat();
                crypt_first(
                    host,
                    Direction::Encrypt,
                    &session,
                    &key,
                    &newer,
                    &older,
                    &mut parameters,
                )
                .expect("well formed");
                assert_eq!(parameters[2..], bytes(hidden), "{cipher:?} {bits:?}");
            }
        });
    }

    #[test]
    fn size_beyond_the_parameters_is_refused_before_a_byte_is_touched() {
        // facts/tpm/behaviours.md §23: CVE-2023-1017 and CVE-2023-1018.
        both_ways(|host| {
            let session = session(TpmtSymDef::Xor(TpmiAlgHash::Sha256));
            let mut crypt =
                |parameters: &mut [u8]| crypt_first(host, Direction::Decrypt, &session, b"key", &[], &[], parameters);
            assert_eq!(crypt(&mut []), Err(TpmRc::INSUFFICIENT));
            assert_eq!(crypt(&mut [0]), Err(TpmRc::INSUFFICIENT));
            let mut short = [0, 3, 7, 7];
            assert_eq!(crypt(&mut short), Err(TpmRc::SIZE));
            assert_eq!(short, [0, 3, 7, 7]);
            assert_eq!(crypt(&mut [0, 0]), Ok(()));
        });
    }
}
