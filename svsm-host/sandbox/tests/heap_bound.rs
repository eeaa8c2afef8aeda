//! The heap that a component can make the interpreter take stays below what the sandbox counts on, measured with modules made to be expensive.
//!
//! The firmware's heap is small and the interpreter allocates infallibly, so the bounds in `survey.rs` must hold for the worst that anybody
//! can write, not for what compilers emit. Each module here makes one kind of cost as high as the limits let it. The measuring is a counting
//! allocator; one test does everything, since another one beside it would be counted too.

#[path = "parts/mod.rs"]
mod parts;

use parts::{CountingHost, Parts, limits};
use peak_alloc::PeakAlloc;
use std::fmt::Write;
use svsm_sandbox::{Limits, Sandbox, SandboxFault, required_heap};
use tpm_contract::Component;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// So much that nothing is refused for want of it.
fn plenty() -> usize {
    usize::MAX
}

/// Highest use of the heap above what is in use now.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    work();
    HEAP.peak_usage() - before
}

fn buffer() -> &'static mut [u8] {
    Box::leak(vec![0; 8 << 20].into_boxed_slice())
}

/// Repeats a text.
fn times(count: usize, mut part: impl FnMut(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, index| {
        write!(all, "{} ", part(index)).expect("memory");
        all
    })
}

/// A component with more fields in its module.
fn with(more: String) -> Vec<u8> {
    Parts {
        more: Box::leak(more.into_boxed_str()),
        ..Parts::HONEST
    }
    .file()
}

/// A function with a body that translates into as much as possible.
fn expensive_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let body = |text: String| with(format!("(func (param i64 i64 i32) (local i64 i64 i32) {text})"));
    vec![
        (
            "64-bit constants, each stored",
            body(times(20_000, |i| {
                format!(
                    "(i64.store offset=4000000000 (i32.const {i}) (i64.const {}))",
                    0x7123_4567_89ab_0000u64 + i as u64
                )
            })),
        ),
        (
            "wide arithmetic",
            body(times(8_000, |_| {
                "(i64.add128 (local.get 0) (local.get 1) (local.get 3) (local.get 4)) (local.set 3) (local.set 4)"
                    .into()
            })),
        ),
        (
            "copies of memory",
            body(times(10_000, |i| {
                format!("(memory.copy (i32.const {i}) (i32.const 70000) (i32.const 123456789))")
            })),
        ),
        (
            "branch tables",
            body(times(300, |_| {
                let targets = times(100, |_| "0".into());
                format!("(block (br_table {targets} (local.get 2)))")
            })),
        ),
        (
            "nested blocks with results that are kept",
            body(times(200, |_| {
                let open = times(60, |_| "(block (br_if 0 (local.get 2))".into());
                let close = ")".repeat(60);
                format!("{open} {close}")
            })),
        ),
        (
            "calls with many parameters",
            with(format!(
                "(func $wide (param {})) (func (param i64 i64 i32) {})",
                times(32, |_| "i64".into()),
                times(800, |i| format!(
                    "(call $wide {})",
                    times(32, |p| format!(
                        "(i64.const {})",
                        0x7fff_0000_0000_0000u64 + (i * 32 + p) as u64
                    ))
                ))
            )),
        ),
        ("empty functions", with(times(8_000, |_| "(func)".into()))),
        (
            "functions of many locals",
            with(times(400, |_| {
                format!("(func (local {}))", times(4_000, |_| "i64".into()))
            })),
        ),
        (
            "different types",
            with(times(1_000, |i| {
                let bits = times(10, |b| if i >> b & 1 == 1 { "i64".into() } else { "i32".into() });
                format!("(type (func (param {bits} {})))", times(22, |_| "i64".into()))
            })),
        ),
        (
            "segments and elements",
            with(format!(
                "(table 4096 funcref) (func $f) {} {}",
                times(500, |_| format!("(elem func {})", times(100, |_| "$f".into()))),
                times(500, |i| format!("(data \"{}\")", "x".repeat(i)))
            )),
        ),
    ]
}

/// Components whose `execute` takes as much as it can while it runs.
fn expensive_runs() -> Vec<(&'static str, Parts)> {
    fn leak(text: String) -> &'static str {
        Box::leak(text.into_boxed_str())
    }
    const IMPORTS: &str = r#"
        (import "cloister:tpm/host@0.2.0" "commit" (func $commit (param i32 i32 i32)))
        (import "cloister:tpm/host@0.2.0" "entropy" (func $entropy (param i32 i32)))
        (import "cloister:tpm/arithmetic@0.2.0" "aes" (func $aes (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let answer = Parts::HONEST.execute;
    // Frames with this many 64-bit locals: many small ones fill the call stack, few large ones the value stack.
    let deep = |locals: usize| {
        leak(format!(
            "(func $deep (param i32) (local {}) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))",
            times(locals, |_| "i64".into())
        ))
    };
    let dive = |frames: usize| leak(format!("(call $deep (i32.const {frames})) {answer}"));
    vec![
        (
            "two tables grown to their limits",
            Parts {
                memory: "(memory (export \"memory\") 2) (table $a 1 funcref) (table $b 1 externref)",
                execute: leak(format!(
                    "(loop (br_if 0 (i32.ne (table.grow $a (ref.null func) (i32.const 1)) (i32.const -1))))
                     (loop (br_if 0 (i32.ne (table.grow $b (ref.null extern) (i32.const 1)) (i32.const -1)))) {answer}"
                )),
                ..Parts::HONEST
            },
        ),
        ("many frames", Parts { more: deep(1), execute: dive(500), ..Parts::HONEST }),
        ("large frames", Parts { more: deep(4_000), execute: dive(6), ..Parts::HONEST }),
        (
            "frames within the allocator that an import calls",
            Parts {
                imports: IMPORTS,
                more: deep(1000),
                realloc: "(call $deep (i32.const 24)) (i32.const 8192)",
                execute: leak(format!("(call $entropy (i32.const 256) (i32.const 64)) {answer}")),
                ..Parts::HONEST
            },
        ),
        (
            // Changes lie from 128 on: four of 64 KiB each, all of the same bytes.
            "the largest commit",
            Parts {
                imports: IMPORTS,
                memory: "(memory (export \"memory\") 20)",
                execute: leak(format!("(call $commit (i32.const 128) (i32.const 4) (i32.const 64)) {answer}")),
                more: leak(format!(
                    "(data (i32.const 128) \"{}\")",
                    (0..4).fold(String::new(), |all, key| all + &format!("\\0{key}\\00\\00\\00\\01\\00\\00\\00\\00\\00\\02\\00\\00\\00\\01\\00"))
                )),
                ..Parts::HONEST
            },
        ),
        (
            "the longest operand of a cipher",
            Parts {
                imports: IMPORTS,
                memory: "(memory (export \"memory\") 20)",
                realloc: "(i32.const 0x40000)",
                execute: leak(format!(
                    "(call $aes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0x20000)
                     (i32.const 0x10000) (i32.const 64)) {answer}"
                )),
                ..Parts::HONEST
            },
        ),
    ]
}

#[test]
fn heap_stays_below_its_bound_for_modules_made_to_be_expensive() {
    for (what, file) in expensive_bodies() {
        let memory = buffer();
        let bound = required_heap(&file, &limits()).expect("an acceptable component") + file.len();
        let eager = Limits {
            heap_free: Some(plenty),
            ..limits()
        };
        let peak = peak_of(|| {
            let loaded = Sandbox::load_in(&file, eager, memory, CountingHost::default());
            assert!(loaded.is_ok(), "{what}: {:?}", loaded.err());
        });
        println!("translating {what}: {} KiB of {}", peak >> 10, bound >> 10);
        assert!(
            peak <= bound,
            "translating {what} takes {peak} bytes of heap, {bound} were counted on"
        );
    }
    for (what, parts) in expensive_runs() {
        let file = parts.file();
        let free = |heap_bytes| Limits {
            heap_bytes,
            heap_free: Some(plenty),
            ..limits()
        };
        // What the sandbox wants to have free once everything is translated: found by asking for it with none.
        let Err(SandboxFault::NotEnoughHeap { needed, .. }) =
            Sandbox::load_in(&file, free(0), buffer(), CountingHost::default()).map(drop)
        else {
            panic!("{what}: loads without heap");
        };
        let mut sandbox = Sandbox::load_in(&file, free(usize::MAX), buffer(), CountingHost::default())
            .expect("an acceptable component");
        let mut answer = None;
        let peak = peak_of(|| answer = Some(sandbox.execute(0, &[7; 4092])));
        assert!(matches!(answer, Some(Ok(Ok(_)))), "{what}: {answer:?}");
        println!("running {what}: {} KiB of {}", peak >> 10, needed >> 10);
        assert!(
            peak <= needed,
            "running {what} takes {peak} bytes of heap, {needed} were counted on"
        );
    }
}
