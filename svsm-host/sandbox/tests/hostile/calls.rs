//! What an honest component gets, and what a misbehaving export ends in.

use crate::{CountingHost, Parts, limits};
use svsm_sandbox::{Sandbox, SandboxFault, Trap};
use tpm_contract::{Component, Description, Failure, Record};

#[test]
fn honest_component_is_lifted_as_the_canonical_abi_says() {
    let mut sandbox = Parts::HONEST.load().expect("it loads");
    let told = Description {
        name: "echo".into(),
        version: "1".into(),
        state_format: 3,
        manufacturer: 4,
        firmware_version: 0x5_0000_0006,
    };
    assert_eq!(sandbox.describe(), Ok(told));
    assert_eq!(sandbox.power_on(&[]), Ok(Ok(())));
    assert_eq!(sandbox.identity(), Ok(Err(Failure::NotPowered)));
    assert_eq!(sandbox.save_persistent(), Ok(Ok(Vec::new())));
    assert_eq!(sandbox.execute(0, &[7; 4092]), Ok(Ok(vec![7; 4092])));
    assert!(sandbox.last_call().fuel > 0);
}

#[test]
fn state_records_are_lowered_as_the_canonical_abi_says() {
    // power-on returns its two parameters as a result's bytes if the list is what it should be: at +0 the key, at +4 pointer and length.
    let text = Parts::HONEST.text().replace(
        "power-on\") (param i32 i32) (result i32) (i32.const 8)",
        "power-on\") (param i32 i32) (result i32)
          (if (i32.or
                (i32.or (i32.ne (local.get 1) (i32.const 2))
                        (i32.ne (i32.load (local.get 0)) (i32.const 0x01020304)))
                (i32.or (i32.ne (i32.load offset=8 (local.get 0)) (i32.const 5))
                        (i32.ne (i32.load8_u offset=4 (i32.load offset=4 (local.get 0))) (i32.const 9))))
            (then unreachable))
          (if (i32.or (i32.ne (i32.load offset=12 (local.get 0)) (i32.const 8))
                      (i32.ne (i32.load offset=20 (local.get 0)) (i32.const 0)))
            (then unreachable))
          (i32.const 8)",
    );
    let file = crate::file(&[&crate::module(&text)]);
    let mut sandbox = Sandbox::load(&file, limits(), CountingHost::default()).expect("it loads");
    let saved = [
        Record {
            key: 0x0102_0304,
            value: vec![0, 0, 0, 0, 9],
        },
        Record {
            key: 8,
            value: Vec::new(),
        },
    ];
    assert_eq!(sandbox.power_on(&saved), Ok(Ok(())));
}

#[test]
fn operands_over_the_bound_never_reach_the_component() {
    let mut sandbox = Parts {
        execute: "unreachable",
        ..Parts::HONEST
    }
    .load()
    .expect("it loads");
    assert_eq!(sandbox.execute(0, &[0; 4097]), Ok(Err(Failure::BadOperand)));
    assert_eq!(sandbox.hash_data(&[0; 4097]), Ok(Err(Failure::BadOperand)));
    let long = Record {
        key: 0,
        value: vec![0; 65_537],
    };
    assert_eq!(sandbox.power_on(&[long]), Ok(Err(Failure::BadOperand)));
    assert_eq!(
        sandbox.restore_volatile(&vec![0; (1 << 20) + 1]),
        Ok(Err(Failure::BadOperand))
    );
    assert_eq!(sandbox.hash_data(&[0; 4096]), Ok(Ok(())));
}

#[test]
fn endless_loop_runs_out_of_fuel() {
    assert_eq!(
        Parts {
            execute: "(loop br 0) unreachable",
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::OutOfFuel
    );
}

#[test]
fn endless_loop_in_the_allocator_runs_out_of_fuel() {
    assert_eq!(
        Parts {
            realloc: "(loop br 0) unreachable",
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::OutOfFuel
    );
}

#[test]
fn endless_loop_in_post_return_runs_out_of_fuel() {
    assert_eq!(
        Parts {
            release: "(loop br 0)",
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::OutOfFuel
    );
}

#[test]
fn endless_loop_in_the_start_function_runs_out_of_fuel() {
    let parts = Parts {
        more: "(func $go (loop br 0)) (start $go)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), Some(SandboxFault::OutOfFuel));
    let parts = Parts {
        more: "(func (export \"_initialize\") (loop br 0))",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), Some(SandboxFault::OutOfFuel));
}

#[test]
fn budget_is_one_for_allocator_call_and_post_return() {
    // Each of the three takes more than a third of the budget.
    let spin = "(local $i i32) (local.set $i (i32.const 2500000))
        (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let alone = Parts {
        release: spin,
        ..Parts::HONEST
    };
    let mut sandbox = alone.load().expect("it loads");
    sandbox
        .execute(0, b"command")
        .expect("one third fits")
        .expect("an answer");
    let third = sandbox.last_call().fuel;
    assert!(third > limits().fuel / 3, "{third}");
    let execute: &'static str = Box::leak(format!("{spin} {}", Parts::HONEST.execute).into_boxed_str());
    let realloc: &'static str = Box::leak(
        Parts::HONEST
            .realloc
            .replacen("(local $at i32)", &format!("(local $at i32) {spin}"), 1)
            .into_boxed_str(),
    );
    assert_eq!(
        Parts {
            release: spin,
            execute,
            realloc,
            ..Parts::HONEST
        }
        .fault(),
        SandboxFault::OutOfFuel
    );
}

#[test]
fn traps_have_their_names() {
    for (execute, trap) in [
        ("unreachable", Trap::Unreachable),
        ("(i32.load (i32.const -1))", Trap::Memory),
        ("(i32.div_u (i32.const 1) (i32.const 0))", Trap::DivisionByZero),
        (
            "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
            Trap::IntegerOverflow,
        ),
        ("(i32.trunc_f32_s (f32.const nan))", Trap::BadConversion),
        ("(call_indirect (result i32) (i32.const 1))", Trap::NullCall),
        ("(call_indirect (result i32) (i32.const 9))", Trap::Table),
        (
            "(call_indirect (result i64) (i32.const 0)) drop (i32.const 0)",
            Trap::BadSignature,
        ),
    ] {
        let parts = Parts {
            execute,
            more: "(table 2 2 funcref) (elem (i32.const 0) $one) (func $one (result i32) (i32.const 16))",
            ..Parts::HONEST
        };
        assert_eq!(parts.fault(), SandboxFault::Trapped(trap), "{execute}");
    }
}

#[test]
fn recursion_without_end_is_stopped_by_depth() {
    let parts = Parts {
        execute: "(call $again)",
        more: "(func $again (result i32) (call $again))",
        ..Parts::HONEST
    };
    assert_eq!(parts.fault(), SandboxFault::Trapped(Trap::StackOverflow));
    // Mutual recursion through a table, with many locals each: the value stack ends first.
    let parts = Parts {
        execute: "(call $again)",
        more: "(func $again (result i32) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64
                i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64
                i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64
                i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
            (call_indirect (result i32) (i32.const 0)))
            (table 1 1 funcref) (elem (i32.const 0) $again)",
        ..Parts::HONEST
    };
    assert_eq!(parts.fault(), SandboxFault::Trapped(Trap::StackOverflow));
}
