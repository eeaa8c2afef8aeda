//! The guest's owner: asks a booted guest for its evidence and has it judged.
//!
//! The owner sits outside the machine and trusts nothing that comes out of it. What comes through the channel is parsed as hexadecimal words
//! and handed to the verifier, which alone decides. The conversation is the one of `tools/sim-guest`'s `owner` module.

use crate::Running;
use anyhow::{Context, Result, bail, ensure};
use sim_guest::owner::{END, HELLO, MAX_LINE, Request, unhex};
use std::{collections::BTreeMap, time::Duration};
use svsm_proto::manifest::{
    CLOISTER_GUID, CLOISTER_VERSION_EVENT_LOG, CLOISTER_VERSION_FULL, CloisterManifest, NONCE_SIZE,
};
use verifier::{AttestedLog, Challenge, Evidence, Form, HashAlg, KeyProof, PcrValue, TpmtPublic};

/// Longest wait for one answer: software emulation is slow, and a key has to be made.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// The PCRs that the guest is to quote: those of the event log, in the order in which it sends their values.
const QUOTED: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 9];

/// The endorsement key that the credential is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndorsementKey {
    /// RSA-2048, at 0x81010001.
    Rsa,
    /// P-256, at 0x81010002.
    P256,
}

/// What the network or the hypervisor does to the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interference {
    /// Nothing.
    None,
    /// One bit of the owner's nonce is changed on its way to the guest.
    Nonce,
    /// One bit of the report is changed on its way to the owner.
    Report,
    /// One bit of the event log is changed on its way to the owner.
    EventLog,
}

/// One answer of the guest: byte strings by name.
pub struct Answer(BTreeMap<String, Vec<u8>>);

impl Answer {
    /// The byte string called `name`.
    pub fn take(&mut self, name: &str) -> Result<Vec<u8>> {
        self.0
            .remove(name)
            .with_context(|| format!("the guest sent no '{name}'"))
    }
}

/// Waits until the guest says that it is there.
pub fn meet(running: &mut Running) -> Result<()> {
    let line = running.owner().receive(ANSWER_LIMIT)?;
    ensure!(line == HELLO, "the guest greets its owner with '{line}'");
    Ok(())
}

/// Asks one question.
pub fn ask(running: &mut Running, request: &Request) -> Result<Answer> {
    running.owner().send(&request.to_line())?;
    let mut answer = BTreeMap::new();
    loop {
        let line = running.owner().receive(ANSWER_LIMIT)?;
        ensure!(line.len() <= MAX_LINE, "the guest sent a line of {} bytes", line.len());
        if line == END {
            return Ok(Answer(answer));
        }
        let (name, value) = line
            .split_once(' ')
            .with_context(|| format!("the guest sent '{line}'"))?;
        if name == "error" {
            bail!("the guest could not answer: {value}");
        }
        answer.insert(
            name.to_owned(),
            unhex(value).with_context(|| format!("'{name}' is not hexadecimal"))?,
        );
    }
}

/// Ends the conversation; the guest then switches the machine off.
pub fn dismiss(running: &mut Running) -> Result<()> {
    running.owner().send(&Request::Done.to_line())
}

/// Asks for everything that a verdict needs: a fresh report over our service's full manifest, another over the event log, and, through an
/// endorsement key, the attestation key with proof that it lives in the reported TPM, and a quote. Without a key there is no such proof: for
/// guests that cannot speak to their TPM.
pub fn collect(
    running: &mut Running,
    key: impl Into<Option<EndorsementKey>>,
    interference: Interference,
) -> Result<Evidence> {
    let nonce: [u8; NONCE_SIZE] = random()?;
    let mut sent = nonce;
    if interference == Interference::Nonce {
        sent[0] ^= 1;
    }
    let request = Request::Attest {
        nonce: sent.to_vec(),
        service: CLOISTER_GUID,
        version: CLOISTER_VERSION_FULL,
    };
    let mut answer = ask(running, &request)?;
    let mut report = answer.take("report")?;
    if interference == Interference::Report {
        // A bit of the measurement, at 0x90.
        *report.get_mut(0x90).context("the report is too short")? ^= 1;
    }
    let manifest = answer.take("manifest")?;
    let certificates = answer.take("certificates")?;
    let event_log = event_log(running, interference)?;
    let key_proof = match key.into() {
        Some(key) => Some(prove_key(running, key, &manifest)?),
        None => None,
    };
    Ok(Evidence {
        report,
        certificates: vec![certificates],
        form: Form::CloisterV0,
        manifest,
        nonce: nonce.to_vec(),
        key_proof,
        event_log: Some(event_log),
    })
}

/// The event log of the measured boot, with a report of its own.
fn event_log(running: &mut Running, interference: Interference) -> Result<AttestedLog> {
    let nonce: [u8; NONCE_SIZE] = random()?;
    let request = Request::Attest {
        nonce: nonce.to_vec(),
        service: CLOISTER_GUID,
        version: CLOISTER_VERSION_EVENT_LOG,
    };
    let mut answer = ask(running, &request)?;
    let mut log = answer.take("manifest")?;
    if interference == Interference::EventLog {
        // The last bit of the last event: of the command line's text.
        *log.last_mut().context("the event log is empty")? ^= 1;
    }
    Ok(AttestedLog {
        report: answer.take("report")?,
        log,
        nonce: nonce.to_vec(),
    })
}

fn prove_key(running: &mut Running, key: EndorsementKey, manifest: &[u8]) -> Result<KeyProof> {
    let attestation_key = ask(running, &Request::AttestationKey)?.take("public")?;
    let keys = CloisterManifest::parse(manifest).map_err(|error| anyhow::anyhow!("manifest: {error:?}"))?;
    let (public, handle) = match key {
        EndorsementKey::Rsa => (keys.rsa_ek, 0x8101_0001),
        EndorsementKey::P256 => (keys.p256_ek, 0x8101_0002),
    };
    let (challenge, credential) = Challenge::new(&TpmtPublic::parse(public)?, &TpmtPublic::parse(&attestation_key)?)?;
    let request = Request::Activate {
        key: handle,
        blob: credential.blob,
        secret: credential.encrypted_secret,
    };
    let returned_secret = ask(running, &request)?.take("credential")?;
    let qualifying_data: [u8; 32] = random()?;
    let mut quote = ask(
        running,
        &Request::Quote {
            nonce: qualifying_data.to_vec(),
            pcrs: QUOTED.to_vec(),
        },
    )?;
    let values = quote.take("pcrs")?;
    ensure!(
        values.len() == 32 * QUOTED.len(),
        "the guest sent {} bytes of PCR values",
        values.len()
    );
    let pcrs = QUOTED
        .iter()
        .zip(values.chunks(32))
        .map(|(&index, digest)| PcrValue {
            bank: HashAlg::Sha256,
            index,
            digest: digest.to_vec(),
        })
        .collect();
    Ok(KeyProof {
        challenge,
        returned_secret,
        attestation_key,
        attest: quote.take("attest")?,
        signature: quote.take("signature")?,
        qualifying_data: qualifying_data.to_vec(),
        pcrs,
    })
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(bytes)
}
