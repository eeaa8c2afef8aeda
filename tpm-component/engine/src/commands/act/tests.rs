//! Countdown timers against the TCG's reference (ACT_spt.c, PlatformACT.c), which is where the expectations come from; libtpms has no timers.

use crate::{
    structures::{Tpm2bDigest, TpmCap, TpmCc, TpmEo, TpmHandle, TpmRc, TpmSu, TpmiAlgHash, TpmlActData, TpmsActData},
    test_tpm::{Call, TestTpm},
    wire::Unmarshal,
};

const SIGNALED: u32 = 1;
const NEVER: u32 = u32::MAX;

fn set(handle: TpmHandle, timeout: u32) -> Call {
    Call::new(TpmCc::ACT_SET_TIMEOUT)
        .on(handle)
        .password(b"")
        .with(&timeout)
}

fn set_policy(handle: TpmHandle, digest: &[u8], hash: Option<TpmiAlgHash>) -> Call {
    let digest = Tpm2bDigest::new(digest).expect("short");
    let call = Call::new(TpmCc::SET_PRIMARY_POLICY).on(handle).password(b"");
    call.with(&digest).with(&hash)
}

/// Timeout and attributes of ACT 0, as TPM_CAP_ACT has them.
fn act_0(tpm: &mut TestTpm) -> (u32, u32) {
    let ask = Call::new(TpmCc::GET_CAPABILITY)
        .with(&TpmCap::Act)
        .with(&TpmHandle::ACT_0)
        .with(&1u32);
    let parameters = tpm.run(ask).expect("there").parameters;
    assert_eq!(parameters[0], 1, "ACT A is to come");
    let list = TpmlActData::from_bytes(&parameters[5..]).expect("a list");
    let [
        TpmsActData {
            handle,
            timeout,
            attributes,
        },
    ] = list.as_slice()
    else {
        panic!("one timer")
    };
    assert_eq!(*handle, TpmHandle::ACT_0);
    (*timeout, attributes.bits())
}

fn shut_down_and_start(mut tpm: TestTpm, down: TpmSu, up: TpmSu) -> TestTpm {
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&down)).expect("shut down");
    tpm.restarted(up)
}

#[test]
fn act_counts_seconds_and_signals_at_the_last() {
    let mut tpm = TestTpm::started();
    assert_eq!(act_0(&mut tpm), (0, 0));
    tpm.host.now = 10_500;
    tpm.run(set(TpmHandle::ACT_0, 3)).expect("platform");
    for (now, seen) in [
        (10_500, (3, 0)),
        (11_499, (3, 0)),
        (11_500, (2, 0)),
        (13_499, (1, 0)),
        (13_500, (0, SIGNALED)),
        (99_999, (0, SIGNALED)),
    ] {
        tpm.host.now = now;
        assert_eq!(act_0(&mut tpm), seen, "{now}");
    }
    // A signalled timer that is set again signals no more, until it has run out again.
    tpm.run(set(TpmHandle::ACT_0, 1)).expect("platform");
    assert_eq!(act_0(&mut tpm), (1, 0));
    tpm.host.now += 1000;
    assert_eq!(act_0(&mut tpm), (0, SIGNALED));
}

#[test]
fn act_set_to_nothing_signals_at_once_if_it_was_counting() {
    let mut tpm = TestTpm::started();
    tpm.run(set(TpmHandle::ACT_0, 0)).expect("nothing to do");
    assert_eq!(act_0(&mut tpm), (0, 0));
    tpm.run(set(TpmHandle::ACT_0, NEVER - 1)).expect("platform");
    assert_eq!(act_0(&mut tpm), (NEVER - 1, 0));
    tpm.run(set(TpmHandle::ACT_0, 0)).expect("platform");
    assert_eq!(act_0(&mut tpm), (0, SIGNALED));
    tpm.run(set(TpmHandle::ACT_0, 0)).expect("nothing to do");
    assert_eq!(act_0(&mut tpm), (0, SIGNALED));
}

#[test]
fn act_is_disabled_only_to_take_a_signal_back() {
    let mut tpm = TestTpm::started();
    let refused = TpmRc::VALUE.with_parameter(1);
    assert_eq!(tpm.run(set(TpmHandle::ACT_0, NEVER)).expect_err("off"), refused);
    tpm.run(set(TpmHandle::ACT_0, 5)).expect("platform");
    assert_eq!(tpm.run(set(TpmHandle::ACT_0, NEVER)).expect_err("counting"), refused);
    assert_eq!(act_0(&mut tpm), (5, 0));
    tpm.host.now = 5_000;
    tpm.run(set(TpmHandle::ACT_0, NEVER)).expect("signalled");
    tpm.host.now = 1 << 50;
    assert_eq!(act_0(&mut tpm), (NEVER, 0));
    assert_eq!(tpm.run(set(TpmHandle::ACT_0, NEVER)).expect_err("no signal"), refused);
}

#[test]
fn act_handles_are_those_that_exist() {
    let mut tpm = TestTpm::started();
    tpm.run(set(TpmHandle::ACT_A, 1)).expect("there");
    for (handle, code) in [
        (0x4000_010F, TpmRc::VALUE),
        (0x4000_0111, TpmRc::VALUE),
        (0x4000_011F, TpmRc::VALUE),
        (0x4000_0120, TpmRc::VALUE),
        (TpmHandle::PLATFORM.0, TpmRc::VALUE),
    ] {
        let refused = tpm.run(set(TpmHandle(handle), 1)).expect_err("no timer");
        assert_eq!(refused, code.with_handle(1), "{handle:x}");
    }
    // Neither is a timer an entity of TPM2_PolicySecret, nor has it an authValue of its own.
    let session = tpm.policy_session(false);
    let secret = Call::new(TpmCc::POLICY_SECRET)
        .on(TpmHandle::ACT_0)
        .on(session)
        .password(b"");
    let secret = secret.with_raw(&[0; 10]);
    assert_eq!(tpm.run(secret).expect_err("no entity"), TpmRc::VALUE.with_handle(1));
    let change = Call::new(TpmCc::HIERARCHY_CHANGE_AUTH)
        .on(TpmHandle::ACT_0)
        .password(b"");
    let change = change.with(&0u16);
    assert_eq!(tpm.run(change).expect_err("no hierarchy"), TpmRc::VALUE.with_handle(1));
}

#[test]
fn act_takes_platform_auth_while_the_platform_is_enabled_and_its_policy_always() {
    let mut tpm = TestTpm::started();
    let change = Call::new(TpmCc::HIERARCHY_CHANGE_AUTH)
        .on(TpmHandle::PLATFORM)
        .password(b"");
    tpm.run(change.with_raw(&[0, 1, b'p'])).expect("changed");
    assert_eq!(
        tpm.run(set(TpmHandle::ACT_0, 1)).expect_err("wrong"),
        TpmRc::BAD_AUTH.with_session(1)
    );
    let with_p = |handle, timeout: u32| {
        let call = Call::new(TpmCc::ACT_SET_TIMEOUT).on(handle).password(b"p");
        call.with(&timeout)
    };
    tpm.run(with_p(TpmHandle::ACT_0, 1)).expect("platformAuth");
    // TPM2_PolicyCommandCode(TPM2_ACT_SetTimeout).
    let session = tpm.policy_session(false);
    let command_code = || {
        let call = Call::new(TpmCc::POLICY_COMMAND_CODE).on(session);
        call.with(&TpmCc::ACT_SET_TIMEOUT)
    };
    tpm.run(command_code()).expect("asserted");
    let digest = crate::test_tpm::hex(&tpm.policy_digest(session));
    let by_policy = || {
        let call = Call::new(TpmCc::ACT_SET_TIMEOUT).on(TpmHandle::ACT_0).policy(session);
        call.with(&7u32)
    };
    assert_eq!(
        tpm.run(by_policy()).expect_err("no policy"),
        TpmRc::AUTH_UNAVAILABLE.with_session(1)
    );
    let set_it = Call::new(TpmCc::SET_PRIMARY_POLICY).on(TpmHandle::ACT_0).password(b"p");
    let set_it = set_it
        .with(&Tpm2bDigest::new(&digest).expect("short"))
        .with(&Some(TpmiAlgHash::Sha256));
    tpm.run(set_it).expect("set");
    let policies = Call::new(TpmCc::GET_CAPABILITY)
        .with(&TpmCap::AuthPolicies)
        .with(&TpmHandle::ACT_0)
        .with(&1u32);
    let policies = tpm.run(policies).expect("a policy").parameters;
    assert_eq!(policies[9..], [&[0x40, 0, 1, 0x10, 0, 0x0B][..], &digest].concat());
    tpm.run(by_policy()).expect("by policy");
    // Without the platform, platformAuth is of no use; the policy is.
    let disable = Call::new(TpmCc::HIERARCHY_CONTROL)
        .on(TpmHandle::PLATFORM)
        .password(b"p");
    tpm.run(disable.with(&TpmHandle::PLATFORM).with(&0u8))
        .expect("disabled");
    assert_eq!(
        tpm.run(with_p(TpmHandle::ACT_0, 1)).expect_err("disabled"),
        TpmRc::AUTH_UNAVAILABLE
    );
    tpm.run(Call::new(TpmCc::POLICY_RESTART).on(session))
        .expect("restarted");
    tpm.run(command_code()).expect("asserted");
    tpm.run(by_policy()).expect("by policy");
    assert_eq!(act_0(&mut tpm), (7, 0));
}

#[test]
fn act_goes_on_after_resume_and_ends_with_reset_and_restart() {
    let policy = [7; 32];
    for (down, up, left, has_policy) in [
        (TpmSu::State, TpmSu::State, 80, true),
        (TpmSu::State, TpmSu::Clear, 0, false),
        (TpmSu::Clear, TpmSu::Clear, 0, false),
    ] {
        let mut tpm = TestTpm::started();
        tpm.run(set_policy(TpmHandle::ACT_0, &policy, Some(TpmiAlgHash::Sha256)))
            .expect("set");
        tpm.run(set(TpmHandle::ACT_0, 100)).expect("platform");
        tpm.host.now += 20_000;
        let mut tpm = shut_down_and_start(tpm, down, up);
        assert_eq!(act_0(&mut tpm), (left, 0), "{down:?} {up:?}");
        let act = tpm.tpm.state_clear.acts.get(TpmHandle::ACT_0).expect("there");
        assert_eq!(act.policy.is_some(), has_policy, "{down:?} {up:?}");
    }
}

#[test]
fn act_that_nobody_renewed_loses_half_at_each_shutdown() {
    let mut tpm = TestTpm::started();
    tpm.run(set(TpmHandle::ACT_0, 100)).expect("platform");
    for left in [100, 50, 25, 12, 6, 3, 1, 1] {
        tpm = shut_down_and_start(tpm, TpmSu::State, TpmSu::State);
        assert_eq!(act_0(&mut tpm), (left, 0));
    }
    tpm.run(set(TpmHandle::ACT_0, 100)).expect("platform");
    tpm = shut_down_and_start(tpm, TpmSu::State, TpmSu::State);
    assert_eq!(act_0(&mut tpm), (100, 0));
}

#[test]
fn act_that_has_signalled_signals_after_resume() {
    let mut tpm = TestTpm::started();
    tpm.run(set(TpmHandle::ACT_0, 1)).expect("platform");
    tpm.host.now += 1000;
    let mut tpm = shut_down_and_start(tpm, TpmSu::State, TpmSu::State);
    assert_eq!(act_0(&mut tpm), (0, SIGNALED));
    tpm.run(set(TpmHandle::ACT_0, NEVER)).expect("signalled");
    let mut tpm = shut_down_and_start(tpm, TpmSu::State, TpmSu::State);
    assert_eq!(act_0(&mut tpm), (NEVER, 0));
}

#[test]
fn act_that_is_set_ends_orderliness() {
    let mut tpm = TestTpm::started();
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State)).expect("saved");
    tpm.run(set(TpmHandle::ACT_0, 1)).expect("platform");
    let mut tpm = tpm.power_cycle();
    let resume = Call::new(TpmCc::STARTUP).with(&TpmSu::State);
    assert_eq!(
        tpm.run(resume).expect_err("not orderly"),
        TpmRc::VALUE.with_parameter(1)
    );
}

#[test]
fn act_survives_with_the_volatile_state() {
    let mut tpm = TestTpm::started();
    tpm.run(set(TpmHandle::ACT_0, 100)).expect("platform");
    tpm.host.now += 20_000;
    tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    let volatile = tpm.tpm.save_volatile();
    let mut other = tpm.power_cycle();
    other.tpm.restore_volatile(&mut other.host, &volatile).expect("sound");
    assert_eq!(act_0(&mut other), (80, 0));
}

#[test]
fn signal_can_be_bound_to_a_policy() {
    let mut tpm = TestTpm::started();
    let no_signal = |session| {
        // The last byte of TPMS_ACT_DATA is 0.
        let call = Call::new(TpmCc::POLICY_CAPABILITY).on(session).with_raw(&[0, 1, 0]);
        let call = call.with(&11u16).with(&TpmEo::Eq);
        call.with(&TpmCap::Act).with(&TpmHandle::ACT_0)
    };
    let session = tpm.policy_session(false);
    tpm.run(no_signal(session)).expect("off");
    tpm.run(set(TpmHandle::ACT_0, 1)).expect("platform");
    tpm.run(no_signal(session)).expect("counting");
    tpm.host.now += 1000;
    assert_eq!(tpm.run(no_signal(session)).expect_err("signalled"), TpmRc::POLICY);
}
