//! The keys that identify this TPM: what the fixed templates give with the seeds of this moment.
//!
//! They are derived anew whenever somebody asks and never read from a persistent handle, whose object the guest may have replaced by one that
//! it brought itself. The templates are those of the TCG EK Credential Profile (L-1, L-2) and of the TCG TPM v2.0 Provisioning Guidance
//! (storage root keys); nothing that a guest does reaches them.

use alloc::vec::Vec;

use tpm_contract::{Failure, Host, Identity};

use crate::{
    object::creation,
    structures::{Tpm2bAuth, Tpm2bSensitiveData, TpmiRhHierarchy, TpmsSensitiveCreate, TpmtPublic},
    tpm::{Phase, Tpm},
    wire::{Marshal, Unmarshal},
};

/// TPMI_ALG_PUBLIC of RSA and ECC, and TPM_ALG_SHA256 as nameAlg.
const RSA_SHA256: [u8; 4] = [0x00, 0x01, 0x00, 0x0b];
const ECC_SHA256: [u8; 4] = [0x00, 0x23, 0x00, 0x0b];
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
const EK_ATTRIBUTES: [u8; 4] = [0x00, 0x03, 0x00, 0xb2];
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const SRK_ATTRIBUTES: [u8; 4] = [0x00, 0x03, 0x04, 0x72];
/// PolicyA of the EK Credential Profile, TPM2_PolicySecret(TPM_RH_ENDORSEMENT), behind its size.
const EK_POLICY: [u8; 34] = [
    0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd,
    0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
];
/// No policy.
const NO_POLICY: [u8; 2] = [0; 2];
/// AES-128-CFB, scheme NULL.
const STORAGE: [u8; 8] = [0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10];
/// 2048 bits, the default exponent; then unique, 256 zeros behind their size.
const RSA_2048: [u8; 8] = [0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00];
/// P-256, KDF NULL.
const P256: [u8; 4] = [0x00, 0x03, 0x00, 0x10];

/// A template that is fixed for all TPMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// L-1 of the EK Credential Profile.
    RsaEk,
    /// L-2 of the EK Credential Profile.
    P256Ek,
    /// The RSA-2048 storage root key.
    RsaSrk,
    /// The P-256 storage root key.
    P256Srk,
}

impl Template {
    /// The hierarchy that it is for.
    pub const fn hierarchy(self) -> TpmiRhHierarchy {
        match self {
            Template::RsaEk | Template::P256Ek => TpmiRhHierarchy::Endorsement,
            Template::RsaSrk | Template::P256Srk => TpmiRhHierarchy::Owner,
        }
    }

    /// The TPMT_PUBLIC as it stands in the profile.
    pub fn bytes(self) -> Vec<u8> {
        let (attributes, policy): (_, &[u8]) = match self.hierarchy() {
            TpmiRhHierarchy::Endorsement => (EK_ATTRIBUTES, &EK_POLICY),
            _ => (SRK_ATTRIBUTES, &NO_POLICY),
        };
        match self {
            Template::RsaEk | Template::RsaSrk => {
                [&RSA_SHA256[..], &attributes, policy, &STORAGE, &RSA_2048, &[0; 256]].concat()
            }
            Template::P256Ek | Template::P256Srk => {
                let zeros = [0; 32];
                let size = [0x00, 0x20];
                [
                    &ECC_SHA256[..],
                    &attributes,
                    policy,
                    &STORAGE,
                    &P256,
                    &size,
                    &zeros,
                    &size,
                    &zeros,
                ]
                .concat()
            }
        }
    }
}

impl Tpm {
    /// The public areas of the four keys.
    pub fn identity(&mut self, host: &mut dyn Host) -> Result<Identity, Failure> {
        // What computes the keys may be what failed.
        if *self.phase == Phase::Failed {
            return Err(Failure::SelfTest);
        }
        let host: &mut dyn Host = &mut self.tests.gate(host);
        let identity = Identity {
            rsa_ek: self.key_of(host, Template::RsaEk)?,
            p256_ek: self.key_of(host, Template::P256Ek)?,
            rsa_srk: self.key_of(host, Template::RsaSrk)?,
            p256_srk: self.key_of(host, Template::P256Srk)?,
        };
        if self.tests.is_broken() {
            self.fail();
            return Err(Failure::SelfTest);
        }
        Ok(identity)
    }

    fn key_of(&mut self, host: &mut dyn Host, template: Template) -> Result<Vec<u8>, Failure> {
        let public = TpmtPublic::from_bytes(&template.bytes()).map_err(|_| Failure::SelfTest)?;
        let request = TpmsSensitiveCreate {
            user_auth: Tpm2bAuth::empty(),
            data: Tpm2bSensitiveData::empty(),
        };
        let key =
            creation::primary(self, host, template.hierarchy(), &public, &request).map_err(|_| Failure::SelfTest)?;
        Ok(key.public.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_the_lengths_of_the_profile_and_read_back() {
        // facts/tpm/ek-templates.md §3: 314, 122, 282 and 90 bytes.
        let lengths = [Template::RsaEk, Template::P256Ek, Template::RsaSrk, Template::P256Srk].map(|template| {
            let bytes = template.bytes();
            assert_eq!(
                TpmtPublic::from_bytes(&bytes).map(|public| public.to_bytes()),
                Ok(bytes.clone())
            );
            bytes.len()
        });
        assert_eq!(lengths, [314, 122, 282, 90]);
    }
}
