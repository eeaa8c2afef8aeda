//! A bounded run of every fuzz target: its corpus, and variations of it. `cargo xtask fuzz` goes on where this ends, with libFuzzer's coverage to guide it.
//!
//! The targets say what they look for (`fuzz_targets`): a panic, a form that is not kept, a refusal that the contract does not have.

use cloister_tests::dice::Dice;
use fuzz_targets::{TARGETS, Target};
use std::{fs, path::Path, thread};

/// The longest input, as for libFuzzer.
const LONGEST: usize = 8192;
/// Bytes at which formats are decided: limits of signs and sizes, tags and the like.
const TELLING: [u8; 8] = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, 0x10];

/// The corpus of a target, in the order of its names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("readable")).collect()
}

/// One small change.
fn change(input: &mut Vec<u8>, dice: &mut Dice, corpus: &[Vec<u8>]) {
    let place = |dice: &mut Dice, input: &[u8]| dice.below(input.len().max(1));
    let at = place(dice, input);
    match dice.below(6) {
        0 => input
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte ^= 1 << dice.below(8)),
        1 => input
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = dice.pick(&TELLING)),
        2 => input.truncate(at),
        3 => drop(input.drain(at..(at + 1 + dice.below(16)).min(input.len()))),
        4 => {
            let count = 1 + dice.below(8);
            let more = dice.bytes(count);
            input.splice(at.min(input.len())..at.min(input.len()), more);
        }
        _ => {
            let other = dice.pick(corpus);
            let from = place(dice, &other);
            input.truncate(at);
            input.extend_from_slice(other.get(from..).unwrap_or_default());
        }
    }
    input.truncate(LONGEST);
}

/// Runs the corpus, and so many variations of it.
fn run(name: &str, variations: usize) {
    let (_, target): (_, Target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target");
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "the corpus of {name} is not there");
    corpus.iter().for_each(|input| target(input));
    let mut dice = Dice::new(0xF022);
    for number in 0..variations {
        let mut input = dice.pick(&corpus);
        for _ in 0..=dice.below(4) {
            change(&mut input, &mut dice, &corpus);
        }
        let shown = Shown { name, number, input };
        target(&shown.input);
    }
}

/// Says which input it was, when a target panics on it.
struct Shown<'a> {
    name: &'a str,
    number: usize,
    input: Vec<u8>,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "variation {} of {}: {}",
                self.number,
                self.name,
                hex::encode(&self.input)
            );
        }
    }
}

#[test]
fn structures_that_anybody_made_up() {
    run("structures", 200_000);
}

#[test]
fn commands_that_anybody_made_up() {
    run("commands", 10_000);
}

#[test]
fn state_that_anybody_made_up() {
    run("state", 20_000);
}

#[test]
fn components_that_anybody_made_up() {
    run("component", 20_000);
}
