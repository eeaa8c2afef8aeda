//! One call of each kind that reads guest memory, on pages whose addresses are said beforehand: for a hypervisor that watches them, or for
//! another processor that changes them while the SVSM reads (`watch` and `race` of the simulator).
//!
//! Each call is valid as it stands at first, and must come out as if nothing had been changed: the SVSM copies once, and judges the copy. Between
//! `begin NAME` and `end NAME` lies exactly one call. The expected results are those of the SVSM specification for the first contents.

use crate::{machine::Machine, memory, svsm::vtpm_service};
use sha2::{Digest, Sha512};
use sim_guest::tpm::{Command, Response, cc};
use svsm_proto::{
    attest_call,
    calling_area::{Call, protocol},
    core_call::{self, PvalidateEntry},
    report, rmp, vtpm_call,
};
use zerocopy::IntoBytes;

const SUCCESS: u64 = 0;
/// Where REPORT_DATA lies in a report (SNP firmware ABI, table 23).
const REPORT_DATA: u64 = 0x50;

/// Makes them all.
pub fn run(machine: &mut Machine) {
    let pages = memory::pages(9);
    let page = |index: u64| pages + index * memory::PAGE;
    let caa = machine.svsm.calling_area();
    for (name, gpa) in [
        ("calling-area", caa),
        ("list", page(0)),
        ("tpm", page(1)),
        ("operation", page(2)),
        ("nonce", page(3)),
    ] {
        machine.say(format_args!("page {name} {gpa:#x}"));
    }
    pvalidate(machine, page(0), [page(4), page(5)]);
    deposit(machine, page(0), page(4));
    tpm_command(machine, page(1));
    attestation(machine, page(2), page(3), [page(6), page(7)]);
}

fn begin(machine: &Machine, name: &str) {
    machine.say(format_args!("begin {name}"));
}

fn end(machine: &Machine, name: &str) {
    machine.say(format_args!("end {name}"));
}

/// Two pages that are valid already, which is not to matter.
fn pvalidate(machine: &mut Machine, list: u64, targets: [u64; 2]) {
    memory::write(list, [targets.len() as u16, 0, 0, 0]);
    for (index, gpa) in (0..).zip(targets) {
        let entry = PvalidateEntry {
            gpa,
            size: rmp::PageSize::Small,
            validate: true,
            ignore_cf: true,
        };
        memory::write(list + 8 + 8 * index, entry.encode());
    }
    begin(machine, "PVALIDATE");
    let rax = machine.svsm.core(core_call::call::PVALIDATE, list, 0, 0).rax;
    end(machine, "PVALIDATE");
    machine.check("race: PVALIDATE does what the list said", rax, SUCCESS);
    let done: u16 = memory::read(list + core_call::LIST_NEXT_OFFSET);
    machine.check("race: PVALIDATE did both entries", u64::from(done), 2);
}

/// One page, which comes back.
fn deposit(machine: &mut Machine, list: u64, target: u64) {
    memory::write(list, [1u16, 0, 0, 0]);
    memory::write(list + 8, target);
    begin(machine, "DEPOSIT_MEM");
    let rax = machine.svsm.core(core_call::call::DEPOSIT_MEM, list, 0, 0).rax;
    end(machine, "DEPOSIT_MEM");
    machine.check("race: DEPOSIT_MEM takes what the list said", rax, SUCCESS);
    let scratch = machine.svsm.scratch();
    let rax = machine.svsm.core(core_call::call::WITHDRAW_MEM, scratch, 0, 0).rax;
    machine.check("race: WITHDRAW_MEM", rax, SUCCESS);
    machine.check(
        "race: the page that was named comes back",
        memory::read(scratch + 8),
        target,
    );
}

fn tpm_command(machine: &mut Machine, page: u64) {
    let command = Command::new(cc::GET_RANDOM).u16(8).build();
    memory::write(page, vtpm_call::TPM_SEND_COMMAND);
    memory::write(page + 4, 0u8);
    memory::write_bytes(page + 5, &(command.len() as u32).to_le_bytes());
    memory::write_bytes(page + 9, &command);
    begin(machine, "SVSM_VTPM_CMD");
    let number = Call::rax(protocol::VTPM, vtpm_call::call::CMD);
    let rax = machine.svsm.call(number, page, 0, 0).rax;
    end(machine, "SVSM_VTPM_CMD");
    machine.check("race: the TPM gets the command that was there", rax, SUCCESS);
    let size = memory::read::<u32>(page) as usize;
    let response = memory::read_bytes(page + vtpm_call::RESPONSE_HEADER_SIZE as u64, size.min(64));
    // Tag, size, code, TPM2B of eight bytes: Part 3, section 16.1.
    machine.check("race: the TPM's response", size as u64, 20);
    let good = Response::parse(&response).is_ok();
    machine.check("race: TPM_RC_SUCCESS", u64::from(good), 1);
}

/// A fresh report whose nonce changes while it is read: it is over one nonce, the first.
fn attestation(machine: &mut Machine, operation: u64, nonce: u64, results: [u64; 2]) {
    let mut asked = [0; 64];
    for (byte, value) in asked.iter_mut().zip(0x30..) {
        *byte = value;
    }
    memory::write_bytes(nonce, &asked);
    memory::write_bytes(operation, vtpm_service(results[0], results[1], nonce).as_bytes());
    begin(machine, "SVSM_ATTEST_SINGLE_SERVICE");
    let number = Call::rax(protocol::ATTESTATION, attest_call::call::SINGLE_SERVICE);
    let out = machine.svsm.call(number, operation, 0, 0);
    end(machine, "SVSM_ATTEST_SINGLE_SERVICE");
    machine.check("race: the operation that was there", out.rax, SUCCESS);
    machine.check("race: a report", out.r8, report::REPORT_SIZE as u64);
    let manifest = memory::read_bytes(results[1], out.rcx.min(memory::PAGE) as usize);
    let expected = Sha512::new().chain_update(asked).chain_update(&manifest).finalize();
    let found = memory::read_bytes(results[0] + REPORT_DATA, 64);
    machine.check(
        "race: the report answers the nonce that was there",
        u64::from(found == expected.as_slice()),
        1,
    );
}
