//! QEMU with the development server as the TPM of a virtual machine, and what its emulator backend needs of swtpm's control channel.

use cloister_tests::{artefact, server::Server};
use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tpm_client::{ServerProgram, SwtpmProgram, TpmProcess};

/// Longest time for the firmware of the virtual machine, which takes some seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// A PCR of the SHA-1 bank into which nothing but a separator was measured (PC Client Platform Firmware Profile, EV_SEPARATOR), four bytes of ones:
/// SHA-1 of 20 zeros and of the separator's SHA-1, by coreutils. (Other banks get that SHA-1, too, from older versions of QEMU's firmware.)
const SEPARATED: &str = "0x3A3F780F11A4B49969FCAA80CD6E3957C33B2275";

/// Everything that a client does with tpmEstablishment, in order: what it sees each time.
fn story(tpm: &mut TpmProcess) -> Vec<Result<bool, String>> {
    let control = tpm.control();
    let mut seen = vec![control.is_established().map_err(|error| format!("{error:#}"))];
    control.measure(&[b"code"]).expect("a hash sequence");
    seen.push(control.is_established().map_err(|error| format!("{error:#}")));
    for locality in 0..6 {
        let reset = control.reset_established(locality);
        seen.push(reset.map(|()| true).map_err(|error| format!("{error:#}")));
        seen.push(control.is_established().map_err(|error| format!("{error:#}")));
        if locality == 3 {
            control.measure(&[b"more code"]).expect("a hash sequence");
        }
    }
    control.measure(&[]).expect("a hash sequence");
    tpm.power_cycle().expect("a power switch");
    seen.push(tpm.control().is_established().map_err(|error| format!("{error:#}")));
    seen
}

#[test]
fn establishment_is_set_by_a_hash_sequence_and_reset_from_localities_3_and_4() {
    let program = ServerProgram {
        program: artefact("tpm_server"),
        component: artefact("tpm.component.wasm"),
    };
    let mut ours = TpmProcess::server(program, "native").expect("the server starts");
    let mut other = TpmProcess::swtpm(SwtpmProgram::at("swtpm")).expect("swtpm starts");
    assert_eq!(story(&mut ours), story(&mut other));
    // It is not volatile (PC Client Platform TPM Profile, TPM_ACCESS_x.tpmEstablishment). swtpm forgets it with its process.
    ours.kill_and_restart().expect("it starts again");
    assert!(ours.control().is_established().expect("an answer"));
}

#[test]
fn firmware_of_a_virtual_machine_measures_its_boot() {
    for engine in ["native", "wasmi"] {
        let server = Server::start(engine);
        let control = format!("{}.ctrl", server.swtpm_socket().display());
        let mut machine = Command::new("qemu-system-x86_64")
            .args([
                "-accel",
                "tcg",
                "-machine",
                "q35",
                "-m",
                "64",
                "-display",
                "none",
                "-nodefaults",
                "-no-reboot",
            ])
            .arg("-chardev")
            .arg(format!("socket,id=control,path={control}"))
            .args([
                "-tpmdev",
                "emulator,id=tpm,chardev=control",
                "-device",
                "tpm-tis,tpmdev=tpm",
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("QEMU is needed for this test: install Debian's package `qemu-system-x86`");
        let started = Instant::now();
        let read = || {
            let tcti = format!("swtpm:host=127.0.0.1,port={}", server.swtpm_port());
            let output = server.try_tpm2(&tcti, "pcrread sha1:3,7");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // Until the machine has switched the TPM on, and until its firmware comes to the separators, this is something else or nothing.
        let mut pcrs = read();
        while pcrs.matches(SEPARATED).count() != 2 && started.elapsed() < LIMIT {
            assert_eq!(machine.try_wait().expect("a process"), None, "{engine}: QEMU has ended");
            thread::sleep(Duration::from_millis(200));
            pcrs = read();
        }
        let ended = Command::new("kill").args(["-TERM", &machine.id().to_string()]).status();
        assert!(ended.expect("kill").success());
        let complaints = machine.wait_with_output().expect("it was started here").stderr;
        let complaints = String::from_utf8_lossy(&complaints);
        assert_eq!(pcrs.matches(SEPARATED).count(), 2, "{engine}: {pcrs}\n{complaints}");
        // To the last request of the control channel.
        assert!(!complaints.contains("tpm-emulator"), "{engine}: {complaints}");
    }
}
