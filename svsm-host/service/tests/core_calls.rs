//! Core protocol, good and bad (SVSM chapter 6; result codes of tables 5 and 8).

mod support;

use fake_platform::{FakePlatform, ModelTpm, Quirk};
use support::*;
use svsm_platform::{ApicId, PageError};
use svsm_proto::{
    calling_area::Call,
    core_call::{PvalidateEntry, call},
    launch_info::{REGION_GPA, REGION_SIZE},
    rmp::{PageSize, Permissions, RmpError},
    vmsa::{Vmsa, efer, offset},
};
use svsm_service::request_loop::{Turn, turn};
use zerocopy::{FromZeros, IntoBytes};

fn bench() -> Bench<ModelTpm> {
    Bench::boot(ModelTpm::new(Quirk::None))
}

fn entry(gpa: u64, validate: bool) -> u64 {
    PvalidateEntry {
        gpa,
        size: PageSize::Small,
        validate,
        ignore_cf: false,
    }
    .encode()
}

fn large(gpa: u64, validate: bool) -> u64 {
    PvalidateEntry {
        gpa,
        size: PageSize::Large,
        validate,
        ignore_cf: false,
    }
    .encode()
}

const FULL: Permissions = Permissions::ALL;
const NONE: Permissions = Permissions::empty();

#[test]
fn query_protocol_always_succeeds() {
    let mut bench = bench();
    for (query, range) in [
        (1, 1 << 32 | 1),
        (1 << 32 | 1, 1 << 32 | 1),
        (2 << 32 | 1, 1 << 32 | 1),
        (2, 0),
        (0, 0),
        (3 << 32 | 1, 0),
        (u64::MAX, 0),
    ] {
        let out = bench.call(0, call::QUERY_PROTOCOL, [query, 5, 6]);
        assert_eq!(
            out,
            Out {
                rax: code::SUCCESS,
                rcx: range,
                rdx: 5,
                r8: 6
            },
            "{query:#x}"
        );
    }
}

#[test]
fn fresh_page_is_validated_zeroed_and_granted() {
    let mut bench = bench();
    bench.machine.lock().make_private(FRESH, 0x5E);
    assert_eq!(bench.pvalidate(&[entry(FRESH, true)]), (code::SUCCESS, 1));
    assert_eq!(bench.read(FRESH, 4096), vec![0; 4096]);
    // The guest's level and every more privileged one (SVSM §6.2); nothing for the level below.
    assert_eq!(bench.machine.lock().info(FRESH).permissions, [FULL, FULL, NONE]);
}

#[test]
fn rescinded_page_loses_its_permissions_before_it_can_be_validated_again() {
    let mut bench = bench();
    assert_eq!(bench.pvalidate(&[entry(SCRATCH + 0x1000, false)]), (code::SUCCESS, 1));
    let info = bench.machine.lock().info(SCRATCH + 0x1000);
    assert_eq!((info.validated, info.permissions), (false, [NONE; 3]));
    // Rescinding again changes nothing, and PVALIDATE says so.
    assert_eq!(bench.pvalidate(&[entry(SCRATCH + 0x1000, false)]), (code::UNCHANGED, 0));
    let again = PvalidateEntry {
        gpa: SCRATCH + 0x1000,
        size: PageSize::Small,
        validate: false,
        ignore_cf: true,
    };
    assert_eq!(bench.pvalidate(&[again.encode()]), (code::SUCCESS, 1));
}

// The hypervisor may raise the exception that says "not validated" whenever it likes; PVALIDATE's carry flag is not its to choose.
#[test]
fn rescinding_a_page_that_only_the_exception_calls_invalid_is_an_error() {
    for vmpl in 0..3 {
        let mut bench = bench();
        let mut failures = vec![None; vmpl];
        failures.push(Some(PageError::NotValidated));
        bench.machine.lock().rmpadjust_failures = failures.into();
        assert_eq!(
            bench.pvalidate(&[entry(SCRATCH + 0x1000, false)]),
            (code::INVALID_ADDRESS, 0)
        );
    }
    let mut bench = bench();
    bench.machine.lock().make_private(FRESH, 0);
    assert_eq!(
        bench.pvalidate(&[entry(FRESH, false)]),
        (code::UNCHANGED, 0),
        "really not validated"
    );
}

#[test]
fn large_page_is_granted_as_a_whole() {
    let mut bench = bench();
    for page in 0..512 {
        bench.machine.lock().make_private(FRESH + page * 4096, 0x5E);
    }
    assert_eq!(bench.pvalidate(&[large(FRESH, true)]), (code::SUCCESS, 1));
    assert_eq!(bench.read(FRESH, 2 << 20), vec![0; 2 << 20]);
}

#[test]
fn already_valid_page_is_an_error_unless_ignored_and_then_zeroed() {
    let mut bench = bench();
    let page = SCRATCH + 0x1000;
    bench.write(page, b"guest");
    assert_eq!(bench.pvalidate(&[entry(page, true)]), (code::UNCHANGED, 0));
    assert_eq!(bench.read(page, 5), b"guest");
    let ignoring = PvalidateEntry {
        gpa: page,
        size: PageSize::Small,
        validate: true,
        ignore_cf: true,
    };
    assert_eq!(bench.pvalidate(&[ignoring.encode()]), (code::SUCCESS, 1));
    assert_eq!(bench.read(page, 5), [0; 5]);
}

#[test]
fn list_stops_at_the_failing_entry_and_says_which() {
    let mut bench = bench();
    let page = SCRATCH + 0x1000;
    let entries = [
        entry(page, false),
        entry(page, true),
        entry(page, true),
        entry(page, false),
    ];
    assert_eq!(bench.pvalidate(&entries), (code::UNCHANGED, 2));
    // Taking up from where it stopped is what a client does after the failure.
    bench.write_list(SCRATCH, 4, 3, &entries);
    assert_eq!(bench.core(call::PVALIDATE, SCRATCH), code::SUCCESS);
    assert_eq!(bench.list_next(), 4);
}

#[test]
fn pages_that_are_not_the_guests_to_change_are_refused() {
    let mut bench = bench();
    for gpa in [
        REGION_GPA,
        REGION_GPA + REGION_SIZE - 4096,
        VMSA,
        bench.caa,
        MEMORY,
        1 << 51 | SCRATCH,
        !0xFFF,
    ] {
        for validate in [false, true] {
            assert_eq!(
                bench.pvalidate(&[entry(gpa, validate)]),
                (code::INVALID_ADDRESS, 0),
                "{gpa:#x}"
            );
        }
    }
    // A large page that only overlaps the calling area.
    assert_eq!(bench.pvalidate(&[large(0, false)]), (code::INVALID_ADDRESS, 0));
}

#[test]
fn malformed_lists_are_refused() {
    let mut bench = bench();
    for gpa in [SCRATCH + 1, SCRATCH + 4] {
        assert_eq!(bench.core(call::PVALIDATE, gpa), code::INVALID_PARAMETER, "{gpa:#x}");
    }
    for gpa in [REGION_GPA, 1 << 51 | SCRATCH, u64::MAX - 7] {
        assert_eq!(bench.core(call::PVALIDATE, gpa), code::INVALID_ADDRESS, "{gpa:#x}");
    }
    for (count, next) in [(0, 0), (1, 1), (1, 2), (512, 0), (0xFFFF, 0), (512, 511)] {
        bench.write_list(SCRATCH, count, next, &[]);
        assert_eq!(
            bench.core(call::PVALIDATE, SCRATCH),
            code::INVALID_PARAMETER,
            "{count} {next}"
        );
    }
    bench.write_list(SCRATCH + 0xFF8, 1, 0, &[]);
    assert_eq!(bench.core(call::PVALIDATE, SCRATCH + 0xFF8), code::INVALID_PARAMETER);
    bench.write(SCRATCH, &[1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(
        bench.core(call::PVALIDATE, SCRATCH),
        code::INVALID_PARAMETER,
        "reserved field"
    );
    for raw in [
        SCRATCH | 2,
        SCRATCH | 3,
        SCRATCH | 0x10,
        SCRATCH | 0x800,
        (SCRATCH + 0x1000) | 1,
    ] {
        assert_eq!(bench.pvalidate(&[raw]), (code::INVALID_PARAMETER, 0), "{raw:#x}");
    }
}

#[test]
fn page_that_the_hypervisor_did_not_assign_is_refused_and_not_granted() {
    let mut bench = bench();
    assert_eq!(bench.pvalidate(&[entry(FRESH, true)]), (code::INVALID_ADDRESS, 0));
    assert_eq!(bench.machine.lock().info(FRESH).permissions, [NONE; 3]);
}

#[test]
fn long_list_returns_incomplete_and_can_be_continued() {
    let mut bench = bench();
    // 70 large rescinds of one page are 140 MiB of work; what is wrong with them shows only after the budget.
    let ignoring = PvalidateEntry {
        gpa: FRESH,
        size: PageSize::Large,
        validate: false,
        ignore_cf: true,
    }
    .encode();
    for page in 0..512 {
        bench.machine.lock().make_private(FRESH + page * 4096, 0);
    }
    let entries = [ignoring; 70];
    assert_eq!(bench.pvalidate(&entries), (code::INCOMPLETE, 64));
    assert_eq!(bench.core(call::PVALIDATE, SCRATCH), code::SUCCESS);
    assert_eq!(bench.list_next(), 70);
}

#[test]
fn list_that_changes_after_it_was_read_does_not_matter() {
    let mut bench = bench();
    bench.machine.lock().make_private(FRESH, 0x5E);
    bench.write_list(SCRATCH, 1, 0, &[entry(FRESH, true)]);
    // A second vCPU turns every entry into one for the calling area, right after the SVSM has read it.
    let evil = entry(bench.caa, false).to_le_bytes();
    bench.machine.lock().after_read(move |pages, range| {
        if let Some(page) = pages.get_mut(&SCRATCH)
            && range.start > SCRATCH
        {
            page[8..16].copy_from_slice(&evil);
        }
    });
    assert_eq!(bench.core(call::PVALIDATE, SCRATCH), code::SUCCESS);
    assert!(bench.machine.lock().info(FRESH).validated);
    assert_read_once(&bench, SCRATCH..SCRATCH + 0x1000);
}

/// No byte of `range` was read twice since boot, which is what makes a double fetch impossible.
fn assert_read_once(bench: &Bench<ModelTpm>, range: std::ops::Range<u64>) {
    let machine = bench.machine.lock();
    let reads: Vec<_> = machine
        .accesses
        .iter()
        .filter(|access| !access.write && access.range.start < range.end && range.start < access.range.end)
        .collect();
    for (index, read) in reads.iter().enumerate() {
        for other in &reads[index + 1..] {
            let overlap = read.range.start < other.range.end && other.range.start < read.range.end;
            assert!(!overlap, "{read:?} and {other:?}");
        }
    }
    assert!(!reads.is_empty());
}

#[test]
fn remapped_calling_area_is_the_one_that_counts() {
    let mut bench = bench();
    let (old, new) = (bench.caa, SCRATCH + 0x1000);
    bench.write(new, &[0xFF; 16]);
    assert_eq!(bench.core(call::REMAP_CA, new), code::SUCCESS);
    assert_eq!(bench.read(new, 16)[..9], [0, 0, 0, 0, 0, 0, 0, 0, 0xFF]);
    // A call through the old area is none any more, and the old page is an ordinary one.
    let turn = bench.run(move |machine| request(machine, VMSA, old, 6, [1, 0, 0]));
    assert_eq!(turn, Turn::NoCall);
    bench.caa = new;
    assert_eq!(
        bench.pvalidate(&[entry(old, false), entry(new, false)]),
        (code::INVALID_ADDRESS, 1)
    );
    // The same address again changes nothing.
    assert_eq!(bench.core(call::REMAP_CA, new), code::SUCCESS);
}

#[test]
fn calling_area_elsewhere_is_refused() {
    let mut bench = bench();
    for (gpa, expected) in [
        (SCRATCH + 8, code::INVALID_PARAMETER),
        (REGION_GPA, code::INVALID_ADDRESS),
        (VMSA, code::INVALID_ADDRESS),
        (MEMORY, code::INVALID_ADDRESS),
        (1 << 51 | SCRATCH, code::INVALID_ADDRESS),
        (FRESH, code::INVALID_ADDRESS),
    ] {
        assert_eq!(bench.core(call::REMAP_CA, gpa), expected, "{gpa:#x}");
    }
    assert_eq!(
        bench.call(0, call::QUERY_PROTOCOL, [1, 0, 0]).rax,
        code::SUCCESS,
        "the old area still works"
    );
}

const NEW_VMSA: u64 = SCRATCH + 0x1000;
const NEW_CAA: u64 = SCRATCH + 0x2000;

fn good_vmsa() -> Vmsa {
    let mut vmsa = Vmsa::new_zeroed();
    vmsa.vmpl = GUEST;
    vmsa.efer = efer::SVME;
    vmsa.sev_features = FEATURES.bits();
    vmsa
}

/// Makes the second vCPU, `NEW_VMSA` with `NEW_CAA`.
fn create_new(bench: &mut Bench<ModelTpm>) {
    bench.write(NEW_VMSA, good_vmsa().as_bytes());
    let out = bench.call(0, call::CREATE_VCPU, [NEW_VMSA, NEW_CAA, 1]);
    assert_eq!(out.rax, code::SUCCESS);
}

// APM volume 2: what TLB_ID and PCPU_ID say decides whether a processor keeps translations; zero makes it forget them.
#[test]
fn what_a_new_vmsa_says_of_translations_is_not_believed() {
    let mut bench = bench();
    let mut vmsa = good_vmsa();
    (vmsa.tlb_id, vmsa.pcpu_id) = (7, 9);
    bench.write(NEW_VMSA, vmsa.as_bytes());
    let out = bench.call(0, call::CREATE_VCPU, [NEW_VMSA, NEW_CAA, 1]);
    assert_eq!(out.rax, code::SUCCESS);
    assert_eq!(bench.read(NEW_VMSA + 0x3D0, 16), [0; 16]);
    (vmsa.tlb_id, vmsa.pcpu_id) = (0, 0);
    assert_eq!(bench.read(NEW_VMSA, 0x3D0), vmsa.as_bytes()[..0x3D0]);
}

/// The second vCPU with its own view of the machine, about to make a core call with this RCX.
fn new_vcpu(bench: &Bench<ModelTpm>, number: u32, rcx: u64) -> FakePlatform {
    let mut second = FakePlatform::new(&bench.machine, ApicId(1));
    bench.machine.lock().register_vmsa(ApicId(1), GUEST, NEW_VMSA);
    second.then(move |machine| request(machine, NEW_VMSA, NEW_CAA, Call::rax(0, number), [rcx, 0, 0]));
    second
}

#[test]
fn created_vmsa_is_sealed_against_the_guest_and_runs() {
    let mut bench = bench();
    create_new(&mut bench);
    let info = bench.machine.lock().info(NEW_VMSA);
    // Linux reads SEV_FEATURES back from the page (`wakeup_cpu_via_vmgexit`).
    assert_eq!((info.vmsa, info.permissions), (true, [NONE, Permissions::READ, NONE]));
    // It is served by the same SVSM.
    let mut second = new_vcpu(&bench, call::QUERY_PROTOCOL, 1);
    assert_eq!(turn(&bench.svsm, &mut second, ApicId(1)), Ok(Turn::Served));
    assert_eq!(outcome(&mut bench.machine.lock(), NEW_VMSA).rcx, 1 << 32 | 1);
    bench.no_violations();
}

#[test]
fn vmsa_that_must_not_run_is_refused_and_given_back() {
    let mut bench = bench();
    type Change = fn(&mut Vmsa);
    let cases: [(&str, Change); 6] = [
        ("VMPL0", |vmsa| vmsa.vmpl = 0),
        ("VMPL1", |vmsa| vmsa.vmpl = 1),
        ("VMPL4", |vmsa| vmsa.vmpl = 4),
        ("no SVME", |vmsa| vmsa.efer = 0),
        ("a feature more", |vmsa| vmsa.sev_features |= 8),
        ("a feature less", |vmsa| vmsa.sev_features &= !1),
    ];
    for (what, change) in cases {
        let mut vmsa = good_vmsa();
        change(&mut vmsa);
        bench.write(NEW_VMSA, vmsa.as_bytes());
        let out = bench.call(0, call::CREATE_VCPU, [NEW_VMSA, NEW_CAA, 1]);
        assert_eq!(out.rax, code::INVALID_PARAMETER, "{what}");
        assert!(!bench.machine.lock().info(NEW_VMSA).vmsa, "{what}");
    }
    bench.write(NEW_VMSA, b"still mine");
}

// APM volume 2 §15.36.8: until translations are dropped, a processor may use those with the old permissions. What the guest may still be able to
// write must become neither a VMSA nor the SVSM's.
#[test]
fn page_whose_translations_cannot_be_dropped_stays_the_guests() {
    let mut bench = bench();
    bench.write(NEW_VMSA, good_vmsa().as_bytes());
    bench.machine.lock().flush_fails = true;
    let out = bench.call(0, call::CREATE_VCPU, [NEW_VMSA, NEW_CAA, 1]);
    assert_eq!(out.rax, code::INVALID_REQUEST);
    assert!(!bench.machine.lock().info(NEW_VMSA).vmsa);
    bench.write(NEW_VMSA, b"still mine");
    bench.write_list(SCRATCH, 1, 0, &[NEW_CAA]);
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::INVALID_REQUEST);
    let rescind = NEW_CAA;
    assert_eq!(bench.pvalidate(&[rescind]), (code::INVALID_REQUEST, 0));
    assert!(bench.machine.lock().info(NEW_CAA).validated);
    bench.machine.lock().flush_fails = false;
    assert_eq!(bench.pvalidate(&[rescind]), (code::SUCCESS, 1));
}

#[test]
fn vmsa_and_calling_area_in_the_wrong_place_are_refused() {
    let mut bench = bench();
    bench.write(NEW_VMSA, good_vmsa().as_bytes());
    let caa = bench.caa;
    for (vmsa, area, expected) in [
        (NEW_VMSA + 8, NEW_CAA, code::INVALID_PARAMETER),
        (NEW_VMSA, NEW_CAA + 8, code::INVALID_PARAMETER),
        (NEW_VMSA, NEW_VMSA, code::INVALID_ADDRESS),
        (REGION_GPA, NEW_CAA, code::INVALID_ADDRESS),
        (NEW_VMSA, REGION_GPA, code::INVALID_ADDRESS),
        (VMSA, NEW_CAA, code::INVALID_ADDRESS),
        (caa, NEW_CAA, code::INVALID_ADDRESS),
        (NEW_VMSA, caa, code::INVALID_ADDRESS),
        (MEMORY, NEW_CAA, code::INVALID_ADDRESS),
        (FRESH, NEW_CAA, code::INVALID_ADDRESS),
    ] {
        let out = bench.call(0, call::CREATE_VCPU, [vmsa, area, 1]);
        assert_eq!(out.rax, expected, "{vmsa:#x} {area:#x}");
    }
}

#[test]
fn vmsa_cannot_be_reached_through_any_other_call() {
    let mut bench = bench();
    create_new(&mut bench);
    assert_eq!(bench.pvalidate(&[entry(NEW_VMSA, false)]), (code::INVALID_ADDRESS, 0));
    assert_eq!(bench.core(call::REMAP_CA, NEW_VMSA), code::INVALID_ADDRESS);
    assert_eq!(bench.core(call::PVALIDATE, NEW_VMSA), code::INVALID_ADDRESS);
    assert_eq!(bench.core(call::WITHDRAW_MEM, NEW_VMSA), code::INVALID_ADDRESS);
    assert_eq!(
        bench.call(0, call::CREATE_VCPU, [NEW_VMSA, SCRATCH + 0x3000, 2]).rax,
        code::INVALID_ADDRESS
    );
    // As the buffer of a TPM command, the TPM's response would go over EFER and VMPL.
    assert_eq!(bench.call(2, 1, [NEW_VMSA, 0, 0]).rax, code::INVALID_ADDRESS);
    assert_eq!(
        bench.machine.lock().word(NEW_VMSA, offset::SEV_FEATURES),
        FEATURES.bits()
    );
}

#[test]
fn deleted_vmsa_is_zeroed_and_given_back() {
    let mut bench = bench();
    create_new(&mut bench);
    bench.machine.lock().set_running(NEW_VMSA, true);
    assert_eq!(bench.core(call::DELETE_VCPU, NEW_VMSA), code::VCPU_RUNNING);
    bench.machine.lock().set_running(NEW_VMSA, false);
    assert_eq!(bench.core(call::DELETE_VCPU, NEW_VMSA), code::SUCCESS);
    let info = bench.machine.lock().info(NEW_VMSA);
    assert_eq!((info.vmsa, info.permissions), (false, [FULL, FULL, NONE]));
    assert_eq!(bench.read(NEW_VMSA, 4096), vec![0; 4096]);
    // Both pages are ordinary again, and can be what they were.
    create_new(&mut bench);
}

// Table 8: in SVSM_CORE_DELETE_VCPU 0x8000_1003 says that the VMSA is in use; RMPADJUST's FAIL_INUSE is 3 as well.
#[test]
fn return_code_of_rmpadjust_is_shown_by_pvalidate_alone() {
    let in_use = || vec![Some(PageError::Instruction(RmpError::Other(3)))];
    let mut bench = bench();
    bench.machine.lock().rmpadjust_failures = in_use().into();
    assert_eq!(bench.pvalidate(&[entry(SCRATCH + 0x1000, false)]).0, 0x8000_1003);
    bench.write(SCRATCH + 0x4000, good_vmsa().as_bytes());
    let create = |bench: &mut Bench<ModelTpm>| {
        let arguments = [SCRATCH + 0x4000, SCRATCH + 0x5000, 1];
        bench.call(0, call::CREATE_VCPU, arguments).rax
    };
    bench.machine.lock().rmpadjust_failures = in_use().into();
    assert_eq!(create(&mut bench), code::INVALID_ADDRESS);
    assert_eq!(create(&mut bench), code::SUCCESS);
    bench.machine.lock().rmpadjust_failures = in_use().into();
    assert_eq!(bench.core(call::DELETE_VCPU, SCRATCH + 0x4000), code::INVALID_ADDRESS);
    bench.write_list(SCRATCH, 1, 0, &[SCRATCH + 0x6000]);
    bench.machine.lock().rmpadjust_failures = in_use().into();
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::INVALID_ADDRESS);
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::SUCCESS);
    bench.machine.lock().rmpadjust_failures = in_use().into();
    assert_eq!(bench.core(call::WITHDRAW_MEM, SCRATCH), code::INVALID_ADDRESS);
}

#[test]
fn what_is_no_vmsa_of_the_guests_cannot_be_deleted() {
    let mut bench = bench();
    let caa = bench.caa;
    for gpa in [VMSA, caa, NEW_VMSA, NEW_VMSA + 8, REGION_GPA, u64::MAX] {
        assert_eq!(bench.core(call::DELETE_VCPU, gpa), code::INVALID_PARAMETER, "{gpa:#x}");
    }
}

#[test]
fn vcpu_that_deletes_its_own_vmsa_does_not_return() {
    let mut bench = bench();
    create_new(&mut bench);
    let mut second = new_vcpu(&bench, call::DELETE_VCPU, NEW_VMSA);
    assert_eq!(turn(&bench.svsm, &mut second, ApicId(1)), Ok(Turn::Served));
    assert!(bench.machine.lock().runnable_vmsa(ApicId(1), GUEST).is_none());
    assert_eq!(turn(&bench.svsm, &mut second, ApicId(1)), Ok(Turn::Idle));
    assert_eq!(
        bench.read(NEW_VMSA, 4096),
        vec![0; 4096],
        "no result was written to what is no VMSA any more"
    );
    bench.no_violations();
}

#[test]
fn deposited_pages_come_back_zeroed() {
    let mut bench = bench();
    let page = SCRATCH + 0x1000;
    bench.write(page, b"secret");
    bench.write_list(SCRATCH, 1, 0, &[page]);
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::SUCCESS);
    assert_eq!(bench.list_next(), 1);
    assert_eq!(bench.read(bench.caa + 1, 1), [1], "SVSM_MEM_AVAILABLE");
    assert_eq!(bench.machine.lock().info(page).permissions, [NONE; 3]);
    // While it is deposited it is nobody's buffer.
    assert_eq!(bench.core(call::PVALIDATE, page), code::INVALID_ADDRESS);
    assert_eq!(bench.pvalidate(&[entry(page, false)]), (code::INVALID_ADDRESS, 0));
    assert_eq!(bench.core(call::WITHDRAW_MEM, SCRATCH), code::SUCCESS);
    let expected = [&[1u8, 0, 0, 0, 0, 0, 0, 0][..], &page.to_le_bytes()].concat();
    assert_eq!(bench.read(SCRATCH, 16), expected);
    assert_eq!(bench.read(page, 6), [0; 6]);
    assert_eq!(bench.read(bench.caa + 1, 1), [0], "SVSM_MEM_AVAILABLE");
}

#[test]
fn list_that_deposits_its_own_page_is_an_error_and_the_flag_still_says_what_is_held() {
    let mut bench = bench();
    bench.write_list(SCRATCH, 1, 0, &[SCRATCH]);
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::INVALID_ADDRESS);
    // The progress cannot be written to what is no page of the guest's any more; it can have it back.
    assert_eq!(bench.machine.lock().info(SCRATCH).permissions, [NONE; 3]);
    assert_eq!(bench.read(bench.caa + 1, 1), [1], "SVSM_MEM_AVAILABLE");
    let buffer = SCRATCH + 0x1000;
    assert_eq!(bench.core(call::WITHDRAW_MEM, buffer), code::SUCCESS);
    assert_eq!(bench.read(buffer + 8, 8), SCRATCH.to_le_bytes());
    assert_eq!(bench.read(bench.caa + 1, 1), [0], "SVSM_MEM_AVAILABLE");
}

#[test]
fn withdrawing_stops_at_the_end_of_the_buffers_page() {
    let mut bench = bench();
    for page in 0..512 {
        bench.machine.lock().make_private(FRESH + page * 4096, 0);
    }
    assert_eq!(bench.pvalidate(&[large(FRESH, true)]).0, code::SUCCESS);
    bench.write_list(SCRATCH, 1, 0, &[FRESH | 1]);
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH), code::SUCCESS);
    assert_eq!(bench.core(call::WITHDRAW_MEM, SCRATCH + 0xFE8), code::SUCCESS);
    let expected = [2u64, FRESH, FRESH + 0x1000].map(u64::to_le_bytes).concat();
    assert_eq!(bench.read(SCRATCH + 0xFE8, 24), expected);
    assert_eq!(bench.read(bench.caa + 1, 1), [1], "510 pages are left");
    assert_eq!(bench.core(call::WITHDRAW_MEM, SCRATCH + 0x1000), code::SUCCESS);
    assert_eq!(bench.read(SCRATCH + 0x1000, 2), 510u16.to_le_bytes());
    assert_eq!(bench.core(call::WITHDRAW_MEM, SCRATCH), code::SUCCESS);
    assert_eq!(bench.read(SCRATCH, 2), [0, 0], "nothing is left");
}

#[test]
fn malformed_deposits_and_withdrawals_are_refused() {
    let mut bench = bench();
    assert_eq!(bench.core(call::DEPOSIT_MEM, SCRATCH + 1), code::INVALID_PARAMETER);
    for raw in [SCRATCH | 4, SCRATCH | 8, SCRATCH | 2] {
        bench.write_list(SCRATCH, 1, 0, &[raw]);
        assert_eq!(
            bench.core(call::DEPOSIT_MEM, SCRATCH),
            code::INVALID_PARAMETER,
            "{raw:#x}"
        );
    }
    for gpa in [REGION_GPA, bench.caa, MEMORY, VMSA] {
        bench.write_list(SCRATCH, 1, 0, &[gpa]);
        assert_eq!(
            bench.core(call::DEPOSIT_MEM, SCRATCH),
            code::INVALID_ADDRESS,
            "{gpa:#x}"
        );
    }
    for (gpa, expected) in [
        (SCRATCH + 4, code::INVALID_PARAMETER),
        (SCRATCH + 0xFF8, code::INVALID_PARAMETER),
        (REGION_GPA, code::INVALID_ADDRESS),
        (FRESH, code::INVALID_ADDRESS),
    ] {
        assert_eq!(bench.core(call::WITHDRAW_MEM, gpa), expected, "{gpa:#x}");
    }
}

#[test]
fn vtom_is_reported_as_absent_and_refused() {
    let mut bench = bench();
    assert_eq!(
        bench.call(0, call::CONFIGURE_VTOM, [1, 0, 0]),
        Out {
            rax: 0,
            rcx: 0,
            rdx: 0,
            r8: 0
        }
    );
    assert_eq!(bench.core(call::CONFIGURE_VTOM, 2), code::INVALID_REQUEST);
    assert_eq!(bench.core(call::CONFIGURE_VTOM, 0x8_0000_001E), code::INVALID_REQUEST);
    for rcx in [3, 0x22, 0x802, 1 | 1 << 40] {
        assert_eq!(
            bench.core(call::CONFIGURE_VTOM, rcx),
            code::INVALID_PARAMETER,
            "{rcx:#x}"
        );
    }
}
