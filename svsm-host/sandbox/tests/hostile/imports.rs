//! What a hostile component asks of its host.

use crate::{CountingHost, Parts, limits};
use svsm_sandbox::{Limits, Sandbox, SandboxFault};
use tpm_contract::{Change, Component};

/// All imports that the tests call.
const IMPORTS: &str = r#"
    (import "cloister:tpm/host@0.2.0" "entropy" (func $entropy (param i32 i32)))
    (import "cloister:tpm/host@0.2.0" "clock" (func $clock (result i64)))
    (import "cloister:tpm/host@0.2.0" "commit" (func $commit (param i32 i32 i32)))
    (import "cloister:tpm/host@0.2.0" "log" (func $log (param i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "mod-exp" (func $modexp (param i32 i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "miller-rabin" (func $rabin (param i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "rsa-private" (func $private (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "ec-multiply" (func $multiply (param i32 i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "ec-multiply-add" (func $add (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "hash-blocks" (func $hash (param i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "digest" (func $digest (param i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "hmac" (func $hmac (param i32 i32 i32 i32 i32 i32)))
    (import "cloister:tpm/arithmetic@0.2.0" "aes" (func $aes (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

/// A component whose `execute` does this and then returns what an honest one does.
fn asking(body: &str) -> Parts {
    let execute: &'static str = Box::leak(format!("{body} {}", Parts::HONEST.execute).into_boxed_str());
    Parts {
        imports: IMPORTS,
        execute,
        ..Parts::HONEST
    }
}

/// What `execute` ends in.
fn fault(body: &str) -> SandboxFault {
    asking(body).fault()
}

fn over(what: &'static str, length: u64, bound: u64) -> SandboxFault {
    SandboxFault::OverBound { what, length, bound }
}

#[test]
fn honest_questions_are_answered() {
    let body = "
        (call $entropy (i32.const 5) (i32.const 128))
        (if (i32.or (i32.ne (i32.load (i32.const 132)) (i32.const 5))
                    (i32.ne (i32.load (i32.load (i32.const 128))) (i32.const 0xeeeeeeee))) (then unreachable))
        (if (i64.ne (call $clock) (i64.const 42)) (then unreachable))
        (call $log (i32.const 2) (i32.const 1024) (i32.const 4))
        (call $commit (i32.const 256) (i32.const 2) (i32.const 128))
        (if (i32.load16_u (i32.const 128)) (then unreachable))
        (call $modexp (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 128))
        (if (i32.or (i32.ne (i32.load (i32.const 136)) (i32.const 4))
                    (i32.ne (i32.load (i32.load (i32.const 132))) (i32.const 0x07070707))) (then unreachable))
        (call $private (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 1) (i32.const 1026) (i32.const 1)
                       (i32.const 1027) (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 1) (i32.const 128))
        (if (i32.or (i32.ne (i32.load (i32.const 136)) (i32.const 6))
                    (i32.ne (i32.load (i32.load (i32.const 132))) (i32.const 0x6f686365))) (then unreachable))
        (if (i32.ne (i32.load16_u offset=4 (i32.load (i32.const 132))) (i32.const 0x6365)) (then unreachable))
        (call $digest (i32.const 3) (i32.const 1025) (i32.const 3) (i32.const 128))
        (if (i32.or (i32.ne (i32.load (i32.const 136)) (i32.const 2))
                    (i32.ne (i32.load16_u (i32.load (i32.const 132))) (i32.const 0x6303))) (then unreachable))
        (call $hmac (i32.const 1) (i32.const 1026) (i32.const 2) (i32.const 1027) (i32.const 1) (i32.const 128))
        (if (i32.or (i32.ne (i32.load (i32.const 136)) (i32.const 3))
                    (i32.ne (i32.and (i32.load (i32.load (i32.const 132))) (i32.const 0xffffff)) (i32.const 0x6f6801))) (then unreachable))
        (call $rabin (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 128))
        (if (i32.ne (i32.load16_u (i32.const 128)) (i32.const 1)) (then unreachable))";
    let parts = Parts {
        // key 9 with 3 bytes, key 10 removed.
        more: r#"(data (i32.const 1024) "echo") (data (i32.const 256) "\09\00\00\00\01\00\00\00\00\04\00\00\03\00\00\00\0a\00\00\00\00")"#,
        ..asking(body)
    };
    let mut sandbox = parts.load().expect("it loads");
    assert_eq!(sandbox.execute(0, b"hi"), Ok(Ok(b"hi".to_vec())));
    assert_eq!(sandbox.last_call().imports, 9);
    let host = sandbox.host();
    assert_eq!(host.lines, ["echo"]);
    let written = Change {
        key: 9,
        value: Some(b"ech".to_vec()),
    };
    assert_eq!(host.changes, [written, Change { key: 10, value: None }]);
    assert_eq!((host.entropy, host.exponentiations), (1, 1));
}

#[test]
fn operands_over_the_contract_s_bounds_are_refused() {
    for (body, expected) in [
        (
            "(call $entropy (i32.const 257) (i32.const 128))",
            over("entropy", 257, 256),
        ),
        (
            "(call $log (i32.const 0) (i32.const 0) (i32.const 257))",
            over("a log line", 257, 256),
        ),
        (
            "(call $commit (i32.const 0) (i32.const 257) (i32.const 128))",
            over("changes of a commit", 257, 256),
        ),
        (
            "(call $modexp (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 513) (i32.const 0) (i32.const 1) (i32.const 128))",
            over("an exponent", 513, 512),
        ),
        (
            "(call $rabin (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 1) (i32.const 128))",
            over("a candidate", 257, 256),
        ),
        (
            "(call $rabin (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16385) (i32.const 128))",
            over("bases", 16_385, 16_384),
        ),
        (
            "(call $private (i32.const 0) (i32.const 513) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 128))",
            over("an RSA input", 513, 512),
        ),
        (
            "(call $private (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 16) (i32.const 128))",
            over("a part of an RSA key", 257, 256),
        ),
        (
            "(call $multiply (i32.const 0) (i32.const 0) (i32.const 67) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128))",
            over("a scalar", 67, 66),
        ),
        (
            "(call $multiply (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 0) (i32.const 133) (i32.const 128))",
            over("a point", 133, 132),
        ),
        (
            "(call $add (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 67) (i32.const 0) (i32.const 64) (i32.const 128))",
            over("a scalar", 67, 66),
        ),
        (
            "(call $hash (i32.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 65537) (i32.const 128))",
            over("hash blocks", 65_537, 65_536),
        ),
        (
            "(call $digest (i32.const 1) (i32.const 0) (i32.const 65537) (i32.const 128))",
            over("a message", 65_537, 65_536),
        ),
        (
            "(call $hmac (i32.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 65537) (i32.const 128))",
            over("a message", 65_537, 65_536),
        ),
        (
            "(call $hmac (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 0) (i32.const 8) (i32.const 128))",
            over("an HMAC key", 1025, 1024),
        ),
        (
            "(call $aes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 33) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 128))",
            over("an AES key", 33, 32),
        ),
        (
            "(call $aes (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65537) (i32.const 128))",
            over("AES data", 65_537, 65_536),
        ),
    ] {
        assert_eq!(fault(body), expected, "{body}");
    }
}

#[test]
fn enums_without_such_a_case_are_refused() {
    for body in [
        "(call $log (i32.const 4) (i32.const 0) (i32.const 0))",
        "(call $multiply (i32.const 3) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128))",
        "(call $multiply (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 128))",
        "(call $add (i32.const -1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 64) (i32.const 128))",
        "(call $hash (i32.const 3) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 64) (i32.const 128))",
        "(call $digest (i32.const 4) (i32.const 0) (i32.const 8) (i32.const 128))",
        "(call $hmac (i32.const 4) (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 8) (i32.const 128))",
        "(call $aes (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 128))",
        "(call $aes (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 128))",
        // An option inside a commit.
        "(i32.store8 (i32.const 516) (i32.const 2)) (call $commit (i32.const 512) (i32.const 1) (i32.const 128))",
    ] {
        assert_eq!(fault(body), SandboxFault::BadDiscriminant, "{body}");
    }
}

#[test]
fn operands_and_result_areas_outside_the_memory_are_refused() {
    for body in [
        "(call $log (i32.const 0) (i32.const 131071) (i32.const 2))",
        "(call $log (i32.const 0) (i32.const -1) (i32.const 2))",
        "(call $entropy (i32.const 1) (i32.const 131068))",
        "(call $entropy (i32.const 1) (i32.const -8))",
        "(call $commit (i32.const 131068) (i32.const 1) (i32.const 128))",
        "(call $commit (i32.const -16) (i32.const 3) (i32.const 128))",
        "(call $commit (i32.const 512) (i32.const 0) (i32.const 131071))",
        "(call $modexp (i32.const 131072) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 128))",
        "(call $hash (i32.const 1) (i32.const 0) (i32.const 32) (i32.const 131008) (i32.const 65536) (i32.const 128))",
        "(call $digest (i32.const 1) (i32.const 131008) (i32.const 65) (i32.const 128))",
        "(call $digest (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 131064))",
        "(call $hmac (i32.const 1) (i32.const 131071) (i32.const 2) (i32.const 0) (i32.const 8) (i32.const 128))",
        "(call $hmac (i32.const 1) (i32.const 0) (i32.const 8) (i32.const -1) (i32.const 2) (i32.const 128))",
        // A value inside a commit.
        "(i32.store8 (i32.const 516) (i32.const 1)) (i32.store (i32.const 520) (i32.const 131072)) (i32.store (i32.const 524) (i32.const 1))
         (call $commit (i32.const 512) (i32.const 1) (i32.const 128))",
    ] {
        assert_eq!(fault(body), SandboxFault::PointerOutOfBounds, "{body}");
    }
}

#[test]
fn misaligned_operands_and_result_areas_are_refused() {
    for body in [
        "(call $entropy (i32.const 1) (i32.const 129))",
        "(call $entropy (i32.const 1) (i32.const 130))",
        "(call $commit (i32.const 514) (i32.const 1) (i32.const 128))",
        "(call $modexp (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 127))",
    ] {
        assert_eq!(fault(body), SandboxFault::PointerMisaligned, "{body}");
    }
}

#[test]
fn digest_of_a_host_that_is_too_long_is_the_host_s_fault() {
    let parts = Parts {
        more: "(data (i32.const 1024) \"!\")",
        ..asking("(call $digest (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 128))")
    };
    assert_eq!(parts.fault(), SandboxFault::HostResult);
}

#[test]
fn digest_and_hmac_that_cannot_be_paid_do_not_begin() {
    // 64 KiB cost half a million, as with hash-blocks.
    for body in [
        "(call $digest (i32.const 1) (i32.const 0) (i32.const 65536) (i32.const 1024))",
        "(call $hmac (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 0) (i32.const 65536) (i32.const 1024))",
    ] {
        let limits = Limits {
            fuel: 500_000,
            ..limits()
        };
        let mut sandbox = Sandbox::load(&asking(body).file(), limits, CountingHost::default()).expect("it loads");
        assert_eq!(sandbox.execute(0, b"x"), Err(SandboxFault::OutOfFuel));
        assert_eq!(sandbox.host().digests, 0);
    }
}

#[test]
fn result_that_the_allocator_puts_over_its_own_description_is_refused() {
    let parts = Parts {
        realloc: "(i32.const 124)",
        ..asking("(call $entropy (i32.const 8) (i32.const 128))")
    };
    assert_eq!(parts.fault(), SandboxFault::PointersOverlap);
}

#[test]
fn refused_commit_reaches_no_store() {
    let body = "(i32.store8 (i32.const 516) (i32.const 1)) (i32.store (i32.const 524) (i32.const 65537))
        (call $commit (i32.const 512) (i32.const 1) (i32.const 128))";
    let (fault, sandbox) = asking(body).fault_and_host();
    assert_eq!(fault, over("a state record", 65_537, 65_536));
    assert_eq!(sandbox.host().commits, 0);
    // Five records of 65,536 bytes: one by one within the bound, together not.
    let body = "(local $i i32)
        (loop
          (i32.store8 offset=516 (local.get $i) (i32.const 1))
          (i32.store offset=524 (local.get $i) (i32.const 65536))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (br_if 0 (i32.lt_u (local.get $i) (i32.const 80))))
        (call $commit (i32.const 512) (i32.const 5) (i32.const 128))";
    let (fault, sandbox) = asking(body).fault_and_host();
    assert_eq!(fault, over("a commit", 327_680, 262_144));
    assert_eq!(sandbox.host().commits, 0);
}

#[test]
fn log_line_that_is_no_text_is_refused() {
    let parts = Parts {
        more: r#"(data (i32.const 1024) "\c3\28")"#,
        ..asking("(call $log (i32.const 0) (i32.const 1024) (i32.const 2))")
    };
    let (fault, sandbox) = parts.fault_and_host();
    assert_eq!(fault, SandboxFault::BadUtf8);
    assert!(sandbox.host().lines.is_empty());
}

#[test]
fn import_from_the_allocator_is_refused() {
    // As a parameter goes in, and as a result of an import comes back: the re-entrance that a component can try.
    let realloc = "(drop (call $clock)) (i32.const 4096)";
    let parts = Parts {
        imports: IMPORTS,
        realloc,
        ..Parts::HONEST
    };
    assert_eq!(parts.fault(), SandboxFault::ImportNotAllowed("clock"));
    let realloc = "(if (i32.eq (local.get 3) (i32.const 8)) (then (call $entropy (i32.const 8) (i32.const 128)))) (i32.const 4096)";
    let parts = Parts {
        realloc,
        ..asking("(call $entropy (i32.const 8) (i32.const 128))")
    };
    let (fault, sandbox) = parts.fault_and_host();
    assert_eq!(fault, SandboxFault::ImportNotAllowed("entropy"));
    assert_eq!(sandbox.host().entropy, 1);
}

#[test]
fn import_from_post_return_is_refused() {
    let parts = Parts {
        imports: IMPORTS,
        release: "(drop (call $clock))",
        ..Parts::HONEST
    };
    assert_eq!(parts.fault(), SandboxFault::ImportNotAllowed("clock"));
}

#[test]
fn import_from_the_start_function_is_refused() {
    let parts = Parts {
        imports: IMPORTS,
        more: "(func $go (drop (call $clock))) (start $go)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), Some(SandboxFault::ImportNotAllowed("clock")));
}

#[test]
fn allocator_that_calls_an_export_while_an_import_waits_stays_harmless() {
    // Inside a component, calling one's own exported function is an ordinary call. It ends when the budget does.
    let parts = Parts {
        realloc: "(drop (call $again (i32.const 0) (i32.const 0))) (i32.const 4096)",
        more: "(func $again (param i32 i32) (result i32) (loop br 0) unreachable)",
        ..asking("(call $entropy (i32.const 8) (i32.const 128))")
    };
    assert_eq!(parts.fault(), SandboxFault::OutOfFuel);
}

#[test]
fn flood_of_cheap_imports_runs_out_of_fuel() {
    let (fault, sandbox) = asking("(loop (drop (call $clock)) br 0)").fault_and_host();
    assert_eq!(fault, SandboxFault::OutOfFuel);
    assert!(sandbox.last_call().imports < 150_000, "{:?}", sandbox.last_call());
    let (fault, sandbox) = asking("(loop (call $entropy (i32.const 0) (i32.const 128)) br 0)").fault_and_host();
    assert_eq!(fault, SandboxFault::OutOfFuel);
    assert!(sandbox.host().entropy < 150_000);
}

#[test]
fn flood_of_expensive_imports_runs_out_of_fuel_after_little_work() {
    let body = "(loop
        (call $modexp (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 512) (i32.const 1024))
        br 0)";
    let mut sandbox = Sandbox::load(
        &asking(body).file(),
        Limits {
            fuel: 2_000_000_000,
            ..limits()
        },
        CountingHost::default(),
    )
    .expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Err(SandboxFault::OutOfFuel));
    // A 4096-bit exponentiation is worth tens of millions of instructions.
    let done = sandbox.host().exponentiations;
    assert!((1..100).contains(&done), "{done}");
    let entropy = asking("(loop (call $entropy (i32.const 256) (i32.const 128)) br 0)");
    let (fault, sandbox) = Parts {
        realloc: "(i32.const 8192)",
        ..entropy
    }
    .fault_and_host();
    assert_eq!(fault, SandboxFault::OutOfFuel);
    assert!(sandbox.host().entropy < 1000, "{}", sandbox.host().entropy);
}

#[test]
fn expensive_import_that_cannot_be_paid_does_not_begin() {
    let body = "(call $modexp (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 512) (i32.const 1024))";
    let limits = Limits {
        fuel: 100_000,
        ..limits()
    };
    let mut sandbox = Sandbox::load(&asking(body).file(), limits, CountingHost::default()).expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Err(SandboxFault::OutOfFuel));
    assert_eq!(sandbox.host().exponentiations, 0);
}

#[test]
fn flood_of_log_lines_and_of_commits_is_stopped() {
    let (fault, sandbox) = asking("(loop (call $log (i32.const 0) (i32.const 0) (i32.const 0)) br 0)").fault_and_host();
    assert_eq!(fault, SandboxFault::Flood("log lines"));
    assert_eq!(sandbox.host().lines.len(), limits().log_lines as usize);
    let body = "(local $i i32)
        (i32.store8 (i32.const 516) (i32.const 1)) (i32.store (i32.const 524) (i32.const 65536))
        (loop (call $commit (i32.const 512) (i32.const 1) (i32.const 128)) br 0)";
    let limits = Limits {
        fuel: 1_000_000_000,
        ..limits()
    };
    let bound = limits.commit_bytes / 65_536;
    let mut sandbox = Sandbox::load(&asking(body).file(), limits, CountingHost::default()).expect("it loads");
    assert_eq!(sandbox.execute(0, b"x"), Err(SandboxFault::Flood("commits")));
    assert_eq!(sandbox.host().commits, bound as u64);
}

#[test]
fn what_a_call_used_does_not_count_for_the_next() {
    let mut sandbox = asking("(call $log (i32.const 0) (i32.const 0) (i32.const 0))")
        .load()
        .expect("it loads");
    for _ in 0..2 * limits().log_lines {
        assert_eq!(sandbox.execute(0, b"hi"), Ok(Ok(b"hi".to_vec())));
    }
}
