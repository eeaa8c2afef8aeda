//! Operands and results of PVALIDATE and RMPADJUST (APM volume 3; the model behind them is APM volume 2 §15.36).
//!
//! Only encodings: who may execute them on which page is decided above. The return codes come from hardware and are believed; the carry flag of
//! PVALIDATE is reported apart, because "nothing changed" is success for the instruction and an attack for most callers.

use crate::{LARGE_PAGE_SIZE, PAGE_SIZE};

/// Size of the page that an instruction works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB.
    Small,
    /// 2 MiB.
    Large,
}

impl PageSize {
    /// Bytes.
    pub const fn bytes(self) -> usize {
        match self {
            PageSize::Small => PAGE_SIZE,
            PageSize::Large => LARGE_PAGE_SIZE,
        }
    }

    /// The operand: bit 0 of ECX.
    pub const fn operand(self) -> u32 {
        match self {
            PageSize::Small => 0,
            PageSize::Large => 1,
        }
    }
}

/// What an instruction returned in EAX, success apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RmpError {
    /// 1: an operand is not acceptable.
    FailInput,
    /// 2: the permissions asked for exceed the caller's, or the target is not below it.
    FailPermission,
    /// 6: the RMP entry is of another size.
    FailSizeMismatch,
    /// Any other code.
    Other(u32),
}

impl RmpError {
    /// Decodes EAX: `Ok` for 0.
    pub const fn from_code(code: u32) -> Result<(), Self> {
        match code {
            0 => Ok(()),
            1 => Err(RmpError::FailInput),
            2 => Err(RmpError::FailPermission),
            6 => Err(RmpError::FailSizeMismatch),
            other => Err(RmpError::Other(other)),
        }
    }

    /// The code in EAX.
    pub const fn code(self) -> u32 {
        match self {
            RmpError::FailInput => 1,
            RmpError::FailPermission => 2,
            RmpError::FailSizeMismatch => 6,
            RmpError::Other(code) => code,
        }
    }
}

/// What PVALIDATE did when it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pvalidate {
    /// The page's state changed.
    Changed,
    /// CF = 1: the page was already in the state asked for.
    Unchanged,
}

bitflags::bitflags! {
    /// What a VMPL may do with a page: bits 15:8 of RMPADJUST's RDX.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Permissions: u8 {
        /// Read.
        const READ = 1 << 0;
        /// Write; never without read, which hardware does not allow.
        const WRITE = 1 << 1;
        /// Execute in user mode.
        const USER_EXECUTE = 1 << 2;
        /// Execute in supervisor mode.
        const SUPERVISOR_EXECUTE = 1 << 3;
        /// Everything.
        const ALL = 0xF;
    }
}

/// RDX of RMPADJUST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RmpAttributes {
    /// The level whose permissions are replaced.
    pub vmpl: u8,
    /// Its new permissions.
    pub permissions: Permissions,
    /// Whether the page is a VMSA. Every RMPADJUST at VMPL0 writes this bit.
    pub vmsa: bool,
}

impl RmpAttributes {
    /// RDX.
    pub const fn encode(self) -> u64 {
        (self.vmsa as u64) << 16 | (self.permissions.bits() as u64) << 8 | self.vmpl as u64
    }

    /// Decodes RDX; `None` when reserved bits are set or the level does not exist.
    pub const fn decode(rdx: u64) -> Option<Self> {
        if rdx >> 17 != 0 || rdx & 0xF0FC != 0 {
            return None;
        }
        Some(RmpAttributes {
            vmpl: (rdx & 3) as u8,
            permissions: Permissions::from_bits_truncate((rdx >> 8) as u8),
            vmsa: rdx >> 16 & 1 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The values that Linux and the APM use: full access for VMPL2, a VMSA readable at VMPL1.
    #[test]
    fn attributes_encode_to_rdx() {
        let full = RmpAttributes {
            vmpl: 2,
            permissions: Permissions::ALL,
            vmsa: false,
        };
        assert_eq!(full.encode(), 0x0F02);
        let vmsa = RmpAttributes {
            vmpl: 1,
            permissions: Permissions::READ,
            vmsa: true,
        };
        assert_eq!(vmsa.encode(), 0x1_0101);
        assert_eq!(RmpAttributes::decode(0x1_0101), Some(vmsa));
        assert_eq!(RmpAttributes::decode(1 << 17), None);
        assert_eq!(RmpAttributes::decode(4), None);
    }

    #[test]
    fn codes_survive_a_round_trip() {
        for code in 1..20 {
            assert_eq!(RmpError::from_code(code).map_err(RmpError::code), Err(code));
        }
        assert_eq!(RmpError::from_code(0), Ok(()));
    }
}
