//! The command line: files and hexadecimal in, a verdict out.
//!
//! `cloister-verify` and `cargo xtask verify` are this module. Exit status: 0 for TRUSTED, 1 for NOT TRUSTED, 2 when the question itself
//! could not be read. Byte strings are given in hexadecimal, or as `@FILE` with the raw bytes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, Parser};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    AttestedLog, BootExpectations, Challenge, Digests, Evidence, Expectations, Form, HashAlg, KeyProof, PcrValue,
    PolicyDemands, Tcb, TpmtPublic, TrustRoots,
};

const NOT_TRUSTED: u8 = 1;
const UNREADABLE: u8 = 2;
/// First bytes of a credential file of tpm2-tools: magic and version.
const TPM2_TOOLS_HEADER: [u8; 8] = [0xBA, 0xDC, 0xC0, 0xDE, 0, 0, 0, 1];

/// The word in front of the options that asks for a challenge instead of a verdict.
const CHALLENGE: &str = "challenge";

/// Makes a credential that only the TPM with an endorsement key and an attestation key can open.
#[derive(Debug, Parser)]
#[command(name = "cloister-verify challenge")]
struct ChallengeFiles {
    /// The endorsement key's public area (TPMT_PUBLIC or TPM2B_PUBLIC).
    #[arg(long)]
    endorsement_key: PathBuf,
    /// The attestation key's public area (TPMT_PUBLIC or TPM2B_PUBLIC).
    #[arg(long)]
    attestation_key: PathBuf,
    /// Where to keep the challenge with its secret until the answer comes: a new file. Goes to nobody.
    #[arg(long)]
    keep: PathBuf,
    /// Where to write the TPM2B_ID_OBJECT for the guest.
    #[arg(long)]
    blob: Option<PathBuf>,
    /// Where to write the TPM2B_ENCRYPTED_SECRET for the guest.
    #[arg(long)]
    encrypted_secret: Option<PathBuf>,
    /// Where to write both as a file for tpm2_activatecredential.
    #[arg(long)]
    tpm2_tools: Option<PathBuf>,
}

/// Judges a report and what comes with it: exit status 0 for TRUSTED, 1 for NOT TRUSTED, 2 for a question that cannot be read.
#[derive(Debug, Parser)]
#[command(
    name = "cloister-verify",
    after_help = "`cloister-verify challenge` makes the credential for an attestation key; see `cloister-verify challenge --help`."
)]
struct Question {
    /// The attestation report.
    #[arg(long)]
    report: PathBuf,
    /// Certificates: PEM, DER, or the table of an extended guest request. May be given several times.
    #[arg(long, required = true)]
    certificates: Vec<PathBuf>,
    /// What was asked for: vtpm-v0, cloister-v0, cloister-v1, cloister-v2 (the event log of the measured boot), cloister-v3 or boot-identity.
    #[arg(long)]
    form: String,
    /// The manifest; for boot-identity the TPMT_PUBLICs of P-256 EK and P-256 SRK.
    #[arg(long)]
    manifest: PathBuf,
    /// The nonce that was sent.
    #[arg(long, value_name = "HEX|@FILE", default_value = "")]
    nonce: String,
    /// An acceptable launch measurement. May be given several times.
    #[arg(long, required = true, value_name = "HEX|@FILE")]
    measurement: Vec<String>,
    /// SHA-256 of the TPM component that must run.
    #[arg(long, value_name = "HEX|@FILE")]
    component_hash: Option<String>,
    /// The TPM component that must run: its file.
    #[arg(long, value_name = "FILE", conflicts_with = "component_hash")]
    expect_component: Option<PathBuf>,
    /// Trust this root certificate instead of AMD's.
    #[arg(long)]
    trust_root: Option<PathBuf>,
    /// Lowest TCB, such as bootloader=3,tee=0,snp=8,microcode=115.
    #[arg(long)]
    minimum_tcb: Option<String>,
    /// Policy bits that must be set, hexadecimal.
    #[arg(long, default_value = "0", value_name = "HEX")]
    policy_must: String,
    /// Policy bits that must be clear, hexadecimal.
    #[arg(long, default_value = "0", value_name = "HEX")]
    policy_must_not: String,
    /// Lowest firmware ABI version that the policy may demand, such as 1.51.
    #[arg(long, default_value = "0.0")]
    minimum_abi: String,
    /// HOST_DATA that the launch must have had.
    #[arg(long, value_name = "HEX|@FILE")]
    host_data: Option<String>,
    /// Accept keys that were replaced since power-on by the TPM's owner.
    #[arg(long)]
    accept_replaced_keys: bool,
    /// The TPM's clock must not be the hypervisor's to scale (cloister-v3 says which it is).
    #[arg(long)]
    require_secure_clock: bool,
    /// Time at which certificates must be valid, in seconds since 1970; now, if absent.
    #[arg(long)]
    at: Option<u64>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    boot: BootFiles,
    #[command(flatten)]
    proof: ProofFiles,
}

#[derive(Debug, Args)]
struct BootFiles {
    /// The event log (manifest version 2 of our service) beside a form that names keys.
    #[arg(long, requires = "event_log_report")]
    event_log: Option<PathBuf>,
    /// The report over the event log.
    #[arg(long, requires = "event_log")]
    event_log_report: Option<PathBuf>,
    /// The nonce that was sent for the event log, if it was not the other one.
    #[arg(long, requires = "event_log", value_name = "HEX|@FILE")]
    event_log_nonce: Option<String>,
    /// The kernel that the event log must name: the bytes that are measured, for Linux the bzImage.
    #[arg(long, value_name = "FILE")]
    expect_kernel: Option<PathBuf>,
    /// The initial file system that the event log must name.
    #[arg(long, value_name = "FILE")]
    expect_initrd: Option<PathBuf>,
    /// The command line that the event log must name; empty for none.
    #[arg(long, value_name = "TEXT")]
    expect_command_line: Option<String>,
}

#[derive(Debug, Args)]
struct ProofFiles {
    /// The quote (TPMS_ATTEST or TPM2B_ATTEST contents as tpm2_quote writes them).
    #[arg(long, requires_all = ["signature", "attestation_key", "challenge", "secret"])]
    quote: Option<PathBuf>,
    /// The quote's TPMT_SIGNATURE.
    #[arg(long, requires = "quote")]
    signature: Option<PathBuf>,
    /// The attestation key's public area (TPMT_PUBLIC or TPM2B_PUBLIC).
    #[arg(long, requires = "quote")]
    attestation_key: Option<PathBuf>,
    /// The challenge that was kept.
    #[arg(long, requires = "quote")]
    challenge: Option<PathBuf>,
    /// The secret that came back.
    #[arg(long, requires = "quote", value_name = "HEX|@FILE")]
    secret: Option<String>,
    /// Qualifying data of the quote, if it was not the nonce.
    #[arg(long, requires = "quote", value_name = "HEX|@FILE")]
    qualifying_data: Option<String>,
    /// PCR values sent with the quote: lines of BANK:INDEX=HEX. Without it, the expected ones are taken.
    #[arg(long, requires = "quote")]
    pcr_values: Option<PathBuf>,
    /// An expected PCR value, such as sha256:16=HEX. May be given several times.
    #[arg(long, value_name = "BANK:INDEX=HEX")]
    pcr: Vec<String>,
}

/// Runs the command line, program name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|word| word == CHALLENGE) {
        arguments.remove(1);
        parsed(arguments, |files: ChallengeFiles| challenge(&files).map(|()| true))
    } else {
        parsed(arguments, |question: Question| answer(&question))
    }
}

/// Reads the options and runs what they ask for.
fn parsed<T: Parser>(arguments: Vec<OsString>, run: impl FnOnce(T) -> Result<bool>) -> ExitCode {
    match T::try_parse_from(arguments).map(run) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(NOT_TRUSTED),
        Ok(Err(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(UNREADABLE)
        }
        Err(error) => {
            // Clap knows by itself which of help and errors goes where.
            let printed = error.print();
            ExitCode::from(if error.use_stderr() || printed.is_err() {
                UNREADABLE
            } else {
                0
            })
        }
    }
}

fn challenge(files: &ChallengeFiles) -> Result<()> {
    ensure!(
        files.tpm2_tools.is_some() || (files.blob.is_some() && files.encrypted_secret.is_some()),
        "give --tpm2-tools, or --blob and --encrypted-secret, for the guest's part"
    );
    let endorsement_key = public_area(&files.endorsement_key)?;
    let attestation_key = public_area(&files.attestation_key)?;
    let (challenge, credential) = Challenge::new(&endorsement_key, &attestation_key)?;
    let kept = Zeroizing::new(serde_json::to_vec_pretty(&challenge)?);
    write_secret(&files.keep, &kept)?;
    if let Some(path) = &files.blob {
        write(path, &credential.blob)?;
    }
    if let Some(path) = &files.encrypted_secret {
        write(path, &credential.encrypted_secret)?;
    }
    if let Some(path) = &files.tpm2_tools {
        write(
            path,
            &[
                &TPM2_TOOLS_HEADER,
                credential.blob.as_slice(),
                &credential.encrypted_secret,
            ]
            .concat(),
        )?;
    }
    Ok(())
}

/// Makes the verification and prints it; whether the evidence is trusted.
fn answer(question: &Question) -> Result<bool> {
    let expected_pcrs = question
        .proof
        .pcr
        .iter()
        .map(|text| pcr_value(text))
        .collect::<Result<Vec<_>>>()?;
    let nonce = bytes(&question.nonce).context("--nonce")?;
    let evidence = Evidence {
        report: read(&question.report)?,
        certificates: question
            .certificates
            .iter()
            .map(|path| read(path))
            .collect::<Result<_>>()?,
        form: question.form.parse::<Form>()?,
        manifest: read(&question.manifest)?,
        key_proof: question.proof.read(&nonce, &expected_pcrs)?,
        event_log: question.boot.log(&nonce)?,
        nonce,
    };
    let measurements = question
        .measurement
        .iter()
        .map(|text| fixed(text).context("--measurement"));
    let expected = Expectations {
        roots: match &question.trust_root {
            Some(path) => TrustRoots::only(&read(path)?).with_context(|| format!("{}", path.display()))?,
            None => TrustRoots::Amd,
        },
        now: question
            .at
            .map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
        measurements: measurements.collect::<Result<_>>()?,
        component: question.component()?,
        minimum_tcb: question
            .minimum_tcb
            .as_deref()
            .map(tcb)
            .transpose()
            .context("--minimum-tcb")?,
        policy: PolicyDemands {
            must: u64::from_str_radix(question.policy_must.trim_start_matches("0x"), 16).context("--policy-must")?,
            must_not: u64::from_str_radix(question.policy_must_not.trim_start_matches("0x"), 16)
                .context("--policy-must-not")?,
            minimum_abi: abi(&question.minimum_abi).context("--minimum-abi")?,
        },
        host_data: question
            .host_data
            .as_deref()
            .map(fixed)
            .transpose()
            .context("--host-data")?,
        pcrs: expected_pcrs,
        boot: question.boot.expectations()?,
        accept_replaced_keys: question.accept_replaced_keys,
        secure_clock: question.require_secure_clock,
    };
    let verdict = crate::verify(&evidence, &expected);
    if question.json {
        println!("{}", serde_json::to_string_pretty(&verdict.to_json())?);
    } else {
        if let Some(log) = &verdict.event_log {
            println!("{log}");
        }
        println!("{verdict}");
    }
    Ok(verdict.is_trusted())
}

impl Question {
    /// SHA-256 of the component that must run.
    fn component(&self) -> Result<Option<[u8; 32]>> {
        if let Some(path) = &self.expect_component {
            return Ok(Some(Sha256::digest(read(path)?).into()));
        }
        let hash = self.component_hash.as_deref().map(fixed).transpose();
        hash.context("--component-hash")
    }
}

impl BootFiles {
    /// The event log beside another form. Clap sees to it that it comes with its report.
    fn log(&self, nonce: &[u8]) -> Result<Option<AttestedLog>> {
        let Some(log) = &self.event_log else { return Ok(None) };
        let report = self
            .event_log_report
            .as_deref()
            .context("--event-log-report is missing")?;
        Ok(Some(AttestedLog {
            report: read(report)?,
            log: read(log)?,
            nonce: match &self.event_log_nonce {
                Some(text) => bytes(text).context("--event-log-nonce")?,
                None => nonce.to_vec(),
            },
        }))
    }

    fn expectations(&self) -> Result<BootExpectations> {
        let digests = |path: &Option<PathBuf>| -> Result<Option<Digests>> {
            path.as_deref().map(|path| Ok(Digests::of(&read(path)?))).transpose()
        };
        Ok(BootExpectations {
            kernel: digests(&self.expect_kernel)?,
            initrd: digests(&self.expect_initrd)?,
            command_line: self.expect_command_line.clone(),
        })
    }
}

impl ProofFiles {
    /// The proof, if there is one. Clap sees to it that a quote comes with its other parts.
    fn read(&self, nonce: &[u8], expected: &[PcrValue]) -> Result<Option<KeyProof>> {
        let Some(quote) = &self.quote else { return Ok(None) };
        let path = |path: &Option<PathBuf>, name: &str| path.clone().with_context(|| format!("{name} is missing"));
        let challenge = path(&self.challenge, "--challenge")?;
        let pcrs = match &self.pcr_values {
            Some(path) => {
                let text = String::from_utf8(read(path)?).with_context(|| format!("{}", path.display()))?;
                text.lines().map(|line| pcr_value(line.trim())).collect::<Result<_>>()?
            }
            None => expected.to_vec(),
        };
        Ok(Some(KeyProof {
            challenge: serde_json::from_slice(&read(&challenge)?)
                .with_context(|| format!("{}", challenge.display()))?,
            returned_secret: bytes(self.secret.as_deref().context("--secret is missing")?).context("--secret")?,
            attestation_key: public_area(&path(&self.attestation_key, "--attestation-key")?)?
                .as_bytes()
                .to_vec(),
            attest: read(quote)?,
            signature: read(&path(&self.signature, "--signature")?)?,
            qualifying_data: match &self.qualifying_data {
                Some(text) => bytes(text).context("--qualifying-data")?,
                None => nonce.to_vec(),
            },
            pcrs,
        }))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// Writes a new file that only its owner may read. One that is there already, or a link, is left alone: others may be able to read it.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("writing {}, which must be a new file", path.display()))?;
    file.write_all(bytes)
        .with_context(|| format!("writing {}", path.display()))
}

/// A public area with or without the size field that tpm2-tools puts in front.
fn public_area(path: &Path) -> Result<TpmtPublic> {
    let bytes = read(path)?;
    let sized = bytes
        .split_first_chunk::<2>()
        .is_some_and(|(size, rest)| usize::from(u16::from_be_bytes(*size)) == rest.len());
    if sized {
        TpmtPublic::parse_sized(&bytes)
    } else {
        TpmtPublic::parse(&bytes)
    }
    .with_context(|| format!("{}", path.display()))
}

/// Hexadecimal, or `@FILE`.
fn bytes(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix('@') {
        Some(path) => read(Path::new(path)),
        None => Ok(hex::decode(text)?),
    }
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N]> {
    let bytes = bytes(text)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| anyhow!("{length} bytes instead of {N}"))
}

fn pcr_value(text: &str) -> Result<PcrValue> {
    let parts = text
        .split_once(':')
        .and_then(|(bank, rest)| Some((bank, rest.split_once('=')?)));
    let (bank, (index, digest)) = parts.with_context(|| format!("'{text}' is not BANK:INDEX=HEX"))?;
    let bank = HashAlg::from_name(bank)?;
    let digest = hex::decode(digest).with_context(|| format!("the value of {text}"))?;
    ensure!(
        digest.len() == bank.size(),
        "the value of '{text}' has {} bytes",
        digest.len()
    );
    Ok(PcrValue {
        bank,
        index: index.parse().with_context(|| format!("the index of '{text}'"))?,
        digest,
    })
}

fn tcb(text: &str) -> Result<Tcb> {
    let mut tcb = Tcb::default();
    for part in text.split(',') {
        let (name, value) = part
            .split_once('=')
            .with_context(|| format!("'{part}' is not NAME=NUMBER"))?;
        let value = value.parse().with_context(|| format!("the number in '{part}'"))?;
        match name {
            "fmc" => tcb.fmc = value,
            "bootloader" => tcb.bootloader = value,
            "tee" => tcb.tee = value,
            "snp" => tcb.snp = value,
            "microcode" => tcb.microcode = value,
            _ => bail!("'{name}' is no component of a TCB"),
        }
    }
    Ok(tcb)
}

fn abi(text: &str) -> Result<(u8, u8)> {
    let (major, minor) = text.split_once('.').context("not MAJOR.MINOR")?;
    Ok((major.parse()?, minor.parse()?))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn secret_goes_to_a_new_file_of_its_owners_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let new = folder.path().join("new");
        write_secret(&new, b"secret").expect("written");
        assert_eq!(fs::read(&new).expect("there"), b"secret");
        let mode = fs::metadata(&new).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn secret_goes_neither_into_an_existing_file_nor_through_a_link() {
        let folder = tempfile::tempdir().expect("folder");
        let wide = folder.path().join("wide");
        fs::write(&wide, b"before").expect("written");
        fs::set_permissions(&wide, fs::Permissions::from_mode(0o644)).expect("changed");
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).expect("linked");
        for path in [&wide, &link] {
            write_secret(path, b"secret").expect_err("refused");
        }
        assert_eq!(fs::read(&wide).expect("there"), b"before");
        assert!(!folder.path().join("elsewhere").exists());
    }
}
