//! Authorisation sessions (Part 1 §19): what one holds, and the table of those that exist.
//!
//! A caller names sessions by handle and may name any number; the table answers for those that exist. HMAC and policy sessions share one
//! index space, so that a number is in use once (`hmac.rs` computes keys and HMACs, `param_crypt.rs` protects parameters, `policy.rs` holds
//! what policy commands collect).

pub mod hmac;
pub mod param_crypt;
pub mod policy;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    state::{Group, GroupMap, undo},
    structures::{Tpm2bDigest, Tpm2bNonce, TpmHandle, TpmRc, TpmiAlgHash, TpmtSymDef, limits},
};
use policy::PolicyState;

/// What a session is for (TPM_SE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Authorises by HMAC, audits or encrypts.
    Hmac,
    /// Authorises by policy.
    Policy,
    /// Computes a policy digest and authorises nothing.
    Trial,
}

/// The session key; wiped when dropped.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop, PartialEq, Eq)]
pub struct SessionKey(pub alloc::vec::Vec<u8>);

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SessionKey({} secret bytes)", self.0.len())
    }
}

/// The entity to which an HMAC session is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Digest of the entity's Name and authValue when the session started: a change of either unbinds the session.
    pub snapshot: Tpm2bDigest,
}

/// A session whose state is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What it is for.
    pub kind: SessionKind,
    /// authHash.
    pub auth_hash: TpmiAlgHash,
    /// How parameters are encrypted.
    pub symmetric: TpmtSymDef,
    /// The newest nonceTPM.
    pub nonce_tpm: Tpm2bNonce,
    /// sessionKey.
    pub key: SessionKey,
    /// What an HMAC session is bound to.
    pub binding: Option<Binding>,
    /// The bound entity was subject to dictionary-attack protection.
    pub bound_to_protected: bool,
    /// The bound entity was TPM_RH_LOCKOUT.
    pub bound_to_lockout: bool,
    /// The audit digest, once the session was used for audit.
    pub audit: Option<Tpm2bDigest>,
    /// The policy, for policy and trial sessions.
    pub policy: PolicyState,
}

/// A session that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its state is here.
    Loaded(Session),
    /// Its state is in a saved context.
    Saved {
        /// What it is for.
        kind: SessionKind,
        /// The sequence number of the one context that may be loaded.
        sequence: u64,
    },
}

impl Entry {
    /// What the session is for.
    pub const fn kind(&self) -> SessionKind {
        match self {
            Entry::Loaded(session) => session.kind,
            Entry::Saved { kind, .. } => *kind,
        }
    }
}

/// All sessions that exist.
#[derive(Default)]
pub struct Sessions {
    entries: GroupMap<u8, Entry>,
    exclusive: Group<Option<u8>>,
}

impl Sessions {
    /// The handle of the session at `index`.
    pub const fn handle(index: u8, kind: SessionKind) -> TpmHandle {
        let first = match kind {
            SessionKind::Hmac => TpmHandle::HMAC_SESSION_FIRST,
            SessionKind::Policy | SessionKind::Trial => TpmHandle::POLICY_SESSION_FIRST,
        };
        TpmHandle(first.0 + index as u32)
    }

    /// What exists under `handle`; none when its kind is another.
    pub fn entry(&self, handle: TpmHandle) -> Option<&Entry> {
        let entry = self.entries.get(index_of(handle)?)?;
        (Self::handle(index_of(handle)?, entry.kind()) == handle).then_some(entry)
    }

    /// The loaded session under `handle`.
    pub fn loaded(&self, handle: TpmHandle) -> Option<&Session> {
        match self.entry(handle)? {
            Entry::Loaded(session) => Some(session),
            Entry::Saved { .. } => None,
        }
    }

    /// The loaded session under `handle`, to be changed.
    pub fn edit(&mut self, handle: TpmHandle) -> Option<&mut Session> {
        self.loaded(handle)?;
        match self.entries.edit(index_of(handle)?)? {
            Entry::Loaded(session) => Some(session),
            Entry::Saved { .. } => None,
        }
    }

    /// Whether a loaded session has this index, of whichever kind.
    pub fn is_loaded_index(&self, handle: TpmHandle) -> bool {
        index_of(handle)
            .and_then(|index| self.entries.get(index))
            .is_some_and(|e| matches!(e, Entry::Loaded(_)))
    }

    /// How many are loaded.
    pub fn loaded_count(&self) -> usize {
        self.entries
            .iter()
            .filter(|(_, entry)| matches!(entry, Entry::Loaded(_)))
            .count()
    }

    /// How many exist.
    pub fn active_count(&self) -> usize {
        self.entries.len()
    }

    /// All that exist, with their handles, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = (TpmHandle, &Entry)> {
        self.entries
            .iter()
            .map(|(index, entry)| (Self::handle(index, entry.kind()), entry))
    }

    /// Whether one more can be loaded: TPM_RC_SESSION_MEMORY when not.
    pub fn check_room(&self) -> Result<(), TpmRc> {
        if self.loaded_count() < limits::MAX_LOADED_SESSIONS {
            Ok(())
        } else {
            Err(TpmRc::SESSION_MEMORY)
        }
    }

    /// Adds a new session at the lowest free index.
    pub fn start(&mut self, session: Session) -> Result<TpmHandle, TpmRc> {
        self.check_room()?;
        let index = (0..limits::MAX_ACTIVE_SESSIONS as u8)
            .find(|index| !self.entries.contains(*index))
            .ok_or(TpmRc::SESSION_HANDLES)?;
        let handle = Self::handle(index, session.kind);
        self.entries.insert(index, Entry::Loaded(session));
        Ok(handle)
    }

    /// Puts `entry` under the session's own handle again: how a context is saved and loaded.
    pub fn replace(&mut self, handle: TpmHandle, entry: Entry) -> Result<(), TpmRc> {
        let index = index_of(handle).ok_or(TpmRc::HANDLE)?;
        self.entries.insert(index, entry);
        Ok(())
    }

    /// Removes a session; says whether it existed.
    pub fn flush(&mut self, handle: TpmHandle) -> bool {
        let Some(index) = self.entry(handle).and(index_of(handle)) else {
            return false;
        };
        if *self.exclusive == Some(index) {
            self.exclusive.set(None);
        }
        self.entries.remove(index)
    }

    /// Removes all loaded sessions, and the saved ones too when `saved`.
    pub fn flush_all(&mut self, saved: bool) {
        self.exclusive.set(None);
        self.entries
            .retain(|_, entry| !saved && matches!(entry, Entry::Saved { .. }));
    }

    /// The exclusive audit session.
    pub fn exclusive(&self) -> Option<TpmHandle> {
        let index = (*self.exclusive)?;
        self.entries.get(index).map(|entry| Self::handle(index, entry.kind()))
    }

    /// Makes a session the exclusive audit session, or none.
    pub fn set_exclusive(&mut self, handle: Option<TpmHandle>) {
        let index = handle.and_then(index_of);
        if *self.exclusive != index {
            self.exclusive.set(index);
        }
    }
}

undo!(Sessions { entries, exclusive });

/// The index that a session handle names.
fn index_of(handle: TpmHandle) -> Option<u8> {
    if handle.is_session() {
        u8::try_from(handle.number()).ok()
    } else {
        None
    }
}
