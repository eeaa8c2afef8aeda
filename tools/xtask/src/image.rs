//! `cargo xtask image`, `measure`, `size`, `cost` and `conform`: the file that is booted, the digest that a launch of it must have, what it is made of, and what
//! its component takes and keeps.

use crate::{artefacts, build_record, process::Step, testing, toolchain::Toolchain, workspace::Workspace};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sim_boot::{Guest, Scenario};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use svsm_image::{Options, Platform, measure, predict_boot};
use svsm_proto::event_log::Bank;

/// What can be chosen about an image.
#[derive(Args)]
pub struct ImageArguments {
    /// A TPM component other than the one built here: any that fulfils `wit/`.
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// A guest other than the one built here, an ELF64 program.
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    pub guest: Option<PathBuf>,
    /// Linux as the guest: its kernel, a bzImage (measured).
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Linux's initial file system (measured).
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub initrd: Option<PathBuf>,
    /// The guest's command line (measured); Linux gets it behind what it needs to be told about the machine.
    #[arg(long, value_name = "TEXT")]
    pub append: Option<String>,
    /// Processors.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub smp: u32,
    /// Build for hosts without Secure TSC.
    #[arg(long)]
    pub no_secure_tsc: bool,
    /// The guest's level; the levels above it stay empty.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub guest_vmpl: u8,
}

impl ImageArguments {
    /// The scenario: everything built here but what was named.
    pub fn scenario(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Scenario> {
        let standard = if self.kernel.is_some() { "" } else { "story" };
        let command_line = self.append.as_deref().unwrap_or(standard);
        let mut scenario = Scenario::new(&workspace.artefacts(), command_line);
        scenario.simulator = artefacts::simulator(workspace, toolchain)?;
        scenario.firmware = artefacts::firmware(workspace, toolchain)?;
        scenario.component = match &self.component {
            Some(path) => path.clone(),
            None => artefacts::component(workspace, toolchain)?,
        };
        scenario.guest = match (&self.kernel, &self.guest) {
            (Some(kernel), _) => Guest::Linux {
                kernel: kernel.clone(),
                initrd: self.initrd.clone(),
            },
            (None, Some(path)) => Guest::Program(path.clone()),
            (None, None) => Guest::Program(artefacts::guest(workspace, toolchain)?),
        };
        scenario.processors = self.smp;
        scenario.image = Options::default().with_secure_tsc(!self.no_secure_tsc);
        scenario.image.guest_vmpl = self.guest_vmpl;
        Ok(scenario)
    }
}

/// Builds the image into `out`.
pub fn image(workspace: &Workspace, arguments: &ImageArguments, out: Option<PathBuf>) -> Result<()> {
    let toolchain = Toolchain::find(workspace)?;
    let out = out.unwrap_or_else(|| workspace.artefacts().join("cloister.igvm"));
    let scenario = arguments.scenario(workspace, &toolchain)?;
    let prepared = scenario.prepare(&out)?;
    record(&scenario, &out)?;
    println!("IMAGE: {} ({} bytes)", out.display(), prepared.image.file.len());
    Ok(())
}

/// Records beside the image which compilers made what went into it.
pub fn record(scenario: &Scenario, image: &Path) -> Result<()> {
    let compiler_of = |file: &Path| -> Result<String> {
        Ok(build_record::read(file)?.unwrap_or_else(|| format!("not recorded beside {}", file.display())))
    };
    let lines = format!(
        "component: {}\nfirmware: {}",
        compiler_of(&scenario.component)?,
        compiler_of(&scenario.firmware)?
    );
    build_record::write(image, &lines)
}

/// Whose launch is predicted.
#[derive(Clone, Copy, ValueEnum)]
pub enum Host {
    /// The simulated platform.
    Sim,
    /// QEMU with KVM.
    Kvm,
}

/// Predicts the launch digest of `file`, and the PCRs in which its boot is measured.
pub fn predict(
    workspace: &Workspace,
    file: Option<PathBuf>,
    host: Host,
    vcpus: u32,
    signature: Option<&str>,
) -> Result<()> {
    let file = file.unwrap_or_else(|| workspace.artefacts().join("cloister.igvm"));
    let bytes = fs::read(&file).with_context(|| format!("{}: `cargo xtask image` makes it", file.display()))?;
    let platform = match (host, signature) {
        (Host::Sim, None) => Platform::Simulator,
        (Host::Sim, Some(_)) => bail!("--signature belongs to --platform kvm"),
        (Host::Kvm, signature) => {
            let digits = signature.unwrap_or("00a00f11").trim_start_matches("0x");
            let signature = u32::from_str_radix(digits, 16).context("--signature is a hexadecimal CPUID signature")?;
            Platform::Kvm { signature }
        }
    };
    let measurement = measure(&bytes, platform, vcpus)?;
    let digest: String = measurement.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    match build_record::read(&file)? {
        Some(lines) => lines.lines().for_each(|line| println!("compiler of the {line}")),
        None => println!("compiler: not recorded beside {}", file.display()),
    }
    println!(
        "measured: {} pages by content, {} by place, {} VMSA",
        measurement.measured_pages, measurement.placed_pages, measurement.vmsas
    );
    println!("PCRs when the guest starts, as `cargo xtask verify --pcr` takes them:");
    for (pcr, value) in predict_boot(&bytes, &measurement.digest)?.pcrs(Bank::Sha256) {
        let value: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("  sha256:{pcr}={value}");
    }
    println!("MEASUREMENT: {digest}");
    Ok(())
}

/// How a component is tried.
#[derive(Clone, Copy)]
pub enum Trial {
    /// What it costs.
    Cost,
    /// Whether it keeps the rules of `wit/`.
    Conformance,
}

/// Tries a component: the one built here, if none is named. The program that does is a child, so that what it needs is built only when it is wanted.
pub fn try_component(workspace: &Workspace, component: Option<PathBuf>, trial: Trial) -> Result<()> {
    let component = match component {
        Some(path) => path,
        None => artefacts::component(workspace, &Toolchain::find(workspace)?)?,
    };
    let (program, title) = match trial {
        Trial::Cost => ("component_cost", "measuring the component"),
        Trial::Conformance => ("component_conform", "trying the component"),
    };
    let program = testing::component_trial(workspace)?.join(program);
    Step::new(&workspace.logs(), title, Duration::from_secs(600))?.run_loud(Command::new(program).arg(component))
}

/// Prints the sizes of what was built.
pub fn size(workspace: &Workspace) -> Result<()> {
    let toolchain = Toolchain::find(workspace)?;
    let built = artefacts::build(workspace, &toolchain)?;
    let files = [
        ("component", &built.component),
        ("firmware", &built.firmware),
        ("simulator", &built.simulator),
        ("guest", &built.guest),
    ];
    for (name, path) in files {
        println!("{name:>10}: {:>9} bytes", fs::metadata(path)?.len());
    }
    let out = workspace.artefacts().join("cloister.igvm");
    let scenario = Scenario::new(&workspace.artefacts(), "story");
    let prepared = scenario.prepare(&out)?;
    record(&scenario, &out)?;
    let region = prepared.image.layout.info.region_size();
    let launched = prepared.image.layout.info.free_gpa - svsm_proto::launch_info::REGION_GPA;
    println!("{:>10}: {:>9} bytes", "image", prepared.image.file.len());
    println!(
        "{:>10}: {launched:>9} of {region} bytes of the SVSM's region are launched, the rest is its memory",
        "region"
    );
    Ok(())
}
