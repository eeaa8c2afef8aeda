//! The instructions that Rust has no words for, one function each.
//!
//! Everything here trusts its caller; the callers' reasons stand at the calls. Encodings: APM volume 3, and `rep vmmcall` for VMGEXIT.

#![expect(unsafe_code, reason = "instructions")]

use core::arch::asm;

/// GHCB MSR.
const GHCB_MSR: u32 = 0xC001_0130;

/// Registers of an SVSM call, in and out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// RAX
    pub rax: u64,
    /// RCX
    pub rcx: u64,
    /// RDX
    pub rdx: u64,
    /// R8
    pub r8: u64,
    /// R9
    pub r9: u64,
}

/// Writes the GHCB MSR.
pub fn write_ghcb_msr(value: u64) {
    // SAFETY: writing this MSR has no effect on memory; it only says what the next VMGEXIT means.
    unsafe {
        asm!("wrmsr", in("ecx") GHCB_MSR, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack));
    }
}

/// Reads the GHCB MSR.
pub fn read_ghcb_msr() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reading this MSR has no side effect.
    unsafe { asm!("rdmsr", in("ecx") GHCB_MSR, out("eax") low, out("edx") high, options(nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// VMGEXIT with the registers of an SVSM call.
pub fn vmgexit(registers: Registers) -> Registers {
    let mut out = registers;
    // SAFETY: interrupts are off for the whole life of this guest, and the caller has set the GHCB MSR. Memory that the other side may
    // change is only accessed with volatile reads; the default clobbers keep the compiler from caching the rest across the exit.
    unsafe {
        asm!("rep vmmcall", inout("rax") out.rax, inout("rcx") out.rcx, inout("rdx") out.rdx, inout("r8") out.r8,
            inout("r9") out.r9);
    }
    out
}

/// RMPADJUST of one 4 KiB page: RAX afterwards.
pub fn rmpadjust(address: u64, attributes: u64) -> u64 {
    let mut rax = address;
    // SAFETY: at this level the instruction can only take rights from still lower levels, at which nothing runs.
    unsafe {
        asm!(".byte 0xf3, 0x0f, 0x01, 0xfe", inout("rax") rax, inout("rcx") 0u64 => _, in("rdx") attributes);
    }
    rax
}

/// CPUID through the #VC handler.
pub fn cpuid(function: u32) -> [u32; 4] {
    let result = core::arch::x86_64::__cpuid(function);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// Drops every translation.
pub fn flush_tlb() {
    // SAFETY: CR3 gets the value that it has.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack)) };
}

/// CR3.
pub fn page_tables() -> u64 {
    let root;
    // SAFETY: reading CR3 has no side effect.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack)) };
    root
}

/// CR2.
pub fn fault_address() -> u64 {
    let address;
    // SAFETY: reading CR2 has no side effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    address
}

/// Stops until the end of time.
pub fn halt() -> ! {
    loop {
        // SAFETY: halting with interrupts off has no effect on memory.
        unsafe { asm!("hlt", options(nomem, nostack)) };
    }
}

/// Jumps to where there is no code of ours.
pub fn jump(address: u64) -> ! {
    // SAFETY: this is an attack: the jump must be stopped by the hardware, and nothing of this program is needed afterwards.
    unsafe { asm!("jmp {}", in(reg) address, options(noreturn)) }
}

/// Loads CR3.
pub fn load_page_tables(root: u64) {
    // SAFETY: this is an attack: the next instruction fetch must be stopped by the hardware, and nothing is needed afterwards.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack)) };
}
