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
//! Files: `component_file` (sections), `survey` (counts, worst case), `memory_import` (fixed memory), `world` (names and types), `guest`
//! (pointers), `imports` and `exports` (one side of the canonical ABI each), `cost` (prices), `fault`, `limits`, `self_test`.

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
pub mod self_test;
mod survey;
mod world;

pub use fault::{Counted, SandboxFault, Trap};
pub use limits::Limits;

use crate::{
    exports::{Exports, refuel},
    fault::from_interpreter,
    guest::{Guest, Phase, Used},
    survey::{PAGE, Survey},
};
use tpm_contract::Host;
use wasmi::{
    CompilationMode, Config, EnforcedLimits, Engine, Instance, Linker, Memory, MemoryType, Module, Store,
    StoreLimitsBuilder,
};
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
        Self::load_with(component, limits, None, host)
    }

    /// Loads a component with its memory in `buffer`, whose length then is the limit on it. The buffer serves this instance only; it is
    /// wiped when the instance ends.
    pub fn load_in(component: &[u8], limits: Limits, buffer: &'static mut [u8], host: H) -> Result<Self, SandboxFault> {
        Self::load_with(component, limits, Some(buffer), host)
    }

    fn load_with(
        component: &[u8],
        mut limits: Limits,
        buffer: Option<&'static mut [u8]>,
        host: H,
    ) -> Result<Self, SandboxFault> {
        if let Some(buffer) = &buffer {
            limits.memory_bytes = buffer.len();
        }
        let (module, survey) = admit(component, &limits, buffer.is_some())?;
        let engine = engine(&limits);
        let rewritten = memory_import::rewrite(module, &survey)?;
        let module = Module::new(&engine, &rewritten).map_err(from_interpreter)?;
        drop(rewritten);
        if let Some(free) = limits.heap_free {
            enough_heap(survey.heap_while_running(&limits), free())?;
        }
        world::check(&module, memory_import::NAME)?;
        let mut store = store(&engine, &limits, host);
        let memory = make_memory(&mut store, &survey, buffer)?;
        store.data_mut().memory = Some(memory);
        let mut linker = Linker::new(&engine);
        imports::define(&mut linker)?;
        let (place, name) = memory_import::NAME;
        linker
            .define(place, name, memory)
            .map_err(|_| SandboxFault::Interpreter)?;
        refuel(&mut store, &limits)?;
        let started = start(&linker, &mut store, &module);
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

/// Heap that a component can come to need in all, in bytes, when its memory is in a fixed buffer ([`Sandbox::load_in`]).
pub fn required_heap(component: &[u8], limits: &Limits) -> Result<usize, SandboxFault> {
    let limits = Limits {
        heap_bytes: usize::MAX,
        ..limits.clone()
    };
    let (_, survey) = admit(component, &limits, true)?;
    Ok(survey.heap(&limits))
}

/// Everything that can be refused before the interpreter sees the module.
fn admit<'a>(component: &'a [u8], limits: &Limits, fixed: bool) -> Result<(&'a [u8], Survey), SandboxFault> {
    if component.len() > limits.file_bytes {
        return Err(SandboxFault::TooLarge {
            what: Counted::FileBytes,
            count: component.len() as u64,
            limit: limits.file_bytes as u64,
        });
    }
    let module = component_file::core_module(component)?;
    let survey = Survey::of(module, limits)?;
    // The rewritten copy of the module lives while the interpreter reads it.
    let mut needed = match limits.heap_free {
        Some(_) => survey.heap_while_running(limits),
        None => survey.heap(limits),
    };
    needed = needed.saturating_add(module.len());
    if !fixed {
        needed = needed.saturating_add(limits.memory_bytes.saturating_mul(3));
    }
    enough_heap(needed, limits.heap_bytes)?;
    Ok((module, survey))
}

fn enough_heap(needed: usize, available: usize) -> Result<(), SandboxFault> {
    if needed > available {
        return Err(SandboxFault::NotEnoughHeap { needed, available });
    }
    Ok(())
}

/// The interpreter with everything off that the contract's components do not need.
fn engine(limits: &Limits) -> Engine {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .compilation_mode(match limits.heap_free {
            Some(_) => CompilationMode::Eager,
            None => CompilationMode::LazyTranslation,
        })
        .ignore_custom_sections(true)
        .set_max_recursion_depth(limits.call_depth)
        .set_max_stack_height(limits.stack_bytes)
        .set_max_cached_stacks(2)
        // What rustc and clang emit for this target.
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_bulk_memory(true)
        .wasm_reference_types(true)
        .wasm_saturating_float_to_int(true)
        .floats(true)
        // Multiplication of 64-bit numbers to 128 bits: the difference between 17 s and 7 s for an RSA key.
        .wasm_wide_arithmetic(true)
        .wasm_multi_value(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .enforced_limits(EnforcedLimits::default());
    Engine::new(&config)
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
        let e = "cloister:tpm/engine@0.1.0#";
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
