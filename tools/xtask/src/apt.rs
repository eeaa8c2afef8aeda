//! Debian's newer suites, read with an apt configuration of our own inside the build tree: nothing on the machine changes.
//!
//! The archive's address comes from the machine's own sources, so whatever mirror it uses serves this too. Package lists and packages arrive
//! from the network; apt checks both against Debian's archive keys before anything here sees them. Debian drops old versions, so nothing
//! is pinned: callers ask what there is and take what fits. [`PrivateApt::download_closure`] lets apt work out dependencies against an empty
//! machine, which gives the packages of a small system of another suite without installing one.

use crate::{
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Suites that are looked through beside the machine's own, oldest first.
const SUITES: [&str; 6] = [
    "stable",
    "stable-backports",
    "trixie-backports",
    "testing",
    "unstable",
    "experimental",
];

/// The keys that Debian's archives are signed with (package debian-archive-keyring, on every Debian).
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const LIMIT: Duration = Duration::from_secs(900);

/// One version of a package, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The package's version.
    pub version: String,
    /// The suite, by the name that the sources give it.
    pub suite: String,
}

/// An apt configuration of our own inside the build tree.
pub struct PrivateApt<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    sources: Vec<String>,
}

impl<'a> PrivateApt<'a> {
    /// Derives the configuration from the machine's sources.
    pub fn new(workspace: &'a Workspace) -> Result<Self> {
        let folder = workspace.cache().join("apt");
        for sub in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let targets = output_of(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)",
            "Created-By: Packages",
        ]))
        .unwrap_or_default();
        let sources = sources_from(&targets).context("apt knows no Debian archive here: run `apt-get update` first")?;
        fs::write(folder.join("sources.list"), sources.concat())?;
        Ok(Self {
            workspace,
            folder,
            sources,
        })
    }

    /// Downloads the package lists.
    pub fn update(&self) -> Result<()> {
        // A suite that this mirror does not carry makes apt-get exit with an error; the others are usable all the same, and what is
        // missing shows when the package is looked up.
        let step = Step::new(&self.workspace.logs(), "reading Debian's package lists", LIMIT)?;
        step.status(self.command("apt-get", "sources.list").arg("update"))?;
        Ok(())
    }

    /// Every version of `package` that can be downloaded, in apt's order.
    pub fn offers(&self, package: &str) -> Result<Vec<Offer>> {
        let text = output_of(self.command("apt-cache", "sources.list").args(["madison", package]))
            .context("apt-cache failed")?;
        Ok(offers_from(&text))
    }

    /// Names of packages that begin with `prefix`; some may be mentioned only, without a version to download.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let text = output_of(self.command("apt-cache", "sources.list").args(["pkgnames", prefix]))
            .context("apt-cache failed")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Names that a package version depends on, alternatives included.
    pub fn dependencies(&self, package: &str, version: &str) -> Result<Vec<String>> {
        let wanted = format!("{package}={version}");
        let text =
            output_of(self.command("apt-cache", "sources.list").args(["show", &wanted])).context("apt-cache failed")?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_prefix("Depends: "))
            .flat_map(|list| list.split([',', '|']))
            .filter_map(|item| item.split_whitespace().next())
            .map(str::to_owned)
            .collect())
    }

    /// Downloads packages, each given as `name=version`, into the empty or new folder `into`; returns the files.
    pub fn download(&self, title: &str, packages: &[String], into: &Path) -> Result<Vec<PathBuf>> {
        empty(into)?;
        let step = Step::new(&self.workspace.logs(), title, LIMIT)?;
        step.run(
            self.command("apt-get", "sources.list")
                .arg("download")
                .args(packages)
                .current_dir(into),
        )?;
        packages_in(into)
    }

    /// Downloads `packages` with all that they depend on, from `suites` alone, as for a machine that has nothing installed.
    pub fn download_closure(
        &self,
        title: &str,
        suites: &[String],
        packages: &[&str],
        into: &Path,
    ) -> Result<Vec<PathBuf>> {
        empty(into)?;
        fs::create_dir_all(into.join("partial"))?;
        let list = format!("sources-{}.list", suites.join("-"));
        let chosen: String = self
            .sources
            .iter()
            .filter(|line| {
                line.split_whitespace()
                    .nth(3)
                    .is_some_and(|suite| suites.iter().any(|s| s == suite))
            })
            .cloned()
            .collect();
        fs::write(self.folder.join(&list), chosen)?;
        let step = Step::new(&self.workspace.logs(), title, LIMIT)?;
        step.run(
            self.command("apt-get", &list)
                .args(["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=true"])
                .args(["-o", "APT::Architectures=amd64", "-o"])
                .arg(format!("Dir::Cache::archives={}", into.display()))
                .args(["--yes", "--download-only", "--no-install-recommends", "install"])
                .args(packages),
        )?;
        packages_in(into)
    }

    /// The suites that make a whole system with `suite`: itself, and for backports and updates what they add to.
    pub fn system_of(&self, suite: &str) -> Result<Vec<String>> {
        let text = output_of(self.command("apt-get", "sources.list").args([
            "indextargets",
            "--format",
            "$(RELEASE) $(CODENAME)",
            "Created-By: Packages",
        ]))
        .context("apt-get failed")?;
        system_from(&text, suite).with_context(|| format!("the suite that {suite} belongs to is not among the sources"))
    }

    fn command(&self, program: &str, sources: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        for option in [
            format!("Dir::Etc::sourcelist={folder}/{sources}"),
            "Dir::Etc::sourceparts=/dev/null".into(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}"),
            "APT::Sandbox::User=root".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
            "Acquire::Languages=none".into(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }
}

/// Unpacks packages over each other into `folder`. The one that brings the links `/bin` and `/lib` of a merged system goes first.
pub fn unpack(packages: &[PathBuf], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut sorted: Vec<&PathBuf> = packages.iter().collect();
    sorted.sort_by_key(|path| !name_of(path).starts_with("base-files_"));
    println!("  unpacking {} packages into {}", sorted.len(), folder.display());
    for package in sorted {
        let output = Command::new("dpkg-deb")
            .arg("-x")
            .arg(package)
            .arg(folder)
            .output()
            .context("cannot start dpkg-deb")?;
        if !output.status.success() {
            bail!(
                "cannot unpack {}: {}",
                package.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
    }
    Ok(())
}

/// Makes `folder` exist without anything in it.
pub fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages.push(path);
        }
    }
    if packages.is_empty() {
        bail!("apt-get left no package in {}", folder.display());
    }
    packages.sort();
    Ok(packages)
}

/// Source lines for the suites of [`SUITES`] and for the security archives, from apt's index targets, one `URI release origin component` a
/// line.
fn sources_from(targets: &str) -> Option<Vec<String>> {
    let main: Vec<(&str, &str)> = targets
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (uri, release, origin, component) = (words.next()?, words.next()?, words.next()?, words.next()?);
            (origin == "Debian" && component == "main").then_some((uri, release))
        })
        .collect();
    let line = |uri: &str, suite: &str| format!("deb [signed-by={KEYRING}] {uri} {suite} main\n");
    let (uri, _) = main.iter().find(|(uri, _)| !uri.contains("security"))?;
    let mut sources: Vec<String> = SUITES.iter().map(|suite| line(uri, suite)).collect();
    for (uri, release) in main.iter().filter(|(uri, _)| uri.contains("security")) {
        for suite in [release, "stable-security"] {
            let source = line(uri, suite);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    Some(sources)
}

/// `apt-cache madison`: lines `package | version | URI suite/component architecture Packages`.
fn offers_from(text: &str) -> Vec<Offer> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split('|');
            let version = fields.nth(1)?.trim().to_owned();
            let place = fields.next()?.split_whitespace().nth(1)?;
            let suite = place.rsplit_once('/')?.0.to_owned();
            Some(Offer { version, suite })
        })
        .collect()
}

/// The suites of `suite`'s system, from lines `release codename`.
fn system_from(text: &str, suite: &str) -> Option<Vec<String>> {
    let releases: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let (_, codename) = releases.iter().find(|(release, _)| *release == suite)?;
    let base = ["-backports", "-security", "-updates"]
        .iter()
        .find_map(|ending| codename.strip_suffix(ending));
    let Some(base) = base else {
        return Some(vec![suite.into()]);
    };
    let (release, _) = releases.iter().find(|(_, codename)| *codename == base)?;
    Some(vec![(*release).into(), suite.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    // The shape is that of `apt-get indextargets` on Debian 12, its addresses made up.
    #[test]
    fn sources_keep_the_archives_and_leave_strangers_out() {
        let targets = "https://other.example/apt/ stable Other main\n\
                       http://mirror.example/debian-security/ bookworm-security Debian main\n\
                       http://mirror.example/debian/ bookworm Debian main\n";
        let sources = sources_from(targets).expect("an archive");
        assert_eq!(sources.len(), SUITES.len() + 2);
        assert!(sources[0].ends_with("http://mirror.example/debian/ stable main\n"));
        assert!(sources[6].ends_with("http://mirror.example/debian-security/ bookworm-security main\n"));
        assert!(sources[7].ends_with("http://mirror.example/debian-security/ stable-security main\n"));
        assert_eq!(sources_from("https://other.example/apt/ stable Other main\n"), None);
    }

    // A line of `apt-cache madison` of apt 2.6, its address made up.
    #[test]
    fn offer_names_version_and_suite() {
        let text = "linux-image-cloud-amd64 | 7.3.4-1~bpo13+1 | http://mirror.example/debian trixie-backports/main amd64 Packages\n";
        let offer = Offer {
            version: "7.3.4-1~bpo13+1".into(),
            suite: "trixie-backports".into(),
        };
        assert_eq!(offers_from(text), [offer]);
        assert_eq!(offers_from("\n"), []);
    }

    #[test]
    fn backports_need_the_suite_that_they_add_to() {
        let text =
            "stable trixie\ntrixie-backports trixie-backports\nunstable sid\nbookworm-security bookworm-security";
        assert_eq!(
            system_from(text, "trixie-backports"),
            Some(vec!["stable".into(), "trixie-backports".into()])
        );
        assert_eq!(system_from(text, "unstable"), Some(vec!["unstable".into()]));
        assert_eq!(system_from(text, "bookworm-security"), None);
        assert_eq!(system_from(text, "buzz"), None);
    }
}
