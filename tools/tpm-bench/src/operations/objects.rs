//! Objects: created, loaded, sealed, saved, made persistent.

use super::{Operation, Sample, repeated, repeated_and_flushed, sample};
use crate::{
    subject::{NULL, Subject, blob_of, create, create_primary, evict, load, random, take_sized},
    templates::{self, Key, algorithm::SHA256},
};
use anyhow::Result;
use tpm_client::{Cmd, sized};

const UNSEAL: u32 = 0x15E;
const CONTEXT_LOAD: u32 = 0x161;
const CONTEXT_SAVE: u32 = 0x162;
const LOAD_EXTERNAL: u32 = 0x167;
const MAKE_CREDENTIAL: u32 = 0x168;
const READ_PUBLIC: u32 = 0x173;
const CREATE_LOADED: u32 = 0x191;
const PERSISTENT: u32 = 0x8100_F00F;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("CreatePrimary ECC P-256 storage (var unique)", 100, |_| {
        sample(|subject| subject.time_and_flush(&create_primary(&templates::storage_p256(&random(32)?))))
    }),
    Operation::new("CreatePrimary ECC P-256 storage (fixed)", 100, |_| {
        repeated_and_flushed(create_primary(&templates::storage_p256(&[])))
    }),
    Operation::new("CreatePrimary RSA-2048 storage (var unique)", 60, |_| {
        sample(|subject| subject.time_and_flush(&create_primary(&templates::storage_rsa(&random(256)?))))
    }),
    Operation::new("Create ECC P-256 signing", 100, |subject| {
        created(subject, Key::SigningP256)
    }),
    Operation::new("Create+Load ECC P-256 signing", 100, |subject| {
        let parent = subject.parent()?;
        let create = create(parent, &Key::SigningP256.template(), &[]);
        sample(move |subject| {
            let created = subject.run(&create)?;
            Ok(created.time + subject.time_and_flush(&load(parent, &blob_of(&created.answer)?))?)
        })
    }),
    Operation::new("CreateLoaded ECC P-256 signing", 100, |subject| {
        let command = Cmd::new(CREATE_LOADED).handle(subject.parent()?).password(&[]);
        let command = command.sized(&[sized(&[]), sized(&[])].concat());
        repeated_and_flushed(command.sized(&Key::SigningP256.template()))
    }),
    Operation::new("Create RSA-2048 signing", 60, |subject| {
        created(subject, Key::SigningRsa)
    }),
    Operation::new("Load ECC P-256 (P-256 parent)", 300, |subject| {
        loaded(subject, Key::SigningP256)
    }),
    Operation::new("Load RSA-2048 (P-256 parent)", 300, |subject| {
        loaded(subject, Key::SigningRsa)
    }),
    Operation::new("LoadExternal RSA-2048 public", 300, |subject| {
        let blob = subject.blob(Key::SigningRsa)?;
        let mut rest = &blob[..];
        let _private = take_sized(&mut rest)?;
        repeated_and_flushed(Cmd::new(LOAD_EXTERNAL).sized(&[]).raw(rest).u32(NULL))
    }),
    Operation::new("ReadPublic RSA-2048", 1000, |subject| {
        repeated(Cmd::new(READ_PUBLIC).handle(subject.key(Key::SigningRsa)?))
    }),
    Operation::new("Seal 32B (Create keyedhash)", 300, |subject| {
        created(subject, Key::Sealed)
    }),
    Operation::new("Load sealed blob", 300, |subject| loaded(subject, Key::Sealed)),
    Operation::new("Unseal 32B", 1000, |subject| {
        repeated(Cmd::new(UNSEAL).handle(subject.key(Key::Sealed)?).password(&[]))
    }),
    Operation::new("MakeCredential (P-256 EK)", 200, |subject| {
        let name = [&SHA256.to_be_bytes()[..], &[9; 32]].concat();
        let command = Cmd::new(MAKE_CREDENTIAL).handle(subject.parent()?);
        repeated(command.sized(&[1; 16]).sized(&name))
    }),
    Operation::new("ContextSave RSA-2048", 200, |subject| {
        repeated(Cmd::new(CONTEXT_SAVE).handle(subject.key(Key::SigningRsa)?))
    }),
    Operation::new("ContextLoad RSA-2048", 200, |subject| {
        let key = subject.key(Key::SigningRsa)?;
        let answer = subject.run(&Cmd::new(CONTEXT_SAVE).handle(key))?.answer;
        subject.flush(key)?;
        repeated_and_flushed(Cmd::new(CONTEXT_LOAD).raw(answer.parameters(false)))
    }),
    Operation::new("EvictControl persist+evict ECC", 30, |subject| {
        let key = subject.parent()?;
        sample(move |subject| {
            let persisted = subject.time(&evict(key, PERSISTENT))?;
            Ok(persisted + subject.time(&evict(PERSISTENT, PERSISTENT))?)
        })
    }),
];

fn created(subject: &mut Subject, key: Key) -> Result<Sample> {
    let parent = subject.parent()?;
    repeated(create(parent, &key.template(), key.sealed_data()))
}

fn loaded(subject: &mut Subject, key: Key) -> Result<Sample> {
    let blob = subject.blob(key)?;
    repeated_and_flushed(load(subject.parent()?, &blob))
}
