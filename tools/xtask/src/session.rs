//! What `cargo xtask run` boots: Linux, unless the bare-metal guest is asked for; and work inside it (`--script`, `--shell`).
//!
//! The mode of the guest is a word of its command line, so it is measured: an image that tells its story cannot be made to open a shell. What a
//! script or a shell sends back is the guest's, through the hypervisor's hands; it is shown and trusted for nothing.

use crate::{
    image::ImageArguments,
    linux::{self, Kit},
    process,
    run::{self, Tamper, TpmProof, Watching},
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use clap::Args;
use sim_boot::session;
use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Longest use of a shell.
const SHELL_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What to boot as the guest, and what to do with it.
#[derive(Args)]
pub struct SessionArguments {
    /// Boot the bare-metal guest of this project, which takes seconds, instead of Linux.
    #[arg(long, conflicts_with_all = ["kernel", "initrd", "linux", "script", "shell"])]
    bare: bool,
    /// Boot Debian's Linux of this series, 6.12 or 7 (the default), with an initial file system that tells its story.
    #[arg(long, value_name = "SERIES", num_args = 0..=1, default_missing_value = "7", conflicts_with = "guest")]
    linux: Option<String>,
    /// Run a shell script inside Linux and exit with its status.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "tamper"])]
    script: Option<PathBuf>,
    /// Open a shell inside Linux; Ctrl-] leaves it.
    #[arg(long, conflicts_with_all = ["guest", "tamper", "script"])]
    shell: bool,
}

/// Boots, and does what was asked for.
pub fn run(
    workspace: &Workspace,
    mut image: ImageArguments,
    session: &SessionArguments,
    tamper: Option<Tamper>,
    watching: Watching,
) -> Result<ExitCode> {
    if session.bare || image.guest.is_some() {
        return Ok(code(run::run(workspace, &image, tamper, watching, TpmProof::Demanded)?));
    }
    let kit = linux::ensure(workspace, false).context("no Linux guest (`cargo xtask run --bare` does without)")?;
    let mode = match (&session.script, session.shell) {
        (Some(_), _) => "script",
        (None, true) => "shell",
        (None, false) => "story",
    };
    let proof = choose(&mut image, &kit, session.linux.as_deref(), mode)?;
    match &session.script {
        Some(file) => script(workspace, &image, file, watching),
        None if session.shell => shell(workspace, &image, watching),
        None => Ok(code(run::run(workspace, &image, tamper, watching, proof)?)),
    }
}

/// Fills in the kit's kernel and initial file system where the user named none, and the mode. Says whether this kernel can speak to the TPM.
fn choose(image: &mut ImageArguments, kit: &Kit, series: Option<&str>, mode: &str) -> Result<TpmProof> {
    let mut proof = TpmProof::Demanded;
    if image.kernel.is_none() {
        let (series, kernel) = kit.kernel(series)?;
        image.kernel = Some(kernel.clone());
        image.no_secure_tsc |= !series.secure_tsc;
        if !series.vtpm {
            proof = TpmProof::Impossible;
        }
    }
    if image.initrd.is_none() {
        image.initrd = Some(kit.initramfs.clone());
    }
    // Every character of the kernel's log is an exit to the hypervisor; the guest repeats the lines that matter.
    let words = format!("quiet cloister.mode={mode}");
    image.append = Some(match &image.append {
        Some(text) => format!("{words} {text}"),
        None => words,
    });
    Ok(proof)
}

fn script(workspace: &Workspace, image: &ImageArguments, file: &Path, watching: Watching) -> Result<ExitCode> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let prepared = run::prepare(workspace, image, watching)?;
    let mut running = prepared.machine.start()?;
    let limit = prepared.machine.limit;
    let outcome = session::script(running.owner(), &text, &mut io::stdout(), limit);
    let ended = run::finish(workspace, &mut running, outcome)?;
    let status = ended.with_context(|| {
        format!(
            "the script gave no status; the log is {}",
            run::log(workspace).display()
        )
    })?;
    println!("SCRIPT: {} ended with status {status}", file.display());
    Ok(ExitCode::from(status))
}

fn shell(workspace: &Workspace, image: &ImageArguments, watching: Watching) -> Result<ExitCode> {
    ensure!(
        io::stdin().is_terminal() || io::stdout().is_terminal(),
        "--shell wants a terminal; --script runs a file"
    );
    let mut prepared = run::prepare(workspace, image, watching)?;
    prepared.machine.limit = SHELL_LIMIT;
    let mut running = prepared.machine.start()?;
    println!("Linux boots; Ctrl-] leaves its shell and ends the machine");
    session::shell(running.owner(), SHELL_LIMIT, &process::interrupted)?;
    println!();
    Ok(ExitCode::SUCCESS)
}

fn code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
