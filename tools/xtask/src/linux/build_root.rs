//! A folder with what builds a kernel module, entered as the root of a file system.
//!
//! The headers' own tools are linked with their suite's C library, and the kernel wants the compiler that built it. So the folder holds compiler,
//! headers and the few programs that a build runs, all of the suite that the kernel comes from; nothing in it is installed, only unpacked. It is
//! entered with chroot(2), which takes root or a user namespace, and it is removed when the build is over.

use super::kernels::{self, Kernel};
use crate::{
    apt::{self, PrivateApt},
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What a build runs, beside compiler and headers.
const TOOLS: [&str; 9] = [
    "base-files",
    "binutils",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "make",
    "mawk",
    "sed",
];
/// Enters the folder `$1` with the devices and the process information that a build reads, and becomes the rest of the arguments.
const ENTER: &str = r#"mount --bind /dev/null "$1/dev/null" && mount --rbind /proc "$1/proc" && exec chroot "$@""#;
/// What the environment of a build consists of.
const ENVIRONMENT: [&str; 5] = [
    "/usr/bin/env",
    "-i",
    "PATH=/usr/bin:/usr/sbin",
    "LC_ALL=C",
    "DEB_BUILD_ARCH=amd64",
];
const LIMIT: Duration = Duration::from_secs(600);

/// The folder, filled.
pub struct BuildRoot<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    /// Arguments of unshare(1) with which this machine lets us enter it.
    isolation: &'static [&'static str],
}

impl<'a> BuildRoot<'a> {
    /// Fills a folder beside `kernel`'s files.
    pub fn make(workspace: &'a Workspace, apt: &PrivateApt, kernel: &Kernel) -> Result<Self> {
        let isolation = find_isolation()?;
        let folder = kernels::folder(workspace, &kernel.release).join("build-root");
        let headers = format!("linux-headers-{}={}", kernel.release, kernel.version);
        let mut packages: Vec<&str> = TOOLS.to_vec();
        packages.push(&headers);
        let downloads = folder.with_file_name("build-packages");
        let files = apt.download_closure(
            &format!("downloading what builds modules for Linux {}", kernel.release),
            &apt.system_of(&kernel.suite)?,
            &packages,
            &downloads,
        )?;
        apt::empty(&folder)?;
        apt::unpack(&files, &folder)?;
        fs::remove_dir_all(&downloads)?;
        // The link that installing mawk would have made.
        let awk = folder.join("usr/bin/awk");
        if !awk.exists() {
            symlink("mawk", &awk).context("cannot make the link usr/bin/awk")?;
        }
        fs::write(folder.join("dev/null"), "").context("the build's folder has no dev")?;
        apt::empty(&folder.join("build"))?;
        Ok(Self {
            workspace,
            folder,
            isolation,
        })
    }

    /// Where builds take place: `/build` inside.
    pub fn build_folder(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// The compiler's program name: Debian's headers say which one built the kernel.
    pub fn compiler(&self) -> Result<String> {
        let programs = self.folder.join("usr/bin");
        let mut compilers = Vec::new();
        for entry in fs::read_dir(&programs)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let version = name.strip_prefix("x86_64-linux-gnu-gcc-").unwrap_or_default();
            if !version.is_empty() && version.chars().all(|c| c.is_ascii_digit()) {
                compilers.push(name);
            }
        }
        compilers.sort();
        compilers.pop().context("the headers brought no compiler")
    }

    /// Runs a program inside.
    pub fn run(&self, title: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("unshare");
        command
            .args(self.isolation)
            .args(["sh", "-c", ENTER, "sh"])
            .arg(&self.folder)
            .args(ENVIRONMENT)
            .args(arguments);
        Step::new(&self.workspace.logs(), title, LIMIT)?.run(&mut command)
    }

    /// Removes the folder.
    pub fn remove(self) -> Result<()> {
        remove(&self.folder)
    }
}

fn remove(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn find_isolation() -> Result<&'static [&'static str]> {
    let ways: [&'static [&'static str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
    for arguments in ways {
        let user = output_of(Command::new("unshare").args(arguments).args(["id", "-u"]));
        if user.as_deref() == Some("0") {
            return Ok(arguments);
        }
    }
    bail!(
        "building the tpm_svsm module needs root, or user namespaces (unshare --map-root-user --mount), and there is neither"
    )
}
