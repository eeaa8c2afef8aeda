//! From the launch state to safe code with its own page tables, stack, exception handling, GHCB and heap.
//!
//! `entry.s` does the first steps in 32-bit mode; [`start`] the rest, in an order that the platform dictates: nothing
//! may be intercepted before the exception table is loaded, nothing of the region's free part may be touched before it is validated, and
//! nothing can be printed before the GHCB is shared and registered. Until then a failure shows only as a termination code.

mod checks;
mod cpu;
mod tables;

use crate::{console, exception, exception::Stacks, fatal, heap, launch, region::Region};
use crate::{processor, secondary};
use core::arch::global_asm;
use svsm_proto::{
    PAGE_SIZE, cpuid_page,
    ghcb_msr::{GHCB_MSR, Termination},
    launch_info::{self, LaunchInfo},
    vmsa::SEV_STATUS_MSR,
};
use svsm_snp::{
    control,
    guest_copy::Windows,
    paging::CBit,
    tsc,
    vcpu::{CERTIFICATE_PAGES, Quirks, RequestPages},
};

use processor::MAX_PROCESSORS;
use tables::AddressSpace;

pub use cpu::{Prepared as Tables, load as load_tables};

global_asm!(
    include_str!("entry.s"),
    sev_status = const SEV_STATUS_MSR,
    ghcb_msr = const GHCB_MSR,
    no_c_bit = const Termination::CBit.request().encode(),
    cpuid_page = const launch_info::CPUID_GPA,
    cpuid_entries = const cpuid_page::MAX_ENTRIES,
    region = const launch_info::REGION_GPA,
    region_size = const launch_info::REGION_SIZE_OF_SEVERAL,
    options(att_syntax)
);

/// Pages of the stack that everything runs on. The deepest user is the interpreter.
const STACK_PAGES: u64 = 64;

/// Pages of the stack of every other vCPU: the deepest use that was ever seen is a quarter of that.
const SECONDARY_STACK_PAGES: u64 = 48;

/// Bytes of the component's memory: the default limit of the sandbox.
const COMPONENT_MEMORY: usize = 8 << 20;

/// What has a fixed place in the region.
pub struct Resources {
    /// The windows to the guest's memory.
    pub windows: Windows,
    /// The pages for PSP messages.
    pub requests: RequestPages,
    /// A page for the guest's first VMSA.
    pub vmsa: u64,
    /// The component's memory.
    pub component_memory: &'static mut [u8],
    /// What the other vCPUs need.
    pub secondaries: [Option<secondary::Parts>; MAX_PROCESSORS - 1],
}

impl Resources {
    /// For `processors` vCPUs.
    fn set_apart(space: &mut AddressSpace, processors: usize) -> Self {
        Self {
            requests: request_pages(space),
            vmsa: space.vmsa_page(),
            windows: space.windows(0),
            component_memory: space.buffer(COMPONENT_MEMORY),
            secondaries: core::array::from_fn(|index| {
                let number = index + 1;
                (number < processors).then(|| Self::of_secondary(space, number))
            }),
        }
    }

    fn of_secondary(space: &mut AddressSpace, number: usize) -> secondary::Parts {
        let [ghcb] = space.shared_pages();
        secondary::Parts {
            number,
            requests: request_pages(space),
            ghcb,
            vmsa: space.vmsa_page(),
            windows: space.windows(number as u64),
            stack: (space.stack(SECONDARY_STACK_PAGES), SECONDARY_STACK_PAGES),
            tables: cpu::prepare(space),
            cr3: space.cr3(),
        }
    }
}

fn request_pages(space: &mut AddressSpace) -> RequestPages {
    let [request, response, certificates @ ..] = space.shared_pages::<{ 2 + CERTIFICATE_PAGES }>();
    RequestPages {
        request,
        response,
        certificates,
    }
}

/// How many bytes of this vCPU's stack have ever been used. It was all zeros at first.
pub fn stack_used() -> usize {
    let (top, pages) = processor::current().stack();
    let (top, bytes) = (top as usize, pages as usize * PAGE_SIZE);
    let words = (top - bytes) as *const u64;
    let untouched = (0..bytes / 8).take_while(|index| {
        // SAFETY: the word lies in the stack's pages, which are mapped; what it holds while it is in use does not matter.
        unsafe { words.wrapping_add(*index).read_volatile() == 0 }
    });
    bytes - 8 * untouched.count()
}

/// What the second half of start-up takes over from the first.
struct Started {
    /// The time-stamp counter at the start.
    ticks: u64,
    info: LaunchInfo,
    c_bit: CBit,
    space: AddressSpace,
}

/// Called by the entry code with paging on, on the boot stack.
#[unsafe(no_mangle)]
extern "C" fn svsm_main(c_bit: u64) -> ! {
    processor::install_boot_processor();
    exception::install(Stacks::Current);
    let started_at = tsc::ticks();
    checks::protection();
    checks::hypervisor();
    checks::processor(launch::cpuid_page());
    let Some(c_bit) = u8::try_from(c_bit).ok().and_then(CBit::at) else {
        fatal::stop(Termination::CBit, format_args!("no C-bit"))
    };
    let info = match launch::launch_info() {
        Ok(info) => info,
        Err(error) => fatal::stop(Termination::LaunchInfo, format_args!("launch information: {error:?}")),
    };
    checks::most_privileged();
    let region = Region::validate(&info, Quirks::from_cpuid(launch::cpuid_page()));
    let mut space = AddressSpace::build(region, &info, c_bit);
    // SAFETY: the tables map all of the image, the boot stack included, where it is now.
    unsafe { control::load_page_tables(space.cr3()) };
    let stack = space.stack(STACK_PAGES);
    processor::current().set_stack(stack, STACK_PAGES);
    cpu::load(&cpu::prepare(&mut space));
    exception::install(Stacks::OfTheirOwn);
    console::install(space.ghcb());
    let mut started = Started {
        ticks: started_at,
        info,
        c_bit,
        space,
    };
    unsafe extern "C" {
        fn on_stack(top: u64, then: extern "C" fn(u64) -> !, argument: u64) -> !;
    }
    // SAFETY: the stack is fresh and mapped; `continue_on_stack` never returns, so `started` stays alive below it.
    unsafe { on_stack(stack, continue_on_stack, &raw mut started as u64) }
}

extern "C" fn continue_on_stack(started: u64) -> ! {
    // SAFETY: `svsm_main` passes its only `Started`, which nobody uses any more.
    let mut started = unsafe { (started as *mut Started).read() };
    let resources = Resources::set_apart(&mut started.space, launch::processors(&started.info));
    let (start, size) = started.space.rest();
    // SAFETY: the rest of the region is validated, zeroed, mapped and unused.
    unsafe { heap::install(start, size) };
    crate::run::run(&started.info, started.c_bit, started.ticks, resources)
}
