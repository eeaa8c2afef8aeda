//! Which vCPU executes this: each has a small record of its own, found through the base of GS.
//!
//! Log, GHCB and stack guard are asked for from anywhere, exception handlers included, and belong to a vCPU. The base is set before anything
//! else: on the boot processor by its first Rust code, on the others by their VMSA. Nothing from outside reaches it.

use core::{
    arch::asm,
    sync::atomic::{AtomicU64, Ordering},
};
use svsm_proto::PAGE_SIZE;
use svsm_snp::msr;

/// Most vCPUs that are served. Each needs stacks in the region, whose memory the component's sandbox needs as well.
pub const MAX_PROCESSORS: usize = svsm_proto::launch_info::MAX_PROCESSORS as usize;

/// The record.
#[repr(C)]
pub struct Processor {
    number: u64,
    stack_top: AtomicU64,
    stack_pages: AtomicU64,
}

impl Processor {
    const fn new(number: u64) -> Self {
        Self {
            number,
            stack_top: AtomicU64::new(0),
            stack_pages: AtomicU64::new(0),
        }
    }

    /// Its address: the base of GS.
    pub fn address(&'static self) -> u64 {
        (&raw const *self) as u64
    }

    /// Says where its stack is.
    pub fn set_stack(&self, top: u64, pages: u64) {
        self.stack_pages.store(pages, Ordering::Relaxed);
        self.stack_top.store(top, Ordering::Relaxed);
    }

    /// The stack: its top and its pages; zeros before it has any.
    pub fn stack(&self) -> (u64, u64) {
        (
            self.stack_top.load(Ordering::Relaxed),
            self.stack_pages.load(Ordering::Relaxed),
        )
    }

    /// Whether an address lies in the unmapped page below the stack.
    pub fn is_stack_guard(&self, address: u64) -> bool {
        let (top, pages) = self.stack();
        let bottom = top.saturating_sub(pages * PAGE_SIZE as u64);
        address < bottom && bottom - address <= PAGE_SIZE as u64
    }
}

static PROCESSORS: [Processor; MAX_PROCESSORS] = [
    Processor::new(0),
    Processor::new(1),
    Processor::new(2),
    Processor::new(3),
    Processor::new(4),
    Processor::new(5),
    Processor::new(6),
    Processor::new(7),
];

/// The record of a vCPU by its number; numbers beyond the last have none.
pub fn of(number: usize) -> Option<&'static Processor> {
    PROCESSORS.get(number)
}

/// Makes the executing vCPU the boot processor. Before this, no function here may be called.
pub fn install_boot_processor() {
    msr::set_gs_base(PROCESSORS[0].address());
}

/// The number of the executing vCPU.
pub fn number() -> usize {
    let number: u64;
    // SAFETY: the base of GS is the address of a `Processor`, whose first word is its number and never changes.
    unsafe { asm!("mov {}, gs:[0]", out(reg) number, options(nostack, preserves_flags, readonly)) };
    number as usize % MAX_PROCESSORS
}

/// The record of the executing vCPU.
pub fn current() -> &'static Processor {
    &PROCESSORS[number()]
}
