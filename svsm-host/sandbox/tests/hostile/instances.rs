//! Instances of one program share its code and nothing else: what one does, another neither sees nor pays for.

use crate::parts::{CountingHost, Parts, limits};
use svsm_sandbox::{Counted, Limits, Program, Sandbox, SandboxFault, Trap};
use tpm_contract::Component;

/// Counts in a global, in memory and in a table, and answers with the three counts; a command of another length than one byte then traps.
const COUNTING: Parts = Parts {
    memory: "(memory (export \"memory\") 2) (table $t 1 8 funcref) (global $calls (mut i32) (i32.const 0))",
    execute: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1)))
        (drop (table.grow $t (ref.null func) (i32.const 1)))
        (if (i32.ne (local.get 2) (i32.const 1)) (then unreachable))
        (i32.store8 (i32.const 512) (global.get $calls))
        (i32.store8 (i32.const 513) (i32.load (i32.const 256)))
        (i32.store8 (i32.const 514) (table.size $t))
        (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 512)) (i32.store (i32.const 24) (i32.const 3))
        (i32.const 16)",
    ..Parts::HONEST
};

fn program(parts: &Parts) -> Program {
    Program::load(&parts.file(), limits()).expect("an acceptable component")
}

fn start(program: &Program) -> Sandbox<CountingHost> {
    Sandbox::start(program, CountingHost::default()).expect("it starts")
}

#[test]
fn instance_begins_as_the_file_says_whatever_came_before() {
    let program = program(&COUNTING);
    for _ in 0..3 {
        let mut sandbox = start(&program);
        assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(vec![1, 1, 2])));
        assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(vec![2, 2, 3])));
        // A fault ends this instance and no other.
        assert_eq!(
            sandbox.execute(0, b"trap"),
            Err(SandboxFault::Trapped(Trap::Unreachable))
        );
        assert_eq!(sandbox.execute(0, b"x"), Err(SandboxFault::Poisoned));
    }
    // Two at once.
    let (mut one, mut other) = (start(&program), start(&program));
    for calls in 1..5 {
        assert_eq!(one.execute(0, b"x"), Ok(Ok(vec![calls, calls, calls + 1])));
    }
    assert_eq!(other.execute(0, b"x"), Ok(Ok(vec![1, 1, 2])));
    drop(program);
    assert_eq!(
        other.execute(0, b"x"),
        Ok(Ok(vec![2, 2, 3])),
        "the code outlives its name"
    );
}

#[test]
fn fuel_of_a_call_is_the_same_in_every_instance_and_however_code_is_translated() {
    let lazy = program(&COUNTING);
    let eager = Limits {
        heap_free: Some(|| usize::MAX),
        ..limits()
    };
    let eager = Program::load(&COUNTING.file(), eager).expect("an acceptable component");
    let used = |program: &Program| {
        let mut sandbox = start(program);
        [(); 2].map(|()| {
            assert!(matches!(sandbox.execute(0, b"x"), Ok(Ok(_))));
            sandbox.last_call()
        })
    };
    let first = used(&lazy);
    assert!(first[0].fuel > 0);
    assert_eq!(
        first[0], first[1],
        "the call that has its code translated costs no more"
    );
    assert_eq!(first, used(&lazy));
    assert_eq!(first, used(&eager));
}

#[test]
fn instance_out_of_fuel_leaves_the_code_whole() {
    let limits = Limits { fuel: 300, ..limits() };
    let endless = Parts {
        execute: "(if (i32.eq (local.get 2) (i32.const 1)) (then (loop br 0))) (i32.const 16)
            (i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 24) (i32.const 0))",
        ..Parts::HONEST
    };
    let program = Program::load(&endless.file(), limits).expect("an acceptable component");
    for _ in 0..2 {
        assert_eq!(start(&program).execute(0, b"x"), Err(SandboxFault::OutOfFuel));
        assert_eq!(start(&program).execute(0, b""), Ok(Ok(Vec::new())));
    }
}

#[test]
fn buffer_of_each_instance_is_the_limit_on_its_memory() {
    let program = program(&Parts::HONEST);
    let buffer = |length| -> &'static mut [u8] { Box::leak(vec![0; length].into_boxed_slice()) };
    let start = |length| Sandbox::start_in(&program, buffer(length), CountingHost::default());
    assert_eq!(
        start((2 << 16) - 1).err(),
        Some(SandboxFault::TooLarge {
            what: Counted::MemoryBytes,
            count: 2 << 16,
            limit: (2 << 16) - 1
        })
    );
    for length in [2 << 16, 3 << 16] {
        let mut sandbox = start(length).expect("it starts");
        assert_eq!(sandbox.execute(0, b"hello"), Ok(Ok(b"hello".to_vec())));
    }
}
