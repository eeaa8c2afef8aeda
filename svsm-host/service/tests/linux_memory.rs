//! Linux gets all memory ready, and is told the truth about it, whatever the hypervisor does (Linux `Documentation/arch/x86/zero-page.rst`; APM volume 2
//! §15.36.6).

mod support;

use fake_platform::{FakePlatform, ModelTpm, PageStateChanges, Quirk, SharedMachine};
use support::*;
use svsm_proto::{
    ghcb_msr::Termination,
    launch_info::{LaunchInfo, PageRange, REGION_GPA, REGION_SIZE},
    rmp::Permissions,
};
use svsm_service::tpm::PlatformHierarchy;

const PAGE: u64 = 4096;
const ZERO_PAGE: u64 = LAUNCHED + 0xA000;

fn info() -> LaunchInfo {
    let mut info = launch_info();
    info.boot_info_gpa = 0;
    info.zero_page_gpa = ZERO_PAGE;
    info.guest_boot_argument = ZERO_PAGE;
    info.check().expect("launch information holds together");
    info
}

fn memory(bytes: u64) -> PageRange {
    PageRange {
        gpa: 0,
        pages: bytes / PAGE,
    }
}

fn start(
    memory: &[PageRange],
    change: impl FnOnce(&mut FakePlatform, &SharedMachine),
) -> Result<Bench<ModelTpm>, Termination> {
    let info = info();
    let machine = machine(&info);
    let mut platform = FakePlatform::new(&machine, CPU);
    change(&mut platform, &machine);
    let hierarchy = PlatformHierarchy::CloseNow;
    Bench::start(ModelTpm::new(Quirk::None), hierarchy, &info, memory, platform)
}

fn assert_all_memory_is_the_guests(bench: &Bench<ModelTpm>) {
    bench.no_violations();
    let mut machine = bench.machine.lock();
    for gpa in (0..MEMORY).step_by(4096) {
        let video = (0xA_0000..0xC_0000).contains(&gpa);
        let info = machine.info(gpa);
        let expected = if video { Permissions::empty() } else { Permissions::ALL };
        assert_eq!(info.validated, !video, "{gpa:#x}");
        assert_eq!(info.permissions, [expected, expected, Permissions::empty()], "{gpa:#x}");
    }
    assert_eq!(machine.peek(FRESH, 4096), [0; 4096], "zeroed");
}

/// The table as the kernel reads it: start, bytes, kind.
fn e820(bench: &Bench<ModelTpm>) -> Vec<(u64, u64, u32)> {
    let count = bench.read(ZERO_PAGE + 0x1E8, 1)[0];
    let table = bench.read(ZERO_PAGE + 0x2D0, 20 * usize::from(count));
    let long = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    table
        .chunks(20)
        .map(|entry| {
            let kind = u32::from_le_bytes(entry[16..].try_into().expect("four bytes"));
            (long(&entry[..8]), long(&entry[8..16]), kind)
        })
        .collect()
}

#[test]
fn all_memory_but_video_memory_is_validated_zeroed_and_granted() {
    let bench = start(&[memory(MEMORY)], |_, _| {}).expect("an honest hypervisor");
    assert_all_memory_is_the_guests(&bench);
}

#[test]
fn large_pages_that_the_hypervisor_split_are_taken_one_by_one() {
    let bench =
        start(&[memory(MEMORY)], |_, machine| machine.lock().assign_small(FRESH)).expect("an honest hypervisor");
    assert_all_memory_is_the_guests(&bench);
}

#[test]
fn hypervisor_that_works_in_steps_is_asked_again() {
    let bench = start(&[memory(MEMORY)], |platform, _| {
        platform.page_state_changes = PageStateChanges::OneByOne;
    })
    .expect("an honest hypervisor");
    assert_all_memory_is_the_guests(&bench);
}

#[test]
fn memory_that_is_not_there_or_twice_ends_the_vm() {
    let changes = [
        (PageStateChanges::Refused, Termination::PageStateChange),
        (PageStateChanges::NoProgress, Termination::PageStateChange),
        (PageStateChanges::Pretended, Termination::Pvalidate),
    ];
    for (change, reason) in changes {
        let outcome = start(&[memory(MEMORY)], |platform, _| platform.page_state_changes = change);
        assert_eq!(outcome.err(), Some(reason), "{change:?}");
    }
    // A page that was validated before: PVALIDATE changes nothing.
    let outcome = start(&[memory(MEMORY)], |platform, machine| {
        platform.page_state_changes = PageStateChanges::Pretended;
        machine.lock().launch(0, &[1]);
    });
    assert_eq!(outcome.err(), Some(Termination::Pvalidate));
}

#[test]
fn table_lists_memory_without_what_must_stay_as_it_is() {
    let bench = start(&[memory(MEMORY)], |_, _| {}).expect("an honest hypervisor");
    let info = info();
    let (ram, reserved, acpi) = (1, 2, 3);
    let behind = ZERO_PAGE + 2 * PAGE;
    let expected = [
        (0, 0xA_0000, ram),
        (0xA_0000, 0x6_0000, reserved),
        (LAUNCHED, info.cpuid_copy_gpa - LAUNCHED, ram),
        (info.cpuid_copy_gpa, PAGE, reserved),
        (info.secrets_copy_gpa, PAGE, reserved),
        (info.caa_gpa, PAGE, reserved),
        (ZERO_PAGE, PAGE, ram),
        (ZERO_PAGE + PAGE, PAGE, acpi),
        (behind, MEMORY - behind, ram),
        (REGION_GPA, REGION_SIZE, reserved),
    ];
    assert_eq!(e820(&bench), expected);
}

#[test]
fn map_with_more_stretches_than_the_table_holds_ends_the_vm() {
    let scattered: Vec<PageRange> = (0..130)
        .map(|index| PageRange {
            gpa: MEMORY + index * 2 * PAGE,
            pages: 1,
        })
        .chain([memory(MEMORY)])
        .collect();
    assert_eq!(start(&scattered, |_, _| {}).err(), Some(Termination::MemoryMap));
}
