//! The CPUID page: a table that the hypervisor fills, the PSP checks against the processor and the guest reads instead of executing CPUID
//! (SNP firmware ABI, SNP_LAUNCH_UPDATE with page type CPUID).
//!
//! The PSP refuses values that claim more than the hardware has; it does not promise that the table is complete or free of duplicates.
//! The count is checked here once, and a leaf that is not listed reads as zero.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Most entries.
pub const MAX_ENTRIES: usize = 64;

/// One function and what it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "fields carry the specification's names")]
pub struct CpuidEntry {
    pub eax_in: u32,
    pub ecx_in: u32,
    pub xcr0_in: u64,
    pub xss_in: u64,
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
    pub reserved: u64,
}

assert_layout!(CpuidEntry, size 48, ecx_in @ 4, xcr0_in @ 8, xss_in @ 16, eax @ 24, ebx @ 28, ecx @ 32, edx @ 36, reserved @ 40);

/// The page.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CpuidPage {
    /// How many entries are used.
    pub count: u32,
    /// Reserved.
    pub reserved_004: u32,
    /// Reserved.
    pub reserved_008: u64,
    /// The entries.
    pub entries: [CpuidEntry; MAX_ENTRIES],
    /// Reserved.
    pub reserved_c10: [u8; 1008],
}

assert_layout!(CpuidPage, size 0x1000, count @ 0, entries @ 16, reserved_c10 @ 0xC10);

impl CpuidPage {
    /// The entries in use, or `None` when the count is out of bounds.
    pub fn listed(&self) -> Option<&[CpuidEntry]> {
        self.entries.get(..usize::try_from(self.count).ok()?)
    }

    /// The first entry for a function, with its subleaf where the function has any. `None` when it is not listed.
    pub fn find(&self, function: u32, subleaf: u32) -> Option<&CpuidEntry> {
        self.listed()?
            .iter()
            .find(|e| e.eax_in == function && (!has_subleaves(function) || e.ecx_in == subleaf))
    }

    /// Position of the C-bit, from function 8000_001F (`EBX[5:0]`).
    pub fn c_bit(&self) -> Option<u8> {
        self.find(0x8000_001F, 0).map(|e| (e.ebx & 0x3F) as u8)
    }
}

/// Whether ECX selects a part of the function (APM volume 3, appendix E).
pub const fn has_subleaves(function: u32) -> bool {
    matches!(
        function,
        0x4 | 0x7 | 0xB | 0xD | 0xF | 0x10 | 0x12 | 0x14 | 0x8000_001D | 0x8000_0020 | 0x8000_0026
    )
}
