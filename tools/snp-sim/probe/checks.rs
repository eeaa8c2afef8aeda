//! Everything that one can survive. Each check names the rule and compares the outcome.

use crate::attempt;
use crate::lower;
use crate::machine::{self, Caught, Console, GHCB, SMALL_PAGES, vc};
use core::fmt::{Debug, Write};

/// A page that is validated when the checks begin, and the save area for VMPL2.
pub const PAGE: u64 = SMALL_PAGES + 0x2000;
/// See above.
pub const SAVE_AREA: u64 = SMALL_PAGES + 0x3000;
/// A page that is shared when the checks begin.
const SHARED: u64 = SMALL_PAGES + 0x10_0000;
/// Required memory of the image: assigned in large pages, not validated.
const LARGE: u64 = 0x100_0000;
/// SEV_FEATURES of the image: SNP and Secure TSC.
pub const FEATURES: u64 = 0x201;
/// EFER of a 64-bit context.
pub const EFER: u64 = 0x1D00;
const VALUE: u64 = 0x0123_4567_89AB_CDEF;

fn check<T: PartialEq + Debug>(rule: &str, found: T, expected: T) {
    let mut console = Console(GHCB[0]);
    let _cannot_fail = if found == expected {
        writeln!(console, "ok: {rule}")
    } else {
        writeln!(console, "FAILED: {rule}: {found:x?} instead of {expected:x?}")
    };
}

/// All checks.
pub fn run() {
    registers_and_intercepts();
    validation();
    large_pages();
    adjustment();
    views();
    ghcb_errors();
    other_level();
    let _cannot_fail = writeln!(Console(GHCB[0]), "all checks done");
}

fn registers_and_intercepts() {
    check(
        "SEV_STATUS shows SEV, SEV-ES, SNP and the features",
        machine::read_msr(0xC001_0131),
        3 | FEATURES << 2,
    );
    check(
        "GHCB register holds what was written",
        machine::read_msr(0xC001_0130),
        GHCB[0],
    );
    let code = |caught: Option<Caught>| caught.map(|caught| (caught.vector, caught.code));
    check("CPUID is #VC 0x72", code(attempt!("cpuid")), Some((29, 0x72)));
    check("IN is #VC 0x7B", code(attempt!("in al, 0x80")), Some((29, 0x7B)));
    check("VMMCALL is #VC 0x81", code(attempt!("vmmcall")), Some((29, 0x81)));
    check("WBINVD is #VC 0x89", code(attempt!("wbinvd")), Some((29, 0x89)));
    check("RDPMC is #VC 0x6F", code(attempt!("rdpmc")), Some((29, 0x6F)));
    check(
        "RDMSR of a host register is #VC 0x7C",
        code(attempt!("mov ecx, 0x1b"; "rdmsr")),
        Some((29, 0x7C)),
    );
    check(
        "WRMSR of SEV_STATUS is #GP",
        code(attempt!("mov ecx, 0xc0010131"; "wrmsr")),
        Some((13, 0)),
    );
    check("UD2 is #UD", code(attempt!("ud2")), Some((6, 0)));
    check(
        "write of DR7 is #VC 0x37",
        code(attempt!("mov dr7, rax")),
        Some((29, 0x37)),
    );
}

fn validation() {
    check(
        "page state change of a page to private is done",
        machine::change_state(SHARED, 1),
        true,
    );
    let read = || attempt!("mov rax, [r14]", SHARED);
    check(
        "read of an assigned page is #VC 0x404 with CR2",
        read(),
        Some(vc(0x404, SHARED)),
    );
    check(
        "PVALIDATE of it changes the state",
        machine::pvalidate(SHARED, 0, 1),
        Ok((0, false)),
    );
    check("read of a validated page works", read(), None);
    check(
        "PVALIDATE of it again sets CF",
        machine::pvalidate(SHARED, 0, 1),
        Ok((0, true)),
    );
    check(
        "PVALIDATE ignores the page offset",
        machine::pvalidate(SHARED + 8, 0, 1),
        Ok((0, true)),
    );
    check(
        "PVALIDATE of 2M that is not aligned is INPUT",
        machine::pvalidate(SHARED, 1, 1),
        Ok((1, false)),
    );
    check(
        "PVALIDATE with reserved bits is INPUT",
        machine::pvalidate(SHARED, 2, 1),
        Ok((1, false)),
    );
    check(
        "PVALIDATE with no mapping is #PF",
        machine::pvalidate(1 << 40, 0, 1).map_err(|caught| caught.vector),
        Err(14),
    );
    check(
        "rescinding changes the state",
        machine::pvalidate(SHARED, 0, 0),
        Ok((0, false)),
    );
    let write = attempt!("mov byte ptr [r14 + 5], 1", SHARED);
    check(
        "write of a rescinded page is #VC 0x404",
        write,
        Some(vc(0x404, SHARED + 5)),
    );
    check(
        "page state change of it to shared is done",
        machine::change_state(SHARED, 2),
        true,
    );
}

fn large_pages() {
    check(
        "PVALIDATE of 2M on a large entry",
        machine::pvalidate(LARGE, 1, 1),
        Ok((0, false)),
    );
    machine::write(LARGE + 0x12_3000, VALUE);
    check("memory of a large page works", machine::read(LARGE + 0x12_3000), VALUE);
    check(
        "RMPADJUST of 2M on a large entry",
        machine::rmpadjust(LARGE, 1, 0x0F02),
        Ok(0),
    );
    let next = LARGE + 0x20_0000;
    check(
        "PVALIDATE of 4K on a large entry works once the hypervisor split it",
        machine::pvalidate(next, 0, 1),
        Ok((0, false)),
    );
    check(
        "then 2M is SIZEMISMATCH",
        machine::pvalidate(next, 1, 1),
        Ok((6, false)),
    );
    check(
        "RMPADJUST of 2M on a small entry is SIZEMISMATCH",
        machine::rmpadjust(next, 1, 0x0101),
        Ok(6),
    );
    let split = attempt!("mov rax, [r14]", next + 0x1000);
    check(
        "its other pages are not validated",
        split,
        Some(vc(0x404, next + 0x1000)),
    );
}

fn adjustment() {
    check(
        "RMPADJUST for VMPL0 is PERMISSION",
        machine::rmpadjust(PAGE, 0, 0x0100),
        Ok(2),
    );
    check(
        "RMPADJUST for VMPL4 is INPUT",
        machine::rmpadjust(PAGE, 0, 0x0104),
        Ok(1),
    );
    check(
        "RMPADJUST with reserved bits is INPUT",
        machine::rmpadjust(PAGE, 0, 1 << 20 | 1),
        Ok(1),
    );
    check("RMPADJUST gives VMPL3 read", machine::rmpadjust(PAGE, 0, 0x0103), Ok(0));
    check("RMPQUERY shows it", machine::rmpquery(PAGE, 3), Ok((0, 0x0103)));
    check("RMPADJUST replaces", machine::rmpadjust(PAGE, 0, 0x0003), Ok(0));
    check("RMPQUERY shows nothing", machine::rmpquery(PAGE, 3), Ok((0, 0x0003)));
    let unvalidated = LARGE + 0x20_2000;
    check(
        "RMPADJUST of a page that is not validated is #VC 0x404",
        machine::rmpadjust(unvalidated, 0, 0x0101),
        Err(vc(0x404, unvalidated)),
    );
    check(
        "RMPQUERY of it too",
        machine::rmpquery(unvalidated, 1),
        Err(vc(0x404, unvalidated)),
    );
}

fn views() {
    machine::write(PAGE, VALUE);
    machine::map(PAGE, false);
    check(
        "shared read of a private page does not show its contents",
        machine::read(PAGE) == VALUE,
        false,
    );
    machine::map(PAGE, true);
    check("the private view is unchanged", machine::read(PAGE), VALUE);
    check("the page is made shared", machine::share(PAGE), true);
    check(
        "contents do not follow into the shared view",
        machine::read(PAGE) == VALUE,
        false,
    );
    machine::write(PAGE, VALUE);
    check("shared memory works", machine::read(PAGE), VALUE);
    check(
        "page state change back to private",
        machine::change_state(PAGE, 1),
        true,
    );
    machine::map(PAGE, true);
    check("PVALIDATE of it", machine::pvalidate(PAGE, 0, 1), Ok((0, false)));
    check(
        "contents do not follow into the private view",
        machine::read(PAGE) == VALUE,
        false,
    );
}

fn ghcb_errors() {
    let page = GHCB[0];
    check(
        "hypervisor features: SNP, AP creation, VMPLs",
        machine::msr_request(0x80),
        0x23081,
    );
    check(
        "the same by the page",
        machine::ghcb_request(page, 0x8000_FFFD, [0; 2], 0, 0),
        (0, 0x23),
    );
    check("unknown MSR request comes back", machine::msr_request(0xABC), 0xABC);
    check(
        "unknown event is error 6",
        machine::ghcb_request(page, 0x8000_7777, [0; 2], 0, 0),
        (2, 6),
    );
    check(
        "missing SW_EXITINFO2 is error 4",
        machine::ghcb_request(page, 0x7B, [0x03F8_0210, 0], 10, 1 << 52),
        (2, 4),
    );
    check(
        "page that is not registered is error 1",
        machine::ghcb_request(GHCB[1], 0x7B, [0x03F8_0210, 0], 10, 0),
        (2, 1),
    );
    check(
        "guest request on one page is error 5",
        machine::ghcb_request(page, 0x8000_0011, [PAGE, PAGE], 0, 0),
        (2, 5),
    );
    check(
        "malformed page state change is refused",
        machine::ghcb_request(page, 0x8000_0010, [0; 2], 0, 0).1 >> 32,
        1,
    );
    check(
        "SEV information answers with its code",
        machine::msr_request(0x2) & 0xFFF,
        1,
    );
}

/// Gives VMPL2 the probe's own memory.
pub fn grant_probe() {
    for page in (0x20_0000..probe_end()).step_by(0x1000) {
        assert_eq!(machine::rmpadjust(page, 0, 0x0F02), Ok(0));
    }
}

fn probe_end() -> u64 {
    unsafe extern "C" {
        static _probe_end: u8;
    }
    (&raw const _probe_end) as u64
}

/// AP creation at VMPL2 for this processor; SW_EXITINFO1 and 2.
pub fn create(area: u64, features: u64) -> (u64, u64) {
    machine::ghcb_request(GHCB[0], 0x8000_0013, [2 << 16 | 1, area], features, 0)
}

fn other_level() {
    check(
        "a VMPL without save area is not run",
        machine::msr_request(2 << 32 | 0x16) >> 32,
        1,
    );
    machine::write_save_area(SAVE_AREA, 2, EFER, FEATURES);
    check(
        "RMPADJUST sets the VMSA attribute",
        machine::rmpadjust(SAVE_AREA, 0, 0x1_0002),
        Ok(0),
    );
    check(
        "AP creation with other features is error 5",
        create(SAVE_AREA, 1),
        (2, 5),
    );
    check(
        "AP creation at a large-aligned address is error 5",
        create(LARGE, FEATURES),
        (2, 5),
    );
    check("AP creation", create(SAVE_AREA, FEATURES), (0, 0));
    grant_probe();
    check(
        "VMPL2 runs and reads SEV_STATUS",
        lower::ask(lower::STATUS, 0),
        [0, 3 | FEATURES << 2, 0],
    );
    check("its exit code is VMGEXIT", machine::read(SAVE_AREA + 0x3C0), 0x403);
    check(
        "PVALIDATE at VMPL2 is #GP",
        lower::ask(lower::PVALIDATE, 0x20_0000),
        [1, 13, 0],
    );
    check(
        "RMPADJUST of the own VMPL is PERMISSION",
        lower::ask(lower::ADJUST_OWN, 0x20_0000),
        [0, 2, 0],
    );
    check(
        "RMPADJUST of VMPL3 with the own rights",
        lower::ask(lower::ADJUST_BELOW, 0x20_0000),
        [0, 0, 0],
    );
    assert_eq!(machine::rmpadjust(0x20_0000, 0, 0x0D02), Ok(0));
    // PCPU_ID: the processor forgets what VMPL2 had.
    machine::write(SAVE_AREA + 0x3D8, 0);
    check(
        "RMPADJUST of VMPL3 beyond the own rights is PERMISSION",
        lower::ask(lower::ADJUST_BELOW, 0x20_0000),
        [0, 2, 0],
    );
    check(
        "RMPQUERY of VMPL0 is PERMISSION",
        lower::ask(lower::QUERY_ABOVE, 0x20_0000),
        [0, 2, 0],
    );
    check(
        "RMPQUERY of the own VMPL",
        lower::ask(lower::QUERY_OWN, 0x20_0000),
        [0, 0, 0x0D02],
    );
}
