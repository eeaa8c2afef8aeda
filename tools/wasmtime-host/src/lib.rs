//! Runs a TPM component in wasmtime, on the dev host: the second opinion on what a component means, and the fast engine of the development server.
//!
//! wasmtime reads the whole component, type section and wiring included, where the sandbox reads its core module only; that both answer alike is
//! what the tests check. The component may be hostile; wasmtime confines it, with the sandbox's default limit on memory and the contract's bounds on what
//! crosses. There is no fuel, so a loop without end stays one: this crate belongs to no firmware.
//!
//! `imports.rs` is the one side, this file the other.

#![deny(unsafe_code)]

mod bindings;
mod imports;

use anyhow::{Result, anyhow};
use bindings::{TpmComponent, exports::cloister::tpm::engine};
use std::{error::Error, fmt};
use tpm_contract::{Component, Description, Failure, Host, Identity, Record, bounds};
use wasmtime::{
    Config, Engine, Store, StoreLimits, StoreLimitsBuilder,
    component::{self, HasSelf, Linker},
};

/// Memory that a component may have: the sandbox's default.
const MEMORY_BYTES: usize = 8 << 20;

/// What the store owns: the host, and the limits.
struct Guest<H> {
    host: H,
    limits: StoreLimits,
}

/// A component in wasmtime.
pub struct WasmtimeComponent<H: Host + 'static> {
    store: Store<Guest<H>>,
    component: TpmComponent,
    stopped: bool,
}

/// What befell a component; it does nothing any more.
#[derive(Clone, Debug)]
pub struct WasmtimeFault(String);

impl fmt::Display for WasmtimeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WasmtimeFault {}

/// The compiled form of a component, from which instances are made.
#[derive(Clone)]
pub struct CompiledComponent(component::Component);

impl CompiledComponent {
    /// Compiles a component.
    pub fn new(component: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_wide_arithmetic(true);
        let engine = Engine::new(&config).map_err(described)?;
        Ok(Self(component::Component::new(&engine, component).map_err(described)?))
    }
}

impl<H: Host + 'static> WasmtimeComponent<H> {
    /// Compiles and loads a component.
    pub fn new(component: &[u8], host: H) -> Result<Self> {
        Self::from_compiled(&CompiledComponent::new(component)?, host)
    }

    /// A fresh instance of a compiled component.
    pub fn from_compiled(CompiledComponent(component): &CompiledComponent, host: H) -> Result<Self> {
        let mut linker = Linker::new(component.engine());
        TpmComponent::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest<H>| guest).map_err(described)?;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = Store::new(component.engine(), Guest { host, limits });
        store.limiter(|guest| &mut guest.limits);
        let component = TpmComponent::instantiate(&mut store, component, &linker).map_err(described)?;
        Ok(Self {
            store,
            component,
            stopped: false,
        })
    }

    /// The host that the component calls.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    fn call<R>(
        &mut self,
        body: impl FnOnce(&engine::Guest, &mut Store<Guest<H>>) -> wasmtime::Result<R>,
    ) -> Result<R, WasmtimeFault> {
        if self.stopped {
            return Err(WasmtimeFault("an earlier fault stopped this instance".into()));
        }
        let outcome = body(self.component.cloister_tpm_engine(), &mut self.store);
        self.stopped = outcome.is_err();
        outcome.map_err(|error| WasmtimeFault(format!("{error:?}")))
    }
}

fn described(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

fn failure(failure: engine::Failure) -> Failure {
    match failure {
        engine::Failure::NotPowered => Failure::NotPowered,
        engine::Failure::AlreadyPowered => Failure::AlreadyPowered,
        engine::Failure::BadState => Failure::BadState,
        engine::Failure::NoEntropy => Failure::NoEntropy,
        engine::Failure::NotCommitted => Failure::NotCommitted,
        engine::Failure::BadOperand => Failure::BadOperand,
        engine::Failure::SelfTest => Failure::SelfTest,
    }
}

/// A list of the component's, unless it is longer than the contract allows.
fn bounded<T>(list: Vec<T>, bound: usize) -> Result<Vec<T>, WasmtimeFault> {
    if list.len() > bound {
        return Err(WasmtimeFault(format!(
            "a result of {}, and {bound} is the bound",
            list.len()
        )));
    }
    Ok(list)
}

type Answer<R> = Result<Result<R, Failure>, WasmtimeFault>;

impl<H: Host + 'static> Component for WasmtimeComponent<H> {
    type Fault = WasmtimeFault;

    fn describe(&mut self) -> Result<Description, WasmtimeFault> {
        let told = self.call(|guest, store| guest.call_describe(store))?;
        Ok(Description {
            name: told.name,
            version: told.version,
            state_format: told.state_format,
            manufacturer: told.manufacturer,
            firmware_version: told.firmware_version,
        })
    }

    fn power_on(&mut self, saved: &[Record]) -> Answer<()> {
        let saved: Vec<_> = saved
            .iter()
            .map(|record| engine::StateRecord {
                key: record.key,
                value: record.value.clone(),
            })
            .collect();
        Ok(self
            .call(|guest, store| guest.call_power_on(store, &saved))?
            .map_err(failure))
    }

    fn execute(&mut self, locality: u8, command: &[u8]) -> Answer<Vec<u8>> {
        let answer = self.call(|guest, store| guest.call_execute(store, locality, command))?;
        answer
            .map_err(failure)
            .map(|response| bounded(response, bounds::MAX_RESPONSE))
            .transpose_fault()
    }

    fn identity(&mut self) -> Answer<Identity> {
        let answer = self.call(|guest, store| guest.call_identity(store))?;
        answer
            .map_err(failure)
            .map(|keys| {
                Ok(Identity {
                    rsa_ek: bounded(keys.rsa_ek, bounds::MAX_PUBLIC)?,
                    p256_ek: bounded(keys.p256_ek, bounds::MAX_PUBLIC)?,
                    rsa_srk: bounded(keys.rsa_srk, bounds::MAX_PUBLIC)?,
                    p256_srk: bounded(keys.p256_srk, bounds::MAX_PUBLIC)?,
                })
            })
            .transpose_fault()
    }

    fn hash_start(&mut self) -> Answer<()> {
        Ok(self.call(|guest, store| guest.call_hash_start(store))?.map_err(failure))
    }

    fn hash_data(&mut self, data: &[u8]) -> Answer<()> {
        Ok(self
            .call(|guest, store| guest.call_hash_data(store, data))?
            .map_err(failure))
    }

    fn hash_end(&mut self) -> Answer<()> {
        Ok(self.call(|guest, store| guest.call_hash_end(store))?.map_err(failure))
    }

    fn save_persistent(&mut self) -> Answer<Vec<Record>> {
        let answer = self.call(|guest, store| guest.call_save_persistent(store))?;
        answer
            .map_err(failure)
            .map(|records| {
                bounded(records, bounds::MAX_RECORDS)?
                    .into_iter()
                    .map(|record| {
                        Ok(Record {
                            key: record.key,
                            value: bounded(record.value, bounds::MAX_RECORD)?,
                        })
                    })
                    .collect()
            })
            .transpose_fault()
    }

    fn save_volatile(&mut self) -> Answer<Vec<u8>> {
        let answer = self.call(|guest, store| guest.call_save_volatile(store))?;
        answer
            .map_err(failure)
            .map(|state| bounded(state, bounds::MAX_STATE))
            .transpose_fault()
    }

    fn restore_volatile(&mut self, state: &[u8]) -> Answer<()> {
        Ok(self
            .call(|guest, store| guest.call_restore_volatile(store, state))?
            .map_err(failure))
    }
}

/// Turns a fault found inside an answer into the call's fault.
trait TransposeFault<R> {
    fn transpose_fault(self) -> Answer<R>;
}

impl<R> TransposeFault<R> for Result<Result<R, WasmtimeFault>, Failure> {
    fn transpose_fault(self) -> Answer<R> {
        match self {
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(fault)) => Err(fault),
            Err(failure) => Ok(Err(failure)),
        }
    }
}
