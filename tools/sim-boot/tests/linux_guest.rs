//! The Linux guest kit on a plain machine: stock QEMU without the simulator, with swtpm as its TPM.
//!
//! What the guest's scripts expect of a TPM is checked against an implementation that is not ours, and its channel to its owner against a
//! serial port that is not our simulator's. Attestation needs SEV-SNP and is left to the boots on the simulated platform.

use sim_boot::{OwnerChannel, session};
use std::{
    io::{BufRead, BufReader, ErrorKind},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest boot with everything that is done in it: software emulation, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(240);

/// What the SVSM does before its guest starts: keys at their persistent handles. The templates are tpm2-tools' own, the TCG's.
const PROVISION: &[u8] = b"
set -e
tpm2 createek -G rsa -c 0x81010001
tpm2 createek -G ecc -c 0x81010002
attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
tpm2 createprimary -C o -G rsa2048:aes128cfb -a $attributes -c rsa.ctx
tpm2 evictcontrol -C o -c rsa.ctx 0x81000001
tpm2 createprimary -C o -G ecc256:aes128cfb -a $attributes -c p256.ctx
tpm2 evictcontrol -C o -c p256.ctx 0x81000002
tpm2 shutdown
echo provisioned
exit 7
";

fn kit() -> PathBuf {
    let Some(folder) = std::env::var_os("CLOISTER_ARTEFACTS") else {
        panic!("CLOISTER_ARTEFACTS is not set: start this test with `cargo xtask test`");
    };
    PathBuf::from(folder).join("linux")
}

/// A plain machine; ended with its TPM when this value goes.
struct Machine {
    children: Vec<Child>,
    console: Receiver<String>,
    owner: OwnerChannel,
    _sockets: TempDir,
}

impl Machine {
    /// Boots a kernel; with a folder, swtpm is its TPM and keeps the state there.
    fn boot(kernel: &str, mode: &str, state: Option<&Path>) -> Self {
        let sockets = folder();
        let mut children = Vec::new();
        let mut command = Command::new("qemu-system-x86_64");
        command.args([
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "512",
            "-nodefaults",
            "-display",
            "none",
        ]);
        command.args(["-no-reboot", "-serial", "stdio", "-serial", "chardev:owner", "-chardev"]);
        let owner = sockets.path().join("owner");
        command.arg(format!("socket,id=owner,path={},server=on,wait=off", owner.display()));
        if let Some(state) = state {
            let socket = sockets.path().join("swtpm");
            let swtpm = Command::new("swtpm")
                .args(["socket", "--tpm2", "--tpmstate"])
                .arg(format!("dir={}", state.display()))
                .args(["--ctrl", &format!("type=unixio,path={}", socket.display())])
                .stdin(Stdio::null())
                .spawn()
                .expect("swtpm starts");
            children.push(swtpm);
            wait_for(&socket);
            command.args(["-chardev", &format!("socket,id=swtpm,path={}", socket.display())]);
            command.args([
                "-tpmdev",
                "emulator,id=tpm,chardev=swtpm",
                "-device",
                "tpm-crb,tpmdev=tpm",
            ]);
        }
        let mut qemu = command
            .arg("-kernel")
            .arg(kit().join(kernel))
            .arg("-initrd")
            .arg(kit().join("initramfs.cpio"))
            .args([
                "-append",
                &format!("console=ttyS0 quiet panic=-1 cloister.plain cloister.mode={mode}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let output = qemu.stdout.take().expect("its console");
        children.push(qemu);
        let (sender, console) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender
                    .send(String::from_utf8_lossy(&line).trim_end().to_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        let owner = OwnerChannel::attach(connect(&owner)).expect("a channel");
        Self {
            children,
            console,
            owner,
            _sockets: sockets,
        }
    }

    /// The console's lines until the machine is switched off.
    fn lines(&self) -> Vec<String> {
        let deadline = Instant::now() + LIMIT;
        let mut lines = Vec::new();
        while let Ok(line) = self
            .console
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            lines.push(line);
        }
        assert!(Instant::now() < deadline, "the machine did not end: {lines:#?}");
        lines
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself; either way it is reaped.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn wait_for(socket: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        assert!(Instant::now() < deadline, "{} does not come", socket.display());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Connects to a socket that comes, and on which nobody listens yet at the moment when it does.
fn connect(socket: &Path) -> UnixStream {
    wait_for(socket);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(socket) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            outcome => return outcome.expect("a channel"),
        }
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("cloister-")
        .tempdir()
        .expect("a folder")
}

#[test]
fn script_and_story_of_the_newest_kernel_pass_with_another_tpm() {
    let state = folder();
    let mut machine = Machine::boot("vmlinuz-7", "script", Some(state.path()));
    let mut output = Vec::new();
    let status = session::script(&mut machine.owner, PROVISION, &mut output, LIMIT).expect("a status");
    let output = String::from_utf8_lossy(&output);
    assert_eq!(status, 7, "{output}");
    assert!(output.ends_with("provisioned\n"), "{output}");
    assert!(machine.lines().contains(&"cloister: done".to_owned()));
    drop(machine);

    let mut machine = Machine::boot("vmlinuz-7", "story", Some(state.path()));
    assert_eq!(
        machine.owner.receive(LIMIT).expect("a greeting"),
        sim_guest::owner::HELLO
    );
    machine.owner.send("ak").expect("a question");
    let public = machine.owner.receive(LIMIT).expect("an answer");
    // TPMT_PUBLIC of an ECC key named by SHA-256: Part 2, 12.2.4.
    assert!(public.starts_with("public 0023000b"), "{public}");
    assert_eq!(machine.owner.receive(LIMIT).expect("its end"), sim_guest::owner::END);
    machine.owner.send(sim_guest::owner::DONE).expect("the last line");
    let lines = machine.lines();
    let passed = lines
        .iter()
        .filter(|line| line.starts_with("cloister: ok TPM "))
        .count();
    assert_eq!(passed, 15, "{lines:#?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("cloister: FAILED")),
        "{lines:#?}"
    );
    assert!(lines.contains(&"cloister: done".to_owned()), "{lines:#?}");
}

#[test]
fn kernel_without_a_vtpm_driver_tells_a_shorter_story() {
    let mut machine = Machine::boot("vmlinuz-6.12", "story", None);
    assert_eq!(
        machine.owner.receive(LIMIT).expect("a greeting"),
        sim_guest::owner::HELLO
    );
    machine.owner.send("quote 00 0").expect("a question");
    let answer = machine.owner.receive(LIMIT).expect("an answer");
    assert!(answer.starts_with("error "), "{answer}");
    assert_eq!(machine.owner.receive(LIMIT).expect("its end"), sim_guest::owner::END);
    machine.owner.send(sim_guest::owner::DONE).expect("the last line");
    let lines = machine.lines();
    assert!(
        lines.iter().any(|line| line.starts_with("cloister: skipped TPM")),
        "{lines:#?}"
    );
    assert!(lines.contains(&"cloister: done".to_owned()), "{lines:#?}");
}
