//! A guest's stream of commands (Part 3) at a TPM with state. Each step is a byte that says what happens, and what it needs: a locality with a sized command, a power cycle,
//! an H-CRTM or D-RTM sequence, or a move into another instance.

use crate::{Input, Moment, execute, power_on, started};
use tpm_contract::{Component, bounds::MAX_HASH_DATA};

/// Runs one input.
///
/// # Panics
/// When what is looked for is found.
pub fn run(data: &[u8]) {
    let mut engine = started().again();
    let mut input = Input(data);
    while let Some(step) = input.byte() {
        match step {
            0xFF => engine = power_on(engine.host().clone()),
            0xFE => engine = Moment::of(&mut engine).again(),
            0xFD => {
                let Ok(started) = engine.hash_start();
                started.expect("the TPM is on");
                let data = input.sized().unwrap_or_default();
                let Ok(hashed) = engine.hash_data(data);
                assert_eq!(hashed.is_ok(), data.len() <= MAX_HASH_DATA);
                let Ok(ended) = engine.hash_end();
                ended.expect("this host commits");
            }
            locality => {
                let Some(command) = input.sized() else { break };
                execute(&mut engine, locality, command);
            }
        }
    }
}
