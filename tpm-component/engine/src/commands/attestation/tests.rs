//! Attestations through the commands: what is signed is parsed byte by byte (Part 2 §10.12) and verified with TPM2_VerifySignature.

use alloc::vec::Vec;

use crate::{
    structures::{
        Tpm2bAttest, Tpm2bCreationData, Tpm2bData, Tpm2bDigest, Tpm2bName, Tpm2bPublic, TpmCc, TpmHandle, TpmRc,
        TpmiAlgHash, TpmlPcrSelection, TpmsClockInfo, TpmsPcrSelect, TpmsPcrSelection, TpmtSigScheme, TpmtSignature,
        TpmtTkCreation,
    },
    test_objects::{attestation_key, ecc_storage, sensitive},
    test_tpm::{Call, TestTpm, hex},
    wire::{Marshal, Reader, Unmarshal},
};

/// The fields of a TPMS_ATTEST up to what is attested.
struct Statement {
    kind: u16,
    signer: Tpm2bName,
    extra: Tpm2bData,
    clock: TpmsClockInfo,
    firmware: u64,
    attested: Vec<u8>,
}

fn parse(attest: &Tpm2bAttest) -> Statement {
    let mut reader = Reader::new(attest.as_bytes());
    assert_eq!(u32::unmarshal(&mut reader), Ok(0xFF54_4347), "TPM_GENERATED_VALUE");
    Statement {
        kind: Unmarshal::unmarshal(&mut reader).expect("type"),
        signer: Unmarshal::unmarshal(&mut reader).expect("qualifiedSigner"),
        extra: Unmarshal::unmarshal(&mut reader).expect("extraData"),
        clock: Unmarshal::unmarshal(&mut reader).expect("clockInfo"),
        firmware: Unmarshal::unmarshal(&mut reader).expect("firmwareVersion"),
        attested: reader.rest().to_vec(),
    }
}

/// Runs a command that answers a statement and a signature, and verifies the signature with `key`.
fn attest(tpm: &mut TestTpm, key: TpmHandle, call: Call) -> Result<Statement, TpmRc> {
    let answer = tpm.run(call)?;
    let mut reader = answer.reader();
    let statement = Tpm2bAttest::unmarshal(&mut reader).expect("the statement");
    let signature = Option::<TpmtSignature>::unmarshal(&mut reader).expect("the signature");
    assert!(reader.is_empty());
    if key == TpmHandle::NULL {
        assert_eq!(signature, None);
        return Ok(parse(&statement));
    }
    let digest = <sha2::Sha256 as sha2::Digest>::digest(statement.as_bytes());
    let digest = Tpm2bDigest::new(&digest).expect("fits");
    let call = Call::new(TpmCc::VERIFY_SIGNATURE).on(key).with(&digest);
    tpm.run(call.with(&signature.expect("signed")))
        .expect("the key's own signature");
    Ok(parse(&statement))
}

fn selection(pcrs: core::ops::Range<u8>) -> TpmlPcrSelection {
    let bank = TpmsPcrSelection {
        hash: TpmiAlgHash::Sha256,
        select: TpmsPcrSelect::from_fn(|pcr| pcrs.contains(&pcr)),
    };
    TpmlPcrSelection::new(alloc::vec![bank]).expect("one bank")
}

fn quote(key: TpmHandle, pcrs: &TpmlPcrSelection) -> Call {
    let nonce = Tpm2bData::new(b"nonce").expect("short");
    Call::new(TpmCc::QUOTE)
        .on(key)
        .password(b"")
        .with(&nonce)
        .with(&TpmtSigScheme::Null)
        .with(pcrs)
}

#[test]
fn quote_says_what_the_pcr_are() {
    let mut tpm = TestTpm::started();
    tpm.host.now = 5000;
    let key = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
    let statement = attest(&mut tpm, key, quote(key, &selection(0..8))).expect("an attestation key");
    assert_eq!((statement.kind, statement.extra.as_bytes()), (0x8018, &b"nonce"[..]));
    let qualified = tpm.tpm.object(key).expect("loaded").qualified_name.clone();
    assert_eq!(statement.signer, qualified);
    // facts/tpm/vectors.md §7: pcrDigest of PCR 0 to 7, all zero, with SHA-256.
    let digest = hex("5341e6b2646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1");
    let digest = Tpm2bDigest::new(&digest).expect("fits");
    assert_eq!(
        statement.attested,
        [selection(0..8).to_bytes(), digest.to_bytes()].concat()
    );
    // Nothing is shifted for a key of the endorsement hierarchy.
    assert_eq!(
        statement.clock,
        TpmsClockInfo {
            clock: 5000,
            reset_count: 1,
            restart_count: 0,
            safe: true
        }
    );
    assert_eq!(
        statement.firmware,
        crate::commands::capability::properties::FIRMWARE_VERSION
    );
}

#[test]
fn quote_without_a_key_that_signs_is_refused() {
    let mut tpm = TestTpm::started();
    let storage = tpm.primary(TpmHandle::ENDORSEMENT, &ecc_storage());
    assert_eq!(
        tpm.run(quote(storage, &selection(0..1))).map(|_| ()),
        Err(TpmRc::new(0x19C)),
        "KEY, H1"
    );
    // facts/tpm/behaviours.md §11: no key, no hash for the PCR.
    assert_eq!(
        tpm.run(quote(TpmHandle::NULL, &selection(0..1))).map(|_| ()),
        Err(TpmRc::new(0x2D2)),
        "SCHEME, P2"
    );
}

#[test]
fn statements_of_owner_keys_are_shifted_by_key() {
    // Part 1 §36.7: two keys of the same TPM cannot be told to be so by their counters, but each is consistent with itself.
    let mut tpm = TestTpm::started();
    let first = tpm.primary(TpmHandle::OWNER, &attestation_key());
    let mut template = attestation_key();
    template.object_attributes = template.object_attributes.without(crate::structures::TpmaObject::NO_DA);
    let second = tpm.primary(TpmHandle::OWNER, &template);
    let mut statement = |key| attest(&mut tpm, key, quote(key, &selection(0..1))).expect("an attestation key");
    let (one, again, other) = (statement(first), statement(first), statement(second));
    let shifted = |statement: &Statement| {
        (
            statement.firmware,
            statement.clock.reset_count,
            statement.clock.restart_count,
        )
    };
    assert_eq!(shifted(&one), shifted(&again));
    assert_ne!(shifted(&one), shifted(&other));
    assert_ne!(one.firmware, crate::commands::capability::properties::FIRMWARE_VERSION);
    assert_eq!(
        (one.clock.clock, one.clock.safe),
        (0, true),
        "clock and safe are not shifted"
    );
}

#[test]
fn certify_names_the_object() {
    let mut tpm = TestTpm::started();
    let key = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
    let object = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let certify = |signer: TpmHandle| {
        let call = Call::new(TpmCc::CERTIFY)
            .on(object)
            .on(signer)
            .password(b"")
            .password(b"");
        call.with(&Tpm2bData::empty()).with(&TpmtSigScheme::Null)
    };
    let expected = {
        let object = tpm.tpm.object(object).expect("loaded");
        [object.name.to_bytes(), object.qualified_name.to_bytes()].concat()
    };
    let statement = attest(&mut tpm, key, certify(key)).expect("an attestation key");
    assert_eq!((statement.kind, &statement.attested), (0x8017, &expected));
    let unsigned = attest(&mut tpm, TpmHandle::NULL, certify(TpmHandle::NULL)).expect("no key is needed");
    assert_eq!(
        (unsigned.signer.as_bytes(), &unsigned.attested),
        (&hex("40000007")[..], &expected)
    );
    assert_eq!(tpm.run(certify(object)).map(|_| ()), Err(TpmRc::new(0x29C)), "KEY, H2");
}

#[test]
fn certify_creation_needs_the_ticket() {
    let mut tpm = TestTpm::started();
    let key = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
    let answer = tpm
        .create_primary(TpmHandle::OWNER, &ecc_storage(), &sensitive(b"", b""))
        .expect("a good template");
    let object = answer.handle.expect("a handle");
    let mut reader = answer.reader();
    Tpm2bPublic::unmarshal(&mut reader).expect("outPublic");
    Tpm2bCreationData::unmarshal(&mut reader).expect("creationData");
    let hash = Tpm2bDigest::unmarshal(&mut reader).expect("creationHash");
    let ticket = TpmtTkCreation::unmarshal(&mut reader).expect("creationTicket");
    let certify = |object: TpmHandle, hash: &Tpm2bDigest| {
        let call = Call::new(TpmCc::CERTIFY_CREATION).on(key).on(object).password(b"");
        call.with(&Tpm2bData::empty())
            .with(hash)
            .with(&TpmtSigScheme::Null)
            .with(&ticket)
    };
    let expected = [tpm.tpm.object(object).expect("loaded").name.to_bytes(), hash.to_bytes()].concat();
    let statement = attest(&mut tpm, key, certify(object, &hash)).expect("its own ticket");
    assert_eq!((statement.kind, statement.attested), (0x801A, expected));
    let ticket_error = Err(TpmRc::new(0x4E0));
    assert_eq!(
        tpm.run(certify(key, &hash)).map(|_| ()),
        ticket_error,
        "TICKET, P4: another object"
    );
    let other = Tpm2bDigest::new(&[1; 32]).expect("fits");
    assert_eq!(
        tpm.run(certify(object, &other)).map(|_| ()),
        ticket_error,
        "TICKET, P4: other creation data"
    );
}

#[test]
fn get_time_shows_time_and_clock() {
    let mut tpm = TestTpm::started();
    tpm.host.now = 7000;
    let key = tpm.primary(TpmHandle::OWNER, &attestation_key());
    let call = Call::new(TpmCc::GET_TIME)
        .on(TpmHandle::ENDORSEMENT)
        .on(key)
        .password(b"")
        .password(b"");
    let call = call.with(&Tpm2bData::empty()).with(&TpmtSigScheme::Null);
    let statement = attest(&mut tpm, key, call).expect("an attestation key");
    let version = crate::commands::capability::properties::FIRMWARE_VERSION;
    // TPMS_TIME_INFO: time, clock, resetCount, restartCount, safe; none of it shifted (behaviours.md §11).
    let expected = [
        &7000u64.to_be_bytes()[..],
        &7000u64.to_be_bytes(),
        &[0, 0, 0, 1, 0, 0, 0, 0, 1],
        &version.to_be_bytes(),
    ];
    assert_eq!((statement.kind, statement.attested), (0x8019, expected.concat()));
}
