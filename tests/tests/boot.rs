//! Boots of the firmware image on the simulated platform, judged from outside.
//!
//! What must happen comes from the specifications: the verifier's checks, the result codes that the guest compares with the SVSM specification,
//! the stops of the APM that the guest names before it provokes them. Each boot is a machine of its own.

use cloister_tests::{artefact, artefacts};
use sim_boot::{
    End, Origin, Prepared, Running, Scenario,
    owner::{self, EndorsementKey, Interference},
};
use std::path::PathBuf;
use tempfile::TempDir;
use verifier::{Outcome, Subject, Verdict, verify};

struct Boot {
    prepared: Prepared,
    running: Running,
    _folder: TempDir,
}

/// Boots with a command line; `tamper` sees what is about to start, and names an address whose byte the hypervisor changes.
fn boot(command_line: &str, component: Option<PathBuf>, tamper: impl Fn(&Prepared) -> Option<u64>) -> Boot {
    let mut scenario = Scenario::new(&artefacts(), command_line);
    if let Some(component) = component {
        scenario.component = component;
    }
    start(&scenario, tamper)
}

/// As [`boot`], with a scenario.
fn start(scenario: &Scenario, tamper: impl Fn(&Prepared) -> Option<u64>) -> Boot {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut prepared = scenario.prepare(&folder.path().join("image.igvm")).expect("an image");
    if let Some(gpa) = tamper(&prepared) {
        prepared.machine.options.push(format!("tamper={gpa:#x}:1"));
    }
    let running = prepared.machine.start().expect("QEMU starts");
    Boot {
        prepared,
        running,
        _folder: folder,
    }
}

impl Boot {
    /// The story with the owner's conversation, up to the verdict.
    fn attest(mut self, key: EndorsementKey, interference: Interference) -> Verdict {
        self.running
            .wait_for(Origin::Guest, "waiting for the owner")
            .expect("the guest reaches its owner");
        owner::meet(&mut self.running).expect("a greeting");
        let evidence = owner::collect(&mut self.running, key, interference).expect("evidence");
        owner::dismiss(&mut self.running).expect("the end of the conversation");
        assert_eq!(
            self.running.wait_end().expect("an end"),
            End::PowerOff,
            "{}",
            self.running.log_tail(30)
        );
        self.no_failures();
        verify(&evidence, &self.prepared.expectations().expect("expectations"))
    }

    /// Runs to power-off; the guest has checked at least `least` things, and none failed.
    fn passes(mut self, least: usize) {
        let end = self.running.wait_end().expect("an end");
        let passed = self.count("PASS: ");
        assert_eq!(end, End::PowerOff, "{}", self.running.log_tail(40));
        self.no_failures();
        assert!(passed >= least, "only {passed} checks:\n{}", self.running.log_tail(40));
    }

    fn no_failures(&self) {
        assert_eq!(self.count("FAIL"), 0, "{}", self.running.log_tail(400));
    }

    fn count(&self, start: &str) -> usize {
        self.running
            .history()
            .iter()
            .filter(|line| line.origin == Origin::Guest && line.text.starts_with(start))
            .count()
    }
}

fn untouched(_: &Prepared) -> Option<u64> {
    None
}

#[test]
fn honest_boot_is_trusted_with_either_endorsement_key() {
    for key in [EndorsementKey::P256, EndorsementKey::Rsa] {
        let verdict = boot("story", None, untouched).attest(key, Interference::None);
        assert!(verdict.is_trusted(), "{verdict:#?}");
        // What was predicted from the image is what the log names, and what the quoted PCRs replay to.
        for subject in [
            Subject::EventLogReport,
            Subject::EventLog,
            Subject::Replay,
            Subject::Pcrs,
            Subject::Kernel,
            Subject::CommandLine,
        ] {
            let check = verdict.checks.iter().find(|check| check.subject == subject);
            assert_eq!(check.map(|check| check.outcome), Some(Outcome::Passed), "{verdict}");
        }
    }
}

#[test]
fn simulated_processor_measures_what_was_predicted() {
    let mut boot = boot("calls", None, untouched);
    let line = boot
        .running
        .wait_for(Origin::Hardware, "measurement: ")
        .expect("a measurement");
    let predicted: String = boot
        .prepared
        .measurement
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(line.text, format!("measurement: {predicted}"));
}

#[test]
fn component_that_was_changed_before_launch_is_not_trusted() {
    let verdict = boot("story", None, |prepared| {
        let info = &prepared.image.layout.info;
        Some(info.component_gpa + info.component_len - 1)
    })
    .attest(EndorsementKey::P256, Interference::None);
    assert!(
        verdict.failed(Subject::Measurement) && verdict.failed(Subject::Component),
        "{verdict:#?}"
    );
}

#[test]
fn guest_that_was_changed_before_launch_is_not_trusted() {
    let verdict = boot("story", None, |prepared| prepared.find_in_guest(b"guest ends"))
        .attest(EndorsementKey::P256, Interference::None);
    // The log tells the truth: it shows the kernel that runs, not the one that was to run.
    for subject in [Subject::Measurement, Subject::Kernel, Subject::Pcrs] {
        assert!(verdict.failed(subject), "{verdict}");
    }
    assert!(!verdict.failed(Subject::Replay), "{verdict}");
}

#[test]
fn nonce_that_was_changed_on_its_way_is_not_trusted() {
    let verdict = boot("story", None, untouched).attest(EndorsementKey::P256, Interference::Nonce);
    assert!(verdict.failed(Subject::ReportData), "{verdict:#?}");
}

#[test]
fn report_that_was_changed_on_its_way_is_not_trusted() {
    let verdict = boot("story", None, untouched).attest(EndorsementKey::P256, Interference::Report);
    assert!(verdict.failed(Subject::ReportSignature), "{verdict:#?}");
}

#[test]
fn event_log_that_was_changed_on_its_way_is_not_trusted() {
    let verdict = boot("story", None, untouched).attest(EndorsementKey::P256, Interference::EventLog);
    for subject in [Subject::EventLogReport, Subject::EventLog, Subject::CommandLine] {
        assert!(verdict.failed(subject), "{verdict}");
    }
}

#[test]
fn every_svsm_call_answers_as_the_specification_says() {
    boot("calls", None, untouched).passes(90);
}

#[test]
fn processor_that_broadcasts_invalidations_is_asked_for_them() {
    let mut scenario = Scenario::new(&artefacts(), "calls");
    scenario.options = vec!["invlpgb=1".into(), "trace=1".into()];
    let mut boot = start(&scenario, untouched);
    // APM volume 3: what INVLPGB asks for is done once TLBSYNC ends. That it is asked for before a level whose rights were taken runs again, the simulated
    // processor sees to, in every boot.
    let end = boot.running.wait_end().expect("an end");
    assert_eq!(end, End::PowerOff, "{}", boot.running.log_tail(40));
    boot.no_failures();
    let traced = |text: &str| {
        let history = boot.running.history();
        history.iter().filter(|line| line.text.contains(text)).count()
    };
    let (asked, awaited) = (traced("INVLPGB of everything at VMPL0"), traced("TLBSYNC at VMPL0"));
    assert!(asked > 0 && asked == awaited, "{asked} and {awaited}");
}

#[test]
fn guest_cannot_get_what_belongs_to_a_higher_level_and_lives_on() {
    boot("resist", None, untouched).passes(50);
}

#[test]
fn trap_in_the_middle_of_a_command_fails_the_tpm_and_nothing_else() {
    boot("trap", Some(artefact("trapping.component.wasm")), untouched).passes(5);
}

#[test]
fn attack_on_the_svsms_memory_stops_the_machine_for_the_reason_that_it_names() {
    for name in ["read", "write", "execute", "write-shared", "write-vmsa", "page-tables"] {
        let mut boot = boot(&format!("attack:{name}"), None, untouched);
        let expected = boot
            .running
            .wait_for(Origin::Guest, "expect: ")
            .expect("the attack names its end");
        let expected = expected.text.trim_start_matches("expect: ").to_owned();
        let end = boot.running.wait_end().expect("an end");
        assert_eq!(end, End::Stopped, "attack {name}:\n{}", boot.running.log_tail(20));
        boot.no_failures();
        let last = boot
            .running
            .history()
            .iter()
            .rev()
            .find(|line| line.origin == Origin::Hardware)
            .expect("a reason");
        assert!(
            last.text.starts_with("stopped: ") && last.text.contains(&expected),
            "attack {name}: {last}, not {expected}"
        );
    }
}
