//! Results whose pointers, lengths, discriminants or texts are not what the canonical ABI allows.

use crate::Parts;
use svsm_sandbox::{SandboxFault, Trap};
use tpm_contract::{Component, Failure};

/// A component whose `execute` returns this area, put at 64 by a data segment.
fn result(area: &'static str, at: &'static str) -> Parts {
    let more: &'static str = Box::leak(format!("(data (i32.const 64) \"{area}\")").into_boxed_str());
    let execute: &'static str = Box::leak(format!("(i32.const {at})").into_boxed_str());
    Parts {
        execute,
        more,
        ..Parts::HONEST
    }
}

#[test]
fn result_area_outside_the_memory_is_refused() {
    for at in ["-4", "131068", "131072", "0x7ffffffc"] {
        assert_eq!(result("", at).fault(), SandboxFault::PointerOutOfBounds, "{at}");
    }
}

#[test]
fn misaligned_result_area_is_refused() {
    for at in ["65", "66", "67"] {
        assert_eq!(result("", at).fault(), SandboxFault::PointerMisaligned, "{at}");
    }
}

#[test]
fn list_outside_the_memory_is_refused() {
    // ok, pointer, length.
    for area in [
        r"\00\00\00\00\ff\ff\01\00\02\00\00\00",
        r"\00\00\00\00\ff\ff\ff\ff\fc\0f\00\00",
        r"\00\00\00\00\00\00\02\00\01\00\00\00",
    ] {
        assert_eq!(result(area, "64").fault(), SandboxFault::PointerOutOfBounds, "{area}");
    }
    // The last byte is still inside.
    let mut sandbox = result(r"\00\00\00\00\ff\ff\01\00\01\00\00\00", "64")
        .load()
        .expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Ok(Ok(vec![0])));
}

#[test]
fn oversized_list_is_refused_before_it_is_read() {
    let fault = |length, bound| SandboxFault::OverBound {
        what: "a response",
        length,
        bound,
    };
    assert_eq!(
        result(r"\00\00\00\00\00\00\00\00\fd\0f\00\00", "64").fault(),
        fault(4093, 4092)
    );
    assert_eq!(
        result(r"\00\00\00\00\00\00\00\00\ff\ff\ff\ff", "64").fault(),
        fault(0xffff_ffff, 4092)
    );
}

#[test]
fn list_that_shares_bytes_with_its_own_description_is_refused() {
    assert_eq!(
        result(r"\00\00\00\00\4b\00\00\00\08\00\00\00", "64").fault(),
        SandboxFault::PointersOverlap
    );
    let mut sandbox = result(r"\00\00\00\00\4c\00\00\00\08\00\00\00", "64")
        .load()
        .expect("it loads");
    assert_eq!(
        sandbox.execute(0, b"x"),
        Ok(Ok(vec![0; 8])),
        "right behind it is another matter"
    );
}

#[test]
fn discriminants_that_do_not_exist_are_refused() {
    assert_eq!(result(r"\02", "64").fault(), SandboxFault::BadDiscriminant);
    assert_eq!(result(r"\ff", "64").fault(), SandboxFault::BadDiscriminant);
    // error(failure): seven cases.
    assert_eq!(result(r"\01\00\00\00\07", "64").fault(), SandboxFault::BadDiscriminant);
    let mut sandbox = result(r"\01\00\00\00\06", "64").load().expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Ok(Err(Failure::SelfTest)));
}

#[test]
fn allocator_that_lies_is_refused() {
    for (realloc, fault) in [
        ("(i32.const 131072)", SandboxFault::PointerOutOfBounds),
        ("(i32.const -1)", SandboxFault::PointerOutOfBounds),
        ("unreachable", SandboxFault::Trapped(Trap::Unreachable)),
    ] {
        assert_eq!(
            Parts {
                realloc,
                ..Parts::HONEST
            }
            .fault(),
            fault,
            "{realloc}"
        );
    }
    // The table of records has alignment 4.
    let parts = Parts {
        realloc: "(i32.const 2)",
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    assert_eq!(sandbox.power_on(&[]), Err(SandboxFault::PointerMisaligned));
    // Two records in one place.
    let parts = Parts {
        realloc: "(i32.const 4096)",
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    let record = tpm_contract::Record {
        key: 1,
        value: vec![1; 16],
    };
    assert_eq!(
        sandbox.power_on(&[record.clone(), record]),
        Err(SandboxFault::PointersOverlap)
    );
}

#[test]
fn identity_whose_lists_share_bytes_is_refused() {
    // Four lists of 4 bytes; the second begins inside the first.
    let parts = Parts {
        identity: "(i32.const 64)",
        more: r#"(data (i32.const 64) "\00\00\00\00\00\02\00\00\04\00\00\00\03\02\00\00\04\00\00\00\10\02\00\00\04\00\00\00\20\02\00\00\04\00\00\00")"#,
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    assert_eq!(sandbox.identity(), Err(SandboxFault::PointersOverlap));
    let parts = Parts {
        more: r#"(data (i32.const 64) "\00\00\00\00\00\02\00\00\04\00\00\00\04\02\00\00\04\00\00\00\10\02\00\00\04\00\00\00\20\02\00\00\01\04\00\00")"#,
        ..parts
    };
    let mut sandbox = parts.load().expect("it loads");
    let fault = SandboxFault::OverBound {
        what: "a public area",
        length: 1025,
        bound: 1024,
    };
    assert_eq!(sandbox.identity(), Err(fault));
}

#[test]
fn saved_state_over_its_bounds_is_refused() {
    let save = |area: &'static str| {
        let more: &'static str = Box::leak(format!("(data (i32.const 64) \"{area}\")").into_boxed_str());
        let mut sandbox = Parts {
            save: "(i32.const 64)",
            more,
            ..Parts::HONEST
        }
        .load()
        .expect("it loads");
        sandbox.save_persistent().expect_err("it must be refused")
    };
    let records = SandboxFault::OverBound {
        what: "state records",
        length: 4097,
        bound: 4096,
    };
    assert_eq!(save(r"\00\00\00\00\00\02\00\00\01\10\00\00"), records);
    assert_eq!(
        save(r"\00\00\00\00\02\02\00\00\01\00\00\00"),
        SandboxFault::PointerMisaligned
    );
    assert_eq!(
        save(r"\00\00\00\00\fc\ff\01\00\01\00\00\00"),
        SandboxFault::PointerOutOfBounds
    );
    // One record whose value is the table that describes it.
    assert_eq!(
        save(r"\00\00\00\00\50\00\00\00\01\00\00\00\00\00\00\00\07\00\00\00\54\00\00\00\04\00\00\00"),
        SandboxFault::PointersOverlap
    );
    let value = SandboxFault::OverBound {
        what: "a state record",
        length: 65_537,
        bound: 65_536,
    };
    assert_eq!(
        save(r"\00\00\00\00\50\00\00\00\01\00\00\00\00\00\00\00\07\00\00\00\00\00\00\00\01\00\01\00"),
        value
    );
}

#[test]
fn description_that_is_no_text_or_too_long_is_refused() {
    let describe = |more: &'static str| {
        let mut sandbox = Parts { more, ..Parts::HONEST }.load().expect("it loads");
        sandbox.describe().expect_err("it must be refused")
    };
    assert_eq!(
        describe(r#"(data (i32.const 1024) "\ff\fe\fd\fc1")"#),
        SandboxFault::BadUtf8
    );
    let parts = Parts {
        describe: "(i32.store (i32.const 36) (i32.const 65)) (i32.const 32)",
        ..Parts::HONEST
    };
    let mut sandbox = parts.load().expect("it loads");
    let fault = SandboxFault::OverBound {
        what: "a name",
        length: 65,
        bound: 64,
    };
    assert_eq!(sandbox.describe(), Err(fault));
    let parts = Parts {
        describe: "(i32.const 36)",
        ..Parts::HONEST
    };
    assert_eq!(
        parts.load().expect("it loads").describe(),
        Err(SandboxFault::PointerMisaligned)
    );
}
