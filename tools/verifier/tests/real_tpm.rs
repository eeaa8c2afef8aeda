//! The command line against a TPM that is not ours: swtpm, driven by tpm2-tools.
//!
//! Both endorsement key types and all three signing schemes: challenge, TPM2_ActivateCredential, quote, verdict. The report is made up and
//! vouches for swtpm's endorsement key. Where swtpm or tpm2-tools are not installed the tests fail; `cargo xtask test` installs them.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::*;
use verifier::Form;
use zerocopy::IntoBytes;

/// A running swtpm with its folder; ended when dropped.
struct Swtpm {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        if self.process.kill().is_ok() {
            self.process.wait().expect("ended");
        }
    }
}

impl Swtpm {
    fn start() -> Self {
        for program in ["swtpm", "tpm2_createek"] {
            let started = Command::new(program).arg("--version").output();
            assert!(started.is_ok(), "{program} is not installed: {started:?}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let state = format!("dir={}", folder.path().display());
        let server = format!("type=unixio,path={}/tpm", folder.path().display());
        let control = format!("type=unixio,path={}/tpm.ctrl", folder.path().display());
        let process = Command::new("swtpm")
            .args([
                "socket",
                "--tpm2",
                "--tpmstate",
                &state,
                "--server",
                &server,
                "--ctrl",
                &control,
            ])
            .args(["--flags", "not-need-init,startup-clear"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let swtpm = Swtpm { process, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !swtpm.path("tpm").exists() {
            assert!(Instant::now() < deadline, "swtpm opens no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        swtpm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("written")
    }

    /// Runs one of the tpm2-tools; what it leaves loaded is flushed, since no resource manager does it.
    fn tool(&self, line: &str) {
        self.run(line);
        self.run("tpm2_flushcontext -t");
    }

    /// Runs one program in the folder; fails the test with its words if it fails.
    fn run(&self, line: &str) {
        let mut words = line.split(' ');
        let output = Command::new(words.next().expect("a program"))
            .args(words)
            .current_dir(self.folder.path())
            .env("TPM2TOOLS_TCTI", format!("swtpm:path={}", self.path("tpm").display()))
            .output()
            .expect("installed");
        assert!(
            output.status.success(),
            "{line}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Runs the verifier's program in a folder: exit status and standard output.
fn cloister_verify(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cloister-verify"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("built");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code().expect("an exit status"), words)
}

/// Writes report, certificates and manifest that vouch for swtpm's endorsement key.
fn write_evidence(swtpm: &Swtpm, form: Form) {
    let endorsement_key = swtpm.read("ek.pub")[2..].to_vec();
    let manifest = match form {
        Form::VtpmV0 => endorsement_key,
        _ => [endorsement_key, SoftTpm::get().p256_srk()].concat(),
    };
    let report = signed(bound(&NONCE, &manifest), milan());
    let files: [(&str, &[u8]); 4] = [
        ("report.bin", report.as_bytes()),
        ("manifest.bin", &manifest),
        ("chain.pem", milan().pem().expect("PEM").as_bytes()),
        ("root.der", &milan().ark),
    ]
    .map(|(name, bytes)| (name, &*bytes.to_vec().leak()));
    for (name, bytes) in files {
        fs::write(swtpm.path(name), bytes).expect("written");
    }
}

/// The whole exchange for one endorsement key and one signing scheme.
fn exchange(ek: &str, ak: &str, scheme: &str) {
    let swtpm = Swtpm::start();
    let nonce = hex::encode(NONCE);
    swtpm.tool(&format!("tpm2_createek -c ek.ctx -G {ek} -u ek.pub"));
    swtpm.tool(&format!(
        "tpm2_createak -C ek.ctx -c ak.ctx -G {ak} -g sha256 -s {scheme} -u ak.pub -n ak.name"
    ));
    let keys = ["--endorsement-key", "ek.pub", "--attestation-key", "ak.pub"];
    let (status, words) = cloister_verify(
        swtpm.folder.path(),
        &[
            &["challenge"][..],
            &keys,
            &["--keep", "challenge.json", "--tpm2-tools", "credential.bin"],
        ]
        .concat(),
    );
    assert_eq!(status, 0, "{words}");
    swtpm.tool("tpm2_startauthsession --policy-session -S session.ctx");
    swtpm.tool("tpm2_policysecret -S session.ctx -c e");
    swtpm.tool("tpm2_activatecredential -c ak.ctx -C ek.ctx -i credential.bin -o secret.bin -P session:session.ctx");
    swtpm.tool("tpm2_flushcontext session.ctx");
    swtpm.tool("tpm2_pcrextend 16:sha256=00000000000000000000000000000000000000000000000000000000000000aa");
    swtpm.tool(&format!(
        "tpm2_quote -c ak.ctx -l sha256:0,16 -q {nonce} -m quote.bin -s signature.bin -g sha256 --scheme {scheme}"
    ));
    swtpm.tool("tpm2_pcrread sha256:0,16 -o pcrs.bin");
    let form = if ek == "rsa" { Form::VtpmV0 } else { Form::CloisterV1 };
    write_evidence(&swtpm, form);

    let pcrs = swtpm.read("pcrs.bin");
    let values = [
        format!("sha256:0={}", hex::encode(&pcrs[..32])),
        format!("sha256:16={}", hex::encode(&pcrs[32..])),
    ];
    let measurement = hex::encode(MEASUREMENT);
    let question = [
        "--report",
        "report.bin",
        "--certificates",
        "chain.pem",
        "--form",
        form.name(),
        "--manifest",
        "manifest.bin",
        "--measurement",
        &measurement,
        "--trust-root",
        "root.der",
        "--quote",
        "quote.bin",
        "--signature",
        "signature.bin",
        "--attestation-key",
        "ak.pub",
        "--challenge",
        "challenge.json",
        "--secret",
        "@secret.bin",
        "--pcr",
        &values[0],
        "--pcr",
        &values[1],
    ];
    let (status, words) = cloister_verify(swtpm.folder.path(), &[&question[..], &["--nonce", &nonce]].concat());
    assert!(
        status == 0 && words.trim_end().ends_with("\nTRUSTED"),
        "{ek} {ak} {scheme}: {status}\n{words}"
    );

    let other_nonce = hex::encode([0u8; 64]);
    let (status, words) = cloister_verify(
        swtpm.folder.path(),
        &[&question[..], &["--nonce", &other_nonce, "--json"]].concat(),
    );
    assert_eq!(status, 1, "{words}");
    let json: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    assert_eq!(json["trusted"], false);
    let failed: Vec<_> = json["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["outcome"] == "failed")
        .collect();
    let subjects: Vec<_> = failed
        .iter()
        .map(|check| check["subject"].as_str().expect("a name"))
        .collect();
    assert!(
        subjects.contains(&"report-data") && subjects.contains(&"quote"),
        "{subjects:?}"
    );
}

#[test]
fn swtpm_with_rsa_keys_is_trusted() {
    exchange("rsa", "rsa", "rsassa");
}

#[test]
fn swtpm_with_a_pss_key_is_trusted() {
    exchange("rsa", "rsa", "rsapss");
}

#[test]
fn swtpm_with_p256_keys_is_trusted() {
    exchange("ecc", "ecc", "ecdsa");
}

#[test]
fn question_that_cannot_be_read_ends_with_status_two() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["--report", "nowhere"][..], &["nonsense"], &[], &["challenge"]] {
        let (status, words) = cloister_verify(folder.path(), arguments);
        assert!(status == 2 && !words.is_empty(), "{arguments:?}: {status} {words}");
    }
    let (status, words) = cloister_verify(folder.path(), &["--help"]);
    assert!(status == 0 && words.contains("--measurement"), "{words}");
}
