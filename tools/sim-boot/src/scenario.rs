//! From finished programs to a machine: builds the image, predicts its measurement, and sets the simulator up.
//!
//! Measurement and PCRs are predicted from the image's bytes alone, before anything is booted; what the simulated processor measures is compared
//! with it afterwards, by the verifier, through the signed report.

use crate::Machine;
use anyhow::{Context, Result};
use sha2::Digest;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use svsm_image::{BootPrediction, Image, Inputs, Options, Payload, Platform, Thing, build, measure, predict_boot};
use svsm_proto::event_log::Bank;
use verifier::{BootExpectations, Digests, Expectations, HashAlg, PcrValue, TrustRoots};

/// The kernel's command line in front of everything else: what Linux has to be told about a machine that has neither firmware nor PCI or HPET,
/// and how it stays quick under software emulation.
///
/// * `console=ttyS0,115200` the console is COM1; `8250.nr_uarts=2` COM2 is the guest owner's channel
/// * `pci=off hpet=disable nomce` none of these exists; the timer is the 8254 behind the 8259 (`no_timer_check`)
/// * `highres=off` the timer ticks at the kernel's own rate; `tsc=reliable` nobody watches the TSC, which nothing else could check
/// * `nokaslr` the kernel stays where it was measured; `random.trust_cpu=on` RDRAND is the only entropy at hand
/// * `io_delay=none i8042.nokbd i8042.noaux cryptomgr.notests mitigations=off swiotlb=1024 audit=0` saves exits and time
/// * `panic=-1` a panic ends the machine at once
pub const LINUX_COMMAND_LINE: &str = "console=ttyS0,115200 8250.nr_uarts=2 pci=off hpet=disable nomce no_timer_check \
     highres=off tsc=reliable nokaslr random.trust_cpu=on io_delay=none i8042.nokbd i8042.noaux cryptomgr.notests mitigations=off \
     swiotlb=1024 audit=0 panic=-1";

/// What follows it on a machine with one processor, which has no ACPI tables and no APIC: a timer that is programmed once (`nohz=off`) costs
/// less than one that is programmed for each tick.
pub const LINUX_ONE_PROCESSOR: &str = "acpi=off nolapic nohz=off";

/// What follows it on a machine with several: those that have nothing to do must not tick, since they take turns with the one that works.
pub const LINUX_SEVERAL_PROCESSORS: &str = "nohz=on";

/// Longest run with Linux: several processors under software emulation, on a busy dev host.
const LINUX_LIMIT: Duration = Duration::from_secs(900);

/// Memory of QEMU's machine in MiB, where that is enough.
const SMALL_MACHINE: u64 = 1024;
/// Memory of QEMU's machine in MiB beyond the guest's: image, heap of the simulator, save areas.
const MACHINE_EXTRA: u64 = 512;
/// Memory of a machine that runs Linux, in MiB.
const LINUX_MEMORY: u64 = 512;

/// What runs as the guest, by file.
pub enum Guest {
    /// A bare-metal program.
    Program(PathBuf),
    /// Linux. Its command line is [`LINUX_COMMAND_LINE`], [`LINUX_ONE_PROCESSOR`] or [`LINUX_SEVERAL_PROCESSORS`], and then the scenario's.
    Linux {
        /// The kernel, a bzImage as it comes.
        kernel: PathBuf,
        /// The initial file system.
        initrd: Option<PathBuf>,
    },
}

/// What to boot, by file.
pub struct Scenario {
    /// The simulator, ELF32.
    pub simulator: PathBuf,
    /// The SVSM.
    pub firmware: PathBuf,
    /// The TPM component.
    pub component: PathBuf,
    /// The guest.
    pub guest: Guest,
    /// The guest's command line.
    pub command_line: String,
    /// Folder with the simulated processor's keys, made when it is not there.
    pub pki: PathBuf,
    /// Processors.
    pub processors: u32,
    /// Options of the image.
    pub image: Options,
    /// Options of the simulator.
    pub options: Vec<String>,
    /// Longest run; Linux gets more if this is short.
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
    /// What the SVSM must measure into the TPM.
    pub boot: BootPrediction,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The simulator's root certificate: what a verifier has to be told to trust.
    pub root: PathBuf,
    /// VCEK, ASK and ARK.
    pub chain: PathBuf,
}

impl Prepared {
    /// What a relying party wants to be true of this boot, which it has predicted: the measurement, the component, what was booted with the PCRs
    /// that this gives, and the simulator's root, which it has to be told to trust.
    pub fn expectations(&self) -> Result<Expectations> {
        let mut expected = Expectations::of_measurements(vec![self.measurement]);
        expected.roots = TrustRoots::only(&read(&self.root)?)?;
        expected.component = Some(sha2::Sha256::digest(&self.component).into());
        let digests = |thing| self.boot.digests(thing).map(Digests::from);
        expected.boot = BootExpectations {
            kernel: digests(Thing::Kernel),
            initrd: digests(Thing::Initrd),
            command_line: Some(self.boot.command_line.clone().unwrap_or_default()),
        };
        let pcrs = self.boot.pcrs(Bank::Sha256).into_iter();
        expected.pcrs = pcrs
            .map(|(index, digest)| PcrValue {
                bank: HashAlg::Sha256,
                index,
                digest,
            })
            .collect();
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
            guest: Guest::Program(artefacts.join("guest.elf")),
            command_line: command_line.into(),
            pki: artefacts.join("simulator-only-pki"),
            processors: 1,
            image: Options::default(),
            options: Vec::new(),
            limit: Duration::from_secs(180),
        }
    }

    /// Builds the image into `file` and predicts its measurement.
    pub fn prepare(&self, file: &Path) -> Result<Prepared> {
        let component = read(&self.component)?;
        let image = self.build(&component)?;
        fs::write(file, &image.file).with_context(|| format!("cannot write {}", file.display()))?;
        let measurement = measure(&image.file, Platform::Simulator, self.processors)?.digest;
        let boot = predict_boot(&image.file, &measurement)?;
        let pki = sim_pki::ensure(&self.pki, &mut |text| println!("  {text}"))?;
        let machine = Machine {
            simulator: self.simulator.clone(),
            image: file.into(),
            pki: pki.pki,
            memory_mib: self.machine_memory(),
            options: self.simulator_options(),
            limit: match self.guest {
                Guest::Program(_) => self.limit,
                Guest::Linux { .. } => self.limit.max(LINUX_LIMIT),
            },
        };
        Ok(Prepared {
            machine,
            image,
            measurement,
            boot,
            component,
            root: pki.ark,
            chain: pki.chain_pem,
        })
    }

    fn build(&self, component: &[u8]) -> Result<Image> {
        let (first, second);
        let (guest, command_line) = match &self.guest {
            Guest::Program(program) => {
                first = read(program)?;
                (Payload::Program(&first), self.command_line.clone())
            }
            Guest::Linux { kernel, initrd } => {
                first = read(kernel)?;
                second = initrd.as_deref().map_or(Ok(Vec::new()), read)?;
                let payload = Payload::Linux {
                    kernel: &first,
                    initrd: &second,
                };
                let processors = match self.processors {
                    1 => LINUX_ONE_PROCESSOR,
                    _ => LINUX_SEVERAL_PROCESSORS,
                };
                let words = [LINUX_COMMAND_LINE, processors, &self.command_line];
                let given: Vec<&str> = words.into_iter().filter(|words| !words.is_empty()).collect();
                (payload, given.join(" "))
            }
        };
        build(&Inputs {
            firmware: &read(&self.firmware)?,
            component,
            guest,
            command_line: &command_line,
            options: Options {
                processors: self.processors,
                ..self.image
            },
        })
    }

    /// The simulator's options: those of the scenario, and more memory than it has by itself for Linux.
    fn simulator_options(&self) -> Vec<String> {
        let mut options = self.options.clone();
        if self.processors != 1 {
            options.push(format!("smp={}", self.processors));
        }
        if matches!(self.guest, Guest::Linux { .. }) && !options.iter().any(|option| option.starts_with("mem=")) {
            options.push(format!("mem={LINUX_MEMORY}"));
        }
        options
    }

    /// What the simulator needs: each guest page twice, and room for itself and the image.
    fn machine_memory(&self) -> u64 {
        let guest = self
            .simulator_options()
            .iter()
            .find_map(|option| option.strip_prefix("mem=")?.parse::<u64>().ok());
        guest.map_or(SMALL_MACHINE, |mib| SMALL_MACHINE.max(2 * mib + MACHINE_EXTRA))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}: `cargo xtask build` makes it", path.display()))
}
