//! Predicts the launch digest of an IGVM file, as QEMU and KVM (or the simulator) will produce it.
//!
//! The order is QEMU's: runs of like pages are queued when they end, parameter pages at once, and one VMSA per vCPU comes last, when
//! KVM finishes the launch. What is measured of a VMSA is not the file's bytes but what KVM builds from them, and vCPUs beyond those in
//! the file start in QEMU's reset state; hence the number of vCPUs is part of the question. The simulator follows KVM in all of this.
//! Sources: QEMU 10 `backends/igvm.c` and `target/i386/sev.c`, Linux `arch/x86/kvm/svm/sev.c`.

use anyhow::{Context, Result, ensure};

use crate::digest::{LaunchDigest, PAGE_SIZE, PageContent, VMSA_GPA};
use crate::igvm_reader::{Directive, IgvmImage, PageData, PageKind};
use crate::kvm_vmsa;

/// CPUID Fn0000_0001_EAX of the simulated processor, and of QEMU's `EPYC-Milan` model: family 19h, model 1, stepping 1.
pub const MILAN_SIGNATURE: u32 = 0x00A0_0F11;

/// Which platform's launch is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// The simulated platform of this workspace.
    Simulator,
    /// QEMU with KVM; resetting a vCPU puts the processor's signature into RDX, which is measured.
    Kvm {
        /// CPUID Fn0000_0001_EAX of QEMU's `-cpu` model.
        signature: u32,
    },
}

impl Platform {
    fn signature(self) -> u32 {
        match self {
            Platform::Simulator => MILAN_SIGNATURE,
            Platform::Kvm { signature } => signature,
        }
    }
}

/// The prediction, with what went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The launch digest.
    pub digest: [u8; 48],
    /// Pages with measured contents.
    pub measured_pages: u64,
    /// Pages of which only type and place are measured.
    pub placed_pages: u64,
    /// VMSAs, one per vCPU.
    pub vmsas: u32,
}

/// The launch digest of `file` on `platform` with `vcpus` virtual processors.
pub fn measure(file: &[u8], platform: Platform, vcpus: u32) -> Result<Measurement> {
    ensure!((1..=4096).contains(&vcpus), "{vcpus} vCPUs");
    let image = IgvmImage::parse(file)?;
    let mut launch = Launch::default();
    for directive in &image.directives {
        match directive {
            Directive::Page(page) => launch.page(page),
            Directive::ParameterInsert { gpa, pages } => launch.parameter(*gpa, *pages)?,
            Directive::VpContext { .. } | Directive::RequiredMemory { .. } => {}
        }
    }
    launch.end_run();
    for vmsa in vmsas(&image, platform, vcpus)? {
        launch.digest.add(PageContent::Vmsa(&vmsa), VMSA_GPA);
    }
    let Launch {
        digest,
        measured_pages,
        placed_pages,
        ..
    } = launch;
    Ok(Measurement {
        digest: digest.value(),
        measured_pages,
        placed_pages,
        vmsas: vcpus,
    })
}

/// The VMSAs as measured, in vCPU order.
fn vmsas(image: &IgvmImage, platform: Platform, vcpus: u32) -> Result<Vec<Box<[u8; PAGE_SIZE]>>> {
    let in_file = |wanted: u32| {
        image.directives.iter().find_map(|directive| match directive {
            Directive::VpContext { index, vmsa } if u32::from(*index) == wanted => Some(vmsa),
            _ => None,
        })
    };
    let features = kvm_vmsa::sev_features(in_file(0).context("the file has no start state for the first vCPU")?);
    (0..vcpus)
        .map(|index| match in_file(index) {
            Some(vmsa) => kvm_vmsa::from_file(vmsa).with_context(|| format!("start state of vCPU {index}")),
            None => Ok(kvm_vmsa::reset_state(platform.signature(), features)),
        })
        .collect()
}

/// The queue of QEMU's loader, hashed as it is emptied.
#[derive(Default)]
struct Launch<'a> {
    digest: LaunchDigest,
    run: Vec<&'a PageData>,
    measured_pages: u64,
    placed_pages: u64,
}

impl<'a> Launch<'a> {
    fn page(&mut self, page: &'a PageData) {
        let continues = self.run.last().is_some_and(|last| {
            last.kind == page.kind
                && last.data.is_some() == page.data.is_some()
                && last.gpa.checked_add(PAGE_SIZE as u64) == Some(page.gpa)
        });
        if !continues {
            self.end_run();
        }
        self.run.push(page);
    }

    fn end_run(&mut self) {
        const ZEROS: [u8; PAGE_SIZE] = [0; PAGE_SIZE];
        for page in std::mem::take(&mut self.run) {
            let content = match page.kind {
                PageKind::Normal => PageContent::Normal(page.data.as_deref().unwrap_or(&ZEROS)),
                PageKind::Unmeasured => PageContent::Unmeasured,
                PageKind::Secrets => PageContent::Secrets,
                PageKind::Cpuid => PageContent::Cpuid,
            };
            if page.kind == PageKind::Normal {
                self.measured_pages += 1;
            } else {
                self.placed_pages += 1;
            }
            self.digest.add(content, page.gpa);
        }
    }

    fn parameter(&mut self, gpa: u64, pages: u64) -> Result<()> {
        for index in 0..pages {
            let offset = index.checked_mul(PAGE_SIZE as u64).context("parameter area size")?;
            self.digest.add(
                PageContent::Unmeasured,
                gpa.checked_add(offset).context("parameter area end")?,
            );
            self.placed_pages += 1;
        }
        Ok(())
    }
}
