//! State that a host, or a server behind it, hands to an instance (wit/tpm.wit): records (key, size, value) for `power-on` when the first byte is even, else the bytes of `restore-volatile`. What
//! the engine accepts it must be able to work with, to save and to accept again.

use crate::{Engine, Input, Moment, STARTUP, execute, power_on, started};
use component_trial::host::RepeatingHost;
use tpm_contract::{Component, Failure, Record};

/// TPM2_GetRandom, TPM2_GetCapability of properties and handles, TPM2_PCR_Read, TPM2_ReadClock, TPM2_Shutdown(STATE).
const COMMANDS: [&[u8]; 7] = [
    STARTUP,
    b"\x80\x01\0\0\0\x0c\0\0\x01\x7b\0\x20",
    b"\x80\x01\0\0\0\x16\0\0\x01\x7a\0\0\0\x06\0\0\x02\0\0\0\0\x40",
    b"\x80\x01\0\0\0\x16\0\0\x01\x7a\0\0\0\x01\x81\0\0\0\0\0\0\x40",
    b"\x80\x01\0\0\0\x14\0\0\x01\x7e\0\0\0\x01\0\x0b\x03\xff\0\0",
    b"\x80\x01\0\0\0\x0a\0\0\x01\x81",
    b"\x80\x01\0\0\0\x0c\0\0\x01\x45\0\x01",
];

fn records(mut input: Input<'_>) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !input.0.is_empty() && records.len() < 64 {
        let key = u32::from(input.short()?) << 16 | u32::from(input.short()?);
        let value = input.sized()?.to_vec();
        records.push(Record { key, value });
    }
    Some(records)
}

/// Runs one input.
///
/// # Panics
/// When what is looked for is found.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let Some(kind) = input.byte() else { return };
    let mut engine = if kind & 1 == 0 {
        let Some(records) = records(input) else { return };
        let mut host = RepeatingHost::new(true);
        host.state.clone_from(&records);
        let mut engine = Engine::new(host);
        let Ok(outcome) = engine.power_on(&records);
        match outcome {
            Ok(()) => engine,
            Err(failure) => {
                assert_eq!(failure, Failure::BadState);
                return;
            }
        }
    } else {
        let mut engine = power_on({
            let mut host = RepeatingHost::new(true);
            host.state = started().records().to_vec();
            host
        });
        let Ok(outcome) = engine.restore_volatile(input.0);
        if let Err(failure) = outcome {
            assert!(
                matches!(failure, Failure::BadState | Failure::BadOperand),
                "{failure:?}"
            );
            return;
        }
        engine
    };
    for command in COMMANDS {
        execute(&mut engine, 0, command);
    }
    let mut again = Moment::of(&mut engine).again();
    execute(&mut again, 0, COMMANDS[1]);
}
