//! Random sequences of commands, valid and almost valid, at two TPMs at once: this project's engine and swtpm. What must be equal is the response code,
//! the response's size, and every byte that does not depend on a random number or on which implementation it is.
//!
//! A run is a seed and a number of commands; the same seed makes the same run. The generator knows what it has made (objects, sessions, indices), so that
//! most commands are such as get past their first checks; one in four is then spoiled in one place. Where the two answer differently, [`verdicts`] has
//! a written reason, or it is a finding. After either the two may hold different states, so both start anew.

mod objects;
mod operations;
mod storage;
pub mod verdicts;
mod world;

pub use world::Finding;

use crate::dice::Dice;
use world::World;

/// Most commands at one pair of TPMs, after which both start anew.
const LIFE: u32 = 400;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Commands that were sent.
    pub commands: u32,
    /// Those that succeeded on both.
    pub succeeded: u32,
    /// Differences that have a verdict, by its reason.
    pub judged: std::collections::BTreeMap<&'static str, u32>,
    /// Differences that have none.
    pub findings: Vec<Finding>,
    /// How often each command succeeded on both, by its code.
    pub successes: std::collections::BTreeMap<u32, u32>,
}

/// Sends `commands` commands that `seed` chooses; stops early when `enough` findings are there.
pub fn run(seed: u64, commands: u32, enough: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut dice = Dice::new(seed);
    while outcome.commands < commands && outcome.findings.len() < enough {
        let mut world = World::new(dice.fork());
        for _ in 0..LIFE.min(commands - outcome.commands) {
            let step = world.step();
            outcome.commands += 1;
            match step {
                world::Step::Same { code, succeeded } => {
                    if succeeded {
                        outcome.succeeded += 1;
                        *outcome.successes.entry(code).or_default() += 1;
                    }
                }
                world::Step::Judged { reason, parted } => {
                    *outcome.judged.entry(reason).or_default() += 1;
                    if parted {
                        break;
                    }
                }
                world::Step::Found(finding) => {
                    outcome.findings.push(Finding { seed, ..finding });
                    break;
                }
            }
        }
    }
    outcome
}
