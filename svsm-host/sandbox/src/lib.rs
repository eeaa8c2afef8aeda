//! Runs a TPM component in an interpreter, confined.
//!
//! The file may come from anybody: what it holds, what it returns and what it asks for are hostile until checked. A [`Sandbox`] takes the core module
//! out of the component, refuses what is not of the world in `wit/tpm.wit`, and speaks the canonical ABI with it; everything that can go wrong is a
//! [`SandboxFault`], after which the instance does nothing any more, and nothing outside of it has been touched. The dev host runs
//! the same code as the firmware. No other crate sees the interpreter (wasmi).
//!
//! What holds a component: its memory, tables, call depth and the size of its module ([`Limits`]); one budget of fuel for each call, start function,
//! allocator, post-return and imports included (imports charge for themselves before they work); bounds on every length, from the contract; and the
//! heap, whose worst case is known and compared with what the caller has before anything is loaded.
//!
//! Native stack: the interpreter's instructions call each other, and an optimiser that turns only most of those calls into jumps lets a component
//! overflow the stack of its host (seen with `memory.grow` in a loop, on the dev host and on bare metal). So the calls are guaranteed tail
//! calls (feature `guaranteed-tail-calls`), or there are none (`portable-dispatch`). [`self_test::run`] tells.
//!
//! In the firmware: the memory comes from a fixed buffer ([`Sandbox::load_in`]), because growing on the heap copies; `heap_bytes` is what the heap
//! has free; and [`self_test::run`] at boot, with the stack and its guard page that the firmware really has.
//!
//! A [`Program`] is what depends on the file alone; who switches a component off and on again keeps it, and makes a fresh instance of it
//! each time ([`Sandbox::start`]).
//!
//! Files: `program` (admission), `component_file` (sections), `survey` (counts, worst case), `memory_import` (fixed memory), `world` (names and types),
//! `guest` (pointers), `imports` and `exports` (one side of the canonical ABI each), `cost` (prices), `fault`, `limits`, `self_test`.

#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

extern crate alloc;

#[cfg(not(any(feature = "guaranteed-tail-calls", feature = "portable-dispatch")))]
compile_error!("choose how the interpreter dispatches: guaranteed-tail-calls or portable-dispatch");

mod component_file;
mod cost;
mod exports;
mod fault;
mod guest;
mod imports;
mod limits;
mod memory_import;
mod program;
pub mod self_test;
mod survey;
mod world;

pub use fault::{Counted, SandboxFault, Trap};
pub use limits::Limits;
pub use program::{Program, required_heap};

use crate::{
    exports::{Exports, refuel},
    fault::from_interpreter,
    guest::{Guest, Phase, Used},
    survey::{PAGE, Survey},
};
use tpm_contract::Host;
use wasmi::{Engine, Instance, Linker, Memory, MemoryType, Module, Store, StoreLimitsBuilder};
use zeroize::Zeroize;

/// A component, ready to be called through [`tpm_contract::Component`].
pub struct Sandbox<H: Host> {
    store: Store<Guest<H>>,
    exports: Exports,
    limits: Limits,
    poisoned: bool,
}

/// What the last call used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallUse {
    /// Fuel in all.
    pub fuel: u64,
    /// The part of it that imports charged.
    pub import_fuel: u64,
    /// Calls of imports.
    pub imports: u64,
}

impl<H: Host + 'static> Sandbox<H> {
    /// Loads a component, with its memory on the heap: for hosts that have plenty.
    ///
    /// The memory then counts three times towards `heap_bytes`, because growing copies it.
    pub fn load(component: &[u8], limits: Limits, host: H) -> Result<Self, SandboxFault> {
        Self::start(&Program::load(component, limits)?, host)
    }

    /// Loads a component with its memory in `buffer`, whose length then is the limit on it. The buffer serves this instance only; it is
    /// wiped when the instance ends.
    pub fn load_in(component: &[u8], limits: Limits, buffer: &'static mut [u8], host: H) -> Result<Self, SandboxFault> {
        let limits = Limits {
            memory_bytes: buffer.len(),
            ..limits
        };
        Self::start_in(&Program::load(component, limits)?, buffer, host)
    }

    /// A fresh instance of a program, as [`Self::load`] makes one.
    pub fn start(program: &Program, host: H) -> Result<Self, SandboxFault> {
        program.enough_heap_for_instance(program.limits.memory_bytes.saturating_mul(3))?;
        Self::start_with(program, program.limits.clone(), None, host)
    }

    /// A fresh instance of a program, as [`Self::load_in`] makes one.
    pub fn start_in(program: &Program, buffer: &'static mut [u8], host: H) -> Result<Self, SandboxFault> {
        program.survey.memory_fits(buffer.len())?;
        program.enough_heap_for_instance(0)?;
        let limits = Limits {
            memory_bytes: buffer.len(),
            ..program.limits.clone()
        };
        Self::start_with(program, limits, Some(buffer), host)
    }

    fn start_with(
        program: &Program,
        limits: Limits,
        buffer: Option<&'static mut [u8]>,
        host: H,
    ) -> Result<Self, SandboxFault> {
        let mut store = store(&program.engine, &limits, host);
        let memory = make_memory(&mut store, &program.survey, buffer)?;
        store.data_mut().memory = Some(memory);
        let mut linker = Linker::new(&program.engine);
        imports::define(&mut linker)?;
        let (place, name) = memory_import::NAME;
        linker
            .define(place, name, memory)
            .map_err(|_| SandboxFault::Interpreter)?;
        refuel(&mut store, &limits)?;
        let started = start(&linker, &mut store, &program.module);
        match started {
            Ok(exports) => Ok(Self {
                store,
                exports,
                limits,
                poisoned: false,
            }),
            Err(fault) => {
                memory.data_mut(&mut store).zeroize();
                Err(fault)
            }
        }
    }
}

impl<H: Host> Sandbox<H> {
    /// The host that the component calls.
    pub fn host(&self) -> &H {
        &self.store.data().host
    }

    /// The host that the component calls, to change it between calls.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    /// What the last call used.
    pub fn last_call(&self) -> CallUse {
        let used = self.store.data().used;
        let left = self.store.get_fuel().unwrap_or(0);
        CallUse {
            fuel: self.limits.fuel.saturating_sub(left),
            import_fuel: used.import_fuel,
            imports: used.imports,
        }
    }

    /// Present size of the component's memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.store
            .data()
            .memory
            .map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Stops the instance for good and wipes its memory.
    fn poison(&mut self) {
        self.poisoned = true;
        self.wipe();
    }

    fn wipe(&mut self) {
        if let Some(memory) = self.store.data().memory {
            memory.data_mut(&mut self.store).zeroize();
        }
    }
}

impl<H: Host> Drop for Sandbox<H> {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn store<H: Host + 'static>(engine: &Engine, limits: &Limits, host: H) -> Store<Guest<H>> {
    let growth = StoreLimitsBuilder::new()
        .memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .instances(1)
        // The interpreter asks for room for one more whether or not the module defines a memory; the survey has seen that it has one only.
        .memories(2)
        .tables(limits.tables as usize)
        .build();
    let mut store = Store::new(
        engine,
        Guest {
            host,
            growth,
            memory: None,
            realloc: None,
            phase: Phase::Idle,
            used: Used::default(),
            log_lines: limits.log_lines,
            commit_bytes: limits.commit_bytes,
        },
    );
    store.limiter(|guest| &mut guest.growth);
    store
}

fn make_memory<H>(
    store: &mut Store<Guest<H>>,
    survey: &Survey,
    buffer: Option<&'static mut [u8]>,
) -> Result<Memory, SandboxFault> {
    let ty = MemoryType::new(survey.memory_minimum, survey.memory_maximum);
    match buffer {
        Some(buffer) => Memory::new_static(store, ty, buffer),
        None => Memory::new(store, ty),
    }
    .map_err(from_interpreter)
}

/// Instantiates, start function included, and finds the exports.
fn start<H: Host>(
    linker: &Linker<Guest<H>>,
    store: &mut Store<Guest<H>>,
    module: &Module,
) -> Result<Exports, SandboxFault> {
    let instance: Instance = linker
        .instantiate_and_start(&mut *store, module)
        .map_err(from_interpreter)?;
    if let Some(initialize) = instance.get_func(&*store, world::INITIALIZE) {
        let initialize = initialize.typed::<(), ()>(&*store).map_err(from_interpreter)?;
        initialize.call(&mut *store, ()).map_err(from_interpreter)?;
    }
    let realloc = instance
        .get_typed_func(&*store, world::REALLOC)
        .map_err(from_interpreter)?;
    store.data_mut().realloc = Some(realloc);
    Exports::find(store, instance)
}

// A fixed buffer may be any length; the interpreter only ever uses whole pages of it.
const _: () = assert!(PAGE == 65_536);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use tpm_contract::{Arithmetic, Change, CommitError, Component, LogLevel};

    struct NoHost;

    impl Arithmetic for NoHost {}

    impl Host for NoHost {
        fn entropy(&mut self, _: &mut [u8]) -> bool {
            false
        }
        fn clock(&mut self) -> u64 {
            0
        }
        fn commit(&mut self, _: &[Change]) -> Result<(), CommitError> {
            Err(CommitError::Unavailable)
        }
        fn log(&mut self, _: LogLevel, _: &str) {}
    }

    /// Fills its memory with 0x5a in `hash-start`, and then traps.
    fn dirty() -> alloc::vec::Vec<u8> {
        let e = "cloister:tpm/engine@0.2.0#";
        let module = wat::parse_str(alloc::format!(
            "(module (memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 64))
            (func (export \"{e}describe\") (result i32) unreachable) (func (export \"{e}power-on\") (param i32 i32) (result i32) unreachable)
            (func (export \"{e}execute\") (param i32 i32 i32) (result i32) unreachable) (func (export \"{e}identity\") (result i32) unreachable)
            (func (export \"{e}hash-start\") (result i32) (memory.fill (i32.const 0) (i32.const 0x5a) (i32.const 65536)) unreachable)
            (func (export \"{e}hash-data\") (param i32 i32) (result i32) unreachable) (func (export \"{e}hash-end\") (result i32) unreachable)
            (func (export \"{e}save-persistent\") (result i32) unreachable) (func (export \"{e}save-volatile\") (result i32) unreachable)
            (func (export \"{e}restore-volatile\") (param i32 i32) (result i32) unreachable))"
        ))
        .expect("a module");
        let mut file = b"\0asm\x0d\0\x01\0\x01".to_vec();
        file.extend([module.len() as u8 & 0x7f | 0x80, (module.len() >> 7) as u8]);
        file.extend(module);
        file
    }

    #[test]
    fn memory_is_wiped_after_a_fault() {
        let buffer: &'static mut [u8] = vec![0; 1 << 16].leak();
        let mut sandbox = Sandbox::load_in(&dirty(), Limits::default(), buffer, NoHost).expect("it loads");
        assert_eq!(sandbox.hash_start(), Err(SandboxFault::Trapped(Trap::Unreachable)));
        let memory = sandbox.store.data().memory.expect("a memory");
        assert_eq!(memory.data_size(&sandbox.store), 1 << 16);
        assert!(memory.data(&sandbox.store).iter().all(|byte| *byte == 0));
    }
}
