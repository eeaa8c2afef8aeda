//! The final page tables of the SVSM, and the pages that are carved out of its region.
//!
//! Every page of the region is mapped at its own address with the least rights that do: text is executed, constants are read, the component's file is
//! read, stacks have an unmapped page below them, the region's first page stays unmapped. A page that is to be shared with the hypervisor loses its validation first,
//! then changes hands, and only then gets its shared mapping (GHCB §2.3.2).

use crate::{fatal, region::Region};
use svsm_proto::{
    LARGE_PAGE_SIZE, PAGE_SIZE,
    ghcb_msr::{Request, Response, Termination},
    launch_info::{CPUID_GPA, LAUNCH_INFO_GPA, LaunchInfo, MEMORY_MAP_GPA, REGION_GPA, SECRETS_GPA, VP_COUNT_GPA},
    psc::PageState,
    rmp::{PageSize, Pvalidate},
};
use svsm_snp::{
    control,
    ghcb::Ghcb,
    guest_copy::{LARGE_WINDOW, WINDOW_BASE, WINDOW_STRIDE, Windows},
    paging::{Access, CBit, OutOfFrames, Tables, View},
    rmp,
    shared_page::AtomicPage,
    vmgexit,
};

unsafe extern "C" {
    static __text_start: [u8; 0];
    static __text_end: [u8; 0];
    static __rodata_start: [u8; 0];
    static __rodata_end: [u8; 0];
    static __data_start: [u8; 0];
    static __data_end: [u8; 0];
}

/// The tables in use, and the region they are made from.
pub struct AddressSpace {
    tables: Tables<Region>,
    c_bit: CBit,
}

fn or_stop<T>(result: Result<T, OutOfFrames>) -> T {
    match result {
        Ok(value) => value,
        Err(OutOfFrames) => fatal::stop(Termination::OutOfMemory, format_args!("no page for a page table")),
    }
}

impl AddressSpace {
    /// Builds the tables; they are not in use yet.
    pub fn build(region: Region, info: &LaunchInfo, c_bit: CBit) -> Self {
        let tables = or_stop(Tables::new(region, c_bit));
        let mut space = Self { tables, c_bit };
        let page_end = |address: u64| address.next_multiple_of(PAGE_SIZE as u64);
        let parts = [
            (SECRETS_GPA, SECRETS_GPA + 1, Access::ReadWrite),
            (CPUID_GPA, CPUID_GPA + 1, Access::ReadOnly),
            (LAUNCH_INFO_GPA, LAUNCH_INFO_GPA + 1, Access::ReadOnly),
            (MEMORY_MAP_GPA, MEMORY_MAP_GPA + 1, Access::ReadOnly),
            (VP_COUNT_GPA, VP_COUNT_GPA + 1, Access::ReadOnly),
            (
                &raw const __text_start as u64,
                &raw const __text_end as u64,
                Access::Text,
            ),
            (
                &raw const __rodata_start as u64,
                &raw const __rodata_end as u64,
                Access::ReadOnly,
            ),
            (
                &raw const __data_start as u64,
                &raw const __data_end as u64,
                Access::ReadWrite,
            ),
            (
                info.component_gpa,
                info.component_gpa + info.component_len,
                Access::ReadOnly,
            ),
            (info.free_gpa, REGION_GPA + info.region_size(), Access::ReadWrite),
        ];
        for (start, end, access) in parts {
            for page in (start..page_end(end)).step_by(PAGE_SIZE) {
                or_stop(space.tables.map(page, page, access, View::Private));
            }
        }
        space
    }

    /// The value for CR3.
    pub fn cr3(&self) -> u64 {
        self.tables.cr3()
    }

    /// A page of zeros.
    pub fn page(&mut self) -> u64 {
        self.tables.frames().page()
    }

    /// Everything that is left of the region.
    pub fn rest(&mut self) -> (u64, usize) {
        self.tables.frames().rest()
    }

    /// A new stack with an unmapped page below it; its top.
    pub fn stack(&mut self, pages: u64) -> u64 {
        let guard = self.tables.frames().pages(1 + pages);
        let slot = or_stop(self.tables.small_slot(guard));
        svsm_snp::paging::Frames::write(self.tables.frames(), slot.table, slot.index, 0);
        control::flush_page(guard);
        guard + (1 + pages) * PAGE_SIZE as u64
    }

    /// Pages that the hypervisor can read and write, one behind the other.
    pub fn shared_pages<const N: usize>(&mut self) -> [AtomicPage; N] {
        let first = self.tables.frames().pages(N as u64);
        core::array::from_fn(|index| self.share(first + (index * PAGE_SIZE) as u64))
    }

    fn share(&mut self, page: u64) -> AtomicPage {
        // SAFETY: the page is fresh and mapped privately; its contents are given up.
        match unsafe { rmp::pvalidate(page, PageSize::Small, false) } {
            Ok(Pvalidate::Changed) => {}
            result => fatal::stop(
                Termination::Pvalidate,
                format_args!("page {page:#x} to be shared: {result:?}"),
            ),
        }
        let state = PageState::Shared;
        match vmgexit::exchange(Request::PageStateChange { gpa: page, state }) {
            Some(Response::PageStateChange(0)) => {}
            answer => fatal::stop(
                Termination::PageStateChange,
                format_args!("page {page:#x} to be shared: {answer:?}"),
            ),
        }
        or_stop(self.tables.map(page, page, Access::ReadWrite, View::Shared));
        control::flush_page(page);
        // SAFETY: the page is mapped for reading and writing and is never given out again.
        unsafe { AtomicPage::new(page) }
    }

    /// A registered GHCB.
    pub fn ghcb(&mut self) -> Ghcb {
        let [page] = self.shared_pages();
        match Ghcb::register(page) {
            Some(ghcb) => ghcb,
            None => fatal::stop(
                Termination::GhcbRegistration,
                format_args!("the GHCB was not registered"),
            ),
        }
    }

    /// A page for a VMSA: not at a 2 MiB boundary, which an erratum of the processor forbids.
    pub fn vmsa_page(&mut self) -> u64 {
        let page = self.page();
        if page.is_multiple_of(LARGE_PAGE_SIZE as u64) {
            self.page()
        } else {
            page
        }
    }

    /// Memory of its own for one purpose, all zeros.
    pub fn buffer(&mut self, bytes: usize) -> &'static mut [u8] {
        let start = self.tables.frames().pages(bytes.div_ceil(PAGE_SIZE) as u64);
        // SAFETY: the pages are validated, zeroed, mapped, and given to nobody else.
        unsafe { core::slice::from_raw_parts_mut(start as *mut u8, bytes) }
    }

    /// The windows of one vCPU. Called once for each.
    pub fn windows(&mut self, vcpu: u64) -> Windows {
        let base = WINDOW_BASE + vcpu * WINDOW_STRIDE;
        let small = or_stop(self.tables.small_slot(base));
        let large = or_stop(self.tables.large_slot(base + LARGE_WINDOW));
        // SAFETY: these are the entries of the tables in use, and only this call asks for them.
        unsafe { Windows::new(base, small.address(), large.address(), self.c_bit) }
    }
}
