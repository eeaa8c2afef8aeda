//! Structures that overlap what the SVSM itself uses for the call, calling areas that lie, and pages that are two things at once.
//!
//! Each is legal for a guest to try. The results are the SVSM specification's where it names one; where it leaves the outcome open, the call must end
//! with one of its codes, touch nothing that is not the guest's, and leave the next call working.

use crate::{instructions, machine::Machine, memory, svsm::vtpm_service};
use sha2::{Digest, Sha512};
use svsm_proto::{
    calling_area::{Call, protocol},
    core_call::{self, PvalidateEntry},
    ghcb_msr,
    launch_info::REGION_GPA,
    rmp, vtpm_call,
};

const SUCCESS: u64 = 0;
const UNSUPPORTED_CALL: u64 = 0x8000_0002;
const INVALID_ADDRESS: u64 = 0x8000_0003;
const INVALID_FORMAT: u64 = 0x8000_0004;
const INVALID_PARAMETER: u64 = 0x8000_0005;
/// A value that no result has.
const UNTOUCHED: u64 = 0x5EC2_E7;

/// Plays them all.
pub fn run(machine: &mut Machine) {
    pending_flags(machine);
    calling_area_as_structure(machine);
    list_in_a_page_that_it_gives_away(machine);
    deposited_page_is_nothing_else(machine);
    overlapping_results(machine);
    let query = u64::from(protocol::CORE) << 32 | 1;
    let out = machine.svsm.core(core_call::call::QUERY_PROTOCOL, query, 0, 0);
    machine.check("games: the SVSM serves its calls", out.rax, SUCCESS);
}

/// A switch to VMPL0 with this value in SVSM_CALL_PENDING; RAX and the flag afterwards.
fn switch(machine: &Machine, pending: u8) -> (u64, u8) {
    let caa = machine.svsm.calling_area();
    memory::write(caa, pending);
    instructions::write_ghcb_msr(ghcb_msr::Request::RunVmpl(0).encode());
    let out = instructions::vmgexit(instructions::Registers {
        rax: UNTOUCHED,
        ..Default::default()
    });
    (out.rax, memory::read(caa))
}

/// SVSM §5.2: 0 is no call, 1 is one, everything else is reserved.
fn pending_flags(machine: &mut Machine) {
    let (rax, flag) = switch(machine, 0);
    machine.check("games: without a pending call nothing is served", rax, UNTOUCHED);
    machine.check("games: the flag stays", u64::from(flag), 0);
    for pending in [2, 0x80, 0xFF] {
        let (rax, flag) = switch(machine, pending);
        machine.check(
            "games: a reserved value is SVSM_ERR_INVALID_FORMAT",
            rax,
            INVALID_FORMAT,
        );
        machine.check("games: and is cleared", u64::from(flag), 0);
    }
    // A flag without a switch: the hypervisor's events return to us, and nothing is served behind our back.
    let caa = machine.svsm.calling_area();
    memory::write(caa, 1u8);
    machine.say(format_args!("a call is pending, and nobody asks for it"));
    machine.check(
        "games: a forged flag alone is no call",
        u64::from(memory::read::<u8>(caa)),
        1,
    );
    memory::write(caa, 0u8);
}

/// The page with the flag in it is ordinary memory of the guest's otherwise.
fn calling_area_as_structure(machine: &mut Machine) {
    let caa = machine.svsm.calling_area();
    let vtpm = Call::rax(protocol::VTPM, vtpm_call::call::CMD);
    // The first word is the flag that the call itself set: platform command 1, power on.
    let rax = machine.svsm.call(vtpm, caa, 0, 0).rax;
    machine.check("games: the calling area as a TPM buffer", rax, UNSUPPORTED_CALL);
    let target = memory::pages(1);
    let entry = PvalidateEntry {
        gpa: target,
        size: rmp::PageSize::Small,
        validate: true,
        ignore_cf: true,
    };
    memory::write(caa + 8, [1u16, 0, 0, 0]);
    memory::write(caa + 16, entry.encode());
    let rax = machine.svsm.core(core_call::call::PVALIDATE, caa + 8, 0, 0).rax;
    machine.check("games: a list in the calling area", rax, SUCCESS);
    let done: u16 = memory::read(caa + 8 + core_call::LIST_NEXT_OFFSET);
    machine.check("games: the list in the calling area was done", u64::from(done), 1);
    let rax = machine.svsm.core(core_call::call::REMAP_CA, caa, 0, 0).rax;
    machine.check("games: REMAP_CA to the same page", rax, SUCCESS);
    memory::write(caa + 8, [1u16, 0, 0, 0]);
    memory::write(caa + 16, caa);
    let rax = machine.svsm.core(core_call::call::DEPOSIT_MEM, caa + 8, 0, 0).rax;
    machine.check("games: the calling area cannot be deposited", rax, INVALID_ADDRESS);
}

/// A list that rescinds the very page that it lies in: the SVSM cannot write its progress there any more.
fn list_in_a_page_that_it_gives_away(machine: &mut Machine) {
    let list = memory::pages(1);
    let entry = PvalidateEntry {
        gpa: list,
        size: rmp::PageSize::Small,
        validate: false,
        ignore_cf: false,
    };
    memory::write(list, [1u16, 0, 0, 0]);
    memory::write(list + 8, entry.encode());
    let rax = machine.svsm.core(core_call::call::PVALIDATE, list, 0, 0).rax;
    machine.check("games: a list that gives itself away", rax, INVALID_ADDRESS);
    let back = PvalidateEntry {
        validate: true,
        ..entry
    };
    let (rax, _) = machine.svsm.pvalidate(&[back.encode()]);
    machine.check("games: its page can be had back", rax, SUCCESS);
    machine.check("games: and holds zeros", memory::read(list + 8), 0);
}

fn deposited_page_is_nothing_else(machine: &mut Machine) {
    let block = memory::pages(3);
    let (page, caa) = (block + memory::PAGE, block + 2 * memory::PAGE);
    let scratch = machine.svsm.scratch();
    let deposit = |machine: &Machine| {
        memory::write(scratch, [1u16, 0, 0, 0]);
        memory::write(scratch + 8, page);
        machine.svsm.core(core_call::call::DEPOSIT_MEM, scratch, 0, 0).rax
    };
    let rax = deposit(machine);
    machine.check("games: DEPOSIT_MEM", rax, SUCCESS);
    let again = deposit(machine);
    machine.check("games: the same page again", again, INVALID_ADDRESS);
    let entry = PvalidateEntry {
        gpa: page,
        size: rmp::PageSize::Small,
        validate: true,
        ignore_cf: true,
    };
    let (rax, _) = machine.svsm.pvalidate(&[entry.encode()]);
    machine.check("games: a deposited page cannot be validated", rax, INVALID_ADDRESS);
    let core = |machine: &Machine, call, rcx, rdx| machine.svsm.core(call, rcx, rdx, 1).rax;
    let vtpm = Call::rax(protocol::VTPM, vtpm_call::call::CMD);
    for (what, rax) in [
        (
            "games: nor be a calling area",
            core(machine, core_call::call::REMAP_CA, page, 0),
        ),
        (
            "games: nor a VMSA",
            core(machine, core_call::call::CREATE_VCPU, page, caa),
        ),
        (
            "games: nor a VMSA's calling area",
            core(machine, core_call::call::CREATE_VCPU, caa, page),
        ),
        ("games: nor a TPM buffer", machine.svsm.call(vtpm, page, 0, 0).rax),
        ("games: nor a list", core(machine, core_call::call::PVALIDATE, page, 0)),
    ] {
        machine.check(what, rax, INVALID_ADDRESS);
    }
    let rax = machine.svsm.core(core_call::call::DELETE_VCPU, page, 0, 0).rax;
    machine.check("games: nor be deleted as a VMSA", rax, INVALID_PARAMETER);
    let rax = machine.svsm.core(core_call::call::DELETE_VCPU, REGION_GPA, 0, 0).rax;
    machine.check("games: nor can a page of the SVSM", rax, INVALID_PARAMETER);
    memory::write(scratch, [0u64; 2]);
    let rax = machine.svsm.core(core_call::call::WITHDRAW_MEM, scratch, 0, 0).rax;
    machine.check("games: WITHDRAW_MEM", rax, SUCCESS);
    machine.check("games: gives the page back", memory::read(scratch + 8), page);
}

/// Report, manifest and nonce in one page: whatever is overwritten is the guest's, and REPORT_DATA is over the nonce that was there.
fn overlapping_results(machine: &mut Machine) {
    let pages = memory::pages(3);
    let [results, second, request] = [0, 1, 2].map(|index| pages + index * memory::PAGE);
    let nonce = [0xA5; 64];
    let ask = |machine: &Machine, manifest_gpa, nonce_gpa| {
        memory::write_bytes(nonce_gpa, &nonce);
        machine
            .svsm
            .attest(request, &vtpm_service(results, manifest_gpa, nonce_gpa))
    };
    // An honest one first, to know the manifest.
    let out = ask(machine, second, request + 256);
    machine.check("games: a report", out.rax, SUCCESS);
    let manifest = memory::read_bytes(second, out.rcx.min(memory::PAGE) as usize);
    let expected = Sha512::new().chain_update(nonce).chain_update(&manifest).finalize();
    for (what, manifest_gpa, nonce_gpa) in [
        ("games: nonce where the report goes", second, results + 0x40),
        ("games: nonce where the manifest goes", second, second),
        ("games: manifest where the report goes", results, request + 256),
        ("games: results over the request", request, request + 256),
    ] {
        let out = ask(machine, manifest_gpa, nonce_gpa);
        machine.check(what, out.rax, SUCCESS);
        let found = memory::read_bytes(results + 0x50, 64);
        machine.check(
            "games: the report is over the nonce that was there",
            u64::from(found == expected.as_slice()),
            1,
        );
    }
}
