//! vTPM protocol, good and bad (SVSM chapter 8), and a TPM that fails under the guest.

mod support;

use fake_platform::{ModelTpm, Quirk};
use support::*;
use svsm_proto::{
    launch_info::REGION_GPA,
    vtpm_call::{MAX_COMMAND, call},
};
use svsm_service::tpm::FAILURE_RESPONSE;
use tpm_contract::Failure;

/// TPM2_GetRandom of 8 bytes; the model answers TPM_RC_COMMAND_CODE.
const GET_RANDOM: [u8; 12] = [0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7B, 0, 8];

/// TPM2_GetCapability for transient handles, which the model knows.
const GET_CAPABILITY: [u8; 22] = [
    0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7A, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 1,
];

const CC_GET_CAPABILITY: u32 = 0x17A;

fn buffer(command: u32, locality: u8, size: u32, body: &[u8]) -> Vec<u8> {
    [&command.to_le_bytes()[..], &[locality], &size.to_le_bytes(), body].concat()
}

/// Sends a TPM command; RAX and the response.
fn send<C: tpm_contract::Component>(bench: &mut Bench<C>, command: &[u8]) -> (u64, Vec<u8>) {
    bench.write(SCRATCH, &buffer(8, 0, command.len() as u32, command));
    let rax = bench.call(2, call::CMD, [SCRATCH, 0, 0]).rax;
    let size = u32::from_le_bytes(bench.read(SCRATCH, 4).try_into().expect("four bytes"));
    (rax, bench.read(SCRATCH + 4, (size as usize).min(4092)))
}

/// What comes back in the place of a response when the TPM has failed: the call itself is a success.
fn failed() -> (u64, Vec<u8>) {
    (code::SUCCESS, FAILURE_RESPONSE.to_vec())
}

#[test]
fn query_shows_tpm_send_command_alone() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    let out = bench.call(2, call::QUERY, [7, 7, 7]);
    assert_eq!(
        out,
        Out {
            rax: code::SUCCESS,
            rcx: 1 << 8,
            rdx: 0,
            r8: 7
        }
    );
}

#[test]
fn tpm_error_is_a_response_and_rax_stays_at_success() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    // TPM_RC_COMMAND_CODE, Part 2 §6.6.3.
    let expected = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x43];
    assert_eq!(send(&mut bench, &GET_RANDOM), (code::SUCCESS, expected.to_vec()));
}

#[test]
fn request_that_is_not_acceptable_is_refused_before_the_tpm_sees_it() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    let before = bench.svsm.tpm().lock().component().expect("working").seen.len();
    let long = MAX_COMMAND as u32 + 1;
    for (command, locality, size, expected) in [
        (8, 1, 12, code::INVALID_PARAMETER),
        (8, 4, 12, code::INVALID_PARAMETER),
        (8, 255, 12, code::INVALID_PARAMETER),
        (8, 0, long, code::INVALID_PARAMETER),
        (8, 0, u32::MAX, code::INVALID_PARAMETER),
        (64, 0, 12, code::INVALID_PARAMETER),
        (u32::MAX, 0, 12, code::INVALID_PARAMETER),
    ] {
        bench.write(SCRATCH, &buffer(command, locality, size, &GET_RANDOM));
        let rax = bench.call(2, call::CMD, [SCRATCH, 0, 0]).rax;
        assert_eq!(rax, expected, "{command} {locality} {size}");
    }
    // Power, physical presence, hash, cancel, NV, reset, restart, session, stop: every code of the simulator protocol but 8.
    for command in (0..32).filter(|command| *command != 8) {
        bench.write(SCRATCH, &buffer(command, 0, 12, &GET_RANDOM));
        assert_eq!(
            bench.call(2, call::CMD, [SCRATCH, 0, 0]).rax,
            code::UNSUPPORTED_CALL,
            "{command}"
        );
    }
    let after = bench.svsm.tpm().lock().component().expect("working").seen.len();
    assert_eq!(before, after);
}

#[test]
fn buffer_in_the_wrong_place_is_refused() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    for (gpa, expected) in [
        (0, code::INVALID_PARAMETER),
        (REGION_GPA, code::INVALID_ADDRESS),
        (REGION_GPA - 4095, code::INVALID_ADDRESS),
        (VMSA, code::INVALID_ADDRESS),
        (MEMORY - 4095, code::INVALID_ADDRESS),
        (1 << 51 | SCRATCH, code::INVALID_ADDRESS),
        (u64::MAX, code::INVALID_ADDRESS),
        (FRESH, code::INVALID_ADDRESS),
    ] {
        assert_eq!(bench.call(2, call::CMD, [gpa, 0, 0]).rax, expected, "{gpa:#x}");
    }
    assert_eq!(bench.call(2, 2, [SCRATCH, 0, 0]).rax, code::UNSUPPORTED_CALL);
}

#[test]
fn buffer_that_spans_two_pages_works() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    bench.write(SCRATCH + 0xFFB, &buffer(8, 0, 12, &GET_RANDOM));
    assert_eq!(bench.call(2, call::CMD, [SCRATCH + 0xFFB, 0, 0]).rax, code::SUCCESS);
    assert_eq!(bench.read(SCRATCH + 0xFFB, 4), 10u32.to_le_bytes());
}

#[test]
fn request_is_fetched_once_whatever_another_vcpu_does_to_it() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    bench.write(SCRATCH, &buffer(8, 0, 22, &GET_CAPABILITY));
    // Another vCPU asks for a reset, at locality 4, with a size beyond the buffer, after the first look.
    bench.machine.lock().after_read(|pages, range| {
        if let Some(page) = pages.get_mut(&SCRATCH)
            && range.start == SCRATCH
        {
            page[..9].copy_from_slice(&buffer(17, 4, u32::MAX, &[]));
        }
    });
    assert_eq!(bench.call(2, call::CMD, [SCRATCH, 0, 0]).rax, code::SUCCESS);
    let machine = bench.machine.lock();
    let reads = machine
        .accesses
        .iter()
        .filter(|access| !access.write && access.range.start / 4096 == SCRATCH / 4096);
    assert_eq!(reads.count(), 1);
}

#[test]
fn response_too_large_for_the_buffer_fails_the_tpm_and_is_never_success() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::LongOn(0x17B, 4092)));
    let (rax, response) = send(&mut bench, &GET_RANDOM);
    assert_eq!((rax, response.len()), (code::SUCCESS, 4092), "the whole buffer");
    // The guest must not be told that a command failed which has run: its TPM is at fault, and does not go on.
    let mut bench = Bench::boot(ModelTpm::new(Quirk::LongOn(0x17B, 4093)));
    assert_eq!(send(&mut bench, &GET_RANDOM), failed());
    assert!(!bench.svsm.tpm().lock().is_working());
}

#[test]
fn trap_of_the_component_is_a_tpm_failure_and_the_guest_lives_on() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::TrapOn(0x17B)));
    assert_eq!(send(&mut bench, &GET_RANDOM), failed());
    // It stays that way until the VM restarts, also for commands that had worked.
    assert_eq!(send(&mut bench, &GET_CAPABILITY), failed());
    assert!(!bench.svsm.tpm().lock().is_working());
    // Everything that does not need the TPM goes on.
    assert_eq!(bench.call(0, 6, [1, 0, 0]).rax, code::SUCCESS);
    assert_eq!(bench.call(2, call::QUERY, [0, 0, 0]).rax, code::SUCCESS);
}

#[test]
fn answer_that_is_no_response_ends_the_tpm() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::GarbageOn(0x17B)));
    assert_eq!(send(&mut bench, &GET_RANDOM), failed());
    assert!(!bench.svsm.tpm().lock().is_working());
}

#[test]
fn orderly_failure_ends_the_tpm_only_when_it_cannot_pass() {
    for (failure, lives) in [
        (Failure::NoEntropy, true),
        (Failure::NotCommitted, true),
        (Failure::BadOperand, true),
        (Failure::SelfTest, false),
        (Failure::BadState, false),
        (Failure::NotPowered, false),
        (Failure::AlreadyPowered, false),
    ] {
        let mut bench = Bench::boot(ModelTpm::new(Quirk::FailOn(0x17B, failure)));
        assert_eq!(send(&mut bench, &GET_RANDOM), failed());
        assert_eq!(bench.svsm.tpm().lock().is_working(), lives, "{failure}");
    }
}

#[test]
fn guests_own_startup_finds_the_tpm_started() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::None));
    let startup = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0];
    // TPM_RC_INITIALIZE, Part 3 §9.3.
    let expected = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x00];
    assert_eq!(send(&mut bench, &startup), (code::SUCCESS, expected.to_vec()));
    assert_eq!(CC_GET_CAPABILITY.to_be_bytes(), GET_CAPABILITY[6..10]);
}
