//! Attempts to reach what a guest must not reach.
//!
//! [`run`] tries one thing that the hardware must stop by ending the VM: it names the stop it expects in a line `expect: …` and then does
//! it; a line that begins with FAIL after that means that nothing stopped it. [`resisted`] tries what must be refused while the VM lives on.

use crate::{
    calls,
    exceptions::{self, Fault},
    ghcb, instructions,
    machine::Machine,
    memory,
    psp::{Channel, Refused},
    svsm::vtpm_service,
};
use sim_guest::tpm::{self, Command, cc};
use svsm_proto::{
    calling_area::{Call, protocol},
    ghcb::exit,
    guest_msg::status,
    launch_info::{FIRMWARE_GPA, REGION_GPA},
    psc::PageState,
    rmp::{Permissions, RmpAttributes},
};
use zerocopy::IntoBytes;

extern crate alloc;

/// A page of the SVSM that certainly exists and certainly is not readable.
const TARGET: u64 = FIRMWARE_GPA;

/// Tries `name`, which ends the VM.
pub fn run(machine: &mut Machine, name: &str) {
    match name {
        "read" => {
            machine.say(format_args!("expect: VMPL2 private read of GPA {TARGET:#x}"));
            let byte: u8 = memory::read(TARGET);
            machine.say(format_args!("FAIL: read {byte:#x} from the SVSM"));
        }
        "write" => {
            machine.say(format_args!("expect: VMPL2 private write of GPA {TARGET:#x}"));
            memory::write(TARGET, 0u8);
            machine.say(format_args!("FAIL: wrote into the SVSM"));
        }
        "execute" => {
            machine.say(format_args!("expect: VMPL2 private execute of GPA {TARGET:#x}"));
            instructions::jump(TARGET);
        }
        "write-shared" => {
            machine.tables.set_large_private(TARGET, false);
            machine.say(format_args!("expect: VMPL2 shared write of GPA {TARGET:#x}"));
            memory::write(TARGET, 0u8);
            machine.say(format_args!("FAIL: wrote into the SVSM through a shared mapping"));
        }
        "write-vmsa" => write_vmsa(machine),
        "page-tables" => {
            // Our first page table is moved into the SVSM: the processor's own walk must be refused as well.
            machine.say(format_args!("expect: VMPL2 private page-table walk of GPA {TARGET:#x}"));
            instructions::load_page_tables(TARGET | machine.tables.c_bit());
            machine.say(format_args!("FAIL: page tables in the SVSM were walked"));
        }
        other => machine.say(format_args!("FAIL: no attack '{other}'")),
    }
}

fn write_vmsa(machine: &mut Machine) {
    let block = memory::pages(3);
    let (page, caa) = (block + memory::PAGE, block + 2 * memory::PAGE);
    memory::write_bytes(page, calls::good_vmsa(machine).as_bytes());
    let rax = machine
        .svsm
        .core(svsm_proto::core_call::call::CREATE_VCPU, page, caa, 1)
        .rax;
    machine.check("CREATE_VCPU", rax, 0);
    machine.say(format_args!("expect: VMPL2 private write of GPA {:#x}", page + 0xCA));
    // The VMPL byte: a guest that could write it would promote itself.
    memory::write(page + 0xCA, 0u8);
    machine.say(format_args!("FAIL: wrote into a VMSA"));
}

/// What is refused while the VM lives on.
pub fn resisted(machine: &mut Machine) {
    memory_attacks(machine);
    secrets(machine);
    foreign_endorsement_key(machine);
    pcrs_that_return_to_zero(machine);
}

/// A guest whose PCRs could be reset under it could replay good values. Everything that might do so is tried.
fn pcrs_that_return_to_zero(machine: &mut Machine) {
    const MEASURED: u32 = 0x2FF;
    // Without the update counter, which TPM2_Clear may advance: behind it come selection and values.
    let values = |machine: &Machine| {
        let pcrs = (0u32..16).filter(|pcr| MEASURED >> pcr & 1 == 1);
        let read = |pcr: u32| {
            let command = Command::new(cc::PCR_READ).bytes(&tpm::sha256_pcrs(1 << pcr));
            machine.svsm.tpm(&command.build(), |mut response| {
                response.take(4)?;
                Ok(response.rest().to_vec())
            })
        };
        pcrs.map(read).collect::<Result<alloc::vec::Vec<_>, _>>()
    };
    let code = |machine: &Machine, command: Command| match machine.svsm.tpm(&command.build(), |_| Ok(())) {
        Ok(()) => 0,
        Err(tpm::Trouble::Code(code)) => u64::from(code),
        Err(tpm::Trouble::Malformed) => u64::MAX,
    };
    let before = values(machine);
    machine.check("the measured PCRs can be read", u64::from(before.is_ok()), 1);
    for pcr in (0u32..16).filter(|pcr| MEASURED >> pcr & 1 == 1) {
        // TPM_RC_LOCALITY: no locality of the guest's resets these (PC Client Platform TPM Profile, table 6).
        let found = code(machine, Command::new(cc::PCR_RESET).authorized(pcr));
        machine.check("TPM2_PCR_Reset of a measured PCR", found, 0x907);
    }
    // TPM2_Shutdown(CLEAR) alone changes nothing; TPM2_Startup after it is TPM_RC_INITIALIZE, whichever type.
    let found = code(machine, Command::new(cc::SHUTDOWN).u16(0));
    machine.check("TPM2_Shutdown", found, 0);
    for kind in [0, 1] {
        let found = code(machine, Command::new(cc::STARTUP).u16(kind));
        machine.check("TPM2_Startup of a TPM that runs", found, 0x100);
    }
    let clear = code(machine, Command::new(cc::CLEAR).authorized(tpm::LOCKOUT));
    machine.check("TPM2_Clear is the lockout authorisation's", clear, 0);
    // The codes of the simulator's protocol for power and reset, and localities that a processor would use.
    let page = memory::pages(1);
    let number = Call::rax(protocol::VTPM, svsm_proto::vtpm_call::call::CMD);
    for platform_command in (1u32..8).chain(9..22) {
        memory::write(page, platform_command);
        let rax = machine.svsm.call(number, page, 0, 0).rax;
        machine.check("a platform command that is not offered", rax, 0x8000_0002);
    }
    let after = values(machine);
    machine.check("the measured PCRs are what they were", u64::from(before == after), 1);
}

fn memory_attacks(machine: &mut Machine) {
    let range = machine
        .info
        .memory
        .iter()
        .take(machine.info.memory_count as usize)
        .max_by_key(|range| range.pages);
    let gpa = range.map_or(0, |range| range.gpa + (range.pages - 2) * memory::PAGE);
    ghcb::change_page(gpa, PageState::Private);
    let found = exceptions::probe(gpa);
    let expected = Fault {
        vector: exceptions::VC,
        code: exit::PAGE_NOT_VALIDATED,
        address: gpa,
    };
    machine.check(
        "a private page that was not validated raises #VC 0x404",
        u64::from(found == Err(expected)),
        1,
    );
    // Through a shared mapping an assigned page shows ciphertext: not what the SVSM's memory holds, and nothing to learn from.
    machine.tables.set_large_private(REGION_GPA, false);
    let seen = memory::read_bytes(FIRMWARE_GPA, 64);
    machine.tables.set_large_private(REGION_GPA, true);
    machine.check(
        "a shared mapping shows no code of the SVSM",
        u64::from(seen.iter().all(|&byte| byte == 0)),
        0,
    );
    let page = memory::pages(1);
    let own = |vmpl| {
        RmpAttributes {
            vmpl,
            permissions: Permissions::all(),
            vmsa: false,
        }
        .encode()
    };
    // RMPADJUST may only name a level below the caller's: code 2, FAIL_PERMISSION.
    for vmpl in 0..=2 {
        machine.check(
            "RMPADJUST of a level not below ours",
            instructions::rmpadjust(page, own(vmpl)),
            2,
        );
    }
}

fn secrets(machine: &mut Machine) {
    for vmpl in 0..machine.info.vmpl as u8 {
        let mut channel = Channel::new(machine, vmpl);
        machine.check(
            "the key of a higher level is not in our secrets page",
            u64::from(*channel.key() == [0; 32]),
            1,
        );
        let refused = channel.report(machine, &[0x41; 64], 0);
        let stopped = matches!(refused, Err(Refused::Message(_) | Refused::Unsealed));
        machine.check(
            "the PSP refuses a message under a key that we do not have",
            u64::from(stopped),
            1,
        );
    }
    let vmpl = machine.info.vmpl;
    let mut channel = Channel::new(machine, vmpl as u8);
    let own = channel.report(machine, &[0x42; 64], vmpl);
    machine.check("the PSP gives a report at our own level", u64::from(own.is_ok()), 1);
    let higher = channel.report(machine, &[0x43; 64], 0);
    machine.check(
        "the PSP refuses a report at VMPL0",
        u64::from(higher == Err(Refused::Status(status::INVALID_PARAMETERS))),
        1,
    );
}

/// The guest replaces the persistent endorsement key by a key of its own and asks for a report: the report must not vouch for it.
fn foreign_endorsement_key(machine: &mut Machine) {
    let before = vtpm_manifest(machine);
    let evict = Command::new(cc::EVICT_CONTROL)
        .authorized(tpm::OWNER)
        .handle(0x8101_0001)
        .u32(0x8101_0001)
        .build();
    let evicted = machine.svsm.tpm(&evict, |_| Ok(()));
    machine.check("the owner may evict the endorsement key", u64::from(evicted.is_ok()), 1);
    let foreign = machine.svsm.tpm(
        &Command::new(cc::CREATE_PRIMARY)
            .authorized(tpm::OWNER)
            .sized(&[0, 0, 0, 0])
            .sized(&tpm::attestation_key_template())
            .sized(&[])
            .u32(0)
            .build(),
        |mut response| response.u32(),
    );
    let persisted = foreign.and_then(|handle| {
        let command = Command::new(cc::EVICT_CONTROL)
            .authorized(tpm::OWNER)
            .handle(handle)
            .u32(0x8101_0001);
        machine.svsm.tpm(&command.build(), |_| Ok(()))
    });
    machine.check("a foreign key stands in its place", u64::from(persisted.is_ok()), 1);
    let after = vtpm_manifest(machine);
    machine.check(
        "the report still vouches for the true key only",
        u64::from(!before.is_empty() && before == after),
        1,
    );
    let authorize = Command::new(cc::HIERARCHY_CHANGE_AUTH)
        .authorized(tpm::ENDORSEMENT)
        .sized(b"secret")
        .build();
    let changed = machine.svsm.tpm(&authorize, |_| Ok(()));
    machine.check(
        "the endorsement hierarchy gets an authorisation",
        u64::from(changed.is_ok()),
        1,
    );
    machine.check(
        "attestation works all the same",
        u64::from(vtpm_manifest(machine) == before),
        1,
    );
    // The platform hierarchy was closed by the SVSM: nobody in the guest can change the endorsement seed.
    let change = Command::new(cc::CHANGE_EPS).authorized(tpm::PLATFORM).build();
    let refused = machine.svsm.tpm(&change, |_| Ok(()));
    // TPM_RC_BAD_AUTH for session 1 (Part 2, table 17: 0x0A2 + 0x800 + 0x100).
    machine.check(
        "the platform hierarchy is closed",
        u64::from(refused == Err(tpm::Trouble::Code(0x9A2))),
        1,
    );
}

fn vtpm_manifest(machine: &Machine) -> alloc::vec::Vec<u8> {
    let pages = memory::pages(3);
    let [report, manifest, request] = [0, 1, 2].map(|index| pages + index * memory::PAGE);
    let out = machine
        .svsm
        .attest(request, &vtpm_service(report, manifest, request + 256));
    let size = if out.rax == 0 && out.rcx <= memory::PAGE {
        out.rcx
    } else {
        0
    };
    memory::read_bytes(manifest, size as usize)
}
