//! The Linux guest kit: stock Debian kernels of two generations, and an initial file system made of Debian packages.
//!
//! Everything that is fetched stays under `target/cloister-cache/linux`, everything finished goes to `target/cloister/linux`: `vmlinuz-6.12`,
//! `vmlinuz-7` (Debian's files, bit for bit), `initramfs.cpio` (for both) and `versions.txt`. What was chosen once is kept until somebody
//! asks for newer ones, so that a measurement does not change by itself.
//!
//! Everything comes from Debian's archive through apt, which checks signatures. Kernel and initial file system are the guest's: the SVSM trusts
//! neither, and the guest's owner knows them by the launch measurement.

mod build_root;
mod cpio;
mod elf;
mod initramfs;
mod kernels;
mod no_network;
mod vtpm_module;

use crate::{apt::PrivateApt, packages, workspace::Workspace};
use anyhow::{Context, Result};
use build_root::BuildRoot;
use kernels::Kernel;
pub use kernels::Series;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every generation, oldest first.
const SERIES: [Series; 2] = [kernels::OLD, kernels::NEW];

/// The finished files.
pub struct Kit {
    /// The kernels with their series, oldest first.
    pub kernels: Vec<(Series, PathBuf)>,
    /// The initial file system.
    pub initramfs: PathBuf,
    /// One line per kernel: file, release, version of the package, suite.
    pub versions: Vec<String>,
}

impl Kit {
    /// The kernel of a series, by its name; the newest, when none is named.
    pub fn kernel(&self, series: Option<&str>) -> Result<&(Series, PathBuf)> {
        let mut kernels = self.kernels.iter();
        let found = kernels.rfind(|(known, _)| series.is_none_or(|name| name == known.name));
        found.with_context(|| {
            let names: Vec<&str> = self.kernels.iter().map(|(known, _)| known.name).collect();
            format!(
                "there is no series of kernels of that name, but {}",
                names.join(" and ")
            )
        })
    }
}

/// Makes the kit from what is in the cache, after fetching what is not; with `newer`, looks for newer versions first.
pub fn ensure(workspace: &Workspace, newer: bool) -> Result<Kit> {
    let cache = workspace.cache().join("linux");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let chosen = match read_choice(&cache)? {
        Some(chosen) if !newer && is_complete(workspace, &chosen)? => chosen,
        _ => fetch(workspace, &cache)?,
    };
    finish(workspace, &chosen)
}

fn fetch(workspace: &Workspace, cache: &Path) -> Result<Vec<Kernel>> {
    packages::ensure(workspace, &[packages::XZ])?;
    let apt = PrivateApt::new(workspace)?;
    apt.update()?;
    let mut chosen = Vec::new();
    for series in SERIES {
        let kernel = kernels::newest(&apt, series)?;
        println!(
            "  Linux {} is the newest of {} ({})",
            kernel.release, series.name, kernel.suite
        );
        kernels::fetch(workspace, &apt, &kernel, series)?;
        chosen.push(kernel);
    }
    initramfs::fetch_programs(workspace, &apt)?;
    for (series, kernel) in SERIES.iter().zip(&chosen) {
        if series.vtpm {
            let root = BuildRoot::make(workspace, &apt, kernel)?;
            if !vtpm_module::is_built(&kernels::folder(workspace, &kernel.release))? {
                vtpm_module::build(workspace, &apt, kernel, &root)?;
            }
            initramfs::build_stand_in(workspace, &root)?;
            root.remove()?;
        }
    }
    let text: String = chosen
        .iter()
        .map(|kernel| format!("{} {} {}\n", kernel.release, kernel.version, kernel.suite))
        .collect();
    fs::write(cache.join("chosen"), text)?;
    Ok(chosen)
}

/// The kernels that were chosen before, one of each series; `None` when there is no such record or it is of another set of series.
fn read_choice(cache: &Path) -> Result<Option<Vec<Kernel>>> {
    let file = cache.join("chosen");
    if !file.is_file() {
        return Ok(None);
    }
    let chosen: Vec<Kernel> = fs::read_to_string(&file)?
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(Kernel {
                release: words.next()?,
                version: words.next()?,
                suite: words.next()?,
            })
        })
        .collect();
    Ok((chosen.len() == SERIES.len()).then_some(chosen))
}

fn is_complete(workspace: &Workspace, chosen: &[Kernel]) -> Result<bool> {
    for (series, kernel) in SERIES.iter().zip(chosen) {
        let folder = kernels::folder(workspace, &kernel.release);
        if !kernels::is_fetched(&folder, *series)? || (series.vtpm && !vtpm_module::is_built(&folder)?) {
            return Ok(false);
        }
    }
    Ok(initramfs::has_programs(workspace))
}

fn finish(workspace: &Workspace, chosen: &[Kernel]) -> Result<Kit> {
    let folder = workspace.artefacts().join("linux");
    fs::create_dir_all(&folder)?;
    let mut versions = Vec::new();
    let mut copies = Vec::new();
    for (series, kernel) in SERIES.iter().zip(chosen) {
        let name = format!("vmlinuz-{}", series.name);
        let from = kernels::folder(workspace, &kernel.release).join("vmlinuz");
        fs::copy(&from, folder.join(&name)).with_context(|| format!("cannot copy {}", from.display()))?;
        versions.push(format!("{name} {} {} {}", kernel.release, kernel.version, kernel.suite));
        copies.push((*series, folder.join(&name)));
    }
    let releases: Vec<&str> = chosen.iter().map(|kernel| kernel.release.as_str()).collect();
    let initramfs = folder.join("initramfs.cpio");
    fs::write(&initramfs, initramfs::build(workspace, &releases)?)?;
    let text: String = versions.iter().map(|line| format!("{line}\n")).collect();
    fs::write(folder.join("versions.txt"), text)?;
    Ok(Kit {
        kernels: copies,
        initramfs,
        versions,
    })
}
