//! Files that are no component of this world.

use crate::{CountingHost, Parts, file, limits, module};
use svsm_sandbox::{Sandbox, SandboxFault};

fn refused(bytes: &[u8]) -> Option<SandboxFault> {
    Sandbox::load(bytes, limits(), CountingHost::default()).err()
}

/// The honest module with some text replaced.
fn with(from: &str, to: &str) -> Vec<u8> {
    let text = Parts::HONEST.text();
    assert!(text.contains(from), "{from}");
    file(&[&module(&text.replace(from, to))])
}

#[test]
fn anything_but_a_component_is_refused() {
    let module = module(&Parts::HONEST.text());
    for bytes in [
        &b""[..],
        b"\0asm",
        b"\x7fELF....",
        &module,
        b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f",
    ] {
        assert_eq!(refused(bytes), Some(SandboxFault::NotAComponent));
    }
    assert_eq!(refused(&file(&[])), Some(SandboxFault::NoCandidate));
}

#[test]
fn every_cut_of_a_component_is_refused() {
    let bytes = Parts::HONEST.file();
    for length in 0..bytes.len() {
        assert!(refused(&bytes[..length]).is_some(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn no_changed_bit_of_a_component_harms_the_host() {
    let bytes = Parts::HONEST.file();
    let limits = svsm_sandbox::Limits {
        fuel: 100_000,
        ..limits()
    };
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(mut sandbox) = Sandbox::load(&changed, limits.clone(), CountingHost::default()) {
            use tpm_contract::Component;
            for _ in 0..2 {
                let answer = sandbox.execute(0, b"hello");
                let length = answer.map_or(0, |answer| answer.map_or(0, |response| response.len()));
                assert!(length <= 4096);
            }
            sandbox
                .describe()
                .map_or_else(|_| (), |told| assert!(told.name.len() <= 64));
        }
    }
}

#[test]
fn main_module_is_found_beside_others_and_two_are_refused() {
    let main = module(&Parts::HONEST.text());
    let shim = module("(module (func (export \"0\")))");
    assert_eq!(refused(&file(&[&shim, &main, &shim])), None);
    assert_eq!(refused(&file(&[&main, &shim, &main])), Some(SandboxFault::Ambiguous));
}

#[test]
fn missing_and_wrong_exports_are_named() {
    assert_eq!(
        refused(&with("#hash-end\")", "#hash-over\")")),
        Some(SandboxFault::MissingExport("cloister:tpm/engine@0.2.0#hash-end"))
    );
    assert_eq!(
        refused(&with("#hash-data\") (param i32 i32)", "#hash-data\") (param i32 i64)")),
        Some(SandboxFault::WrongExport("cloister:tpm/engine@0.2.0#hash-data"))
    );
    assert_eq!(
        refused(&with("#hash-end\") (result i32) (i32.const 8)", "#hash-end\")")),
        Some(SandboxFault::WrongExport("cloister:tpm/engine@0.2.0#hash-end"))
    );
    assert_eq!(
        refused(&with("(func (export \"cabi_realloc\")", "(func (export \"realloc\")")),
        Some(SandboxFault::MissingExport("cabi_realloc"))
    );
    assert_eq!(
        refused(&with("(memory (export \"memory\") 2)", "(memory 2)")),
        Some(SandboxFault::MissingExport("memory"))
    );
    assert_eq!(
        refused(&with(
            "(memory (export \"memory\") 2)",
            "(memory 2) (func (export \"memory\"))"
        )),
        Some(SandboxFault::WrongExport("memory"))
    );
    assert_eq!(
        refused(&with("#execute\") (param i32) ", "#execute\") (param i64) ")),
        Some(SandboxFault::WrongExport("cabi_post_cloister:tpm/engine@0.2.0#execute"))
    );
    let other_version = with("engine@0.2.0#describe", "engine@0.3.0#describe");
    assert_eq!(
        refused(&other_version),
        Some(SandboxFault::MissingExport("cloister:tpm/engine@0.2.0#describe"))
    );
}

#[test]
fn unknown_and_wrong_imports_are_refused() {
    let importing = |imports| {
        refused(
            &Parts {
                imports,
                ..Parts::HONEST
            }
            .file(),
        )
    };
    for unknown in [
        r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
        r#"(import "cloister:tpm/host@0.2.0" "reboot" (func))"#,
        r#"(import "cloister:tpm/host@0.3.0" "clock" (func (result i64)))"#,
        r#"(import "cloister:tpm/arithmetic@0.2.0" "clock" (func (result i64)))"#,
        r#"(import "cloister" "memory" (func))"#,
        r#"(import "cloister" "global" (global i32))"#,
        r#"(import "cloister" "table" (table 1 funcref))"#,
    ] {
        assert_eq!(importing(unknown), Some(SandboxFault::UnknownImport), "{unknown}");
    }
    assert_eq!(
        importing(r#"(import "cloister:tpm/host@0.2.0" "clock" (func (result i32)))"#),
        Some(SandboxFault::WrongImport("clock"))
    );
    assert_eq!(
        importing(r#"(import "cloister:tpm/host@0.2.0" "log" (func (param i32 i32)))"#),
        Some(SandboxFault::WrongImport("log"))
    );
    // The sandbox's own import cannot be borrowed: a module that imports its memory has none of its own.
    let borrowed = Parts {
        imports: r#"(import "cloister" "memory" (memory 2))"#,
        memory: r#"(export "memory" (memory 0))"#,
        ..Parts::HONEST
    };
    assert_eq!(refused(&borrowed.file()), Some(SandboxFault::UnknownImport));
}

#[test]
fn proposals_that_are_not_needed_are_off() {
    for more in [
        "(func (result i32 i32) i32.const 0 i32.const 0)",
        "(func $f return_call $f)",
        "(func (drop (v128.const i64x2 0 0)))",
        "(func (drop (i32.atomic.load (i32.const 0))))",
        "(func (try_table))",
        "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        "(func (drop (ref.null none)))",
    ] {
        let parts = Parts {
            more: Box::leak(more.to_owned().into_boxed_str()),
            ..Parts::HONEST
        };
        assert_eq!(parts.load().err(), Some(SandboxFault::InvalidModule), "{more}");
    }
    for memory in [
        "(memory (export \"memory\") i64 1)",
        "(memory (export \"memory\") 1 1 shared)",
    ] {
        let parts = Parts {
            memory,
            more: "",
            ..Parts::HONEST
        };
        let module = wat::parse_str(format!(
            "(module {memory} (func (export \"cloister:tpm/engine@0.2.0#x\")))"
        ));
        let module = module.expect("a module");
        assert_eq!(
            refused(&file(&[&module])),
            Some(SandboxFault::InvalidModule),
            "{}",
            parts.memory
        );
    }
}

#[test]
fn segment_that_does_not_fit_is_refused() {
    let parts = Parts {
        more: "(data (i32.const 131072) \"x\")",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), Some(SandboxFault::SegmentOutOfBounds));
    let parts = Parts {
        more: "(table 1 funcref) (elem (i32.const 1) $f) (func $f)",
        ..Parts::HONEST
    };
    assert_eq!(parts.load().err(), Some(SandboxFault::SegmentOutOfBounds));
}
