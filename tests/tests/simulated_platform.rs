//! The simulated SNP platform against the manuals: a probe guest executes what they describe and compares every outcome, without any
//! code of the SVSM; what ends a machine must end it for the stated reason.
//!
//! Expectations: AMD APM volume 2, 15.35 and 15.36, and volume 3 (PVALIDATE, RMPADJUST, RMPQUERY); GHCB specification 56421. The launch
//! digest is compared with the image builder's prediction, which shares no code with the simulator.

use anyhow::{Context, Result, ensure};
use cloister_tests::artefact;
use igvm::IgvmDirectiveHeader;
use igvm_defs::IgvmPageDataType;
use sim_boot::{End, Machine, Origin};
use std::{collections::BTreeMap, fs, time::Duration};
use svsm_image::{PAGE_SIZE, Platform, VMSA_GPA, elf::Program, igvm_file, measure, page_data, vmsa};
use svsm_proto::vmsa::SevFeatures;

const SNP_MASK: u32 = 1;
/// Where the probe reads what to do.
const SCENARIO_GPA: u64 = 0x1F_F000;
/// Memory that is private from the start, but not launched.
const REQUIRED: (u64, u32) = (0x100_0000, 0x40_0000);

fn image(scenario: u64) -> Result<Vec<u8>> {
    let program = Program::parse(&fs::read(artefact("snp-probe.elf"))?)?;
    let mut what_to_do = Box::new([0; PAGE_SIZE]);
    what_to_do[..8].copy_from_slice(&scenario.to_le_bytes());
    let mut pages = BTreeMap::from([(SCENARIO_GPA, Some(what_to_do))]);
    pages.extend(program.pages);
    let mut directives = vec![IgvmDirectiveHeader::RequiredMemory {
        gpa: REQUIRED.0,
        compatibility_mask: SNP_MASK,
        number_of_bytes: REQUIRED.1,
        vtl2_protectable: false,
    }];
    directives.extend(
        pages
            .into_iter()
            .map(|(gpa, data)| page_data(gpa, IgvmPageDataType::NORMAL, data.as_deref())),
    );
    directives.push(IgvmDirectiveHeader::SnpVpContext {
        gpa: VMSA_GPA,
        compatibility_mask: SNP_MASK,
        vp_index: 0,
        vmsa: vmsa::boot_processor(
            u32::try_from(program.entry)?,
            SevFeatures::SNP | SevFeatures::SECURE_TSC,
        ),
    });
    igvm_file(directives)
}

/// One boot: how it ended, the reason, and every line.
struct Boot {
    end: End,
    reason: String,
    lines: Vec<(Origin, String)>,
}

fn boot(image: &[u8], options: &[&str]) -> Result<Boot> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("probe.igvm");
    fs::write(&file, image)?;
    let keys = artefact("snp-probe.elf").with_file_name("pki");
    let pki = sim_pki::ensure(&keys, &mut |text| println!("{text}"))?;
    let machine = Machine {
        simulator: artefact("snp-sim.elf32"),
        image: file,
        pki: pki.pki,
        memory_mib: 1024,
        options: options.iter().map(|&option| option.to_owned()).collect(),
        limit: Duration::from_secs(120),
    };
    let mut running = machine.start()?;
    let end = running.wait_end()?;
    let lines: Vec<_> = running
        .history()
        .iter()
        .map(|line| (line.origin, line.text.clone()))
        .collect();
    let last = lines.last().context("no line at all")?;
    let reason = last.1.strip_prefix("stopped: ").filter(|_| last.0 == Origin::Hardware);
    let reason = reason.with_context(|| format!("no last line with the reason, but '{}'", last.1))?;
    Ok(Boot {
        end,
        reason: reason.to_owned(),
        lines,
    })
}

impl Boot {
    fn measurement(&self) -> Option<&str> {
        self.lines.iter().find_map(|(origin, text)| match origin {
            Origin::Hardware => text.strip_prefix("measurement: "),
            _ => None,
        })
    }

    fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|(_, line)| line.contains(text))
    }
}

#[test]
fn every_outcome_that_the_probe_survives_is_the_manuals() -> Result<()> {
    let boot = boot(&image(0)?, &[])?;
    let failed: Vec<_> = boot
        .lines
        .iter()
        .filter(|(_, text)| text.starts_with("FAILED"))
        .collect();
    ensure!(failed.is_empty(), "{failed:?}");
    ensure!(boot.says("all checks done"), "ended early: {}", boot.reason);
    let passed = boot.lines.iter().filter(|(_, text)| text.starts_with("ok: ")).count();
    ensure!(passed >= 60, "only {passed} checks were made");
    ensure!(boot.end == End::PowerOff);
    Ok(())
}

#[test]
fn what_ends_a_machine_ends_it_for_the_stated_reason() -> Result<()> {
    let cases = [
        (1, End::Stopped, "#VC could not be delivered"),
        (2, End::Stopped, "shared write to an assigned page"),
        (3, End::Stopped, "page is not assigned"),
        (4, End::Stopped, "VMPL2 private read of GPA 0x602000"),
        (5, End::Stopped, "VMPL2 private write of GPA 0x602000"),
        (6, End::Stopped, "VMPL2 private execute of GPA 0x602000"),
        (7, End::Stopped, "(VMEXIT_INVALID): EFER.SVME is clear"),
        (8, End::Stopped, "(VMEXIT_INVALID): the page is not a save area"),
        (9, End::Stopped, "(VMEXIT_INVALID): the page is not a save area"),
        (10, End::SimulatorFailed, "not modelled"),
        (11, End::Stopped, "requested termination: set 0xc code 0x5"),
        (
            12,
            End::Stopped,
            "(VMEXIT_INVALID): it could still act on rights that RMPADJUST took",
        ),
    ];
    for (scenario, end, reason) in cases {
        let boot = boot(&image(scenario)?, &[])?;
        ensure!(
            boot.end == end && boot.reason.contains(reason),
            "scenario {scenario} ended with {:?}: {}",
            boot.end,
            boot.reason
        );
    }
    Ok(())
}

#[test]
fn measurement_equals_the_prediction_for_one_and_two_processors_and_not_after_tampering() -> Result<()> {
    let image = image(0)?;
    let predicted = |vcpus| -> Result<String> { Ok(hex::encode(measure(&image, Platform::Simulator, vcpus)?.digest)) };
    let measured = |options: &[&str]| -> Result<String> {
        let boot = boot(&image, options)?;
        boot.measurement().map(str::to_owned).context("no measurement")
    };
    ensure!(measured(&[])? == predicted(1)?);
    ensure!(measured(&["smp=2"])? == predicted(2)?);
    ensure!(measured(&["tamper=0x200fff:1"])? != predicted(1)?);
    Ok(())
}

#[test]
fn preemption_at_any_instruction_changes_no_outcome() -> Result<()> {
    let boot = boot(&image(0)?, &["tick=70"])?;
    ensure!(boot.says("all checks done") && !boot.says("FAILED"), "{}", boot.reason);
    Ok(())
}

#[test]
fn page_that_the_hypervisor_takes_and_gives_back_is_not_validated() -> Result<()> {
    // The probe's code: whatever is executed next raises #VC 0x404, and its handler lies in the same memory.
    let boot = boot(&image(0)?, &["hostile=remap:0x201000@20", "hostile=remap:0x200000@20"])?;
    ensure!(boot.end == End::Stopped, "{:?}", boot.end);
    ensure!(boot.says("is not validated: #VC 0x404"), "{}", boot.reason);
    Ok(())
}

#[test]
fn misspelt_option_ends_the_run() -> Result<()> {
    let boot = boot(&image(0)?, &["hostile=psp-bussy"])?;
    ensure!(
        boot.end == End::SimulatorFailed && boot.reason.contains("psp-bussy"),
        "{}",
        boot.reason
    );
    Ok(())
}
