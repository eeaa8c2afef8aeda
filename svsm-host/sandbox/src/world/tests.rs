//! The tables against `wit/tpm.wit`: `wit-parser` reads the text, flattens every signature by the canonical ABI, and names it as `wit-component` does.

#![expect(
    clippy::indexing_slicing,
    reason = "the parser's arenas are indexed by their own identifiers"
)]

use super::*;
use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String, vec::Vec};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, WorldItem, WorldKey,
    abi::{AbiVariant, WasmSignature, WasmType},
    {WasmExport, WasmExportKind, WasmImport},
};

const CONTRACT: &str = include_str!("../../../../wit/tpm.wit");
const NAMES: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// Functions as a core module sees them, each in one line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tables {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    post_returns: BTreeSet<String>,
}

fn line(place: &str, name: &str, parameters: &[ValType], result: &[ValType]) -> String {
    format!("{place} {name} {parameters:?} {result:?}")
}

fn core_types(types: &[WasmType]) -> Vec<ValType> {
    types
        .iter()
        .map(|ty| match ty {
            WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
            WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
            WasmType::F32 => ValType::F32,
            WasmType::F64 => ValType::F64,
        })
        .collect()
}

fn from_signature(place: &str, name: &str, signature: &WasmSignature) -> String {
    line(
        place,
        name,
        &core_types(&signature.params),
        &core_types(&signature.results),
    )
}

/// What a WIT text says.
fn of_text(text: &str) -> Tables {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("tpm.wit", text).expect("WIT");
    let world = resolve
        .select_world(&[package], Some("tpm-component"))
        .expect("the world");
    let mut tables = Tables::default();
    for (key, item) in &resolve.worlds[world].imports {
        for function in functions(&resolve, item) {
            let import = WasmImport::Func {
                interface: Some(key),
                func: function,
            };
            let (module, name) = resolve.wasm_import_name(NAMES, import);
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            tables.imports.insert(from_signature(&module, &name, &signature));
        }
    }
    for (key, item) in &resolve.worlds[world].exports {
        for function in functions(&resolve, item) {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let name = |kind| export_name(&resolve, key, function, kind);
            tables
                .exports
                .insert(from_signature("", &name(WasmExportKind::Normal), &signature));
            tables.post_returns.insert(name(WasmExportKind::PostReturn));
        }
    }
    tables
}

fn functions<'a>(resolve: &'a Resolve, item: &WorldItem) -> Vec<&'a wit_parser::Function> {
    let WorldItem::Interface { id, .. } = item else {
        panic!("the world has interfaces only: {item:?}");
    };
    resolve.interfaces[*id].functions.values().collect()
}

fn export_name(resolve: &Resolve, key: &WorldKey, func: &wit_parser::Function, kind: WasmExportKind) -> String {
    let export = WasmExport::Func {
        interface: Some(key),
        func,
        kind,
    };
    resolve.wasm_export_name(NAMES, export)
}

/// What the sandbox asks for.
fn of_sandbox() -> Tables {
    let parameters = |known: &Signature| alloc::vec![ValType::I32; known.parameters];
    let imports = IMPORTS
        .iter()
        .map(|known| line(known.interface, known.name, &parameters(known), known.result.as_slice()));
    let engine = EXPORTS.iter().filter(|known| known.name != REALLOC);
    Tables {
        imports: imports.collect(),
        exports: engine
            .map(|known| line("", known.name, &parameters(known), known.result.as_slice()))
            .collect(),
        post_returns: POST_RETURNS.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn tables_are_those_of_the_contract() {
    let contract = of_text(CONTRACT);
    assert_eq!((contract.imports.len(), contract.exports.len()), (13, 10));
    assert_eq!(of_sandbox(), contract);
}

#[test]
fn names_beside_the_functions_are_those_of_the_packer() {
    let resolve = Resolve::default();
    let named = |export| resolve.wasm_export_name(NAMES, export);
    assert_eq!(named(WasmExport::Memory), MEMORY);
    assert_eq!(named(WasmExport::Realloc), REALLOC);
    assert_eq!(named(WasmExport::Initialize), INITIALIZE);
    let realloc = EXPORTS.iter().find(|known| known.name == REALLOC).expect("a row");
    // CanonicalABI.md: (original pointer, original size, alignment, new size) -> pointer.
    assert_eq!(realloc.parameters, 4);
    assert_eq!(realloc.result, Some(ValType::I32));
    assert!(
        EXPORTS
            .iter()
            .all(|known| known.name == REALLOC || known.name.starts_with(ENGINE_PREFIX))
    );
}

#[test]
fn contract_with_another_type_or_name_does_not_match_the_tables() {
    for (from, to) in [
        ("execute: func(locality: u8,", "execute: func(locality: u64,"),
        ("clock: func() -> u64", "clock: func() -> u32"),
        ("point: option<list<u8>>)", "point: list<u8>)"),
        ("save-volatile: func()", "keep-volatile: func()"),
        ("    hash-end: func() -> result<_, failure>;\n", ""),
        ("package cloister:tpm@0.2.0", "package cloister:tpm@0.2.1"),
    ] {
        assert_eq!(CONTRACT.matches(from).count(), 1, "{from:?}");
        assert_ne!(of_sandbox(), of_text(&CONTRACT.replace(from, to)), "{to}");
    }
}
