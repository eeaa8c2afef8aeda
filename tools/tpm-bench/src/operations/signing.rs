//! Signatures: made, verified, and those over what the TPM attests.

use super::{Operation, Sample, pcr::first_eight, repeated, sample};
use crate::{
    subject::{NULL, Subject, random},
    templates::{
        Key,
        algorithm::{self, ECDSA, RSAPSS, RSASSA, SHA256, SHA384},
    },
};
use anyhow::Result;
use tpm_client::Cmd;

const CERTIFY: u32 = 0x148;
const QUOTE: u32 = 0x158;
const SIGN: u32 = 0x15D;
const VERIFY_SIGNATURE: u32 = 0x177;
/// TPM_ST_HASHCHECK.
const HASH_CHECK: u16 = 0x8024;

pub const OPERATIONS: &[Operation] = &[
    Operation::new("Sign ECDSA P-256", 300, |s| signed(s, Key::SigningP256, ECDSA, SHA256)),
    Operation::new("Sign ECDSA P-384", 200, |s| signed(s, Key::SigningP384, ECDSA, SHA384)),
    Operation::new("Sign RSA-2048 PSS", 100, |s| signed(s, Key::SigningRsa, RSAPSS, SHA256)),
    Operation::new("Sign RSA-2048 PKCS1v1.5", 100, |s| {
        signed(s, Key::SigningRsa, RSASSA, SHA256)
    }),
    Operation::new("VerifySignature ECDSA P-256", 300, |s| {
        verified(s, Key::SigningP256, ECDSA)
    }),
    Operation::new("VerifySignature RSA-2048 PSS", 300, |s| {
        verified(s, Key::SigningRsa, RSAPSS)
    }),
    Operation::new("Quote ECC P-256 (8 PCR)", 300, |s| quoted(s, Key::AttestationP256)),
    Operation::new("Quote RSA-2048 (8 PCR)", 100, |s| quoted(s, Key::AttestationRsa)),
    Operation::new("Certify RSA by ECC AK", 200, |subject| {
        let attestation = subject.key(Key::AttestationP256)?;
        let object = subject.key(Key::SigningRsa)?;
        let command = Cmd::new(CERTIFY).handle(object).handle(attestation);
        let command = command.password(&[]).password(&[]);
        repeated(command.sized(&[1; 20]).u16(algorithm::NULL))
    }),
];

/// TPM2_Sign without a ticket.
pub fn sign(key: u32, digest: &[u8], scheme: u16, hash: u16) -> Cmd {
    let command = Cmd::new(SIGN).handle(key).password(&[]);
    let command = command.sized(digest).u16(scheme).u16(hash);
    command.u16(HASH_CHECK).u32(NULL).sized(&[])
}

fn signed(subject: &mut Subject, key: Key, scheme: u16, hash: u16) -> Result<Sample> {
    let key = subject.key(key)?;
    let size = if hash == SHA384 { 48 } else { 32 };
    sample(move |subject| subject.time(&sign(key, &random(size)?, scheme, hash)))
}

fn verified(subject: &mut Subject, key: Key, scheme: u16) -> Result<Sample> {
    let key = subject.key(key)?;
    let digest = random(32)?;
    let signature = subject.run(&sign(key, &digest, scheme, SHA256))?.answer;
    let command = Cmd::new(VERIFY_SIGNATURE).handle(key).sized(&digest);
    repeated(command.raw(signature.parameters(false)))
}

fn quoted(subject: &mut Subject, key: Key) -> Result<Sample> {
    let key = subject.key(key)?;
    sample(move |subject| {
        let command = Cmd::new(QUOTE).handle(key).password(&[]).sized(&random(20)?);
        subject.time(&first_eight(command.u16(algorithm::NULL)))
    })
}
