//! Command audit through the commands, against what a live TPM answers.

use alloc::{string::String, vec::Vec};

use crate::{
    structures::{Tpm2bAttest, Tpm2bDigest, TpmCc, TpmHandle, TpmRc, TpmSu, TpmiAlgHash},
    test_objects::attestation_key,
    test_tpm::{Call, TestTpm, hex},
    wire::{Reader, Unmarshal},
};

/// TPM2_SetCommandCodeAuditStatus by the owner.
fn set_audit(alg: u16, set: &[TpmCc], clear: &[TpmCc]) -> Call {
    let mut call = Call::new(TpmCc::SET_COMMAND_CODE_AUDIT_STATUS)
        .on(TpmHandle::OWNER)
        .password(b"")
        .with(&alg);
    for list in [set, clear] {
        call = call.with(&(list.len() as u32));
        for code in list {
            call = call.with(code);
        }
    }
    call
}

/// TPM_ALG_NULL and TPM_ALG_SHA256.
const SAME: u16 = 0x10;
const SHA256: u16 = 0x0B;

fn test_parms() -> Call {
    Call::new(TpmCc::TEST_PARMS).with_raw(&hex("00080010"))
}

/// TPMS_COMMAND_AUDIT_INFO in hexadecimal, as TPM2_GetCommandAuditDigest attests it, signed by `key` or not at all.
fn audit_info(tpm: &mut TestTpm, key: TpmHandle) -> String {
    let call = Call::new(TpmCc::GET_COMMAND_AUDIT_DIGEST)
        .on(TpmHandle::ENDORSEMENT)
        .on(key)
        .password(b"")
        .password(b"");
    let answer = tpm.run(call.with_raw(&[0, 0, 0, 0x10])).expect("the endorsement may");
    let statement: Tpm2bAttest = Unmarshal::unmarshal(&mut answer.reader()).expect("auditInfo");
    let mut reader = Reader::new(statement.as_bytes());
    assert_eq!(
        reader.take(6),
        Ok(&hex("ff5443478015")[..]),
        "TPM_ST_ATTEST_COMMAND_AUDIT"
    );
    let signer = u16::unmarshal(&mut reader).expect("qualifiedSigner");
    // Behind the signer: no extraData, the clock, the version.
    reader
        .take(usize::from(signer) + 2 + 17 + 8)
        .expect("what every statement has");
    hex::encode(reader.rest())
}

/// With TPM2_TestParms audited by SHA-256: how swtpm 0.7.1 answers (counter, algorithm, digest, digest of the codes), with empty passwords.
const CODES: &str = "00205886898eab331a7232b1c0a5d62ba3bfdd446342caded97d303c7a451e5a1653";
const AFTER_SET: &str = "0000000000000001000b002046b24ffccd207b7f89b89f3d8d8462c070e80ed03d9db8ec6d97283efff08e4c";
const AFTER_TEST: &str = "0000000000000001000b002042a014aed4911fe46d97f09d19f0810cd74771989952e4f422d4326289cb56f5";
const EMPTY: &str = "0000000000000000000b00000020122256c273fcf60e77f13560864727bedd1b818c8c0bea96012415596cea2856";

/// A TPM that audits TPM2_TestParms.
fn auditing() -> TestTpm {
    let mut tpm = TestTpm::started();
    tpm.run(set_audit(SHA256, &[], &[])).expect("the owner may");
    assert_eq!(
        audit_info(&mut tpm, TpmHandle::NULL),
        EMPTY,
        "the change itself is not audited"
    );
    let listed = [TpmCc::TEST_PARMS, TpmCc::SHUTDOWN];
    let call = set_audit(SAME, &listed, &[TpmCc::SET_COMMAND_CODE_AUDIT_STATUS]);
    tpm.run(call).expect("the owner may");
    tpm
}

#[test]
fn digest_records_what_succeeded_as_another_tpm_does() {
    let mut tpm = auditing();
    let info = |digest: &str| [digest, CODES].concat();
    assert_eq!(audit_info(&mut tpm, TpmHandle::NULL), info(AFTER_SET));
    tpm.run(test_parms()).expect("a keyed hash");
    assert_eq!(audit_info(&mut tpm, TpmHandle::NULL), info(AFTER_TEST));
    tpm.run(Call::new(TpmCc::TEST_PARMS).with_raw(&[0, 0x0B]))
        .expect_err("no type");
    tpm.run(Call::new(TpmCc::GET_RANDOM).with(&4u16)).expect("not audited");
    assert_eq!(audit_info(&mut tpm, TpmHandle::NULL), info(AFTER_TEST));
    // TPM2_Clear sets the counter to zero and keeps the digest.
    tpm.run(Call::new(TpmCc::CLEAR).on(TpmHandle::LOCKOUT).password(b""))
        .expect("allowed");
    let cleared = AFTER_TEST.replacen("0000000000000001", "0000000000000000", 1);
    assert_eq!(audit_info(&mut tpm, TpmHandle::NULL), info(&cleared));
}

#[test]
fn signed_statement_ends_the_digest_and_the_next_command_starts_another() {
    // Part 3 §18.6.
    let mut tpm = auditing();
    tpm.run(test_parms()).expect("a keyed hash");
    let key = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
    assert_eq!(audit_info(&mut tpm, key), [AFTER_TEST, CODES].concat());
    let ended = ["0000000000000001000b0000", CODES].concat();
    assert_eq!(audit_info(&mut tpm, key), ended);
    tpm.run(test_parms()).expect("a keyed hash");
    let next = audit_info(&mut tpm, TpmHandle::NULL);
    assert!(next.starts_with("0000000000000002000b0020"), "{next}");
}

#[test]
fn digest_lives_until_tpm_reset() {
    // Part 1 §36.3: the digest is state-reset data; the list and the algorithm last.
    let state = || Call::new(TpmCc::SHUTDOWN).with(&1u16);
    for kind in [TpmSu::Clear, TpmSu::State] {
        let mut tpm = auditing();
        tpm.run(state()).expect("possible");
        let mut tpm = tpm.restarted(kind);
        assert_eq!(
            audit_info(&mut tpm, TpmHandle::NULL),
            [AFTER_SET, CODES].concat(),
            "Restart or Resume {kind:?}"
        );
    }
    let mut tpm = auditing().restarted(TpmSu::Clear);
    assert_eq!(
        audit_info(&mut tpm, TpmHandle::NULL),
        ["0000000000000001000b0000", CODES].concat()
    );
    // An audited command after TPM2_Shutdown(STATE) makes what that saved out of date.
    let mut tpm = auditing();
    tpm.run(state()).expect("possible");
    tpm.run(test_parms()).expect("a keyed hash");
    let mut tpm = tpm.power_cycle();
    assert_eq!(tpm.send(0, &hex("80010000000c000001440001"))[6..], hex("000001c4"));
}

#[test]
fn algorithm_and_list_do_not_change_together() {
    let mut tpm = TestTpm::started();
    let both = set_audit(SHA256, &[TpmCc::GET_RANDOM], &[]);
    assert_eq!(tpm.run(both).expect_err("VALUE, P1"), TpmRc::new(0x1C4));
    // The same algorithm is no change.
    let alg = tpm.tpm.persistent.audit.hash;
    assert_eq!(alg, TpmiAlgHash::Sha512);
    tpm.run(set_audit(alg.value(), &[TpmCc::GET_RANDOM], &[]))
        .expect("the owner may");
    assert_eq!(tpm.tpm.persistent.audit.counter, 1);
    let too_many: Vec<TpmCc> = alloc::vec![TpmCc::GET_RANDOM; 255];
    assert_eq!(
        tpm.run(set_audit(SAME, &too_many, &[])).expect_err("SIZE, P2"),
        TpmRc::new(0x2D5)
    );
}

#[test]
fn audit_that_cannot_be_stored_leaves_nothing_done() {
    let mut tpm = auditing();
    tpm.run(Call::new(TpmCc::SHUTDOWN).with(&1u16)).expect("possible");
    let before = (*tpm.tpm.state_reset.audit_digest).clone();
    tpm.host.refuse = Some(tpm_contract::CommitError::Unavailable);
    assert_eq!(tpm.run(test_parms()).expect_err("no commit"), TpmRc::NV_UNAVAILABLE);
    assert_eq!(*tpm.tpm.state_reset.audit_digest, before);
    assert_ne!(before, Tpm2bDigest::empty());
}
