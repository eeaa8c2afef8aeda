//! A server that is measured: it answers commands, and remembers how long the last one took.
//!
//! Setting up shares what is costly: a key is created once and loaded where it is needed, until [`Subject::forget_keys`].

use crate::{
    machine,
    templates::{self, Key},
};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};
use tpm_client::{Answer, Cmd, ServerProgram, SwtpmProgram, Tpm, TpmProcess, sized};

/// Codes of the commands that setting up takes (Part 2, table 11).
mod code {
    pub const EVICT_CONTROL: u32 = 0x120;
    pub const NV_UNDEFINE_SPACE: u32 = 0x122;
    pub const CREATE_PRIMARY: u32 = 0x131;
    pub const STARTUP: u32 = 0x144;
    pub const CREATE: u32 = 0x153;
    pub const LOAD: u32 = 0x157;
    pub const FLUSH_CONTEXT: u32 = 0x165;
    pub const GET_CAPABILITY: u32 = 0x17A;
}

/// TPM_RH_OWNER.
pub const OWNER: u32 = 0x4000_0001;
/// TPM_RH_NULL.
pub const NULL: u32 = 0x4000_0007;
/// TPM_RC_INITIALIZE: somebody started the TPM already.
const INITIALIZE: u32 = 0x100;
/// TPM_CAP_HANDLES and TPM_CAP_PCRS.
const HANDLES: u32 = 1;
const PCRS: u32 = 5;
/// The first handles of what may be left over: transient objects, HMAC and policy sessions.
const FLUSHED: [u32; 3] = [0x8000_0000, 0x0200_0000, 0x0300_0000];
const FIRST_INDEX: u32 = 0x0100_0000;
const FIRST_PERSISTENT: u32 = 0x8100_0000;
/// No response lists more handles.
const MAX_HANDLES: u32 = 64;

/// TPM2B_PRIVATE and TPM2B_PUBLIC, each behind its size.
pub type Blob = Vec<u8>;

/// A successful answer and how long it took.
pub struct Timed {
    /// The answer.
    pub answer: Answer,
    /// From the command's first byte to the response's last.
    pub time: Duration,
}

/// A server that is measured.
pub struct Subject {
    name: String,
    process: TpmProcess,
    last: Duration,
    aside: Duration,
    keys: BTreeMap<Key, Blob>,
    banks: Vec<u16>,
}

impl Subject {
    /// Starts `swtpm`.
    pub fn swtpm(program: SwtpmProgram) -> Result<Self> {
        Self::new("swtpm", TpmProcess::swtpm(program)?)
    }

    /// Starts the development server with one of its engines.
    pub fn server(program: ServerProgram, engine: &str) -> Result<Self> {
        Self::new(engine, TpmProcess::server(program, engine)?)
    }

    fn new(name: &str, process: TpmProcess) -> Result<Self> {
        let mut subject = Self {
            name: name.into(),
            process,
            last: Duration::ZERO,
            aside: Duration::ZERO,
            keys: BTreeMap::new(),
            banks: Vec::new(),
        };
        subject.startup(0).with_context(|| format!("{name} does not start"))?;
        subject.banks = subject.active_banks()?;
        Ok(subject)
    }

    /// What the table calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder with its state.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Processor time so far, without what was put aside.
    pub fn processor_time(&self) -> Result<Duration> {
        Ok(machine::processor_time(self.process.pid())?.saturating_sub(self.aside))
    }

    /// Does something whose processor time does not count. The server may still be at the end of a command when its answer is here, so this is for
    /// what takes long: a microsecond more or less is nothing to it.
    pub fn aside<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.processor_time()?;
        let outcome = act(self)?;
        self.aside += self.processor_time()?.saturating_sub(before);
        Ok(outcome)
    }

    /// The PCR banks that have PCRs.
    pub fn banks(&self) -> &[u16] {
        &self.banks
    }

    /// How long the last command took.
    pub const fn last(&self) -> Duration {
        self.last
    }

    fn exchange(&mut self, command: &Cmd) -> Result<Answer> {
        let bytes = command.to_bytes();
        let started = Instant::now();
        let response = self.process.exchange(&bytes)?;
        self.last = started.elapsed();
        Ok(Answer::new(response))
    }

    /// Runs a command, which must succeed.
    pub fn run(&mut self, command: &Cmd) -> Result<Timed> {
        let answer = self.exchange(command)?;
        let code = answer.code();
        ensure!(code == 0, "command {:#x}: response code {code:#x}", command.code());
        let time = self.last;
        Ok(Timed { answer, time })
    }

    /// Runs a command, and says how long it took.
    pub fn time(&mut self, command: &Cmd) -> Result<Duration> {
        self.run(command).map(|done| done.time)
    }

    /// Runs a command whose response has a handle, and flushes that, which does not count.
    pub fn time_and_flush(&mut self, command: &Cmd) -> Result<Duration> {
        let done = self.run(command)?;
        self.flush(done.answer.handle())?;
        Ok(done.time)
    }

    /// TPM2_Startup; harmless when the TPM was started already.
    pub fn startup(&mut self, kind: u16) -> Result<Duration> {
        let answer = self.exchange(&Cmd::new(code::STARTUP).u16(kind))?;
        ensure!(
            matches!(answer.code(), 0 | INITIALIZE),
            "TPM2_Startup: response code {:#x}",
            answer.code()
        );
        Ok(self.last)
    }

    /// Switches the TPM off and on, and says how long that took.
    pub fn power_cycle(&mut self) -> Result<Duration> {
        let started = Instant::now();
        self.process.power_cycle()?;
        Ok(started.elapsed())
    }

    /// Flushes an object or a session.
    pub fn flush(&mut self, handle: u32) -> Result<()> {
        self.run(&Cmd::new(code::FLUSH_CONTEXT).u32(handle)).map(drop)
    }

    /// The storage key under which everything is created: a P-256 primary key.
    pub fn parent(&mut self) -> Result<u32> {
        self.primary(&templates::storage_p256(&[]))
    }

    /// A primary key of the owner hierarchy.
    pub fn primary(&mut self, template: &[u8]) -> Result<u32> {
        Ok(self.run(&create_primary(template))?.answer.handle())
    }

    /// The blob of a key, as TPM2_Load takes it.
    pub fn blob(&mut self, key: Key) -> Result<Blob> {
        if let Some(blob) = self.keys.get(&key) {
            return Ok(blob.clone());
        }
        let parent = self.parent()?;
        let done = self.run(&create(parent, &key.template(), key.sealed_data()))?;
        self.flush(parent)?;
        let blob = blob_of(&done.answer)?;
        self.keys.insert(key, blob.clone());
        Ok(blob)
    }

    /// A key, loaded; its parent takes no slot.
    pub fn key(&mut self, key: Key) -> Result<u32> {
        let blob = self.blob(key)?;
        let parent = self.parent()?;
        let handle = self.run(&load(parent, &blob))?.answer.handle();
        self.flush(parent)?;
        Ok(handle)
    }

    /// Forgets every blob: the TPM has forgotten the seed.
    pub fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// Takes away what an operation left: objects, sessions, NV indices, persistent keys.
    pub fn clean_up(&mut self) -> Result<()> {
        for first in FLUSHED {
            for handle in self.handles(first)? {
                self.flush(handle)?;
            }
        }
        for index in self.handles(FIRST_INDEX)? {
            let undefine = Cmd::new(code::NV_UNDEFINE_SPACE).handle(OWNER).handle(index);
            self.run(&undefine.password(&[]))?;
        }
        for handle in self.handles(FIRST_PERSISTENT)? {
            self.run(&evict(handle, handle))?;
        }
        Ok(())
    }

    fn handles(&mut self, first: u32) -> Result<Vec<u32>> {
        let command = Cmd::new(code::GET_CAPABILITY).u32(HANDLES).u32(first).u32(MAX_HANDLES);
        let answer = self.run(&command)?.answer;
        let list = answer.parameters(false).get(9..).context("no list of handles")?;
        let (handles, _) = list.as_chunks();
        Ok(handles.iter().map(|handle| u32::from_be_bytes(*handle)).collect())
    }

    fn active_banks(&mut self) -> Result<Vec<u16>> {
        let command = Cmd::new(code::GET_CAPABILITY).u32(PCRS).u32(0).u32(16);
        let answer = self.run(&command)?.answer;
        let mut rest = answer.parameters(false).get(9..).context("no list of PCR banks")?;
        let mut banks = Vec::new();
        while let [high, low, size, tail @ ..] = rest {
            let (selection, next) = tail.split_at_checked(usize::from(*size)).context("a short list")?;
            if selection.iter().any(|bits| *bits != 0) {
                banks.push(u16::from_be_bytes([*high, *low]));
            }
            rest = next;
        }
        Ok(banks)
    }
}

/// For the client of sessions, which sends what it computes itself.
impl Tpm for Subject {
    fn send(&mut self, command: &[u8]) -> Vec<u8> {
        let started = Instant::now();
        let response = self.process.exchange(command).expect("the server answers");
        self.last = started.elapsed();
        response
    }

    fn power_cycle(&mut self) {
        self.process.power_cycle().expect("the server has a power switch");
    }
}

/// TPM2_CreatePrimary in the owner hierarchy.
pub fn create_primary(template: &[u8]) -> Cmd {
    creation(code::CREATE_PRIMARY, OWNER, template, &[])
}

/// TPM2_Create; `data` is what is sealed.
pub fn create(parent: u32, template: &[u8], data: &[u8]) -> Cmd {
    creation(code::CREATE, parent, template, data)
}

fn creation(code: u32, parent: u32, template: &[u8], data: &[u8]) -> Cmd {
    let command = Cmd::new(code).handle(parent).password(&[]);
    // TPM2B_SENSITIVE_CREATE; no outside information, no PCR selection.
    let sensitive = [sized(&[]), sized(data)].concat();
    command.sized(&sensitive).sized(template).sized(&[]).u32(0)
}

/// TPM2_Load.
pub fn load(parent: u32, blob: &[u8]) -> Cmd {
    Cmd::new(code::LOAD).handle(parent).password(&[]).raw(blob)
}

/// TPM2_EvictControl: makes `handle` persistent at `persistent`, or evicts it when they are the same.
pub fn evict(handle: u32, persistent: u32) -> Cmd {
    let command = Cmd::new(code::EVICT_CONTROL).handle(OWNER).handle(handle);
    command.password(&[]).u32(persistent)
}

/// The blob in an answer to TPM2_Create.
pub fn blob_of(answer: &Answer) -> Result<Blob> {
    let mut rest = answer.parameters(false);
    let private = take_sized(&mut rest)?;
    let public = take_sized(&mut rest)?;
    Ok([sized(private), sized(public)].concat())
}

/// Takes the bytes of a TPM2B.
pub fn take_sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (size, tail) = rest.split_first_chunk().context("a TPM2B without a size")?;
    let (bytes, tail) = tail
        .split_at_checked(usize::from(u16::from_be_bytes(*size)))
        .context("a TPM2B that is cut short")?;
    *rest = tail;
    Ok(bytes)
}

/// Random bytes, so that no two keys and no two digests are alike.
pub fn random(size: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).context("the machine gives no random bytes")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sized_bytes_are_taken_one_after_the_other() {
        let mut rest: &[u8] = &[0, 2, 7, 8, 0, 0, 0, 1];
        assert_eq!(take_sized(&mut rest).expect("the first"), [7, 8]);
        assert!(take_sized(&mut rest).expect("the second").is_empty());
        assert!(take_sized(&mut rest).is_err());
        assert!(take_sized(&mut &[0_u8][..]).is_err());
    }
}
