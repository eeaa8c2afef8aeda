//! Everything that would be lost by a power cycle, as one blob: with the persistent state of the same moment, another instance takes up where
//! this one left off, as if nothing had happened but that the generator was seeded anew.
//!
//! The blob comes from the host and is parsed as strictly as the records. It holds secrets; whoever keeps it keeps it like them.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use tpm_contract::{Failure, bounds};

use super::{
    FORMAT_1, FORMAT_2, StateResetRef, SuspendedReset, VERSION,
    encoding::{FirstFormat, Maybe},
};
use crate::{
    hierarchy::dictionary_attack::AttackTimers,
    object::{Object, Objects},
    session::{Session, Sessions},
    state::{Group, StateClear, Volatile},
    structures::{TpmRc, limits},
    tpm::{Phase, Time, Tpm},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// Room for what a busy TPM holds, so that no secret is left behind in a buffer that grew.
const CAPACITY: usize = 64 * 1024;

/// The blob of a TPM.
pub fn write(tpm: &Tpm) -> Vec<u8> {
    let mut writer = Writer::with_capacity(CAPACITY);
    writer.put(&VERSION);
    writer.put(&*tpm.phase);
    writer.put(&tpm.time.now);
    writer.put(&tpm.time.epoch);
    writer.put(&*tpm.orderly);
    writer.put(&*tpm.state_clear.enables);
    writer.put(&*tpm.state_clear.platform);
    writer.put(&tpm.state_clear.pcrs);
    let sessions = &tpm.volatile.sessions;
    writer.put(&StateResetRef {
        reset: &tpm.state_reset,
        sessions,
    });
    writer.put(&(sessions.loaded_count() as u8));
    for (handle, session) in sessions.iter_loaded() {
        writer.put(&(handle.number() as u8));
        writer.put(session);
    }
    writer.put(&Maybe(sessions.exclusive().map(|handle| handle.number() as u8)));
    writer.put(&(tpm.volatile.objects.iter().count() as u8));
    for (handle, object) in tpm.volatile.objects.iter() {
        writer.put(&(handle.number() as u8));
        writer.put(&**object);
    }
    writer.put(&*tpm.volatile.attack_timers);
    writer.put(&*tpm.volatile.started_orderly);
    writer.put(&*tpm.volatile.measured);
    writer.put(&Maybe(tpm.volatile.hash_sequence.clone()));
    writer.put(&*tpm.state_clear.read_only);
    writer.put(&*tpm.volatile.clock_rate);
    writer.put(&*tpm.state_reset.commitments);
    writer.put(&*tpm.state_clear.acts);
    writer.into_vec()
}

/// Puts what `state` holds into a TPM that was just powered on. On an error nothing has changed.
pub fn read(tpm: &mut Tpm, now: u64, state: &[u8]) -> Result<(), Failure> {
    if state.len() > bounds::MAX_STATE || *tpm.phase != Phase::Initialized {
        return Err(Failure::BadOperand);
    }
    let mut reader = Reader::new(state);
    let parsed = parse(&mut reader, now).map_err(|_| Failure::BadState)?;
    reader.finish().map_err(|_| Failure::BadState)?;
    tpm.phase = Group::new(parsed.phase);
    tpm.time = parsed.time;
    tpm.orderly = parsed.orderly;
    tpm.state_clear = parsed.clear;
    tpm.state_reset = parsed.reset.reset;
    tpm.volatile = parsed.volatile;
    if parsed.phase != Phase::Initialized {
        tpm.suspended = Group::new(None);
    }
    Ok(())
}

/// What a blob holds.
struct Parsed {
    phase: Phase,
    time: Time,
    orderly: Group<crate::state::Orderly>,
    clear: StateClear,
    reset: SuspendedReset,
    volatile: Volatile,
}

fn parse(reader: &mut Reader<'_>, now: u64) -> Result<Parsed, TpmRc> {
    let version = u32::unmarshal(reader)?;
    if !matches!(version, FORMAT_1 | FORMAT_2 | VERSION) {
        return Err(TpmRc::VALUE);
    }
    let first = version == FORMAT_1;
    let phase = Phase::unmarshal(reader)?;
    let time = Time::continuing(now, Unmarshal::unmarshal(reader)?, Unmarshal::unmarshal(reader)?);
    let orderly = Unmarshal::unmarshal(reader)?;
    let mut clear = StateClear {
        enables: Unmarshal::unmarshal(reader)?,
        platform: Unmarshal::unmarshal(reader)?,
        pcrs: Unmarshal::unmarshal(reader)?,
        read_only: Group::new(false),
        acts: Group::default(),
    };
    let mut reset = if first {
        FirstFormat::unmarshal(reader)?.0
    } else {
        SuspendedReset::unmarshal(reader)?
    };
    let loaded: BTreeMap<u8, Session> = numbered(reader, limits::MAX_LOADED_SESSIONS, limits::MAX_ACTIVE_SESSIONS)?;
    let exclusive = Maybe::unmarshal(reader)?.0;
    let sessions = Sessions::new(loaded, core::mem::take(&mut reset.sessions), exclusive).ok_or(TpmRc::VALUE)?;
    let slots: BTreeMap<u8, Object> = numbered(reader, limits::MAX_LOADED_OBJECTS, limits::MAX_LOADED_OBJECTS)?;
    let objects = Objects::new(
        slots
            .into_iter()
            .map(|(slot, object)| (slot, Arc::new(object)))
            .collect(),
    );
    let attack_timers: Group<AttackTimers> = Unmarshal::unmarshal(reader)?;
    let started_orderly = Unmarshal::unmarshal(reader)?;
    let measured = Unmarshal::unmarshal(reader)?;
    if first {
        // That format also said whether everything had been tested; here every instance tests for itself.
        bool::unmarshal(reader)?;
    }
    let mut volatile = Volatile {
        sessions,
        objects,
        attack_timers,
        started_orderly,
        measured,
        hash_sequence: Maybe::unmarshal(reader)?.0,
        clock_rate: Group::default(),
    };
    if !first {
        clear.read_only = Unmarshal::unmarshal(reader)?;
        volatile.clock_rate = Unmarshal::unmarshal(reader)?;
        reset.reset.commitments = Unmarshal::unmarshal(reader)?;
    }
    if version == VERSION {
        clear.acts = Unmarshal::unmarshal(reader)?;
    }
    Ok(Parsed {
        phase,
        time,
        orderly,
        clear,
        reset,
        volatile,
    })
}

/// At most `most` values, each under a number below `end` that no other has.
fn numbered<T: Unmarshal>(reader: &mut Reader<'_>, most: usize, end: usize) -> Result<BTreeMap<u8, T>, TpmRc> {
    let count = usize::from(u8::unmarshal(reader)?);
    if count > most {
        return Err(TpmRc::SIZE);
    }
    let mut values = BTreeMap::new();
    for _ in 0..count {
        let number = u8::unmarshal(reader)?;
        if usize::from(number) >= end || values.insert(number, T::unmarshal(reader)?).is_some() {
            return Err(TpmRc::VALUE);
        }
    }
    Ok(values)
}

impl Marshal for Phase {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&match self {
            Phase::Initialized => 0u8,
            Phase::Started => 1,
            Phase::Failed => 2,
        });
    }
}

impl Unmarshal for Phase {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match u8::unmarshal(reader)? {
            0 => Ok(Phase::Initialized),
            1 => Ok(Phase::Started),
            2 => Ok(Phase::Failed),
            _ => Err(TpmRc::VALUE),
        }
    }
}
