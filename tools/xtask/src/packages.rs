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

/// What unpacks kernel modules and the kernel's source.
pub const XZ: Tool = Tool {
    program: "xz",
    package: "xz-utils",
};

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
    let line = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    let root = output_of(Command::new("id").arg("-u")).as_deref() == Some("0");
    if !root || !present("apt-get") {
        bail!("missing: {}. On Debian: sudo {line}", missing.join(", "));
    }
    let apt = |title: &str, arguments: &[&str]| -> Result<()> {
        Step::new(&workspace.logs(), title, Duration::from_secs(900))?.run(
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt("apt-get update", &["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&format!("apt-get install {}", missing.join(" ")), &arguments)?;
    match tools.iter().find(|tool| !present(tool.program)) {
        Some(tool) => bail!("{} is still missing after {line}", tool.program),
        None => Ok(()),
    }
}

fn present(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
