//! The component that was built fulfils `wit/` as it stands there, item by item, and the Rust form of the contract says the same.
//!
//! The expectation is the WIT text; the component's side is decoded from the finished file by `wit-parser` (Component Model, binary format). That
//! the comparison sees a difference is tested with texts that differ in one place each.

use cloister_tests::artefact;
use component_trial::world_shape::WorldShape;
use std::{fs, path::Path};
use tpm_contract::{CipherMode, CommitError, Curve, Direction, Failure, HashAlgorithm, HashCore, LogLevel, Refusal};

const WORLD: &str = "tpm-component";

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn text() -> String {
    fs::read_to_string(folder().join("tpm.wit")).expect("wit/tpm.wit")
}

fn contract() -> WorldShape {
    WorldShape::of_folder(&folder(), WORLD).expect("wit/ is a WIT package")
}

fn built(name: &str) -> WorldShape {
    let file = fs::read(artefact(name)).expect("the component");
    WorldShape::of_component(&file).expect("a component")
}

#[test]
fn built_component_has_exactly_the_world_of_the_contract() {
    let contract = contract();
    assert!(contract.len() > 35, "the contract has lost items: {contract:?}");
    assert_eq!(built("tpm.component.wasm").differences(&contract), [""; 0]);
}

#[test]
fn built_components_import_no_more_than_the_contract_gives() {
    for name in ["tpm.component.wasm", "trapping.component.wasm"] {
        assert_eq!(built(name).imports_beyond(&contract()), [""; 0], "{name}");
    }
}

/// The contract's text with one place changed.
fn changed(from: &str, to: &str) -> WorldShape {
    let text = text();
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in the contract");
    WorldShape::of_text(&text.replace(from, to), WORLD).expect("the changed text is WIT")
}

#[test]
fn every_kind_of_difference_is_found_in_the_built_component() {
    let component = built("tpm.component.wasm");
    let differences = [
        (
            "execute: func(locality: u8,",
            "execute: func(locality: u16,",
            "function execute",
        ),
        (
            "execute: func(locality: u8,",
            "execute: func(place: u8,",
            "function execute",
        ),
        (
            "identity: func() -> result<identity-keys, failure>",
            "identity: func() -> identity-keys",
            "function identity",
        ),
        ("clock: func() -> u64", "clock: func() -> s64", "function clock"),
        ("hash-end: func() -> result<_, failure>;", "", "function hash-end"),
        ("hash-end: func()", "hash-finish: func()", "function hash-finish"),
        ("value: option<list<u8>>", "value: list<u8>", "type change"),
        ("rsa-ek: list<u8>,", "rsa-ek: list<u16>,", "type identity-keys"),
        ("        p521,\n", "", "type curve"),
        ("        encrypt,\n", "        encipher,\n", "type direction"),
        ("interface arithmetic {", "interface arithmetics {", "arithmetics"),
        (
            "package cloister:tpm@0.2.0",
            "package cloister:tpm@0.3.0",
            "cloister:tpm/engine@0.3.0",
        ),
    ];
    for (from, to, item) in differences {
        let text = if from.starts_with("interface ") {
            let text = text()
                .replace(from, to)
                .replace("import arithmetic;", "import arithmetics;");
            WorldShape::of_text(&text, WORLD).expect("the changed text is WIT")
        } else {
            changed(from, to)
        };
        let found = component.differences(&text);
        assert!(
            found.iter().any(|line| line.contains(item)),
            "{from:?} as {to:?}: {found:?}"
        );
    }
}

#[test]
fn documentation_is_no_difference() {
    let bare: String = text()
        .lines()
        .filter(|line| !line.trim_start().starts_with("///"))
        .fold(String::new(), |mut text, line| {
            text += line;
            text.push('\n');
            text
        });
    let bare = WorldShape::of_text(&bare, WORLD).expect("WIT without documentation");
    assert_eq!(bare.differences(&contract()), [""; 0]);
}

#[test]
fn host_that_gives_less_is_told_what_the_component_asks_for() {
    let less = changed("    clock: func() -> u64;\n", "");
    let beyond = built("tpm.component.wasm").imports_beyond(&less);
    assert_eq!(beyond.len(), 1, "{beyond:?}");
    assert!(
        beyond[0].starts_with("import cloister:tpm/host@0.2.0 function clock"),
        "{beyond:?}"
    );
}

/// The names of a WIT enum's cases, in order.
fn cases(name: &str) -> Vec<String> {
    let text = text();
    let (_, body) = text
        .split_once(&format!("enum {name} {{"))
        .expect("an enum of the contract");
    let (body, _) = body.split_once('}').expect("its end");
    body.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|case| !case.is_empty())
        .map(Into::into)
        .collect()
}

/// `NotPowered` as `not-powered`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// What the Rust enum's variants are called in WIT, each at the place that its discriminant names.
macro_rules! rust_cases {
    ($ty:ident: $($case:ident),+ $(,)?) => {{
        // A variant that is not listed here makes this match incomplete.
        let place = |case: $ty| match case { $($ty::$case => case as u8),+ };
        let mut cases = vec![$((place($ty::$case), kebab(stringify!($case)))),+];
        cases.sort();
        cases.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    }};
}

#[test]
fn rust_enums_are_those_of_the_contract_in_its_order() {
    let failure = rust_cases!(
        Failure: NotPowered,
        AlreadyPowered,
        BadState,
        NoEntropy,
        NotCommitted,
        BadOperand,
        SelfTest,
    );
    assert_eq!(failure, cases("failure"));
    let level = rust_cases!(LogLevel: Error, Warn, Info, Debug);
    assert_eq!(level, cases("log-level"));
    let error = rust_cases!(CommitError: Unavailable, Full, BadOperand);
    assert_eq!(error, cases("commit-error"));
    assert_eq!(rust_cases!(Refusal: NotOffered, BadOperand), cases("refusal"));
    assert_eq!(rust_cases!(Curve: P256, P384, P521), cases("curve"));
    assert_eq!(rust_cases!(HashCore: Sha1, Sha256, Sha512), cases("hash"));
    let algorithm = rust_cases!(HashAlgorithm: Sha1, Sha256, Sha384, Sha512);
    assert_eq!(algorithm, cases("hash-algorithm"));
    let mode = rust_cases!(CipherMode: Ecb, Cbc, Cfb, Ctr, Ofb);
    assert_eq!(mode, cases("cipher-mode"));
    assert_eq!(rust_cases!(Direction: Encrypt, Decrypt), cases("direction"));
}
