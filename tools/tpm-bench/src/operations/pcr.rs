//! Platform configuration registers. PCR 16 is the one that anybody may extend and reset.

use super::{Operation, repeated};
use crate::templates::algorithm::SHA256;
use tpm_client::Cmd;

const PCR_EVENT: u32 = 0x13C;
const PCR_RESET: u32 = 0x13D;
const PCR_READ: u32 = 0x17E;
const PCR_EXTEND: u32 = 0x182;
const DEBUG_PCR: u32 = 16;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("PCR_Extend sha256 bank", 1000, |_| repeated(extend(&[SHA256]))),
    Operation::new("PCR_Extend all active banks", 1000, |subject| {
        repeated(extend(subject.banks()))
    }),
    Operation::new("PCR_Event 1KiB (all banks)", 1000, |_| {
        repeated(Cmd::new(PCR_EVENT).handle(DEBUG_PCR).password(&[]).sized(&[7; 1024]))
    }),
    Operation::new("PCR_Read 8x sha256", 1000, |_| {
        repeated(first_eight(Cmd::new(PCR_READ)))
    }),
    Operation::new("PCR_Reset(16)", 500, |_| {
        repeated(Cmd::new(PCR_RESET).handle(DEBUG_PCR).password(&[]))
    }),
];

/// Adds a TPML_PCR_SELECTION: PCR 0 to 7 of the SHA-256 bank.
pub fn first_eight(command: Cmd) -> Cmd {
    command.u32(1).u16(SHA256).u8(3).raw(&[0xFF, 0, 0])
}

fn extend(banks: &[u16]) -> Cmd {
    let command = Cmd::new(PCR_EXTEND)
        .handle(DEBUG_PCR)
        .password(&[])
        .u32(banks.len() as u32);
    banks.iter().fold(command, |command, bank| {
        command.u16(*bank).raw(&[0x33; 64][..digest_size(*bank)])
    })
}

/// The size of a digest of the algorithms that PCR banks have (Part 2, table 9): SHA-1, SHA-256 and SHA3-256, SHA-384 and SHA3-384, and those of 512 bits.
const fn digest_size(algorithm: u16) -> usize {
    match algorithm {
        0x04 => 20,
        0x0B | 0x12 | 0x27 => 32,
        0x0C | 0x28 => 48,
        _ => 64,
    }
}
