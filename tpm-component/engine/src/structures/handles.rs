//! Part 2 §7: handles.
//!
//! A [`TpmHandle`] is a caller's claim: its high byte says what kind of thing it names, nothing says that the thing exists. The
//! interface types of `interface_types.rs` are handles whose kind has been checked; existence is for the part that owns the thing.

use super::limits;
use crate::wire::shapes::tpm_constants;

tpm_constants! {
    /// TPM_HANDLE (Part 2 §7.1) with the permanent handles TPM_RH_ (Part 2 §7.4) that have a meaning here.
    pub struct TpmHandle(u32) {
        /// TPM_RH_OWNER: the storage hierarchy.
        OWNER = 0x4000_0001,
        /// TPM_RH_NULL.
        NULL = 0x4000_0007,
        /// TPM_RS_PW: the password session.
        RS_PW = 0x4000_0009,
        /// TPM_RH_LOCKOUT.
        LOCKOUT = 0x4000_000A,
        /// TPM_RH_ENDORSEMENT.
        ENDORSEMENT = 0x4000_000B,
        /// TPM_RH_PLATFORM.
        PLATFORM = 0x4000_000C,
        /// TPM_RH_PLATFORM_NV.
        PLATFORM_NV = 0x4000_000D,
        /// TPM_RH_ACT_0.
        ACT_0 = 0x4000_0110,
        /// TPM_RH_ACT_A.
        ACT_A = 0x4000_011A,
        /// TPM_RH_ACT_F.
        ACT_F = 0x4000_011F,
        /// The first transient object.
        TRANSIENT_FIRST = 0x8000_0000,
        /// The first persistent object.
        PERSISTENT_FIRST = 0x8100_0000,
        /// The first persistent object of the platform.
        PLATFORM_PERSISTENT = 0x8180_0000,
        /// The first NV Index.
        NV_INDEX_FIRST = 0x0100_0000,
        /// The first HMAC session.
        HMAC_SESSION_FIRST = 0x0200_0000,
        /// The first policy session.
        POLICY_SESSION_FIRST = 0x0300_0000,
    }
}

/// TPM_HT (Part 2 §7.2): the kind that a handle's high byte names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TpmHt {
    /// TPM_HT_PCR.
    Pcr,
    /// TPM_HT_NV_INDEX.
    NvIndex,
    /// TPM_HT_HMAC_SESSION, TPM_HT_LOADED_SESSION.
    HmacSession,
    /// TPM_HT_POLICY_SESSION, TPM_HT_SAVED_SESSION.
    PolicySession,
    /// TPM_HT_PERMANENT.
    Permanent,
    /// TPM_HT_TRANSIENT.
    Transient,
    /// TPM_HT_PERSISTENT.
    Persistent,
}

impl TpmHandle {
    /// The kind, or `None` for a kind that this TPM does not have.
    pub const fn kind(self) -> Option<TpmHt> {
        Some(match self.0 >> 24 {
            0x00 => TpmHt::Pcr,
            0x01 => TpmHt::NvIndex,
            0x02 => TpmHt::HmacSession,
            0x03 => TpmHt::PolicySession,
            0x40 => TpmHt::Permanent,
            0x80 => TpmHt::Transient,
            0x81 => TpmHt::Persistent,
            _ => return None,
        })
    }

    /// The part below the kind.
    pub const fn number(self) -> u32 {
        self.0 & 0x00FF_FFFF
    }

    /// The handle of PCR `number`.
    pub const fn pcr(number: u8) -> Self {
        Self(number as u32)
    }

    /// The handle of transient slot `slot`.
    pub const fn transient(slot: u32) -> Self {
        Self(Self::TRANSIENT_FIRST.0 | slot)
    }

    /// Whether it is a PCR that exists.
    pub const fn is_pcr(self) -> bool {
        self.0 < limits::PCR_COUNT as u32
    }

    /// Whether it is in the range of NV indices.
    pub const fn is_nv_index(self) -> bool {
        matches!(self.kind(), Some(TpmHt::NvIndex))
    }

    /// Whether it is in the range of authenticated countdown timers.
    pub const fn is_act(self) -> bool {
        self.0 >= Self::ACT_0.0 && self.0 <= Self::ACT_F.0
    }

    /// Whether it can be an HMAC session.
    pub const fn is_hmac_session(self) -> bool {
        matches!(self.kind(), Some(TpmHt::HmacSession)) && self.number() < limits::MAX_ACTIVE_SESSIONS as u32
    }

    /// Whether it can be a policy session.
    pub const fn is_policy_session(self) -> bool {
        matches!(self.kind(), Some(TpmHt::PolicySession)) && self.number() < limits::MAX_ACTIVE_SESSIONS as u32
    }

    /// Whether it can be a session of either kind.
    pub const fn is_session(self) -> bool {
        self.is_hmac_session() || self.is_policy_session()
    }

    /// Whether it can be a transient object.
    pub const fn is_transient(self) -> bool {
        matches!(self.kind(), Some(TpmHt::Transient)) && self.number() < limits::MAX_LOADED_OBJECTS as u32
    }

    /// Whether it is in the range of persistent objects.
    pub const fn is_persistent(self) -> bool {
        matches!(self.kind(), Some(TpmHt::Persistent))
    }

    /// Whether it is in the half of the persistent range that belongs to the platform.
    pub const fn is_platform_persistent(self) -> bool {
        self.is_persistent() && self.0 >= Self::PLATFORM_PERSISTENT.0
    }
}
