//! What is in the Linux guest's initial file system.
//!
//! busybox, tpm2-tools with exactly the libraries that they are linked with (but libcurl, see `no_network`), the drivers that Debian builds as modules, and the scripts of
//! `linux-guest/`; programs and libraries all from one suite. The file goes into the measured image, so it is small, and the same inputs give the
//! same bytes. It is not compressed: unpacking costs the guest more, in software emulation, than measuring the larger file (README).

use super::{build_root::BuildRoot, cpio::Archive, elf, kernels, no_network};
use crate::{
    apt::{self, PrivateApt},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The suite that programs and libraries come from.
const SUITE: &str = "stable";
/// The packages; apt adds what they depend on.
const PACKAGES: [&str; 2] = ["busybox-static", "tpm2-tools"];
/// Where the packages put libraries, on a system whose `/lib` and `/usr/lib` are one.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// What tpm2-tools opens by name at run time, and so is linked with nothing.
const OPENED: [&str; 1] = ["libtss2-tcti-device.so.0"];
/// The one program of tpm2-tools, in its package.
const TPM2: &str = "usr/bin/tpm2";
/// The program interpreter, by the path that every program of the architecture names.
const INTERPRETER: &str = "ld-linux-x86-64.so.2";

/// The scripts, by their place in the guest.
const SCRIPTS: [(&str, &str); 5] = [
    (
        "lib/cloister/attestation.sh",
        include_str!("../../linux-guest/attestation.sh"),
    ),
    ("lib/cloister/owner.sh", include_str!("../../linux-guest/owner.sh")),
    ("lib/cloister/steps.sh", include_str!("../../linux-guest/steps.sh")),
    ("lib/cloister/story.sh", include_str!("../../linux-guest/story.sh")),
    ("lib/cloister/tpm.sh", include_str!("../../linux-guest/tpm.sh")),
];
const INIT: &str = include_str!("../../linux-guest/init");

/// The folder with the unpacked programs and libraries.
fn tree(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("linux/programs")
}

/// The folder with the library that stands in for libcurl.
fn stand_in(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("linux/no-network")
}

/// True when the programs and libraries are there.
pub fn has_programs(workspace: &Workspace) -> bool {
    tree(workspace).is_dir() && stand_in(workspace).is_dir()
}

/// Builds what stands in for libcurl, for the programs that were fetched.
pub fn build_stand_in(workspace: &Workspace, root: &BuildRoot) -> Result<()> {
    no_network::build(root, &tree(workspace).join(TPM2), &stand_in(workspace))
}

/// Downloads programs and libraries.
pub fn fetch_programs(workspace: &Workspace, apt: &PrivateApt) -> Result<()> {
    let folder = tree(workspace);
    let partial = folder.with_extension("partial");
    let downloads = folder.with_extension("packages");
    let suites = [SUITE.to_owned()];
    let files = apt.download_closure(
        "downloading busybox and tpm2-tools for the Linux guest",
        &suites,
        &PACKAGES,
        &downloads,
    )?;
    apt::empty(&partial)?;
    apt::unpack(&files, &partial)?;
    fs::remove_dir_all(&downloads)?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&partial, &folder).with_context(|| format!("cannot move {}", partial.display()))
}

/// The initial file system for the kernels `releases`.
pub fn build(workspace: &Workspace, releases: &[&str]) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["dev", "proc", "sys", "tmp"] {
        archive.folder(folder)?;
    }
    // The kernel opens the console before anything can mount /dev.
    archive.device("dev/console", 5, 1)?;
    archive.program("init", INIT.into())?;
    for (path, text) in SCRIPTS {
        archive.file(path, text.into())?;
    }
    add_programs(&mut archive, &tree(workspace), stand_in(workspace))?;
    for release in releases {
        add_modules(
            &mut archive,
            &kernels::folder(workspace, release).join("modules"),
            release,
        )?;
    }
    Ok(archive.to_bytes())
}

fn add_programs(archive: &mut Archive, tree: &Path, stand_in: PathBuf) -> Result<()> {
    archive.program("bin/busybox", read(&tree.join("usr/bin/busybox"))?)?;
    archive.link("bin/sh", "busybox")?;
    let libraries = tree.join(LIBRARIES);
    let mut programs = vec![tree.join(TPM2)];
    programs.extend(OPENED.map(|name| libraries.join(name)));
    for (name, path) in elf::closure(&programs, &[stand_in, libraries])? {
        let place = match name.as_str() {
            "tpm2" => "bin/tpm2".to_owned(),
            _ => format!("lib/x86_64-linux-gnu/{name}"),
        };
        archive.program(&place, read(&path)?)?;
    }
    archive.link(
        &format!("lib64/{INTERPRETER}"),
        &format!("../lib/x86_64-linux-gnu/{INTERPRETER}"),
    )
}

fn add_modules(archive: &mut Archive, modules: &Path, release: &str) -> Result<()> {
    let order = kernels::read_order(modules)?;
    for file in &order {
        archive.file(&format!("lib/modules/{release}/{file}"), read(&modules.join(file))?)?;
    }
    archive.file(&format!("lib/modules/{release}/order"), read(&modules.join("order"))?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
