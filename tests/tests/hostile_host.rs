//! A hostile hypervisor against the firmware image: whatever it tries ends the VM for a reason that names it, or changes nothing.
//!
//! The simulator's hypervisor misbehaves on request, its hardware side does not. What must follow comes from the APM (volume 2, 15.34 to 15.36: what
//! a hypervisor can do to an SNP guest), from the GHCB specification (56421) and from the SVSM's own promise: no answer of the hypervisor's is
//! believed that is not checked, and no exception that the processor did not raise. Each boot is a machine of its own.

use cloister_tests::artefacts;
use sim_boot::{End, Origin, Running, Scenario};
use svsm_proto::{
    cpuid_page::{CpuidEntry, CpuidPage},
    ghcb_msr::Termination,
    launch_info::{CPUID_GPA, LAUNCH_INFO_GPA, REGION_GPA, REGION_SIZE},
};

/// Boots with misbehaviour and a guest that makes every call; returns the machine when it has ended.
fn boot(hostile: &str) -> (Running, End) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut scenario = Scenario::new(&artefacts(), "calls");
    scenario.options = hostile
        .split_whitespace()
        .map(|act| match act.contains('=') {
            true => act.to_owned(),
            false => format!("hostile={act}"),
        })
        .collect();
    if let Some(processors) = hostile.split_whitespace().find_map(|word| word.strip_prefix("smp=")) {
        scenario.processors = processors.parse().expect("a number");
        scenario.options.retain(|option| !option.starts_with("smp="));
    }
    let prepared = scenario.prepare(&folder.path().join("image.igvm")).expect("an image");
    let mut running = prepared.machine.start().expect("QEMU starts");
    let end = running.wait_end().expect("an end");
    (running, end)
}

fn said(running: &Running, origin: Origin, text: &str) -> bool {
    running
        .history()
        .iter()
        .any(|line| line.origin == origin && line.text.contains(text))
}

/// The hypervisor did what it was asked to, and the SVSM ended the VM with this reason.
fn ends_with(hostile: &str, reason: Termination) {
    let running = stops_with(hostile, reason);
    assert!(
        said(&running, Origin::Hypervisor, "hostile: "),
        "it did not misbehave: {hostile}\n{}",
        running.log_tail(30)
    );
}

/// The SVSM ended the VM with this reason.
fn stops_with(hostile: &str, reason: Termination) -> Running {
    let (running, end) = boot(hostile);
    let log = || format!("{hostile}: {end:?}\n{}", running.log_tail(30));
    assert_eq!(end, End::Stopped, "{}", log());
    let number = format!("code {:#x}", reason as u8);
    let stopped = running.history().iter().any(|line| {
        line.origin == Origin::Hardware
            && line.text.contains("VMPL0 requested termination: set 0x")
            && line.text.ends_with(&number)
    });
    assert!(stopped, "expected {reason:?} ({number}): {}", log());
    running
}

/// The hypervisor did what it was asked to, and the guest found everything as it must be.
fn changes_nothing(hostile: &str) {
    let (running, end) = boot(hostile);
    let log = || format!("{hostile}: {end:?}\n{}", running.log_tail(30));
    assert!(
        said(&running, Origin::Hypervisor, "hostile: "),
        "it did not misbehave: {}",
        log()
    );
    assert_eq!(end, End::PowerOff, "{}", log());
    assert!(!said(&running, Origin::Guest, "FAIL"), "{}", log());
    assert!(said(&running, Origin::Guest, "PASS: "), "{}", log());
}

#[test]
fn exceptions_and_interrupts_that_the_processor_did_not_raise_end_the_vm() {
    // CPUID, port I/O, page not validated: at an instruction that is none of these.
    for code in ["0x72", "0x7b", "0x404"] {
        ends_with(&format!("inject-vc:{code}@9"), Termination::UnexpectedVc);
    }
    ends_with("inject-interrupt:0x30@9", Termination::Exception);
}

#[test]
fn fault_that_did_not_happen_at_a_vmsa_is_not_believed() {
    // Where the guest's VMSA lies, from an honest boot: the image is the same, so is the place.
    let (honest, _) = boot("vp-count:2");
    let place = honest
        .history()
        .iter()
        .find_map(|line| line.text.split_once("save area for processor 0 VMPL2 at GPA "))
        .map(|(_, gpa)| gpa.trim().to_owned())
        .expect("the hypervisor says where it is");
    // The SVSM reaches it through instructions whose faults it survives: in the middle of the guest's calls as at its start.
    for access in [5, 60] {
        ends_with(
            &format!("inject-on-access:{place}:0x404@{access}"),
            Termination::UnexpectedVc,
        );
    }
}

#[test]
fn intercepted_time_stamp_counter_ends_the_vm() {
    ends_with("intercept-tsc@3", Termination::Clock);
}

#[test]
fn answers_of_the_psp_that_were_tampered_with_end_the_boot() {
    // Request 1 asks for the TSC's frequency, request 2 for the boot identity.
    for act in ["psp-corrupt", "psp-error", "psp-lost"] {
        ends_with(&format!("{act}@1"), Termination::PspMessage);
        ends_with(&format!("{act}@2"), Termination::BootIdentity);
    }
    ends_with("psp-replay@2", Termination::BootIdentity);
}

#[test]
fn psp_that_is_busy_is_asked_again() {
    changes_nothing("psp-busy@1 psp-busy@3");
}

#[test]
fn psp_that_never_answers_ends_the_boot() {
    ends_with("psp-busy@every", Termination::PspMessage);
}

#[test]
fn serial_port_that_is_never_ready_costs_time_and_nothing_else() {
    changes_nothing("deaf-serial-port");
}

#[test]
fn vcpu_that_the_hypervisor_does_not_run_ends_the_boot() {
    ends_with("lose-processor smp=2", Termination::Processor);
}

/// The option that changes a byte of the CPUID page, at an offset of a leaf's entry; the simulator lists leaf 8000_001F last, as the 25th.
fn cpuid_lie(offset: usize, xor: u8) -> String {
    let entry = std::mem::offset_of!(CpuidPage, entries) + 24 * size_of::<CpuidEntry>();
    format!("tamper={:#x}:{xor:#x}", CPUID_GPA + (entry + offset) as u64)
}

// The PSP checks the page (SNP firmware ABI, 8.17.2.6), but does not promise that it is complete; these are lies that it need not notice, and worse ones.
#[test]
fn cpuid_page_that_lies_ends_the_boot() {
    let count = |xor| format!("tamper={CPUID_GPA:#x}:{xor:#x}");
    // 25 entries become 153, then 1: nothing names a C-bit that could be believed.
    ends_with(&count(0x80), Termination::CBit);
    ends_with(&count(0x18), Termination::CBit);
    // The leaf that names the C-bit under another number; then a C-bit among those of addresses, 51 becomes 19.
    ends_with(&cpuid_lie(0, 0x01), Termination::CBit);
    ends_with(
        &cpuid_lie(std::mem::offset_of!(CpuidEntry, ebx), 0x20),
        Termination::CBit,
    );
}

#[test]
fn memory_map_that_cannot_be_true_ends_the_boot() {
    ends_with(&format!("memory-map:{:#x}:2", u64::MAX - 0xFFF), Termination::MemoryMap);
}

#[test]
fn memory_map_with_the_svsms_region_in_it_gives_the_guest_none_of_it() {
    for (gpa, pages) in [(REGION_GPA, 1), (REGION_GPA - 0x1000, REGION_SIZE / 0x1000 + 2)] {
        changes_nothing(&format!("memory-map:{gpa:#x}:{pages}"));
    }
}

#[test]
fn hypervisor_without_a_needed_feature_ends_the_boot() {
    // SNP and AP creation, but one VMPL only.
    stops_with("features:0x3", Termination::HypervisorFeatures);
}

#[test]
fn hypervisor_without_a_serial_port_costs_the_svsm_its_log_and_nothing_else() {
    changes_nothing("no-serial-port");
}

#[test]
fn hypervisor_that_will_not_run_the_guest_ends_the_vm() {
    ends_with("refuse-run@1", Termination::RunVmpl);
}

#[test]
fn switches_that_nobody_asked_for_change_nothing() {
    // The odd ones are the SVSM's switches to the guest, the even ones the guest's calls.
    for act in ["drop-run@1", "drop-run@41", "spurious-run@20", "spurious-guest@200"] {
        changes_nothing(act);
    }
}

// SVSM §5.2: the guest looks whether SVSM_CALL_PENDING was cleared, and so finds out.
#[test]
fn call_that_the_hypervisor_does_not_deliver_is_noticed_by_the_guest() {
    let (running, _) = boot("drop-run@40");
    assert!(said(&running, Origin::Hypervisor, "hostile: "));
    assert!(
        said(&running, Origin::Guest, "the SVSM did not run"),
        "{}",
        running.log_tail(30)
    );
}

// APM volume 2, 15.36.2: an RMP entry binds a system page to one guest page; at another address the hardware stops the access.
#[test]
fn private_page_mapped_at_another_address_ends_the_vm() {
    let (wrong, right) = (REGION_GPA + 0x0080_0000, LAUNCH_INFO_GPA);
    let (running, end) = boot(&format!("alias:{wrong:#x}:{right:#x}@2"));
    assert_eq!(end, End::Stopped, "{}", running.log_tail(30));
    assert!(said(&running, Origin::Hypervisor, "hostile: "));
    let stopped = said(&running, Origin::Hardware, "stopped: nested page fault: VMPL0 private")
        || said(&running, Origin::Hardware, "VMPL0 requested termination: ");
    assert!(stopped, "{}", running.log_tail(30));
}

#[test]
fn private_page_that_was_taken_away_ends_the_vm() {
    let page = LAUNCH_INFO_GPA;
    ends_with(&format!("remap:{page:#x}@2"), Termination::UnexpectedVc);
}
