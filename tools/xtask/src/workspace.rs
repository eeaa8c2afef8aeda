//! Where things are: the checkout's root, and the folders under `target/` that `cargo xtask` fills.

use anyhow::{Context, Result};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The checkout.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest
            .ancestors()
            .nth(2)
            .context("the xtask folder has no grandparent")?;
        let root = fs::canonicalize(root).with_context(|| format!("{} is gone", root.display()))?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A checkout elsewhere, with a target folder of its own.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.into(),
            target: root.join("target"),
        }
    }

    /// The checkout's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What cargo builds for the host.
    pub fn host_target(&self) -> PathBuf {
        self.target.clone()
    }

    /// What cargo builds for programs without an operating system and for wasm.
    pub fn bare_target(&self) -> PathBuf {
        self.target.join("bare")
    }

    /// Finished files: component, firmware, images.
    pub fn artefacts(&self) -> PathBuf {
        self.target.join("cloister")
    }

    /// What is fetched once and kept.
    pub fn cache(&self) -> PathBuf {
        self.target.join("cloister-cache")
    }

    /// The output of child processes.
    pub fn logs(&self) -> PathBuf {
        self.artefacts().join("log")
    }
}
