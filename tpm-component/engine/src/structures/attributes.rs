//! Part 2 §8: words of attribute bits. Bits that a type reserves are refused as they are read.

use super::TpmCc;
use crate::wire::shapes::tpma;

tpma! {
    /// TPMA_ALGORITHM (Part 2 §8.2).
    pub struct TpmaAlgorithm(u32) reserved 0xFFFF_F8F0 {
        /// An asymmetric algorithm with a public and a private part.
        ASYMMETRIC = 0x1,
        /// A symmetric algorithm.
        SYMMETRIC = 0x2,
        /// A hash algorithm.
        HASH = 0x4,
        /// Usable as the type of an object.
        OBJECT = 0x8,
        /// A signing algorithm.
        SIGNING = 0x100,
        /// An encryption algorithm.
        ENCRYPTING = 0x200,
        /// A method, such as a key derivation function.
        METHOD = 0x400,
    }
}

tpma! {
    /// TPMA_OBJECT (Part 2 §8.3). fixedFirmware, firmwareLimited and svnLimited (1.83) are reserved here.
    pub struct TpmaObject(u32) reserved 0xFFF0_F309 {
        /// fixedTPM.
        FIXED_TPM = 0x2,
        /// stClear.
        ST_CLEAR = 0x4,
        /// fixedParent.
        FIXED_PARENT = 0x10,
        /// sensitiveDataOrigin.
        SENSITIVE_DATA_ORIGIN = 0x20,
        /// userWithAuth.
        USER_WITH_AUTH = 0x40,
        /// adminWithPolicy.
        ADMIN_WITH_POLICY = 0x80,
        /// noDA.
        NO_DA = 0x400,
        /// encryptedDuplication.
        ENCRYPTED_DUPLICATION = 0x800,
        /// restricted.
        RESTRICTED = 0x1_0000,
        /// decrypt.
        DECRYPT = 0x2_0000,
        /// sign (and, for a symmetric cipher, encrypt).
        SIGN = 0x4_0000,
        /// x509sign.
        X509_SIGN = 0x8_0000,
    }
}

tpma! {
    /// TPMA_SESSION (Part 2 §8.4).
    pub struct TpmaSession(u8) reserved 0x18 {
        /// continueSession.
        CONTINUE_SESSION = 0x01,
        /// auditExclusive.
        AUDIT_EXCLUSIVE = 0x02,
        /// auditReset.
        AUDIT_RESET = 0x04,
        /// decrypt.
        DECRYPT = 0x20,
        /// encrypt.
        ENCRYPT = 0x40,
        /// audit.
        AUDIT = 0x80,
    }
}

tpma! {
    /// TPMA_LOCALITY (Part 2 §8.5): a mask of the localities 0 to 4, or, from 32 on, one extended locality.
    pub struct TpmaLocality(u8) reserved 0 {
        /// TPM_LOC_ZERO.
        ZERO = 0x01,
        /// TPM_LOC_ONE.
        ONE = 0x02,
        /// TPM_LOC_TWO.
        TWO = 0x04,
        /// TPM_LOC_THREE.
        THREE = 0x08,
        /// TPM_LOC_FOUR.
        FOUR = 0x10,
        /// The bits of which one is set in an extended locality.
        EXTENDED = 0xE0,
    }
}

impl TpmaLocality {
    /// The attribute that stands for exactly this locality.
    pub const fn of(locality: u8) -> Self {
        if locality < 5 {
            Self(1 << locality)
        } else {
            Self(locality)
        }
    }

    /// Whether it is one extended locality, not a mask.
    pub const fn is_extended(self) -> bool {
        self.intersects(Self::EXTENDED)
    }

    /// Whether a command at `locality` satisfies it.
    pub const fn admits(self, locality: u8) -> bool {
        if self.is_extended() {
            self.0 == locality
        } else {
            locality < 5 && self.contains(Self::of(locality))
        }
    }
}

tpma! {
    /// TPMA_PERMANENT (Part 2 §8.6).
    pub struct TpmaPermanent(u32) reserved 0xFFFF_F8F8 {
        /// ownerAuthSet.
        OWNER_AUTH_SET = 0x1,
        /// endorsementAuthSet.
        ENDORSEMENT_AUTH_SET = 0x2,
        /// lockoutAuthSet.
        LOCKOUT_AUTH_SET = 0x4,
        /// disableClear.
        DISABLE_CLEAR = 0x100,
        /// inLockout.
        IN_LOCKOUT = 0x200,
        /// tpmGeneratedEPS.
        TPM_GENERATED_EPS = 0x400,
    }
}

tpma! {
    /// TPMA_STARTUP_CLEAR (Part 2 §8.7).
    pub struct TpmaStartupClear(u32) reserved 0x7FFF_FFE0 {
        /// phEnable.
        PH_ENABLE = 0x1,
        /// shEnable.
        SH_ENABLE = 0x2,
        /// ehEnable.
        EH_ENABLE = 0x4,
        /// phEnableNV.
        PH_ENABLE_NV = 0x8,
        /// readOnly (1.83).
        READ_ONLY = 0x10,
        /// orderly.
        ORDERLY = 0x8000_0000,
    }
}

tpma! {
    /// TPMA_MEMORY (Part 2 §8.8).
    pub struct TpmaMemory(u32) reserved 0xFFFF_FFF8 {
        /// sharedRAM.
        SHARED_RAM = 0x1,
        /// sharedNV.
        SHARED_NV = 0x2,
        /// objectCopiedToRam.
        OBJECT_COPIED_TO_RAM = 0x4,
    }
}

tpma! {
    /// TPMA_CC (Part 2 §8.9): a command code with its attributes. The number of handles stands in bits 25 to 27.
    pub struct TpmaCc(u32) reserved 0xC03F_0000 {
        /// nv: the command may write NV memory.
        NV = 0x0040_0000,
        /// extensive: the command may flush any number of contexts.
        EXTENSIVE = 0x0080_0000,
        /// flushed: the context behind a handle is flushed.
        FLUSHED = 0x0100_0000,
        /// rHandle: the response has a handle.
        R_HANDLE = 0x1000_0000,
        /// V: a vendor's command.
        V = 0x2000_0000,
    }
}

tpma! {
    /// TPMA_ACT (Part 2 §8.12).
    pub struct TpmaAct(u32) reserved 0xFFFF_FFFC {
        /// signaled.
        SIGNALED = 0x1,
        /// preserveSignaled.
        PRESERVE_SIGNALED = 0x2,
    }
}

impl TpmaCc {
    /// The word for a command with `handles` handles in its handle area (at most 7).
    pub const fn for_command(code: TpmCc, handles: u32) -> Self {
        Self((code.0 & 0x2000_FFFF) | ((handles & 0x7) << 25))
    }

    /// The command code.
    pub const fn command_code(self) -> TpmCc {
        TpmCc(self.0 & 0x2000_FFFF)
    }

    /// Number of handles in the handle area.
    pub const fn handles(self) -> u32 {
        (self.0 >> 25) & 0x7
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{structures::TpmRc, wire::Unmarshal};

    #[test]
    fn reserved_bits_are_refused() {
        // Part 2 §9: reserved bits are TPM_RC_RESERVED_BITS.
        assert_eq!(TpmaSession::from_bytes(&[0x08]), Err(TpmRc::RESERVED_BITS));
        assert_eq!(TpmaObject::from_bytes(&[0, 0, 1, 0]), Err(TpmRc::RESERVED_BITS));
        assert_eq!(
            TpmaObject::from_bytes(&[0, 3, 0, 0xb2]).map(TpmaObject::bits),
            Ok(0x0003_00b2)
        );
    }

    #[test]
    fn localities_are_masks_below_32_and_values_above() {
        // Part 2 §8.5.
        assert_eq!(TpmaLocality::of(3).bits(), 8);
        assert_eq!(TpmaLocality::of(40).bits(), 40);
        assert!((TpmaLocality::ZERO | TpmaLocality::FOUR).admits(4));
        assert!(!TpmaLocality::ZERO.admits(1));
        assert!(TpmaLocality::from_bits(40).admits(40));
        assert!(!TpmaLocality::from_bits(40).admits(3));
    }

    #[test]
    fn command_attributes_match_the_command_table() {
        // Part 3: TPM2_Clear 0x02C00126, TPM2_PolicyNV 0x06000149.
        let clear = TpmaCc::for_command(TpmCc::CLEAR, 1)
            .with(TpmaCc::NV)
            .with(TpmaCc::EXTENSIVE);
        assert_eq!(clear.bits(), 0x02C0_0126);
        assert_eq!(TpmaCc::for_command(TpmCc::POLICY_NV, 3).bits(), 0x0600_0149);
    }
}
