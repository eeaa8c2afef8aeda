//! What a policy session has collected: the digest of Part 1 §19.7 and the conditions that the policy commands left to be checked when
//! the session is used. The policy commands write it, `dispatch/auth_area.rs` judges by it; neither knows the other.

use crate::structures::{Tpm2bDigest, TpmCc, TpmRc, TpmaLocality, TpmiAlgHash};

/// The one digest that restricts what a policy session authorises; the kinds exclude each other (TPM_RC_CPHASH).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Restriction {
    /// None yet.
    #[default]
    None,
    /// cpHash of the command (TPM2_PolicyCpHash, TPM2_PolicySigned, TPM2_PolicySecret, TPM2_PolicyTicket).
    CpHash(Tpm2bDigest),
    /// Digest of the Names of the command's handles (TPM2_PolicyNameHash, TPM2_PolicyDuplicationSelect).
    NameHash(Tpm2bDigest),
    /// Digest of the template of the object to be created (TPM2_PolicyTemplate).
    TemplateHash(Tpm2bDigest),
    /// Digest of the command code and parameters (TPM2_PolicyParameters, 1.83).
    ParameterHash(Tpm2bDigest),
}

/// The policy of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// policyDigest.
    pub digest: Tpm2bDigest,
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
}

impl PolicyState {
    /// The policy of a session that begins now.
    pub fn begin(hash: TpmiAlgHash, time: u64, epoch: u32) -> Result<Self, TpmRc> {
        Ok(Self {
            digest: Tpm2bDigest::from_vec(alloc::vec![0; hash.digest_size()])?,
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
        })
    }
}
