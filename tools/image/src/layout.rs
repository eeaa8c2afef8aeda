//! Decides what lies where in an image and states it in the launch-info page.
//!
//! The SVSM's region holds firmware, component and launch information; below it lie the guest's pages: a block of pages that the SVSM
//! writes for it (page tables, CPUID and secrets copies, calling area, boot information), its command line, and its program or its kernel. All
//! numbers come from `svsm_proto::launch_info`; the finished page is checked by the very parser that the SVSM uses, so that an image
//! that would not start is never made.

use anyhow::{Context, Result, anyhow, ensure};
use svsm_proto::event_log::MAX_COMMAND_LINE;
use svsm_proto::launch_info::{
    DEFAULT_GUEST_VMPL, DEFAULT_SEV_FEATURES, FIRMWARE_GPA, GUEST_PAGE_TABLE_PAGES, LAUNCH_INFO_GPA, LaunchInfo,
    MAX_RANGES, PageRange, REGION_GPA, ZERO_PAGE_PAGES,
};
use svsm_proto::vmsa::SevFeatures;
use zerocopy::IntoBytes;

use crate::digest::PAGE_SIZE;
use crate::elf::{Pages, Program, pages_of};
use crate::linux;

/// Where the pages begin that the SVSM writes for the guest, and the command line behind them.
const GUEST_BLOCK_GPA: u64 = 0x10_0000;
/// Longest bare-metal guest, from its first page to its last.
const KERNEL_LIMIT: u64 = 64 << 20;
const PAGE: u64 = PAGE_SIZE as u64;

/// What runs as the guest.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// An ELF64 executable, linked where it runs.
    Program(&'a [u8]),
    /// Linux, started by its 64-bit entry.
    Linux {
        /// The kernel: a bzImage as it comes.
        kernel: &'a [u8],
        /// The initial file system; empty for none.
        initrd: &'a [u8],
    },
}

/// What goes into an image.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The SVSM, an ELF64 executable linked at [`FIRMWARE_GPA`].
    pub firmware: &'a [u8],
    /// The TPM component's file.
    pub component: &'a [u8],
    /// The guest.
    pub guest: Payload<'a>,
    /// The guest's command line.
    pub command_line: &'a str,
    /// Choices.
    pub options: Options,
}

/// Choices of the image; all of them are measured.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The guest's level, 1 to 3.
    pub guest_vmpl: u8,
    /// SEV_FEATURES of every vCPU: SNP, and Secure TSC unless the host lacks it.
    pub features: SevFeatures,
    /// For how many vCPUs, 1 to 8.
    pub processors: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            guest_vmpl: DEFAULT_GUEST_VMPL,
            features: DEFAULT_SEV_FEATURES,
            processors: 1,
        }
    }
}

impl Options {
    /// The same with or without Secure TSC.
    pub fn with_secure_tsc(mut self, wanted: bool) -> Self {
        self.features.set(SevFeatures::SECURE_TSC, wanted);
        self
    }
}

/// What is launched, and where.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Measured pages of the SVSM's region, launch information included.
    pub svsm: Pages,
    /// Measured pages of the guest.
    pub guest: Pages,
    /// The firmware's first instruction.
    pub entry: u32,
    /// The statement about it all, which is also in `svsm`.
    pub info: LaunchInfo,
}

impl Layout {
    /// Places everything.
    pub fn new(inputs: &Inputs<'_>) -> Result<Self> {
        let firmware = Program::parse(inputs.firmware).context("firmware")?;
        let mut svsm = firmware.pages;
        let first = *svsm.keys().next().context("the firmware is empty")?;
        ensure!(
            first >= FIRMWARE_GPA,
            "the firmware is linked at {first:#x}, below {FIRMWARE_GPA:#x}"
        );
        let component_gpa = after(&svsm)?;
        ensure!(!inputs.component.is_empty(), "the component is empty");
        svsm.extend(pages_of(inputs.component, component_gpa));
        let free_gpa = after(&svsm)?;

        let mut info = LaunchInfo::empty();
        info.guest_vmpl = u32::from(inputs.options.guest_vmpl);
        info.processors = u64::from(inputs.options.processors);
        ensure!(
            free_gpa < REGION_GPA + info.region_size(),
            "firmware and component leave no free memory in the SVSM's region"
        );
        info.component_gpa = component_gpa;
        info.component_len = inputs.component.len() as u64;
        info.free_gpa = free_gpa;
        let guest = place_guest(inputs, &mut info)?;
        info.check()
            .map_err(|error| anyhow!("the launch information contradicts itself: {error:?}"))?;
        svsm.extend(pages_of(info.as_bytes(), LAUNCH_INFO_GPA));
        let entry = u32::try_from(firmware.entry).context("the firmware's entry point")?;
        Ok(Layout {
            svsm,
            guest,
            entry,
            info,
        })
    }
}

/// Places the guest, its command line and the pages that the SVSM writes for it.
fn place_guest(inputs: &Inputs<'_>, info: &mut LaunchInfo) -> Result<Pages> {
    let (mut placed, end) = place_block(&inputs.guest, info);
    if !inputs.command_line.is_empty() {
        ensure!(
            inputs.command_line.len() < MAX_COMMAND_LINE,
            "a command line of {MAX_COMMAND_LINE} bytes or more"
        );
        info.command_line_gpa = end;
        info.command_line_len = inputs.command_line.len() as u64;
        placed.extend(pages_of(inputs.command_line.as_bytes(), end));
    }
    let mut pages = match inputs.guest {
        Payload::Program(file) => {
            let mut program = Program::parse(file).context("guest")?;
            info.guest_boot_argument = info.boot_info_gpa;
            info.guest_rip = program.entry;
            (info.kernel_gpa, info.kernel_len) = fill_gaps(&mut program.pages)?;
            program.pages
        }
        Payload::Linux { kernel, initrd } => linux::place(kernel, initrd, inputs.options.processors, info)?,
    };
    let clash = placed.keys().find(|gpa| pages.contains_key(gpa));
    ensure!(
        clash.is_none(),
        "the guest's program lies on {:#x}, which the SVSM needs",
        clash.copied().unwrap_or_default()
    );
    pages.extend(placed);
    let ranges = ranges(&pages);
    ensure!(
        ranges.len() <= MAX_RANGES,
        "the guest lies in {} pieces, at most {MAX_RANGES} fit",
        ranges.len()
    );
    info.range_count = ranges.len() as u64;
    for (slot, range) in info.ranges.iter_mut().zip(ranges) {
        *slot = range;
    }
    Ok(pages)
}

/// Sets the pages aside that the SVSM writes, and for Linux the zero page with the page behind it. Returns the pages of the former and the
/// address behind all of them.
fn place_block(guest: &Payload<'_>, info: &mut LaunchInfo) -> (Pages, u64) {
    let mut next = GUEST_BLOCK_GPA;
    let mut block = |count: u64| {
        let gpa = next;
        next += count * PAGE;
        gpa
    };
    if let Payload::Program(_) = guest {
        info.boot_info_gpa = block(1);
    }
    info.page_tables_count = u64::from(GUEST_PAGE_TABLE_PAGES);
    info.page_tables_gpa = block(info.page_tables_count);
    info.cpuid_copy_gpa = block(1);
    info.secrets_copy_gpa = block(1);
    info.caa_gpa = block(1);
    let written = (GUEST_BLOCK_GPA..info.caa_gpa + PAGE)
        .step_by(PAGE_SIZE)
        .map(|gpa| (gpa, None))
        .collect();
    if let Payload::Linux { .. } = guest {
        info.zero_page_gpa = block(ZERO_PAGE_PAGES);
    }
    (written, next)
}

/// Puts zero pages between a program's segments, so that its pages are one piece, which is what the SVSM measures as the kernel; address and
/// length of the piece.
fn fill_gaps(pages: &mut Pages) -> Result<(u64, u64)> {
    let first = *pages.keys().next().context("the guest is empty")?;
    let end = after(pages)?;
    ensure!(
        end - first <= KERNEL_LIMIT,
        "the guest's segments lie {:#x} bytes apart",
        end - first
    );
    for page in (first..end).step_by(PAGE_SIZE) {
        pages.entry(page).or_default();
    }
    Ok((first, end - first))
}

/// The page behind the last one.
fn after(pages: &Pages) -> Result<u64> {
    pages
        .keys()
        .next_back()
        .and_then(|last| last.checked_add(PAGE))
        .context("no room behind the last page")
}

/// Runs of neighbouring pages.
fn ranges(pages: &Pages) -> Vec<PageRange> {
    let mut ranges: Vec<PageRange> = Vec::new();
    for gpa in pages.keys() {
        match ranges.last_mut() {
            Some(last) if last.end() == Some(*gpa) => last.pages += 1,
            _ => ranges.push(PageRange { gpa: *gpa, pages: 1 }),
        }
    }
    ranges
}
