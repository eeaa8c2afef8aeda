//! Command audit (Part 1 §36.3): a digest over all that certain commands did, whoever sent them.
//!
//! Which commands those are, the owner or the platform says with TPM2_SetCommandCodeAuditStatus; every other command only adds to the digest.
//! The digest itself belongs to the state-reset data; the list, the algorithm and the number of digests that were started last.
//! `dispatch/response.rs` records, once a command has succeeded.

use alloc::collections::BTreeSet;

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
    codes: BTreeSet<TpmCc>,
}

impl Default for CommandAudit {
    /// As in a TPM that leaves the factory: changes of the list are audited, and nothing else.
    fn default() -> Self {
        Self {
            hash: limits::CONTEXT_HASH,
            counter: 0,
            codes: BTreeSet::from([TpmCc::SET_COMMAND_CODE_AUDIT_STATUS]),
        }
    }
}

impl CommandAudit {
    /// Whether a command is audited.
    pub fn contains(&self, code: TpmCc) -> bool {
        self.codes.contains(&code)
    }

    /// The audited commands, ascending.
    pub fn iter(&self) -> impl Iterator<Item = TpmCc> {
        self.codes.iter().copied()
    }

    /// Has a command audited from now on. Nothing happens for a command that does not exist, and for TPM2_Shutdown, after which the digest must not
    /// change.
    pub fn include(&mut self, code: TpmCc) {
        if code != TpmCc::SHUTDOWN && table::find(code).is_ok() {
            self.codes.insert(code);
        }
    }

    /// Has a command audited no longer. Changes of the list are audited always.
    pub fn exclude(&mut self, code: TpmCc) {
        if code != TpmCc::SET_COMMAND_CODE_AUDIT_STATUS {
            self.codes.remove(&code);
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
        writer.put(&(self.codes.len() as u16));
        self.codes.iter().for_each(|code| writer.put(code));
    }
}

impl Unmarshal for CommandAudit {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let (hash, counter) = (Unmarshal::unmarshal(reader)?, Unmarshal::unmarshal(reader)?);
        let count = usize::from(u16::unmarshal(reader)?);
        if count > limits::MAX_CAP_CC {
            return Err(TpmRc::SIZE);
        }
        let codes = (0..count)
            .map(|_| TpmCc::unmarshal(reader))
            .collect::<Result<BTreeSet<_>, _>>()?;
        if codes.len() == count && codes.contains(&TpmCc::SET_COMMAND_CODE_AUDIT_STATUS) {
            Ok(Self { hash, counter, codes })
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
