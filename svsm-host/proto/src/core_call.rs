//! Core protocol: call numbers and the page lists in guest memory (SVSM chapter 6).
//!
//! Lists lie in guest memory and belong to the guest; the service copies header and entries once and decodes the copies here. Decoding
//! refuses reserved bits, so that what a later revision of the specification gives a meaning is never silently ignored.

use crate::{assert_layout, rmp::PageSize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Call numbers.
pub mod call {
    /// SVSM_CORE_REMAP_CA.
    pub const REMAP_CA: u32 = 0;
    /// SVSM_CORE_PVALIDATE.
    pub const PVALIDATE: u32 = 1;
    /// SVSM_CORE_CREATE_VCPU.
    pub const CREATE_VCPU: u32 = 2;
    /// SVSM_CORE_DELETE_VCPU.
    pub const DELETE_VCPU: u32 = 3;
    /// SVSM_CORE_DEPOSIT_MEM.
    pub const DEPOSIT_MEM: u32 = 4;
    /// SVSM_CORE_WITHDRAW_MEM.
    pub const WITHDRAW_MEM: u32 = 5;
    /// SVSM_CORE_QUERY_PROTOCOL.
    pub const QUERY_PROTOCOL: u32 = 6;
    /// SVSM_CORE_CONFIGURE_VTOM.
    pub const CONFIGURE_VTOM: u32 = 7;
}

/// Newest version of the core protocol.
pub const VERSION: u32 = 1;

/// Header of the lists of PVALIDATE and DEPOSIT_MEM (SVSM tables 6 and 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListHeader {
    /// Number of entries.
    pub count: u16,
    /// Index of the entry to process next; the SVSM moves it on.
    pub next: u16,
    /// Zero.
    pub reserved: u32,
}

assert_layout!(ListHeader, size 8, count @ 0, next @ 2, reserved @ 4);

/// Offset of [`ListHeader::next`].
pub const LIST_NEXT_OFFSET: u64 = 2;

/// Bytes of one entry.
pub const LIST_ENTRY_SIZE: usize = 8;

/// Why an entry cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One entry of a PVALIDATE list (SVSM table 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PvalidateEntry {
    /// First byte of the page, aligned to its size.
    pub gpa: u64,
    /// Its size.
    pub size: PageSize,
    /// True to validate, false to rescind.
    pub validate: bool,
    /// Whether "already in this state" is acceptable.
    pub ignore_cf: bool,
}

impl PvalidateEntry {
    /// Decodes eight bytes.
    pub const fn decode(raw: u64) -> Result<Self, Malformed> {
        let size = match raw & 3 {
            0 => PageSize::Small,
            1 => PageSize::Large,
            _ => return Err(Malformed),
        };
        let gpa = raw & !0xFFF;
        if raw & 0xFF0 != 0 || !gpa.is_multiple_of(size.bytes() as u64) {
            return Err(Malformed);
        }
        Ok(PvalidateEntry {
            gpa,
            size,
            validate: raw & 4 != 0,
            ignore_cf: raw & 8 != 0,
        })
    }

    /// The eight bytes.
    pub const fn encode(self) -> u64 {
        self.gpa & !0xFFF | (self.ignore_cf as u64) << 3 | (self.validate as u64) << 2 | self.size.operand() as u64
    }
}

/// One entry of a DEPOSIT_MEM list (SVSM table 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositEntry {
    /// First byte of the page.
    pub gpa: u64,
    /// Its size.
    pub size: PageSize,
}

impl DepositEntry {
    /// Decodes eight bytes.
    pub const fn decode(raw: u64) -> Result<Self, Malformed> {
        if raw & 0xFFC != 0 {
            return Err(Malformed);
        }
        match PvalidateEntry::decode(raw) {
            Ok(entry) => Ok(DepositEntry {
                gpa: entry.gpa,
                size: entry.size,
            }),
            Err(malformed) => Err(malformed),
        }
    }
}

/// RCX of CONFIGURE_VTOM: bit 0 asks for the capabilities.
pub const VTOM_QUERY: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    // SVSM table 7: size in [1:0], action bit 2, ignore-CF bit 3, [11:4] zero.
    #[test]
    fn pvalidate_entry_refuses_reserved_bits_and_misalignment() {
        let entry = PvalidateEntry {
            gpa: 0x20_0000,
            size: PageSize::Large,
            validate: true,
            ignore_cf: false,
        };
        assert_eq!(entry.encode(), 0x20_0005);
        assert_eq!(PvalidateEntry::decode(0x20_0005), Ok(entry));
        for raw in [0x20_0002, 0x20_0003, 0x20_0010, 0x20_0800, 0x20_1001] {
            assert_eq!(PvalidateEntry::decode(raw), Err(Malformed), "{raw:#x}");
        }
    }

    #[test]
    fn deposit_entry_refuses_action_bits() {
        assert_eq!(
            DepositEntry::decode(0x1000),
            Ok(DepositEntry {
                gpa: 0x1000,
                size: PageSize::Small
            })
        );
        assert_eq!(DepositEntry::decode(0x1004), Err(Malformed));
    }
}
