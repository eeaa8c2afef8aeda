//! Part 3 §28.2 and §28.3: context management. An object or a session leaves the TPM and comes back.
//!
//! A saved context is whatever somebody hands in: nothing of it is parsed before its HMAC, under a key that only this TPM has, was found
//! right. The HMAC ties it to the hierarchy, to the boot (TPM Reset makes all contexts worthless, TPM Restart those of stClear objects) and to
//! its sequence number, which also makes the encryption of no two contexts alike. A session's context can be loaded once.

mod context_load;
mod context_save;
mod flush_context;

pub use context_load::ContextLoad;
pub use context_save::ContextSave;
pub use flush_context::FlushContext;

use alloc::vec::Vec;

use crate::wipe::Wiped;
use tpm_contract::Host;

use crate::{
    crypto::{hmac, kdf_a},
    structures::{Tpm2bDigest, TpmiDhSaved, TpmiRhHierarchy, limits::CONTEXT_HASH},
    tpm::Tpm,
};

/// Bytes of the context encryption key (AES-256) and of its initialisation vector.
const KEY: usize = 32;
const IV: usize = 16;

/// What a context is protected under.
struct Protection {
    sequence: u64,
    saved_handle: TpmiDhSaved,
    hierarchy: TpmiRhHierarchy,
}

impl Protection {
    /// KDFa(contextHash, proof, "CONTEXT", sequence, savedHandle): key and initialisation vector.
    fn key(&self, tpm: &Tpm, host: &mut dyn Host) -> Wiped<Vec<u8>> {
        let proof = &tpm.root(self.hierarchy).proof;
        let handle = self.saved_handle.handle().0.to_be_bytes();
        kdf_a(
            host,
            CONTEXT_HASH,
            proof.as_bytes(),
            b"CONTEXT",
            &self.sequence.to_be_bytes(),
            &handle,
            (KEY + IV) * 8,
        )
    }

    /// The HMAC over boot, sequence, handle and contents.
    fn integrity(&self, tpm: &Tpm, host: &mut dyn Host, contents: &[u8]) -> Tpm2bDigest {
        let proof = &tpm.root(self.hierarchy).proof;
        let reset = tpm.persistent.counters.total_reset.to_be_bytes();
        let clear = tpm.state_reset.clear_count.to_be_bytes();
        let clear = if self.saved_handle == TpmiDhSaved::ST_CLEAR {
            clear.as_slice()
        } else {
            &[]
        };
        let handle = self.saved_handle.handle().0.to_be_bytes();
        let parts = [reset.as_slice(), clear, &self.sequence.to_be_bytes(), &handle, contents];
        hmac(host, CONTEXT_HASH, proof.as_bytes(), &parts)
    }
}

#[cfg(test)]
mod tests;
