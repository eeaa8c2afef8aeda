//! Policies.

use super::{Operation, pcr::first_eight, repeated, sample, sessions::start_policy};
use crate::subject::{OWNER, Subject};
use anyhow::Result;
use tpm_client::Cmd;

const POLICY_SECRET: u32 = 0x151;
const POLICY_PCR: u32 = 0x17F;
const POLICY_RESTART: u32 = 0x180;
const POLICY_GET_DIGEST: u32 = 0x189;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("PolicyPCR(8 sha256)", 500, |subject| {
        let session = session(subject)?;
        sample(move |subject| {
            subject.run(&restart(session))?;
            subject.time(&policy_pcr(session))
        })
    }),
    Operation::new("PolicyGetDigest", 500, |subject| {
        repeated(get_digest(session(subject)?))
    }),
    Operation::new("PolicyPCR+PolicyGetDigest", 500, |subject| {
        let session = session(subject)?;
        sample(move |subject| {
            subject.run(&restart(session))?;
            Ok(subject.time(&policy_pcr(session))? + subject.time(&get_digest(session))?)
        })
    }),
    Operation::new("PolicySecret(owner)", 300, |subject| {
        let command = Cmd::new(POLICY_SECRET).handle(OWNER).handle(session(subject)?);
        // No nonce, no cpHash, no policyRef, no expiration.
        let command = command.password(&[]).sized(&[]).sized(&[]).sized(&[]);
        repeated(command.u32(0))
    }),
];

fn session(subject: &mut Subject) -> Result<u32> {
    Ok(subject.run(&start_policy())?.answer.handle())
}

fn restart(session: u32) -> Cmd {
    Cmd::new(POLICY_RESTART).handle(session)
}

fn policy_pcr(session: u32) -> Cmd {
    first_eight(Cmd::new(POLICY_PCR).handle(session).sized(&[]))
}

fn get_digest(session: u32) -> Cmd {
    Cmd::new(POLICY_GET_DIGEST).handle(session)
}
