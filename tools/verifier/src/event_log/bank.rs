//! Banks of PCRs in a log, and one thing's digest in each of them.
//!
//! Unlike quotes and signatures, a log may carry SHA-1: it is shown and checked, but no PCR of that bank is ever compared with a quote,
//! because the quote's parser refuses the bank ([`HashAlg`]).

use sha1::Sha1;
use sha2::Digest;

use crate::tpm::hash::HashAlg;

/// A bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bank {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Bank {
    /// From a TPM_ALG_ID; `None` for a hash that no log of ours has.
    pub fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0004 => Some(Bank::Sha1),
            _ => HashAlg::from_id(id).ok().map(Bank::from),
        }
    }

    /// Name as tpm2-tools writes it.
    pub fn name(self) -> &'static str {
        self.strong().map_or("sha1", HashAlg::name)
    }

    /// Digest size in bytes.
    pub fn size(self) -> usize {
        self.strong().map_or(20, HashAlg::size)
    }

    /// Hash of `parts`, one after the other.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self.strong() {
            Some(hash) => hash.digest(parts),
            None => {
                let mut hash = Sha1::new();
                parts.iter().for_each(|part| hash.update(part));
                hash.finalize().to_vec()
            }
        }
    }

    /// The hash, unless it is SHA-1.
    pub fn strong(self) -> Option<HashAlg> {
        match self {
            Bank::Sha1 => None,
            Bank::Sha256 => Some(HashAlg::Sha256),
            Bank::Sha384 => Some(HashAlg::Sha384),
            Bank::Sha512 => Some(HashAlg::Sha512),
        }
    }
}

impl From<HashAlg> for Bank {
    fn from(hash: HashAlg) -> Self {
        match hash {
            HashAlg::Sha256 => Bank::Sha256,
            HashAlg::Sha384 => Bank::Sha384,
            HashAlg::Sha512 => Bank::Sha512,
        }
    }
}

/// One thing's digests, each in its bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests(pub(super) Vec<(Bank, Vec<u8>)>);

impl Digests {
    /// The digests of `bytes` in every bank that a log may have.
    pub fn of(bytes: &[u8]) -> Self {
        let banks = [Bank::Sha1, Bank::Sha256, Bank::Sha384, Bank::Sha512];
        Digests(banks.map(|bank| (bank, bank.digest(&[bytes]))).to_vec())
    }

    /// The digest in one bank.
    pub fn in_bank(&self, bank: Bank) -> Option<&[u8]> {
        self.0
            .iter()
            .find_map(|(own, digest)| (*own == bank).then_some(digest.as_slice()))
    }

    /// A bank in which `self` has a digest and `wanted` has not the same one: SHA-256, if it is among them.
    pub fn difference(&self, wanted: &Digests) -> Option<Bank> {
        let differs = |bank: &Bank| self.in_bank(*bank) != wanted.in_bank(*bank);
        let mut banks = self.0.iter().map(|(bank, _)| *bank).filter(differs);
        let first = banks.next()?;
        Some(banks.find(|bank| *bank == Bank::Sha256).unwrap_or(first))
    }
}

impl From<&svsm_proto::event_log::Digests> for Digests {
    fn from(digests: &svsm_proto::event_log::Digests) -> Self {
        Digests(vec![
            (Bank::Sha1, digests.sha1.to_vec()),
            (Bank::Sha256, digests.sha256.to_vec()),
            (Bank::Sha384, digests.sha384.to_vec()),
            (Bank::Sha512, digests.sha512.to_vec()),
        ])
    }
}
