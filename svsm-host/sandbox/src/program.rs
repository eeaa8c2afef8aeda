//! A component that was admitted: what depends on the file's bytes alone, made once.
//!
//! The file may come from anybody, and everything that can be refused without running it is refused here. What is left is the interpreter's engine
//! with its code, which no instance can change: wasmi translates from bytes that were validated, and an instance has its own store, memory, tables and
//! globals. So any number of instances can come from one program, one after the other, as often as the power is switched. Code is
//! translated once for all of them, which therefore costs no fuel: what a call uses depends on the instance and the call, not
//! on what ran before. All of it translated is still a bounded work (the limit on the file's size) and a bounded heap (`survey.rs`).

use crate::{
    component_file,
    fault::{Counted, SandboxFault, from_interpreter},
    limits::Limits,
    memory_import,
    survey::Survey,
    world,
};
use wasmi::{CompilationMode, Config, CustomFuelCosts, EnforcedLimits, Engine, Module};

/// A component from which instances are made: [`crate::Sandbox::start`] and [`crate::Sandbox::start_in`]. The heap that its limits promise is
/// reckoned for one instance at a time.
pub struct Program {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) survey: Survey,
    pub(crate) limits: Limits,
    /// Heap of the worst case, without the linear memory.
    pub(crate) heap: usize,
}

impl Program {
    /// Admits a component.
    pub fn load(component: &[u8], limits: Limits) -> Result<Self, SandboxFault> {
        let (module, survey) = admit(component, &limits)?;
        // The rewritten copy of the module lives while the interpreter reads it.
        let heap = match limits.heap_free {
            Some(_) => survey.heap_while_running(&limits),
            None => survey.heap(&limits),
        }
        .saturating_add(module.len());
        enough_heap(heap, limits.heap_bytes)?;
        let engine = engine(&limits);
        let rewritten = memory_import::rewrite(module, &survey)?;
        let module = Module::new(&engine, &rewritten).map_err(from_interpreter)?;
        drop(rewritten);
        world::check(&module, memory_import::NAME)?;
        Ok(Self {
            engine,
            module,
            survey,
            limits,
            heap,
        })
    }

    /// Whether the heap has room for an instance whose memory takes `memory` bytes of it.
    pub(crate) fn enough_heap_for_instance(&self, memory: usize) -> Result<(), SandboxFault> {
        enough_heap(self.heap.saturating_add(memory), self.limits.heap_bytes)?;
        match self.limits.heap_free {
            Some(free) => enough_heap(self.survey.heap_while_running(&self.limits), free()),
            None => Ok(()),
        }
    }
}

/// Heap that a component can come to need in all, in bytes, when its memory is in a fixed buffer ([`crate::Sandbox::load_in`]).
pub fn required_heap(component: &[u8], limits: &Limits) -> Result<usize, SandboxFault> {
    let (_, survey) = admit(component, limits)?;
    Ok(survey.heap(limits))
}

/// The core module, and everything that can be refused before the interpreter sees it, the heap aside.
fn admit<'a>(component: &'a [u8], limits: &Limits) -> Result<(&'a [u8], Survey), SandboxFault> {
    if component.len() > limits.file_bytes {
        return Err(SandboxFault::TooLarge {
            what: Counted::FileBytes,
            count: component.len() as u64,
            limit: limits.file_bytes as u64,
        });
    }
    let module = component_file::core_module(component)?;
    let survey = Survey::of(module, limits)?;
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
        .fuel_cost(CustomFuelCosts {
            bytes_copied_per_fuel: 64,
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        })
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
