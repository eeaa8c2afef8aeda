//! Sessions: starting every kind of them, and a command inside one. The caller's HMAC and decryption are not in the time.

use super::{Operation, Sample, general::get_random, repeated_and_flushed, sample};
use crate::{
    subject::{NULL, Subject, take_sized},
    templates::{
        self,
        algorithm::{self, AES, CFB, OAEP, SHA256},
    },
};
use anyhow::{Context, Result, anyhow};
use tpm_client::{AUDIT, CONTINUE, Client, Cmd, ENCRYPT, SessionOptions};

const ECDH_KEY_GEN: u32 = 0x163;
const LOAD_EXTERNAL: u32 = 0x167;
const READ_PUBLIC: u32 = 0x173;
const RSA_ENCRYPT: u32 = 0x174;
const START_AUTH_SESSION: u32 = 0x176;
/// TPM_SE.
const HMAC: u8 = 0;
const POLICY: u8 = 1;
/// TPMT_SYM_DEF.
const NO_CIPHER: &[u16] = &[algorithm::NULL];
const AES_128_CFB: &[u16] = &[AES, 128, CFB];

pub const OPERATIONS: &[Operation] = &[
    Operation::new("GetRandom(32)+audit HMAC session", 1000, |subject| {
        in_session(subject, AUDIT)
    }),
    Operation::new("GetRandom(32)+AES-CFB response enc", 1000, |subject| {
        in_session(subject, ENCRYPT)
    }),
    Operation::new("StartAuthSession HMAC unbound", 500, |_| {
        repeated_and_flushed(start(NULL, NULL, &[], HMAC, NO_CIPHER))
    }),
    Operation::new("StartAuthSession HMAC salted RSA-2048", 100, |subject| {
        let key = subject.primary(&templates::storage_rsa(&[]))?;
        let salt = rsa_salt(subject, key)?;
        repeated_and_flushed(start(key, NULL, &salt, HMAC, AES_128_CFB))
    }),
    Operation::new("StartAuthSession HMAC salted P-256", 200, |subject| {
        let key = subject.parent()?;
        let answer = subject.run(&Cmd::new(ECDH_KEY_GEN).handle(key))?.answer;
        let mut rest = answer.parameters(false);
        let _shared_point = take_sized(&mut rest)?;
        let salt = take_sized(&mut rest)?;
        repeated_and_flushed(start(key, NULL, salt, HMAC, AES_128_CFB))
    }),
    Operation::new("StartAuthSession HMAC bound", 300, |subject| {
        let key = subject.parent()?;
        repeated_and_flushed(start(NULL, key, &[], HMAC, AES_128_CFB))
    }),
    Operation::new("StartAuthSession policy", 500, |_| repeated_and_flushed(start_policy())),
];

/// TPM2_StartAuthSession for a policy.
pub fn start_policy() -> Cmd {
    start(NULL, NULL, &[], POLICY, NO_CIPHER)
}

fn start(key: u32, bind: u32, salt: &[u8], kind: u8, cipher: &[u16]) -> Cmd {
    let command = Cmd::new(START_AUTH_SESSION).handle(key).handle(bind);
    let command = command.sized(&[0x5A; 32]).sized(salt).u8(kind);
    cipher
        .iter()
        .fold(command, |command, word| command.u16(*word))
        .u16(SHA256)
}

fn in_session(subject: &mut Subject, attribute: u8) -> Result<Sample> {
    let mut client = Client::start(subject, &SessionOptions::default());
    sample(move |subject| {
        let outcome = client.run(subject, &get_random(), &[], None, CONTINUE | attribute, false);
        outcome.map_err(|code| anyhow!("TPM2_GetRandom: response code {code:#x}"))?;
        Ok(subject.last())
    })
}

/// A salt for a storage key, which may not be used for encryption: the TPM encrypts it with a copy of the public half.
fn rsa_salt(subject: &mut Subject, key: u32) -> Result<Vec<u8>> {
    let answer = subject.run(&Cmd::new(READ_PUBLIC).handle(key))?.answer;
    let public = take_sized(&mut answer.parameters(false))?;
    let modulus = public.last_chunk::<256>().context("a short public area")?;
    let copy = Cmd::new(LOAD_EXTERNAL).sized(&[]);
    let copy = copy.sized(&templates::foreign_rsa(modulus)).u32(NULL);
    let copy = subject.run(&copy)?.answer.handle();
    let encrypt = Cmd::new(RSA_ENCRYPT).handle(copy).sized(&[0x11; 32]);
    let answer = subject.run(&encrypt.u16(OAEP).u16(SHA256).sized(b"SECRET\0"))?.answer;
    subject.flush(copy)?;
    Ok(take_sized(&mut answer.parameters(false))?.to_vec())
}
