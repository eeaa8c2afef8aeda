//! Processor instructions outside memory and ports.

use core::arch::{asm, x86_64::__cpuid_count};

/// EAX, EBX, ECX, EDX of one CPUID leaf.
pub type CpuidResult = [u32; 4];

/// CPUID as QEMU answers it.
pub fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let result = __cpuid_count(leaf, subleaf);
    [result.eax, result.ebx, result.ecx, result.edx]
}

/// Reads a model-specific register that is known to exist.
pub fn read_msr(index: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: callers name registers of the emulated processor that exist; reading one has no effect on memory.
    unsafe { asm!("rdmsr", in("ecx") index, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register that is known to exist and does not change this program's own execution.
pub fn write_msr(index: u32, value: u64) {
    // SAFETY: callers write VM_HSAVE_PA, TSC_AUX and PAT only, each with a legal value; none affects this program's memory accesses
    // (every mapping uses PAT entry 0, which guests are not expected to repurpose under software emulation).
    unsafe {
        asm!("wrmsr", in("ecx") index, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack));
    }
}

/// The time-stamp counter.
pub fn tsc() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: RDTSC only writes the two registers.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// A random 64-bit value (RDRAND).
pub fn random() -> u64 {
    loop {
        let value: u64;
        let valid: u8;
        // SAFETY: RDRAND only writes its register and the flags; `max` has it.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) valid, options(nomem, nostack)) };
        if valid == 1 {
            return value;
        }
    }
}

/// Fills `buffer` with random bytes.
pub fn random_fill(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(8) {
        let bytes = random().to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
}

/// Waits for ever.
pub fn halt() -> ! {
    loop {
        // SAFETY: CLI and HLT stop this processor; there is no other.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}
