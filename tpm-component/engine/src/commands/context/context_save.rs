//! TPM2_ContextSave (Part 3 §28.2). An object stays loaded; a session's state leaves, and its handle stays taken.

use alloc::vec::Vec;

use crate::wipe::Wiped;

use super::{KEY, Protection};
use crate::{
    crypto::cipher,
    dispatch::{Authorized, Command, reply},
    structures::{
        Tpm2bContextData, TpmCc, TpmRc, TpmiAlgSymObject, TpmiDhSaved, TpmiRhHierarchy, TpmsContext,
        limits::{CONTEXT_HASH, MAX_CONTEXT_DATA},
    },
    wire::{Marshal, Writer},
};

/// The newest and the oldest saved session may be this far apart (TPM_PT_CONTEXT_GAP_MAX).
const GAP: u64 = 0xFFFF;

/// What precedes the contents: their integrity value as a TPM2B.
const INTEGRITY: usize = 2 + CONTEXT_HASH.digest_size();

/// The contents in the place where they are encrypted and leave, behind room for their integrity value.
fn contents(what: &impl Marshal) -> Wiped<Vec<u8>> {
    // Twice what a context may have: what is too long has not moved, either, before it is refused.
    let mut writer = Writer::with_capacity(2 * MAX_CONTEXT_DATA);
    writer.sized(|w| w.zeros(CONTEXT_HASH.digest_size()));
    writer.put(what);
    Wiped::new(writer.into_vec())
}

/// TPM2_ContextSave.
pub struct ContextSave;

reply! {
    /// The reply of TPM2_ContextSave.
    pub struct ContextSaveReply {
        /// The context.
        pub context: TpmsContext,
    }
}

impl Command for ContextSave {
    const CODE: TpmCc = TpmCc::CONTEXT_SAVE;
    const NAME: &'static str = "TPM2_ContextSave";
    type Params = ();
    type Reply = ContextSaveReply;

    fn run(command: Authorized<'_, Self>) -> Result<ContextSaveReply, TpmRc> {
        let Authorized { tpm, host, handles, .. } = command;
        let handle = handles.first();
        let (protection, contents) = if handle.is_session() {
            let session = tpm.volatile.sessions.loaded(handle).ok_or(TpmRc::HANDLE)?;
            let contents = contents(session);
            let sequence = tpm
                .state_reset
                .session_sequence
                .checked_add(1)
                .ok_or(TpmRc::TOO_MANY_CONTEXTS)?;
            let oldest = tpm
                .volatile
                .sessions
                .iter_saved()
                .map(|(_, saved)| saved.sequence)
                .min();
            if oldest.is_some_and(|oldest| sequence - oldest > GAP) {
                return Err(TpmRc::CONTEXT_GAP);
            }
            *tpm.state_reset.session_sequence.edit() = sequence;
            tpm.volatile.sessions.save(handle, sequence);
            let saved_handle = TpmiDhSaved::try_from(handle)?;
            (
                Protection {
                    sequence,
                    saved_handle,
                    hierarchy: TpmiRhHierarchy::Null,
                },
                contents,
            )
        } else {
            let object = tpm.object(handle).ok_or(TpmRc::HANDLE)?;
            let sequence = tpm
                .state_reset
                .object_sequence
                .checked_add(1)
                .ok_or(TpmRc::TOO_MANY_CONTEXTS)?;
            *tpm.state_reset.object_sequence.edit() = sequence;
            let saved_handle = if object.sequence.is_some() {
                TpmiDhSaved::SEQUENCE
            } else if object.st_clear {
                TpmiDhSaved::ST_CLEAR
            } else {
                TpmiDhSaved::OBJECT
            };
            (
                Protection {
                    sequence,
                    saved_handle,
                    hierarchy: object.hierarchy,
                },
                contents(&*object),
            )
        };
        let mut blob = contents;
        let key = protection.key(tpm, host);
        let (key, iv) = key.split_at(KEY);
        cipher::cfb_encrypt(host, TpmiAlgSymObject::Aes, key, iv, &mut blob[INTEGRITY..])?;
        let integrity = protection.integrity(tpm, host, &blob[INTEGRITY..]);
        blob[2..INTEGRITY].copy_from_slice(integrity.as_bytes());
        Ok(ContextSaveReply {
            context: TpmsContext {
                sequence: protection.sequence,
                saved_handle: protection.saved_handle,
                hierarchy: protection.hierarchy,
                context_blob: Tpm2bContextData::from_vec(core::mem::take(&mut *blob))?,
            },
        })
    }
}
