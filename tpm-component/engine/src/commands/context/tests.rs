//! Contexts through the commands, with response codes of facts/tpm/behaviours.md §16.

use alloc::vec::Vec;

use crate::{
    structures::{Tpm2bContextData, TpmCc, TpmHandle, TpmRc, TpmSu, TpmaObject, TpmsContext},
    test_objects::{ecc_storage, hmac_key},
    test_tpm::{Call, TestTpm},
    wire::{Marshal, Unmarshal},
};

fn save(tpm: &mut TestTpm, handle: TpmHandle) -> Result<TpmsContext, TpmRc> {
    let call = Call::new(TpmCc::CONTEXT_SAVE).on(handle);
    tpm.run(call).map(|answer| answer.read())
}

fn load(tpm: &mut TestTpm, context: &TpmsContext) -> Result<TpmHandle, TpmRc> {
    tpm.run(Call::new(TpmCc::CONTEXT_LOAD).with(context))
        .map(|answer| answer.handle.expect("a handle"))
}

#[test]
fn object_context_loads_again_and_again_until_reset() {
    let mut tpm = TestTpm::started();
    let object = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let name = tpm.object_name(object);
    let context = save(&mut tpm, object).expect("loaded");
    assert_eq!(
        (context.saved_handle.handle(), context.hierarchy.handle()),
        (TpmHandle(0x8000_0000), TpmHandle::OWNER)
    );
    for expected in [0x8000_0001, 0x8000_0002] {
        assert_eq!(load(&mut tpm, &context), Ok(TpmHandle(expected)));
        assert_eq!(tpm.object_name(TpmHandle(expected)), name);
    }
    let mut tpm = tpm.restarted(TpmSu::Clear);
    assert_eq!(
        load(&mut tpm, &context),
        Err(TpmRc::new(0x1DF)),
        "INTEGRITY, P1, after TPM Reset"
    );
}

#[test]
fn context_with_any_change_is_refused() {
    let mut tpm = TestTpm::started();
    let object = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let context = save(&mut tpm, object).expect("loaded");
    let bytes = context.to_bytes();
    for at in 0..bytes.len() {
        let mut forged: Vec<u8> = bytes.clone();
        forged[at] ^= 1;
        // A changed size or handle may not even parse; whatever parses fails its integrity check.
        let result = tpm.run(Call::new(TpmCc::CONTEXT_LOAD).with_raw(&forged)).map(|_| ());
        assert!(result.is_err(), "byte {at}");
        if TpmsContext::from_bytes(&forged).is_ok() {
            assert_eq!(result, Err(TpmRc::new(0x1DF)), "byte {at}");
        }
    }
    let empty = TpmsContext {
        context_blob: Tpm2bContextData::empty(),
        ..context
    };
    assert_eq!(load(&mut tpm, &empty), Err(TpmRc::new(0x1DF)));
}

#[test]
fn st_clear_object_has_its_own_marker() {
    let mut tpm = TestTpm::started();
    let mut template = ecc_storage();
    template.object_attributes = template.object_attributes | TpmaObject::ST_CLEAR;
    let object = tpm.primary(TpmHandle::OWNER, &template);
    assert_eq!(
        save(&mut tpm, object).expect("loaded").saved_handle.handle(),
        TpmHandle(0x8000_0002)
    );
    let child = tpm.child(
        object,
        &hmac_key(crate::structures::TpmtKeyedhashScheme::Hmac(
            crate::structures::TpmiAlgHash::Sha256,
        )),
        b"",
    );
    assert_eq!(
        save(&mut tpm, child).expect("loaded").saved_handle.handle(),
        TpmHandle(0x8000_0002),
        "and its child"
    );
}

#[test]
fn session_context_is_good_once() {
    let mut tpm = TestTpm::started();
    let session = tpm.policy_session(false);
    let digest = tpm.policy_digest(session);
    let context = save(&mut tpm, session).expect("loaded");
    assert_eq!(context.saved_handle.handle(), session);
    assert_eq!(
        save(&mut tpm, session),
        Err(TpmRc::new(0x910)),
        "REFERENCE_H0: not loaded any more"
    );
    assert_eq!(load(&mut tpm, &context), Ok(session));
    assert_eq!(tpm.policy_digest(session), digest);
    assert_eq!(load(&mut tpm, &context), Err(TpmRc::new(0x1CB)), "HANDLE, P1: replayed");
    let newer = save(&mut tpm, session).expect("loaded");
    assert_eq!(
        load(&mut tpm, &context),
        Err(TpmRc::new(0x1CB)),
        "HANDLE, P1: not the newest"
    );
    assert_eq!(load(&mut tpm, &newer), Ok(session));
}

#[test]
fn flush_removes_what_is_loaded_and_what_is_saved() {
    let mut tpm = TestTpm::started();
    let object = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    tpm.flush(object);
    let flush = |handle: TpmHandle| Call::new(TpmCc::FLUSH_CONTEXT).with(&handle);
    assert_eq!(tpm.run(flush(object)).map(|_| ()), Err(TpmRc::new(0x1CB)), "HANDLE, P1");
    let session = tpm.policy_session(false);
    let context = save(&mut tpm, session).expect("loaded");
    tpm.flush(session);
    assert_eq!(load(&mut tpm, &context), Err(TpmRc::new(0x1CB)), "HANDLE, P1");
    assert_eq!(
        tpm.run(flush(TpmHandle(0x8100_0001))).map(|_| ()),
        Err(TpmRc::new(0x1C4)),
        "VALUE, P1: persistent"
    );
}
