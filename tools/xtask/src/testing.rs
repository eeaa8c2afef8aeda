//! `cargo xtask test` and `cargo xtask check`: everything that must hold before a change lands.
//!
//! The tests run what a user runs, so the artefacts are built first and the tests are told where they are. Host programs and tests share
//! one cargo profile (`dev`, which optimises little but what computes much), because wasmtime is the most expensive thing here to compile.

use crate::{artefacts, fuzz, linux, packages, process::Step, toolchain::Toolchain, workspace::Workspace};
use anyhow::{Context, Result, ensure};
use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(3600);
/// Random commands of a long run.
const LONG_RUN: &str = "100000";

/// The features of the engine, each an algorithm that few ask for.
const ALGORITHMS: &str = "bn256,camellia,sha3,sm2,tdes";

/// Seconds for each fuzz target in a long run.
const FUZZING: u32 = 75;

/// Formatting, lints and documentation, warnings refused.
pub fn check(workspace: &Workspace) -> Result<()> {
    let step = |title: &str, command: &mut Command| Step::new(&workspace.logs(), title, LIMIT)?.run(command);
    step(
        "checking the format",
        cargo(workspace).args(["fmt", "--all", "--check"]),
    )?;
    let lints = |title: &str, of: &[&str]| {
        let mut command = cargo(workspace);
        command.args(["clippy", "--locked", "--all-targets"]).args(of);
        step(title, command.args(["--", "-D", "warnings"]))
    };
    lints("checking the lints", &["--workspace"])?;
    lints(
        "checking the lints of the engine and its tests with all features",
        &[
            "--package",
            "tpm_engine",
            "--package",
            "cloister_tests",
            "--all-features",
        ],
    )?;
    step(
        "checking the documentation",
        cargo(workspace)
            .args(["doc", "--locked", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Everything but [`check`]: set-up, build, tests, and with `all` the tests' long forms. Host programs and tests are built in one go, so that they share every crate.
pub fn test(workspace: &Workspace, all: bool) -> Result<()> {
    // The fuzz targets are a workspace of their own, which nothing else here asks.
    let mut command = cargo(workspace);
    command.args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ]);
    Step::new(
        &workspace.logs(),
        "asking whether the fuzz targets' lock is up to date",
        LIMIT,
    )?
    .run(&mut command)?;
    packages::ensure(workspace, &[packages::QEMU, packages::SWTPM, packages::TPM2_TOOLS])?;
    let absent = packages::ensure_packaged(workspace, &packages::CLIENTS)?;
    // The artefacts end in one long optimisation each, which leaves a processor free for this.
    let mut command = cargo(workspace);
    command.args(["build", "--locked", "--workspace", "--bins", "--tests"]);
    let programs = Step::new(&workspace.logs(), "building host programs and tests", LIMIT)?.begin(&mut command)?;
    let toolchain = Toolchain::find(workspace)?;
    let elsewhere = Elsewhere::copy(workspace, &toolchain)?;
    let again = artefacts::begin_component(&elsewhere.workspace, &elsewhere.toolchain)?;
    artefacts::build(workspace, &toolchain)?;
    linux::ensure(workspace, false)?;
    again.finish()?;
    // Before the component is built with other features, which would have it linked once more.
    elsewhere.compare(workspace, &toolchain, &[Part::Component])?;
    artefacts::trapping_component(workspace, &toolchain)?;
    artefacts::template_component(workspace, &toolchain)?;
    programs.finish()?;
    place_server(workspace)?;
    let mut command = cargo(workspace);
    command
        .args(["test", "--locked", "--workspace", "--no-fail-fast"])
        .env("CLOISTER_ARTEFACTS", workspace.artefacts())
        .env("CLOISTER_ABSENT_PACKAGES", absent.join(" "));
    if all {
        command.env("CLOISTER_LONG", "1").env("CLOISTER_DIFFERENTIAL", LONG_RUN);
    }
    Step::new(&workspace.logs(), "testing", LIMIT)?.run_loud(&mut command)?;
    let mut command = cargo(workspace);
    command.args(["test", "--locked", "--package", "tpm_engine", "--all-features"]);
    Step::new(&workspace.logs(), "testing the engine with all features", LIMIT)?.run_loud(&mut command)?;
    if all {
        optional_algorithms(workspace, &toolchain)?;
        fuzz::run(workspace, &fuzz::FuzzArguments::all(FUZZING))?;
    }
    Ok(())
}

/// Compares the engine with all its algorithms as well: with swtpm, which has most of them, and between the three ways to run it.
fn optional_algorithms(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    artefacts::featured_component(workspace, toolchain, ALGORITHMS)?;
    let mut command = cargo(workspace);
    command.args(["test", "--locked", "--package", "cloister_tests", "--no-fail-fast"]);
    command.args(["--features", "optional_algorithms"]);
    for test in [
        "differential",
        "engines_alike",
        "oracle_swtpm_ecc",
        "oracle_swtpm_symmetric",
    ] {
        command.args(["--test", test]);
    }
    command
        .env("CLOISTER_ARTEFACTS", workspace.artefacts())
        .env("CLOISTER_DIFFERENTIAL", LONG_RUN);
    Step::new(
        &workspace.logs(),
        "testing the algorithms that are there on demand",
        LIMIT,
    )?
    .run_loud(&mut command)
}

/// Builds the development server and puts it beside the other artefacts.
pub fn server(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = cargo(workspace);
    command.args(["build", "--locked", "--package", "tpm_server"]);
    Step::new(&workspace.logs(), "building the development server", LIMIT)?.run(&mut command)?;
    place_server(workspace)
}

/// Builds the programs that try components, optimised, because one prints times; says the folder in which they are.
pub fn component_trial(workspace: &Workspace) -> Result<PathBuf> {
    release(workspace, "component_trial", "building what tries the component")
}

/// Builds a package with a program of its name, optimised; says where the program is.
pub fn optimised(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    Ok(release(workspace, package, &format!("building {package}, optimised"))?.join(package))
}

fn release(workspace: &Workspace, package: &str, title: &str) -> Result<PathBuf> {
    let mut command = cargo(workspace);
    command.args(["build", "--locked", "--release", "--package", package]);
    Step::new(&workspace.logs(), title, LIMIT)?.run(&mut command)?;
    Ok(workspace.host_target().join("release"))
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

/// What can be built twice.
#[derive(Clone, Copy)]
pub enum Part {
    /// The TPM component, which the tests build twice.
    Component,
    /// The firmware, which takes longer.
    Firmware,
}

/// Builds parts a second time, from a copy of the sources in a folder of another name, and compares the bytes.
pub fn reproduce(workspace: &Workspace, toolchain: &Toolchain, parts: &[Part]) -> Result<()> {
    Elsewhere::copy(workspace, toolchain)?.compare(workspace, toolchain, parts)
}

/// A copy of the sources in a folder of another name.
struct Elsewhere {
    workspace: Workspace,
    toolchain: Toolchain,
}

impl Elsewhere {
    /// Copies what git knows of, and the library's source.
    fn copy(workspace: &Workspace, toolchain: &Toolchain) -> Result<Self> {
        let root = workspace.cache().join("a second checkout");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let listed = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(workspace.root())
            .output()?;
        ensure!(listed.status.success(), "git does not list the sources");
        for name in listed.stdout.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
            let name = Path::new(OsStr::from_bytes(name));
            let to = root.join(name);
            fs::create_dir_all(to.parent().context("a file without a folder")?)?;
            fs::copy(workspace.root().join(name), to).with_context(|| format!("cannot copy {}", name.display()))?;
        }
        let workspace = Workspace::at(&root);
        let toolchain = toolchain.copied_to(&workspace)?;
        Ok(Self { workspace, toolchain })
    }

    /// Builds parts here and there, compares the bytes, and removes the copy.
    fn compare(self, workspace: &Workspace, toolchain: &Toolchain, parts: &[Part]) -> Result<()> {
        for part in parts {
            let build = match part {
                Part::Component => artefacts::component,
                Part::Firmware => artefacts::firmware,
            };
            let first = build(workspace, toolchain)?;
            let again = build(&self.workspace, &self.toolchain)?;
            ensure!(
                fs::read(&first)? == fs::read(&again)?,
                "{} and {} come from the same sources and {}, and differ",
                first.display(),
                again.display(),
                toolchain.version
            );
            println!(
                "  built in two folders, the same to the byte: {} ({})",
                first.display(),
                toolchain.version
            );
        }
        fs::remove_dir_all(self.workspace.root())?;
        Ok(())
    }
}
