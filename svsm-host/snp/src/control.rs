//! Control registers, descriptor tables and the TLB.
//!
//! Only the firmware's own start-up and its page windows come here; nothing from outside reaches these functions.

use core::arch::asm;

/// Loads CR3, which also flushes the TLB.
///
/// # Safety
/// `root` (with the C-bit) names complete page tables that map the running code, its stack and data where they are now.
pub unsafe fn load_page_tables(root: u64) {
    // SAFETY: the caller's tables map everything in use.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
}

/// Waits until the hypervisor resumes this vCPU.
pub fn wait() {
    // SAFETY: HLT stops the processor and changes nothing.
    unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
}

/// Forgets the translation of the page at `address`.
pub fn flush_page(address: u64) {
    // SAFETY: dropping a cached translation is always allowed; the page tables decide afterwards.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

/// CR2: the address of the last page fault, or of the last access to a page that was not validated.
pub fn fault_address() -> u64 {
    let address: u64;
    // SAFETY: reading CR2 changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}

/// Writes CR2, so that a later fault shows.
pub fn set_fault_address(address: u64) {
    // SAFETY: CR2 is read by exception handlers only and decides nothing by itself.
    unsafe { asm!("mov cr2, {}", in(reg) address, options(nomem, nostack, preserves_flags)) };
}

/// Operand of LGDT and LIDT.
#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

/// Loads the global descriptor table, all segment registers and the task register.
///
/// # Safety
/// `base` and `limit` name a table that stays where it is, with 64-bit code at selector 8, data at selector 16 and an available 64-bit
/// TSS at selector 24.
pub unsafe fn load_gdt(base: u64, limit: u16) {
    let pointer = TablePointer { limit, base };
    // SAFETY: the caller's table is complete and stays.
    unsafe { asm!("lgdt [{}]", in(reg) &raw const pointer, options(readonly, nostack, preserves_flags)) };
    // SAFETY: selector 8 is 64-bit code with the same base and level as the current one; the far return continues at label 2.
    unsafe {
        asm!(
            "push 8",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ds, {data:e}",
            "mov es, {data:e}",
            "mov ss, {data:e}",
            scratch = out(reg) _,
            data = in(reg) 16,
            options(preserves_flags),
        );
    }
    // SAFETY: selector 24 is an available TSS.
    unsafe { asm!("ltr {0:x}", in(reg) 24u16, options(nostack, preserves_flags)) };
}

/// Loads the interrupt descriptor table.
///
/// # Safety
/// `base` and `limit` name a table that stays where it is and whose gates lead to the exception stubs.
pub unsafe fn load_idt(base: u64, limit: u16) {
    let pointer = TablePointer { limit, base };
    // SAFETY: the caller's table is complete and stays.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack, preserves_flags)) };
}
