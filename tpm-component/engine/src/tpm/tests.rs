//! The TPM's life: power, state, time, identity.

use tpm_contract::{CommitError, Failure, Record};

use super::*;
use crate::{
    structures::{Tpm2bAuth, TpmCc, TpmHandle, TpmPt, TpmiAlgHash},
    test_objects::{ecc_storage, rsa_storage, sensitive},
    test_tpm::{Call, TestHost, TestTpm, hex},
    wire::Marshal,
};

fn change_owner_auth(old: &[u8], new: &[u8]) -> Call {
    Call::new(TpmCc::HIERARCHY_CHANGE_AUTH)
        .on(TpmHandle::OWNER)
        .password(old)
        .with(&Tpm2bAuth::new(new).expect("short"))
}

fn records(host: &TestHost) -> Vec<Record> {
    let record = |(key, value): (&u32, &Vec<u8>)| Record {
        key: *key,
        value: value.clone(),
    };
    host.store.iter().map(record).collect()
}

#[test]
fn new_tpm_commits_its_first_state_and_comes_back_from_it() {
    let mut tpm = TestTpm::started();
    let before = tpm.tpm.identity(&mut tpm.host).expect("keys");
    let mut tpm = tpm.power_cycle();
    assert_eq!(tpm.tpm.identity(&mut tpm.host).expect("keys"), before);
    assert_eq!(records(&tpm.host), {
        let mut saved = tpm.tpm.save_persistent();
        saved.sort_by_key(|record| record.key);
        saved
    });
}

#[test]
fn damaged_state_is_refused() {
    let tpm = TestTpm::started();
    let good = records(&tpm.host);
    let mut host = TestHost::default();
    let mut refused = |records: &[Record]| assert_eq!(Tpm::power_on(&mut host, records).err(), Some(Failure::BadState));
    for at in 0..good.len() {
        let mut missing = good.clone();
        missing.remove(at);
        refused(&missing);
        let mut short = good.clone();
        short[at].value.pop();
        refused(&short);
        let mut long = good.clone();
        long[at].value.push(0);
        refused(&long);
        let mut double = good.clone();
        double.push(good[at].clone());
        refused(&double);
    }
    let mut unknown = good.clone();
    unknown.push(Record {
        key: 0x00FF_0000,
        value: alloc::vec![1],
    });
    refused(&unknown);
    let mut newer = good;
    newer
        .iter_mut()
        .filter(|record| record.key == 0)
        .for_each(|record| record.value[3] += 1);
    refused(&newer);
}

#[test]
fn command_whose_commit_is_refused_changes_nothing() {
    let mut tpm = TestTpm::started();
    let before = tpm.tpm.save_volatile();
    for (refusal, code) in [
        (CommitError::Unavailable, TpmRc::NV_UNAVAILABLE),
        (CommitError::Full, TpmRc::NV_SPACE),
    ] {
        tpm.host.refuse = Some(refusal);
        assert_eq!(tpm.run(change_owner_auth(b"", b"new")).expect_err("refused"), code);
        assert_eq!(
            tpm.run(Call::new(TpmCc::CLEAR).on(TpmHandle::PLATFORM).password(b""))
                .expect_err("refused"),
            code
        );
    }
    tpm.host.refuse = None;
    assert_eq!(tpm.tpm.save_volatile(), before);
    assert!(tpm.run(change_owner_auth(b"", b"new")).is_ok());
}

#[test]
fn wrong_guess_that_cannot_be_counted_is_not_admitted() {
    let mut tpm = TestTpm::started();
    tpm.host.refuse = Some(CommitError::Unavailable);
    let wrong = Call::new(TpmCc::DICTIONARY_ATTACK_LOCK_RESET)
        .on(TpmHandle::LOCKOUT)
        .password(b"wrong");
    assert_eq!(tpm.run(wrong).expect_err("not said"), TpmRc::NV_UNAVAILABLE);
    tpm.host.refuse = None;
    let right = Call::new(TpmCc::DICTIONARY_ATTACK_LOCK_RESET)
        .on(TpmHandle::LOCKOUT)
        .password(b"");
    assert!(tpm.run(right).is_ok(), "lockoutAuth was not disabled");
}

#[test]
fn lockout_auth_comes_back_with_real_time_only() {
    // facts/tpm/behaviours.md §19: one failure disables lockoutAuth for lockoutRecovery seconds, 1000 by default.
    let mut tpm = TestTpm::started();
    let reset = |password: &'static [u8]| {
        Call::new(TpmCc::DICTIONARY_ATTACK_LOCK_RESET)
            .on(TpmHandle::LOCKOUT)
            .password(password)
    };
    tpm.host.now = 5_000;
    assert_eq!(
        tpm.run(reset(b"wrong")).expect_err("wrong"),
        TpmRc::AUTH_FAIL.with_session(1)
    );
    for _ in 0..2_000 {
        assert_eq!(
            tpm.run(reset(b"")).expect_err("commands do not make time pass"),
            TpmRc::LOCKOUT
        );
    }
    tpm.host.now = 1_004_999;
    assert_eq!(tpm.run(reset(b"")).expect_err("a millisecond early"), TpmRc::LOCKOUT);
    tpm.host.now = 1_005_000;
    assert!(tpm.run(reset(b"")).is_ok());
}

#[test]
fn clock_follows_the_host_forward_and_is_kept_to_about_a_minute() {
    let mut tpm = TestTpm::started();
    let time = |tpm: &mut TestTpm| {
        let answer = tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
        let number =
            |range: core::ops::Range<usize>| u64::from_be_bytes(answer.parameters[range].try_into().expect("8"));
        (number(0..8), number(8..16), answer.parameters[24])
    };
    tpm.host.now = 70_000;
    assert_eq!(time(&mut tpm), (70_000, 70_000, 1));
    tpm.host.now = 60_000;
    assert_eq!(time(&mut tpm), (70_000, 70_000, 1), "time does not go back");
    tpm.host.now = 80_000;
    // Power is lost without a shutdown: Time begins anew, Clock goes on from what was saved, and is not safe until the next time it is saved.
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(time(&mut tpm), (0, 70_000, 0));
    tpm.host.now = 160_000;
    assert_eq!(time(&mut tpm).2, 1);
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::Clear))
        .expect("shut down");
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(time(&mut tpm), (0, 150_000, 1));
}

#[test]
fn identity_follows_the_seeds() {
    // Part 1 §14.4 and Part 3 §24: TPM2_Clear replaces the storage seed, TPM2_ChangeEPS the endorsement seed.
    let mut tpm = TestTpm::started();
    let first = tpm.tpm.identity(&mut tpm.host).expect("keys");
    tpm.run(Call::new(TpmCc::CLEAR).on(TpmHandle::PLATFORM).password(b""))
        .expect("cleared");
    let cleared = tpm.tpm.identity(&mut tpm.host).expect("keys");
    assert_eq!((&cleared.rsa_ek, &cleared.p256_ek), (&first.rsa_ek, &first.p256_ek));
    assert!(cleared.rsa_srk != first.rsa_srk && cleared.p256_srk != first.p256_srk);
    tpm.run(Call::new(TpmCc::CHANGE_EPS).on(TpmHandle::PLATFORM).password(b""))
        .expect("changed");
    let changed = tpm.tpm.identity(&mut tpm.host).expect("keys");
    assert!(changed.rsa_ek != first.rsa_ek && changed.p256_ek != first.p256_ek);
    assert_eq!(
        (&changed.rsa_srk, &changed.p256_srk),
        (&cleared.rsa_srk, &cleared.p256_srk)
    );
    // No authValue and no disabled hierarchy stands in the way.
    tpm.run(change_owner_auth(b"", b"secret")).expect("changed");
    let disable = Call::new(TpmCc::HIERARCHY_CONTROL)
        .on(TpmHandle::PLATFORM)
        .password(b"");
    tpm.run(disable.with(&TpmHandle::ENDORSEMENT).with(&false))
        .expect("disabled");
    assert_eq!(tpm.tpm.identity(&mut tpm.host).expect("keys"), changed);
}

#[test]
fn identity_is_what_create_primary_gives() {
    let mut tpm = TestTpm::started();
    let identity = tpm.tpm.identity(&mut tpm.host).expect("keys");
    for (template, key) in [
        (crate::identity::Template::P256Ek, identity.p256_ek),
        (crate::identity::Template::P256Srk, identity.p256_srk),
    ] {
        let bytes = template.bytes();
        let create = Call::new(TpmCc::CREATE_PRIMARY)
            .on(template.hierarchy().handle())
            .password(b"")
            .with_raw(&[0, 4, 0, 0, 0, 0])
            .with(&(bytes.len() as u16))
            .with_raw(&bytes)
            .with_raw(&[0; 6]);
        let answer = tpm.run(create).expect("created");
        assert_eq!(answer.parameters[2..2 + key.len()], key);
    }
}

#[test]
fn volatile_state_is_taken_up_by_another_instance() {
    let mut tpm = TestTpm::started();
    let session = tpm.policy_session(false);
    tpm.tpm.volatile.sessions.settle();
    tpm.run(Call::new(TpmCc::POLICY_AUTH_VALUE).on(session))
        .expect("a policy");
    tpm.run(Call::new(TpmCc::PCR_RESET).on(TpmHandle::pcr(16)).password(b""))
        .expect("reset");
    tpm.host.now = 1234;
    tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    tpm.tpm.hash_start();
    tpm.tpm.hash_data(&mut tpm.host, b"ab");
    let volatile = tpm.tpm.save_volatile();
    let digest = tpm.policy_digest(session);
    let saved = tpm.tpm.save_persistent();

    let mut host = TestHost::default();
    host.now = 77;
    let mut other = Tpm::power_on(&mut host, &saved).expect("sound");
    for length in 0..volatile.len() {
        assert_eq!(
            other.restore_volatile(&mut host, &volatile[..length]),
            Err(Failure::BadState),
            "{length} bytes"
        );
    }
    other.restore_volatile(&mut host, &volatile).expect("sound");
    assert_eq!(other.save_volatile(), volatile);
    assert_eq!(
        other.restore_volatile(&mut host, &volatile),
        Err(Failure::BadOperand),
        "only right after power-on"
    );
    let mut other = TestTpm { tpm: other, host };
    assert_eq!(other.policy_digest(session), digest);
    other.tpm.hash_data(&mut other.host, b"c");
    other.tpm.hash_end(&mut other.host).expect("ended");
    // facts/tpm/vectors.md §7, "DRTM after Startup".
    let drtm = "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d";
    assert_eq!(
        other.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 17),
        Some(&hex(drtm)[..])
    );
    other.host.now = 80;
    other.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    assert_eq!(other.tpm.time.now, 1237, "three milliseconds later");
}

#[test]
fn measurement_before_startup_stays_in_pcr_0() {
    // facts/tpm/vectors.md §7, "H-CRTM before Startup".
    let mut tpm = TestTpm::powered_on(TestHost::default());
    tpm.tpm.hash_start();
    tpm.tpm.hash_data(&mut tpm.host, b"abc");
    tpm.tpm.hash_end(&mut tpm.host).expect("ended");
    tpm.run(Call::new(TpmCc::STARTUP).with(&TpmSu::Clear)).expect("started");
    let expected = "15703cc929081671c587dad9b09606521a35aa6bf4741df448d22c4b307acc71";
    assert_eq!(
        tpm.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 0),
        Some(&hex(expected)[..])
    );
    // A resume needs the same.
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State))
        .expect("shut down");
    let mut tpm = tpm.power_cycle();
    let resume = || Call::new(TpmCc::STARTUP).with(&TpmSu::State);
    assert_eq!(
        tpm.run(resume()).expect_err("no H-CRTM"),
        TpmRc::VALUE.with_parameter(1)
    );
}

#[test]
fn command_ends_an_open_hash_sequence() {
    let mut tpm = TestTpm::started();
    let before = tpm
        .tpm
        .state_clear
        .pcrs
        .value(TpmiAlgHash::Sha256, 17)
        .map(<[u8]>::to_vec);
    tpm.tpm.hash_start();
    tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    tpm.tpm.hash_data(&mut tpm.host, b"abc");
    tpm.tpm.hash_end(&mut tpm.host).expect("nothing to end");
    assert_eq!(
        tpm.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 17),
        before.as_deref()
    );
}

#[test]
fn startup_is_for_localities_0_and_3_and_locality_3_is_recorded() {
    // facts/tpm/behaviours.md §13.
    for locality in [1, 2, 4] {
        let mut tpm = TestTpm::powered_on(TestHost::default());
        let start = Call::new(TpmCc::STARTUP).with(&TpmSu::Clear).at(locality);
        assert_eq!(tpm.run(start).expect_err("locality"), TpmRc::LOCALITY);
    }
    let mut tpm = TestTpm::powered_on(TestHost::default());
    tpm.run(Call::new(TpmCc::STARTUP).with(&TpmSu::Clear).at(3))
        .expect("started");
    assert_eq!(
        tpm.tpm
            .state_clear
            .pcrs
            .value(TpmiAlgHash::Sha1, 0)
            .and_then(|value| value.last()),
        Some(&3)
    );
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State))
        .expect("shut down");
    let mut tpm = tpm.power_cycle();
    let resume = || Call::new(TpmCc::STARTUP).with(&TpmSu::State);
    assert_eq!(tpm.run(resume()).expect_err("another locality"), TpmRc::LOCALITY);
    tpm.run(resume().at(3)).expect("resumed");
}

#[test]
fn failure_mode_answers_two_commands_only() {
    // facts/tpm/behaviours.md §18.
    let mut tpm = TestTpm::started();
    tpm.tpm.fail();
    tpm.tpm.hash_start();
    tpm.tpm.hash_data(&mut tpm.host, b"nobody hashes this");
    tpm.tpm.hash_end(&mut tpm.host).expect("nothing to end");
    assert_eq!(
        tpm.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 17),
        Some(&[0xff; 32][..])
    );
    assert_eq!(tpm.tpm.identity(&mut tpm.host), Err(Failure::SelfTest));
    assert_eq!(
        tpm.send(0, &hex("80010000000c0000017b0010")),
        hex("80010000000a00000101")
    );
    assert_eq!(
        tpm.send(0, &hex("80010000000a0000017c")),
        hex("80010000001000000000000000000101")
    );
    let get = |property: u32, count: u32| {
        Call::new(TpmCc::GET_CAPABILITY)
            .with(&6u32)
            .with(&property)
            .with(&count)
    };
    let answer = tpm.run(get(0x100, 5)).expect("who made it").parameters;
    assert_eq!(
        answer,
        hex("0100000006000000010000010543 4c5354".replace(' ', "").as_str()),
        "one, with more to come"
    );
    let last = tpm
        .run(get(TpmPt::FIRMWARE_VERSION_2.0, 5))
        .expect("its version")
        .parameters;
    assert_eq!(last[0], 0);
    assert_eq!(tpm.run(get(0x10D, 5)).expect_err("no other property"), TpmRc::FAILURE);
    assert_eq!(
        tpm.run(Call::new(TpmCc::STARTUP).with(&TpmSu::Clear))
            .expect_err("nothing else"),
        TpmRc::FAILURE
    );
}

#[test]
fn resume_takes_the_saved_state_up_once() {
    let mut tpm = TestTpm::started();
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State))
        .expect("shut down");
    assert!(
        [8, 9, 16].iter().all(|key| tpm.host.store.contains_key(key)),
        "the records of a suspended TPM"
    );
    let tpm = tpm.restarted(TpmSu::State);
    assert!([8, 9, 16].iter().all(|key| !tpm.host.store.contains_key(key)));
    let mut tpm = tpm.power_cycle();
    let again = Call::new(TpmCc::STARTUP).with(&TpmSu::State);
    assert_eq!(tpm.run(again).expect_err("no shutdown"), TpmRc::VALUE.with_parameter(1));
}

#[test]
fn state_of_the_first_format_is_read_and_brought_to_the_newest() {
    // Format 1 had no records 10, 11, 12 and 16, no read-only mode at the end of record 8 and no audit digest at the end of record 9.
    let mut tpm = TestTpm::started();
    tpm.run(change_owner_auth(b"", b"owner")).expect("allowed");
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State))
        .expect("shut down");
    let newest = tpm.host.store.clone();
    let commits = tpm.host.commits;
    let store = &mut tpm.host.store;
    store.insert(0, alloc::vec![0, 0, 0, 1]);
    for key in [10, 11, 12, 16] {
        store.remove(&key).expect("what format 1 did not have");
    }
    for (key, less) in [(8, 1), (9, 2)] {
        let record = store.get_mut(&key).expect("the records of a suspended TPM");
        record.truncate(record.len() - less);
    }
    let mut tpm = tpm.power_cycle();
    assert_eq!((tpm.host.store == newest, tpm.host.commits), (true, commits + 1));
    tpm.run(Call::new(TpmCc::STARTUP).with(&TpmSu::State)).expect("resumed");
    tpm.run(change_owner_auth(b"owner", b"")).expect("the same owner");
}

#[test]
fn state_of_the_second_format_is_read_and_brought_to_the_newest() {
    // Format 2 had no record 12, and nothing after the commitments in the volatile state.
    let mut tpm = TestTpm::started();
    tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    let newest = tpm.host.store.clone();
    let volatile = tpm.tpm.save_volatile();
    tpm.host.store.insert(0, alloc::vec![0, 0, 0, 2]);
    tpm.host.store.remove(&12).expect("what format 2 did not have");
    let mut tpm = tpm.power_cycle();
    assert!(tpm.host.store == newest);
    let mut second = volatile.clone();
    second.truncate(volatile.len() - tpm.tpm.state_clear.acts.to_bytes().len());
    second[3] = 2;
    tpm.tpm.restore_volatile(&mut tpm.host, &second).expect("sound");
    assert_eq!(tpm.tpm.save_volatile(), volatile);
}

#[test]
fn state_of_a_format_to_come_is_refused() {
    let mut host = TestTpm::started().host;
    host.store.insert(0, [0, 0, 0, 4].to_vec());
    let saved = records(&host);
    assert_eq!(Tpm::power_on(&mut host, &saved).map(|_| ()), Err(Failure::BadState));
}

#[test]
fn volatile_state_of_the_first_format_is_read() {
    // Format 1 had no audit digest in the middle, and ended with a byte that said that everything was tested, and the hash sequence: read-only
    // mode, the clock's rate, the commitments and the countdown timers came later.
    let mut tpm = TestTpm::started();
    tpm.run(Call::new(TpmCc::READ_CLOCK)).expect("always works");
    let newest = tpm.tpm.save_volatile();
    let saved = tpm.tpm.save_persistent();
    let mut reset = crate::wire::Writer::new();
    reset.put(&tpm.tpm.state_reset);
    let reset = reset.into_vec();
    let at = newest
        .windows(reset.len())
        .position(|window| window == reset)
        .expect("the state-reset data");
    // No saved session, an empty digest.
    let digest = at + reset.len() + 1;
    assert_eq!(newest[digest - 1..digest + 2], [0, 0, 0]);
    let mut first = newest.clone();
    first.drain(digest..digest + 2);
    let commitments = tpm.tpm.state_reset.commitments.to_bytes().len();
    let acts = tpm.tpm.state_clear.acts.to_bytes().len();
    first.truncate(first.len() - 5 - commitments - acts);
    first.insert(first.len() - 1, 1);
    first[3] = 1;
    let mut host = TestHost::default();
    let mut other = Tpm::power_on(&mut host, &saved).expect("sound");
    other.restore_volatile(&mut host, &first).expect("sound");
    assert_eq!(other.save_volatile(), newest);
}

#[test]
fn changes_of_one_command_fit_one_commit() {
    // The most that one command changes: TPM2_Clear with every NV index and persistent object, and every group.
    const GROUPS: usize = 18;
    const { assert!(limits::MAX_NV_INDICES + limits::MAX_PERSISTENT_OBJECTS + GROUPS <= bounds::MAX_CHANGES) };
}

#[test]
fn state_saved_between_power_on_and_startup_keeps_what_was_suspended() {
    let mut tpm = TestTpm::started();
    let extend = Call::new(TpmCc::PCR_EXTEND).on(TpmHandle(10)).password(b"");
    tpm.run(extend.with(&1u32).with(&TpmiAlgHash::Sha1).with_raw(&[7; 20]))
        .expect("locality 0 may");
    let value = tpm
        .tpm
        .state_clear
        .pcrs
        .value(TpmiAlgHash::Sha1, 10)
        .map(<[u8]>::to_vec);
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&TpmSu::State))
        .expect("shut down");
    let mut tpm = tpm.power_cycle();
    let saved = tpm.tpm.save_persistent();
    tpm.tpm = Tpm::power_on(&mut tpm.host, &saved).expect("what it was saved for");
    tpm.run(Call::new(TpmCc::STARTUP).with(&TpmSu::State)).expect("resumed");
    assert_eq!(tpm.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha1, 10), value.as_deref());
}

#[test]
fn broken_source_of_entropy_ends_the_work() {
    // SP 800-90B §4.4 with Part 1 §10.3: a failed health test is a failed self-test.
    let mut tpm = TestTpm::started();
    tpm.host.stuck = true;
    let stir = Call::new(TpmCc::STIR_RANDOM).with_raw(&[0, 1, 7]);
    assert_eq!(tpm.run(stir).map(|_| ()), Err(TpmRc::FAILURE));
    assert_eq!(*tpm.tpm.phase, Phase::Failed);
    let mut asked = TestTpm::started();
    asked.host.stuck = true;
    let test = |full: bool| Call::new(TpmCc::SELF_TEST).with(&full);
    asked.run(test(false)).expect("asks for algorithms only");
    assert_eq!(asked.run(test(true)).map(|_| ()), Err(TpmRc::FAILURE));
    assert_eq!(*asked.tpm.phase, Phase::Failed);
    assert_eq!(
        tpm.send(0, &hex("80010000000a0000017c")),
        hex("80010000001000000000000000000101")
    );
    let saved = tpm.tpm.save_persistent();
    assert_eq!(
        Tpm::power_on(&mut tpm.host, &saved).map(|_| ()),
        Err(Failure::SelfTest),
        "it does not start with such a source"
    );
}

#[test]
fn algorithm_that_fails_its_test_is_never_used() {
    // Part 1 §10.3: an algorithm is tested before its first use; a failure ends everything, the algorithms that work too.
    let mut tpm = TestTpm::started();
    tpm.host.miscounts = true;
    let rsa = tpm.primary(TpmHandle::OWNER, &rsa_storage());
    let created = tpm.create_primary(TpmHandle::OWNER, &ecc_storage(), &sensitive(b"", b""));
    assert_eq!(created.map(|_| ()), Err(TpmRc::FAILURE));
    assert_eq!(*tpm.tpm.phase, Phase::Failed);
    let read = Call::new(TpmCc::READ_PUBLIC).on(rsa);
    assert_eq!(tpm.run(read).map(|_| ()), Err(TpmRc::FAILURE));

    // TPM2_SelfTest and TPM2_IncrementalSelfTest find it, too.
    for (code, parameters) in [
        (TpmCc::SELF_TEST, &[1][..]),
        (TpmCc::INCREMENTAL_SELF_TEST, &[0, 0, 0, 1, 0, 0x18]),
    ] {
        let mut tpm = TestTpm::started();
        tpm.host.miscounts = true;
        assert_eq!(
            tpm.run(Call::new(code).with_raw(parameters)).map(|_| ()),
            Err(TpmRc::FAILURE)
        );
        assert_eq!(*tpm.tpm.phase, Phase::Failed);
    }
}

#[test]
fn what_an_implementation_computed_that_fails_its_test_neither_lasts_nor_leaves() {
    // The host stops offering something in the middle of a command, and what the engine has in its place does not work: a command that changes
    // state, one that does not, and one that fails for a reason of its own.
    for command in [
        "80020000001e000001294000000100000009400000090000000000000107",
        "80010000000c0000017b0010",
        "80010000000c0000017bffffff",
    ] {
        let mut tpm = TestTpm::started();
        let before = records(&tpm.host);
        tpm.tpm.tests.break_down();
        let locality = Locality::new(0).expect("one of five");
        let response = dispatch::execute(&mut tpm.tpm, &mut tpm.host, locality, &hex(command));
        assert_eq!(response, hex("80010000000a00000101"), "{command}");
        assert_eq!(*tpm.tpm.phase, Phase::Failed);
        assert_eq!(records(&tpm.host), before);
        assert_eq!(tpm.tpm.identity(&mut tpm.host), Err(Failure::SelfTest));
    }
    let mut tpm = TestTpm::started();
    tpm.tpm.tests.break_down();
    assert_eq!(tpm.tpm.identity(&mut tpm.host), Err(Failure::SelfTest));
    assert_eq!(*tpm.tpm.phase, Phase::Failed);
    let mut tpm = TestTpm::started();
    tpm.tpm.hash_start();
    tpm.tpm.tests.break_down();
    assert_eq!(tpm.tpm.hash_end(&mut tpm.host), Err(Failure::SelfTest));
}
