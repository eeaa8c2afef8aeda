//! Authorisation sessions (Part 1 §19): what one holds, and the table of those that exist.
//!
//! A caller names sessions by handle and may name any number; the table answers for those that exist. HMAC and policy sessions share one
//! index space, so that a number is in use once (`hmac.rs` computes keys and HMACs, `param_crypt.rs` protects parameters, `policy.rs` holds
//! what policy commands collect).

pub mod hmac;
mod inline;
pub mod param_crypt;
pub mod policy;

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

pub use inline::InlineDigest;

use crate::{
    state::{Group, GroupMap, Slots, Undo, undo},
    structures::{Tpm2bDigest, TpmHandle, TpmRc, TpmiAlgHash, TpmtSymDef, limits},
    wipe::Wiped,
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

/// The session key; wiped when the last copy of the session is dropped. It never changes, so the copies share it; many sessions have none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SessionKey(Option<Arc<Wiped<Vec<u8>>>>);

impl SessionKey {
    /// These bytes.
    pub fn new(bytes: Wiped<Vec<u8>>) -> Self {
        Self((!bytes.is_empty()).then(|| Arc::new(bytes)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref().map(|key| key.as_slice()).unwrap_or_default()
    }
}

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SessionKey({} secret bytes)", self.as_bytes().len())
    }
}

/// The entity to which an HMAC session is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Digest of the entity's Name and authValue when the session started: a change of either unbinds the session. An authValue could be guessed from it,
    /// so it is wiped, like the session key, with the last copy.
    pub snapshot: Arc<Tpm2bDigest>,
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
    pub nonce_tpm: InlineDigest,
    /// sessionKey.
    pub key: SessionKey,
    /// What an HMAC session is bound to.
    pub binding: Option<Binding>,
    /// The bound entity was subject to dictionary-attack protection.
    pub bound_to_protected: bool,
    /// The bound entity was TPM_RH_LOCKOUT.
    pub bound_to_lockout: bool,
    /// The audit digest, once the session was used for audit.
    pub audit: Option<InlineDigest>,
    /// The policy, for policy and trial sessions.
    pub policy: PolicyState,
}

/// A session whose state is in a saved context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedSession {
    /// What it is for.
    pub kind: SessionKind,
    /// The sequence number of the one context that may be loaded.
    pub sequence: u64,
}

/// All sessions that exist. A number is in use once, whatever the kind of the session and wherever its state is.
#[derive(Default)]
pub struct Sessions {
    loaded: Slots<Session>,
    saved: GroupMap<u8, SavedSession>,
    exclusive: Group<Option<u8>>,
}

impl Sessions {
    /// The sessions of a TPM that was powered on: none, but for saved contexts.
    pub fn with_saved(saved: BTreeMap<u8, SavedSession>) -> Self {
        Self {
            loaded: Slots::default(),
            saved: GroupMap::new(saved),
            exclusive: Group::new(None),
        }
    }

    /// Sessions as they were in another instance; none when a number is in use twice.
    pub fn new(
        loaded: BTreeMap<u8, Session>,
        saved: BTreeMap<u8, SavedSession>,
        exclusive: Option<u8>,
    ) -> Option<Self> {
        if loaded.keys().any(|number| saved.contains_key(number)) {
            return None;
        }
        let exclusive = exclusive.filter(|number| loaded.contains_key(number));
        Some(Self {
            loaded: Slots::new(loaded),
            saved: GroupMap::new(saved),
            exclusive: Group::new(exclusive),
        })
    }

    /// The handle of the session with this number.
    pub const fn handle(number: u8, kind: SessionKind) -> TpmHandle {
        let first = match kind {
            SessionKind::Hmac => TpmHandle::HMAC_SESSION_FIRST,
            SessionKind::Policy | SessionKind::Trial => TpmHandle::POLICY_SESSION_FIRST,
        };
        TpmHandle(first.0 + number as u32)
    }

    /// The loaded session under `handle`; none when its kind is another.
    pub fn loaded(&self, handle: TpmHandle) -> Option<&Session> {
        let number = number_of(handle)?;
        self.loaded
            .get(number)
            .filter(|session| Self::handle(number, session.kind) == handle)
    }

    /// The loaded session under `handle`, to be changed.
    pub fn edit(&mut self, handle: TpmHandle) -> Option<&mut Session> {
        let number = number_of(handle)?;
        let kind = self.loaded.get(number)?.kind;
        if Self::handle(number, kind) == handle {
            self.loaded.edit(number)
        } else {
            None
        }
    }

    /// Whether a session of whichever kind is loaded under the number of `handle`.
    pub fn is_number_loaded(&self, handle: TpmHandle) -> bool {
        number_of(handle).is_some_and(|number| self.loaded.contains(number))
    }

    /// The saved session under `handle`; none when its kind is another.
    pub fn saved(&self, handle: TpmHandle) -> Option<&SavedSession> {
        let number = number_of(handle)?;
        self.saved
            .get(number)
            .filter(|session| Self::handle(number, session.kind) == handle)
    }

    /// All loaded sessions, in the order of their numbers.
    pub fn iter_loaded(&self) -> impl Iterator<Item = (TpmHandle, &Session)> {
        self.loaded
            .iter()
            .map(|(number, session)| (Self::handle(number, session.kind), session))
    }

    /// All saved sessions, in the order of their numbers.
    pub fn iter_saved(&self) -> impl Iterator<Item = (u8, &SavedSession)> {
        self.saved.iter()
    }

    /// How many are loaded.
    pub fn loaded_count(&self) -> usize {
        self.loaded.len()
    }

    /// How many exist.
    pub fn active_count(&self) -> usize {
        self.loaded.len() + self.saved.len()
    }

    /// Whether this command saved or loaded a context of a session, or removed a saved one.
    pub fn saved_changed(&self) -> bool {
        self.saved.is_changed()
    }

    /// Whether one more can be loaded: TPM_RC_SESSION_MEMORY when not.
    pub fn check_room(&self) -> Result<(), TpmRc> {
        if self.loaded_count() < limits::MAX_LOADED_SESSIONS {
            Ok(())
        } else {
            Err(TpmRc::SESSION_MEMORY)
        }
    }

    /// Adds a new session under the lowest free number.
    pub fn start(&mut self, session: Session) -> Result<TpmHandle, TpmRc> {
        self.check_room()?;
        let number = (0..limits::MAX_ACTIVE_SESSIONS as u8)
            .find(|number| !self.loaded.contains(*number) && !self.saved.contains(*number))
            .ok_or(TpmRc::SESSION_HANDLES)?;
        let handle = Self::handle(number, session.kind);
        self.loaded.insert(number, session);
        Ok(handle)
    }

    /// Turns a loaded session into a saved one whose context has this sequence number; says whether it was loaded.
    pub fn save(&mut self, handle: TpmHandle, sequence: u64) -> bool {
        let (Some(kind), Some(number)) = (self.loaded(handle).map(|session| session.kind), number_of(handle)) else {
            return false;
        };
        self.loaded.remove(number);
        self.saved.insert(number, SavedSession { kind, sequence });
        if *self.exclusive == Some(number) {
            self.exclusive.set(None);
        }
        true
    }

    /// Turns a saved session into a loaded one. The caller has judged the context.
    pub fn restore(&mut self, handle: TpmHandle, session: Session) -> Result<(), TpmRc> {
        self.check_room()?;
        let number = number_of(handle)
            .filter(|number| self.saved.contains(*number))
            .ok_or(TpmRc::HANDLE)?;
        self.saved.remove(number);
        self.loaded.insert(number, session);
        Ok(())
    }

    /// Removes a session, loaded or saved, whatever its kind: TPM2_GetCapability lists every saved session with the handle of an HMAC session
    /// (Part 3 §28.4). Says whether it existed.
    pub fn flush(&mut self, handle: TpmHandle) -> bool {
        let Some(number) = number_of(handle) else { return false };
        if *self.exclusive == Some(number) {
            self.exclusive.set(None);
        }
        self.loaded.remove(number) || self.saved.remove(number)
    }

    /// Removes all loaded sessions.
    pub fn flush_loaded(&mut self) {
        self.exclusive.set(None);
        self.loaded.retain(|_, _| false);
    }

    /// Removes all saved sessions.
    pub fn flush_saved(&mut self) {
        self.saved.retain(|_, _| false);
    }

    /// The exclusive audit session.
    pub fn exclusive(&self) -> Option<TpmHandle> {
        let number = (*self.exclusive)?;
        self.loaded
            .get(number)
            .map(|session| Self::handle(number, session.kind))
    }

    /// Makes a session the exclusive audit session, or none.
    pub fn set_exclusive(&mut self, handle: Option<TpmHandle>) {
        let number = handle.and_then(number_of);
        if *self.exclusive != number {
            self.exclusive.set(number);
        }
    }
}

undo!(Sessions {
    loaded,
    saved,
    exclusive
});

/// The number that a session handle carries.
fn number_of(handle: TpmHandle) -> Option<u8> {
    if handle.is_session() {
        u8::try_from(handle.number()).ok()
    } else {
        None
    }
}
