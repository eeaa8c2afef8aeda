//! A booted SVSM over the fake platform, and a guest that makes calls.
#![allow(dead_code, reason = "each test file uses its own part")]

use fake_platform::{FakeClock, FakeEntropy, FakePlatform, Machine, SharedMachine};
use svsm_platform::{ApicId, Gpa, MemoryMap, Vmpl};
use svsm_proto::{
    calling_area::Call,
    cpuid_page::CpuidPage,
    ghcb_msr::Termination,
    launch_info::{FIRMWARE_GPA, GUEST_PAGE_TABLE_PAGES, LaunchInfo, PageRange, REGION_GPA, REGION_SIZE},
    secrets_page::SecretsPage,
    vmsa::{SevFeatures, offset},
};
use svsm_service::{
    guest_boot::{self, GuestStart},
    measured_boot::{self, Started},
    psp::Psp,
    request_loop::{self, Turn},
    svsm::{Evidence, Parts, Svsm, boot_identity},
    tpm::{PlatformHierarchy, Tpm},
};
use tpm_contract::Component;
use zerocopy::FromZeros;

/// The boot processor.
pub const CPU: ApicId = ApicId(0);
/// The guest's level.
pub const GUEST: u8 = 2;
/// The guest's first VMSA.
pub const VMSA: u64 = REGION_GPA + 0x80_1000;
/// Bytes of guest memory from address 0.
pub const MEMORY: u64 = 16 << 20;
/// The launch pages: 256 from here.
pub const LAUNCHED: u64 = 0x10_0000;
/// The guest's kernel: neither whole pages nor whole chunks.
pub const KERNEL: std::ops::Range<u64> = LAUNCHED + 0x1_0000..LAUNCHED + 0x1_F123;
/// Its initial file system: more than one chunk, not from a page's start.
pub const INITRD: std::ops::Range<u64> = LAUNCHED + 0x4_0800..LAUNCHED + 0x5_2345;
/// Its command line.
pub const COMMAND_LINE: (u64, &str) = (LAUNCHED + 0x6_0000, "console=ttyS0 quiet");
/// The component's file.
pub const COMPONENT: &[u8] = b"\0asm and so on";
/// A few launch pages that nothing else uses.
pub const SCRATCH: u64 = 0x12_0000;
/// A guest page that was never launched.
pub const FRESH: u64 = 0x80_0000;
/// Position of the C-bit.
pub const C_BIT: u8 = 51;
/// Features of every VMSA.
pub const FEATURES: SevFeatures = SevFeatures::SNP.union(SevFeatures::SECURE_TSC);

/// Registers after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub r8: u64,
}

/// A running SVSM with one vCPU's platform.
pub struct Bench<C> {
    pub machine: SharedMachine,
    pub platform: FakePlatform,
    pub svsm: Svsm<C, FakeClock>,
    pub clock: FakeClock,
    pub caa: u64,
    pub level: u8,
}

/// Launch information like an image builder's.
pub fn launch_info() -> LaunchInfo {
    let mut info = LaunchInfo::empty();
    info.guest_vmpl = u32::from(GUEST);
    info.component_gpa = FIRMWARE_GPA + 0x10_0000;
    info.component_len = COMPONENT.len() as u64;
    info.free_gpa = info.component_gpa + 0x1000;
    info.guest_rip = LAUNCHED + 0x1_0000;
    info.boot_info_gpa = LAUNCHED;
    info.guest_boot_argument = LAUNCHED;
    info.page_tables_gpa = LAUNCHED + 0x1000;
    info.page_tables_count = u64::from(GUEST_PAGE_TABLE_PAGES);
    info.cpuid_copy_gpa = LAUNCHED + 0x7000;
    info.secrets_copy_gpa = LAUNCHED + 0x8000;
    info.caa_gpa = LAUNCHED + 0x9000;
    (info.kernel_gpa, info.kernel_len) = (KERNEL.start, KERNEL.end - KERNEL.start);
    (info.initrd_gpa, info.initrd_len) = (INITRD.start, INITRD.end - INITRD.start);
    (info.command_line_gpa, info.command_line_len) = (COMMAND_LINE.0, COMMAND_LINE.1.len() as u64);
    info.range_count = 1;
    info.ranges[0] = PageRange {
        gpa: LAUNCHED,
        pages: 256,
    };
    info.check().expect("launch information holds together");
    info
}

/// Bytes of the guest's that are launched at an address: no two are alike in a row.
pub fn launched(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(|gpa| (gpa % 251) as u8).collect()
}

/// A machine with the launch pages in place.
pub fn machine(info: &LaunchInfo) -> SharedMachine {
    let mut machine = Machine::new(REGION_GPA..REGION_GPA + REGION_SIZE);
    for range in info.guest_ranges() {
        for page in 0..range.pages {
            machine.launch(range.gpa + page * 4096, &[]);
        }
    }
    for range in [KERNEL, INITRD] {
        machine.poke(range.start, &launched(range));
    }
    machine.poke(COMMAND_LINE.0, COMMAND_LINE.1.as_bytes());
    SharedMachine::new(machine)
}

/// All of the guest's memory.
pub fn memory_map() -> MemoryMap {
    memory_map_of(&[PageRange {
        gpa: 0,
        pages: MEMORY / 4096,
    }])
}

/// A guest's memory in these ranges.
fn memory_map_of(memory: &[PageRange]) -> MemoryMap {
    let region = PageRange {
        gpa: REGION_GPA,
        pages: REGION_SIZE / 4096,
    };
    MemoryMap::new(region, memory.iter().copied()).expect("map")
}

/// The secrets page as the PSP would deliver it.
pub fn secrets(machine: &SharedMachine) -> SecretsPage {
    let mut secrets = SecretsPage::new_zeroed();
    secrets.version = 3;
    secrets.vmpck = machine.lock().psp.keys();
    secrets
}

impl<C: Component> Bench<C> {
    /// Boots with this component.
    pub fn boot(component: C) -> Self {
        Self::boot_with(component, PlatformHierarchy::CloseNow)
    }

    /// Boots with this component, and says who closes the platform hierarchy.
    pub fn boot_with(component: C, hierarchy: PlatformHierarchy) -> Self {
        Self::boot_as(component, hierarchy, GUEST)
    }

    /// Boots a guest of another level than usual.
    pub fn boot_at(component: C, level: u8) -> Self {
        Self::boot_as(component, PlatformHierarchy::CloseNow, level)
    }

    fn boot_as(component: C, hierarchy: PlatformHierarchy, level: u8) -> Self {
        let mut info = launch_info();
        info.guest_vmpl = u32::from(level);
        let platform = FakePlatform::new(&machine(&info), CPU);
        let memory = [PageRange {
            gpa: 0,
            pages: MEMORY / 4096,
        }];
        let bench = Self::start(component, hierarchy, &info, &memory, platform).expect("guest prepared");
        bench.no_violations();
        bench
    }

    /// Boots a guest with this launch information and memory on a platform of the test's making.
    pub fn start(
        component: C,
        hierarchy: PlatformHierarchy,
        info: &LaunchInfo,
        memory: &[PageRange],
        mut platform: FakePlatform,
    ) -> Result<Self, Termination> {
        let machine = platform.machine().clone();
        let clock = FakeClock::default();
        let mut secrets = secrets(&machine);
        let mut psp = Psp::take(&mut secrets, clock.clone());
        let tsc = psp.tsc_info(&mut platform).expect("TSC info");
        let mut tpm = Tpm::power_on(component, &[], hierarchy, &mut FakeEntropy::new(7)).expect("provisioned");
        let boot_report = boot_identity(&tpm, &mut psp, &mut platform).expect("boot identity");
        let map = memory_map_of(memory);
        let started = Started {
            launch: info,
            component: COMPONENT,
            boot_report: &boot_report,
        };
        let event_log = measured_boot::measure(&mut tpm, &mut platform, &map, &started).expect("measured");
        let svsm = Svsm::new(Parts {
            guest_vmpl: Vmpl::new(info.guest_vmpl).expect("in range"),
            sev_features: FEATURES,
            map,
            tpm,
            psp,
            evidence: Evidence {
                component_sha256: [0xC0; 32],
                boot_report,
                event_log,
            },
        });
        let start = GuestStart {
            launch: info,
            secrets: &secrets,
            cpuid: &CpuidPage::new_zeroed(),
            c_bit: C_BIT,
            tsc: Some(tsc),
            cpu: CPU,
            vmsa: Gpa(VMSA),
        };
        guest_boot::prepare(&svsm, &mut platform, &start)?;
        Ok(Bench {
            machine,
            platform,
            svsm,
            clock,
            caa: info.caa_gpa,
            level: info.guest_vmpl as u8,
        })
    }

    /// Runs the guest with a step, and returns what the turn came to.
    pub fn run(&mut self, step: impl FnOnce(&mut Machine) + Send + 'static) -> Turn {
        self.platform.then(step);
        let turn = request_loop::turn(&self.svsm, &mut self.platform, CPU).expect("no termination");
        assert!(self.platform.is_done(), "the guest was not run");
        turn
    }

    /// Makes a call as a guest does, and checks what holds for every call.
    pub fn call(&mut self, protocol: u32, number: u32, [rcx, rdx, r8]: [u64; 3]) -> Out {
        let caa = self.caa;
        let turn = self.run(move |machine| request(machine, VMSA, caa, Call::rax(protocol, number), [rcx, rdx, r8]));
        assert_eq!(turn, Turn::Served);
        self.no_violations();
        let mut machine = self.machine.lock();
        assert_eq!(machine.peek(caa, 1), [0], "the call is still pending");
        assert!(machine.runnable_vmsa(CPU, self.level).is_some(), "the guest cannot run");
        outcome(&mut machine, VMSA)
    }

    /// RAX of a core call with RCX only.
    pub fn core(&mut self, number: u32, rcx: u64) -> u64 {
        self.call(0, number, [rcx, 0, 0]).rax
    }

    /// Fails if the machine saw a broken rule.
    pub fn no_violations(&self) {
        assert_eq!(self.machine.lock().violations, []);
    }

    /// Writes guest memory as the guest; it must be allowed to.
    pub fn write(&self, gpa: u64, bytes: &[u8]) {
        assert!(
            self.machine.lock().guest_write(self.level, gpa, bytes),
            "guest cannot write {gpa:#x}"
        );
    }

    /// Reads guest memory as the guest; it must be allowed to.
    pub fn read(&self, gpa: u64, len: usize) -> Vec<u8> {
        self.machine
            .lock()
            .guest_read(self.level, gpa, len)
            .expect("guest can read")
    }

    /// Writes a PVALIDATE or DEPOSIT_MEM list.
    pub fn write_list(&self, gpa: u64, count: u16, next: u16, entries: &[u64]) {
        let mut bytes = [count.to_le_bytes(), next.to_le_bytes(), [0; 2], [0; 2]].concat();
        entries
            .iter()
            .for_each(|entry| bytes.extend_from_slice(&entry.to_le_bytes()));
        self.write(gpa, &bytes);
    }

    /// Makes a PVALIDATE call over a list; RAX and the list's next index.
    pub fn pvalidate(&mut self, entries: &[u64]) -> (u64, u16) {
        self.write_list(SCRATCH, entries.len() as u16, 0, entries);
        let rax = self.core(svsm_proto::core_call::call::PVALIDATE, SCRATCH);
        (rax, self.list_next())
    }

    /// The next index of the list at [`SCRATCH`].
    pub fn list_next(&self) -> u16 {
        u16::from_le_bytes(self.machine.lock().peek(SCRATCH + 2, 2).try_into().expect("two bytes"))
    }
}

/// What guest and hardware do for a call: registers, exit code, flag, VMGEXIT.
pub fn request(machine: &mut Machine, vmsa: u64, caa: u64, rax: u64, [rcx, rdx, r8]: [u64; 3]) {
    for (at, value) in [
        (offset::RAX, rax),
        (offset::RCX, rcx),
        (offset::RDX, rdx),
        (offset::R8, r8),
        (offset::GUEST_EXITCODE, 0x403),
    ] {
        machine.set_word(vmsa, at, value);
    }
    machine.poke(caa, &[1]);
}

/// The registers that a call can change.
pub fn outcome(machine: &mut Machine, vmsa: u64) -> Out {
    Out {
        rax: machine.word(vmsa, offset::RAX),
        rcx: machine.word(vmsa, offset::RCX),
        rdx: machine.word(vmsa, offset::RDX),
        r8: machine.word(vmsa, offset::R8),
    }
}

/// SVSM table 5, written out.
pub mod code {
    pub const SUCCESS: u64 = 0;
    pub const INCOMPLETE: u64 = 0x8000_0000;
    pub const UNSUPPORTED_PROTOCOL: u64 = 0x8000_0001;
    pub const UNSUPPORTED_CALL: u64 = 0x8000_0002;
    pub const INVALID_ADDRESS: u64 = 0x8000_0003;
    pub const INVALID_FORMAT: u64 = 0x8000_0004;
    pub const INVALID_PARAMETER: u64 = 0x8000_0005;
    pub const INVALID_REQUEST: u64 = 0x8000_0006;
    pub const BUSY: u64 = 0x8000_0007;
    pub const VCPU_RUNNING: u64 = 0x8000_1003;
    pub const SIZE_MISMATCH: u64 = 0x8000_1006;
    pub const UNCHANGED: u64 = 0x8000_1010;
}
