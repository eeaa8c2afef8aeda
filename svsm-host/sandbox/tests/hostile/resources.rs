//! Components that want too much memory, too many table elements, or too large a module.

use crate::{CountingHost, Parts, file, limits, module};
use std::fmt::Write;
use svsm_sandbox::{Counted, Limits, Sandbox, SandboxFault, Trap, required_heap};
use tpm_contract::Component;

fn too_large(what: Counted, count: u64, limit: u64) -> Option<SandboxFault> {
    Some(SandboxFault::TooLarge { what, count, limit })
}

#[test]
fn memory_larger_than_the_limit_is_refused_at_load() {
    let parts = Parts {
        memory: "(memory (export \"memory\") 129)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), too_large(Counted::MemoryBytes, 129 << 16, 8 << 20));
    let parts = Parts {
        memory: "(memory (export \"memory\") 65536)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), too_large(Counted::MemoryBytes, 1 << 32, 8 << 20));
    assert!(
        Parts {
            memory: "(memory (export \"memory\") 128 65536)",
            ..Parts::HONEST
        }
        .load()
        .is_ok()
    );
}

#[test]
fn memory_bomb_gets_the_limit_and_not_a_page_more() {
    // Grows until it is refused, as WebAssembly says: -1, and the component goes on.
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
    let execute: &'static str = Box::leak(format!("{grow} {}", Parts::HONEST.execute).into_boxed_str());
    let parts = Parts {
        execute,
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(b"x".to_vec())));
    assert_eq!(sandbox.memory_bytes(), 8 << 20);

    // The same in a fixed buffer, which need not be whole pages.
    let buffer: &'static mut [u8] = Box::leak(vec![0; (5 << 16) + 7].into_boxed_slice());
    let mut sandbox = Sandbox::load_in(&parts.file(), limits(), buffer, CountingHost::default()).expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(b"x".to_vec())));
    assert_eq!(sandbox.memory_bytes(), 5 << 16);

    // One that ignores the refusal reaches nothing.
    let execute = "(drop (memory.grow (i32.const 65535))) (i32.load (i32.const 0x7ffffff0))";
    assert_eq!(
        Parts {
            execute,
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::Trapped(Trap::Memory)
    );
}

#[test]
fn growing_without_end_costs_fuel() {
    for grow in [
        "(drop (memory.grow (i32.const 0)))",
        "(drop (memory.grow (i32.const 100000)))",
    ] {
        let execute: &'static str = Box::leak(format!("(loop {grow} br 0) unreachable").into_boxed_str());
        assert_eq!(
            Parts {
                execute,
                ..Parts::HONEST
            }
            .fault(),
            SandboxFault::OutOfFuel
        );
    }
}

#[test]
fn buffer_too_small_for_the_memory_is_refused() {
    let buffer: &'static mut [u8] = Box::leak(vec![0; (2 << 16) - 1].into_boxed_slice());
    let refused = Sandbox::load_in(&Parts::HONEST.file(), limits(), buffer, CountingHost::default()).err();
    assert_eq!(refused, too_large(Counted::MemoryBytes, 2 << 16, (2 << 16) - 1));
}

#[test]
fn table_bombs_are_refused_or_bounded() {
    let parts = Parts {
        more: "(table 4097 funcref)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), too_large(Counted::TableElements, 4097, 4096));
    let parts = Parts {
        more: "(table 1 funcref) (table 1 funcref) (table 1 funcref)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), too_large(Counted::Tables, 3, 2));
    // Grows until it is refused, then says how large the table is.
    let parts = Parts {
        more: "(table 1 funcref)",
        execute: "(loop (br_if 0 (i32.ne (table.grow (ref.null func) (i32.const 1)) (i32.const -1))))
            (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 128)) (i32.store (i32.const 24) (i32.const 4))
            (i32.store (i32.const 128) (table.size)) (i32.const 16)",
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(4096u32.to_le_bytes().to_vec())));
    let execute = "(loop (drop (table.grow (ref.null func) (i32.const 100000))) br 0) unreachable";
    assert_eq!(
        Parts {
            execute,
            more: "(table 1 funcref)",
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::OutOfFuel
    );
}

#[test]
fn file_larger_than_the_limit_is_refused() {
    let limits = Limits {
        file_bytes: 100,
        ..limits()
    };
    let file = Parts::HONEST.file();
    let count = file.len() as u64;
    let refused = Sandbox::load(&file, limits, CountingHost::default()).err();
    assert_eq!(refused, too_large(Counted::FileBytes, count, 100));
}

/// A module with this repeated so often.
fn repeated(part: &str, count: usize) -> Parts {
    let mut more = String::new();
    for _ in 0..count {
        write!(more, "{part} ").expect("memory");
    }
    Parts {
        more: Box::leak(more.into_boxed_str()),
        ..Parts::HONEST
    }
}

#[test]
fn too_many_of_anything_is_refused() {
    let fault = |part, count| repeated(part, count).load().err();
    assert_eq!(fault("(func)", 8192), too_large(Counted::Functions, 8204, 8192));
    assert_eq!(
        fault("(global i32 (i32.const 0))", 64),
        too_large(Counted::Globals, 65, 64)
    );
    assert_eq!(fault("(data \"\")", 1025), too_large(Counted::Segments, 1025, 1024));
    let types: String = (0..1025).map(|_| "(type (func))").collect();
    assert_eq!(
        Sandbox::load(
            &file(&[&module(&format!("(module (memory 1) {types})").replace(
                "(module",
                "(module (func (export \"cloister:tpm/engine@0.2.0#x\"))"
            ))]),
            limits(),
            CountingHost::default()
        )
        .err(),
        too_large(Counted::Types, 1025, 1024)
    );
    let parts = Parts {
        more: "(func (export \"a\")) (memory (export \"b\") 1)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), too_large(Counted::Memories, 2, 1));
}

#[test]
fn function_with_many_locals_or_parameters_is_refused() {
    let locals: String = (0..4097).map(|_| "i32 ").collect();
    let more: &'static str = Box::leak(format!("(func (local {locals}))").into_boxed_str());
    assert_eq!(
        Parts { more, ..Parts::HONEST }.load().err(),
        too_large(Counted::Locals, 4097, 4096)
    );
    let parameters: String = (0..33).map(|_| "i32 ").collect();
    let more: &'static str = Box::leak(format!("(func (param {parameters}))").into_boxed_str());
    assert_eq!(
        Parts { more, ..Parts::HONEST }.load().err(),
        too_large(Counted::Parameters, 33, 32)
    );
    // A count that a run-length encoding makes cheap: 2^32 - 1 locals in one group.
    let mut bytes = Parts::HONEST.file();
    let text = "(module (memory (export \"memory\") 1) (func (export \"cloister:tpm/engine@0.2.0#x\") (local i32)))";
    let core = module(text);
    let at = core
        .windows(3)
        .position(|bytes| bytes == [1, 1, 0x7f])
        .expect("one group of one i32");
    let mut grown = core.clone();
    grown.splice(at + 1..at + 2, [0xff, 0xff, 0xff, 0xff, 0x0f]);
    // The body and the section grew by four bytes.
    let section = core
        .windows(2)
        .position(|bytes| bytes == [10, 8])
        .or_else(|| core.windows(2).position(|bytes| bytes == [10, 6]));
    let section = section.expect("the code section");
    grown[section + 1] += 4;
    grown[section + 3] += 4;
    bytes.clear();
    bytes.extend(file(&[&grown]));
    let refused = Sandbox::load(&bytes, limits(), CountingHost::default()).err();
    assert_eq!(refused, too_large(Counted::Locals, u32::MAX.into(), 4096));
}

#[test]
fn component_whose_worst_case_does_not_fit_the_heap_is_refused_before_it_is_loaded() {
    let file = Parts::HONEST.file();
    let needed = required_heap(&file, &limits()).expect("an acceptable component");
    let heap = |heap_bytes| Limits { heap_bytes, ..limits() };
    let buffer = || -> &'static mut [u8] { Box::leak(vec![0; 2 << 16].into_boxed_slice()) };
    let refused = Sandbox::load_in(&file, heap(1000), buffer(), CountingHost::default()).err();
    let Some(SandboxFault::NotEnoughHeap {
        needed: told,
        available: 1000,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(told >= needed && told - needed <= file.len());
    assert!(Sandbox::load_in(&file, heap(told), buffer(), CountingHost::default()).is_ok());
    assert!(Sandbox::load_in(&file, heap(told - 1), buffer(), CountingHost::default()).is_err());
    // On the heap the memory counts three times, because growing copies it.
    let refused = Sandbox::load(&file, heap(told), CountingHost::default()).err();
    assert_eq!(
        refused,
        Some(SandboxFault::NotEnoughHeap {
            needed: told + (24 << 20),
            available: told
        })
    );
}
