//! The public areas (TPMT_PUBLIC, Part 2 §12.2.4) of everything that is created.

use tpm_client::sized;

/// TPM_ALG_ID.
pub mod algorithm {
    pub const RSA: u16 = 0x01;
    pub const HMAC: u16 = 0x05;
    pub const AES: u16 = 0x06;
    pub const KEYED_HASH: u16 = 0x08;
    pub const SHA256: u16 = 0x0B;
    pub const SHA384: u16 = 0x0C;
    pub const NULL: u16 = 0x10;
    pub const RSASSA: u16 = 0x14;
    pub const RSAPSS: u16 = 0x16;
    pub const OAEP: u16 = 0x17;
    pub const ECDSA: u16 = 0x18;
    pub const ECC: u16 = 0x23;
    pub const SYMMETRIC: u16 = 0x25;
    pub const CFB: u16 = 0x43;
}
use algorithm::{AES, CFB, ECC, ECDSA, HMAC, KEYED_HASH, NULL, RSA, RSASSA, SHA256, SHA384, SYMMETRIC};

/// fixedTPM, fixedParent, userWithAuth, noDA.
const SEALED: u32 = 0x0452;
/// As [`SEALED`], and sensitiveDataOrigin.
const GENERATED: u32 = 0x0472;
const RESTRICTED: u32 = 0x1_0000;
const DECRYPT: u32 = 0x2_0000;
const SIGN: u32 = 0x4_0000;
/// userWithAuth, decrypt: a public key from outside.
const FOREIGN: u32 = 0x2_0040;
/// TPM_ECC_NIST_P256 and TPM_ECC_NIST_P384.
const P256: u16 = 3;
const P384: u16 = 4;
/// RSA-2048 with the default exponent: keyBits, and a UINT32 in two halves.
const RSA_2048: [u16; 3] = [2048, 0, 0];
/// No symmetric cipher, no scheme; no key derivation.
const PLAIN: [u16; 2] = [NULL, NULL];
const NO_KDF: u16 = NULL;

fn template(kind: u16, attributes: u32, parameters: &[u16], unique: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [kind.to_be_bytes(), SHA256.to_be_bytes()].concat();
    bytes.extend(attributes.to_be_bytes());
    bytes.extend(sized(&[]));
    bytes.extend(parameters.iter().flat_map(|word| word.to_be_bytes()));
    bytes.extend(unique.iter().flat_map(|field| sized(field)));
    bytes
}

fn rsa(attributes: u32, scheme: &[u16], unique: &[u8]) -> Vec<u8> {
    template(RSA, attributes, &[scheme, &RSA_2048].concat(), &[unique])
}

fn ecc(attributes: u32, scheme: &[u16], curve: u16, unique: &[u8]) -> Vec<u8> {
    template(ECC, attributes, &[scheme, &[curve, NO_KDF]].concat(), &[unique, &[]])
}

const STORAGE: u32 = GENERATED | RESTRICTED | DECRYPT;
const STORAGE_CIPHER: [u16; 4] = [AES, 128, CFB, NULL];

/// A P-256 storage key.
pub fn storage_p256(unique: &[u8]) -> Vec<u8> {
    ecc(STORAGE, &STORAGE_CIPHER, P256, unique)
}

/// An RSA-2048 storage key.
pub fn storage_rsa(unique: &[u8]) -> Vec<u8> {
    rsa(STORAGE, &STORAGE_CIPHER, unique)
}

/// The public half of an RSA-2048 key, for encryption without restrictions.
pub fn foreign_rsa(modulus: &[u8]) -> Vec<u8> {
    rsa(FOREIGN, &PLAIN, modulus)
}

/// What is created under the storage key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// ECDSA P-256.
    SigningP256,
    /// ECDSA P-384.
    SigningP384,
    /// RSA-2048, any scheme.
    SigningRsa,
    /// ECDSA P-256, restricted.
    AttestationP256,
    /// RSASSA 2048, restricted.
    AttestationRsa,
    /// RSA-2048 decryption, any scheme.
    DecryptionRsa,
    /// P-256 key agreement.
    AgreementP256,
    /// AES-128-CFB.
    Aes,
    /// HMAC with SHA-256.
    Hmac,
    /// Sealed data.
    Sealed,
}

impl Key {
    /// Its public area.
    pub fn template(self) -> Vec<u8> {
        let signing = GENERATED | SIGN;
        let attestation = signing | RESTRICTED;
        match self {
            Self::SigningP256 => ecc(signing, &[NULL, ECDSA, SHA256], P256, &[]),
            Self::SigningP384 => ecc(signing, &[NULL, ECDSA, SHA384], P384, &[]),
            Self::SigningRsa => rsa(signing, &PLAIN, &[]),
            Self::AttestationP256 => ecc(attestation, &[NULL, ECDSA, SHA256], P256, &[]),
            Self::AttestationRsa => rsa(attestation, &[NULL, RSASSA, SHA256], &[]),
            Self::DecryptionRsa => rsa(GENERATED | DECRYPT, &PLAIN, &[]),
            Self::AgreementP256 => ecc(GENERATED | DECRYPT, &PLAIN, P256, &[]),
            Self::Aes => template(SYMMETRIC, signing | DECRYPT, &[AES, 128, CFB], &[&[]]),
            Self::Hmac => template(KEYED_HASH, signing, &[HMAC, SHA256], &[&[]]),
            Self::Sealed => template(KEYED_HASH, SEALED, &[NULL], &[&[]]),
        }
    }

    /// What is sealed in it.
    pub const fn sealed_data(self) -> &'static [u8] {
        match self {
            Self::Sealed => &[0x42; 32],
            _ => &[],
        }
    }
}
