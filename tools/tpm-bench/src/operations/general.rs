//! Random numbers, the clock, capabilities.

use super::{Operation, repeated};
use crate::templates::algorithm::{NULL, RSA};
use tpm_client::Cmd;

const STIR_RANDOM: u32 = 0x146;
const GET_CAPABILITY: u32 = 0x17A;
const GET_RANDOM: u32 = 0x17B;
const READ_CLOCK: u32 = 0x181;
const TEST_PARMS: u32 = 0x18A;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("GetRandom(32)", 2000, |_| repeated(get_random())),
    Operation::new("StirRandom(128)", 500, |_| {
        repeated(Cmd::new(STIR_RANDOM).sized(&[9; 128]))
    }),
    Operation::new("GetCapability properties-fixed", 1000, |_| {
        repeated(capability(6, 0x100))
    }),
    Operation::new("GetCapability algs", 1000, |_| repeated(capability(0, 0))),
    Operation::new("GetCapability commands", 1000, |_| repeated(capability(2, 0x11F))),
    Operation::new("ReadClock", 1000, |_| repeated(Cmd::new(READ_CLOCK))),
    Operation::new("TestParms RSA-2048", 1000, |_| {
        repeated(Cmd::new(TEST_PARMS).u16(RSA).u16(NULL).u16(NULL).u16(2048).u32(0))
    }),
];

/// TPM2_GetRandom of 32 bytes.
pub fn get_random() -> Cmd {
    Cmd::new(GET_RANDOM).u16(32)
}

/// As many values as one response holds.
fn capability(kind: u32, first: u32) -> Cmd {
    Cmd::new(GET_CAPABILITY).u32(kind).u32(first).u32(256)
}
