//! The event log of the measured boot: what was started before the guest's first instruction, and which PCR values that gives.
//!
//! The log travels through the guest. Two things vouch for it: a report of VMPL0 over nonce and log, and a quote whose PCRs must be what the log
//! replays. `parse` reads the bytes, `boot` knows which events an SVSM of ours logs and what each of them promises, `table` shows them.
//! None of this shares code with the encoder.

mod bank;
mod boot;
mod parse;
mod table;

pub use bank::{Bank, Digests};
pub use boot::{BootEvents, Measured};
pub use parse::{EventLog, LogEvent};

use anyhow::{Context, Result, ensure};

use crate::tpm::attest::PcrValue;

impl EventLog {
    /// The value of a PCR after the log's events, from its value at power-on, zero; `None` for a bank or a PCR of which the log says nothing.
    pub fn replay(&self, bank: Bank, pcr: u8) -> Option<Vec<u8>> {
        let mut value = None;
        for event in self.events.iter().filter(|event| event.pcr == pcr) {
            let old = value.unwrap_or_else(|| vec![0; bank.size()]);
            value = Some(bank.digest(&[&old, event.digests.in_bank(bank)?]));
        }
        value
    }

    /// The PCRs that the log extends, ascending.
    pub fn pcrs(&self) -> Vec<u8> {
        let mut pcrs: Vec<u8> = self.events.iter().map(|event| event.pcr).collect();
        pcrs.sort_unstable();
        pcrs.dedup();
        pcrs
    }

    /// Fails unless every quoted PCR is what the log replays. A quoted PCR of which the log says nothing must be one of `expected`, whose value
    /// is compared elsewhere.
    pub fn require_replay(&self, quoted: &[PcrValue], expected: &[PcrValue]) -> Result<String> {
        let mut replayed = 0;
        for PcrValue { bank, index, digest } in quoted {
            match self.replay(Bank::from(*bank), *index) {
                Some(value) => {
                    ensure!(
                        value == *digest,
                        "{}:{index} is {}, but the log replays to {}",
                        bank.name(),
                        hex::encode(digest),
                        hex::encode(value)
                    );
                    replayed += 1;
                }
                None => {
                    let told = expected
                        .iter()
                        .any(|value| value.bank == *bank && value.index == *index);
                    ensure!(
                        told,
                        "the quote covers {}:{index}, of which the log says nothing, and no value is expected",
                        bank.name()
                    );
                }
            }
        }
        ensure!(replayed != 0, "the quote covers no PCR of the log");
        let missing: Vec<String> = self
            .pcrs()
            .iter()
            .filter(|pcr| !quoted.iter().any(|value| value.index == **pcr))
            .map(u8::to_string)
            .collect();
        let rest = if missing.is_empty() {
            "the log extends no other".to_owned()
        } else {
            format!("PCR {} of the log not quoted", missing.join(", "))
        };
        Ok(format!("{replayed} quoted PCRs are what the log replays, {rest}"))
    }
}

impl LogEvent {
    /// Fails unless the event's digests are those of `bytes` in every bank.
    fn require_digest_of(&self, bytes: &[u8]) -> Result<()> {
        match self.digests.difference(&Digests::of(bytes)) {
            None => Ok(()),
            Some(bank) => Err(anyhow::anyhow!("its {} digest is not that of its data", bank.name())),
        }
    }

    fn sha256(&self) -> Result<[u8; 32]> {
        let digest = self
            .digests
            .in_bank(Bank::Sha256)
            .context("the log has no SHA-256 bank")?;
        digest.try_into().context("a SHA-256 digest of another size")
    }
}
