//! Stock Debian kernels: which there are, which are taken, and what of their packages is kept.
//!
//! Two generations show two different guests. 6.12 knows that an SVSM is there (core and attestation protocols) but has no vTPM driver; 7.x has
//! the whole of it. Of each generation the newest cloud kernel is taken that any suite offers; release candidates are left alone. The
//! `vmlinuz` is kept bit for bit. Modules are kept unpacked, because the guest's loader then needs no decompressor.
//!
//! Package names and contents come from Debian's archive, checked by apt. What a name claims (a version) is parsed, never trusted to be one.

use super::elf::module_info;
use crate::{
    apt::{self, Offer, PrivateApt},
    process::Step,
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What cloud kernels are called between their version and the architecture.
const FLAVOUR: &str = "-cloud-amd64";
/// A generation of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// What the files are named after: `vmlinuz-<name>`.
    pub name: &'static str,
    /// The version numbers that every kernel of the series begins with.
    numbers: &'static [u32],
    /// The modules that the guest loads; what they depend on comes with them.
    modules: &'static [&'static str],
    /// The series has the vTPM driver's source, which Debian does not build.
    pub vtpm: bool,
    /// The series starts on a machine with Secure TSC; one that cannot refuses to (its decompressor's SNP_FEATURES_PRESENT).
    pub secure_tsc: bool,
}

/// SVSM guest support without a vTPM driver.
pub const OLD: Series = Series {
    name: "6.12",
    numbers: &[6, 12],
    // The driver asks for AES-GCM by name, and there is no modprobe in the guest that would find it.
    modules: &["ghash-generic", "gcm", "sev-guest"],
    vtpm: false,
    secure_tsc: false,
};
/// SVSM guest support with a vTPM driver, which is built here.
pub const NEW: Series = Series {
    name: "7",
    numbers: &[7],
    modules: &["sev-guest"],
    vtpm: true,
    secure_tsc: true,
};

/// A kernel that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What `uname -r` says.
    pub release: String,
    /// Version of its packages.
    pub version: String,
    /// The suite that has it.
    pub suite: String,
}

impl Kernel {
    /// The release without flavour and architecture: `7.3.4+deb13`.
    pub fn abi(&self) -> &str {
        self.release.strip_suffix(FLAVOUR).unwrap_or(&self.release)
    }

    /// The package with the source of this kernel: `linux-source-7.3`.
    pub fn source_package(&self) -> String {
        let numbers = numbers_of(self.abi());
        let series: Vec<String> = numbers.iter().take(2).map(u32::to_string).collect();
        format!("linux-source-{}", series.join("."))
    }
}

/// Looks up the newest kernel of `series` that can be had with everything that its guest needs.
pub fn newest(apt: &PrivateApt, series: Series) -> Result<Kernel> {
    let names = apt.names("linux-image-")?;
    for release in releases_of(&names, series) {
        let offers = apt.offers(&format!("linux-image-{release}"))?;
        let Some(Offer { version, suite }) = offers.into_iter().find(|offer| !offer.version.contains("~rc")) else {
            continue;
        };
        let kernel = Kernel {
            release,
            version,
            suite,
        };
        if !series.vtpm || has_source(apt, &kernel)? {
            return Ok(kernel);
        }
    }
    bail!(
        "no suite offers a cloud kernel of the series {} with all that belongs to it",
        series.name
    )
}

fn has_source(apt: &PrivateApt, kernel: &Kernel) -> Result<bool> {
    for package in [format!("linux-headers-{}", kernel.release), kernel.source_package()] {
        if !apt
            .offers(&package)?
            .iter()
            .any(|offer| offer.version == kernel.version)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The releases of `series` among package names, newest first.
fn releases_of(names: &[String], series: Series) -> Vec<String> {
    let mut releases: Vec<String> = names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-image-"))
        .filter(|release| {
            let numbers = numbers_of(release);
            release.ends_with(FLAVOUR) && numbers.starts_with(series.numbers) && numbers.len() >= 3
        })
        .map(str::to_owned)
        .collect();
    releases.sort_by_key(|release| (numbers_of(release), release.clone()));
    releases.reverse();
    releases
}

/// The version numbers in front of a release: 7, 3, 4 of `7.3.4+deb13-cloud-amd64`.
fn numbers_of(release: &str) -> Vec<u32> {
    let end = release
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(release.len());
    release[..end].split('.').map_while(|part| part.parse().ok()).collect()
}

/// Where a kernel's files are kept.
pub fn folder(workspace: &Workspace, release: &str) -> PathBuf {
    workspace.cache().join("linux").join(release)
}

/// True when a kernel's folder has all that is kept of a kernel of `series`.
pub fn is_fetched(folder: &Path, series: Series) -> Result<bool> {
    if !folder.join("vmlinuz").is_file() {
        return Ok(false);
    }
    let order = read_order(&folder.join("modules"))?;
    Ok(series
        .modules
        .iter()
        .all(|module| order.contains(&format!("{module}.ko"))))
}

/// Downloads `kernel` and keeps `vmlinuz`, `config` and the modules, unless they are there.
pub fn fetch(workspace: &Workspace, apt: &PrivateApt, kernel: &Kernel, series: Series) -> Result<()> {
    let folder = folder(workspace, &kernel.release);
    if is_fetched(&folder, series)? {
        return Ok(());
    }
    let image = format!("linux-image-{}", kernel.release);
    let mut packages = vec![format!("{image}={}", kernel.version)];
    // Since 6.19 the image package only names the packages that hold kernel, modules and configuration.
    let ending = format!("-{}", kernel.release);
    for name in apt.dependencies(&image, &kernel.version)? {
        if name.ends_with(&ending) {
            packages.push(format!("{name}={}", kernel.version));
        }
    }
    let partial = folder.with_file_name(format!("{}.partial", kernel.release));
    apt::empty(&partial)?;
    let downloads = partial.join("packages");
    let files = apt.download(&format!("downloading Linux {}", kernel.release), &packages, &downloads)?;
    let tree = partial.join("tree");
    apt::unpack(&files, &tree)?;
    keep(workspace, kernel, series, &tree, &partial)?;
    fs::remove_dir_all(&downloads)?;
    fs::remove_dir_all(&tree)?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&partial, &folder)?;
    Ok(())
}

/// Copies what the guest needs out of an unpacked kernel.
fn keep(workspace: &Workspace, kernel: &Kernel, series: Series, tree: &Path, into: &Path) -> Result<()> {
    let release = &kernel.release;
    let library = ["usr/lib/modules", "lib/modules"]
        .map(|place| tree.join(place).join(release))
        .into_iter()
        .find(|place| place.join("kernel").is_dir())
        .with_context(|| format!("the packages of Linux {release} have no modules"))?;
    for name in ["vmlinuz", "config"] {
        let places = [library.join(name), tree.join("boot").join(format!("{name}-{release}"))];
        let place = places
            .iter()
            .find(|place| place.is_file())
            .with_context(|| format!("the packages of Linux {release} have no {name}"))?;
        fs::copy(place, into.join(name))?;
    }
    let modules = into.join("modules");
    fs::create_dir_all(&modules)?;
    let mut order = Vec::new();
    for module in series.modules {
        take_module(workspace, &library.join("kernel"), module, &modules, &mut order)?;
    }
    write_order(&modules, &order)
}

/// Unpacks a module after the modules that it depends on, and notes the order in which they must be loaded.
fn take_module(workspace: &Workspace, library: &Path, name: &str, into: &Path, order: &mut Vec<String>) -> Result<()> {
    let file = format!("{name}.ko");
    if order.contains(&file) {
        return Ok(());
    }
    let packed = find_module(library, name)?.with_context(|| format!("this kernel has no module {name}"))?;
    let to = into.join(&file);
    fs::copy(&packed, to.with_extension("ko.xz"))?;
    let step = Step::new(
        &workspace.logs(),
        &format!("unpacking module {name}"),
        Duration::from_secs(60),
    )?;
    step.run(
        Command::new("xz")
            .arg("--decompress")
            .arg("--force")
            .arg(to.with_extension("ko.xz")),
    )?;
    let bytes = fs::read(&to)?;
    for list in module_info(&bytes, "depends")? {
        for needed in list.split(',').filter(|needed| !needed.is_empty()) {
            take_module(workspace, library, needed, into, order)?;
        }
    }
    order.push(file);
    Ok(())
}

/// The packed file of a module; in module names `-` and `_` are the same.
fn find_module(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    let plain = |text: &str| text.replace('-', "_");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find_module(&path, name)? {
                return Ok(Some(found));
            }
        } else if path
            .file_name()
            .is_some_and(|file| plain(&file.to_string_lossy()) == format!("{}.ko.xz", plain(name)))
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Writes the file from which the guest learns in which order it loads modules.
pub fn write_order(modules: &Path, order: &[String]) -> Result<()> {
    let text: String = order.iter().map(|file| format!("{file}\n")).collect();
    fs::write(modules.join("order"), text).context("cannot write the order of the modules")
}

/// Reads what [`write_order`] wrote.
pub fn read_order(modules: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(modules.join("order")).context("cannot read the order of the modules")?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Names as `apt-cache pkgnames` gives them on Debian 12 with newer suites among its sources.
    #[test]
    fn releases_of_a_series_are_sorted_by_number_and_leave_other_packages_out() {
        let names = [
            "linux-image-7.2.13+deb14-cloud-amd64",
            "linux-image-7.3.4+deb13-cloud-amd64",
            "linux-image-7.3.4+deb13-amd64",
            "linux-image-7.3-cloud-amd64",
            "linux-image-7.3.10+deb13-cloud-amd64",
            "linux-image-7.3.4+deb13-cloud-amd64-dbg",
            "linux-image-6.12.117+deb12-cloud-amd64-unsigned",
            "linux-image-6.12.117+deb12-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-cloud-amd64",
        ]
        .map(str::to_owned);
        assert_eq!(
            releases_of(&names, NEW),
            [
                "7.3.10+deb13-cloud-amd64",
                "7.3.4+deb13-cloud-amd64",
                "7.2.13+deb14-cloud-amd64"
            ]
        );
        assert_eq!(releases_of(&names, OLD), ["6.12.117+deb12-cloud-amd64"]);
    }

    #[test]
    fn kernel_names_its_source() {
        let kernel = Kernel {
            release: "7.3.4+deb13-cloud-amd64".into(),
            version: "7.3.4-1~bpo13+1".into(),
            suite: "trixie-backports".into(),
        };
        assert_eq!(kernel.abi(), "7.3.4+deb13");
        assert_eq!(kernel.source_package(), "linux-source-7.3");
    }
}
