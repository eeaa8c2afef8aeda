//! The TPM as a machine that can be switched on and off: one engine at a time, whatever runs it.
//!
//! Both protocols drive this and nothing else. A power cycle is a new engine instance, with a memory of its own, over the same store; code that was
//! compiled or translated for an earlier one is used again. An engine that faulted (a trap in the sandbox) stays in failure mode, answering
//! TPM_RC_FAILURE, until the next power cycle, as in the firmware.

use crate::{
    host::ServerHost,
    store::{self, Store},
};
use anyhow::{Context, Result, anyhow};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use svsm_sandbox::{Limits, Program, Sandbox, SandboxFault};
use tpm_contract::{Component, Failure, Record};

/// TPM_RC_FAILURE (Part 2, table 17).
const TPM_RC_FAILURE: u32 = 0x101;

/// Which machinery runs the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// The engine compiled into the server.
    Native,
    /// The component in wasmtime.
    Wasmtime,
    /// The component in the firmware's sandbox.
    Wasmi,
}

/// [`Component`] without its associated type, so that the server can hold any.
trait AnyComponent: Send {
    fn power_on(&mut self, saved: &[Record]) -> Result<Result<(), Failure>>;
    fn execute(&mut self, locality: u8, command: &[u8]) -> Result<Result<Vec<u8>, Failure>>;
    fn hash(&mut self, step: HashStep<'_>) -> Result<Result<(), Failure>>;
    fn save_persistent(&mut self) -> Result<Result<Vec<Record>, Failure>>;
    fn save_volatile(&mut self) -> Result<Result<Vec<u8>, Failure>>;
    fn restore_volatile(&mut self, state: &[u8]) -> Result<Result<(), Failure>>;
}

/// One of the three signals of a hash sequence.
#[derive(Clone, Copy)]
pub enum HashStep<'a> {
    /// _TPM_Hash_Start.
    Start,
    /// _TPM_Hash_Data.
    Data(&'a [u8]),
    /// _TPM_Hash_End.
    End,
}

impl<C: Component + Send> AnyComponent for C {
    fn power_on(&mut self, saved: &[Record]) -> Result<Result<(), Failure>> {
        Component::power_on(self, saved).map_err(|fault| anyhow!("{fault}"))
    }

    fn execute(&mut self, locality: u8, command: &[u8]) -> Result<Result<Vec<u8>, Failure>> {
        Component::execute(self, locality, command).map_err(|fault| anyhow!("{fault}"))
    }

    fn hash(&mut self, step: HashStep<'_>) -> Result<Result<(), Failure>> {
        match step {
            HashStep::Start => self.hash_start(),
            HashStep::Data(data) => self.hash_data(data),
            HashStep::End => self.hash_end(),
        }
        .map_err(|fault| anyhow!("{fault}"))
    }

    fn save_persistent(&mut self) -> Result<Result<Vec<Record>, Failure>> {
        Component::save_persistent(self).map_err(|fault| anyhow!("{fault}"))
    }

    fn save_volatile(&mut self) -> Result<Result<Vec<u8>, Failure>> {
        Component::save_volatile(self).map_err(|fault| anyhow!("{fault}"))
    }

    fn restore_volatile(&mut self, state: &[u8]) -> Result<Result<(), Failure>> {
        Component::restore_volatile(self, state).map_err(|fault| anyhow!("{fault}"))
    }
}

/// Makes new engine instances, from what outlives a power cycle.
enum Factory {
    Native,
    Wasmtime(wasmtime_host::CompiledComponent),
    Wasmi(Box<Program>),
}

impl Factory {
    fn new(engine: Engine, component: Vec<u8>) -> Result<Self> {
        Ok(match engine {
            Engine::Native => Self::Native,
            Engine::Wasmtime => Self::Wasmtime(wasmtime_host::CompiledComponent::new(&component)?),
            Engine::Wasmi => Self::Wasmi(Box::new(Program::load(&component, Limits::default()).map_err(refused)?)),
        })
    }

    fn make(&self, host: ServerHost) -> Result<Box<dyn AnyComponent>> {
        Ok(match self {
            Self::Native => Box::new(tpm_engine::native::NativeComponent::new(host)),
            Self::Wasmtime(compiled) => Box::new(wasmtime_host::WasmtimeComponent::from_compiled(compiled, host)?),
            Self::Wasmi(program) => Box::new(Sandbox::start(program, host).map_err(refused)?),
        })
    }
}

fn refused(fault: SandboxFault) -> anyhow::Error {
    anyhow!("the sandbox refuses the component: {fault}")
}

/// The TPM and its power switch.
pub struct Machine {
    factory: Factory,
    store: Arc<Mutex<Store>>,
    running: Option<Box<dyn AnyComponent>>,
    faulted: bool,
    locality: u8,
    established: bool,
}

impl Machine {
    /// A machine that is switched off, with its state in `state`.
    pub fn new(engine: Engine, component: Vec<u8>, state: &Path) -> Result<Self> {
        let store = Store::open(state)?;
        let established = store.established()?;
        let store = Arc::new(Mutex::new(store));
        let factory = Factory::new(engine, component)?;
        Ok(Self {
            factory,
            store,
            running: None,
            faulted: false,
            locality: 0,
            established,
        })
    }

    /// Switches on; harmless when already on.
    pub fn power_on(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let host = ServerHost::new(self.store.clone(), Instant::now());
        let mut engine = self.factory.make(host)?;
        let saved = self.with_store(|store| store.records());
        engine
            .power_on(&saved)?
            .map_err(|failure| anyhow!("the TPM does not start: {failure}"))?;
        if let Some(volatile) = self.with_store(|store| store.volatile())? {
            self.with_store(|store| store.set_volatile(None))?;
            engine
                .restore_volatile(&volatile)?
                .map_err(|failure| anyhow!("volatile state: {failure}"))?;
        }
        self.running = Some(engine);
        self.faulted = false;
        Ok(())
    }

    /// Switches off, as a power cut does.
    pub fn power_off(&mut self) {
        self.running = None;
    }

    /// Whether the TPM is on.
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// The locality that the swtpm control channel set.
    pub fn locality(&self) -> u8 {
        self.locality
    }

    /// Sets it.
    pub fn set_locality(&mut self, locality: u8) {
        self.locality = locality;
    }

    /// Runs one command. `None` while switched off.
    pub fn execute(&mut self, locality: u8, command: &[u8]) -> Option<Vec<u8>> {
        let engine = self.running.as_mut()?;
        if self.faulted {
            return Some(failure_response());
        }
        Some(match engine.execute(locality, command) {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => {
                eprintln!("the TPM could not work: {failure}");
                failure_response()
            }
            Err(fault) => {
                eprintln!("the TPM's engine faulted and stays in failure mode until a power cycle: {fault:#}");
                self.faulted = true;
                failure_response()
            }
        })
    }

    /// One step of a hash sequence.
    pub fn hash(&mut self, step: HashStep<'_>) -> Result<()> {
        let engine = self.running.as_mut().context("the TPM is switched off")?;
        engine.hash(step)?.map_err(|failure| anyhow!("{failure}"))?;
        if matches!(step, HashStep::Start) {
            self.establish(true)?;
        }
        Ok(())
    }

    /// tpmEstablishment of the interface (PC Client Platform TPM Profile): whether a hash sequence was ever begun since it was reset. It
    /// outlives the power.
    pub const fn is_established(&self) -> bool {
        self.established
    }

    /// Sets or resets it; a reset is for localities 3 and 4, which the caller has checked.
    pub fn establish(&mut self, established: bool) -> Result<()> {
        if self.established != established {
            self.with_store(|store| store.set_established(established))?;
            self.established = established;
        }
        Ok(())
    }

    /// The persistent state as one block of bytes.
    pub fn persistent_blob(&mut self) -> Result<Vec<u8>> {
        let engine = self.running.as_mut().context("the TPM is switched off")?;
        let records = engine.save_persistent()?.map_err(|failure| anyhow!("{failure}"))?;
        Ok(store::encode_records(&records))
    }

    /// The volatile state.
    pub fn volatile_blob(&mut self) -> Result<Vec<u8>> {
        let engine = self.running.as_mut().context("the TPM is switched off")?;
        engine.save_volatile()?.map_err(|failure| anyhow!("{failure}"))
    }

    /// Takes a persistent state in place of the stored one; the TPM must be off.
    pub fn set_persistent_blob(&mut self, blob: &[u8]) -> Result<()> {
        let records = store::decode_records(blob).context("not a state of this server")?;
        self.with_store(|store| store.replace(records))
    }

    /// Keeps a volatile state for the next power-on; `None` forgets it.
    pub fn keep_volatile(&mut self, blob: Option<&[u8]>) -> Result<()> {
        self.with_store(|store| store.set_volatile(blob))
    }

    fn with_store<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        act(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A response without sessions that says TPM_RC_FAILURE.
fn failure_response() -> Vec<u8> {
    let mut response = vec![0x80, 0x01, 0, 0, 0, 10];
    response.extend_from_slice(&TPM_RC_FAILURE.to_be_bytes());
    response
}
