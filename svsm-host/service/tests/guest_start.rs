//! What the guest finds when it starts: exactly its pages, its secrets without the SVSM's keys, and a VMSA for 64-bit mode (SVSM chapter 4).

mod support;

use fake_platform::{FakePlatform, ModelTpm, Quirk};
use support::*;
use svsm_platform::{ApicId, Hypervisor};
use svsm_proto::{
    core_call::{self, PvalidateEntry},
    ghcb::Features,
    ghcb_msr::{Response, Termination},
    launch_info::{GuestBootInfo, REGION_GPA, REGION_SIZE},
    rmp::{PageSize, Permissions},
    secrets_page::SecretsPage,
    vmsa::{Vmsa, efer},
};
use svsm_service::hypervisor;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

fn bench() -> Bench<ModelTpm> {
    Bench::boot(ModelTpm::new(Quirk::None))
}

#[test]
fn guest_owns_exactly_its_launch_pages() {
    let bench = bench();
    let info = launch_info();
    for page in 0..MEMORY / 4096 {
        let gpa = page * 4096;
        let launched = info.guest_owns(gpa, 4096);
        let expected = if launched {
            Permissions::ALL
        } else {
            Permissions::empty()
        };
        assert_eq!(
            bench.machine.lock().info(gpa).permissions,
            [expected, expected, Permissions::empty()],
            "{gpa:#x}"
        );
    }
    for gpa in [REGION_GPA, VMSA, REGION_GPA + REGION_SIZE - 4096] {
        assert_eq!(
            bench.machine.lock().info(gpa).permissions,
            [Permissions::empty(); 3],
            "{gpa:#x}"
        );
    }
}

#[test]
fn guests_secrets_have_no_key_above_its_level() {
    let bench = bench();
    let info = launch_info();
    let page = SecretsPage::read_from_bytes(&bench.read(info.secrets_copy_gpa, 4096)).expect("a page");
    let keys = bench.machine.lock().psp.keys();
    assert_eq!(page.vmpck, [[0; 32], [0; 32], keys[2], keys[3]]);
    assert_eq!((page.svsm_base, page.svsm_size), (REGION_GPA, REGION_SIZE));
    assert_eq!(
        (page.svsm_caa, page.svsm_max_version, page.svsm_guest_vmpl),
        (info.caa_gpa, 1, 2)
    );
}

#[test]
fn guest_starts_in_64_bit_mode_at_its_level() {
    let bench = bench();
    let info = launch_info();
    let bytes = bench.machine.lock().peek(VMSA, 4096);
    let vmsa = Vmsa::read_from_bytes(&bytes).expect("a page");
    assert_eq!((vmsa.vmpl, vmsa.cpl), (GUEST, 0));
    assert_eq!((vmsa.rip, vmsa.rsi), (info.guest_rip, info.guest_boot_argument));
    assert_eq!(vmsa.cr3, info.page_tables_gpa | 1 << C_BIT);
    // APM volume 2 §15.5.1: what VMRUN demands of long mode.
    assert_eq!(vmsa.efer & 0x1500, 0x1500, "LME, LMA, SVME");
    assert_eq!(vmsa.cr0 & 0x8000_0001, 0x8000_0001, "PG, PE");
    assert_eq!(vmsa.cr4 & 0x20, 0x20, "PAE");
    assert_eq!(vmsa.cs.attributes & 0x600, 0x200, "L without D");
    assert_eq!(vmsa.rflags, 2, "interrupts off");
    assert_eq!(vmsa.sev_features, 0x201);
    assert_eq!(
        (vmsa.guest_tsc_scale, vmsa.guest_tsc_offset),
        (1 << 32, 0x1234),
        "the PSP's, for Secure TSC"
    );
    assert!(bench.machine.lock().info(VMSA).vmsa);
}

#[test]
fn guest_is_told_what_it_has() {
    let bench = bench();
    let info = launch_info();
    let boot = GuestBootInfo::parse(&bench.read(info.boot_info_gpa, 4096)).expect("boot information");
    assert_eq!((boot.memory_count, boot.validated_count), (1, 1));
    assert_eq!((boot.memory[0].gpa, boot.memory[0].pages), (0, MEMORY / 4096));
    assert_eq!(boot.validated[0], info.ranges[0]);
    assert_eq!((boot.caa_gpa, boot.secrets_gpa), (info.caa_gpa, info.secrets_copy_gpa));
    assert_eq!((boot.c_bit, boot.vmpl), (u64::from(C_BIT), 2));
}

#[test]
fn hypervisor_without_what_we_need_is_refused() {
    let machine = machine(&launch_info());
    let negotiate = |platform: &mut FakePlatform| {
        hypervisor::negotiate(|request| Response::decode(platform.msr_exchange(request.encode())))
    };
    let mut platform = FakePlatform::new(&machine, ApicId(0));
    assert!(negotiate(&mut platform).is_ok());
    for missing in [Features::SNP, Features::AP_CREATION, Features::MULTI_VMPL] {
        let mut platform = FakePlatform::new(&machine, ApicId(0));
        platform.features.remove(missing);
        assert_eq!(negotiate(&mut platform), Err(Termination::HypervisorFeatures));
    }
    for lie in [
        Response::SevInfo {
            max: 1,
            min: 1,
            c_bit: 51,
        }
        .encode(),
        Response::SevInfo {
            max: 4,
            min: 3,
            c_bit: 51,
        }
        .encode(),
        0x002,
        0,
    ] {
        platform.msr_lies.push_back(lie);
        assert_eq!(negotiate(&mut platform), Err(Termination::GhcbProtocol), "{lie:#x}");
    }
}

// SVSM §4 and DESIGN 1: the guest may run at any level below the SVSM's.
#[test]
fn guest_of_any_level_gets_what_belongs_to_it_and_nothing_above() {
    let info = launch_info();
    for level in 1..=3 {
        let mut bench = Bench::boot_at(ModelTpm::new(Quirk::None), level);
        // Permissions: the guest's level and those between it and the SVSM, no lower one.
        let expected: [Permissions; 3] = core::array::from_fn(|index| {
            if index < usize::from(level) {
                Permissions::ALL
            } else {
                Permissions::empty()
            }
        });
        assert_eq!(bench.machine.lock().info(LAUNCHED).permissions, expected, "{level}");
        let page = SecretsPage::read_from_bytes(&bench.read(info.secrets_copy_gpa, 4096)).expect("a page");
        let keys = bench.machine.lock().psp.keys();
        for (index, key) in page.vmpck.iter().enumerate() {
            let given = if index < usize::from(level) {
                [0; 32]
            } else {
                keys[index]
            };
            assert_eq!(*key, given, "VMPCK{index} of a guest at {level}");
        }
        assert_eq!(page.svsm_guest_vmpl, level);
        let vmsa = Vmsa::read_from_bytes(&bench.machine.lock().peek(VMSA, 4096)).expect("a page");
        assert_eq!(vmsa.vmpl, level);
        // The calls: a page is granted to the same levels, a VMSA of a level above is refused, and one of the guest's own runs.
        bench.machine.lock().make_private(FRESH, 0);
        let entry = PvalidateEntry {
            gpa: FRESH,
            size: PageSize::Small,
            validate: true,
            ignore_cf: false,
        };
        assert_eq!(bench.pvalidate(&[entry.encode()]).0, code::SUCCESS, "{level}");
        assert_eq!(bench.machine.lock().info(FRESH).permissions, expected, "{level}");
        for vmpl in 0..=3 {
            let (page, caa) = (SCRATCH + 0x4000, SCRATCH + 0x5000);
            let mut area = Vmsa::new_zeroed();
            area.vmpl = vmpl;
            area.efer = efer::SVME;
            area.sev_features = FEATURES.bits();
            bench.write(page, area.as_bytes());
            let rax = bench.call(0, core_call::call::CREATE_VCPU, [page, caa, 1]).rax;
            let expected = if vmpl >= level {
                code::SUCCESS
            } else {
                code::INVALID_PARAMETER
            };
            assert_eq!(rax, expected, "VMSA of VMPL{vmpl} from VMPL{level}");
            if rax == code::SUCCESS {
                assert_eq!(bench.core(core_call::call::DELETE_VCPU, page), code::SUCCESS);
            }
        }
    }
}
