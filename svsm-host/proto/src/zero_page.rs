//! The part of Linux's zero page that the SVSM writes: the memory map (Linux `Documentation/arch/x86/zero-page.rst`, `struct boot_e820_entry`).
//!
//! The rest of the page is the image's and measured. The map is the SVSM's statement to the guest: what it lists as RAM is private,
//! validated and the guest's.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Offset of the number of entries, one byte.
pub const E820_ENTRIES_OFFSET: u64 = 0x1E8;
/// Offset of the first entry.
pub const E820_TABLE_OFFSET: u64 = 0x2D0;
/// Most entries.
pub const E820_MAX_ENTRIES: usize = 128;

/// Memory that the guest may use.
pub const E820_RAM: u32 = 1;
/// Memory that the guest must leave alone.
pub const E820_RESERVED: u32 = 2;
/// Memory that holds tables of the firmware's: not for use, but private like the rest.
pub const E820_ACPI: u32 = 3;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C, packed)]
pub struct E820Entry {
    /// First byte.
    pub start: u64,
    /// How many bytes.
    pub bytes: u64,
    /// [`E820_RAM`], [`E820_RESERVED`] or [`E820_ACPI`].
    pub kind: u32,
}

assert_layout!(E820Entry, size 20, start @ 0, bytes @ 8, kind @ 16);
