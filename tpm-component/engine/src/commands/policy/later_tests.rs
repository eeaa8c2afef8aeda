//! The policy commands of later editions. Digests are SHA-256, those of facts/tpm/vectors.md §3 where they are there, and otherwise computed apart from this
//! code as the definitions say (facts/tpm/behaviours.md §7).

use alloc::vec::Vec;

use crate::{
    crypto::test_hosts::seq,
    structures::{Tpm2bName, Tpm2bOperand, TpmCap, TpmCc, TpmEo, TpmHandle, TpmPt, TpmRc},
    test_tpm::{Call, TestTpm, hex},
};

/// What it is, operand B, offset, relation, group, property, outcome.
type Case<'a> = (&'a str, &'a [u8], u16, TpmEo, TpmCap, u32, Result<(), TpmRc>);

/// 000b ‖ 32 bytes from `first` on.
fn name(first: u8) -> Tpm2bName {
    Tpm2bName::from_vec([&[0, 0x0b][..], &seq(32, first)].concat()).expect("short")
}

fn empty() -> Tpm2bName {
    Tpm2bName::empty()
}

fn send_select(session: TpmHandle, include_object: bool) -> Call {
    let (authorizer, component) = (hex("40000001"), hex("90000000"));
    Call::new(TpmCc::POLICY_AC_SEND_SELECT)
        .on(session)
        .with(&name(0x80))
        .with(&Tpm2bName::from_vec(authorizer).expect("short"))
        .with(&Tpm2bName::from_vec(component).expect("short"))
        .with(&include_object)
}

fn transport(session: TpmHandle, requester: &Tpm2bName, own: &Tpm2bName) -> Call {
    Call::new(TpmCc::POLICY_TRANSPORT_SPDM)
        .on(session)
        .with(requester)
        .with(own)
}

fn compare(session: TpmHandle, operand: &[u8], offset: u16, operation: TpmEo, group: TpmCap, property: u32) -> Call {
    Call::new(TpmCc::POLICY_CAPABILITY)
        .on(session)
        .with(&Tpm2bOperand::new(operand).expect("short"))
        .with(&offset)
        .with(&operation)
        .with(&group)
        .with(&property)
}

#[test]
fn digests_are_those_of_the_definitions() {
    let family = |session| {
        compare(
            session,
            b"2.0\0",
            4,
            TpmEo::Eq,
            TpmCap::TpmProperties,
            TpmPt::FAMILY_INDICATOR.0,
        )
    };
    let calls: [(&str, &dyn Fn(TpmHandle) -> Call); 6] = [
        (
            "858c688ceaf7f6f6ec2fe277275c8f1e8a9874c7c99ef2ece45fc106a12a1dcc",
            &|session| send_select(session, false),
        ),
        (
            "0f37a77952a4edaaf8f06ed79dac99b16a01f38ed601160cad7bdbcc546bf219",
            &|session| send_select(session, true),
        ),
        (
            "f963dc07412997270cb43ff93f56d35861e1c95c3c5d07c7339b5cf5bba1582d",
            &|session| transport(session, &empty(), &empty()),
        ),
        (
            "e6aa11ea23a8cf18afd33158760c8f79e7fb59906a58661db5aa0975250a9eca",
            &|session| transport(session, &name(0x80), &empty()),
        ),
        (
            "3469f7419a2817f38c903e773d3e457920279a7c128b4df2d4bcf5364e5b01b3",
            &|session| transport(session, &name(0x80), &name(0x40)),
        ),
        (
            "64f840c6dedaeae48a93101775eaf2d332e1c5c31d7a8df4b71665fabe3cd15c",
            &family,
        ),
    ];
    for (expected, call) in calls {
        let mut test = TestTpm::started();
        for trial in [true, false] {
            let session = test.policy_session(trial);
            test.run(call(session)).expect("allowed");
            assert_eq!(test.policy_digest(session), expected, "trial: {trial}");
        }
    }
}

#[test]
fn send_select_is_for_one_command_that_does_not_exist() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    test.run(send_select(session, true)).expect("allowed");
    assert_eq!(
        test.run(send_select(session, true)).expect_err("restricted"),
        TpmRc::CPHASH
    );
    let session = test.policy_session(false);
    let load = Call::new(TpmCc::POLICY_COMMAND_CODE).on(session).with(&TpmCc::LOAD);
    test.run(load).expect("allowed");
    assert_eq!(
        test.run(send_select(session, true)).expect_err("another command"),
        TpmRc::COMMAND_CODE
    );
}

#[test]
fn secure_channel_is_asked_for_once_and_never_there() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let refused = |test: &mut TestTpm, requester: &[u8], own: &[u8]| {
        let name = |bytes: &[u8]| Tpm2bName::new(bytes).expect("short");
        test.run(transport(session, &name(requester), &name(own)))
            .expect_err("not a Name")
    };
    assert_eq!(refused(&mut test, &[0], &[]), TpmRc::SIZE.with_parameter(1));
    assert_eq!(refused(&mut test, &[], &[0, 0x0b, 1]), TpmRc::SIZE.with_parameter(2));
    assert_eq!(refused(&mut test, &[], &hex("40000001")), TpmRc::HASH.with_parameter(2));
    test.run(transport(session, &empty(), &empty())).expect("allowed");
    assert_eq!(
        test.run(transport(session, &empty(), &empty())).expect_err("twice"),
        TpmRc::VALUE
    );
    // An entity with that policy: the endorsement hierarchy.
    let policy = hex(&test.policy_digest(session));
    let set = Call::new(TpmCc::SET_PRIMARY_POLICY)
        .on(TpmHandle::ENDORSEMENT)
        .password(b"");
    test.run(set.with(&32u16).with_raw(&policy).with(&0x0Bu16))
        .expect("allowed");
    let use_it = || {
        Call::new(TpmCc::HIERARCHY_CHANGE_AUTH)
            .on(TpmHandle::ENDORSEMENT)
            .policy(session)
            .with(&0u16)
    };
    assert_eq!(
        test.run(use_it()).expect_err("no channel"),
        TpmRc::new(0x9B0),
        "CHANNEL, S1"
    );
    // The session's state travels with what it asked for.
    let (saved, volatile) = (test.tpm.save_persistent(), test.tpm.save_volatile());
    test.tpm = crate::tpm::Tpm::power_on(&mut test.host, &saved).expect("sound");
    test.tpm.restore_volatile(&mut test.host, &volatile).expect("sound");
    assert_eq!(test.run(use_it()).expect_err("no channel"), TpmRc::new(0x9B0));
}

#[test]
fn capabilities_are_compared_one_element_at_a_time() {
    let mut test = TestTpm::started();
    let session = test.policy_session(false);
    let policy = Err(TpmRc::POLICY);
    let (algs, handles, pcrs) = (TpmCap::Algs, TpmCap::Handles, TpmCap::Pcrs);
    let cases: Vec<Case<'_>> = alloc::vec![
        // TPMS_ALG_PROPERTY: 0x000B, hash.
        ("SHA-256", &[0, 0x0B, 0, 0, 0, 4], 0, TpmEo::Eq, algs, 0x0B, Ok(())),
        ("SHA-256 signs", &[0, 0, 1, 0], 2, TpmEo::Bitset, algs, 0x0B, policy),
        ("no algorithm", &[0], 0, TpmEo::Eq, algs, 0x7777, policy),
        ("no algorithm, unequal", &[0], 0, TpmEo::Neq, algs, 0x7777, Ok(())),
        ("beyond", &[0; 7], 0, TpmEo::Eq, algs, 0x0B, Err(TpmRc::new(0x1D5))),
        ("offset beyond", &[], 7, TpmEo::Eq, algs, 0x0B, Err(TpmRc::new(0x2C4))),
        ("offset at the end", &[], 6, TpmEo::Eq, algs, 0x0B, Ok(())),
        ("PCR 3", &[3], 3, TpmEo::Eq, handles, 3, Ok(())),
        ("PCR 24", &[24], 3, TpmEo::Eq, handles, 24, policy),
        ("the owner", &[0x40], 0, TpmEo::Eq, handles, 0x4000_0001, Ok(())),
        ("loaded session", &[2], 0, TpmEo::Eq, handles, 0x0200_0000, Ok(())),
        ("saved session", &[3], 0, TpmEo::Eq, handles, 0x0300_0000, policy),
        (
            "no kind of handle",
            &[],
            0,
            TpmEo::Eq,
            handles,
            0x9000_0000,
            Err(TpmRc::new(0x5CB))
        ),
        (
            "TPM2_Clear",
            &[0x02, 0xC0, 0x01, 0x26],
            0,
            TpmEo::Eq,
            TpmCap::Commands,
            0x126,
            Ok(())
        ),
        ("no command", &[], 0, TpmEo::Eq, TpmCap::Commands, 0x195, policy),
        ("PP", &[0x2D], 3, TpmEo::Eq, TpmCap::PpCommands, 0x12D, Ok(())),
        ("audited", &[0x40], 3, TpmEo::Eq, TpmCap::AuditCommands, 0x140, Ok(())),
        (
            "not audited",
            &[0x26],
            3,
            TpmEo::Eq,
            TpmCap::AuditCommands,
            0x126,
            policy
        ),
        ("all banks", &[], 0, TpmEo::Eq, pcrs, 0, Err(TpmRc::new(0x4C4))),
        (
            "saved PCR",
            &[3, 0xFF, 0xFF, 0],
            4,
            TpmEo::Eq,
            TpmCap::PcrProperties,
            0,
            Ok(())
        ),
        ("P-256", &[0, 3], 0, TpmEo::Eq, TpmCap::EccCurves, 3, Ok(())),
        (
            "no policy",
            &[0, 0x10],
            4,
            TpmEo::Eq,
            TpmCap::AuthPolicies,
            0x4000_0001,
            Ok(())
        ),
        (
            "no permanent",
            &[],
            0,
            TpmEo::Eq,
            TpmCap::AuthPolicies,
            0x8000_0000,
            Err(TpmRc::new(0x5C4))
        ),
        ("no timer", &[], 0, TpmEo::Eq, TpmCap::Act, 0x4000_0111, policy),
        ("timer", &[0, 0, 0, 0], 8, TpmEo::Eq, TpmCap::Act, 0x4000_0110, Ok(())),
        (
            "never a timer",
            &[],
            0,
            TpmEo::Eq,
            TpmCap::Act,
            0x4000_0120,
            Err(TpmRc::new(0x5C4))
        ),
        (
            "lockout counter",
            &[0, 0, 0, 1],
            4,
            TpmEo::UnsignedLt,
            TpmCap::TpmProperties,
            0x20E,
            Ok(())
        ),
    ];
    for (what, operand, offset, operation, group, property, outcome) in cases {
        let call = compare(session, operand, offset, operation, group, property);
        assert_eq!(test.run(call).map(|_| ()), outcome, "{what}");
    }
    let unknown = Call::new(TpmCc::POLICY_CAPABILITY).on(session);
    let unknown = unknown.with_raw(&hex("0000000000000000000b00000000"));
    assert_eq!(test.run(unknown).expect_err("VALUE, P4"), TpmRc::new(0x4C4));
}
