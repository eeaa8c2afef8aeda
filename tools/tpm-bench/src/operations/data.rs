//! Data that the TPM hashes or authenticates, 1 KiB a command.

use super::{Operation, Sample, repeated, sample};
use crate::{
    subject::{NULL, OWNER},
    templates::{
        Key,
        algorithm::{SHA256, SHA384},
    },
};
use anyhow::Result;
use tpm_client::Cmd;

const SEQUENCE_COMPLETE: u32 = 0x13E;
const HMAC: u32 = 0x155;
const SEQUENCE_UPDATE: u32 = 0x15C;
const HASH: u32 = 0x17D;
const HASH_SEQUENCE_START: u32 = 0x186;
/// 1 MiB.
const UPDATES: usize = 1024;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("Hash 1KiB sha256 (null ticket)", 1000, |_| repeated(hash(SHA256, NULL))),
    Operation::new("Hash 1KiB sha256 (owner ticket)", 1000, |_| {
        repeated(hash(SHA256, OWNER))
    }),
    Operation::new("Hash 1KiB sha384", 500, |_| repeated(hash(SHA384, NULL))),
    Operation::new("HashSequence 1MiB sha256 (1026 cmds)", 10, |_| sequence()),
    Operation::new("HMAC 1KiB sha256", 500, |subject| {
        let key = subject.key(Key::Hmac)?;
        let command = Cmd::new(HMAC).handle(key).password(&[]);
        repeated(command.sized(&[3; 1024]).u16(SHA256))
    }),
];

fn hash(algorithm: u16, hierarchy: u32) -> Cmd {
    Cmd::new(HASH).sized(&[0x61; 1024]).u16(algorithm).u32(hierarchy)
}

fn sequence() -> Result<Sample> {
    sample(|subject| {
        let started = subject.run(&Cmd::new(HASH_SEQUENCE_START).sized(&[]).u16(SHA256))?;
        let handle = started.answer.handle();
        let update = Cmd::new(SEQUENCE_UPDATE)
            .handle(handle)
            .password(&[])
            .sized(&[0x62; 1024]);
        let mut total = started.time;
        for _ in 0..UPDATES {
            total += subject.time(&update)?;
        }
        let complete = Cmd::new(SEQUENCE_COMPLETE).handle(handle).password(&[]);
        Ok(total + subject.time(&complete.sized(&[]).u32(NULL))?)
    })
}
