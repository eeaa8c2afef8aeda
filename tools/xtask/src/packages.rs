//! The Debian packages that a boot or a test needs: found, installed (as root), or named in one line.

use crate::{
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Result, bail};
use std::{process::Command, time::Duration};

/// A program and the package that brings it.
pub struct Tool {
    program: &'static str,
    package: &'static str,
}

/// The simulator's machine.
pub const QEMU: Tool = Tool {
    program: "qemu-system-x86_64",
    package: "qemu-system-x86",
};
/// The peer whose answers the conformance tests compare with.
pub const SWTPM: Tool = Tool {
    program: "swtpm",
    package: "swtpm",
};
/// The client whose tools talk to the development server.
pub const TPM2_TOOLS: Tool = Tool {
    program: "tpm2",
    package: "tpm2-tools",
};
/// What compiles libFuzzer.
pub const CXX: Tool = Tool {
    program: "c++",
    package: "g++",
};

/// What unpacks kernel modules and the kernel's source.
pub const XZ: Tool = Tool {
    program: "xz",
    package: "xz-utils",
};

/// The packages with the client programs that the tests run against the development server (`tests/tests/clients_*.rs`). Some bring no
/// program but a library, so they are looked for by name, and a distribution may lack some.
pub const CLIENTS: [&str; 15] = [
    "clevis",
    "clevis-tpm2",
    "cryptsetup-bin",
    "dbus",
    "libtpm2-pkcs11-1",
    "libtpm2-pkcs11-tools",
    "libtss2-tcti-tabrmd0",
    "opensc",
    "openssl",
    "python3-tpm2-pytss",
    "systemd",
    "tpm2-abrmd",
    "tpm2-openssl",
    "tpm2-tools",
    "tss2",
];

/// Makes sure that every one of `packages` is installed that the distribution has; says the others, in one line, and returns them.
pub fn ensure_packaged(workspace: &Workspace, packages: &[&'static str]) -> Result<Vec<&'static str>> {
    let wanting = |packages: &[&'static str]| -> Vec<&'static str> {
        packages.iter().copied().filter(|package| !installed(package)).collect()
    };
    let missing = wanting(packages);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    if may_install() {
        apt(workspace, "apt-get update", &["update"])?;
    }
    let (absent, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|package| !offered(package));
    if !missing.is_empty() {
        install(workspace, &missing)?;
    }
    if let Some(package) = wanting(&missing).first() {
        bail!("{package} is still missing after its installation");
    }
    if !absent.is_empty() {
        println!(
            "  this distribution has no package {}: tests that need it are skipped",
            absent.join(", ")
        );
    }
    Ok(absent)
}

/// Makes sure that every program of `tools` can be started.
pub fn ensure(workspace: &Workspace, tools: &[Tool]) -> Result<()> {
    let missing: Vec<&str> = tools
        .iter()
        .filter(|tool| !present(tool.program))
        .map(|tool| tool.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if may_install() {
        apt(workspace, "apt-get update", &["update"])?;
    }
    install(workspace, &missing)?;
    match tools.iter().find(|tool| !present(tool.program)) {
        Some(tool) => bail!(
            "{} is still missing after the installation of {}",
            tool.program,
            tool.package
        ),
        None => Ok(()),
    }
}

fn may_install() -> bool {
    output_of(Command::new("id").arg("-u")).as_deref() == Some("0") && present("apt-get")
}

/// Installs, or says in one line what to install.
fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    if !may_install() {
        bail!(
            "missing: {}. On Debian: sudo apt-get install --no-install-recommends {}",
            packages.join(", "),
            packages.join(" ")
        );
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(
        workspace,
        &format!("apt-get install {}", packages.join(" ")),
        &arguments,
    )
}

fn apt(workspace: &Workspace, title: &str, arguments: &[&str]) -> Result<()> {
    Step::new(&workspace.logs(), title, Duration::from_secs(900))?.run(
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Whether the package is installed.
fn installed(package: &str) -> bool {
    output_of(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package])).as_deref()
        == Some("installed")
}

/// Whether the distribution's archive has the package; without apt nobody can say that it has not.
fn offered(package: &str) -> bool {
    !present("apt-cache")
        || output_of(Command::new("apt-cache").args(["show", "--no-all-versions", package]))
            .is_some_and(|text| !text.is_empty())
}

fn present(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
