//! Finds the source of the standard library, from which `core` and `alloc` are built for the component (wasm32) and for the
//! programs without an operating system.
//!
//! Three ways, in this order: rustup's `rust-src` component, if it is there; `rustup component add rust-src`, unless
//! `RUSTUP_AUTO_INSTALL=0` says that nothing may be fetched that way; Debian's package `rust-src` of the very version that `rustc`
//! reports, unpacked into `target/` in the shape of a sysroot. Cargo names a library's symbols by its path below the compiler's sysroot, and the
//! installed compiler is told to take this one for its own: so every checkout on every machine gets the same bytes from the same compiler. The last
//! way looks through Debian's newer suites with an apt configuration of its own, made
//! from the machine's sources, and changes nothing on the machine. `-Z build-std` then needs `RUSTC_BOOTSTRAP=1`, because it is not
//! stable; no toolchain but the installed one is used.

use crate::{
    apt::{self, PrivateApt},
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Where the standard library's source is, and how to make cargo use it.
pub struct Toolchain {
    /// The folder named `library`.
    pub library: PathBuf,
    /// `rustc --version`, for the record: reproducible builds are promised per compiler version.
    pub version: String,
    /// The sysroot of our own that holds the source, when the installed one does not.
    sysroot: Option<PathBuf>,
}

impl Toolchain {
    /// Finds or fetches the source.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        let version = output_of(Command::new("rustc").arg("--version")).context("rustc is not installed")?;
        let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"])).context("rustc has no sysroot")?;
        let builtin = Path::new(&sysroot).join(LIBRARY_IN_SYSROOT);
        let installed = |library: &Path| Self {
            library: library.into(),
            version: version.clone(),
            sysroot: None,
        };
        if has_library(&builtin) {
            return Ok(installed(&builtin));
        }
        if rustup_may_fetch() {
            let step = Step::new(
                &workspace.logs(),
                "rustup component add rust-src",
                Duration::from_secs(600),
            )?;
            step.run(Command::new("rustup").args(["component", "add", "rust-src"]))?;
            if has_library(&builtin) {
                return Ok(installed(&builtin));
            }
        }
        let number = version
            .split_whitespace()
            .nth(1)
            .context("rustc --version has no number")?
            .to_owned();
        let own = workspace.cache().join("sysroot").join(&number);
        let library = own.join(LIBRARY_IN_SYSROOT);
        if !has_library(&library) {
            fetch_from_debian(workspace, &number, &own, Path::new(&sysroot))?;
        }
        if !has_library(&library) {
            bail!("Debian's rust-src {number} has no {}", library.display());
        }
        write_compiler(&own, Path::new(&sysroot))?;
        Ok(Self {
            library,
            version,
            sysroot: Some(own),
        })
    }

    /// The same for a checkout elsewhere, with a copy of the source of its own if this one has it in its `target/`.
    pub fn copied_to(&self, other: &Workspace) -> Result<Self> {
        let Some(sysroot) = &self.sysroot else {
            return Ok(Self {
                library: self.library.clone(),
                version: self.version.clone(),
                sysroot: None,
            });
        };
        let copy = other.cache().join("sysroot");
        fs::create_dir_all(&copy)?;
        let step = Step::new(&other.logs(), "copying the library's source", Duration::from_secs(300))?;
        step.run(Command::new("cp").arg("-a").arg(sysroot).arg(&copy))?;
        let own = copy.join(sysroot.file_name().context("the sysroot has no name")?);
        let installed =
            output_of(Command::new("rustc").args(["--print", "sysroot"])).context("rustc has no sysroot")?;
        write_compiler(&own, Path::new(&installed))?;
        Ok(Self {
            library: own.join(LIBRARY_IN_SYSROOT),
            version: self.version.clone(),
            sysroot: Some(own),
        })
    }

    /// Makes `command` (a cargo call) build `core` and `alloc` from this source.
    pub fn apply(&self, command: &mut Command) {
        command.env("RUSTC_BOOTSTRAP", "1");
        if let Some(sysroot) = &self.sysroot {
            command.env("RUSTC", compiler_of(sysroot));
        }
        command.args([
            "-Z",
            "build-std=core,alloc,compiler_builtins",
            "-Z",
            "build-std-features=compiler-builtins-mem",
        ]);
    }

    /// The source's root, whose path must not show in what is built.
    pub fn source_root(&self) -> &Path {
        self.library.parent().unwrap_or(&self.library)
    }
}

/// Where rustup's `rust-src` puts the library.
const LIBRARY_IN_SYSROOT: &str = "lib/rustlib/src/rust/library";

fn has_library(library: &Path) -> bool {
    library.join("core/src/lib.rs").is_file() && library.join("Cargo.lock").is_file()
}

fn rustup_may_fetch() -> bool {
    env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0")
        && output_of(Command::new("rustup").arg("--version")).is_some()
}

/// Downloads Debian's `rust-src` of exactly this rustc version, wherever a suite has it, and makes a sysroot in `folder` of it: the source, and
/// beside it the installed compiler's linker.
fn fetch_from_debian(workspace: &Workspace, number: &str, folder: &Path, installed: &Path) -> Result<()> {
    let one_line = format!(
        "the source of Rust's standard library is needed: `rustup component add rust-src`, or Debian's rust-src {number}"
    );
    if output_of(Command::new("apt-get").arg("--version")).is_none() {
        bail!("{one_line}");
    }
    println!("  rustup may fetch nothing here (RUSTUP_AUTO_INSTALL=0): taking rust-src {number} from Debian");
    let apt = PrivateApt::new(workspace)?;
    apt.update()?;
    let offers = apt.offers("rust-src")?;
    let Some(offer) = offers
        .iter()
        .find(|offer| offer.version.split(['+', '-', '~']).next() == Some(number))
    else {
        let versions: Vec<&str> = offers.iter().map(|offer| offer.version.as_str()).collect();
        bail!("{one_line} (suites offer {})", versions.join(", "));
    };
    let downloads = folder.with_extension("download");
    let wanted = [format!("rust-src={}", offer.version)];
    let packages = apt.download("downloading rust-src", &wanted, &downloads)?;
    let partial = folder.with_extension("partial");
    let unpacked = folder.with_extension("unpacked");
    apt::empty(&partial)?;
    apt::empty(&unpacked)?;
    apt::unpack(&packages, &unpacked)?;
    let library = partial.join(LIBRARY_IN_SYSROOT);
    fs::create_dir_all(library.parent().context("the library lies in the sysroot")?)?;
    fs::rename(unpacked.join(format!("usr/src/rustc-{number}/library")), &library)
        .with_context(|| format!("rust-src {} has no library", offer.version))?;
    let host = host_triple()?;
    symlink(
        installed.join("lib/rustlib").join(&host),
        partial.join("lib/rustlib").join(&host),
    )?;
    // The package is the whole compiler; what is not the library is not needed.
    fs::remove_dir_all(&unpacked)?;
    fs::remove_dir_all(&downloads)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::rename(&partial, folder)?;
    Ok(())
}

fn compiler_of(sysroot: &Path) -> PathBuf {
    sysroot.join("bin/rustc")
}

/// Writes the program that is the installed compiler with another sysroot.
fn write_compiler(sysroot: &Path, installed: &Path) -> Result<()> {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let script = format!(
        "#!/bin/sh\nexec {} --sysroot {} \"$@\"\n",
        quoted(&compiler_of(installed)),
        quoted(sysroot)
    );
    let path = compiler_of(sysroot);
    // Cargo asks a compiler that has changed everything anew.
    if fs::read(&path).is_ok_and(|old| old == script.as_bytes()) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("the compiler lies in a folder")?)?;
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn host_triple() -> Result<String> {
    output_of(Command::new("rustc").arg("-vV"))
        .and_then(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        })
        .context("rustc does not say what it runs on")
}
