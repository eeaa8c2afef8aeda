//! The exports of the world, in their smallest form.

use crate::bindings::{
    cloister::tpm::{host, types::Change},
    exports::cloister::tpm::engine::{Description, Failure, Guest, IdentityKeys, StateRecord},
};
use alloc::{string::ToString, vec, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

/// The state format that this component reads and writes.
const FORMAT: u32 = 1;
/// Longest command.
const MAX_COMMAND: usize = 4096;

/// `power-on` has succeeded.
static POWERED: AtomicBool = AtomicBool::new(false);

pub(crate) struct Exports;

fn powered() -> Result<(), Failure> {
    POWERED.load(Ordering::Relaxed).then_some(()).ok_or(Failure::NotPowered)
}

/// The one record of the state: its format.
fn record() -> StateRecord {
    StateRecord {
        key: 0,
        value: FORMAT.to_be_bytes().to_vec(),
    }
}

/// TPM_RC_BAD_TAG, TPM_RC_COMMAND_SIZE or TPM_RC_COMMAND_CODE: in the order in which a TPM looks (Part 3 §5.2).
fn response_code(command: &[u8]) -> u32 {
    match command {
        [0x80, 1 | 2, a, b, c, d, _, _, _, _, ..] if u32::from_be_bytes([*a, *b, *c, *d]) as usize == command.len() => {
            0x143
        }
        [0x80, 1 | 2, ..] | [] | [_] => 0x142,
        _ => 0x1E,
    }
}

impl Guest for Exports {
    fn describe() -> Description {
        Description {
            name: "template".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            state_format: FORMAT,
            manufacturer: u32::from_be_bytes(*b"NONE"),
            firmware_version: 0,
        }
    }

    fn power_on(saved: Vec<StateRecord>) -> Result<(), Failure> {
        if powered().is_ok() {
            return Err(Failure::AlreadyPowered);
        }
        match saved.as_slice() {
            [] => {
                let StateRecord { key, value } = record();
                let first = Change {
                    key,
                    value: Some(&value),
                };
                host::commit(&[first]).map_err(|_| Failure::NotCommitted)?;
            }
            [only] if only.key == record().key && only.value == record().value => {}
            _ => return Err(Failure::BadState),
        }
        POWERED.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn execute(_locality: u8, command: Vec<u8>) -> Result<Vec<u8>, Failure> {
        powered()?;
        if command.len() > MAX_COMMAND {
            return Err(Failure::BadOperand);
        }
        let code = response_code(&command);
        // TPM_ST_NO_SESSIONS, ten bytes; for a wrong tag TPM_ST_RSP_COMMAND.
        let mut response = match code {
            0x1E => vec![0x00, 0xC4, 0, 0, 0, 10],
            _ => vec![0x80, 0x01, 0, 0, 0, 10],
        };
        response.extend(code.to_be_bytes());
        Ok(response)
    }

    /// There are no keys, and none are made up.
    fn identity() -> Result<IdentityKeys, Failure> {
        powered()?;
        Err(Failure::SelfTest)
    }

    /// There is no PCR to measure into.
    fn hash_start() -> Result<(), Failure> {
        powered()?;
        Err(Failure::BadOperand)
    }

    fn hash_data(_data: Vec<u8>) -> Result<(), Failure> {
        powered()?;
        Err(Failure::BadOperand)
    }

    fn hash_end() -> Result<(), Failure> {
        powered()?;
        Err(Failure::BadOperand)
    }

    fn save_persistent() -> Result<Vec<StateRecord>, Failure> {
        powered()?;
        Ok(vec![record()])
    }

    /// Nothing would be lost by a power cycle.
    fn save_volatile() -> Result<Vec<u8>, Failure> {
        powered()?;
        Ok(Vec::new())
    }

    fn restore_volatile(state: Vec<u8>) -> Result<(), Failure> {
        powered()?;
        state.is_empty().then_some(()).ok_or(Failure::BadState)
    }
}
