//! `cargo xtask bench`: the development server beside the newest `swtpm` that any Debian suite offers.
//!
//! That swtpm comes with the libraries of its suite and runs through its own dynamic loader, so nothing on the machine changes; it is kept in
//! `target/cloister-cache/swtpm-VERSION`. Without a network the newest one that was kept is taken, and without any the machine's own. The programs are built
//! optimised, and `tpm_bench` measures.

use crate::{
    apt::{self, Offer, PrivateApt},
    artefacts, packages,
    process::Step,
    testing,
    toolchain::Toolchain,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(3600);
/// What the folders with an swtpm are called, before the version.
const PREFIX: &str = "swtpm-";
/// The file in such a folder that names what was unpacked there.
const CONTENTS: &str = "contents";
/// Packages whose versions a reader of the table should know.
const NAMED: [&str; 3] = ["swtpm", "libtpms0", "libssl3t64"];

/// What to measure.
#[derive(clap::Args)]
pub struct BenchArguments {
    /// Only operations with this in their name.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
    /// Multiplies the number of samples.
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
    /// Which of our engines: native, wasmtime, wasmi; all, if none is named.
    #[arg(long, value_name = "NAME,…")]
    engines: Option<String>,
    /// Another swtpm than the newest of Debian.
    #[arg(long, value_name = "PATH")]
    swtpm: Option<PathBuf>,
    /// Write everything here as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds, finds an swtpm, measures.
pub fn bench(workspace: &Workspace, arguments: &BenchArguments) -> Result<()> {
    let component = artefacts::component(workspace, &Toolchain::find(workspace)?)?;
    let server = testing::optimised(workspace, "tpm_server")?;
    let mut command = Command::new(testing::optimised(workspace, "tpm_bench")?);
    command.arg("--server").arg(server);
    command.arg("--component").arg(component);
    match &arguments.swtpm {
        Some(path) => {
            command.arg("--swtpm").arg(path);
        }
        None => choose_swtpm(workspace, &mut command)?,
    }
    let scale = arguments.scale.map(|scale| scale.to_string());
    let texts = [
        ("--only", &arguments.only),
        ("--scale", &scale),
        ("--engines", &arguments.engines),
    ];
    for (option, value) in texts {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
    if let Some(path) = &arguments.json {
        command.arg("--json").arg(path);
    }
    Step::new(&workspace.logs(), "measuring", LIMIT)?.run_loud(&mut command)
}

/// Says on the command line which swtpm is measured.
fn choose_swtpm(workspace: &Workspace, command: &mut Command) -> Result<()> {
    let fetched = newest(workspace).or_else(|error| {
        println!("  the newest swtpm cannot be had: {error:#}");
        kept(workspace)
    })?;
    match fetched {
        Some(root) => {
            println!("  swtpm of {}", root.display());
            command.arg("--swtpm-root").arg(&root);
            command.arg("--swtpm-origin").arg(origin(&root)?);
        }
        None => {
            packages::ensure(workspace, &[packages::SWTPM])?;
            println!("  the machine's own swtpm");
            command.args(["--swtpm", "swtpm", "--swtpm-origin", "the machine's own"]);
        }
    }
    Ok(())
}

/// The newest swtpm of all suites, fetched if it is not there yet.
fn newest(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let apt = PrivateApt::new(workspace)?;
    apt.update()?;
    // apt names the newest version first.
    let offers = apt.offers("swtpm")?;
    let Offer { version, suite } = offers.first().context("no suite offers swtpm")?;
    let root = workspace.cache().join(format!("{PREFIX}{version}"));
    if !root.join(CONTENTS).is_file() {
        fetch(&apt, version, suite, &root)?;
    }
    Ok(Some(root))
}

fn fetch(apt: &PrivateApt, version: &str, suite: &str, root: &Path) -> Result<()> {
    let sibling = |ending: &str| {
        let mut name = root.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (partial, downloads) = (sibling(".partial"), sibling(".packages"));
    let files = apt.download_closure(
        &format!("downloading swtpm {version} ({suite})"),
        &apt.system_of(suite)?,
        &[&format!("swtpm={version}")],
        &downloads,
    )?;
    apt::empty(&partial)?;
    apt::unpack(&files, &partial)?;
    let mut contents = format!("{suite}\n");
    for file in &files {
        let name = file.file_name().context("a package without a name")?;
        contents.push_str(&format!("{}\n", name.to_string_lossy()));
    }
    fs::write(partial.join(CONTENTS), contents)?;
    fs::remove_dir_all(&downloads)?;
    if root.exists() {
        fs::remove_dir_all(root)?;
    }
    fs::rename(&partial, root).with_context(|| format!("cannot move {}", partial.display()))
}

/// The swtpm that was fetched last, if there is one.
fn kept(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let cache = workspace.cache();
    if !cache.is_dir() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&cache)? {
        let entry = entry?;
        let contents = entry.path().join(CONTENTS);
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && contents.is_file() {
            found.push((fs::metadata(contents)?.modified()?, entry.path()));
        }
    }
    Ok(found.into_iter().max().map(|(_, root)| root))
}

/// Suite and versions, from the file that names what was unpacked.
fn origin(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join(CONTENTS))?;
    let origin = origin_from(&text).with_context(|| format!("{} is damaged", root.display()))?;
    ensure!(!origin.is_empty(), "{} has no swtpm", root.display());
    Ok(origin)
}

/// The first line is the suite, each other the file name of a package: name, version and architecture between `_`.
fn origin_from(contents: &str) -> Option<String> {
    let mut lines = contents.lines();
    let mut parts = vec![format!("Debian {}", lines.next()?)];
    let packages: Vec<(&str, &str)> = lines
        .filter_map(|line| {
            let (name, rest) = line.split_once('_')?;
            Some((name, rest.rsplit_once('_')?.0))
        })
        .collect();
    for name in NAMED {
        if let Some((_, version)) = packages.iter().find(|(package, _)| *package == name) {
            parts.push(format!("{name} {version}"));
        }
    }
    (parts.len() > 1).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    // File names as apt gives them to downloaded packages; `%3a` is the colon of an epoch.
    #[test]
    fn origin_names_suite_and_versions() {
        let contents = "testing\nlibc6_2.42-5_amd64.deb\nlibssl3t64_3.6.0-2_amd64.deb\nlibtpms0_0.10.1-1_amd64.deb\nswtpm-libs_0.10.2-2_amd64.deb\nswtpm_0.10.2-2_amd64.deb\n";
        assert_eq!(
            origin_from(contents).as_deref(),
            Some("Debian testing, swtpm 0.10.2-2, libtpms0 0.10.1-1, libssl3t64 3.6.0-2")
        );
        assert_eq!(origin_from("testing\nlibc6_2.42-5_amd64.deb\n"), None);
        assert_eq!(origin_from(""), None);
    }
}
