//! PVALIDATE and RMPADJUST (APM volume 2 §15.36, volume 3).
//!
//! Both take a virtual address and work on the page behind it; hardware checks everything else and says what happened. What may be
//! validated or granted is decided by the callers. A page that the hypervisor took away makes RMPADJUST raise #VC instead of returning;
//! the fix-up turns that into an error code, because the page may be the guest's and the guest must not be able to stop the SVSM.

use core::arch::asm;
use svsm_platform::PageError;
use svsm_proto::rmp::{PageSize, Pvalidate, RmpAttributes, RmpError};

/// What the fix-up leaves in EAX: no code that hardware returns.
const FAULTED: u32 = 0x100;

/// Sets (`validate`) or clears the validated bit of the page that `address` maps.
///
/// # Safety
/// `address` is mapped with the C-bit, with a page of `size`. When `validate` is false, nothing uses the page's contents afterwards; when
/// it is true, nothing assumes what they are.
pub unsafe fn pvalidate(address: u64, size: PageSize, validate: bool) -> Result<Pvalidate, PageError> {
    let code: u64;
    let unchanged: u8;
    // SAFETY: the caller answers for the page; the instruction writes only EAX and the flags, and the fix-up replaces its result when it
    // faults.
    unsafe {
        asm!(
            "2:",
            ".byte 0xF2, 0x0F, 0x01, 0xFF",
            "setc {unchanged}",
            "3:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 4f - .",
            ".popsection",
            ".pushsection .text.fixups, \"ax\"",
            "4: mov eax, {faulted}",
            "xor {unchanged}, {unchanged}",
            "jmp 3b",
            ".popsection",
            unchanged = out(reg_byte) unchanged,
            faulted = const FAULTED,
            inout("rax") address => code,
            in("ecx") size.operand(),
            in("edx") u32::from(validate),
            options(nostack),
        );
    }
    if code as u32 == FAULTED {
        return Err(PageError::Fault);
    }
    RmpError::from_code(code as u32).map_err(PageError::Instruction)?;
    Ok(if unchanged == 0 {
        Pvalidate::Changed
    } else {
        Pvalidate::Unchanged
    })
}

/// Replaces the permissions of one lower VMPL, and the VMSA attribute, of the page that `address` maps.
///
/// # Safety
/// `address` is mapped with the C-bit, with a page of `size`, and the page holds nothing that the level must not see or change with
/// these permissions.
pub unsafe fn rmpadjust(address: u64, size: PageSize, attributes: RmpAttributes) -> Result<(), PageError> {
    let code: u64;
    // SAFETY: the caller answers for the page and the permissions; the instruction writes only RAX and the flags, and the fix-up replaces
    // its result when it faults.
    unsafe {
        asm!(
            "2:",
            ".byte 0xF3, 0x0F, 0x01, 0xFE",
            "3:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 4f - .",
            ".popsection",
            ".pushsection .text.fixups, \"ax\"",
            "4: mov eax, {faulted}",
            "jmp 3b",
            ".popsection",
            faulted = const FAULTED,
            inout("rax") address => code,
            in("rcx") u64::from(size.operand()),
            in("rdx") attributes.encode(),
            options(nostack),
        );
    }
    if code as u32 == FAULTED {
        return Err(PageError::NotValidated);
    }
    RmpError::from_code(code as u32).map_err(PageError::Instruction)
}
