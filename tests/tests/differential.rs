//! Random command sequences at the engine and at swtpm, which must answer alike (`cloister_tests::differential` says what is compared).
//!
//! The short form runs with every test; `CLOISTER_DIFFERENTIAL=COMMANDS` asks for more, and `CLOISTER_SEED` for another seed.

use cloister_tests::differential::{Outcome, run};

/// Commands of the short form.
const SHORT: u32 = 6000;
/// Findings after which a run ends.
const ENOUGH: usize = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn report(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} commands, {} successes of {} kinds\n",
        outcome.commands,
        outcome.succeeded,
        outcome.successes.len()
    );
    for (reason, times) in &outcome.judged {
        text += &format!("{times} times: {reason}\n");
    }
    for finding in &outcome.findings {
        text += &format!("seed {}: {}\n", finding.seed, finding.what);
        for line in &finding.history {
            text += &format!("    {line}\n");
        }
    }
    text
}

#[test]
fn engine_and_swtpm_answer_random_commands_alike() {
    let commands = number("CLOISTER_DIFFERENTIAL").map_or(SHORT, |commands| commands as u32);
    let outcome = run(number("CLOISTER_SEED").unwrap_or(1), commands, ENOUGH);
    println!("{}", report(&outcome));
    assert!(outcome.findings.is_empty(), "{}", report(&outcome));
    // A run in which nearly everything is refused compares nothing.
    assert!(outcome.succeeded * 4 > outcome.commands, "{}", report(&outcome));
    assert!(outcome.successes.len() >= 50, "{}", report(&outcome));
}
