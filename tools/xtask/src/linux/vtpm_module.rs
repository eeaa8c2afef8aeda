//! Builds `tpm_svsm`, the kernel's driver for an SVSM's TPM, from Debian's own kernel source against Debian's headers.
//!
//! The driver is in the kernel's tree since 6.16, but no Debian kernel enables it; what it needs of the kernel proper is exported by the stock
//! `vmlinuz`. So its two files are taken as they are, out of `linux-source`, and built as a module for exactly the kernel that is booted. They
//! come signed with the rest of Debian's archive; what the build leaves is checked to be a module for this kernel and no other.

use super::{
    build_root::BuildRoot,
    elf::module_info,
    kernels::{self, Kernel},
};
use crate::{
    apt::{self, PrivateApt},
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// The module's file.
const MODULE: &str = "tpm_svsm.ko";
/// What it is made of, in the kernel's source.
const SOURCES: [&str; 2] = ["drivers/char/tpm/tpm_svsm.c", "drivers/char/tpm/tpm.h"];

/// True when the modules of a kernel's folder include the driver.
pub fn is_built(folder: &Path) -> Result<bool> {
    let order = kernels::read_order(&folder.join("modules"))?;
    Ok(order.iter().any(|file| file == MODULE))
}

/// Builds the module for `kernel` and adds it to its modules.
pub fn build(workspace: &Workspace, apt: &PrivateApt, kernel: &Kernel, root: &BuildRoot) -> Result<()> {
    let modules = kernels::folder(workspace, &kernel.release).join("modules");
    take_sources(apt, kernel, &root.build_folder())?;
    let headers = format!("/usr/lib/modules/{}/build", kernel.release);
    root.run(
        &format!("building tpm_svsm for Linux {}", kernel.release),
        &["make", "-C", &headers, "M=/build", "modules"],
    )?;
    let inside = format!("/build/{MODULE}");
    root.run(
        "stripping tpm_svsm",
        &["x86_64-linux-gnu-strip", "--strip-debug", &inside],
    )?;
    let bytes = fs::read(root.build_folder().join(MODULE)).context("the build left no module")?;
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
    kernels::write_order(&modules, &order)
}

/// Takes the driver's files out of the source package, and no more.
fn take_sources(apt: &PrivateApt, kernel: &Kernel, build: &Path) -> Result<()> {
    let package = kernel.source_package();
    let downloads = build.join("source-package");
    let wanted = [format!("{package}={}", kernel.version)];
    let files = apt.download(&format!("downloading {package}"), &wanted, &downloads)?;
    let tree = downloads.join("tree");
    apt::unpack(&files, &tree)?;
    let archive = tree.join("usr/src").join(format!("{package}.tar.xz"));
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
        .args(["--extract", "--occurrence=1", "--no-same-owner", "--strip-components=4"])
        .arg("-C")
        .arg(build)
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
    fs::write(build.join("Kbuild"), "obj-m := tpm_svsm.o\n").context("cannot write the Kbuild file")
}
