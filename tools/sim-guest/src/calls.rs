//! Every SVSM call, good and bad, each with the result that the SVSM specification gives it.
//!
//! The codes on the right-hand sides come from the specification (58019 rev 1.00, chapters 5 to 8), not from what Cloister does.

use crate::{ghcb, machine::Machine, memory, svsm::vtpm_service};
use svsm_proto::{
    attest_call,
    calling_area::{Call, protocol},
    core_call::{self, PvalidateEntry},
    launch_info::{REGION_GPA, REGION_SIZE},
    manifest,
    psc::PageState,
    rmp, vmsa, vtpm_call,
};
use zerocopy::{FromZeros, IntoBytes};

extern crate alloc;

const SUCCESS: u64 = 0;
const UNSUPPORTED_PROTOCOL: u64 = 0x8000_0001;
const UNSUPPORTED_CALL: u64 = 0x8000_0002;
const INVALID_ADDRESS: u64 = 0x8000_0003;
const INVALID_PARAMETER: u64 = 0x8000_0005;
const INVALID_REQUEST: u64 = 0x8000_0006;
const PVALIDATE_UNCHANGED: u64 = 0x8000_1010;

/// Makes them all.
pub fn run(machine: &mut Machine) {
    numbers(machine);
    pvalidate(machine);
    remap(machine);
    vcpus(machine);
    memory_and_vtom(machine);
    attestation(machine);
    vtpm(machine);
}

fn numbers(machine: &mut Machine) {
    let cases = [
        ("a protocol that does not exist", 9, 0, UNSUPPORTED_PROTOCOL),
        ("the APIC protocol, which is not offered", 3, 0, UNSUPPORTED_PROTOCOL),
        ("a core call that does not exist", protocol::CORE, 99, UNSUPPORTED_CALL),
        (
            "an attestation call that does not exist",
            protocol::ATTESTATION,
            2,
            UNSUPPORTED_CALL,
        ),
        ("a vTPM call that does not exist", protocol::VTPM, 2, UNSUPPORTED_CALL),
    ];
    for (what, protocol, call, expected) in cases {
        let out = machine.svsm.call(Call::rax(protocol, call), 0, 0, 0);
        machine.check(what, out.rax, expected);
    }
    for (what, query) in [
        ("an unknown protocol has no versions", 77 << 32 | 1),
        ("version 99 is not offered", 1 << 32 | 99),
    ] {
        let out = machine.svsm.core(core_call::call::QUERY_PROTOCOL, query, 0, 0);
        machine.check(what, out.rax, SUCCESS);
        machine.check(what, out.rcx, 0);
    }
}

fn pvalidate(machine: &mut Machine) {
    let scratch = machine.svsm.scratch();
    let call = |machine: &Machine, list: u64| machine.svsm.core(core_call::call::PVALIDATE, list, 0, 0).rax;
    for (what, list, expected) in [
        ("PVALIDATE: misaligned list", scratch + 4, INVALID_PARAMETER),
        ("PVALIDATE: list in the SVSM", REGION_GPA + 0x1_0000, INVALID_ADDRESS),
    ] {
        let rax = call(machine, list);
        machine.check(what, rax, expected);
    }
    for (what, header) in [
        ("PVALIDATE: no entries", [0u16, 0, 0, 0]),
        ("PVALIDATE: more entries than fit", [512, 0, 0, 0]),
        ("PVALIDATE: next beyond the list", [1, 1, 0, 0]),
    ] {
        memory::write(scratch, header);
        let rax = call(machine, scratch);
        machine.check(what, rax, INVALID_PARAMETER);
    }
    let page = memory::pages(1);
    let validate = |gpa, ignore_cf| {
        PvalidateEntry {
            gpa,
            size: rmp::PageSize::Small,
            validate: true,
            ignore_cf,
        }
        .encode()
    };
    let rescind = |gpa| {
        PvalidateEntry {
            gpa,
            size: rmp::PageSize::Small,
            validate: false,
            ignore_cf: false,
        }
        .encode()
    };
    let caa = machine.svsm.calling_area();
    for (what, entry, expected) in [
        ("PVALIDATE: reserved bits", page | 1 << 4 | 4, INVALID_PARAMETER),
        ("PVALIDATE: page size 2", page | 2, INVALID_PARAMETER),
        (
            "PVALIDATE: misaligned large page",
            (page | 1 << 12) | 1 | 4,
            INVALID_PARAMETER,
        ),
        (
            "PVALIDATE: SVSM memory",
            rescind(REGION_GPA + 0x1_0000),
            INVALID_ADDRESS,
        ),
        (
            "PVALIDATE: last page of SVSM memory",
            rescind(REGION_GPA + REGION_SIZE - memory::PAGE),
            INVALID_ADDRESS,
        ),
        ("PVALIDATE: a calling area", rescind(caa), INVALID_ADDRESS),
        (
            "PVALIDATE: an address with the C-bit",
            validate(page | machine.tables.c_bit(), false),
            INVALID_ADDRESS,
        ),
        (
            "PVALIDATE: a page that is valid already",
            validate(page, false),
            PVALIDATE_UNCHANGED,
        ),
        (
            "PVALIDATE: a page that is valid already, ignored",
            validate(page, true),
            SUCCESS,
        ),
    ] {
        let (rax, done) = machine.svsm.pvalidate(&[entry]);
        machine.check(what, rax, expected);
        machine.check(
            "PVALIDATE: next counts what was done",
            u64::from(done),
            u64::from(expected == SUCCESS),
        );
    }
    memory::write(page, 0x5EC2E7u64);
    let (rax, done) = machine
        .svsm
        .pvalidate(&[rescind(page), validate(page, false), validate(page, false)]);
    machine.check("PVALIDATE: the third of three entries fails", rax, PVALIDATE_UNCHANGED);
    machine.check("PVALIDATE: next is the failing entry", u64::from(done), 2);
    machine.check("PVALIDATE: a validated page holds zeros", memory::read(page), 0);
    fresh_memory(machine);
}

/// Memory that was not launched: made private by the hypervisor, validated by the SVSM, usable and empty.
fn fresh_memory(machine: &mut Machine) {
    let Some(range) = machine
        .info
        .memory
        .iter()
        .take(machine.info.memory_count as usize)
        .max_by_key(|range| range.pages)
    else {
        return machine.say(format_args!("FAIL: the boot information lists no memory"));
    };
    let gpa = range.gpa + (range.pages - 1) * memory::PAGE;
    ghcb::change_page(gpa, PageState::Private);
    let entry = PvalidateEntry {
        gpa,
        size: rmp::PageSize::Small,
        validate: true,
        ignore_cf: false,
    };
    let (rax, _) = machine.svsm.pvalidate(&[entry.encode()]);
    machine.check("PVALIDATE: the last page of memory, made private", rax, SUCCESS);
    machine.check("the page holds zeros", memory::read(gpa), 0);
    memory::write(gpa, 0x0123_4567_89AB_CDEFu64);
    machine.check(
        "the page holds what is written",
        memory::read(gpa),
        0x0123_4567_89AB_CDEF,
    );
}

fn remap(machine: &mut Machine) {
    let old = machine.svsm.calling_area();
    let new = memory::pages(1);
    for (what, gpa, expected) in [
        ("REMAP_CA: misaligned", new + 8, INVALID_PARAMETER),
        ("REMAP_CA: SVSM memory", REGION_GPA + 0x1_0000, INVALID_ADDRESS),
    ] {
        let rax = machine.svsm.core(core_call::call::REMAP_CA, gpa, 0, 0).rax;
        machine.check(what, rax, expected);
    }
    for (what, gpa) in [("REMAP_CA: a new page", new), ("REMAP_CA: back to the first", old)] {
        memory::write(gpa, 1u8);
        let rax = machine.svsm.core(core_call::call::REMAP_CA, gpa, 0, 0).rax;
        machine.check(what, rax, SUCCESS);
        machine.check(
            "REMAP_CA: no call is pending in the new area",
            u64::from(memory::read::<u8>(gpa)),
            0,
        );
        machine.svsm.use_calling_area(gpa);
    }
}

/// A VMSA that could start: 64-bit, at our level, with our features.
pub fn good_vmsa(machine: &Machine) -> vmsa::Vmsa {
    let mut area = vmsa::Vmsa::new_zeroed();
    area.vmpl = machine.info.vmpl as u8;
    area.efer = 0x1D00;
    area.cr0 = 0x8000_0031;
    area.cr4 = 0x20;
    area.sev_features = svsm_proto::launch_info::DEFAULT_SEV_FEATURES.bits();
    area
}

fn vcpus(machine: &mut Machine) {
    let block = memory::pages(4);
    // Not on a 2 MiB boundary, which hypervisors refuse for a VMSA.
    let [page, caa, other] = [block + memory::PAGE, block + 2 * memory::PAGE, block + 3 * memory::PAGE];
    let create = |machine: &Machine, vmsa, caa| machine.svsm.core(core_call::call::CREATE_VCPU, vmsa, caa, 1).rax;
    let delete = |machine: &Machine, vmsa| machine.svsm.core(core_call::call::DELETE_VCPU, vmsa, 0, 0).rax;
    for (what, vmsa, caa, expected) in [
        ("CREATE_VCPU: misaligned VMSA", page + 16, caa, INVALID_PARAMETER),
        (
            "CREATE_VCPU: misaligned calling area",
            page,
            caa + 16,
            INVALID_PARAMETER,
        ),
        (
            "CREATE_VCPU: VMSA in the SVSM",
            REGION_GPA + 0x1_1000,
            caa,
            INVALID_ADDRESS,
        ),
        (
            "CREATE_VCPU: calling area in the SVSM",
            page,
            REGION_GPA + 0x1_1000,
            INVALID_ADDRESS,
        ),
        ("CREATE_VCPU: VMSA is the calling area", page, page, INVALID_ADDRESS),
        (
            "CREATE_VCPU: calling area in use",
            page,
            machine.svsm.calling_area(),
            INVALID_ADDRESS,
        ),
    ] {
        let rax = create(machine, vmsa, caa);
        machine.check(what, rax, expected);
    }
    type Change = fn(&mut vmsa::Vmsa);
    let bad: [(&str, Change); 4] = [
        ("CREATE_VCPU: VMPL 0", |area| area.vmpl = 0),
        ("CREATE_VCPU: a level above the caller's", |area| area.vmpl = 1),
        ("CREATE_VCPU: EFER without SVME", |area| area.efer = 0xD00),
        ("CREATE_VCPU: other SEV features", |area| area.sev_features ^= 8),
    ];
    for (what, change) in bad {
        let mut area = good_vmsa(machine);
        change(&mut area);
        memory::write_bytes(page, area.as_bytes());
        let rax = create(machine, page, caa);
        machine.check(what, rax, INVALID_PARAMETER);
    }
    memory::write_bytes(page, good_vmsa(machine).as_bytes());
    let rax = create(machine, page, caa);
    machine.check("CREATE_VCPU: a good VMSA", rax, SUCCESS);
    let rax = create(machine, page, other);
    machine.check("CREATE_VCPU: the same VMSA again", rax, INVALID_ADDRESS);
    let entry = PvalidateEntry {
        gpa: page,
        size: rmp::PageSize::Small,
        validate: false,
        ignore_cf: false,
    };
    let (rax, _) = machine.svsm.pvalidate(&[entry.encode()]);
    machine.check("PVALIDATE: a VMSA", rax, INVALID_ADDRESS);
    let rax = machine.svsm.core(core_call::call::REMAP_CA, page, 0, 0).rax;
    machine.check("REMAP_CA: a VMSA", rax, INVALID_ADDRESS);
    let rax = delete(machine, other);
    machine.check("DELETE_VCPU: not a VMSA", rax, INVALID_PARAMETER);
    let rax = delete(machine, page);
    machine.check("DELETE_VCPU: a VMSA that does not run", rax, SUCCESS);
    memory::write(page, 0x77u64);
    machine.check("DELETE_VCPU: the page is ours again", memory::read(page), 0x77);
    let rax = delete(machine, page);
    machine.check("DELETE_VCPU: the same again", rax, INVALID_PARAMETER);
}

fn memory_and_vtom(machine: &mut Machine) {
    let out = machine.svsm.core(core_call::call::CONFIGURE_VTOM, 1, 0, 0);
    machine.check("CONFIGURE_VTOM: query", out.rax, SUCCESS);
    machine.check("CONFIGURE_VTOM: not supported", out.rcx & 2, 0);
    let out = machine.svsm.core(core_call::call::CONFIGURE_VTOM, 2, 0, 0);
    machine.check("CONFIGURE_VTOM: configure", out.rax, INVALID_REQUEST);
    let scratch = machine.svsm.scratch();
    for (what, call, gpa) in [
        ("DEPOSIT_MEM: misaligned", core_call::call::DEPOSIT_MEM, scratch + 1),
        ("WITHDRAW_MEM: misaligned", core_call::call::WITHDRAW_MEM, scratch + 1),
        (
            "WITHDRAW_MEM: no room for an entry",
            core_call::call::WITHDRAW_MEM,
            scratch + 0xFF8,
        ),
    ] {
        let rax = machine.svsm.core(call, gpa, 0, 0).rax;
        machine.check(what, rax, INVALID_PARAMETER);
    }
    let page = memory::pages(1);
    memory::write(page, 0x5EC2E7u64);
    memory::write(scratch, [1u16, 0, 0, 0]);
    memory::write(scratch + 8, page);
    let rax = machine.svsm.core(core_call::call::DEPOSIT_MEM, scratch, 0, 0).rax;
    machine.check("DEPOSIT_MEM: one page", rax, SUCCESS);
    memory::write(scratch, [0u64; 2]);
    let rax = machine.svsm.core(core_call::call::WITHDRAW_MEM, scratch, 0, 0).rax;
    machine.check("WITHDRAW_MEM", rax, SUCCESS);
    machine.check("WITHDRAW_MEM: the page comes back", memory::read(scratch + 8), page);
    machine.check("WITHDRAW_MEM: it holds zeros", memory::read(page), 0);
}

fn attestation(machine: &mut Machine) {
    let pages = memory::pages(4);
    let [report, manifest_page, request] = [0, 1, 3].map(|index| pages + index * memory::PAGE);
    let mut good = vtpm_service(report, manifest_page, request + 256);
    good.services.manifest.size = 8192;
    type Change = fn(&mut attest_call::SingleService);
    let bad: [(&str, Change, u64); 9] = [
        (
            "ATTEST: nonce of 63 bytes",
            |o| o.services.nonce.size = 63,
            INVALID_PARAMETER,
        ),
        (
            "ATTEST: nonce of 65 bytes",
            |o| o.services.nonce.size = 65,
            INVALID_PARAMETER,
        ),
        ("ATTEST: no nonce", |o| o.services.nonce.size = 0, INVALID_PARAMETER),
        (
            "ATTEST: nonce in the SVSM",
            |o| o.services.nonce.gpa = REGION_GPA,
            INVALID_ADDRESS,
        ),
        (
            "ATTEST: misaligned report buffer",
            |o| o.services.report.gpa += 8,
            INVALID_PARAMETER,
        ),
        (
            "ATTEST: report buffer in the SVSM",
            |o| o.services.report.gpa = REGION_GPA,
            INVALID_ADDRESS,
        ),
        (
            "ATTEST: manifest buffer in the SVSM",
            |o| o.services.manifest.gpa = REGION_GPA,
            INVALID_ADDRESS,
        ),
        ("ATTEST: reserved bits", |o| o.reserved = 1, INVALID_PARAMETER),
        (
            "ATTEST: a manifest version that is not published",
            |o| o.version = 1,
            INVALID_PARAMETER,
        ),
    ];
    for (what, change, expected) in bad {
        let mut operation = good;
        change(&mut operation);
        let rax = machine.svsm.attest(request, &operation).rax;
        machine.check(what, rax, expected);
    }
    let mut small = good;
    small.services.manifest.size = 16;
    let out = machine.svsm.attest(request, &small);
    machine.check("ATTEST: manifest buffer too small", out.rax, INVALID_PARAMETER);
    machine.check(
        "ATTEST: the size that is needed (TPMT_PUBLIC of template L-1)",
        out.rcx,
        314,
    );
    let out = machine.svsm.attest(request, &good);
    machine.check("ATTEST: the vTPM service", out.rax, SUCCESS);
    machine.check("ATTEST: size of the report", out.r8, 0x4A0);
    memory::write_bytes(request, good.services.as_bytes());
    let all = Call::rax(protocol::ATTESTATION, attest_call::call::SERVICES);
    let out = machine.svsm.call(all, request, 0, 0);
    machine.check("ATTEST: all services", out.rax, SUCCESS);
    let bytes = memory::read_bytes(manifest_page, out.rcx.min(8192) as usize);
    let listed = manifest::Services::parse(&bytes).map_or(0, |services| services.entries().count());
    machine.check("ATTEST: all services lists two", listed as u64, 2);
    let out = machine.svsm.call(all, request + 4, 0, 0);
    machine.check("ATTEST: misaligned operation", out.rax, INVALID_PARAMETER);
}

fn vtpm(machine: &mut Machine) {
    let page = memory::pages(2);
    let number = Call::rax(protocol::VTPM, vtpm_call::call::CMD);
    let get_random = [0x80u8, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7B, 0, 8];
    let call = |machine: &Machine, gpa: u64, command: u32, locality: u8, size: u32| {
        memory::write(page, command);
        memory::write(page + 4, locality);
        memory::write_bytes(page + 5, &size.to_le_bytes());
        memory::write_bytes(page + 9, &get_random);
        machine.svsm.call(number, gpa, 0, 0).rax
    };
    let size = get_random.len() as u32;
    for (what, gpa, command, locality, size, expected) in [
        ("vTPM: locality 1", page, 8, 1, size, INVALID_PARAMETER),
        ("vTPM: locality 4", page, 8, 4, size, INVALID_PARAMETER),
        ("vTPM: power on", page, 1, 0, size, UNSUPPORTED_CALL),
        ("vTPM: power off", page, 2, 0, size, UNSUPPORTED_CALL),
        ("vTPM: reset", page, 17, 0, size, UNSUPPORTED_CALL),
        ("vTPM: longer than the buffer", page, 8, 0, 4088, INVALID_PARAMETER),
        ("vTPM: address 0", 0, 8, 0, size, INVALID_PARAMETER),
        (
            "vTPM: buffer in the SVSM",
            REGION_GPA + 0x1_0000,
            8,
            0,
            size,
            INVALID_ADDRESS,
        ),
        ("vTPM: GetRandom", page, 8, 0, size, SUCCESS),
    ] {
        let rax = call(machine, gpa, command, locality, size);
        machine.check(what, rax, expected);
    }
    machine.check("vTPM: size of the response", u64::from(memory::read::<u32>(page)), 20);
    let rax = call(machine, page, 8, 0, 11);
    machine.check(
        "vTPM: a command shorter than it says is the TPM's to refuse",
        rax,
        SUCCESS,
    );
    // TPM_RC_COMMAND_SIZE, Part 3 section 5.2.
    let code = memory::read_bytes(page + 4 + 6, 4);
    machine.check(
        "vTPM: TPM_RC_COMMAND_SIZE",
        u64::from(u32::from_be_bytes([code[0], code[1], code[2], code[3]])),
        0x142,
    );
}
