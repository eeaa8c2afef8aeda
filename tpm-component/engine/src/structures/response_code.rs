//! Part 2 §6.6: response codes.
//!
//! A format-one code says what is wrong and, in its number, with which handle, parameter or session. The number is known to whoever
//! walks the command, the fault to whoever reads a field, so codes start without one and [`TpmRc::with_handle`],
//! [`TpmRc::with_parameter`] and [`TpmRc::with_session`] add it once: they leave a code alone that has a number already or cannot have one.
//!
//! TPM_RC_SUCCESS is no [`TpmRc`]: what succeeds is `Ok`. So a `Result<(), TpmRc>` is one word, which functions return in a register.

use core::num::NonZeroU32;

use crate::wire::{Marshal, Writer};

/// TPM_RC_SUCCESS.
pub(crate) const SUCCESS: u32 = 0;

/// The bit that marks a format-one code.
const FORMAT_ONE: u32 = 0x080;
/// Where a format-one code carries its number, and whether it is that of a parameter.
const NUMBERED: u32 = 0xF40;
/// The number is that of a parameter.
const PARAMETER: u32 = 0x040;
/// The number is that of a session.
const SESSION: u32 = 0x800;

/// TPM_RC (Part 2 §6.6): a response code other than TPM_RC_SUCCESS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TpmRc(NonZeroU32);

macro_rules! codes {
    ($($(#[$meta:meta])* $constant:ident = $value:expr,)*) => {
        impl TpmRc {
            $($(#[$meta])* pub const $constant: Self = Self(NonZeroU32::new($value).expect("a code of an error"));)*
        }
    };
}

codes! {
    /// TPM_RC_BAD_TAG.
    BAD_TAG = 0x01E,
    /// TPM_RC_INITIALIZE.
    INITIALIZE = 0x100,
    /// TPM_RC_FAILURE.
    FAILURE = 0x101,
    /// TPM_RC_SEQUENCE.
    SEQUENCE = 0x103,
    /// TPM_RC_PRIVATE.
    PRIVATE = 0x10B,
    /// TPM_RC_HMAC.
    HMAC = 0x119,
    /// TPM_RC_DISABLED.
    DISABLED = 0x120,
    /// TPM_RC_EXCLUSIVE.
    EXCLUSIVE = 0x121,
    /// TPM_RC_AUTH_TYPE.
    AUTH_TYPE = 0x124,
    /// TPM_RC_AUTH_MISSING.
    AUTH_MISSING = 0x125,
    /// TPM_RC_POLICY.
    POLICY = 0x126,
    /// TPM_RC_PCR.
    PCR = 0x127,
    /// TPM_RC_PCR_CHANGED.
    PCR_CHANGED = 0x128,
    /// TPM_RC_UPGRADE.
    UPGRADE = 0x12D,
    /// TPM_RC_TOO_MANY_CONTEXTS.
    TOO_MANY_CONTEXTS = 0x12E,
    /// TPM_RC_AUTH_UNAVAILABLE.
    AUTH_UNAVAILABLE = 0x12F,
    /// TPM_RC_REBOOT.
    REBOOT = 0x130,
    /// TPM_RC_UNBALANCED.
    UNBALANCED = 0x131,
    /// TPM_RC_COMMAND_SIZE.
    COMMAND_SIZE = 0x142,
    /// TPM_RC_COMMAND_CODE.
    COMMAND_CODE = 0x143,
    /// TPM_RC_AUTHSIZE.
    AUTHSIZE = 0x144,
    /// TPM_RC_AUTH_CONTEXT.
    AUTH_CONTEXT = 0x145,
    /// TPM_RC_NV_RANGE.
    NV_RANGE = 0x146,
    /// TPM_RC_NV_SIZE.
    NV_SIZE = 0x147,
    /// TPM_RC_NV_LOCKED.
    NV_LOCKED = 0x148,
    /// TPM_RC_NV_AUTHORIZATION.
    NV_AUTHORIZATION = 0x149,
    /// TPM_RC_NV_UNINITIALIZED.
    NV_UNINITIALIZED = 0x14A,
    /// TPM_RC_NV_SPACE.
    NV_SPACE = 0x14B,
    /// TPM_RC_NV_DEFINED.
    NV_DEFINED = 0x14C,
    /// TPM_RC_BAD_CONTEXT.
    BAD_CONTEXT = 0x150,
    /// TPM_RC_CPHASH.
    CPHASH = 0x151,
    /// TPM_RC_PARENT.
    PARENT = 0x152,
    /// TPM_RC_NEEDS_TEST.
    NEEDS_TEST = 0x153,
    /// TPM_RC_NO_RESULT.
    NO_RESULT = 0x154,
    /// TPM_RC_SENSITIVE.
    SENSITIVE = 0x155,
    /// TPM_RC_READ_ONLY.
    READ_ONLY = 0x156,
    /// TPM_RC_ASYMMETRIC.
    ASYMMETRIC = 0x081,
    /// TPM_RC_ATTRIBUTES.
    ATTRIBUTES = 0x082,
    /// TPM_RC_HASH.
    HASH = 0x083,
    /// TPM_RC_VALUE.
    VALUE = 0x084,
    /// TPM_RC_HIERARCHY.
    HIERARCHY = 0x085,
    /// TPM_RC_KEY_SIZE.
    KEY_SIZE = 0x087,
    /// TPM_RC_MGF.
    MGF = 0x088,
    /// TPM_RC_MODE.
    MODE = 0x089,
    /// TPM_RC_TYPE.
    TYPE = 0x08A,
    /// TPM_RC_HANDLE.
    HANDLE = 0x08B,
    /// TPM_RC_KDF.
    KDF = 0x08C,
    /// TPM_RC_RANGE.
    RANGE = 0x08D,
    /// TPM_RC_AUTH_FAIL.
    AUTH_FAIL = 0x08E,
    /// TPM_RC_NONCE.
    NONCE = 0x08F,
    /// TPM_RC_PP.
    PP = 0x090,
    /// TPM_RC_SCHEME.
    SCHEME = 0x092,
    /// TPM_RC_SIZE.
    SIZE = 0x095,
    /// TPM_RC_SYMMETRIC.
    SYMMETRIC = 0x096,
    /// TPM_RC_TAG.
    TAG = 0x097,
    /// TPM_RC_SELECTOR.
    SELECTOR = 0x098,
    /// TPM_RC_INSUFFICIENT.
    INSUFFICIENT = 0x09A,
    /// TPM_RC_SIGNATURE.
    SIGNATURE = 0x09B,
    /// TPM_RC_KEY.
    KEY = 0x09C,
    /// TPM_RC_POLICY_FAIL.
    POLICY_FAIL = 0x09D,
    /// TPM_RC_INTEGRITY.
    INTEGRITY = 0x09F,
    /// TPM_RC_TICKET.
    TICKET = 0x0A0,
    /// TPM_RC_RESERVED_BITS.
    RESERVED_BITS = 0x0A1,
    /// TPM_RC_BAD_AUTH.
    BAD_AUTH = 0x0A2,
    /// TPM_RC_EXPIRED.
    EXPIRED = 0x0A3,
    /// TPM_RC_POLICY_CC.
    POLICY_CC = 0x0A4,
    /// TPM_RC_BINDING.
    BINDING = 0x0A5,
    /// TPM_RC_CURVE.
    CURVE = 0x0A6,
    /// TPM_RC_ECC_POINT.
    ECC_POINT = 0x0A7,
    /// TPM_RC_FW_LIMITED.
    FW_LIMITED = 0x0A8,
    /// TPM_RC_SVN_LIMITED.
    SVN_LIMITED = 0x0A9,
    /// TPM_RC_CHANNEL.
    CHANNEL = 0x0B0,
    /// TPM_RC_CHANNEL_KEY.
    CHANNEL_KEY = 0x0B1,
    /// TPM_RC_CONTEXT_GAP.
    CONTEXT_GAP = 0x901,
    /// TPM_RC_OBJECT_MEMORY.
    OBJECT_MEMORY = 0x902,
    /// TPM_RC_SESSION_MEMORY.
    SESSION_MEMORY = 0x903,
    /// TPM_RC_MEMORY.
    MEMORY = 0x904,
    /// TPM_RC_SESSION_HANDLES.
    SESSION_HANDLES = 0x905,
    /// TPM_RC_OBJECT_HANDLES.
    OBJECT_HANDLES = 0x906,
    /// TPM_RC_LOCALITY.
    LOCALITY = 0x907,
    /// TPM_RC_YIELDED.
    YIELDED = 0x908,
    /// TPM_RC_CANCELED.
    CANCELED = 0x909,
    /// TPM_RC_TESTING.
    TESTING = 0x90A,
    /// TPM_RC_REFERENCE_H0.
    REFERENCE_H0 = 0x910,
    /// TPM_RC_REFERENCE_H1.
    REFERENCE_H1 = 0x911,
    /// TPM_RC_REFERENCE_H2.
    REFERENCE_H2 = 0x912,
    /// TPM_RC_REFERENCE_H3.
    REFERENCE_H3 = 0x913,
    /// TPM_RC_REFERENCE_H4.
    REFERENCE_H4 = 0x914,
    /// TPM_RC_REFERENCE_H5.
    REFERENCE_H5 = 0x915,
    /// TPM_RC_REFERENCE_H6.
    REFERENCE_H6 = 0x916,
    /// TPM_RC_REFERENCE_S0.
    REFERENCE_S0 = 0x918,
    /// TPM_RC_REFERENCE_S1.
    REFERENCE_S1 = 0x919,
    /// TPM_RC_REFERENCE_S2.
    REFERENCE_S2 = 0x91A,
    /// TPM_RC_REFERENCE_S3.
    REFERENCE_S3 = 0x91B,
    /// TPM_RC_REFERENCE_S4.
    REFERENCE_S4 = 0x91C,
    /// TPM_RC_REFERENCE_S5.
    REFERENCE_S5 = 0x91D,
    /// TPM_RC_REFERENCE_S6.
    REFERENCE_S6 = 0x91E,
    /// TPM_RC_NV_RATE.
    NV_RATE = 0x920,
    /// TPM_RC_LOCKOUT.
    LOCKOUT = 0x921,
    /// TPM_RC_RETRY.
    RETRY = 0x922,
    /// TPM_RC_NV_UNAVAILABLE.
    NV_UNAVAILABLE = 0x923,
}

impl TpmRc {
    /// The number on the wire.
    pub const fn value(self) -> u32 {
        self.0.get()
    }

    /// The code with this number.
    #[cfg(test)]
    pub(crate) const fn new(value: u32) -> Self {
        Self(NonZeroU32::new(value).expect("a code of an error"))
    }

    /// The code for handle `number`, counted from 1.
    #[must_use]
    pub const fn with_handle(self, number: usize) -> Self {
        self.numbered((number as u32 & 0x7) << 8)
    }

    /// The code for parameter `number`, counted from 1.
    #[must_use]
    pub const fn with_parameter(self, number: usize) -> Self {
        self.numbered(PARAMETER | ((number as u32 & 0xF) << 8))
    }

    /// The code for session `number`, counted from 1.
    #[must_use]
    pub const fn with_session(self, number: usize) -> Self {
        self.numbered(SESSION | ((number as u32 & 0x7) << 8))
    }

    /// TPM_RC_REFERENCE_Hx: handle number `number`, counted from 1, names nothing that is loaded.
    #[must_use]
    pub const fn reference_handle(number: usize) -> Self {
        Self(Self::REFERENCE_H0.0.saturating_add((number as u32).saturating_sub(1)))
    }

    /// TPM_RC_REFERENCE_Sx: session number `number`, counted from 1, is not loaded.
    #[must_use]
    pub const fn reference_session(number: usize) -> Self {
        Self(Self::REFERENCE_S0.0.saturating_add((number as u32).saturating_sub(1)))
    }

    const fn numbered(self, number: u32) -> Self {
        let value = self.value();
        match NonZeroU32::new(value | number) {
            Some(numbered) if value & FORMAT_ONE != 0 && value & NUMBERED == 0 => Self(numbered),
            _ => self,
        }
    }
}

/// How something went, as TPM_RC: TPM_RC_SUCCESS, or the code.
impl Marshal for Result<(), TpmRc> {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.map_or_else(TpmRc::value, |()| SUCCESS));
    }
}

impl core::fmt::Debug for TpmRc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "TpmRc({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_one_codes_take_their_number() {
        // Part 2 §6.6.3: the codes as other TPMs answer them.
        assert_eq!(TpmRc::VALUE.with_parameter(1).value(), 0x1C4);
        assert_eq!(TpmRc::SIZE.with_parameter(2).value(), 0x2D5);
        assert_eq!(TpmRc::HANDLE.with_handle(1).value(), 0x18B);
        assert_eq!(TpmRc::VALUE.with_handle(2).value(), 0x284);
        assert_eq!(TpmRc::AUTH_FAIL.with_session(1).value(), 0x98E);
        assert_eq!(TpmRc::BAD_AUTH.with_session(1).value(), 0x9A2);
        assert_eq!(TpmRc::ATTRIBUTES.with_session(2).value(), 0xA82);
        assert_eq!(TpmRc::INTEGRITY.with_parameter(1).value(), 0x1DF);
        assert_eq!(TpmRc::INSUFFICIENT.with_handle(1).value(), 0x19A);
    }

    #[test]
    fn other_codes_and_numbered_codes_stay() {
        assert_eq!(TpmRc::NV_LOCKED.with_parameter(1), TpmRc::NV_LOCKED);
        assert_eq!(TpmRc::LOCKOUT.with_session(1), TpmRc::LOCKOUT);
        assert_eq!(TpmRc::VALUE.with_parameter(2).with_parameter(1).value(), 0x2C4);
        assert_eq!(TpmRc::ATTRIBUTES.with_handle(1).with_parameter(2).value(), 0x182);
    }

    #[test]
    fn references_count_from_their_first_code() {
        assert_eq!(TpmRc::reference_handle(2), TpmRc::REFERENCE_H1);
        assert_eq!(TpmRc::reference_session(1), TpmRc::REFERENCE_S0);
    }
}
