//! Where things lie at launch, and the page by which the image builder tells the SVSM about the guest that it carries.
//!
//! [`LaunchInfo`] is measured, so its contents are as trustworthy as the image; it is checked all the same, because an image that was built
//! wrongly must end in a clear refusal. [`GuestBootInfo`] goes the other way: the SVSM writes it for a guest that has no firmware of its
//! own to find memory, secrets and calling area.
//!
//! All numbers of the layout stand here and nowhere else.

use crate::{PAGE_SIZE, assert_layout, vmsa::SevFeatures};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The SVSM's region: private, VMPL0 only, never the guest's.
pub const REGION_GPA: u64 = 0xC000_0000;
/// Bytes of the region.
pub const REGION_SIZE: u64 = 24 << 20;
/// Bytes of the region of an image for several vCPUs: each has stacks of its own.
pub const REGION_SIZE_OF_SEVERAL: u64 = 28 << 20;
/// Most vCPUs that an image can be for.
pub const MAX_PROCESSORS: u64 = 8;
/// Secrets page.
pub const SECRETS_GPA: u64 = REGION_GPA + 0x1000;
/// CPUID page.
pub const CPUID_GPA: u64 = REGION_GPA + 0x2000;
/// [`LaunchInfo`], measured.
pub const LAUNCH_INFO_GPA: u64 = REGION_GPA + 0x3000;
/// Memory-map parameter page, unmeasured.
pub const MEMORY_MAP_GPA: u64 = REGION_GPA + 0x4000;
/// VP-count parameter page, unmeasured.
pub const VP_COUNT_GPA: u64 = REGION_GPA + 0x5000;
/// Where the firmware is linked and entered.
pub const FIRMWARE_GPA: u64 = REGION_GPA + 0x1_0000;

/// SEV_FEATURES of the image unless it is built otherwise.
pub const DEFAULT_SEV_FEATURES: SevFeatures = SevFeatures::SNP.union(SevFeatures::SECURE_TSC);

/// Level of the guest unless the image is built otherwise.
pub const DEFAULT_GUEST_VMPL: u8 = 2;

/// Where our bare-metal guest is linked.
pub const SIM_GUEST_GPA: u64 = 0x20_0000;

/// Pages of the guest's first page tables: one PML4, one PDPT, four page directories, which map the first 4 GiB with 2 MiB pages.
pub const GUEST_PAGE_TABLE_PAGES: u32 = 6;

/// I/O port of the log (COM1).
pub const LOG_PORT: u16 = 0x3F8;
/// I/O port of the guest owner's channel (COM2).
pub const OWNER_PORT: u16 = 0x2F8;
/// I/O port that powers the machine off.
pub const POWER_PORT: u16 = 0x604;
/// 16-bit value that does so.
pub const POWER_OFF: u16 = 0x2000;

/// Pages from [`LaunchInfo::zero_page_gpa`] on: the zero page, and the page with what it points to (setup data and the CC blob).
pub const ZERO_PAGE_PAGES: u64 = 2;

/// Most launch ranges.
pub const MAX_RANGES: usize = 32;

/// Most ranges of memory that [`GuestBootInfo`] lists.
pub const MAX_MEMORY: usize = 16;

/// A number of pages from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PageRange {
    /// First byte.
    pub gpa: u64,
    /// How many 4 KiB pages.
    pub pages: u64,
}

impl PageRange {
    /// Address behind the last byte; `None` on overflow.
    pub const fn end(&self) -> Option<u64> {
        match self.pages.checked_mul(PAGE_SIZE as u64) {
            Some(bytes) => self.gpa.checked_add(bytes),
            None => None,
        }
    }

    fn contains(&self, gpa: u64, bytes: u64) -> bool {
        match (self.end(), gpa.checked_add(bytes)) {
            (Some(end), Some(limit)) => gpa >= self.gpa && limit <= end,
            _ => false,
        }
    }
}

/// First eight bytes of [`LaunchInfo`].
pub const LAUNCH_INFO_MAGIC: [u8; 8] = *b"CLSTRLNC";

/// Version of [`LaunchInfo`].
pub const LAUNCH_INFO_VERSION: u32 = 3;

/// What the image builder tells the SVSM. Zero-filled to a page.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LaunchInfo {
    /// [`LAUNCH_INFO_MAGIC`].
    pub magic: [u8; 8],
    /// [`LAUNCH_INFO_VERSION`].
    pub version: u32,
    /// Level at which the guest runs, 1 to 3.
    pub guest_vmpl: u32,
    /// The TPM component's file, in the region.
    pub component_gpa: u64,
    /// Its bytes.
    pub component_len: u64,
    /// First page of the region that was not launched: from here to the region's end is the SVSM's to validate and use.
    pub free_gpa: u64,
    /// Where the guest starts, in 64-bit mode.
    pub guest_rip: u64,
    /// What the guest finds in RSI.
    pub guest_boot_argument: u64,
    /// Where the SVSM writes [`GuestBootInfo`], or 0 for a guest that brings what it needs.
    pub boot_info_gpa: u64,
    /// Where the SVSM builds the guest's page tables: [`GUEST_PAGE_TABLE_PAGES`] pages.
    pub page_tables_gpa: u64,
    /// How many pages those are.
    pub page_tables_count: u64,
    /// Where the guest's copy of the CPUID page goes.
    pub cpuid_copy_gpa: u64,
    /// Where the guest's copy of the secrets page goes.
    pub secrets_copy_gpa: u64,
    /// The boot processor's calling area.
    pub caa_gpa: u64,
    /// The kernel's command line, 0 without one.
    pub command_line_gpa: u64,
    /// Its bytes.
    pub command_line_len: u64,
    /// The kernel, as the file that the owner knows: all its bytes, one after the other, in the guest's launch ranges.
    pub kernel_gpa: u64,
    /// Its bytes.
    pub kernel_len: u64,
    /// The initial file system, 0 without one.
    pub initrd_gpa: u64,
    /// Its bytes.
    pub initrd_len: u64,
    /// Linux's zero page, which the image carries and into which the SVSM writes the memory map, followed by the page with setup data and
    /// CC blob; 0 for a guest that is not Linux.
    pub zero_page_gpa: u64,
    /// For how many vCPUs the image is, 1 to [`MAX_PROCESSORS`]: the hypervisor may have more, which are not served.
    pub processors: u64,
    /// How many of `ranges` are used.
    pub range_count: u64,
    /// Exactly the pages that were launched for the guest, ascending.
    pub ranges: [PageRange; MAX_RANGES],
}

assert_layout!(LaunchInfo, size 0x2B0, version @ 8, guest_vmpl @ 12, component_gpa @ 0x10, component_len @ 0x18, free_gpa @ 0x20,
    guest_rip @ 0x28, guest_boot_argument @ 0x30, boot_info_gpa @ 0x38, page_tables_gpa @ 0x40, page_tables_count @ 0x48,
    cpuid_copy_gpa @ 0x50, secrets_copy_gpa @ 0x58, caa_gpa @ 0x60, command_line_gpa @ 0x68, command_line_len @ 0x70,
    kernel_gpa @ 0x78, kernel_len @ 0x80, initrd_gpa @ 0x88, initrd_len @ 0x90, zero_page_gpa @ 0x98, processors @ 0xA0,
    range_count @ 0xA8, ranges @ 0xB0);

/// Why launch information is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchInfoError {
    /// Fewer bytes than the structure has.
    Truncated,
    /// Not launch information at all.
    Magic,
    /// Of another version.
    Version,
    /// The guest's level is not 1 to 3.
    Vmpl,
    /// For no vCPU, or for more than can be served.
    Processors,
    /// Component or free memory do not lie in the region, in this order.
    Region,
    /// The guest's ranges are unordered, misaligned, overlapping, or reach into the region or beyond 4 GiB.
    Ranges,
    /// A page that the SVSM writes for the guest is misaligned, outside the guest's ranges, or shared between two purposes.
    GuestPage,
    /// The guest does not start in its own memory.
    Entry,
    /// Kernel, initial file system or command line are outside the guest's ranges, or lie on a page that the SVSM writes: they would not be
    /// what was measured.
    Payload,
    /// The zero page or the page behind it is misaligned, outside the guest's ranges, or one of the pages that the SVSM writes anew.
    ZeroPage,
}

impl LaunchInfo {
    /// Everything zero but magic, version and one vCPU, for the image builder to fill in.
    pub fn empty() -> Self {
        LaunchInfo {
            magic: LAUNCH_INFO_MAGIC,
            version: LAUNCH_INFO_VERSION,
            processors: 1,
            ..LaunchInfo::new_zeroed()
        }
    }

    /// Reads and checks the page. Builders use it as well, so that an image that would not start is never made.
    pub fn parse(page: &[u8]) -> Result<Self, LaunchInfoError> {
        let (info, _) = LaunchInfo::read_from_prefix(page).map_err(|_| LaunchInfoError::Truncated)?;
        info.check()?;
        Ok(info)
    }

    /// Bytes of the SVSM's region.
    pub const fn region_size(&self) -> u64 {
        match self.processors {
            1 => REGION_SIZE,
            _ => REGION_SIZE_OF_SEVERAL,
        }
    }

    /// The launch ranges in use.
    pub fn guest_ranges(&self) -> &[PageRange] {
        let count = usize::try_from(self.range_count).unwrap_or(MAX_RANGES);
        self.ranges.get(..count).unwrap_or(&self.ranges)
    }

    /// Whether `bytes` from `gpa` lie in one of the guest's launch ranges.
    pub fn guest_owns(&self, gpa: u64, bytes: u64) -> bool {
        self.guest_ranges().iter().any(|range| range.contains(gpa, bytes))
    }

    /// The pages that the SVSM writes for the guest: first byte and number of pages of each.
    pub fn svsm_written(&self) -> impl Iterator<Item = PageRange> {
        let boot_info = (self.boot_info_gpa != 0).then_some(PageRange {
            gpa: self.boot_info_gpa,
            pages: 1,
        });
        [
            PageRange {
                gpa: self.page_tables_gpa,
                pages: self.page_tables_count,
            },
            PageRange {
                gpa: self.cpuid_copy_gpa,
                pages: 1,
            },
            PageRange {
                gpa: self.secrets_copy_gpa,
                pages: 1,
            },
            PageRange {
                gpa: self.caa_gpa,
                pages: 1,
            },
        ]
        .into_iter()
        .chain(boot_info)
    }

    /// Whether everything holds together.
    pub fn check(&self) -> Result<(), LaunchInfoError> {
        if self.magic != LAUNCH_INFO_MAGIC {
            return Err(LaunchInfoError::Magic);
        }
        if self.version != LAUNCH_INFO_VERSION {
            return Err(LaunchInfoError::Version);
        }
        if !(1..=3).contains(&self.guest_vmpl) {
            return Err(LaunchInfoError::Vmpl);
        }
        if !(1..=MAX_PROCESSORS).contains(&self.processors) {
            return Err(LaunchInfoError::Processors);
        }
        self.check_region()?;
        self.check_ranges()?;
        self.check_guest_pages()?;
        if !self.guest_owns(self.guest_rip, 1) {
            return Err(LaunchInfoError::Entry);
        }
        self.check_payload()
    }

    fn check_payload(&self) -> Result<(), LaunchInfoError> {
        let payloads = [
            (self.kernel_gpa, self.kernel_len),
            (self.initrd_gpa, self.initrd_len),
            (self.command_line_gpa, self.command_line_len),
        ];
        let overwritten = |gpa: u64, bytes: u64| {
            let end = gpa.saturating_add(bytes);
            let meets = |page: PageRange| page.end().is_none_or(|page_end| gpa < page_end && page.gpa < end);
            self.svsm_written().any(meets)
        };
        if payloads
            .iter()
            .any(|&(gpa, bytes)| bytes != 0 && (!self.guest_owns(gpa, bytes) || overwritten(gpa, bytes)))
        {
            return Err(LaunchInfoError::Payload);
        }
        let zero_page = self.zero_page_gpa;
        let bytes = ZERO_PAGE_PAGES * PAGE_SIZE as u64;
        let rewritten = |page| self.svsm_written().any(|range| range.contains(page, PAGE_SIZE as u64));
        let good = is_page(zero_page)
            && self.guest_owns(zero_page, bytes)
            && !(0..ZERO_PAGE_PAGES).any(|index| rewritten(zero_page + index * PAGE_SIZE as u64));
        if zero_page != 0 && !good {
            return Err(LaunchInfoError::ZeroPage);
        }
        Ok(())
    }

    fn check_region(&self) -> Result<(), LaunchInfoError> {
        let component_end = self
            .component_gpa
            .checked_add(self.component_len)
            .ok_or(LaunchInfoError::Region)?;
        let ordered = FIRMWARE_GPA < self.component_gpa
            && self.component_len != 0
            && component_end <= self.free_gpa
            && self.free_gpa < REGION_GPA + self.region_size();
        if ordered && is_page(self.component_gpa) && is_page(self.free_gpa) {
            Ok(())
        } else {
            Err(LaunchInfoError::Region)
        }
    }

    fn check_ranges(&self) -> Result<(), LaunchInfoError> {
        if self.range_count == 0 || self.range_count > MAX_RANGES as u64 {
            return Err(LaunchInfoError::Ranges);
        }
        let mut limit = 0;
        for range in self.guest_ranges() {
            let end = range.end().ok_or(LaunchInfoError::Ranges)?;
            let outside_region = end <= REGION_GPA || range.gpa >= REGION_GPA + self.region_size();
            if !is_page(range.gpa) || range.pages == 0 || range.gpa < limit || end > 1 << 32 || !outside_region {
                return Err(LaunchInfoError::Ranges);
            }
            limit = end;
        }
        Ok(())
    }

    fn check_guest_pages(&self) -> Result<(), LaunchInfoError> {
        if self.page_tables_count != u64::from(GUEST_PAGE_TABLE_PAGES) {
            return Err(LaunchInfoError::GuestPage);
        }
        for (index, page) in self.svsm_written().enumerate() {
            let bytes = page.pages * PAGE_SIZE as u64;
            if !is_page(page.gpa) || !self.guest_owns(page.gpa, bytes) {
                return Err(LaunchInfoError::GuestPage);
            }
            let overlaps = |other: PageRange| match (page.end(), other.end()) {
                (Some(end), Some(other_end)) => page.gpa < other_end && other.gpa < end,
                _ => true,
            };
            if self.svsm_written().skip(index + 1).any(overlaps) {
                return Err(LaunchInfoError::GuestPage);
            }
        }
        Ok(())
    }
}

const fn is_page(gpa: u64) -> bool {
    gpa.is_multiple_of(PAGE_SIZE as u64)
}

/// First eight bytes of [`GuestBootInfo`].
pub const BOOT_INFO_MAGIC: [u8; 8] = *b"CLSTRGST";

/// Version of [`GuestBootInfo`].
pub const BOOT_INFO_VERSION: u32 = 1;

/// What the SVSM tells a guest without firmware. Zero-filled to a page.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GuestBootInfo {
    /// [`BOOT_INFO_MAGIC`].
    pub magic: [u8; 8],
    /// [`BOOT_INFO_VERSION`].
    pub version: u32,
    /// The guest's level.
    pub vmpl: u32,
    /// Position of the C-bit in page-table entries.
    pub c_bit: u64,
    /// The SVSM's region, to be left alone.
    pub svsm_base: u64,
    /// Its bytes.
    pub svsm_size: u64,
    /// The boot processor's calling area.
    pub caa_gpa: u64,
    /// The guest's secrets page.
    pub secrets_gpa: u64,
    /// The guest's CPUID page.
    pub cpuid_gpa: u64,
    /// First of the page tables that the guest starts with.
    pub page_tables_gpa: u64,
    /// The command line, 0 without one.
    pub command_line_gpa: u64,
    /// Its bytes.
    pub command_line_len: u64,
    /// How many of `memory` are used.
    pub memory_count: u32,
    /// How many of `validated` are used.
    pub validated_count: u32,
    /// The memory that the hypervisor says the guest has: to be made private and validated before it is used.
    pub memory: [PageRange; MAX_MEMORY],
    /// The pages that are private, validated and the guest's from the start.
    pub validated: [PageRange; MAX_RANGES],
}

assert_layout!(GuestBootInfo, size 0x360, version @ 8, vmpl @ 12, c_bit @ 0x10, svsm_base @ 0x18, svsm_size @ 0x20, caa_gpa @ 0x28,
    secrets_gpa @ 0x30, cpuid_gpa @ 0x38, page_tables_gpa @ 0x40, command_line_gpa @ 0x48, command_line_len @ 0x50, memory_count @ 0x58,
    validated_count @ 0x5C, memory @ 0x60, validated @ 0x160);

impl GuestBootInfo {
    /// Everything zero but magic and version.
    pub fn empty() -> Self {
        GuestBootInfo {
            magic: BOOT_INFO_MAGIC,
            version: BOOT_INFO_VERSION,
            ..GuestBootInfo::new_zeroed()
        }
    }

    /// Reads a page; `None` when it is something else or its counts are out of bounds.
    pub fn parse(page: &[u8]) -> Option<Self> {
        let (info, _) = GuestBootInfo::read_from_prefix(page).ok()?;
        let bounded = info.memory_count as usize <= MAX_MEMORY && info.validated_count as usize <= MAX_RANGES;
        (info.magic == BOOT_INFO_MAGIC && info.version == BOOT_INFO_VERSION && bounded).then_some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> LaunchInfo {
        let mut info = LaunchInfo::empty();
        info.guest_vmpl = 2;
        info.component_gpa = FIRMWARE_GPA + 0x10_0000;
        info.component_len = 0x1234;
        info.free_gpa = info.component_gpa + 0x2000;
        info.guest_rip = SIM_GUEST_GPA;
        info.boot_info_gpa = 0x10_0000;
        info.guest_boot_argument = info.boot_info_gpa;
        info.page_tables_gpa = 0x10_1000;
        info.page_tables_count = u64::from(GUEST_PAGE_TABLE_PAGES);
        info.cpuid_copy_gpa = 0x10_7000;
        info.secrets_copy_gpa = 0x10_8000;
        info.caa_gpa = 0x10_9000;
        info.range_count = 2;
        info.ranges[0] = PageRange {
            gpa: 0x10_0000,
            pages: 16,
        };
        info.ranges[1] = PageRange {
            gpa: SIM_GUEST_GPA,
            pages: 64,
        };
        info
    }

    #[test]
    fn good_launch_info_survives_a_round_trip() {
        let info = good();
        assert_eq!(LaunchInfo::parse(info.as_bytes()), Ok(info));
    }

    #[test]
    fn launch_info_that_contradicts_itself_is_refused() {
        type Change = fn(&mut LaunchInfo);
        let cases: [(Change, LaunchInfoError); 23] = [
            (|i| i.magic[0] ^= 1, LaunchInfoError::Magic),
            (|i| i.version = 1, LaunchInfoError::Version),
            (|i| i.guest_vmpl = 0, LaunchInfoError::Vmpl),
            (|i| i.guest_vmpl = 4, LaunchInfoError::Vmpl),
            (|i| i.processors = 0, LaunchInfoError::Processors),
            (|i| i.processors = 9, LaunchInfoError::Processors),
            (|i| i.component_len = u64::MAX, LaunchInfoError::Region),
            (|i| i.component_gpa = 0x1000, LaunchInfoError::Region),
            (|i| i.free_gpa = REGION_GPA + REGION_SIZE, LaunchInfoError::Region),
            (|i| i.range_count = 33, LaunchInfoError::Ranges),
            (|i| i.range_count = u64::MAX, LaunchInfoError::Ranges),
            (|i| i.ranges[1].gpa = 0x10_F000, LaunchInfoError::Ranges),
            (
                |i| {
                    i.ranges[1] = PageRange {
                        gpa: REGION_GPA - 0x1000,
                        pages: 2,
                    }
                },
                LaunchInfoError::Ranges,
            ),
            (|i| i.caa_gpa = i.secrets_copy_gpa, LaunchInfoError::GuestPage),
            (|i| i.caa_gpa = REGION_GPA, LaunchInfoError::GuestPage),
            (|i| i.guest_rip = 0, LaunchInfoError::Entry),
            (
                |i| {
                    i.command_line_gpa = 0x30_0000;
                    i.command_line_len = 1;
                },
                LaunchInfoError::Payload,
            ),
            (|i| i.kernel_len = u64::MAX, LaunchInfoError::Payload),
            (|i| i.initrd_len = 1, LaunchInfoError::Payload),
            (
                |i| {
                    i.kernel_gpa = i.caa_gpa + 0xFFF;
                    i.kernel_len = 2;
                },
                LaunchInfoError::Payload,
            ),
            (|i| i.zero_page_gpa = 0x10_A800, LaunchInfoError::ZeroPage),
            (|i| i.zero_page_gpa = i.caa_gpa, LaunchInfoError::ZeroPage),
            (
                |i| i.zero_page_gpa = i.page_tables_gpa - 0x1000,
                LaunchInfoError::ZeroPage,
            ),
        ];
        for (change, error) in cases {
            let mut info = good();
            change(&mut info);
            assert_eq!(LaunchInfo::parse(info.as_bytes()), Err(error));
        }
    }
}
