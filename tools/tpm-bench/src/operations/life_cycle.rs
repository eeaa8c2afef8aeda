//! Hierarchies, self-test, shutdown and the power switch.

use super::{Operation, repeated, sample, signing::sign};
use crate::{
    subject::{OWNER, Subject, create_primary, load, random},
    templates::{
        self, Key,
        algorithm::{ECDSA, SHA256},
    },
};
use anyhow::Result;
use std::time::Duration;
use tpm_client::Cmd;

const CLEAR: u32 = 0x126;
const HIERARCHY_CHANGE_AUTH: u32 = 0x129;
const SELF_TEST: u32 = 0x143;
const SHUTDOWN: u32 = 0x145;
/// TPM_RH_PLATFORM.
const PLATFORM: u32 = 0x4000_000C;
/// TPM_SU.
const SU_CLEAR: u16 = 0;
const SU_STATE: u16 = 1;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("HierarchyChangeAuth(owner,empty)", 50, |_| {
        repeated(Cmd::new(HIERARCHY_CHANGE_AUTH).handle(OWNER).password(&[]).sized(&[]))
    }),
    Operation::new("Clear(platform)", 10, |_| {
        let clear = Cmd::new(CLEAR).handle(PLATFORM).password(&[]);
        sample(move |subject| {
            subject.forget_keys();
            subject.time(&clear)
        })
    }),
    Operation::new("SelfTest(full)", 10, |_| repeated(Cmd::new(SELF_TEST).u8(1))),
    Operation::new("Shutdown(STATE)", 20, |_| repeated(Cmd::new(SHUTDOWN).u16(SU_STATE))),
    Operation::new("Shutdown(CLEAR)", 20, |_| repeated(Cmd::new(SHUTDOWN).u16(SU_CLEAR))),
    Operation::new("powercycle: Shutdown(CLEAR)+reset+Startup(CLEAR)", 10, |_| {
        sample(|subject| restarted(subject, SU_CLEAR))
    }),
    Operation::new("Startup(CLEAR)", 10, |_| {
        sample(|subject| {
            subject.aside(|subject| switched_off_and_on(subject, SU_CLEAR))?;
            subject.startup(SU_CLEAR)
        })
    }),
    Operation::new("powercycle: Shutdown(STATE)+reset+Startup(STATE)", 10, |_| {
        sample(|subject| restarted(subject, SU_STATE))
    }),
    Operation::new("first ECDSA P-256 after Startup (parent, load, sign)", 10, |subject| {
        let blob = subject.blob(Key::SigningP256)?;
        sample(move |subject| {
            subject.aside(|subject| restarted(subject, SU_CLEAR))?;
            let parent = subject.run(&create_primary(&templates::storage_p256(&[])))?;
            let key = subject.run(&load(parent.answer.handle(), &blob))?;
            let signature = sign(key.answer.handle(), &random(32)?, ECDSA, SHA256);
            Ok(parent.time + key.time + subject.time(&signature)?)
        })
    }),
];

fn switched_off_and_on(subject: &mut Subject, kind: u16) -> Result<Duration> {
    Ok(subject.time(&Cmd::new(SHUTDOWN).u16(kind))? + subject.power_cycle()?)
}

fn restarted(subject: &mut Subject, kind: u16) -> Result<Duration> {
    Ok(switched_off_and_on(subject, kind)? + subject.startup(kind)?)
}
