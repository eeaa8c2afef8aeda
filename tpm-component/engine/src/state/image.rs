//! The state image: which record holds what.
//!
//! A saved state comes from the host's store. Whether it is authentic and fresh is the host's affair; here it is parsed as if it were
//! hostile, and anything that does not decode to the last byte is [`Failure::BadState`], never a panic and never half a state.
//!
//! One group of state is one record, so that a commit carries what a command changed and little more. Record 0 holds the version of all
//! the others; an engine reads every version up to its own, so that a component can be replaced by a newer one. Values are in the wire
//! form of Part 2's types, since `wire/` is already the code that reads hostile bytes; `encoding.rs` has the engine's own types.

mod encoding;

use encoding::FirstFormat;
pub(crate) use encoding::Maybe;
pub mod volatile;

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use tpm_contract::{Change, Failure, Record, bounds};

use super::{Group, GroupMap, Lasting, Persistent, StateReset, Undo};
use crate::{
    hierarchy::{Authorization, Enables},
    nv::{NvIndex, NvIndices},
    object::Object,
    pcr::SavedPcrs,
    session::{SavedSession, Sessions},
    structures::{TpmHandle, TpmRc, TpmSu, limits},
    tpm::Tpm,
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// The format that this engine writes, and the newest that it reads.
pub const VERSION: u32 = 3;
/// The first format: without command audit, the algorithm set, read-only mode and commitments.
const FORMAT_1: u32 = 1;
/// The second format: without countdown timers.
const FORMAT_2: u32 = 2;

/// The version of all the others.
const VERSION_RECORD: u32 = 0;
/// [`Hierarchies`](crate::hierarchy::Hierarchies).
const HIERARCHIES: u32 = 1;
/// [`DictionaryAttack`](crate::hierarchy::dictionary_attack::DictionaryAttack).
const DICTIONARY_ATTACK: u32 = 2;
/// [`Counters`](super::Counters).
const COUNTERS: u32 = 3;
/// [`Orderliness`](super::Orderliness).
const ORDERLINESS: u32 = 4;
/// [`Orderly`](super::Orderly).
const ORDERLY: u32 = 5;
/// [`Allocation`](crate::pcr::Allocation).
const PCR_ALLOCATION: u32 = 6;
/// The highest value that a deleted NV counter had.
const NV_RETIRED_COUNT: u32 = 7;
/// [`SuspendedClear`]; exists after TPM2_Shutdown(STATE) only.
const STATE_CLEAR: u32 = 8;
/// [`SuspendedReset`]; exists after TPM2_Shutdown(STATE) only.
const STATE_RESET: u32 = 9;
/// [`CommandAudit`](crate::audit::CommandAudit); since format 2.
const COMMAND_AUDIT: u32 = 10;
/// What TPM2_SetAlgorithmSet noted; since format 2.
const ALGORITHM_SET: u32 = 11;
/// [`SavedActs`](crate::countdown::SavedActs); since format 3.
const ACTS: u32 = 12;
/// [`Commitments`](crate::object::commitment::Commitments); exists after TPM2_Shutdown(STATE) only; since format 2.
const COMMITMENTS: u32 = 16;
// NV indices and persistent objects stand under their handles, which are above all of these.

/// Room for the largest record, so that no secret is left behind in a buffer that grew.
const RECORD_CAPACITY: usize = 8192;

/// Room for what the record of an NV index has besides the contents: the public area and the authValue.
const NV_OVERHEAD: usize = 256;

/// What a saved state holds.
pub struct Image {
    /// The format in which it was saved.
    pub version: u32,
    /// The persistent state.
    pub persistent: Persistent,
    /// What TPM2_Shutdown(STATE) kept, if that was the last thing that happened.
    pub suspended: Option<(SuspendedClear, SuspendedReset)>,
}

/// The state-clear data that TPM2_Shutdown(STATE) keeps.
pub struct SuspendedClear {
    /// Which hierarchies were enabled.
    pub enables: Enables,
    /// platformAuth and platformPolicy.
    pub platform: Authorization,
    /// The PCR that are saved.
    pub pcrs: SavedPcrs,
    /// Read-only mode.
    pub read_only: bool,
}

/// The state-reset data that TPM2_Shutdown(STATE) keeps.
pub struct SuspendedReset {
    /// Seeds and counters.
    pub reset: StateReset,
    /// The sessions with saved contexts.
    pub sessions: BTreeMap<u8, SavedSession>,
}

/// Reads a saved state.
pub fn read(saved: &[Record]) -> Result<Image, Failure> {
    let mut records = Records::new(saved)?;
    let version: u32 = records.take(VERSION_RECORD)?;
    if !matches!(version, FORMAT_1 | FORMAT_2 | VERSION) {
        return Err(Failure::BadState);
    }
    let first = version == FORMAT_1;
    let hierarchies = records.take(HIERARCHIES)?;
    let dictionary_attack = records.take(DICTIONARY_ATTACK)?;
    let counters = records.take(COUNTERS)?;
    let orderliness: Lasting<super::Orderliness> = records.take(ORDERLINESS)?;
    let orderly = records.take(ORDERLY)?;
    let pcr_allocation = records.take(PCR_ALLOCATION)?;
    let retired_count = records.take(NV_RETIRED_COUNT)?;
    let suspended = match orderliness.shutdown {
        Some(TpmSu::State) if first => {
            let FirstFormat(clear) = records.take(STATE_CLEAR)?;
            let FirstFormat(reset) = records.take(STATE_RESET)?;
            Some((clear, reset))
        }
        Some(TpmSu::State) => {
            let clear = records.take(STATE_CLEAR)?;
            let mut reset: SuspendedReset = records.take(STATE_RESET)?;
            reset.reset.commitments = records.take(COMMITMENTS)?;
            Some((clear, reset))
        }
        Some(TpmSu::Clear) | None => None,
    };
    let (audit, algorithm_set) = if first {
        Default::default()
    } else {
        (records.take(COMMAND_AUDIT)?, records.take(ALGORITHM_SET)?)
    };
    let acts = match version {
        FORMAT_1 | FORMAT_2 => Group::default(),
        _ => records.take(ACTS)?,
    };
    let nv = NvIndices::new(records.take_nv()?, retired_count);
    let objects = GroupMap::new(records.take_objects()?);
    records.finish()?;
    let persistent = Persistent {
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
        objects,
    };
    Ok(Image {
        version,
        persistent,
        suspended,
    })
}

/// The whole persistent state, as [`read`] takes it.
pub fn records(tpm: &Tpm) -> Vec<Record> {
    let mut changes = Changes::default();
    changes.put(VERSION_RECORD, &VERSION);
    let persistent = &tpm.persistent;
    collect_groups(tpm, &mut changes, true);
    changes.put(NV_RETIRED_COUNT, &persistent.nv.retired_count());
    for (handle, index) in persistent.nv.iter_from(TpmHandle(0)) {
        changes.put_nv(handle.0, index);
    }
    for (handle, object) in persistent.objects.iter() {
        changes.put(handle.0, &**object);
    }
    if persistent.orderliness.shutdown == Some(TpmSu::State) {
        put_suspended(tpm, &mut changes);
    }
    changes
        .0
        .into_iter()
        .filter_map(|change| change.value.map(|value| Record { key: change.key, value }))
        .collect()
}

/// What must be committed for a state of an older format to be one of the newest: the records that have changed between the two, and no others, since
/// all records together may be more than one commit carries.
pub fn upgrade(tpm: &Tpm) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.put(VERSION_RECORD, &VERSION);
    changes.group(COMMAND_AUDIT, &tpm.persistent.audit, true);
    changes.group(ALGORITHM_SET, &tpm.persistent.algorithm_set, true);
    changes.group(ACTS, &tpm.persistent.acts, true);
    if tpm.suspended.is_some() {
        put_suspended(tpm, &mut changes);
    }
    changes.0
}

/// What must be committed for the state to be as it is now.
pub fn changes(tpm: &Tpm) -> Vec<Change> {
    let mut changes = Changes::default();
    let persistent = &tpm.persistent;
    collect_groups(tpm, &mut changes, false);
    if persistent.nv.is_retired_count_changed() {
        changes.put(NV_RETIRED_COUNT, &persistent.nv.retired_count());
    }
    for (handle, index) in persistent.nv.changes() {
        match index {
            Some(index) => changes.put_nv(handle.0, index),
            None => changes.remove(handle.0),
        }
    }
    for (handle, object) in persistent.objects.changes() {
        match object {
            Some(object) => changes.put(handle.0, &**object),
            None => changes.remove(handle.0),
        }
    }
    if persistent.orderliness.shutdown == Some(TpmSu::State) && persistent.orderliness.is_changed() {
        put_suspended(tpm, &mut changes);
    } else if persistent
        .orderliness
        .before()
        .is_some_and(|before| before.shutdown == Some(TpmSu::State))
    {
        changes.remove(STATE_CLEAR);
        changes.remove(STATE_RESET);
        changes.remove(COMMITMENTS);
    }
    changes.0
}

/// Every group, or every group that this command has changed.
fn collect_groups(tpm: &Tpm, changes: &mut Changes, all: bool) {
    let persistent = &tpm.persistent;
    changes.group(HIERARCHIES, &persistent.hierarchies, all);
    changes.group(DICTIONARY_ATTACK, &persistent.dictionary_attack, all);
    changes.group(COUNTERS, &persistent.counters, all);
    changes.group(ORDERLINESS, &persistent.orderliness, all);
    changes.group(ORDERLY, &persistent.orderly, all);
    changes.group(PCR_ALLOCATION, &persistent.pcr_allocation, all);
    changes.group(COMMAND_AUDIT, &persistent.audit, all);
    changes.group(ALGORITHM_SET, &persistent.algorithm_set, all);
    changes.group(ACTS, &persistent.acts, all);
}

/// The records of TPM2_Shutdown(STATE).
fn put_suspended(tpm: &Tpm, changes: &mut Changes) {
    match &*tpm.suspended {
        // Before TPM2_Startup the state-clear data is still what was saved.
        Some(clear) => changes.put(STATE_CLEAR, &**clear),
        None => changes.put(
            STATE_CLEAR,
            &SuspendedClear {
                enables: *tpm.state_clear.enables,
                platform: tpm.state_clear.platform.clone(),
                pcrs: tpm.state_clear.pcrs.save(),
                read_only: *tpm.state_clear.read_only,
            },
        ),
    }
    changes.put(
        STATE_RESET,
        &StateResetRef {
            reset: &tpm.state_reset,
            sessions: &tpm.volatile.sessions,
        },
    );
    changes.put(COMMITMENTS, &*tpm.state_reset.commitments);
}

/// Changes under construction.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn group<T: Marshal>(&mut self, key: u32, group: &Lasting<T>, all: bool) {
        if all || group.is_changed() {
            self.put(key, &**group);
        }
    }

    fn put<T: Marshal>(&mut self, key: u32, value: &T) {
        self.put_within(RECORD_CAPACITY, key, value);
    }

    /// There are many indices, most of them small.
    fn put_nv(&mut self, key: u32, index: &NvIndex) {
        self.put_within(index.contents().len() + NV_OVERHEAD, key, index);
    }

    fn put_within<T: Marshal>(&mut self, capacity: usize, key: u32, value: &T) {
        let mut writer = Writer::with_capacity(capacity);
        writer.put(value);
        self.0.push(Change {
            key,
            value: Some(writer.into_vec()),
        });
    }

    fn remove(&mut self, key: u32) {
        self.0.push(Change { key, value: None });
    }
}

/// The records of a saved state that are not read yet.
struct Records<'a>(BTreeMap<u32, &'a [u8]>);

impl<'a> Records<'a> {
    fn new(saved: &'a [Record]) -> Result<Self, Failure> {
        if saved.len() > bounds::MAX_RECORDS || saved.iter().any(|record| record.value.len() > bounds::MAX_RECORD) {
            return Err(Failure::BadState);
        }
        let records: BTreeMap<u32, &[u8]> = saved
            .iter()
            .map(|record| (record.key, record.value.as_slice()))
            .collect();
        if records.len() == saved.len() {
            Ok(Self(records))
        } else {
            Err(Failure::BadState)
        }
    }

    fn take<T: Unmarshal>(&mut self, key: u32) -> Result<T, Failure> {
        let bytes = self.0.remove(&key).ok_or(Failure::BadState)?;
        T::from_bytes(bytes).map_err(|_| Failure::BadState)
    }

    /// Every persistent object under its handle.
    fn take_objects(&mut self) -> Result<BTreeMap<TpmHandle, Arc<Object>>, Failure> {
        let keys: Vec<TpmHandle> = self
            .0
            .keys()
            .map(|key| TpmHandle(*key))
            .filter(|handle| handle.is_persistent())
            .collect();
        if keys.len() > limits::MAX_PERSISTENT_OBJECTS {
            return Err(Failure::BadState);
        }
        keys.into_iter()
            .map(|handle| Ok((handle, Arc::new(self.take(handle.0)?))))
            .collect()
    }

    /// Every record of an NV index, each under its own handle.
    fn take_nv(&mut self) -> Result<Vec<NvIndex>, Failure> {
        let keys: Vec<u32> = self
            .0
            .keys()
            .copied()
            .filter(|key| TpmHandle(*key).is_nv_index())
            .collect();
        if keys.len() > limits::MAX_NV_INDICES {
            return Err(Failure::BadState);
        }
        keys.into_iter()
            .map(|key| {
                self.take(key).and_then(|index: NvIndex| {
                    if index.handle().0 == key {
                        Ok(index)
                    } else {
                        Err(Failure::BadState)
                    }
                })
            })
            .collect()
    }

    fn finish(&self) -> Result<(), Failure> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Failure::BadState)
        }
    }
}

/// State-reset data as it is written, in the form of [`SuspendedReset`].
struct StateResetRef<'a> {
    reset: &'a StateReset,
    sessions: &'a Sessions,
}

impl Marshal for StateResetRef<'_> {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(self.reset);
        writer.put(&(self.sessions.iter_saved().count() as u8));
        for (number, session) in self.sessions.iter_saved() {
            writer.put(&number);
            writer.put(session);
        }
        writer.put(&*self.reset.audit_digest);
    }
}

impl Unmarshal for SuspendedReset {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let FirstFormat(mut suspended) = FirstFormat::<Self>::unmarshal(reader)?;
        suspended.reset.audit_digest = Unmarshal::unmarshal(reader)?;
        Ok(suspended)
    }
}

impl Unmarshal for FirstFormat<SuspendedReset> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let reset = StateReset::unmarshal(reader)?;
        let count = u8::unmarshal(reader)?;
        let mut sessions = BTreeMap::new();
        for _ in 0..count {
            let number = u8::unmarshal(reader)?;
            if usize::from(number) >= limits::MAX_ACTIVE_SESSIONS {
                return Err(TpmRc::VALUE);
            }
            sessions.insert(number, SavedSession::unmarshal(reader)?);
        }
        Ok(Self(SuspendedReset { reset, sessions }))
    }
}
