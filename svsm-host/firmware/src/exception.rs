//! Exceptions and interrupts at VMPL0.
//!
//! The hypervisor can inject any vector with any error code, so nothing is believed but what the processor left in CR2 and what stands at
//! RIP. Three things are survived: CPUID (answered from the CPUID page), and faults at instructions with a fix-up. Everything else ends the VM,
//! interrupts included: nobody sends the SVSM any. An interrupt gate keeps interrupts off, and the final tables give every vector a stack of its own
//! kind, so that an overflow of the main stack is reported and not a silent reset.

use crate::{fatal, launch, processor};
use spin::Once;
use svsm_proto::ghcb_msr::Termination;
use svsm_snp::{
    control,
    vc::{self, Cause},
};

const VECTORS: usize = 256;
/// Interrupts share the stub behind those of the exceptions.
const INTERRUPT_STUB: usize = 32;
const PAGE_FAULT: u64 = 14;
const DOUBLE_FAULT: u64 = 8;
const VMM_COMMUNICATION: u64 = 29;

/// Registers at an exception, as the stubs push them.
#[repr(C)]
pub struct Frame {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rdi: u64,
    rsi: u64,
    rbp: u64,
    rbx: u64,
    rdx: u64,
    rcx: u64,
    rax: u64,
    vector: u64,
    error_code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

type Table = [[u64; 2]; VECTORS];

static EARLY: Once<Table> = Once::new();
static FINAL: Once<Table> = Once::new();

/// Which stack a vector's handler runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stacks {
    /// The current one: there is no task-state segment yet.
    Current,
    /// Interrupt stack 1 for #VC, which returns, and 2 for everything that does not.
    OfTheirOwn,
}

/// Interrupt stack of #VC.
pub const VC_STACK: usize = 1;
/// Interrupt stack of everything else.
pub const FATAL_STACK: usize = 2;

/// Loads the interrupt descriptor table.
pub fn install(stacks: Stacks) {
    let table = match stacks {
        Stacks::Current => &EARLY,
        Stacks::OfTheirOwn => &FINAL,
    }
    .call_once(|| gates(stacks));
    let limit = (size_of::<Table>() - 1) as u16;
    // SAFETY: the table is static, complete and never changes again.
    unsafe { control::load_idt(table.as_ptr() as u64, limit) };
}

fn gates(stacks: Stacks) -> Table {
    unsafe extern "C" {
        static exception_stubs: [u8; 16];
    }
    let stubs = &raw const exception_stubs as u64;
    let mut table = [[0; 2]; VECTORS];
    for (vector, gate) in table.iter_mut().enumerate() {
        let handler = stubs + 16 * vector.min(INTERRUPT_STUB) as u64;
        let stack = match stacks {
            Stacks::Current => 0,
            Stacks::OfTheirOwn if vector as u64 == VMM_COMMUNICATION => VC_STACK,
            Stacks::OfTheirOwn => FATAL_STACK,
        } as u64;
        // 64-bit interrupt gate (APM volume 2 §4.8.4): offset, selector 8, stack, type 14, present.
        gate[0] = handler & 0xFFFF | 8 << 16 | stack << 32 | 0x8E << 40 | (handler >> 16 & 0xFFFF) << 48;
        gate[1] = handler >> 32;
    }
    table
}

/// Called by the stubs.
#[unsafe(no_mangle)]
extern "C" fn svsm_exception(frame: &mut Frame) {
    match frame.vector {
        VMM_COMMUNICATION => vmm_communication(frame),
        DOUBLE_FAULT | PAGE_FAULT => {
            let address = control::fault_address();
            let reason = if processor::current().is_stack_guard(address) {
                Termination::StackOverflow
            } else {
                Termination::Exception
            };
            fatal::stop(
                reason,
                format_args!(
                    "exception {} code {:#x} at {:#x} address {address:#x} stack {:#x}",
                    frame.vector, frame.error_code, frame.rip, frame.rsp
                ),
            )
        }
        vector => fatal::stop(
            Termination::Exception,
            format_args!("exception {vector} code {:#x} at {:#x}", frame.error_code, frame.rip),
        ),
    }
}

fn vmm_communication(frame: &mut Frame) {
    let cause = instruction(frame.rip).map_or(Cause::Hostile(Termination::UnexpectedVc), |bytes| {
        vc::cause(frame.error_code, bytes, control::fault_address())
    });
    match cause {
        Cause::Cpuid => {
            let [eax, ebx, ecx, edx] = vc::cpuid(launch::cpuid_page(), frame.rax as u32, frame.rcx as u32);
            frame.rax = u64::from(eax);
            frame.rbx = u64::from(ebx);
            frame.rcx = u64::from(ecx);
            frame.rdx = u64::from(edx);
            frame.rip += vc::CPUID.len() as u64;
        }
        Cause::NotValidated => match fix_up(frame.rip) {
            Some(target) => frame.rip = target,
            None => unexpected(frame, Termination::UnexpectedVc),
        },
        Cause::Hostile(reason) => unexpected(frame, reason),
    }
}

fn unexpected(frame: &Frame, reason: Termination) -> ! {
    fatal::stop(
        reason,
        format_args!(
            "#VC code {:#x} at {:#x} address {:#x}",
            frame.error_code,
            frame.rip,
            control::fault_address()
        ),
    )
}

unsafe extern "C" {
    static __text_start: [u8; 0];
    static __text_end: [u8; 0];
    static __fixups_start: [[i32; 2]; 0];
    static __fixups_end: [[i32; 2]; 0];
}

/// The first two bytes at `rip`, if that is our code.
fn instruction(rip: u64) -> Option<[u8; 2]> {
    let start = &raw const __text_start as u64;
    let end = &raw const __text_end as u64;
    if rip < start || rip >= end - 1 {
        return None;
    }
    // SAFETY: the two bytes lie in the text segment, which is mapped and never written.
    Some(unsafe { (rip as *const [u8; 2]).read() })
}

/// Where execution continues after a fault at `rip`. Each table entry holds two distances, each from its own place.
fn fix_up(rip: u64) -> Option<u64> {
    let start = &raw const __fixups_start as *const [i32; 2];
    let end = &raw const __fixups_end as *const [i32; 2];
    let count = (end as usize - start as usize) / size_of::<[i32; 2]>();
    // SAFETY: the linker script puts the whole table between the two symbols, in read-only memory.
    let table = unsafe { core::slice::from_raw_parts(start, count) };
    table.iter().find_map(|[from, to]| {
        let at = |distance: &i32| (distance as *const i32 as u64).wrapping_add_signed(i64::from(*distance));
        (at(from) == rip).then(|| at(to))
    })
}
