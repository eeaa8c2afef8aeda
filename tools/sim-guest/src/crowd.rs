//! Two vCPUs at the SVSM at once: both validate and rescind the same page, one rewrites the list that the other has handed in, and each reaches for
//! what is the other's.
//!
//! The hypervisor takes turns of a length that a test chooses (`slice` of the simulator), so that one vCPU's call is interrupted by the other's at
//! any instruction. Whatever the order, each call ends with a code that the SVSM specification has for it, the SVSM lives, and the page is at the
//! end what the last call made it.

#![expect(unsafe_code, reason = "the second vCPU's entry")]

use crate::{instructions, machine::Machine, memory, svsm::Svsm};
use core::{
    arch::global_asm,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use svsm_proto::{
    calling_area::{Call, protocol},
    core_call::{self, PvalidateEntry},
    ghcb::ApRequest,
    launch_info::{DEFAULT_SEV_FEATURES, REGION_GPA},
    rmp,
    vmsa::{LongModeStart, Vmsa},
    vtpm_call,
};
use zerocopy::{FromZeros, IntoBytes};

const SUCCESS: u64 = 0;
const INVALID_ADDRESS: u64 = 0x8000_0003;
const PVALIDATE_UNCHANGED: u64 = 0x8000_1010;
/// The second vCPU.
const SECOND: u32 = 1;
/// What each of the two does, so often.
const ROUNDS: u32 = 300;
/// Pages of its stack.
const STACK: usize = 4;

/// What the second vCPU is given, and what it reports.
struct Shared {
    svsm: AtomicU64,
    page: AtomicU64,
    list: AtomicU64,
    foreign: AtomicU64,
    /// Rounds that it has done.
    done: AtomicU32,
    /// The first result that it must not have got, and 1 more than the round; 0 for none.
    bad: AtomicU64,
    /// Set when it may stop.
    stop: AtomicU32,
}

static SHARED: Shared = Shared {
    svsm: AtomicU64::new(0),
    page: AtomicU64::new(0),
    list: AtomicU64::new(0),
    foreign: AtomicU64::new(0),
    done: AtomicU32::new(0),
    bad: AtomicU64::new(0),
    stop: AtomicU32::new(0),
};

global_asm!(
    ".section .text.second, \"ax\"",
    ".global second_entry",
    "second_entry:",
    "xor ebp, ebp",
    "call second_main",
    "ud2",
);

unsafe extern "C" {
    fn second_entry();
}

/// Plays both parts.
pub fn run(machine: &mut Machine) {
    let block = memory::pages(6);
    let page_at = |index: u64| block + index * memory::PAGE;
    // Not on a 2 MiB boundary, which hypervisors refuse for a VMSA.
    let [vmsa, caa, page, list] = [1, 2, 3, 4].map(page_at);
    let theirs = Svsm::new(caa);
    SHARED.svsm.store((&raw const theirs) as u64, Ordering::SeqCst);
    SHARED.page.store(page, Ordering::SeqCst);
    SHARED.list.store(list, Ordering::SeqCst);
    SHARED.foreign.store(machine.svsm.calling_area(), Ordering::SeqCst);
    write_vmsa(machine, vmsa);
    let rax = machine
        .svsm
        .core(core_call::call::CREATE_VCPU, vmsa, caa, u64::from(SECOND))
        .rax;
    machine.check("crowd: CREATE_VCPU", rax, SUCCESS);
    let features = DEFAULT_SEV_FEATURES.bits();
    let level = machine.info.vmpl as u8;
    let started = machine
        .ghcb
        .create_processor(ApRequest::Create, level, SECOND, vmsa, features);
    machine.check("crowd: the hypervisor runs the second vCPU", u64::from(started), 1);
    take_part(machine, page, list, caa);
    SHARED.stop.store(1, Ordering::SeqCst);
    while SHARED.stop.load(Ordering::SeqCst) != 2 {
        core::hint::spin_loop();
    }
    machine.check(
        "crowd: the second vCPU has done its rounds",
        u64::from(SHARED.done.load(Ordering::SeqCst) >= ROUNDS),
        1,
    );
    machine.check(
        "crowd: it met no unexpected result",
        SHARED.bad.load(Ordering::SeqCst),
        0,
    );
    let (rax, _) = machine.svsm.pvalidate(&[entry(page, true, true)]);
    machine.check("crowd: the page that both fought for can be had", rax, SUCCESS);
    machine.check("crowd: and holds zeros", memory::read(page), 0);
    let stopped = machine
        .ghcb
        .create_processor(ApRequest::Destroy, level, SECOND, vmsa, features);
    machine.check("crowd: the hypervisor forgets it", u64::from(stopped), 1);
    let rax = machine.svsm.core(core_call::call::DELETE_VCPU, vmsa, 0, 0).rax;
    machine.check("crowd: DELETE_VCPU", rax, SUCCESS);
    machine.check(
        "crowd: its VMSA's page is ours, and empty",
        memory::read(vmsa + 0x178),
        0,
    );
}

fn write_vmsa(machine: &Machine, gpa: u64) {
    let mut area = Vmsa::new_zeroed();
    area.start_in_long_mode(&LongModeStart {
        code: 0x08,
        data: 0x10,
        cr3: instructions::page_tables(),
        rip: second_entry as *const () as u64,
        rsp: memory::pages(STACK) + STACK as u64 * memory::PAGE,
    });
    area.vmpl = machine.info.vmpl as u8;
    area.sev_features = DEFAULT_SEV_FEATURES.bits();
    memory::write_bytes(gpa, area.as_bytes());
}

fn entry(gpa: u64, validate: bool, ignore_cf: bool) -> u64 {
    PvalidateEntry {
        gpa,
        size: rmp::PageSize::Small,
        validate,
        ignore_cf,
    }
    .encode()
}

/// The first vCPU's part: hands in a list that the second one rewrites meanwhile, and reaches for the second one's pages.
fn take_part(machine: &mut Machine, page: u64, list: u64, their_area: u64) {
    let mut unexpected = 0;
    let mut met = [false; 3];
    let mut round = 0;
    while round < ROUNDS || SHARED.done.load(Ordering::SeqCst) < ROUNDS {
        memory::write(list, [1u16, 0, 0, 0]);
        memory::write(list + 8, entry(page, round % 2 == 0, false));
        let rax = machine.svsm.core(core_call::call::PVALIDATE, list, 0, 0).rax;
        match rax {
            SUCCESS => met[0] = true,
            PVALIDATE_UNCHANGED => met[1] = true,
            // The list named a page of the SVSM's at the moment of its copy.
            INVALID_ADDRESS => met[2] = true,
            _ => unexpected = rax,
        }
        let (rax, _) = machine.svsm.pvalidate(&[entry(their_area, false, false)]);
        if rax != INVALID_ADDRESS {
            unexpected = rax;
        }
        round += 1;
    }
    machine.check("crowd: no unexpected result", unexpected, SUCCESS);
    machine.say(format_args!("crowd: {round} rounds; results met: {met:?}"));
    machine.check("crowd: the page changed hands", u64::from(met[0]), 1);
}

/// TPM2_GetRandom of eight bytes, without the heap, which is the first vCPU's: RAX, or the TPM's code.
fn get_random(svsm: &Svsm) -> u64 {
    const COMMAND: [u8; 12] = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7B, 0, 8];
    let page = svsm.scratch();
    memory::write(page, vtpm_call::TPM_SEND_COMMAND);
    memory::write(page + 4, 0u8);
    memory::write_bytes(page + 5, &(COMMAND.len() as u32).to_le_bytes());
    memory::write_bytes(page + 9, &COMMAND);
    let rax = svsm
        .call(Call::rax(protocol::VTPM, vtpm_call::call::CMD), page, 0, 0)
        .rax;
    let code = memory::read::<[u8; 4]>(page + vtpm_call::RESPONSE_HEADER_SIZE as u64 + 6);
    if rax == SUCCESS {
        u64::from(u32::from_be_bytes(code))
    } else {
        rax
    }
}

/// The second vCPU's part. It has no exception handlers and no console: what it finds, it leaves in memory.
// SAFETY: no other symbol of this program has this name.
#[unsafe(no_mangle)]
extern "C" fn second_main() -> ! {
    let svsm = SHARED.svsm.load(Ordering::SeqCst) as *const Svsm;
    // SAFETY: the first vCPU keeps the value alive until this one has said that it has stopped, and does not use it.
    let svsm = unsafe { &*svsm };
    let (page, list) = (SHARED.page.load(Ordering::SeqCst), SHARED.list.load(Ordering::SeqCst));
    let foreign = SHARED.foreign.load(Ordering::SeqCst);
    let mut round = 0u32;
    while SHARED.stop.load(Ordering::SeqCst) == 0 {
        let target = if round % 3 == 0 { REGION_GPA } else { page };
        memory::write(list + 8, entry(target, round % 2 == 0, false));
        let expect = |rax: u64, codes: &[u64]| {
            if !codes.contains(&rax) {
                SHARED.bad.store(rax | u64::from(round + 1) << 32, Ordering::SeqCst);
            }
        };
        let (rax, _) = svsm.pvalidate(&[entry(page, round % 2 == 1, false)]);
        expect(rax, &[SUCCESS, PVALIDATE_UNCHANGED]);
        let rax = svsm.core(core_call::call::REMAP_CA, foreign, 0, 0).rax;
        expect(rax, &[INVALID_ADDRESS]);
        if round % 16 == 0 {
            expect(get_random(svsm), &[SUCCESS]);
        }
        round += 1;
        SHARED.done.store(round, Ordering::SeqCst);
    }
    SHARED.stop.store(2, Ordering::SeqCst);
    loop {
        core::hint::spin_loop();
    }
}
