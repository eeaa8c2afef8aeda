//! Command audit (Part 1 §36.3): a digest over all that certain commands did, whoever sent them.
//!
//! Which commands those are, the owner or the platform says with TPM2_SetCommandCodeAuditStatus; every other command only adds to the digest.
//! The digest itself belongs to the state-reset data; the list, the algorithm and the number of digests that were started last.
//! `dispatch/response.rs` records, once a command has succeeded.

use tpm_contract::Arithmetic;

use crate::{
    crypto::Hasher,
    dispatch::table,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmiAlgHash, limits},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// What of command audit lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandAudit {
    /// The algorithm of the digest.
    pub hash: TpmiAlgHash,
    /// auditCounter: how often a digest was started.
    pub counter: u64,
    /// Which are audited, by their distance in the table: every command asks.
    codes: [bool; table::DISTANCES],
}

impl Default for CommandAudit {
    /// As in a TPM that leaves the factory: changes of the list are audited, and nothing else.
    fn default() -> Self {
        let mut audit = Self::of_none(limits::CONTEXT_HASH, 0);
        audit.include(TpmCc::SET_COMMAND_CODE_AUDIT_STATUS);
        audit
    }
}

impl CommandAudit {
    const fn of_none(hash: TpmiAlgHash, counter: u64) -> Self {
        Self {
            hash,
            counter,
            codes: [false; table::DISTANCES],
        }
    }

    /// Whether a command is audited.
    pub fn contains(&self, code: TpmCc) -> bool {
        self.codes.get(table::distance(code)).is_some_and(|audited| *audited)
    }

    /// The audited commands, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TpmCc> {
        table::TABLE
            .iter()
            .map(|row| row.code)
            .filter(|code| self.contains(*code))
    }

    /// Has a command audited from now on. Nothing happens for a command that does not exist, and for TPM2_Shutdown, after which the digest must not
    /// change.
    pub fn include(&mut self, code: TpmCc) {
        if code != TpmCc::SHUTDOWN && table::find(code).is_ok() {
            self.note(code, true);
        }
    }

    /// Has a command audited no longer. Changes of the list are audited always.
    pub fn exclude(&mut self, code: TpmCc) {
        if code != TpmCc::SET_COMMAND_CODE_AUDIT_STATUS {
            self.note(code, false);
        }
    }

    fn note(&mut self, code: TpmCc, audited: bool) {
        if let Some(known) = self.codes.get_mut(table::distance(code)) {
            *known = audited;
        }
    }

    /// commandDigest: the digest of the codes of the audited commands, ascending.
    pub fn command_digest(&self, host: &mut dyn Arithmetic) -> Tpm2bDigest {
        let mut hasher = Hasher::new(self.hash);
        self.iter().for_each(|code| hasher.update(host, &code.0.to_be_bytes()));
        hasher.finish(host)
    }
}

impl Marshal for CommandAudit {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.hash);
        writer.put(&self.counter);
        writer.put(&(self.iter().count() as u16));
        self.iter().for_each(|code| writer.put(&code));
    }
}

impl Unmarshal for CommandAudit {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let (hash, counter) = (Unmarshal::unmarshal(reader)?, Unmarshal::unmarshal(reader)?);
        let count = usize::from(u16::unmarshal(reader)?);
        if count > limits::MAX_CAP_CC {
            return Err(TpmRc::SIZE);
        }
        let mut audit = Self::of_none(hash, counter);
        for _ in 0..count {
            audit.include(TpmCc::unmarshal(reader)?);
        }
        if audit.iter().count() == count && audit.contains(TpmCc::SET_COMMAND_CODE_AUDIT_STATUS) {
            Ok(audit)
        } else {
            Err(TpmRc::VALUE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::NoOffer;

    #[test]
    fn list_keeps_what_must_be_audited_and_refuses_what_cannot() {
        // Part 3 §21.2, as swtpm 0.7.1 answers TPM_CAP_AUDIT_COMMANDS.
        let mut audit = CommandAudit::default();
        for code in [
            TpmCc::SHUTDOWN,
            TpmCc::FIELD_UPGRADE_START,
            TpmCc::GET_RANDOM,
            TpmCc::CLEAR,
        ] {
            audit.include(code);
        }
        audit.exclude(TpmCc::SET_COMMAND_CODE_AUDIT_STATUS);
        audit.exclude(TpmCc::CLEAR);
        let codes: alloc::vec::Vec<TpmCc> = audit.iter().collect();
        assert_eq!(codes, [TpmCc::SET_COMMAND_CODE_AUDIT_STATUS, TpmCc::GET_RANDOM]);
    }

    #[test]
    fn command_digest_is_that_of_a_live_tpm() {
        // swtpm 0.7.1 with TPM2_SetCommandCodeAuditStatus and TPM2_GetRandom in the list, SHA-256.
        let mut audit = CommandAudit {
            hash: TpmiAlgHash::Sha256,
            ..CommandAudit::default()
        };
        audit.include(TpmCc::GET_RANDOM);
        assert_eq!(
            hex::encode(audit.command_digest(&mut NoOffer).as_bytes()),
            "ea0aa856b2c9d97e2407992d85fd48848083e693d873d900f252f98d5a23f2d9"
        );
    }

    #[test]
    fn record_round_trips_and_a_damaged_one_is_refused() {
        let mut audit = CommandAudit::default();
        audit.include(TpmCc::GET_RANDOM);
        audit.counter = 7;
        let bytes = audit.to_bytes();
        assert_eq!(CommandAudit::from_bytes(&bytes).as_ref(), Ok(&audit));
        let mut double = bytes;
        double[16..20].copy_from_slice(&TpmCc::SET_COMMAND_CODE_AUDIT_STATUS.to_bytes());
        assert_eq!(CommandAudit::from_bytes(&double), Err(TpmRc::VALUE));
    }
}
