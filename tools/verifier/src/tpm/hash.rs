//! Hash algorithms a verifier accepts, HMAC and the two key derivation functions (Part 1 §11.4.10).
//!
//! SHA-1 is absent on purpose: neither a Name nor a signature nor a PCR bank may rest on it.

use anyhow::{Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// TPMI_ALG_HASH, as far as accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlg {
    /// TPM_ALG_SHA256
    Sha256,
    /// TPM_ALG_SHA384
    Sha384,
    /// TPM_ALG_SHA512
    Sha512,
}

impl HashAlg {
    /// From a TPM_ALG_ID.
    pub fn from_id(id: u16) -> Result<Self> {
        Ok(match id {
            0x000B => HashAlg::Sha256,
            0x000C => HashAlg::Sha384,
            0x000D => HashAlg::Sha512,
            0x0004 => bail!("rests on SHA-1"),
            _ => bail!("hash algorithm {id:#06x}"),
        })
    }

    /// The TPM_ALG_ID.
    pub fn id(self) -> u16 {
        match self {
            HashAlg::Sha256 => 0x000B,
            HashAlg::Sha384 => 0x000C,
            HashAlg::Sha512 => 0x000D,
        }
    }

    /// Name as tpm2-tools writes it.
    pub fn name(self) -> &'static str {
        match self {
            HashAlg::Sha256 => "sha256",
            HashAlg::Sha384 => "sha384",
            HashAlg::Sha512 => "sha512",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Result<Self> {
        Ok(match name {
            "sha256" => HashAlg::Sha256,
            "sha384" => HashAlg::Sha384,
            "sha512" => HashAlg::Sha512,
            _ => bail!("hash algorithm '{name}': sha256, sha384 and sha512 are known"),
        })
    }

    /// Digest size in bytes.
    pub fn size(self) -> usize {
        match self {
            HashAlg::Sha256 => 32,
            HashAlg::Sha384 => 48,
            HashAlg::Sha512 => 64,
        }
    }

    /// Hash of `parts`, one after the other.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hash = D::new();
            for part in parts {
                hash.update(part);
            }
            hash.finalize().to_vec()
        }
        match self {
            HashAlg::Sha256 => run::<Sha256>(parts),
            HashAlg::Sha384 => run::<Sha384>(parts),
            HashAlg::Sha512 => run::<Sha512>(parts),
        }
    }

    /// HMAC of `parts` under `key`.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>> {
        fn run<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>> {
            let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
                bail!("an HMAC key of {} bytes", key.len())
            };
            for part in parts {
                mac.update(part);
            }
            Ok(mac.finalize().into_bytes().to_vec())
        }
        match self {
            HashAlg::Sha256 => run::<Hmac<Sha256>>(key, parts),
            HashAlg::Sha384 => run::<Hmac<Sha384>>(key, parts),
            HashAlg::Sha512 => run::<Hmac<Sha512>>(key, parts),
        }
    }

    /// KDFa (Part 1 §11.4.10.2): SP 800-108 counter mode with this hash's HMAC; `bits` is a multiple of eight.
    pub fn kdf_a(
        self,
        key: &[u8],
        label: &str,
        context_u: &[u8],
        context_v: &[u8],
        bits: u32,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let wanted = (bits / 8) as usize;
        let mut out = Zeroizing::new(Vec::new());
        let mut counter = 0u32;
        while out.len() < wanted {
            counter += 1;
            let block = self.hmac(
                key,
                &[
                    &counter.to_be_bytes(),
                    label.as_bytes(),
                    &[0],
                    context_u,
                    context_v,
                    &bits.to_be_bytes(),
                ],
            )?;
            out.extend_from_slice(&block);
        }
        out.truncate(wanted);
        Ok(out)
    }

    /// KDFe (Part 1 §11.4.10.3): SP 800-56A concatenation; `bits` is a multiple of eight.
    pub fn kdf_e(self, z: &[u8], label: &str, party_u: &[u8], party_v: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
        let wanted = (bits / 8) as usize;
        let mut out = Zeroizing::new(Vec::new());
        let mut counter = 0u32;
        while out.len() < wanted {
            counter += 1;
            out.extend_from_slice(&self.digest(&[&counter.to_be_bytes(), z, label.as_bytes(), &[0], party_u, party_v]));
        }
        out.truncate(wanted);
        out
    }
}
