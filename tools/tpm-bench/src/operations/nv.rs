//! NV storage. What is written is on disk before the answer, as far as each server sees to that.

use super::{Operation, Sample, repeated, sample};
use crate::{
    subject::{OWNER, Subject, random},
    templates::algorithm::SHA256,
};
use anyhow::Result;
use tpm_client::{Cmd, sized};

const NV_UNDEFINE_SPACE: u32 = 0x122;
const NV_DEFINE_SPACE: u32 = 0x12A;
const NV_INCREMENT: u32 = 0x134;
const NV_EXTEND: u32 = 0x136;
const NV_WRITE: u32 = 0x137;
const NV_READ: u32 = 0x14E;
const NV_READ_PUBLIC: u32 = 0x169;
const INDEX: u32 = 0x0100_1000;
/// TPMA_NV: OWNERWRITE, AUTHWRITE, OWNERREAD, AUTHREAD, NO_DA.
const ORDINARY: u32 = 0x0206_0006;
/// TPM_NT_COUNTER and TPM_NT_EXTEND, in their place among the attributes.
const COUNTER: u32 = 0x10;
const EXTEND: u32 = 0x40;
const SIZE: u16 = 1024;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("NV_DefineSpace+Undefine 64B", 50, |_| {
        let undefine = Cmd::new(NV_UNDEFINE_SPACE).handle(OWNER).handle(INDEX).password(&[]);
        sample(move |subject| Ok(subject.time(&define(ORDINARY, 64))? + subject.time(&undefine)?))
    }),
    Operation::new("NV_Write 1KiB", 100, |subject| {
        subject.run(&define(ORDINARY, SIZE))?;
        sample(|subject| subject.time(&write(&random(SIZE.into())?)))
    }),
    Operation::new("NV_Read 1KiB", 500, |subject| {
        written(subject)?;
        repeated(authorized(NV_READ).u16(SIZE).u16(0))
    }),
    Operation::new("NV_ReadPublic", 500, |subject| {
        written(subject)?;
        repeated(Cmd::new(NV_READ_PUBLIC).handle(INDEX))
    }),
    Operation::new("NV_Increment", 100, |subject| {
        defined(subject, COUNTER, 8, authorized(NV_INCREMENT))
    }),
    Operation::new("NV_Extend 32B", 100, |subject| {
        defined(subject, EXTEND, 32, authorized(NV_EXTEND).sized(&[1; 32]))
    }),
];

fn define(attributes: u32, size: u16) -> Cmd {
    // TPMS_NV_PUBLIC: index, nameAlg, attributes, no policy, size.
    let mut public = INDEX.to_be_bytes().to_vec();
    public.extend(SHA256.to_be_bytes());
    public.extend(attributes.to_be_bytes());
    public.extend(sized(&[]));
    public.extend(size.to_be_bytes());
    let command = Cmd::new(NV_DEFINE_SPACE).handle(OWNER).password(&[]);
    command.sized(&[]).sized(&public)
}

/// A command on the index by its own authorisation.
fn authorized(code: u32) -> Cmd {
    Cmd::new(code).handle(INDEX).handle(INDEX).password(&[])
}

fn write(data: &[u8]) -> Cmd {
    authorized(NV_WRITE).sized(data).u16(0)
}

fn written(subject: &mut Subject) -> Result<()> {
    subject.run(&define(ORDINARY, SIZE))?;
    subject.run(&write(&[1; SIZE as usize])).map(drop)
}

fn defined(subject: &mut Subject, kind: u32, size: u16, command: Cmd) -> Result<Sample> {
    subject.run(&define(ORDINARY | kind, size))?;
    repeated(command)
}
