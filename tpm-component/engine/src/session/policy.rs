//! What a policy session has collected: the digest of Part 1 §19.7 and the conditions that the policy commands left to be checked when
//! the session is used. The policy commands write it, `dispatch/auth_area.rs` judges by it; neither knows the other.

use super::InlineDigest;
use crate::{
    dispatch::table::Role,
    structures::{TpmCc, TpmRc, TpmaLocality, TpmiAlgHash},
};

/// The one digest that restricts what a policy session authorises; the kinds exclude each other (TPM_RC_CPHASH).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restriction {
    /// None yet.
    #[default]
    None,
    /// cpHash of the command (TPM2_PolicyCpHash, TPM2_PolicySigned, TPM2_PolicySecret, TPM2_PolicyTicket).
    CpHash(InlineDigest),
    /// Digest of the Names of the command's handles (TPM2_PolicyNameHash, TPM2_PolicyDuplicationSelect).
    NameHash(InlineDigest),
    /// Digest of the template of the object to be created (TPM2_PolicyTemplate).
    TemplateHash(InlineDigest),
    /// Digest of the command code and parameters (TPM2_PolicyParameters, 1.83).
    ParameterHash(InlineDigest),
}

/// The policy of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// policyDigest.
    pub digest: InlineDigest,
    /// When the policy began, in TPM Time (TPMS_TIME_INFO.time).
    pub started: u64,
    /// The timeEpoch in which it began; a deadline of another epoch has passed.
    pub epoch: u32,
    /// TPM Time after which the session authorises nothing.
    pub deadline: Option<u64>,
    /// The only command that it authorises.
    pub command_code: Option<TpmCc>,
    /// The digest that restricts it further.
    pub restriction: Restriction,
    /// The localities at which it is valid.
    pub locality: Option<TpmaLocality>,
    /// pcrUpdateCounter at TPM2_PolicyPCR.
    pub pcr_update_counter: Option<u32>,
    /// What TPM2_PolicyNvWritten asked for.
    pub nv_written: Option<bool>,
    /// TPM2_PolicyAuthValue: the authValue enters the HMAC key.
    pub needs_auth_value: bool,
    /// TPM2_PolicyPassword: the authValue stands in the clear where the HMAC would.
    pub needs_password: bool,
    /// TPM2_PolicyPhysicalPresence.
    pub needs_physical_presence: bool,
    /// TPM2_PolicyTransportSPDM.
    pub needs_secure_channel: bool,
}

impl PolicyState {
    /// The policy of a session that begins now.
    pub const fn begin(hash: TpmiAlgHash, time: u64, epoch: u32) -> Self {
        Self {
            digest: InlineDigest::zeros(hash),
            started: time,
            epoch,
            deadline: None,
            command_code: None,
            restriction: Restriction::None,
            locality: None,
            pcr_update_counter: None,
            nv_written: None,
            needs_auth_value: false,
            needs_password: false,
            needs_physical_presence: false,
            needs_secure_channel: false,
        }
    }
}

/// What a policy is held against when its session authorises something.
pub struct Occasion<'a> {
    /// The command.
    pub code: TpmCc,
    /// What the authorisation is for.
    pub role: Role,
    /// The locality of the command.
    pub locality: u8,
    /// TPM Time.
    pub time: u64,
    /// timeEpoch.
    pub epoch: u32,
    /// pcrUpdateCounter.
    pub pcr_update_counter: u32,
    /// The entity's policy, and the hash with which it is computed.
    pub entity_policy: (TpmiAlgHash, &'a [u8]),
    /// The session's hash.
    pub session_hash: TpmiAlgHash,
    /// TPMA_NV_WRITTEN of the entity, if it is an NV Index.
    pub nv_written: Option<bool>,
    /// The digest of the kind that the policy's restriction asks for.
    pub restricted_digest: Option<InlineDigest>,
}

impl PolicyState {
    /// Whether the policy authorises `occasion` (Part 3 §5.6, Part 1 §19.7.7), in the order in which other TPMs judge.
    pub fn check(&self, occasion: &Occasion<'_>) -> Result<(), TpmRc> {
        if occasion.code == TpmCc::POLICY_SECRET && !self.needs_auth_value && !self.needs_password {
            return Err(TpmRc::MODE);
        }
        if self
            .pcr_update_counter
            .is_some_and(|counter| counter != occasion.pcr_update_counter)
        {
            return Err(TpmRc::PCR_CHANGED);
        }
        if occasion.session_hash != occasion.entity_policy.0 || self.digest.as_bytes() != occasion.entity_policy.1 {
            return Err(TpmRc::POLICY_FAIL);
        }
        if self
            .deadline
            .is_some_and(|deadline| occasion.time > deadline || self.epoch != occasion.epoch)
        {
            return Err(TpmRc::EXPIRED);
        }
        match self.command_code {
            Some(code) if code != occasion.code => return Err(TpmRc::POLICY_CC),
            None if matches!(occasion.role, Role::Admin | Role::Dup) => return Err(TpmRc::POLICY_FAIL),
            _ => {}
        }
        if self
            .locality
            .is_some_and(|localities| !localities.admits(occasion.locality))
        {
            return Err(TpmRc::LOCALITY);
        }
        // There is no physical presence in a virtual machine.
        if self.needs_physical_presence {
            return Err(TpmRc::PP);
        }
        let restricted = match &self.restriction {
            Restriction::None => None,
            Restriction::CpHash(digest)
            | Restriction::NameHash(digest)
            | Restriction::TemplateHash(digest)
            | Restriction::ParameterHash(digest) => Some(digest),
        };
        if restricted.is_some() && restricted != occasion.restricted_digest.as_ref() {
            return Err(TpmRc::POLICY_FAIL);
        }
        if self.nv_written.is_some() && self.nv_written != occasion.nv_written {
            return Err(TpmRc::POLICY_FAIL);
        }
        // Nor does a secure channel end here.
        if self.needs_secure_channel {
            return Err(TpmRc::CHANNEL);
        }
        Ok(())
    }
}
