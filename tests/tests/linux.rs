//! Stock kernels as the guest on the simulated platform: Debian's, bit for bit, with the initial file system that tells a story.
//!
//! What must happen comes from outside: the kernel's own words about SNP and its processors (`arch/x86/coco/sev/core.c`, `kernel/smp.c`), the story's
//! checks with tpm2-tools and the kernel's drivers, and the verifier. Nothing in the kernel knows of this project.

use cloister_tests::{artefact, artefacts};
use sim_boot::{
    End, Guest, Origin, Running, Scenario,
    owner::{self, EndorsementKey, Interference},
    session,
};
use std::time::Duration;
use verifier::verify;

/// Longest script: software emulation, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(600);

fn linux(kernel: &str) -> Scenario {
    let mut scenario = Scenario::new(&artefacts(), "");
    scenario.guest = Guest::Linux {
        kernel: artefact(&format!("linux/{kernel}")),
        initrd: Some(artefact("linux/initramfs.cpio")),
    };
    scenario
}

fn says(running: &Running, origin: Origin, text: &str) -> usize {
    let lines = running.history().iter();
    lines
        .filter(|line| line.origin == origin && line.text.contains(text))
        .count()
}

/// Boots, lets the guest tell its whole story, and judges what it gives its owner; through `key` it has to prove that it speaks to the TPM.
fn attest(scenario: &Scenario, key: Option<EndorsementKey>) -> Running {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prepared = scenario.prepare(&folder.path().join("image.igvm")).expect("an image");
    let mut running = prepared.machine.start().expect("QEMU starts");
    running
        .wait_for(Origin::Guest, "waiting for the owner")
        .expect("the guest reaches its owner");
    owner::meet(&mut running).expect("a greeting");
    let evidence = owner::collect(&mut running, key, Interference::None).expect("evidence");
    owner::dismiss(&mut running).expect("the end of the conversation");
    let end = running.wait_end().expect("an end");
    assert_eq!(end, End::PowerOff, "{}", running.log_tail(30));
    assert_eq!(
        says(&running, Origin::Guest, "cloister: FAILED"),
        0,
        "{}",
        running.log_tail(60)
    );
    assert_eq!(says(&running, Origin::Guest, "cloister: done"), 1);
    // Once by the kernel, and once by the story, which repeats it for those who boot with a quiet kernel.
    assert_eq!(says(&running, Origin::Guest, "SEV: SNP running at VMPL2."), 2);
    let mut expected = prepared.expectations().expect("expectations");
    if key.is_none() {
        expected.pcrs.clear();
    }
    let verdict = verify(&evidence, &expected);
    assert!(verdict.is_trusted(), "{}", verdict.headline());
    running
}

#[test]
fn stock_kernel_uses_its_tpm_and_is_trusted() {
    let running = attest(&linux("vmlinuz-7"), Some(EndorsementKey::P256));
    assert_eq!(
        says(&running, Origin::Guest, "SEV: Status: SEV SEV-ES SEV-SNP SecureTSC"),
        1
    );
}

// Linux before 6.14 ends itself when Secure TSC is active (`SNP_FEATURES_PRESENT`); without it, it learns the frequency by KVM's clock. It has no
// driver for the TPM: what it can show is in the reports alone.
#[test]
fn kernel_without_secure_tsc_and_tpm_driver_is_trusted_by_its_reports() {
    let mut scenario = linux("vmlinuz-6.12");
    scenario.image = scenario.image.with_secure_tsc(false);
    let running = attest(&scenario, None);
    for line in [
        "tsc: Detected",
        "SEV: Status: SEV SEV-ES SEV-SNP",
        "cloister: ok attestation of Cloister, event log",
    ] {
        assert_ne!(says(&running, Origin::Guest, line), 0, "{line}");
    }
}

/// What four processors look like from inside, by the kernel's own files; the last line is what the test wants to see.
const SEVERAL: &[u8] = b"
set -e
[ \"$(grep -c ^processor /proc/cpuinfo)\" = 4 ]
[ \"$(cat /sys/devices/system/cpu/online)\" = 0-3 ]
[ \"$(cat /sys/devices/system/cpu/sev/vmpl)\" = 2 ]
for cpu in 0 1 2 3; do
    taskset -p $((1 << cpu)) $$ >/dev/null
    mkdir /sys/kernel/config/tsm/report/r$cpu
    head -c 64 /dev/zero >/sys/kernel/config/tsm/report/r$cpu/inblob
    echo svsm >/sys/kernel/config/tsm/report/r$cpu/service_provider
    [ \"$(wc -c </sys/kernel/config/tsm/report/r$cpu/outblob)\" -ge 1184 ]
done
echo every processor attests
";

#[test]
fn each_of_four_processors_reaches_the_svsm_while_interrupts_come_at_any_moment() {
    let mut scenario = linux("vmlinuz-7");
    scenario.processors = 4;
    scenario.command_line = "cloister.mode=script".into();
    // The processor is taken away at any instruction, of VMPL0 as well, and given back.
    scenario.options.push("tick=1500".into());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prepared = scenario.prepare(&folder.path().join("image.igvm")).expect("an image");
    let mut running = prepared.machine.start().expect("QEMU starts");
    let mut output = Vec::new();
    let status = session::script(running.owner(), SEVERAL, &mut output, LIMIT);
    let output = String::from_utf8_lossy(&output).into_owned();
    let status = status.unwrap_or_else(|error| panic!("{error:#}\n{output}\n{}", running.log_tail(60)));
    assert_eq!(status, 0, "{output}\n{}", running.log_tail(60));
    assert!(output.contains("every processor attests"), "{output}");
    assert_eq!(
        running.wait_end().expect("an end"),
        End::PowerOff,
        "{}",
        running.log_tail(30)
    );
    assert_eq!(says(&running, Origin::Guest, "smp: Brought up 1 node, 4 CPUs"), 1);
    for cpu in 1..4 {
        let up = format!("vCPU {cpu} is up at VMPL0");
        assert_eq!(says(&running, Origin::Svsm, &up), 1, "{up}");
    }
}
