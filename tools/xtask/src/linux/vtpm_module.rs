//! Builds `tpm_svsm`, the kernel's driver for an SVSM's TPM, from Debian's own kernel source against Debian's headers.
//!
//! The driver is in the kernel's tree since 6.16, but no Debian kernel enables it; what it needs of the kernel proper is exported by the stock
//! `vmlinuz`. So the two files are taken as they are, out of `linux-source`, and built as a module for exactly the kernel that is booted. The
//! headers' own tools are linked with their suite's C library and the kernel wants the compiler that built it, hence a folder with the small part
//! of that suite that a build needs, entered with chroot(2): that takes root or a user namespace.

use super::{
    elf::module_info,
    kernels::{self, Kernel},
};
use crate::{
    apt::{self, PrivateApt},
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// The module's file.
const MODULE: &str = "tpm_svsm.ko";
/// What it is made of, in the kernel's source.
const SOURCES: [&str; 2] = ["drivers/char/tpm/tpm_svsm.c", "drivers/char/tpm/tpm.h"];
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

/// True when the modules of a kernel's folder include the driver.
pub fn is_built(folder: &Path) -> Result<bool> {
    let order = kernels::read_order(&folder.join("modules"))?;
    Ok(order.iter().any(|file| file == MODULE))
}

/// Builds the module for `kernel` and adds it to its modules, unless it is there.
pub fn ensure(workspace: &Workspace, apt: &PrivateApt, kernel: &Kernel) -> Result<()> {
    let folder = kernels::folder(workspace, &kernel.release);
    let modules = folder.join("modules");
    if is_built(&folder)? {
        return Ok(());
    }
    let isolation = Isolation::find()?;
    let root = folder.join("build-root");
    make_root(apt, kernel, &root)?;
    take_sources(apt, kernel, &root)?;
    let build = format!("/usr/lib/modules/{}/build", kernel.release);
    let step = Step::new(
        &workspace.logs(),
        &format!("building tpm_svsm for Linux {}", kernel.release),
        Duration::from_secs(600),
    )?;
    step.run(
        isolation
            .enter(&root)
            .args(["make", "-C", &build, "M=/build", "modules"]),
    )?;
    let step = Step::new(&workspace.logs(), "stripping tpm_svsm", Duration::from_secs(60))?;
    step.run(
        isolation
            .enter(&root)
            .args(["x86_64-linux-gnu-strip", "--strip-debug", &format!("/build/{MODULE}")]),
    )?;
    let bytes = fs::read(root.join("build").join(MODULE)).context("the build left no module")?;
    let magic = module_info(&bytes, "vermagic")?;
    ensure!(
        magic.iter().any(|text| text.split(' ').next() == Some(&kernel.release)),
        "the module was built for '{}' instead of {}",
        magic.join(" "),
        kernel.release
    );
    fs::write(modules.join(MODULE), bytes)?;
    let mut order = kernels::read_order(&modules)?;
    order.push(MODULE.into());
    kernels::write_order(&modules, &order)?;
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))
}

/// Fills a folder with compiler, kernel headers and the few programs that a build runs, all of the suite that the kernel comes from.
fn make_root(apt: &PrivateApt, kernel: &Kernel, root: &Path) -> Result<()> {
    let headers = format!("linux-headers-{}={}", kernel.release, kernel.version);
    let mut packages: Vec<&str> = TOOLS.to_vec();
    packages.push(&headers);
    let downloads = root.with_file_name("build-packages");
    let files = apt.download_closure(
        &format!("downloading what builds modules for Linux {}", kernel.release),
        &apt.system_of(&kernel.suite)?,
        &packages,
        &downloads,
    )?;
    apt::empty(root)?;
    apt::unpack(&files, root)?;
    fs::remove_dir_all(&downloads)?;
    // The link that installing mawk would have made.
    let awk = root.join("usr/bin/awk");
    if !awk.exists() {
        symlink("mawk", &awk).context("cannot make the link usr/bin/awk")?;
    }
    fs::write(root.join("dev/null"), "").context("the build's folder has no dev")
}

/// Takes the driver's files out of the source package, and no more.
fn take_sources(apt: &PrivateApt, kernel: &Kernel, root: &Path) -> Result<()> {
    let package = kernel.source_package();
    let downloads = root.with_file_name("source-package");
    let wanted = [format!("{package}={}", kernel.version)];
    let files = apt.download(&format!("downloading {package}"), &wanted, &downloads)?;
    let tree = downloads.join("tree");
    apt::unpack(&files, &tree)?;
    let archive = tree.join("usr/src").join(format!("{package}.tar.xz"));
    let build = root.join("build");
    apt::empty(&build)?;
    // tar stops at the last file that it was asked for, so that most of the archive is never unpacked; xz then ends at a closed pipe.
    let mut unpacker = Command::new("xz")
        .args(["--decompress", "--stdout"])
        .arg(&archive)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start xz (Debian: xz-utils)")?;
    let stream = unpacker.stdout.take().context("xz has no output")?;
    let status = Command::new("tar")
        .args([
            "--extract",
            "--occurrence=1",
            "--no-same-owner",
            "--strip-components=4",
            "-C",
        ])
        .arg(&build)
        .args(SOURCES.map(|source| format!("{package}/{source}")))
        .stdin(stream)
        .status()
        .context("cannot start tar")?;
    let _closed = unpacker.kill();
    let _reaped = unpacker.wait()?;
    ensure!(
        status.success(),
        "tar found no {} in {}",
        SOURCES.join(" or "),
        archive.display()
    );
    fs::remove_dir_all(&downloads)?;
    fs::write(build.join("Kbuild"), "obj-m := tpm_svsm.o\n")?;
    Ok(())
}

/// How this machine lets us enter a folder as its root.
struct Isolation {
    /// Arguments of unshare(1).
    arguments: &'static [&'static str],
}

impl Isolation {
    fn find() -> Result<Self> {
        let ways: [&'static [&'static str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
        for arguments in ways {
            let root = output_of(Command::new("unshare").args(arguments).args(["id", "-u"]));
            if root.as_deref() == Some("0") {
                return Ok(Self { arguments });
            }
        }
        bail!(
            "building the tpm_svsm module needs root, or user namespaces (unshare --map-root-user --mount), and there is neither"
        )
    }

    /// A command inside `root`, whose program and arguments are to be added.
    fn enter(&self, root: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(self.arguments)
            .args(["sh", "-c", ENTER, "sh"])
            .arg(root)
            .args([
                "/usr/bin/env",
                "-i",
                "PATH=/usr/bin:/usr/sbin",
                "LC_ALL=C",
                "DEB_BUILD_ARCH=amd64",
            ]);
        command
    }
}
