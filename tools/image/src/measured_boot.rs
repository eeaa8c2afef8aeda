//! Predicts what the SVSM measures into the TPM when an image boots: the events, and the PCR values after them.
//!
//! The answer comes from the finished image's bytes alone, through this crate's own reader, and from the launch digest that was predicted for it. Which
//! events there are and in which order is written down here a second time, not taken from the SVSM's code; a boot that shows other PCRs than
//! predicted is a mistake of one of the two, or another boot. The image may be anybody's: damaged ones are errors.
//!
//! Order and contents: README, "Attestation"; TCG PC Client Platform Firmware Profile 1.05 §3.3.4.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use svsm_proto::event_log::{Bank, Digests, MAX_COMMAND_LINE, SEPARATOR, VERSION};
use svsm_proto::launch_info::{LAUNCH_INFO_GPA, LaunchInfo};

use crate::digest::PAGE_SIZE;
use crate::igvm_reader::{Directive, IgvmImage, PageData, PageKind};

/// Bytes of a kernel or initial file system, at most.
const PAYLOAD_LIMIT: u64 = 1 << 30;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The SVSM's version.
    Version,
    /// The launch digest.
    LaunchDigest,
    /// The TPM component's file.
    Component,
    /// The end of a PCR's pre-OS part.
    Separator,
    /// The kernel.
    Kernel,
    /// The initial file system.
    Initrd,
    /// The command line.
    CommandLine,
}

impl Thing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Thing::Version => "version of the SVSM",
            Thing::LaunchDigest => "launch digest",
            Thing::Component => "TPM component",
            Thing::Separator => "separator",
            Thing::Kernel => "kernel",
            Thing::Initrd => "initial file system",
            Thing::CommandLine => "command line",
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEvent {
    /// PCR that it extends.
    pub pcr: u8,
    /// What it is about.
    pub thing: Thing,
    /// What it extends the PCR by.
    pub digests: Digests,
}

/// All events of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootPrediction {
    /// In their order.
    pub events: Vec<BootEvent>,
    /// The command line, if there is one.
    pub command_line: Option<String>,
}

impl BootPrediction {
    /// The digests of a thing that is measured once.
    pub fn digests(&self, thing: Thing) -> Option<&Digests> {
        self.events
            .iter()
            .find_map(|event| (event.thing == thing).then_some(&event.digests))
    }

    /// The PCRs that the boot extends, with their values in one bank.
    pub fn pcrs(&self, bank: Bank) -> BTreeMap<u8, Vec<u8>> {
        let mut pcrs = BTreeMap::new();
        for event in &self.events {
            let value: &mut Vec<u8> = pcrs.entry(event.pcr).or_insert_with(|| vec![0; bank.size()]);
            value.extend_from_slice(event.digests.of(bank));
            *value = hash(bank, value);
        }
        pcrs
    }
}

/// The events of a boot of `file` whose launch digest is `measurement`.
pub fn predict_boot(file: &[u8], measurement: &[u8; 48]) -> Result<BootPrediction> {
    let image = IgvmImage::parse(file)?;
    let memory = Memory::new(&image);
    let page = memory.read(LAUNCH_INFO_GPA, PAGE_SIZE as u64)?;
    let info = LaunchInfo::parse(&page).map_err(|error| anyhow!("the launch information: {error:?}"))?;
    ensure!(info.kernel_len != 0, "the image names no kernel");
    ensure!(
        info.command_line_len <= MAX_COMMAND_LINE as u64,
        "a command line above {MAX_COMMAND_LINE} bytes"
    );
    let mut events = Vec::new();
    let mut add = |pcr, thing, bytes: &[u8]| {
        let digests = digests(bytes);
        events.push(BootEvent { pcr, thing, digests });
    };
    add(0, Thing::Version, &VERSION);
    add(0, Thing::LaunchDigest, measurement);
    let component = memory.read(info.component_gpa, info.component_len);
    add(0, Thing::Component, &component.context("component")?);
    for pcr in 0..8 {
        add(pcr, Thing::Separator, &SEPARATOR);
    }
    let kernel = memory.read(info.kernel_gpa, info.kernel_len);
    add(4, Thing::Kernel, &kernel.context("kernel")?);
    if info.initrd_len != 0 {
        let initrd = memory.read(info.initrd_gpa, info.initrd_len);
        add(9, Thing::Initrd, &initrd.context("initial file system")?);
    }
    let mut command_line = None;
    if info.command_line_len != 0 {
        let text = memory.read(info.command_line_gpa, info.command_line_len);
        let text = text.context("command line")?;
        add(9, Thing::CommandLine, &text);
        command_line = Some(String::from_utf8(text).context("the command line is no text")?);
    }
    Ok(BootPrediction { events, command_line })
}

/// What is launched with known contents, by address.
struct Memory<'a>(BTreeMap<u64, &'a PageData>);

impl<'a> Memory<'a> {
    fn new(image: &'a IgvmImage) -> Self {
        let pages = image.directives.iter().filter_map(|directive| match directive {
            Directive::Page(page) if page.kind == PageKind::Normal => Some((page.gpa, page)),
            _ => None,
        });
        Memory(pages.collect())
    }

    /// `len` bytes from `gpa`; an error when any of them is not measured.
    fn read(&self, gpa: u64, len: u64) -> Result<Vec<u8>> {
        ensure!(len <= PAYLOAD_LIMIT, "{len} bytes");
        let end = gpa.checked_add(len).context("beyond the end of memory")?;
        let mut bytes = Vec::new();
        let mut at = gpa;
        while at < end {
            let start = at - at % PAGE_SIZE as u64;
            let page = self
                .0
                .get(&start)
                .with_context(|| format!("{start:#x} is not launched"))?;
            let next = end.min(start + PAGE_SIZE as u64);
            let part = (at - start) as usize..(next - start) as usize;
            match &page.data {
                Some(data) => bytes.extend_from_slice(&data[part]),
                None => bytes.resize(bytes.len() + part.len(), 0),
            }
            at = next;
        }
        Ok(bytes)
    }
}

fn digests(bytes: &[u8]) -> Digests {
    Digests {
        sha1: Sha1::digest(bytes).into(),
        sha256: Sha256::digest(bytes).into(),
        sha384: Sha384::digest(bytes).into(),
        sha512: Sha512::digest(bytes).into(),
    }
}

fn hash(bank: Bank, bytes: &[u8]) -> Vec<u8> {
    match bank {
        Bank::Sha1 => Sha1::digest(bytes).to_vec(),
        Bank::Sha256 => Sha256::digest(bytes).to_vec(),
        Bank::Sha384 => Sha384::digest(bytes).to_vec(),
        Bank::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}
