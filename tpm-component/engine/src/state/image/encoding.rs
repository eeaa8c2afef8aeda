//! The encoding of the engine's own types in a state image: field by field, in the wire form of Part 2.
//!
//! A format that changes one of these types keeps the reading of the older form here ([`FirstFormat`]).

use alloc::sync::Arc;

use super::SuspendedClear;
use crate::{
    hierarchy::{
        Authorization, Enables, Hierarchies, Root, Secret,
        dictionary_attack::{AttackTimers, DictionaryAttack},
    },
    object::commitment::Commitments,
    session::{
        Binding, SavedSession, Session, SessionKey, SessionKind,
        policy::{PolicyState, Restriction},
    },
    state::{Counters, Group, Orderliness, Orderly, StateReset},
    structures::{TpmRc, TpmSu, limits},
    tpm::ClockRate,
    wipe::Wiped,
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// Marshals a structure field by field.
macro_rules! image {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl Marshal for $name {
            fn marshal(&self, writer: &mut Writer) {
                $(writer.put(&self.$field);)*
            }
        }

        impl Unmarshal for $name {
            fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
                $(let $field = Unmarshal::unmarshal(reader)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

image!(Root { seed, proof });
image!(Authorization { auth, policy });
image!(Hierarchies {
    platform,
    owner,
    endorsement,
    owner_authorization,
    endorsement_authorization,
    lockout_authorization,
    disable_clear,
});
image!(Enables {
    platform,
    owner,
    endorsement,
    platform_nv
});
image!(DictionaryAttack {
    failed_tries,
    max_tries,
    recovery_time,
    lockout_recovery,
    lockout_auth_enabled
});
image!(Counters { total_reset, reset });
image!(Orderly { clock, safe });
image!(SuspendedClear {
    enables,
    platform,
    pcrs,
    read_only
});
image!(AttackTimers { failed, lockout_failed });
image!(SavedSession { kind, sequence });

/// A value as format 1 had it, with what came later at its default.
pub(crate) struct FirstFormat<T>(pub T);

impl Unmarshal for FirstFormat<SuspendedClear> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self(SuspendedClear {
            enables: Unmarshal::unmarshal(reader)?,
            platform: Unmarshal::unmarshal(reader)?,
            pcrs: Unmarshal::unmarshal(reader)?,
            read_only: false,
        }))
    }
}

/// All but the audit digest, which stands at the end of what TPM2_Shutdown(STATE) keeps, and the commitments, which have a record of their own.
impl Marshal for StateReset {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.null);
        writer.put(&self.restart_count);
        writer.put(&self.clear_count);
        writer.put(&self.object_sequence);
        writer.put(&self.session_sequence);
    }
}

impl Unmarshal for StateReset {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            null: Unmarshal::unmarshal(reader)?,
            restart_count: Unmarshal::unmarshal(reader)?,
            clear_count: Unmarshal::unmarshal(reader)?,
            object_sequence: Unmarshal::unmarshal(reader)?,
            session_sequence: Unmarshal::unmarshal(reader)?,
            audit_digest: Group::default(),
            commitments: Group::default(),
        })
    }
}

impl Marshal for ClockRate {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.ticks());
    }
}

impl Unmarshal for ClockRate {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Self::from_ticks(u32::unmarshal(reader)?).ok_or(TpmRc::VALUE)
    }
}

impl Marshal for Commitments {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&Maybe(self.nonce.clone()));
        writer.put(&self.counter);
        writer.bytes(&self.open.to_be_bytes());
    }
}

impl Unmarshal for Commitments {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            nonce: Maybe::unmarshal(reader)?.0,
            counter: Unmarshal::unmarshal(reader)?,
            open: reader.array().map(u128::from_be_bytes)?,
        })
    }
}

impl<T: Marshal, const L: bool> Marshal for Group<T, L> {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&**self);
    }
}

impl<T: Unmarshal, const L: bool> Unmarshal for Group<T, L> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        T::unmarshal(reader).map(Self::new)
    }
}

impl<const N: usize> Marshal for Secret<N> {
    fn marshal(&self, writer: &mut Writer) {
        writer.bytes(self.as_bytes());
    }
}

impl<const N: usize> Unmarshal for Secret<N> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        reader.array().map(Self::new)
    }
}

impl Marshal for Orderliness {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.shutdown.is_some());
        writer.put(&self.shutdown.unwrap_or(TpmSu::Clear));
        writer.put(&self.startup_locality_3);
        writer.put(&self.measured);
    }
}

impl Unmarshal for Orderliness {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let orderly = bool::unmarshal(reader)?;
        let kind = TpmSu::unmarshal(reader)?;
        Ok(Self {
            shutdown: orderly.then_some(kind),
            startup_locality_3: Unmarshal::unmarshal(reader)?,
            measured: Unmarshal::unmarshal(reader)?,
        })
    }
}

impl Marshal for SessionKind {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&match self {
            SessionKind::Hmac => 0u8,
            SessionKind::Policy => 1,
            SessionKind::Trial => 3,
        });
    }
}

impl Unmarshal for SessionKind {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match u8::unmarshal(reader)? {
            0 => Ok(SessionKind::Hmac),
            1 => Ok(SessionKind::Policy),
            3 => Ok(SessionKind::Trial),
            _ => Err(TpmRc::VALUE),
        }
    }
}

impl Marshal for SessionKey {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized_bytes(self.as_bytes());
    }
}

impl Unmarshal for SessionKey {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let size = usize::from(u16::unmarshal(reader)?);
        if size > limits::MAX_DIGEST_SIZE {
            return Err(TpmRc::SIZE);
        }
        reader.take(size).map(|bytes| Self::new(Wiped::new(bytes.to_vec())))
    }
}

/// A value that may be absent and has no NULL value of its own.
pub(crate) struct Maybe<T>(pub Option<T>);

impl<T: Marshal> Marshal for Maybe<T> {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.0.is_some());
        if let Some(value) = &self.0 {
            writer.put(value);
        }
    }
}

impl<T: Unmarshal> Unmarshal for Maybe<T> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self(if bool::unmarshal(reader)? {
            Some(T::unmarshal(reader)?)
        } else {
            None
        }))
    }
}

impl Marshal for Restriction {
    fn marshal(&self, writer: &mut Writer) {
        let (kind, digest) = match self {
            Restriction::None => (0u8, None),
            Restriction::CpHash(digest) => (1, Some(digest)),
            Restriction::NameHash(digest) => (2, Some(digest)),
            Restriction::TemplateHash(digest) => (3, Some(digest)),
            Restriction::ParameterHash(digest) => (4, Some(digest)),
        };
        writer.put(&kind);
        if let Some(digest) = digest {
            writer.put(digest);
        }
    }
}

impl Unmarshal for Restriction {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(match u8::unmarshal(reader)? {
            0 => Restriction::None,
            1 => Restriction::CpHash(Unmarshal::unmarshal(reader)?),
            2 => Restriction::NameHash(Unmarshal::unmarshal(reader)?),
            3 => Restriction::TemplateHash(Unmarshal::unmarshal(reader)?),
            4 => Restriction::ParameterHash(Unmarshal::unmarshal(reader)?),
            _ => return Err(TpmRc::VALUE),
        })
    }
}

impl Marshal for PolicyState {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.digest);
        writer.put(&self.started);
        writer.put(&self.epoch);
        writer.put(&Maybe(self.deadline));
        writer.put(&Maybe(self.command_code));
        writer.put(&self.restriction);
        writer.put(&Maybe(self.locality));
        writer.put(&Maybe(self.pcr_update_counter));
        writer.put(&Maybe(self.nv_written));
        writer.put(&self.needs_auth_value);
        writer.put(&self.needs_password);
        // One byte for two flags: the second came later, and the first alone was a byte, too.
        writer.put(&(u8::from(self.needs_physical_presence) | u8::from(self.needs_secure_channel) << 1));
    }
}

impl Unmarshal for PolicyState {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let mut policy = Self {
            digest: Unmarshal::unmarshal(reader)?,
            started: Unmarshal::unmarshal(reader)?,
            epoch: Unmarshal::unmarshal(reader)?,
            deadline: Maybe::unmarshal(reader)?.0,
            command_code: Maybe::unmarshal(reader)?.0,
            restriction: Unmarshal::unmarshal(reader)?,
            locality: Maybe::unmarshal(reader)?.0,
            pcr_update_counter: Maybe::unmarshal(reader)?.0,
            nv_written: Maybe::unmarshal(reader)?.0,
            needs_auth_value: Unmarshal::unmarshal(reader)?,
            needs_password: Unmarshal::unmarshal(reader)?,
            needs_physical_presence: false,
            needs_secure_channel: false,
        };
        let flags = u8::unmarshal(reader)?;
        if flags > 3 {
            return Err(TpmRc::VALUE);
        }
        policy.needs_physical_presence = flags & 1 != 0;
        policy.needs_secure_channel = flags & 2 != 0;
        Ok(policy)
    }
}

/// The form in which TPM2_ContextSave encrypts a session, too.
impl Marshal for Session {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.kind);
        writer.put(&self.auth_hash);
        writer.put(&self.symmetric);
        writer.put(&self.nonce_tpm);
        writer.put(&self.key);
        writer.put(&Maybe(self.binding.as_ref().map(|binding| (*binding.snapshot).clone())));
        writer.put(&self.bound_to_protected);
        writer.put(&self.bound_to_lockout);
        writer.put(&Maybe(self.audit));
        writer.put(&self.policy);
    }
}

impl Unmarshal for Session {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(Self {
            kind: Unmarshal::unmarshal(reader)?,
            auth_hash: Unmarshal::unmarshal(reader)?,
            symmetric: Unmarshal::unmarshal(reader)?,
            nonce_tpm: Unmarshal::unmarshal(reader)?,
            key: Unmarshal::unmarshal(reader)?,
            binding: Maybe::unmarshal(reader)?.0.map(|snapshot| Binding {
                snapshot: Arc::new(snapshot),
            }),
            bound_to_protected: Unmarshal::unmarshal(reader)?,
            bound_to_lockout: Unmarshal::unmarshal(reader)?,
            audit: Maybe::unmarshal(reader)?.0,
            policy: Unmarshal::unmarshal(reader)?,
        })
    }
}
