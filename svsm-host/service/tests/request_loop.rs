//! When a call is one, and what happens when it is none (SVSM §5.2). Expectations from the specification's call sequence.

mod support;

use fake_platform::{ModelTpm, Quirk};
use support::*;
use svsm_platform::ApicId;
use svsm_proto::{
    calling_area::protocol,
    core_call::call,
    ghcb_msr::Termination,
    vmsa::{efer, offset},
};
use svsm_service::request_loop::{Turn, turn};

fn bench() -> Bench<ModelTpm> {
    Bench::boot(ModelTpm::new(Quirk::None))
}

/// QUERY_PROTOCOL for the core protocol.
const QUERY: u64 = call::QUERY_PROTOCOL as u64;

#[test]
fn switch_without_pending_call_has_no_effect() {
    let mut bench = bench();
    let caa = bench.caa;
    let turn = bench.run(move |machine| {
        request(machine, VMSA, caa, QUERY, [1, 2, 3]);
        machine.poke(caa, &[0]);
    });
    assert_eq!(turn, Turn::NoCall);
    let mut machine = bench.machine.lock();
    assert_eq!(
        outcome(&mut machine, VMSA),
        Out {
            rax: QUERY,
            rcx: 1,
            rdx: 2,
            r8: 3
        }
    );
    assert!(machine.runnable_vmsa(CPU, GUEST).is_some());
}

#[test]
fn pending_call_without_vmgexit_has_no_effect() {
    let mut bench = bench();
    let caa = bench.caa;
    // The hypervisor interrupts the guest between setting the flag and VMGEXIT: 0x60 is a physical interrupt.
    let turn = bench.run(move |machine| {
        request(machine, VMSA, caa, QUERY, [1, 2, 3]);
        machine.set_word(VMSA, offset::GUEST_EXITCODE, 0x60);
    });
    assert_eq!(turn, Turn::NoCall);
    let mut machine = bench.machine.lock();
    assert_eq!(machine.peek(caa, 1), [1], "the flag is still set for the real call");
    assert_eq!(outcome(&mut machine, VMSA).rax, QUERY);
    assert!(machine.runnable_vmsa(CPU, GUEST).is_some());
}

#[test]
fn reserved_value_in_the_flag_is_an_invalid_format() {
    let mut bench = bench();
    let caa = bench.caa;
    let turn = bench.run(move |machine| {
        request(machine, VMSA, caa, QUERY, [1, 2, 3]);
        machine.poke(caa, &[2]);
    });
    assert_eq!(turn, Turn::Served);
    let mut machine = bench.machine.lock();
    assert_eq!(outcome(&mut machine, VMSA).rax, code::INVALID_FORMAT);
    assert_eq!(machine.peek(caa, 1), [0]);
}

#[test]
fn calling_area_that_the_hypervisor_took_away_is_no_call() {
    let mut bench = bench();
    let caa = bench.caa;
    let turn = bench.run(move |machine| {
        request(machine, VMSA, caa, QUERY, [1, 2, 3]);
        machine.take_away(caa);
    });
    assert_eq!(turn, Turn::NoCall);
    bench.no_violations();
}

// A register that reads as zero for want of its page would turn any call into REMAP_CA, which is protocol 0, call 0 (SVSM table 6).
#[test]
fn vmsa_that_the_hypervisor_takes_away_while_it_is_read_makes_no_call() {
    for register in 0..6 {
        let mut bench = bench();
        let caa = bench.caa;
        let turn = bench.run(move |machine| {
            request(machine, VMSA, caa, QUERY, [1, 2, 3]);
            machine.register_fault = Some(register);
        });
        assert_eq!(turn, Turn::NoCall, "register {register}");
        let mut machine = bench.machine.lock();
        assert_eq!(outcome(&mut machine, VMSA).rax, QUERY);
        assert_eq!(machine.peek(caa, 1), [1], "the call is still pending");
        assert!(machine.runnable_vmsa(CPU, GUEST).is_none(), "the guest does not go on");
    }
}

// REMAP_CA succeeds with RAX zero, which is also what the call had in RAX: a refusal that is not written would read as a success.
#[test]
fn vmsa_that_takes_no_result_does_not_go_on() {
    for register in 6..8 {
        let mut bench = bench();
        let caa = bench.caa;
        bench.run(move |machine| {
            request(machine, VMSA, caa, QUERY, [1, 2, 3]);
            machine.register_fault = Some(register);
        });
        let mut machine = bench.machine.lock();
        assert_eq!(machine.peek(caa, 1), [1], "the call is still pending");
        assert!(machine.runnable_vmsa(CPU, GUEST).is_none(), "the guest does not go on");
    }
}

#[test]
fn vmsa_in_use_elsewhere_is_left_alone() {
    let mut bench = bench();
    let caa = bench.caa;
    let turn = bench.run(move |machine| {
        request(machine, VMSA, caa, QUERY, [1, 2, 3]);
        machine.set_running(VMSA, true);
    });
    assert_eq!(turn, Turn::NoCall);
    let mut machine = bench.machine.lock();
    assert_eq!(outcome(&mut machine, VMSA).rax, QUERY);
    assert_ne!(machine.word(VMSA, offset::EFER) & efer::SVME, 0);
}

#[test]
fn registers_without_a_result_keep_their_values() {
    let mut bench = bench();
    let out = bench.call(protocol::CORE, 99, [0x11, 0x22, 0x33]);
    assert_eq!(
        out,
        Out {
            rax: code::UNSUPPORTED_CALL,
            rcx: 0x11,
            rdx: 0x22,
            r8: 0x33
        }
    );
    let out = bench.call(77, 0, [0x11, 0x22, 0x33]);
    assert_eq!(
        out,
        Out {
            rax: code::UNSUPPORTED_PROTOCOL,
            rcx: 0x11,
            rdx: 0x22,
            r8: 0x33
        }
    );
}

#[test]
fn hypervisor_that_cannot_run_the_guest_ends_the_vm() {
    let mut bench = bench();
    for lie in [0x16 | 2 << 32, 0x1_0000_0017, 0] {
        bench.platform.msr_lies.push_back(lie);
        assert_eq!(
            turn(&bench.svsm, &mut bench.platform, CPU),
            Err(Termination::RunVmpl),
            "{lie:#x}"
        );
    }
}

#[test]
fn vcpu_without_vmsa_is_idle() {
    let mut bench = bench();
    assert_eq!(turn(&bench.svsm, &mut bench.platform, ApicId(5)), Ok(Turn::Idle));
}
