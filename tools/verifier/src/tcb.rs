//! TCB versions: security patch levels of the platform's firmware and microcode.
//!
//! The same eight bytes mean different components on Turin than on Milan and Genoa (SNP firmware ABI, TCB_VERSION), so a value is
//! only ever read together with its product.

use std::fmt;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::roots::Product;

/// One patch level per component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tcb {
    /// FMC firmware; exists on Turin only and is 0 elsewhere.
    pub fmc: u8,
    /// Boot loader.
    pub bootloader: u8,
    /// Trusted execution environment of the PSP.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode.
    pub microcode: u8,
}

impl Tcb {
    /// Splits a TCB_VERSION; bytes that the product reserves must be zero.
    pub fn read(version: u64, product: Product) -> Result<Self> {
        let bytes = version.to_le_bytes();
        let (tcb, reserved) = match product {
            Product::Milan | Product::Genoa => (
                Tcb {
                    fmc: 0,
                    bootloader: bytes[0],
                    tee: bytes[1],
                    snp: bytes[6],
                    microcode: bytes[7],
                },
                &bytes[2..6],
            ),
            Product::Turin => (
                Tcb {
                    fmc: bytes[0],
                    bootloader: bytes[1],
                    tee: bytes[2],
                    snp: bytes[3],
                    microcode: bytes[7],
                },
                &bytes[4..7],
            ),
        };
        ensure!(
            reserved.iter().all(|byte| *byte == 0),
            "TCB version {version:#018x} has reserved bytes set"
        );
        Ok(tcb)
    }

    /// Names of the components of `self` that are below `minimum`.
    pub fn below(&self, minimum: &Tcb) -> Vec<&'static str> {
        self.components()
            .into_iter()
            .zip(minimum.components())
            .filter(|((_, have), (_, need))| have < need)
            .map(|((name, _), _)| name)
            .collect()
    }

    fn components(&self) -> [(&'static str, u8); 5] {
        [
            ("fmc", self.fmc),
            ("bootloader", self.bootloader),
            ("tee", self.tee),
            ("snp", self.snp),
            ("microcode", self.microcode),
        ]
    }
}

impl fmt::Display for Tcb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tcb {
            fmc,
            bootloader,
            tee,
            snp,
            microcode,
        } = self;
        write!(
            out,
            "bootloader {bootloader}, TEE {tee}, SNP {snp}, microcode {microcode}"
        )?;
        if *fmc != 0 { write!(out, ", FMC {fmc}") } else { Ok(()) }
    }
}
