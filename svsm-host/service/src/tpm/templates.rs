//! The four keys that every TPM of ours has, and the fixed templates that make them.
//!
//! Constants from the TCG EK Credential Profile for TPM 2.0 (templates L-1 and L-2) and the TCG TPM v2.0 Provisioning Guidance (storage root keys); the
//! policy digest is PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256. A template is a TPMT_PUBLIC (Part 2 §12.2.4) whose `unique`
//! is filled with zeros.

use alloc::vec::Vec;

/// TPM_RH_OWNER.
pub const RH_OWNER: u32 = 0x4000_0001;
/// TPM_RH_ENDORSEMENT.
pub const RH_ENDORSEMENT: u32 = 0x4000_000B;
/// TPM_RH_PLATFORM.
pub const RH_PLATFORM: u32 = 0x4000_000C;

/// What stands in `unique`, the only part of a public area that is the key's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique {
    /// An RSA modulus of 256 bytes.
    Rsa2048,
    /// A point on P-256, two coordinates of 32 bytes.
    P256,
}

/// One of the keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyTemplate {
    /// The hierarchy from whose seed it is derived.
    pub hierarchy: u32,
    /// The persistent handle at which the guest finds it.
    pub handle: u32,
    /// TPMT_PUBLIC up to `unique`.
    pub head: &'static [u8],
    /// What `unique` is.
    pub unique: Unique,
}

impl KeyTemplate {
    /// The whole template, `unique` zero.
    pub fn public(&self) -> Vec<u8> {
        let mut bytes = self.head.to_vec();
        match self.unique {
            Unique::Rsa2048 => {
                bytes.extend_from_slice(&256u16.to_be_bytes());
                bytes.extend_from_slice(&[0; 256]);
            }
            Unique::P256 => {
                for _ in 0..2 {
                    bytes.extend_from_slice(&32u16.to_be_bytes());
                    bytes.extend_from_slice(&[0; 32]);
                }
            }
        }
        bytes
    }
}

/// TPM_ALG_RSA, TPM_ALG_SHA256, fixedTPM|fixedParent|sensitiveDataOrigin|adminWithPolicy|restricted|decrypt, PolicyA, AES-128-CFB, no scheme, 2048,
/// default exponent.
const RSA_EK: &[u8] = &[
    0x00, 0x01, 0x00, 0x0B, 0x00, 0x03, 0x00, 0xB2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A,
    0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24, 0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B,
    0x33, 0x14, 0x69, 0xAA, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// TPM_ALG_ECC, the same up to the scheme, then NIST P-256 and no KDF.
const P256_EK: &[u8] = &[
    0x00, 0x23, 0x00, 0x0B, 0x00, 0x03, 0x00, 0xB2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A,
    0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24, 0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B,
    0x33, 0x14, 0x69, 0xAA, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10,
];

/// fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|noDA|restricted|decrypt, no policy.
const RSA_SRK: &[u8] = &[
    0x00, 0x01, 0x00, 0x0B, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x08,
    0x00, 0x00, 0x00, 0x00, 0x00,
];

/// The same for P-256.
const P256_SRK: &[u8] = &[
    0x00, 0x23, 0x00, 0x0B, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00,
    0x03, 0x00, 0x10,
];

/// RSA EK, P-256 EK, RSA SRK, P-256 SRK.
pub const KEYS: [KeyTemplate; 4] = [
    KeyTemplate {
        hierarchy: RH_ENDORSEMENT,
        handle: 0x8101_0001,
        head: RSA_EK,
        unique: Unique::Rsa2048,
    },
    KeyTemplate {
        hierarchy: RH_ENDORSEMENT,
        handle: 0x8101_0002,
        head: P256_EK,
        unique: Unique::P256,
    },
    KeyTemplate {
        hierarchy: RH_OWNER,
        handle: 0x8100_0001,
        head: RSA_SRK,
        unique: Unique::Rsa2048,
    },
    KeyTemplate {
        hierarchy: RH_OWNER,
        handle: 0x8100_0002,
        head: P256_SRK,
        unique: Unique::P256,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};

    // The exact TPMT_PUBLIC bytes of L-1, L-2 and the storage root keys as swtpm, tpm2-tools and the EK profile have them.
    #[test]
    fn templates_match_the_published_bytes() {
        let ek_policy = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
        let point: String = ["0020", &"00".repeat(32), "0020", &"00".repeat(32)].concat();
        let modulus: String = ["0100", &"00".repeat(256)].concat();
        let expected = [
            (
                [
                    "0001000b000300b20020",
                    ek_policy,
                    "000600800043001008000000",
                    "0000",
                    &modulus,
                ]
                .concat(),
                314,
            ),
            (
                [
                    "0023000b000300b20020",
                    ek_policy,
                    "00060080004300100003",
                    "0010",
                    &point,
                ]
                .concat(),
                122,
            ),
            (
                ["0001000b000304720000", "000600800043001008000000", "0000", &modulus].concat(),
                282,
            ),
            (
                ["0023000b000304720000", "00060080004300100003", "0010", &point].concat(),
                90,
            ),
        ];
        for (key, (bytes, len)) in KEYS.iter().zip(expected) {
            let public = key.public();
            assert_eq!(hex::encode(&public), bytes);
            assert_eq!(public.len(), len);
        }
        let handles: Vec<_> = KEYS.iter().map(|key| key.handle).collect();
        assert_eq!(handles, vec![0x8101_0001, 0x8101_0002, 0x8100_0001, 0x8100_0002]);
    }
}
