//! Persistent objects, physical presence and the algorithm set through the commands, with response codes of facts/tpm/behaviours.md §3 and §15.

use tpm_contract::bounds;

use crate::{
    structures::{Tpm2bPublic, TpmCap, TpmCc, TpmHandle, TpmPt, TpmRc, TpmSu, TpmaObject, limits},
    test_objects::{ecc_storage, sealed, sensitive},
    test_tpm::{Call, TestTpm, hex},
    wire::Unmarshal,
};

const SRK: TpmHandle = TpmHandle(0x8100_0001);
const PLATFORM_KEY: TpmHandle = TpmHandle(0x8180_0000);

fn evict(tpm: &mut TestTpm, hierarchy: TpmHandle, object: TpmHandle, target: TpmHandle) -> Result<(), TpmRc> {
    let call = Call::new(TpmCc::EVICT_CONTROL)
        .on(hierarchy)
        .on(object)
        .password(b"")
        .with(&target);
    tpm.run(call).map(|answer| assert!(answer.is_empty()))
}

#[test]
fn persistent_object_outlives_the_power() {
    let mut tpm = TestTpm::started();
    let primary = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let child = tpm
        .create(primary, &sealed(), &sensitive(b"", b"x"))
        .expect("a good template");
    let name = tpm.object_name(primary);
    assert_eq!(evict(&mut tpm, TpmHandle::OWNER, primary, SRK), Ok(()));
    assert!(tpm.host.store.contains_key(&SRK.0), "committed before the answer");
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(tpm.object_name(SRK), name);
    tpm.load(SRK, &child).expect("its own child");
    let answer = tpm.run(Call::new(TpmCc::READ_PUBLIC).on(SRK)).expect("always readable");
    assert!(Tpm2bPublic::unmarshal(&mut answer.reader()).is_ok());
    assert_eq!(evict(&mut tpm, TpmHandle::OWNER, SRK, SRK), Ok(()));
    assert!(!tpm.host.store.contains_key(&SRK.0));
    assert_eq!(
        evict(&mut tpm, TpmHandle::OWNER, SRK, SRK),
        Err(TpmRc::new(0x28B)),
        "HANDLE, H2"
    );
}

#[test]
fn evict_control_keeps_to_its_ranges_and_hierarchies() {
    let mut tpm = TestTpm::started();
    let (owner, platform) = (TpmHandle::OWNER, TpmHandle::PLATFORM);
    let object = tpm.primary(owner, &ecc_storage());
    let theirs = tpm.primary(platform, &ecc_storage());
    assert_eq!(
        evict(&mut tpm, owner, object, PLATFORM_KEY),
        Err(TpmRc::new(0x1CD)),
        "RANGE, P1"
    );
    assert_eq!(
        evict(&mut tpm, platform, theirs, SRK),
        Err(TpmRc::new(0x1CD)),
        "RANGE, P1"
    );
    assert_eq!(
        evict(&mut tpm, owner, theirs, SRK),
        Err(TpmRc::new(0x285)),
        "HIERARCHY, H2"
    );
    assert_eq!(
        evict(&mut tpm, platform, object, PLATFORM_KEY),
        Err(TpmRc::new(0x285)),
        "HIERARCHY, H2"
    );
    let fleeting = tpm.primary(TpmHandle::NULL, &ecc_storage());
    assert_eq!(
        evict(&mut tpm, owner, fleeting, SRK),
        Err(TpmRc::new(0x282)),
        "ATTRIBUTES, H2"
    );
    let mut template = ecc_storage();
    template.object_attributes = template.object_attributes | TpmaObject::ST_CLEAR;
    let cleared = tpm.primary(owner, &template);
    assert_eq!(
        evict(&mut tpm, owner, cleared, SRK),
        Err(TpmRc::new(0x282)),
        "ATTRIBUTES, H2"
    );
    assert_eq!(evict(&mut tpm, owner, object, SRK), Ok(()));
    assert_eq!(evict(&mut tpm, owner, object, SRK), Err(TpmRc::NV_DEFINED));
    assert_eq!(
        evict(&mut tpm, owner, SRK, TpmHandle(0x8100_0002)),
        Err(TpmRc::new(0x28B)),
        "HANDLE, H2: not the same"
    );
    assert_eq!(evict(&mut tpm, platform, theirs, PLATFORM_KEY), Ok(()));
    assert_eq!(
        evict(&mut tpm, platform, SRK, SRK),
        Ok(()),
        "the platform may remove anything"
    );
    let endorsement = tpm.primary(TpmHandle::ENDORSEMENT, &ecc_storage());
    assert_eq!(
        evict(&mut tpm, owner, endorsement, SRK),
        Ok(()),
        "endorsement keys live in the owner's half"
    );
}

#[test]
fn evict_control_undone_when_the_host_does_not_commit() {
    let mut tpm = TestTpm::started();
    let object = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    tpm.host.refuse = Some(tpm_contract::CommitError::Full);
    assert_eq!(evict(&mut tpm, TpmHandle::OWNER, object, SRK), Err(TpmRc::NV_SPACE));
    tpm.host.refuse = None;
    assert!(tpm.tpm.object(SRK).is_none());
    assert_eq!(evict(&mut tpm, TpmHandle::OWNER, object, SRK), Ok(()));
}

/// A property of TPM2_GetCapability.
fn property(tpm: &mut TestTpm, property: TpmPt) -> u32 {
    let call = Call::new(TpmCc::GET_CAPABILITY).with(&TpmCap::TpmProperties);
    let answer = tpm.run(call.with(&property).with(&1u32)).expect("always possible");
    let value = answer.parameters.last_chunk().expect("the value");
    u32::from_be_bytes(*value)
}

#[test]
fn algorithm_set_is_noted_and_lasts() {
    // Part 3 §26.3, as swtpm 0.7.1 answers TPM_PT_ALGORITHM_SET.
    let mut tpm = TestTpm::started();
    let set = |hierarchy| Call::new(TpmCc::SET_ALGORITHM_SET).on(hierarchy).password(b"");
    tpm.run(set(TpmHandle::PLATFORM).with(&7u32)).expect("the platform may");
    assert_eq!(property(&mut tpm, TpmPt::ALGORITHM_SET), 7);
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(property(&mut tpm, TpmPt::ALGORITHM_SET), 7);
    let by_owner = tpm.run(set(TpmHandle::OWNER).with(&8u32));
    assert_eq!(by_owner.expect_err("VALUE, H1"), TpmRc::new(0x184));
}

#[test]
fn pp_commands_needs_a_presence_that_nobody_has() {
    // Part 3 §26.2: the command is always on the list, and TPM_RC_PP numbers the session, as swtpm 0.7.1 answers.
    let mut tpm = TestTpm::started();
    let call = || Call::new(TpmCc::PP_COMMANDS).on(TpmHandle::PLATFORM);
    let lists = [0; 8];
    assert_eq!(
        tpm.run(call().password(b"").with_raw(&lists)).expect_err("PP, S1"),
        TpmRc::new(0x990)
    );
    assert_eq!(
        tpm.run(call().with_raw(&lists)).expect_err("no session"),
        TpmRc::AUTH_MISSING
    );
    let list = Call::new(TpmCc::GET_CAPABILITY).with(&TpmCap::PpCommands).with(&0u32);
    let answer = tpm.run(list.with(&16u32)).expect("always possible");
    assert_eq!(answer.parameters, hex("0000000003000000010000012d"));
}

#[test]
fn full_store_of_persistent_objects_is_within_the_bounds_of_a_saved_state() {
    let mut tpm = TestTpm::started();
    let primary = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    for number in 0..64 {
        let target = TpmHandle(0x8100_0000 + number);
        assert_eq!(evict(&mut tpm, TpmHandle::OWNER, primary, target), Ok(()), "{number}");
    }
    let more = evict(&mut tpm, TpmHandle::OWNER, primary, TpmHandle(0x8100_0040));
    assert_eq!(more, Err(TpmRc::NV_SPACE));
    assert_eq!(property(&mut tpm, TpmPt::HR_PERSISTENT), 64);
    assert_eq!(property(&mut tpm, TpmPt::HR_PERSISTENT_AVAIL), 0);
    // With as much NV beside them as there may be.
    let saved = tpm.tpm.save_persistent();
    let size: usize = saved.iter().map(|record| record.value.len()).sum();
    let nv = limits::MAX_NV_TOTAL + 256 * limits::MAX_NV_INDICES;
    assert!(size + nv <= bounds::MAX_STATE && saved.len() + limits::MAX_NV_INDICES <= bounds::MAX_RECORDS);
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(
        evict(
            &mut tpm,
            TpmHandle::OWNER,
            TpmHandle(0x8100_003F),
            TpmHandle(0x8100_003F)
        ),
        Ok(())
    );
}

#[test]
fn as_many_sessions_are_active_and_objects_loaded_as_the_properties_say() {
    let mut tpm = TestTpm::started();
    let start = || {
        let call = Call::new(TpmCc::START_AUTH_SESSION)
            .on(TpmHandle::NULL)
            .on(TpmHandle::NULL);
        call.with_raw(&[0, 16])
            .with_raw(&[1; 16])
            .with_raw(&hex("0000000010000b"))
    };
    for number in 0..64 {
        let session = tpm.run(start()).expect("room").handle.expect("a handle");
        assert_eq!(session, TpmHandle(0x0200_0000 + number));
        if number >= 7 {
            tpm.run(Call::new(TpmCc::CONTEXT_SAVE).on(session)).expect("saved");
        }
    }
    assert_eq!(tpm.run(start()).expect_err("64 exist"), TpmRc::SESSION_HANDLES);
    assert_eq!(property(&mut tpm, TpmPt::HR_LOADED), 7);
    assert_eq!(property(&mut tpm, TpmPt::HR_ACTIVE), 64);
    tpm.flush(TpmHandle(0x0200_003F));
    tpm.run(start()).expect("63 exist");
    tpm.flush(TpmHandle(0x0200_003E));
    assert_eq!(tpm.run(start()).expect_err("8 are loaded"), TpmRc::SESSION_MEMORY);
    for slot in 0..8 {
        assert_eq!(tpm.load_hmac_key(), TpmHandle(0x8000_0000 + slot));
    }
    assert_eq!(property(&mut tpm, TpmPt::HR_TRANSIENT_AVAIL), 0);
    let ninth = tpm.create_primary(TpmHandle::OWNER, &ecc_storage(), &sensitive(b"", b""));
    assert_eq!(ninth.expect_err("8 are loaded"), TpmRc::OBJECT_MEMORY);
}
