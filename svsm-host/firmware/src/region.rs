//! The free part of the SVSM's region: made usable page by page, then carved up.
//!
//! The hypervisor assigned these pages and may have lied about it. PVALIDATE must change every single page: "already validated" means
//! that the page is mapped twice or was validated before, and ends the VM (APM volume 2 §15.36.4). Contents are whatever the hypervisor
//! made of them, so every page is zeroed before it is used.
//!
//! Carving goes upwards and never back. Pages that are shared or become VMSAs come first, because the low end is validated in 4 KiB pages; what is left
//! at the end is the heap.

use crate::fatal;
use svsm_platform::PageError;
use svsm_proto::{
    LARGE_PAGE_SIZE, PAGE_SIZE,
    ghcb_msr::Termination,
    launch_info::{LaunchInfo, REGION_GPA},
    rmp::{PageSize, Pvalidate, RmpError},
};
use svsm_snp::{paging::Frames, rmp, vcpu::Quirks};

/// The region's memory that is not given away yet.
pub struct Region {
    next: u64,
    end: u64,
}

impl Region {
    /// Validates and zeroes everything from the launched part to the region's end. Called once, with the boot tables, which map the region with
    /// 2 MiB pages.
    pub fn validate(info: &LaunchInfo, quirks: Quirks) -> Self {
        let free = info.free_gpa;
        let end = REGION_GPA + info.region_size();
        let mut page = free;
        while page < end {
            let large = page.is_multiple_of(LARGE_PAGE_SIZE as u64) && end - page >= LARGE_PAGE_SIZE as u64;
            let size = if large && validate(page, PageSize::Large) {
                PageSize::Large
            } else {
                if !validate(page, PageSize::Small) {
                    fatal::stop(
                        Termination::Pvalidate,
                        format_args!("region page {page:#x}: size mismatch"),
                    );
                }
                PageSize::Small
            };
            page += size.bytes() as u64;
        }
        if quirks.evict_after_validation {
            evict(free, end);
        }
        let bytes = (end - free) as usize;
        // SAFETY: launch information places the free part behind everything that was loaded; it is mapped for writing and now validated.
        unsafe { core::ptr::write_bytes(free as *mut u8, 0, bytes) };
        Self { next: free, end }
    }

    /// The next page.
    pub fn page(&mut self) -> u64 {
        self.pages(1)
    }

    /// The next `count` pages.
    pub fn pages(&mut self, count: u64) -> u64 {
        let bytes = count * PAGE_SIZE as u64;
        if self.end - self.next < bytes {
            fatal::stop(Termination::OutOfMemory, format_args!("the region is used up"));
        }
        let page = self.next;
        self.next += bytes;
        page
    }

    /// Everything that is left: address and bytes.
    pub fn rest(&mut self) -> (u64, usize) {
        let rest = (self.next, (self.end - self.next) as usize);
        self.next = self.end;
        rest
    }
}

/// Reads the first and the last byte of every page, which makes the processor drop stale cache lines of pages that changed hands.
fn evict(start: u64, end: u64) {
    for page in (start..end).step_by(PAGE_SIZE) {
        for address in [page, page + PAGE_SIZE as u64 - 1] {
            // SAFETY: the page is mapped and has just been validated; whatever the byte is, it is not used.
            unsafe { (address as *const u8).read_volatile() };
        }
    }
}

/// Validates one page; false when the RMP entry is of another size.
fn validate(page: u64, size: PageSize) -> bool {
    // SAFETY: the boot tables map the region privately with 2 MiB pages, and nothing uses the free part yet.
    match unsafe { rmp::pvalidate(page, size, true) } {
        Ok(Pvalidate::Changed) => true,
        Err(PageError::Instruction(RmpError::FailSizeMismatch)) => false,
        Ok(Pvalidate::Unchanged) => fatal::stop(
            Termination::Pvalidate,
            format_args!("region page {page:#x} was already validated"),
        ),
        Err(error) => fatal::stop(Termination::Pvalidate, format_args!("region page {page:#x}: {error:?}")),
    }
}

/// Frames for page tables, from the region. Tables are reached by their identity mapping.
impl Frames for Region {
    fn allocate(&mut self) -> Option<u64> {
        Some(self.page())
    }

    fn read(&self, table: u64, index: usize) -> u64 {
        let entry = (table as *const u64).wrapping_add(index);
        // SAFETY: `Tables` passes tables that `allocate` gave out, which are mapped, and indices below 512.
        unsafe { entry.read_volatile() }
    }

    fn write(&mut self, table: u64, index: usize, value: u64) {
        let entry = (table as *mut u64).wrapping_add(index);
        // SAFETY: as in `read`.
        unsafe { entry.write_volatile(value) };
    }
}
