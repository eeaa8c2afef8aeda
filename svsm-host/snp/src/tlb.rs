//! INVLPGB and TLBSYNC (APM volume 3): dropping translations on every processor.
//!
//! After the guest's rights to a page were reduced, another of its vCPUs might still hold a translation with the old ones. Nothing from outside enters
//! here.

use core::arch::asm;

/// Drops all translations of this guest, on all processors and for all levels, and waits until that is done.
pub fn flush_everywhere() {
    // No address, PCID or ASID given: all that this guest has, global pages included (RAX bit 3).
    const EVERYTHING: u64 = 1 << 3;
    // SAFETY: dropping translations is always allowed; the caller checked that the processor has the instruction.
    unsafe {
        asm!(".byte 0x0F, 0x01, 0xFE", in("rax") EVERYTHING, in("ecx") 0u32, in("edx") 0u32, options(nostack, preserves_flags));
    }
    // SAFETY: TLBSYNC waits for INVLPGB of this processor.
    unsafe { asm!(".byte 0x0F, 0x01, 0xFF", options(nostack, preserves_flags)) };
}
