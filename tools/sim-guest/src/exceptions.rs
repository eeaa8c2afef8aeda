//! Exceptions: #VC for CPUID, recovery for probes, and a last word for everything else.
//!
//! The hypervisor can raise vector 29 whenever it likes and with any code, so the handler looks at the instruction before it believes the
//! code (WeSee). CPUID is answered from the CPUID page that the SVSM handed over, never from the hypervisor. A fault at [`probe`]'s one load is
//! what an attack waits for: the handler notes it and lets the probe return.

#![expect(unsafe_code, reason = "interrupt descriptor table")]

use crate::{ghcb, instructions, memory};
use core::{
    arch::{asm, global_asm},
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};
use svsm_proto::{cpuid_page::CpuidPage, ghcb::exit};
use zerocopy::FromBytes;

/// Vector of #VC.
pub const VC: u64 = 29;
/// The CPUID instruction.
const CPUID_BYTES: [u8; 2] = [0x0F, 0xA2];

static CPUID_PAGE: AtomicU64 = AtomicU64::new(0);
static FAULT: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// What stopped a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Exception vector.
    pub vector: u64,
    /// Error code; of #VC, the exit code.
    pub code: u64,
    /// CR2.
    pub address: u64,
}

/// Registers as the stubs push them, and the processor's frame behind them.
#[repr(C)]
struct Frame {
    general: [u64; 15],
    vector: u64,
    code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// Indices into `Frame::general`, the reverse of the order of pushing.
const RDX: usize = 11;
const RCX: usize = 12;
const RBX: usize = 13;
const RAX: usize = 14;

global_asm!(
    ".section .text",
    // 32 stubs of 16 bytes. Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an error code.
    ".balign 16",
    "exception_stubs:",
    ".set vector, 0",
    ".rept 32",
    ".balign 16",
    ".if (vector != 8) && (vector < 10 || vector > 14) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)",
    "push 0",
    ".endif",
    "push vector",
    "jmp exception_common",
    ".set vector, vector + 1",
    ".endr",
    "exception_common:",
    "push rax; push rbx; push rcx; push rdx; push rsi; push rdi; push rbp",
    "push r8; push r9; push r10; push r11; push r12; push r13; push r14; push r15",
    "mov rdi, rsp",
    "mov rbp, rsp",
    "and rsp, -16",
    "call guest_exception",
    "mov rsp, rbp",
    "pop r15; pop r14; pop r13; pop r12; pop r11; pop r10; pop r9; pop r8",
    "pop rbp; pop rdi; pop rsi; pop rdx; pop rcx; pop rbx; pop rax",
    "add rsp, 16",
    "iretq",
    // u64 probe_read(address): the byte there, or all ones after a fault.
    "probe_read:",
    "probe_read_access: movzx eax, byte ptr [rdi]",
    "ret",
    "probe_recover:",
    "mov rax, -1",
    "ret",
);

unsafe extern "C" {
    static exception_stubs: u8;
    static probe_read_access: u8;
    static probe_recover: u8;
    fn probe_read(address: u64) -> u64;
}

#[repr(C, align(16))]
struct Table([[u64; 2]; 32]);

static mut IDT: Table = Table([[0; 2]; 32]);

/// Installs the handlers. `cpuid_page` is what CPUID is answered from.
pub fn install(cpuid_page: u64) {
    CPUID_PAGE.store(cpuid_page, Ordering::Relaxed);
    let stubs = (&raw const exception_stubs) as u64;
    let table = (&raw mut IDT) as u64;
    for vector in 0..32 {
        let handler = stubs + 16 * vector;
        // Interrupt gate, present, code segment 8 (APM volume 2, figure 4-24).
        let low = handler & 0xFFFF | 0x08 << 16 | 0x8E00 << 32 | (handler & 0xFFFF_0000) << 32;
        memory::write(table + 16 * vector, low);
        memory::write(table + 16 * vector + 8, handler >> 32);
    }
    let pointer: [u16; 5] = [
        16 * 32 - 1,
        table as u16,
        (table >> 16) as u16,
        (table >> 32) as u16,
        (table >> 48) as u16,
    ];
    // SAFETY: the table is complete and lives as long as the program.
    unsafe { asm!("lidt [{}]", in(reg) &pointer, options(readonly, nostack)) };
}

/// Reads one byte that may not be there.
pub fn probe(address: u64) -> Result<u8, Fault> {
    // SAFETY: the load's faults are recovered from; a readable address gives plain data.
    match unsafe { probe_read(address) } {
        u64::MAX => {
            let [vector, code, address] = [0, 1, 2].map(|index| FAULT[index].load(Ordering::Relaxed));
            Err(Fault { vector, code, address })
        }
        byte => Ok(byte as u8),
    }
}

// SAFETY: no other symbol of this program has this name.
#[unsafe(no_mangle)]
extern "C" fn guest_exception(frame: &mut Frame) {
    if frame.rip == (&raw const probe_read_access) as u64 {
        let fault = [frame.vector, frame.code, instructions::fault_address()];
        FAULT
            .iter()
            .zip(fault)
            .for_each(|(cell, value)| cell.store(value, Ordering::Relaxed));
        frame.rip = (&raw const probe_recover) as u64;
        return;
    }
    if frame.vector == VC && frame.code == exit::CPUID && memory::read::<[u8; 2]>(frame.rip) == CPUID_BYTES {
        answer_cpuid(frame);
        return;
    }
    if let Some(mut console) = ghcb::console() {
        let _unheard = writeln!(
            console,
            "FAIL: unexpected exception {} code {:#x} at {:#x}, CR2 {:#x}",
            frame.vector,
            frame.code,
            frame.rip,
            instructions::fault_address()
        );
        console.power_off();
    }
    instructions::halt()
}

fn answer_cpuid(frame: &mut Frame) {
    let bytes = memory::read::<[u8; 4096]>(CPUID_PAGE.load(Ordering::Relaxed));
    let (function, subleaf) = (frame.general[RAX] as u32, frame.general[RCX] as u32);
    let entry = CpuidPage::ref_from_bytes(&bytes)
        .ok()
        .and_then(|page| page.find(function, subleaf).copied());
    let values = entry.map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx]);
    for (register, value) in [RAX, RBX, RCX, RDX].into_iter().zip(values) {
        frame.general[register] = u64::from(value);
    }
    frame.rip += CPUID_BYTES.len() as u64;
}
