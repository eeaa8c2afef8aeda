//! From finished programs to a machine: builds the image, predicts its measurement, and sets the simulator up.
//!
//! The measurement is predicted from the image's bytes alone, before anything is booted; what the simulated processor measures is compared
//! with it afterwards, by the verifier, through the signed report.

use crate::Machine;
use anyhow::{Context, Result};
use sha2::Digest;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use svsm_image::{Image, Inputs, Options, Platform, build, measure};
use verifier::{Expectations, TrustRoots};

/// What to boot, by file.
pub struct Scenario {
    /// The simulator, ELF32.
    pub simulator: PathBuf,
    /// The SVSM.
    pub firmware: PathBuf,
    /// The TPM component.
    pub component: PathBuf,
    /// The guest.
    pub guest: PathBuf,
    /// The guest's command line.
    pub command_line: String,
    /// Folder with the simulated processor's keys, made when it is not there.
    pub pki: PathBuf,
    /// Options of the image.
    pub image: Options,
    /// Options of the simulator.
    pub options: Vec<String>,
    /// Longest run.
    pub limit: Duration,
}

/// An image that is ready to boot.
pub struct Prepared {
    /// The machine.
    pub machine: Machine,
    /// The image and its layout.
    pub image: Image,
    /// The launch digest that the simulator must measure.
    pub measurement: [u8; 48],
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The simulator's root certificate: what a verifier has to be told to trust.
    pub root: PathBuf,
    /// VCEK, ASK and ARK.
    pub chain: PathBuf,
}

impl Prepared {
    /// What a relying party wants to be true of this boot, which it has predicted: the measurement, the component, and the simulator's root,
    /// which it has to be told to trust.
    pub fn expectations(&self) -> Result<Expectations> {
        let mut expected = Expectations::of_measurements(vec![self.measurement]);
        expected.roots = TrustRoots::only(&read(&self.root)?)?;
        expected.component = Some(sha2::Sha256::digest(&self.component).into());
        Ok(expected)
    }

    /// The guest physical address of the first launched byte string `pattern` in the guest's pages.
    pub fn find_in_guest(&self, pattern: &[u8]) -> Option<u64> {
        self.image.layout.guest.iter().find_map(|(gpa, page)| {
            let at = page
                .as_ref()?
                .windows(pattern.len())
                .position(|window| window == pattern)?;
            Some(gpa + at as u64)
        })
    }
}

impl Scenario {
    /// A boot of what `cargo xtask build` left in `artefacts`.
    pub fn new(artefacts: &Path, command_line: &str) -> Self {
        Self {
            simulator: artefacts.join("snp-sim.elf32"),
            firmware: artefacts.join("svsm.elf"),
            component: artefacts.join("tpm.component.wasm"),
            guest: artefacts.join("guest.elf"),
            command_line: command_line.into(),
            pki: artefacts.join("simulator-only-pki"),
            image: Options::default(),
            options: Vec::new(),
            limit: Duration::from_secs(180),
        }
    }

    /// Builds the image into `file` and predicts its measurement for one vCPU.
    pub fn prepare(&self, file: &Path) -> Result<Prepared> {
        let component = read(&self.component)?;
        let image = self.build(&component)?;
        fs::write(file, &image.file).with_context(|| format!("cannot write {}", file.display()))?;
        let measurement = measure(&image.file, Platform::Simulator, 1)?.digest;
        let pki = sim_pki::ensure(&self.pki, &mut |text| println!("  {text}"))?;
        let machine = Machine {
            simulator: self.simulator.clone(),
            image: file.into(),
            pki: pki.pki,
            options: self.options.clone(),
            limit: self.limit,
        };
        Ok(Prepared {
            machine,
            image,
            measurement,
            component,
            root: pki.ark,
            chain: pki.chain_pem,
        })
    }

    fn build(&self, component: &[u8]) -> Result<Image> {
        build(&Inputs {
            firmware: &read(&self.firmware)?,
            component,
            guest: &read(&self.guest)?,
            command_line: &self.command_line,
            options: self.image,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}: `cargo xtask build` makes it", path.display()))
}
