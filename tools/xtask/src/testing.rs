//! `cargo xtask test` and `cargo xtask check`: everything that must hold before a change lands.
//!
//! The tests run what a user runs, so the artefacts are built first and the tests are told where they are. Host programs and tests share
//! one cargo profile (`dev`, with optimised dependencies), because wasmtime is the most expensive thing here to compile.

use crate::{artefacts, packages, process::Step, toolchain::Toolchain, workspace::Workspace};
use anyhow::{Context, Result};
use std::{env, fs, path::PathBuf, process::Command, time::Duration};

const LIMIT: Duration = Duration::from_secs(3600);

/// Formatting, lints and documentation, warnings refused.
pub fn check(workspace: &Workspace) -> Result<()> {
    let step = |title: &str, command: &mut Command| Step::new(&workspace.logs(), title, LIMIT)?.run(command);
    step(
        "checking the format",
        cargo(workspace).args(["fmt", "--all", "--check"]),
    )?;
    step(
        "checking the lints",
        cargo(workspace).args([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    step(
        "checking the documentation",
        cargo(workspace)
            .args(["doc", "--locked", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Everything but [`check`]: set-up, build, tests. Host programs and tests are built in one go, so that they share every crate.
pub fn test(workspace: &Workspace) -> Result<()> {
    packages::ensure(workspace, &[packages::QEMU, packages::SWTPM, packages::TPM2_TOOLS])?;
    let toolchain = Toolchain::find(workspace)?;
    artefacts::build(workspace, &toolchain)?;
    artefacts::trapping_component(workspace, &toolchain)?;
    let mut command = cargo(workspace);
    command.args(["build", "--locked", "--workspace", "--bins", "--tests"]);
    Step::new(&workspace.logs(), "building host programs and tests", LIMIT)?.run(&mut command)?;
    place_server(workspace)?;
    let mut command = cargo(workspace);
    command
        .args(["test", "--locked", "--workspace", "--no-fail-fast"])
        .env("CLOISTER_ARTEFACTS", workspace.artefacts());
    Step::new(&workspace.logs(), "testing", LIMIT)?.run_loud(&mut command)
}

/// Builds the development server and puts it beside the other artefacts.
pub fn server(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo(workspace);
    command.args(["build", "--locked", "--package", "tpm_server"]);
    Step::new(&workspace.logs(), "building the development server", LIMIT)?.run(&mut command)?;
    place_server(workspace)
}

fn place_server(workspace: &Workspace) -> Result<PathBuf> {
    let built = workspace.host_target().join("debug/tpm_server");
    let path = workspace.artefacts().join("tpm_server");
    fs::create_dir_all(workspace.artefacts())?;
    // The old file may be running; a new one in its place does not disturb it.
    let partial = path.with_extension("new");
    fs::copy(&built, &partial).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&partial, &path)?;
    Ok(path)
}

fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    command
}
