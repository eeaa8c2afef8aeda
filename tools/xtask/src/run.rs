//! `cargo xtask run`: one boot of the firmware as an SNP guest on the simulated platform, told as a story, with a verdict at its end.
//!
//! The program plays the guest's owner: it predicts the measurement from the image, gives the guest a fresh nonce, challenges its TPM, and has
//! the verifier judge what comes back. With `--tamper` something on the way is changed, and the verdict must notice.

use crate::{
    image::{self, ImageArguments},
    packages, samples,
    toolchain::Toolchain,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sim_boot::{
    End, Origin, Prepared, Running,
    owner::{self, EndorsementKey, Interference},
};
use std::{fs, path::PathBuf};
use svsm_proto::manifest::CloisterManifest;
use verifier::{Evidence, Outcome, verify};

/// What the simulator shows besides its log.
#[derive(Args, Clone, Copy)]
pub struct Watching {
    /// Show the simulator's trace of events.
    #[arg(long)]
    pub trace: bool,
    /// Show at the end where the time went: exits by kind, milliseconds at each VMPL, shares of VMPL0's time.
    #[arg(long)]
    pub profile: bool,
}

/// What is tampered with, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tamper {
    /// The hypervisor changes a byte of the TPM component before it is launched.
    Component,
    /// The hypervisor changes a byte of the guest before it is launched.
    Guest,
    /// The owner's nonce is changed on its way to the guest.
    Nonce,
    /// The report is changed on its way to the owner.
    Report,
    /// The event log is changed on its way to the owner.
    EventLog,
}

/// Whether the guest has to prove that it speaks to the reported TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TpmProof {
    /// Credential, attestation key and quote are part of the verdict.
    Demanded,
    /// The guest's kernel has no driver for the TPM: the verdict rests on the reports, and nothing is said about PCRs.
    Impossible,
}

/// Boots and judges; true when the verdict is TRUSTED.
pub fn run(
    workspace: &Workspace,
    arguments: &ImageArguments,
    tamper: Option<Tamper>,
    watching: Watching,
    proof: TpmProof,
) -> Result<bool> {
    let mut prepared = prepare(workspace, arguments, watching)?;
    if let Some(option) = launch_tampering(&prepared, tamper)? {
        println!("tampering  the hypervisor changes a byte before launch ({option})");
        prepared.machine.options.push(option);
    }
    let mut running = prepared.machine.start()?;
    let outcome = converse(&mut running, tamper, proof);
    let evidence = finish(workspace, &mut running, outcome)?;
    if watching.profile {
        samples::print(running.history().iter(), &workspace.artefacts().join("svsm.elf"))?;
    }
    let Some(evidence) = evidence else {
        println!(
            "VERDICT: NOT TRUSTED: the machine gave no evidence; its log is {}",
            log(workspace).display()
        );
        return Ok(false);
    };
    let passed = arguments.kernel.is_none() || story_passed(&running);
    Ok(judge(&prepared, &evidence, proof)? && passed)
}

/// Builds what is booted, and says what it must measure.
pub fn prepare(workspace: &Workspace, arguments: &ImageArguments, watching: Watching) -> Result<Prepared> {
    packages::ensure(workspace, &[packages::QEMU])?;
    let toolchain = Toolchain::find(workspace)?;
    let mut scenario = arguments.scenario(workspace, &toolchain)?;
    if watching.trace {
        scenario.options.push("trace=1".into());
    }
    if watching.profile {
        scenario.options.push("profile=1".into());
    }
    let file = workspace.artefacts().join("cloister.igvm");
    let prepared = scenario.prepare(&file)?;
    image::record(&scenario, &file)?;
    println!("image      {} ({} bytes)", file.display(), prepared.image.file.len());
    println!("predicted  {}", hex(&prepared.measurement));
    Ok(prepared)
}

/// Where the log of a boot goes.
pub fn log(workspace: &Workspace) -> PathBuf {
    workspace.logs().join("boot.log")
}

/// True when the guest's own checks all passed, which Linux says on its console (tools/xtask/linux-guest).
fn story_passed(running: &Running) -> bool {
    let said = |text: &str| {
        let lines = running.history().iter();
        lines
            .filter(|line| line.origin == Origin::Guest && line.text.starts_with(text))
            .count()
    };
    let failed = said("cloister: FAILED");
    if failed > 0 {
        println!("STORY: {failed} of the guest's checks failed");
    } else if said("cloister: done") == 0 {
        println!("STORY: the guest did not come to its end");
    } else {
        println!("STORY: all {} checks of the guest passed", said("cloister: ok"));
        return true;
    }
    false
}

/// The simulator's option that makes its hypervisor change one byte, for the tamperings that happen before launch.
fn launch_tampering(prepared: &Prepared, tamper: Option<Tamper>) -> Result<Option<String>> {
    let info = &prepared.image.layout.info;
    Ok(match tamper {
        // The last byte belongs to a custom section, so that the component would still work.
        Some(Tamper::Component) => Some(info.component_gpa + info.component_len - 1),
        // A word that the bare-metal guest says, or the first place of a word of Linux's command line: both live on with it.
        Some(Tamper::Guest) => Some(
            prepared
                .find_in_guest(b"guest ends")
                .or_else(|| Some(prepared.find_in_guest(b"audit=0 panic")? + 6))
                .context("this guest has no text that could be changed")?,
        ),
        Some(Tamper::Nonce | Tamper::Report | Tamper::EventLog) | None => None,
    }
    .map(|gpa| format!("tamper={gpa:#x}:1")))
}

/// Shows the log up to the point where the guest waits for its owner, then asks for the evidence.
fn converse(running: &mut Running, tamper: Option<Tamper>, proof: TpmProof) -> Result<Evidence> {
    loop {
        let line = running
            .next_line()?
            .context("the machine ended before its guest came to its owner")?;
        show(&line);
        if line.origin == Origin::Guest && line.text.contains("waiting for the owner") {
            break;
        }
    }
    println!(
        "provision  guest reached its owner {:.1} s after power-on",
        running.elapsed().as_secs_f32()
    );
    owner::meet(running)?;
    let interference = match tamper {
        Some(Tamper::Nonce) => Interference::Nonce,
        Some(Tamper::Report) => Interference::Report,
        Some(Tamper::EventLog) => Interference::EventLog,
        Some(Tamper::Component | Tamper::Guest) | None => Interference::None,
    };
    let prover = match proof {
        TpmProof::Demanded => Some(EndorsementKey::P256),
        TpmProof::Impossible => {
            println!("proof      none of the TPM: this kernel has no driver for it");
            None
        }
    };
    let evidence = owner::collect(running, prover, interference)?;
    owner::dismiss(running)?;
    Ok(evidence)
}

/// Shows the rest of the log, keeps it, and says how the machine ended. A boot that broke off gives nothing.
pub fn finish<T>(workspace: &Workspace, running: &mut Running, outcome: Result<T>) -> Result<Option<T>> {
    let log = log(workspace);
    let shown = running.history().len();
    if let Err(error) = &outcome {
        println!("broke off  {error:#}");
    }
    let end = if outcome.is_ok() {
        running.wait_end()
    } else {
        running.stop()
    };
    for line in &running.history()[shown..] {
        show(line);
    }
    let text: String = running.history().iter().map(|line| format!("{line}\n")).collect();
    fs::create_dir_all(log.parent().context("the log needs a folder")?)?;
    fs::write(&log, text)?;
    match (outcome, end?) {
        (Ok(given), End::PowerOff) => Ok(Some(given)),
        (Ok(_), end) => {
            println!("ended      {end:?} instead of power-off");
            Ok(None)
        }
        (Err(_), end) => {
            println!("ended      {end:?}");
            Ok(None)
        }
    }
}

fn show(line: &sim_boot::Line) {
    if !samples::is_sample(line)
        && matches!(
            line.origin,
            Origin::Svsm | Origin::Guest | Origin::Hardware | Origin::Hypervisor | Origin::Trace
        )
    {
        println!("    {line}");
    }
}

/// Prints every check with its reason, and the verdict.
fn judge(prepared: &Prepared, evidence: &Evidence, proof: TpmProof) -> Result<bool> {
    if let Some(measured) = evidence.report.get(0x90..0xC0) {
        let relation = if measured == prepared.measurement {
            "as predicted"
        } else {
            "NOT as predicted"
        };
        println!("measured   {} ({relation})", hex(measured));
    }
    if let Ok(manifest) = CloisterManifest::parse(&evidence.manifest)
        && let Some(identity) = manifest.boot_report.get(0x50..0x90)
    {
        println!("boot identity, from the report of power-on:");
        println!("    X of the P-256 endorsement key   {}", hex(&identity[..32]));
        println!("    X of the P-256 storage root key  {}", hex(&identity[32..]));
    }
    println!("the owner's nonce {}…", hex(&evidence.nonce[..16]));
    let mut expected = prepared.expectations()?;
    if proof == TpmProof::Impossible {
        expected.pcrs.clear();
    }
    let verdict = verify(evidence, &expected);
    if let Some(log) = &verdict.event_log {
        println!("measured boot, from the event log:");
        print!("{log}");
    }
    for check in &verdict.checks {
        let mark = match check.outcome {
            Outcome::Passed => "ok ",
            Outcome::Failed => "BAD",
            Outcome::NotAsked => " - ",
        };
        println!("    {mark} {}: {}", check.subject.words(), check.reason);
    }
    println!("VERDICT: {}", verdict.headline());
    Ok(verdict.is_trusted())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
