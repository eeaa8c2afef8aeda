//! What a #VC exception may mean, decided from the instruction and not from the error code.
//!
//! A hostile hypervisor can inject vector 29 with any error code at any instruction (CVE-2024-25742 to 25744), so the bytes at RIP have to
//! say the same as the code. The SVSM executes exactly one instruction that is intercepted for good reasons: CPUID, in case a library does
//! (its own code reads the CPUID page). Port I/O, MSRs that can be intercepted, MMIO and the rest occur nowhere in it, so an exit code that
//! names them is a lie, and the time-stamp counter must not be intercepted at all: each ends the VM. An access to memory that is
//! not validated is survived only where the code expects it, at the instructions with a fix-up, and only when CR2, which the hypervisor cannot
//! write, says that a window was touched: an injected one would make the SVSM take a page for gone that is not.

use crate::guest_copy::is_window;
use svsm_proto::{cpuid_page::CpuidPage, ghcb::exit, ghcb_msr::Termination};

/// What to do about a #VC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// CPUID: answer from the CPUID page and skip the instruction's two bytes.
    Cpuid,
    /// Memory that is not validated: continue at the fix-up, if RIP has one.
    NotValidated,
    /// Nothing that an honest platform does.
    Hostile(Termination),
}

/// Bytes of the CPUID instruction.
pub const CPUID: [u8; 2] = [0x0F, 0xA2];

/// Decides from the error code, the first two bytes at RIP, and CR2.
pub fn cause(error_code: u64, instruction: [u8; 2], fault_address: u64) -> Cause {
    match error_code {
        exit::CPUID if instruction == CPUID => Cause::Cpuid,
        exit::PAGE_NOT_VALIDATED if is_window(fault_address) => Cause::NotValidated,
        exit::RDTSC | exit::RDTSCP => Cause::Hostile(Termination::Clock),
        _ => Cause::Hostile(Termination::UnexpectedVc),
    }
}

/// EAX, EBX, ECX, EDX of a CPUID function, from the CPUID page. What is not listed reads as zero.
pub fn cpuid(page: &CpuidPage, function: u32, subleaf: u32) -> [u32; 4] {
    page.find(function, subleaf)
        .map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    // Exit codes: APM volume 2 appendix C. Encodings: APM volume 3.
    #[test]
    fn exit_codes_without_their_instruction_are_hostile() {
        let cases = [
            (0x72, [0x0F, 0xA2], Cause::Cpuid),
            (0x72, [0x0F, 0x31], Cause::Hostile(Termination::UnexpectedVc)),
            (0x6E, [0x0F, 0x31], Cause::Hostile(Termination::Clock)),
            (0x87, [0x0F, 0x01], Cause::Hostile(Termination::Clock)),
            (0x7B, [0xE4, 0x60], Cause::Hostile(Termination::UnexpectedVc)),
            (0x7C, [0x0F, 0x32], Cause::Hostile(Termination::UnexpectedVc)),
            (0x81, [0x0F, 0x01], Cause::Hostile(Termination::UnexpectedVc)),
            (0x400, [0x8B, 0x00], Cause::Hostile(Termination::UnexpectedVc)),
            (0x404, [0xF3, 0xA4], Cause::Hostile(Termination::UnexpectedVc)),
            (u64::MAX, [0x0F, 0xA2], Cause::Hostile(Termination::UnexpectedVc)),
        ];
        for (code, bytes, expected) in cases {
            assert_eq!(cause(code, bytes, 0), expected, "code {code:#x}");
        }
    }

    #[test]
    fn page_that_is_not_validated_is_believed_only_with_an_address_in_a_window() {
        use crate::guest_copy::{LARGE_WINDOW, WINDOW_BASE, WINDOW_STRIDE};
        let windows = [
            WINDOW_BASE,
            WINDOW_BASE + LARGE_WINDOW + 0x1F_FFFF,
            WINDOW_BASE + 99 * WINDOW_STRIDE,
        ];
        for address in windows {
            assert_eq!(cause(0x404, [0xF3, 0xA4], address), Cause::NotValidated);
        }
        for address in [0, 0xC000_1000, WINDOW_BASE - 1, WINDOW_BASE + (1 << 39), u64::MAX] {
            assert_eq!(
                cause(0x404, [0xF3, 0xA4], address),
                Cause::Hostile(Termination::UnexpectedVc)
            );
        }
    }

    #[test]
    fn cpuid_answers_from_the_page_only() {
        let mut page = CpuidPage::new_zeroed();
        page.count = 2;
        page.entries[0].eax_in = 7;
        page.entries[0].ecx_in = 1;
        page.entries[0].eax = 0x11;
        page.entries[1].eax_in = 0x8000_001F;
        page.entries[1].ebx = 51;
        assert_eq!(cpuid(&page, 0x8000_001F, 99), [0, 51, 0, 0]);
        assert_eq!(cpuid(&page, 7, 1), [0x11, 0, 0, 0]);
        assert_eq!(cpuid(&page, 7, 0), [0; 4]);
        assert_eq!(cpuid(&page, 1, 0), [0; 4]);
        page.count = 65;
        assert_eq!(cpuid(&page, 7, 1), [0; 4]);
    }
}
