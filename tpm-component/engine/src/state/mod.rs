//! The TPM's state by lifetime (Part 1 §12.2, "TPM state"): what survives everything, what survives an orderly shutdown, what
//! TPM2_Startup clears or resets, and what ends with the power.
//!
//! | lifetime | where | ends with |
//! |---|---|---|
//! | persistent | [`Persistent`] | what changes it |
//! | orderly | [`Orderly`] | kept in memory, written by TPM2_Shutdown and now and then |
//! | state-clear | [`StateClear`] | TPM Reset and Restart; TPM Resume brings it back |
//! | state-reset | [`StateReset`] | TPM Reset; Restart and Resume bring it back |
//! | volatile | [`Volatile`] | the power |
//!
//! Every field is a [`Group`], a [`GroupMap`] or [`Slots`], or undoes its own changes as they do, so that a command which fails leaves no trace.
//! `image.rs` alone knows how state is encoded, and in which record.

mod group;
pub mod image;
mod slots;

pub(crate) use group::{Before, Noted, undo};
pub use group::{Group, GroupMap, Undo};
pub use slots::Slots;

use alloc::{collections::BTreeMap, sync::Arc};

use crate::{
    audit::CommandAudit,
    countdown::{Acts, SavedActs},
    hierarchy::{
        Authorization, Enables, Hierarchies, Root,
        dictionary_attack::{AttackTimers, DictionaryAttack},
    },
    nv::NvIndices,
    object::{Object, Objects, commitment::Commitments},
    pcr::{Allocation, HashSequence, Pcrs},
    session::{SavedSession, Sessions},
    structures::{Tpm2bDigest, TpmHandle, TpmSu},
    tpm::ClockRate,
};

/// Counters that last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Every TPM Reset, never cleared: what ties a saved context to its boot.
    pub total_reset: u64,
    /// resetCount.
    pub reset: u32,
}

/// How the TPM was last shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orderliness {
    /// The last TPM2_Shutdown, if nothing has happened since that it does not cover.
    pub shutdown: Option<TpmSu>,
    /// The locality of the last TPM2_Startup was 3.
    pub startup_locality_3: bool,
    /// An H-CRTM came before the last TPM2_Startup.
    pub measured: bool,
}

/// A value of the state that lasts.
pub type Lasting<T> = Group<T, true>;

/// What lasts until something changes it.
pub struct Persistent {
    /// Seeds, proofs and authorisations.
    pub hierarchies: Lasting<Hierarchies>,
    /// The dictionary-attack rules.
    pub dictionary_attack: Lasting<DictionaryAttack>,
    /// Counters.
    pub counters: Lasting<Counters>,
    /// How the TPM was shut down.
    pub orderliness: Lasting<Orderliness>,
    /// The copy of [`Orderly`] from which the TPM continues when it loses power without a TPM2_Shutdown.
    pub orderly: Lasting<Orderly>,
    /// Which bank has which PCR from the next _TPM_Init on.
    pub pcr_allocation: Lasting<Allocation>,
    /// Which commands are audited, and how.
    pub audit: Lasting<CommandAudit>,
    /// What TPM2_SetAlgorithmSet noted.
    pub algorithm_set: Lasting<u32>,
    /// The countdown timers as the last TPM2_Shutdown(STATE) saw them.
    pub acts: Lasting<SavedActs>,
    /// NV indices.
    pub nv: NvIndices,
    /// Objects that TPM2_EvictControl made persistent.
    pub objects: GroupMap<TpmHandle, Arc<Object>, true>,
}

undo!(Persistent {
    hierarchies,
    dictionary_attack,
    counters,
    orderliness,
    orderly,
    pcr_allocation,
    audit,
    algorithm_set,
    acts,
    nv,
    objects
});

/// What an orderly shutdown keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orderly {
    /// TPMS_CLOCK_INFO.clock, in milliseconds.
    pub clock: u64,
    /// TPMS_CLOCK_INFO.safe.
    pub safe: bool,
}

/// What TPM2_Startup(CLEAR) sets to its default.
pub struct StateClear {
    /// Which hierarchies are enabled.
    pub enables: Group<Enables>,
    /// platformAuth and platformPolicy.
    pub platform: Group<Authorization>,
    /// PCR. TPM Reset and Restart start them all, TPM Resume some ([`Pcrs::start`], [`Pcrs::resume`]).
    pub pcrs: Pcrs,
    /// Read-only mode (TPM2_ReadOnlyControl).
    pub read_only: Group<bool>,
    /// The countdown timers.
    pub acts: Group<Acts>,
}

// What changes most often is asked first.
undo!(StateClear {
    pcrs,
    enables,
    platform,
    read_only,
    acts
});

/// What TPM Reset sets to its default.
pub struct StateReset {
    /// The NULL hierarchy's seed and proof.
    pub null: Group<Root>,
    /// restartCount.
    pub restart_count: Group<u32>,
    /// Counts TPM Reset and Restart: what ties a saved stClear object to its boot.
    pub clear_count: Group<u32>,
    /// The sequence number of the newest saved object context.
    pub object_sequence: Group<u64>,
    /// The sequence number of the newest saved session context.
    pub session_sequence: Group<u64>,
    /// The digest of command audit; empty until an audited command starts one.
    pub audit_digest: Group<Tpm2bDigest>,
    /// The open commitments of split operations.
    pub commitments: Group<Commitments>,
}

undo!(StateReset {
    object_sequence,
    session_sequence,
    audit_digest,
    commitments,
    null,
    restart_count,
    clear_count
});

/// What ends with the power, but for the saved sessions, which belong to the state-reset data and are encoded with it.
#[derive(Default)]
pub struct Volatile {
    /// Sessions.
    pub sessions: Sessions,
    /// Transient objects.
    pub objects: Objects,
    /// When the dictionary-attack rules forgive.
    pub attack_timers: Group<AttackTimers>,
    /// TPM2_Startup followed an orderly shutdown.
    pub started_orderly: Group<bool>,
    /// An H-CRTM measured PCR 0 before TPM2_Startup.
    pub measured: Group<bool>,
    /// How fast time runs.
    pub clock_rate: Group<ClockRate>,
    /// The hash sequence of the interface that is open. The next command ends it, so there is nothing to undo.
    pub hash_sequence: Option<HashSequence>,
}

impl Volatile {
    /// Right after _TPM_Init: nothing but the sessions whose contexts were saved.
    pub(crate) fn with_saved_sessions(saved: BTreeMap<u8, SavedSession>) -> Self {
        Self {
            sessions: Sessions::with_saved(saved),
            ..Self::default()
        }
    }
}

undo!(Volatile {
    sessions,
    objects,
    attack_timers,
    started_orderly,
    measured,
    clock_rate
});
