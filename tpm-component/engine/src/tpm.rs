//! The TPM itself: all its state, and what can be done to it from outside.
//!
//! The host calls; what it hands in as saved state, time and entropy is believed only as far as it can be checked, and what it hands in as a
//! command is the guest's and not believed at all. [`Tpm::execute`] answers every command, and no answer leaves before the host has
//! acknowledged the state that it promises.
//!
//! A command works on the state in place. Every piece of state remembers how it was (`state/group.rs`), so a failed command is undone
//! without ever having copied what it did not touch.

mod time;

use alloc::vec::Vec;

use tpm_contract::{Change, CommitError, Failure, Host, LogLevel, Record, bounds};

pub use time::{ClockRate, Time};

use crate::{
    audit::CommandAudit,
    crypto::{
        CryptoError, Rng,
        self_test::{Part, Tests},
    },
    dispatch,
    hierarchy::{
        Authorization, Enables, Hierarchies, Proof, Root, Seed,
        dictionary_attack::{DictionaryAttack, Guess},
    },
    nv::NvIndices,
    object::creation::PrimaryCache,
    pcr::{Allocation, HashSequence, Pcrs},
    state::{
        Counters, Group, GroupMap, Noted, Orderliness, Orderly, Persistent, StateClear, StateReset, Undo, Volatile,
        image::{self, SuspendedClear},
        undo,
    },
    structures::{PublicArea, TpmRc, TpmSu, TpmiRhHierarchy, TpmsClockInfo, TpmsTimeInfo, limits},
    wipe::Wipe,
};

/// Bits of Clock below which it is not saved: the state that lasts holds Clock to about a minute (TPM_PT_CLOCK_UPDATE).
pub const CLOCK_UPDATE_BITS: u32 = 16;

/// The locality at which a command came: 0 to 4, or 32 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locality(u8);

impl Locality {
    /// A locality of the interface; none for a number that is not one.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 5 || number >= 32 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Where the TPM is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// After _TPM_Init: only TPM2_Startup is accepted.
    Initialized,
    /// After TPM2_Startup.
    Started,
    /// A self-test failed: only TPM2_GetTestResult and TPM2_GetCapability are answered, until the next _TPM_Init.
    Failed,
}

/// A TPM that is powered on.
pub struct Tpm {
    /// What lasts until something changes it.
    pub persistent: Persistent,
    /// What an orderly shutdown keeps.
    pub orderly: Group<Orderly>,
    /// What TPM2_Startup(CLEAR) sets to its default.
    pub state_clear: StateClear,
    /// What TPM Reset sets to its default.
    pub state_reset: StateReset,
    /// What ends with the power.
    pub volatile: Volatile,
    /// Where the TPM is in its life.
    pub phase: Group<Phase>,
    /// What TPM2_Shutdown(STATE) kept of the state-clear data, until TPM2_Startup has decided about it.
    pub(crate) suspended: Group<Option<alloc::sync::Arc<SuspendedClear>>>,
    /// The source of randomness. Never undone, or it would repeat itself.
    pub rng: Rng,
    /// Time.
    pub time: Time,
    /// Primary objects that were derived before.
    pub(crate) primaries: PrimaryCache,
    /// When nothing was left to be settled or undone.
    settled_at: Noted,
    /// Which algorithms have shown that they work. Not undone with a command, and not saved: another instance tests for itself.
    pub(crate) tests: Tests,
}

// What changes most often is asked first.
undo!(Tpm {
    volatile,
    state_clear,
    orderly,
    state_reset,
    persistent,
    phase,
    suspended
});

impl Tpm {
    /// _TPM_Init with the state that earlier commits left, or with none: then the TPM is manufactured, and its first state committed.
    pub fn power_on(host: &mut dyn Host, saved: &[Record]) -> Result<Self, Failure> {
        let tests = Tests::default();
        let host: &mut dyn Host = &mut tests.gate(host);
        tests.at_power_on(host).map_err(|_| Failure::SelfTest)?;
        let mut rng = Rng::new(host).map_err(|error| match error {
            CryptoError::Fault => Failure::SelfTest,
            CryptoError::NoEntropy | CryptoError::BadOperand => Failure::NoEntropy,
        })?;
        let null = new_root(&mut rng, host)?;
        let epoch = u32::from_be_bytes(random(&mut rng, host)?);
        let manufactured = saved.is_empty();
        let image = if manufactured {
            manufacture(&mut rng, host)?
        } else {
            image::read(saved)?
        };
        let outdated = image.version != image::VERSION;
        let (suspended, reset, sessions) = match image.suspended {
            Some((clear, reset)) => (Some(alloc::sync::Arc::new(clear)), reset.reset, reset.sessions),
            None => (None, StateReset::new(null), Default::default()),
        };
        let tpm = Self {
            orderly: Group::new(*image.persistent.orderly),
            state_clear: StateClear {
                enables: Group::new(Enables::ALL),
                platform: Group::new(Authorization::default()),
                pcrs: Pcrs::new(*image.persistent.pcr_allocation),
                read_only: Group::new(false),
                acts: Group::default(),
            },
            persistent: image.persistent,
            state_reset: reset,
            volatile: Volatile::with_saved_sessions(sessions),
            phase: Group::new(Phase::Initialized),
            suspended: Group::new(suspended),
            rng,
            time: Time::continuing(host.clock(), 0, epoch),
            primaries: PrimaryCache::default(),
            settled_at: Noted::now(),
            tests,
        };
        if tpm.tests.is_broken() {
            return Err(Failure::SelfTest);
        }
        if manufactured {
            let records = image::records(&tpm).into_iter();
            let all = records.map(|record| Change {
                key: record.key,
                value: Some(record.value),
            });
            commit_at_power_on(host, all.collect(), "TPM manufactured")?;
        } else if outdated {
            commit_at_power_on(host, image::upgrade(&tpm), "state brought to the newest format")?;
        }
        Ok(tpm)
    }

    /// Answers one command.
    pub fn execute(&mut self, host: &mut dyn Host, locality: u8, command: &[u8]) -> Result<Vec<u8>, Failure> {
        let locality = Locality::new(locality).ok_or(Failure::BadOperand)?;
        if command.len() > bounds::MAX_COMMAND {
            return Err(Failure::BadOperand);
        }
        let host: &mut dyn Host = &mut self.tests.gate(host);
        self.tick(host);
        self.volatile.hash_sequence = None;
        let response = dispatch::execute(self, host, locality, command);
        if response.len() > bounds::MAX_RESPONSE {
            Err(Failure::BadOperand)
        } else {
            Ok(response)
        }
    }

    /// The whole persistent state, as [`Self::power_on`] takes it.
    pub fn save_persistent(&self) -> Vec<Record> {
        image::records(self)
    }

    /// Everything that a power cycle would lose.
    pub fn save_volatile(&self) -> Vec<u8> {
        image::volatile::write(self)
    }

    /// Takes up where [`Self::save_volatile`] left off.
    pub fn restore_volatile(&mut self, host: &mut dyn Host, state: &[u8]) -> Result<(), Failure> {
        let now = host.clock();
        image::volatile::read(self, now, state)
    }

    /// _TPM_Hash_Start. A TPM in failure mode does not hash.
    pub fn hash_start(&mut self) {
        if *self.phase == Phase::Failed {
            return;
        }
        let started = *self.phase == Phase::Started;
        self.volatile.hash_sequence = Some(HashSequence::start(self.state_clear.pcrs.allocation(), started));
    }

    /// _TPM_Hash_Data; nothing happens without _TPM_Hash_Start.
    pub fn hash_data(&mut self, host: &mut dyn Host, data: &[u8]) {
        if let Some(sequence) = &mut self.volatile.hash_sequence {
            sequence.update(&mut self.tests.gate(host), data);
        }
    }

    /// _TPM_Hash_End; nothing happens without _TPM_Hash_Start.
    pub fn hash_end(&mut self, host: &mut dyn Host) -> Result<(), Failure> {
        let Some(sequence) = self.volatile.hash_sequence.take() else {
            return Ok(());
        };
        let host: &mut dyn Host = &mut self.tests.gate(host);
        let started = *self.phase == Phase::Started;
        if sequence.finish(host, &mut self.state_clear.pcrs, started).is_err() {
            self.roll_back();
            return Err(Failure::SelfTest);
        }
        if started {
            let restarts = self.state_reset.restart_count.wrapping_add(1);
            self.state_reset.restart_count.set(restarts);
        } else {
            self.volatile.measured.set(true);
        }
        self.commit(host).map_err(|_| match *self.phase {
            Phase::Failed => Failure::SelfTest,
            Phase::Initialized | Phase::Started => Failure::NotCommitted,
        })
    }

    /// Tests an algorithm that is about to be used, unless it was tested before. A wrong answer ends the TPM's work.
    pub(crate) fn test_before_use(&mut self, host: &mut dyn Host, part: Part) -> Result<(), TpmRc> {
        self.tests.before_use(host, part).map_err(|_| {
            self.fail();
            TpmRc::FAILURE
        })
    }

    /// As [`Self::test_before_use`], for what computes with a key.
    pub(crate) fn test_before_use_of(&mut self, host: &mut dyn Host, key: &PublicArea) -> Result<(), TpmRc> {
        match Part::key(key) {
            Some(part) => self.test_before_use(host, part),
            None => Ok(()),
        }
    }

    /// Enters failure mode, which no roll-back ends.
    pub(crate) fn fail(&mut self) {
        self.phase = Group::new(Phase::Failed);
    }

    /// TPMS_TIME_INFO.
    pub fn time_info(&self) -> TpmsTimeInfo {
        TpmsTimeInfo {
            time: self.time.now,
            clock_info: TpmsClockInfo {
                clock: self.orderly.clock,
                reset_count: self.persistent.counters.reset,
                restart_count: *self.state_reset.restart_count,
                safe: self.orderly.safe,
            },
        }
    }

    /// The seed and proof of a hierarchy.
    pub fn root(&self, hierarchy: TpmiRhHierarchy) -> &Root {
        match hierarchy {
            TpmiRhHierarchy::Owner => &self.persistent.hierarchies.owner,
            TpmiRhHierarchy::Endorsement => &self.persistent.hierarchies.endorsement,
            TpmiRhHierarchy::Platform => &self.persistent.hierarchies.platform,
            TpmiRhHierarchy::Null => &self.state_reset.null,
        }
    }

    /// A new seed and proof.
    pub fn new_root(&mut self, host: &mut dyn Host) -> Result<Root, TpmRc> {
        Ok(root(&mut self.rng, host)?)
    }

    /// Makes what has changed last, before anything may be answered that promises it. On an error everything is as it was. What an implementation
    /// computed that then failed its test neither lasts nor leaves, and ends the TPM's work.
    pub(crate) fn commit(&mut self, host: &mut dyn Host) -> Result<(), TpmRc> {
        if self.tests.is_broken() {
            self.roll_back();
            self.fail();
            return Err(TpmRc::FAILURE);
        }
        if self.is_settled() {
            return Ok(());
        }
        self.end_orderliness();
        let lasting = !self.settled_at.nothing_lasting_since();
        let outcome = if lasting {
            let mut changes = image::changes(self);
            let outcome = if changes.is_empty() {
                Ok(())
            } else {
                host.commit(&changes)
            };
            wipe(&mut changes);
            outcome
        } else {
            Ok(())
        };
        match outcome {
            Ok(()) => {
                self.settle_of(&mut self.settled_at.pieces_since());
                debug_assert!(!self.is_changed(), "a piece of state that remembers was not asked");
                self.settled_at = Noted::now();
                Ok(())
            }
            Err(error) => {
                self.roll_back();
                host.log(LogLevel::Warn, "the host did not commit");
                Err(match error {
                    CommitError::Unavailable => TpmRc::NV_UNAVAILABLE,
                    CommitError::Full => TpmRc::NV_SPACE,
                    CommitError::BadOperand => TpmRc::FAILURE,
                })
            }
        }
    }

    /// Records a wrong guess, on its own: the command that made it is undone already.
    pub(crate) fn register_guess(&mut self, host: &mut dyn Host, guess: Guess) -> Result<(), TpmRc> {
        let rules = self.persistent.dictionary_attack.after(guess);
        if rules != *self.persistent.dictionary_attack {
            self.persistent.dictionary_attack.set(rules);
        }
        let now = self.time.now;
        match guess {
            Guess::Lockout => self.volatile.attack_timers.edit().lockout_failed = now,
            Guess::Protected => self.volatile.attack_timers.edit().failed = now,
        }
        self.commit(host)
    }

    /// Lets time do its work: Clock, and the forgiveness of the dictionary-attack rules.
    fn tick(&mut self, host: &mut dyn Host) {
        let elapsed = self.time.follow(host.clock(), *self.volatile.clock_rate);
        if elapsed == 0 && self.persistent.dictionary_attack.holds_nothing() {
            return;
        }
        let settled = self.is_settled();
        let now = self.time.now;
        let clock = self.orderly.clock.saturating_add(elapsed);
        self.orderly.edit().clock = clock;
        if clock >> CLOCK_UPDATE_BITS != self.persistent.orderly.clock >> CLOCK_UPDATE_BITS {
            self.orderly.edit().safe = true;
            self.persistent.orderly.set(*self.orderly);
        }
        let (rules, timers) = self
            .persistent
            .dictionary_attack
            .healed(*self.volatile.attack_timers, now);
        if rules != *self.persistent.dictionary_attack {
            self.persistent.dictionary_attack.set(rules);
        }
        self.volatile.attack_timers.set(timers);
        if !self.persistent.is_changed() {
            self.orderly.settle();
            self.volatile.attack_timers.settle();
            if settled {
                self.settled_at = Noted::now();
            }
        } else if self.commit(host).is_err() {
            // Time has passed all the same; what the host did not store now is stored with a later command.
            self.orderly.edit().clock = clock;
            self.orderly.settle();
        }
    }

    /// Whether nothing has changed since everything was settled. Most commands end so, and an interpreter feels every question to a piece of state.
    fn is_settled(&self) -> bool {
        let settled = self.settled_at.nothing_since();
        debug_assert!(!(settled && self.is_changed()), "a change was not noted");
        settled
    }

    /// What TPM2_Shutdown has saved is no longer what there is: the next TPM2_Startup must not take it up.
    fn end_orderliness(&mut self) {
        let shut_down = self.persistent.orderliness.shutdown.is_some() && !self.persistent.orderliness.is_changed();
        if !shut_down || *self.phase != Phase::Started {
            return;
        }
        let changed =
            self.state_clear.is_changed() || self.state_reset.is_changed() || self.volatile.sessions.saved_changed();
        // An orderly counter that has gone on since must not be taken for up to date: it would count the same values again.
        let changed = changed || self.persistent.nv.has_unflushed();
        if changed {
            self.persistent.orderliness.edit().shutdown = None;
        }
    }
}

impl StateReset {
    /// As after TPM Reset, with a new NULL hierarchy.
    pub(crate) fn new(null: Root) -> Self {
        Self {
            null: Group::new(null),
            restart_count: Group::new(0),
            clear_count: Group::new(0),
            object_sequence: Group::new(0),
            session_sequence: Group::new(0),
            audit_digest: Group::default(),
            commitments: Group::default(),
        }
    }
}

/// A TPM as it leaves the factory.
fn manufacture(rng: &mut Rng, host: &mut dyn Host) -> Result<image::Image, Failure> {
    let hierarchies = Hierarchies {
        platform: new_root(rng, host)?,
        owner: new_root(rng, host)?,
        endorsement: new_root(rng, host)?,
        owner_authorization: Authorization::default(),
        endorsement_authorization: Authorization::default(),
        lockout_authorization: Authorization::default(),
        disable_clear: false,
    };
    let persistent = Persistent {
        hierarchies: Group::new(hierarchies),
        dictionary_attack: Group::new(DictionaryAttack::default()),
        counters: Group::new(Counters::default()),
        orderliness: Group::new(Orderliness {
            shutdown: Some(TpmSu::Clear),
            startup_locality_3: false,
            measured: false,
        }),
        orderly: Group::new(Orderly { clock: 0, safe: true }),
        pcr_allocation: Group::new(Allocation::default()),
        audit: Group::new(CommandAudit::default()),
        algorithm_set: Group::new(0),
        acts: Group::default(),
        nv: NvIndices::default(),
        objects: GroupMap::default(),
    };
    Ok(image::Image {
        version: image::VERSION,
        persistent,
        suspended: None,
    })
}

fn new_root(rng: &mut Rng, host: &mut dyn Host) -> Result<Root, Failure> {
    root(rng, host).map_err(|_| Failure::NoEntropy)
}

fn root(rng: &mut Rng, host: &mut dyn Host) -> Result<Root, CryptoError> {
    let mut seed = [0; limits::PRIMARY_SEED_SIZE];
    let mut proof = [0; limits::PROOF_SIZE];
    let outcome = rng.fill(host, &mut seed).and_then(|()| rng.fill(host, &mut proof));
    let root = Root {
        seed: Seed::new(seed),
        proof: Proof::new(proof),
    };
    seed.wipe();
    proof.wipe();
    outcome.map(|()| root)
}

fn random<const N: usize>(rng: &mut Rng, host: &mut dyn Host) -> Result<[u8; N], Failure> {
    let mut out = [0; N];
    rng.fill(host, &mut out).map_err(|_| Failure::NoEntropy)?;
    Ok(out)
}

/// Commits what has to last before the first command.
fn commit_at_power_on(host: &mut dyn Host, mut changes: Vec<Change>, what: &str) -> Result<(), Failure> {
    let outcome = host.commit(&changes);
    wipe(&mut changes);
    outcome.map_err(|_| Failure::NotCommitted)?;
    host.log(LogLevel::Info, what);
    Ok(())
}

fn wipe(changes: &mut [Change]) {
    changes
        .iter_mut()
        .filter_map(|change| change.value.as_mut())
        .for_each(Wipe::wipe);
}

#[cfg(test)]
mod tests;
