//! Descriptor tables and exception stacks of one vCPU.
//!
//! Each vCPU has its own page with a global descriptor table and a task-state segment, and two exception stacks with guard pages. Nothing
//! here depends on anything from outside.

use super::AddressSpace;
use crate::exception::{FATAL_STACK, VC_STACK};
use svsm_snp::control;

/// Pages of an exception stack.
const EXCEPTION_STACK_PAGES: u64 = 4;

/// Selector of the task-state segment in `descriptors`.
const TSS_INDEX: usize = 3;

/// What the processor reads in this page.
#[repr(C, align(16))]
struct Tables {
    descriptors: [u64; 5],
    task: TaskState,
}

/// 64-bit task-state segment (APM volume 2 figure 12-8), in 32-bit words because its 64-bit fields are misaligned.
#[repr(C)]
struct TaskState([u32; 26]);

impl TaskState {
    fn set_interrupt_stack(&mut self, number: usize, top: u64) {
        // IST1 is at byte 24h.
        let word = 9 + 2 * (number - 1);
        self.0[word] = top as u32;
        self.0[word + 1] = (top >> 32) as u32;
    }
}

/// The tables of one vCPU, ready to be loaded.
#[derive(Clone, Copy)]
pub struct Prepared(u64);

/// Makes the tables of one vCPU.
pub fn prepare(space: &mut AddressSpace) -> Prepared {
    let mut task = TaskState([0; 26]);
    // The I/O permission map lies beyond the limit: there is none.
    task.0[25] = (size_of::<TaskState>() as u32) << 16;
    task.set_interrupt_stack(VC_STACK, space.stack(EXCEPTION_STACK_PAGES));
    task.set_interrupt_stack(FATAL_STACK, space.stack(EXCEPTION_STACK_PAGES));
    let page = space.page();
    let task_address = page + core::mem::offset_of!(Tables, task) as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    let mut descriptors = [0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0, 0];
    // Available 64-bit TSS: limit, base in three parts, type 9, present.
    descriptors[TSS_INDEX] = limit | (task_address & 0xFF_FFFF) << 16 | 0x89 << 40 | (task_address >> 24 & 0xFF) << 56;
    descriptors[TSS_INDEX + 1] = task_address >> 32;
    let tables = Tables { descriptors, task };
    // SAFETY: the page is fresh, mapped for writing, larger than `Tables`, and stays.
    unsafe { (page as *mut Tables).write(tables) };
    Prepared(page)
}

/// Gives the vCPU that executes this its tables; each has its own.
pub fn load(tables: &Prepared) {
    // SAFETY: `prepare` put the table at the start of that page, in the form that `load_gdt` asks for.
    unsafe { control::load_gdt(tables.0, (size_of::<[u64; 5]>() - 1) as u16) };
}
