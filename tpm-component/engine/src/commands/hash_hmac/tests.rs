//! Sequences and HMACs through the commands, with response codes of facts/tpm/behaviours.md §12.

use crate::{
    structures::{
        TPM_GENERATED_VALUE, Tpm2bAuth, Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmHandle, TpmRc, TpmaObject, TpmiAlgHash,
        TpmlDigestValues, TpmsContext, TpmtKeyedhashScheme, TpmtTkHashcheck,
    },
    test_objects::{ecc_storage, hmac_key, keyed_hash, public, sensitive, unseal},
    test_tpm::{Call, TestTpm, hex},
    wire::Unmarshal,
};

const OWNER: TpmHandle = TpmHandle::OWNER;

fn buffer(data: &[u8]) -> Tpm2bMaxBuffer {
    Tpm2bMaxBuffer::new(data).expect("short")
}

fn start(tpm: &mut TestTpm, alg: Option<TpmiAlgHash>) -> TpmHandle {
    let call = Call::new(TpmCc::HASH_SEQUENCE_START)
        .with(&Tpm2bAuth::new(b"seq").expect("short"))
        .with(&alg);
    tpm.run(call).expect("room").handle.expect("a handle")
}

fn update(tpm: &mut TestTpm, sequence: TpmHandle, data: &[u8]) -> Result<(), TpmRc> {
    let call = Call::new(TpmCc::SEQUENCE_UPDATE)
        .on(sequence)
        .password(b"seq")
        .with(&buffer(data));
    tpm.run(call).map(|answer| assert!(answer.is_empty()))
}

fn complete(tpm: &mut TestTpm, sequence: TpmHandle, data: &[u8]) -> Result<(Tpm2bDigest, TpmtTkHashcheck), TpmRc> {
    let call = Call::new(TpmCc::SEQUENCE_COMPLETE)
        .on(sequence)
        .password(b"seq")
        .with(&buffer(data))
        .with(&OWNER);
    let answer = tpm.run(call)?;
    let mut reader = answer.reader();
    let digest = Tpm2bDigest::unmarshal(&mut reader).expect("result");
    Ok((digest, TpmtTkHashcheck::unmarshal(&mut reader).expect("validation")))
}

#[test]
fn hash_sequence_gives_the_digest_and_is_gone() {
    let mut tpm = TestTpm::started();
    // FIPS 180-4, "abc".
    let sequence = start(&mut tpm, Some(TpmiAlgHash::Sha256));
    update(&mut tpm, sequence, b"a").expect("a sequence");
    let (digest, ticket) = complete(&mut tpm, sequence, b"bc").expect("a sequence");
    assert_eq!(
        digest.as_bytes(),
        hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    );
    assert!(
        ticket.is_null(),
        "one byte at first does not tell how the message begins"
    );
    assert_eq!(
        update(&mut tpm, sequence, b"a"),
        Err(TpmRc::new(0x910)),
        "REFERENCE_H0: gone"
    );
    // FIPS 180-4, a million times "a".
    let sequence = start(&mut tpm, Some(TpmiAlgHash::Sha1));
    for _ in 0..1000 {
        update(&mut tpm, sequence, &[b'a'; 1000]).expect("a sequence");
    }
    let (digest, ticket) = complete(&mut tpm, sequence, b"").expect("a sequence");
    assert_eq!(digest.as_bytes(), hex("34aa973cd4c4daa4f61eeb2bdbad27316534016f"));
    assert!(!ticket.is_null());
}

#[test]
fn hash_sequence_of_what_looks_like_an_attestation_has_no_ticket() {
    let mut tpm = TestTpm::started();
    let magic = TPM_GENERATED_VALUE.to_be_bytes();
    for (pieces, safe) in [
        (&[&b"good"[..], &magic][..], true),
        (&[&magic[..], b"more"], false),
        (&[&magic[..2], &magic[2..]], false),
        (&[b"", &magic], false),
        (&[&b"all of it"[..]], true),
    ] {
        let sequence = start(&mut tpm, Some(TpmiAlgHash::Sha256));
        let (last, first) = pieces.split_last().expect("not empty");
        for piece in first {
            update(&mut tpm, sequence, piece).expect("a sequence");
        }
        let (_, ticket) = complete(&mut tpm, sequence, last).expect("a sequence");
        assert_eq!(!ticket.is_null(), safe, "{pieces:?}");
    }
}

#[test]
fn event_sequence_extends_its_digests() {
    let mut tpm = TestTpm::started();
    let sequence = start(&mut tpm, None);
    update(&mut tpm, sequence, b"ab").expect("a sequence");
    assert_eq!(
        complete(&mut tpm, sequence, b"").map(|_| ()),
        Err(TpmRc::new(0x189)),
        "MODE, H1"
    );
    let finish = |sequence: TpmHandle| {
        let call = Call::new(TpmCc::EVENT_SEQUENCE_COMPLETE)
            .on(TpmHandle::pcr(4))
            .on(sequence);
        call.password(b"").password(b"seq").with(&buffer(b"c"))
    };
    let digests: TpmlDigestValues = tpm.run(finish(sequence)).expect("allowed").read();
    let sha256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(digests.as_slice()[1].digest(), sha256);
    // facts/tpm/vectors.md §7, TPM2_PCR_Event("abc").
    let extended = hex("589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
    assert_eq!(
        tpm.tpm.state_clear.pcrs.value(TpmiAlgHash::Sha256, 4),
        Some(&extended[..])
    );
    let hash = start(&mut tpm, Some(TpmiAlgHash::Sha256));
    assert_eq!(tpm.run(finish(hash)).map(|_| ()), Err(TpmRc::new(0x289)), "MODE, H2");
}

#[test]
fn hmac_in_one_piece_and_in_several_agree_with_rfc_4231() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let attributes = hmac_key(TpmtKeyedhashScheme::Null)
        .object_attributes
        .without(TpmaObject::SENSITIVE_DATA_ORIGIN);
    let template = public(attributes, keyed_hash(TpmtKeyedhashScheme::Hmac(TpmiAlgHash::Sha256)));
    // RFC 4231, case 2.
    let object = tpm
        .create(parent, &template, &sensitive(b"", b"Jefe"))
        .expect("a good template");
    let key = tpm.load(parent, &object).expect("its own object");
    let expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let hmac = |alg: Option<TpmiAlgHash>| {
        let call = Call::new(TpmCc::MAC).on(key).password(b"");
        call.with(&buffer(b"what do ya want for nothing?")).with(&alg)
    };
    assert_eq!(
        tpm.run(hmac(None))
            .expect("an HMAC key")
            .read::<Tpm2bDigest>()
            .as_bytes(),
        expected
    );
    assert_eq!(
        tpm.run(hmac(Some(TpmiAlgHash::Sha1))).map(|_| ()),
        Err(TpmRc::new(0x2C4)),
        "VALUE, P2: another hash"
    );
    let call = Call::new(TpmCc::MAC_START)
        .on(key)
        .password(b"")
        .with(&Tpm2bAuth::new(b"seq").expect("short"));
    let sequence = tpm
        .run(call.with(&Some(TpmiAlgHash::Sha256)))
        .expect("an HMAC key")
        .handle
        .expect("a handle");
    update(&mut tpm, sequence, b"what do ya want ").expect("a sequence");
    let (digest, ticket) = complete(&mut tpm, sequence, b"for nothing?").expect("a sequence");
    assert_eq!((digest.as_bytes(), ticket.is_null()), (&expected[..], true));
    let refused = tpm.run(
        Call::new(TpmCc::MAC)
            .on(parent)
            .password(b"")
            .with(&buffer(b""))
            .with_raw(&[0, 0x10]),
    );
    assert_eq!(refused.map(|_| ()), Err(TpmRc::new(0x18A)), "TYPE, H1");
}

#[test]
fn sequence_is_no_key_and_survives_a_saved_context() {
    let mut tpm = TestTpm::started();
    for alg in [Some(TpmiAlgHash::Sha384), None] {
        let sequence = start(&mut tpm, alg);
        update(&mut tpm, sequence, b"abcdef").expect("a sequence");
        assert_eq!(tpm.run(unseal(sequence, b"seq")).map(|_| ()), Err(TpmRc::SEQUENCE));
        assert_eq!(
            tpm.run(Call::new(TpmCc::READ_PUBLIC).on(sequence)).map(|_| ()),
            Err(TpmRc::SEQUENCE)
        );
        let wrong = Call::new(TpmCc::SEQUENCE_UPDATE)
            .on(sequence)
            .password(b"no")
            .with(&buffer(b""));
        assert_eq!(
            tpm.run(wrong).map(|_| ()),
            Err(TpmRc::new(0x9A2)),
            "BAD_AUTH, session 1"
        );
        let context: TpmsContext = tpm
            .run(Call::new(TpmCc::CONTEXT_SAVE).on(sequence))
            .expect("loaded")
            .read();
        assert_eq!(context.saved_handle.handle(), TpmHandle(0x8000_0001));
        tpm.flush(sequence);
        let loaded = tpm
            .run(Call::new(TpmCc::CONTEXT_LOAD).with(&context))
            .expect("its own context");
        let sequence = loaded.handle.expect("a handle");
        if alg.is_some() {
            let (digest, ticket) = complete(&mut tpm, sequence, b"").expect("a sequence");
            assert_eq!(
                digest.as_bytes(),
                <sha2::Sha384 as sha2::Digest>::digest(b"abcdef").as_slice()
            );
            assert!(!ticket.is_null());
        }
    }
    let storage = tpm.primary(OWNER, &ecc_storage());
    let update = Call::new(TpmCc::SEQUENCE_UPDATE)
        .on(storage)
        .password(b"")
        .with(&buffer(b""));
    assert_eq!(tpm.run(update).map(|_| ()), Err(TpmRc::new(0x189)), "MODE, H1");
}

#[cfg(feature = "sha3")]
#[test]
fn sha3_serves_where_sha_2_does() {
    // FIPS 202, "abc", in one piece, in a sequence that is saved in between, and as a hash for names, sessions and signatures.
    let abc = hex("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    let sha3 = TpmiAlgHash::Sha3256;
    let mut tpm = TestTpm::started();
    let call = Call::new(TpmCc::HASH).with(&buffer(b"abc")).with(&sha3).with(&OWNER);
    let digest = Tpm2bDigest::unmarshal(&mut tpm.run(call).expect("a hash").reader()).expect("outHash");
    assert_eq!(digest.as_bytes(), abc);
    let sequence = start(&mut tpm, Some(sha3));
    update(&mut tpm, sequence, b"ab").expect("a sequence");
    let sequence = tpm.saved_and_loaded(sequence);
    assert_eq!(
        complete(&mut tpm, sequence, b"c").expect("a sequence").0.as_bytes(),
        abc
    );
    // A storage key whose nameAlg it is protects and loads a child.
    let mut storage = ecc_storage();
    storage.name_alg = Some(TpmiAlgHash::Sha3384);
    let parent = tpm.primary(OWNER, &storage);
    assert_eq!(tpm.object_name(parent).len(), 50);
    let mut key = hmac_key(TpmtKeyedhashScheme::Hmac(TpmiAlgHash::Sha3512));
    key.name_alg = Some(sha3);
    let key = tpm.child(parent, &key, b"");
    let mac = Call::new(TpmCc::MAC).on(key).password(b"").with(&buffer(b"abc"));
    let mac: Tpm2bDigest = tpm.run(mac.with_raw(&[0, 0x10])).expect("a MAC key").read();
    assert_eq!(mac.len(), 64);
    // A policy session computes with it.
    let session = Call::new(TpmCc::START_AUTH_SESSION)
        .on(TpmHandle::NULL)
        .on(TpmHandle::NULL);
    let session = session
        .with(&16u16)
        .with_raw(&[7; 16])
        .with(&0u16)
        .with_raw(&[1, 0, 0x10]);
    let session = tpm
        .run(session.with(&sha3))
        .expect("a session")
        .handle
        .expect("a handle");
    let auth = Call::new(TpmCc::POLICY_AUTH_VALUE).on(session);
    tpm.run(auth).expect("asserted");
    let digest: Tpm2bDigest = tpm
        .run(Call::new(TpmCc::POLICY_GET_DIGEST).on(session))
        .expect("a policy")
        .read();
    // SHA3-256 of 32 zeros and TPM_CC_PolicyAuthValue, by Python's hashlib.
    assert_eq!(
        digest.as_bytes(),
        hex("5e777cc19507981bb373c1bd387fdb9bca34447d18cad8512e184242e55b9292")
    );
    // A digest for a bank that is not there changes nothing, and is no error (Part 3 §22.2).
    let extend = Call::new(TpmCc::PCR_EXTEND).on(TpmHandle(7)).password(b"");
    let extend = extend.with(&1u32).with(&sha3).with_raw(&[9; 32]);
    let before = tpm.tpm.state_clear.pcrs.update_counter();
    tpm.run(extend).expect("ignored");
    assert_eq!(tpm.tpm.state_clear.pcrs.update_counter(), before);
}
