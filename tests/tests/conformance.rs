//! The conformance trial tells components apart: ours keeps every rule, the template every rule of the contract, and a broken one is caught by name.

use cloister_tests::artefact;
use component_trial::conformance::{Kind, judge, rules};
use std::{collections::BTreeSet, fs};

/// The names of the rules that a file breaks, with what was seen.
fn broken(file: &[u8]) -> Vec<(&'static str, String)> {
    let verdicts = judge(file, |_| {});
    assert_eq!(verdicts.len(), rules().count(), "every rule is tried");
    let broken = verdicts
        .into_iter()
        .filter_map(|verdict| Some((verdict.rule.name, verdict.broken?)));
    broken.collect()
}

fn built(name: &str) -> Vec<u8> {
    fs::read(artefact(name)).expect("the component")
}

#[test]
fn rules_have_names_of_their_own() {
    let names: BTreeSet<_> = rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules().count());
}

#[test]
fn own_component_keeps_every_rule() {
    assert_eq!(broken(&built("tpm.component.wasm")), []);
}

#[test]
fn component_that_traps_breaks_the_rule_of_unknown_commands() {
    let broken = broken(&built("trapping.component.wasm"));
    let [("unknown-commands", why)] = broken.as_slice() else {
        panic!("one rule is broken: {broken:?}");
    };
    assert!(why.contains("0x20000bad") && why.contains("unreachable"), "{why}");
}

#[test]
fn template_keeps_the_contract_and_is_no_tpm() {
    let broken: BTreeSet<_> = broken(&built("template.component.wasm"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let tpm: BTreeSet<_> = rules()
        .filter(|rule| rule.kind == Kind::Tpm)
        .map(|rule| rule.name)
        .collect();
    assert_eq!(broken, tpm);
}

#[test]
fn file_that_is_no_component_breaks_every_rule() {
    let mut file = built("tpm.component.wasm");
    file.truncate(file.len() / 2);
    assert_eq!(broken(&file).len(), rules().count());
}

#[test]
fn component_with_another_import_breaks_the_rule_of_the_world() {
    let mut file = built("template.component.wasm");
    // One letter of an interface's name, wherever it stands: still a valid component, of another world.
    let (from, to) = (b"cloister:tpm/host@", b"cloister:tpm/hosu@");
    let places: Vec<usize> = file
        .windows(from.len())
        .enumerate()
        .filter(|(_, bytes)| bytes == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the template imports the interface");
    for at in places {
        file[at..at + to.len()].copy_from_slice(to);
    }
    let broken = broken(&file);
    assert_eq!(broken.first().map(|(name, _)| *name), Some("world"), "{broken:?}");
    assert!(broken[0].1.contains("cloister:tpm/hosu@0.2.0"), "{}", broken[0].1);
}
