//! Duplication through the commands, with response codes of facts/tpm/behaviours.md §10.

use crate::{
    structures::{
        SymKeyBits, SymParameters, Tpm2bData, Tpm2bDigest, Tpm2bEncryptedSecret, Tpm2bName, Tpm2bPrivate, Tpm2bPublic,
        Tpm2bSensitiveData, TpmCc, TpmHandle, TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgSymObject, TpmiEccCurve,
        TpmtEccScheme, TpmtKeyedhashScheme, TpmtPublic, TpmtSymDefObject,
    },
    test_objects::{Wrapped, ecc_signing, ecc_storage, keyed_hash, public, rsa_storage, sensitive, unseal},
    test_tpm::{Call, TestTpm, hex},
    wire::Unmarshal,
};

const OWNER: TpmHandle = TpmHandle::OWNER;
const NULL: TpmHandle = TpmHandle::NULL;
const AES128: TpmtSymDefObject =
    TpmtSymDefObject::Cipher(SymParameters::cfb(TpmiAlgSymObject::Aes, SymKeyBits::Bits128));

/// Sealed data that TPM2_PolicyCommandCode(TPM2_Duplicate) lets go.
fn movable(extra: TpmaObject) -> TpmtPublic {
    let attributes = TpmaObject::USER_WITH_AUTH | TpmaObject::NO_DA | extra;
    let mut template = public(attributes, keyed_hash(TpmtKeyedhashScheme::Null));
    // facts/tpm/vectors.md §3, PolicyCommandCode(TPM_CC_Duplicate), SHA-256.
    let policy = hex("bef56b8c1cc84e11edd717528d2cd99356bd2bbf8f015209c3f84aeeaba8e8a2");
    template.auth_policy = Tpm2bDigest::new(&policy).expect("fits");
    template
}

/// What TPM2_Duplicate answers.
struct Duplicated {
    key: Tpm2bData,
    duplicate: Tpm2bPrivate,
    seed: Tpm2bEncryptedSecret,
}

fn duplicate(
    tpm: &mut TestTpm,
    object: TpmHandle,
    parent: TpmHandle,
    key: &[u8],
    symmetric: &TpmtSymDefObject,
) -> Result<Duplicated, TpmRc> {
    let session = tpm.policy_session(false);
    let code = Call::new(TpmCc::POLICY_COMMAND_CODE)
        .on(session)
        .with(&TpmCc::DUPLICATE);
    tpm.run(code).expect("a policy session");
    let call = Call::new(TpmCc::DUPLICATE).on(object).on(parent).policy(session);
    let answer = tpm.run(call.with(&Tpm2bData::new(key).expect("short")).with(symmetric));
    tpm.flush(session);
    let answer = answer?;
    let mut reader = answer.reader();
    Ok(Duplicated {
        key: Unmarshal::unmarshal(&mut reader).expect("encryptionKeyOut"),
        duplicate: Unmarshal::unmarshal(&mut reader).expect("duplicate"),
        seed: Unmarshal::unmarshal(&mut reader).expect("outSymSeed"),
    })
}

fn import(parent: TpmHandle, public: &Tpm2bPublic, what: &Duplicated, symmetric: &TpmtSymDefObject) -> Call {
    let call = Call::new(TpmCc::IMPORT).on(parent).password(b"");
    call.with(&what.key)
        .with(public)
        .with(&what.duplicate)
        .with(&what.seed)
        .with(symmetric)
}

#[test]
fn duplicate_travels_under_every_combination_of_wraps() {
    let mut tpm = TestTpm::started();
    let source = tpm.primary(OWNER, &ecc_storage());
    let object = tpm
        .create(source, &movable(TpmaObject::empty()), &sensitive(b"pw", b"secret"))
        .expect("a good template");
    let handle = tpm.load(source, &object).expect("its own object");
    for template in [ecc_storage(), rsa_storage()] {
        let target = tpm.primary(TpmHandle::ENDORSEMENT, &template);
        for (parent, symmetric) in [
            (target, AES128),
            (target, TpmtSymDefObject::Null),
            (NULL, AES128),
            (NULL, TpmtSymDefObject::Null),
        ] {
            let duplicated = duplicate(&mut tpm, handle, parent, b"", &symmetric).expect("allowed");
            assert_eq!(duplicated.key.is_empty(), symmetric == TpmtSymDefObject::Null);
            assert_eq!(duplicated.seed.is_empty(), parent == NULL);
            let call = import(target, &object.public, &duplicated, &symmetric);
            let private = tpm.run(call).expect("its own duplicate").read();
            let moved = Wrapped {
                private,
                public: object.public.clone(),
            };
            let loaded = tpm.load(target, &moved).expect("imported");
            let data: Tpm2bSensitiveData = tpm.run(unseal(loaded, b"pw")).expect("its authValue came along").read();
            assert_eq!(data.as_bytes(), b"secret");
            tpm.flush(loaded);
        }
        tpm.flush(target);
    }
}

#[test]
fn duplicate_is_refused_where_it_must_be() {
    let mut tpm = TestTpm::started();
    let source = tpm.primary(OWNER, &ecc_storage());
    let none = TpmtSymDefObject::Null;
    let secret = sensitive(b"", b"x");
    let object = tpm
        .create(source, &movable(TpmaObject::empty()), &secret)
        .expect("a good template");
    let handle = tpm.load(source, &object).expect("its own object");
    let refused = |result: Result<Duplicated, TpmRc>| result.map(|_| ()).expect_err("refused");
    assert_eq!(
        refused(duplicate(&mut tpm, handle, handle, b"", &none)),
        TpmRc::new(0x28A),
        "TYPE, H2"
    );
    assert_eq!(
        refused(duplicate(&mut tpm, handle, source, b"x", &none)),
        TpmRc::new(0x1D5),
        "SIZE, P1"
    );
    assert_eq!(
        refused(duplicate(&mut tpm, handle, source, b"x", &AES128)),
        TpmRc::new(0x1D5),
        "SIZE, P1"
    );
    let password = Call::new(TpmCc::DUPLICATE)
        .on(handle)
        .on(NULL)
        .password(b"")
        .with_raw(&[0, 0, 0, 0x10]);
    assert_eq!(
        tpm.run(password).map(|_| ()),
        Err(TpmRc::AUTH_TYPE),
        "only a policy allows it"
    );
    let object = tpm
        .create(source, &movable(TpmaObject::ENCRYPTED_DUPLICATION), &secret)
        .expect("a good template");
    let handle = tpm.load(source, &object).expect("its own object");
    assert_eq!(
        refused(duplicate(&mut tpm, handle, source, b"", &none)),
        TpmRc::new(0x2D6),
        "SYMMETRIC, P2"
    );
    assert_eq!(
        refused(duplicate(&mut tpm, handle, NULL, b"", &AES128)),
        TpmRc::new(0x285),
        "HIERARCHY, H2"
    );
    assert!(duplicate(&mut tpm, handle, source, &[7; 16], &AES128).is_ok());
    let mut fixed = movable(TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT);
    fixed.name_alg = Some(TpmiAlgHash::Sha256);
    let object = tpm.create(source, &fixed, &secret).expect("a good template");
    let handle = tpm.load(source, &object).expect("its own object");
    assert_eq!(
        refused(duplicate(&mut tpm, handle, source, b"", &none)),
        TpmRc::new(0x182),
        "ATTRIBUTES, H1"
    );
}

#[test]
fn import_believes_nothing() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let object = tpm
        .create(parent, &movable(TpmaObject::empty()), &sensitive(b"", b"x"))
        .expect("a good template");
    let handle = tpm.load(parent, &object).expect("its own object");
    let good = duplicate(&mut tpm, handle, parent, &[7; 16], &AES128).expect("allowed");
    let good = Duplicated {
        key: Tpm2bData::new(&[7; 16]).expect("fits"),
        ..good
    };
    let refused = |tpm: &mut TestTpm, public: &Tpm2bPublic, what: &Duplicated, symmetric: &TpmtSymDefObject| {
        tpm.run(import(parent, public, what, symmetric))
            .map(|_| ())
            .expect_err("refused")
    };
    let copy = || Duplicated {
        key: good.key.clone(),
        duplicate: good.duplicate.clone(),
        seed: good.seed.clone(),
    };
    let mut forged = good.duplicate.as_bytes().to_vec();
    forged[40] ^= 1;
    let outer = Duplicated {
        duplicate: Tpm2bPrivate::from_vec(forged).expect("fits"),
        ..copy()
    };
    assert_eq!(
        refused(&mut tpm, &object.public, &outer, &AES128),
        TpmRc::new(0x3DF),
        "INTEGRITY, P3: outer"
    );
    let inner = Duplicated {
        key: Tpm2bData::new(&[8; 16]).expect("fits"),
        ..copy()
    };
    assert_eq!(
        refused(&mut tpm, &object.public, &inner, &AES128),
        TpmRc::new(0x3DF),
        "INTEGRITY, P3: inner"
    );
    let seed = Duplicated {
        seed: Tpm2bEncryptedSecret::new(&[1; 10]).expect("fits"),
        ..copy()
    };
    assert_eq!(
        refused(&mut tpm, &object.public, &seed, &AES128),
        TpmRc::new(0x4C4),
        "VALUE, P4"
    );
    assert_eq!(
        refused(&mut tpm, &object.public, &good, &TpmtSymDefObject::Null),
        TpmRc::new(0x1D5),
        "SIZE, P1"
    );
    let mut fixed = object.public.clone();
    fixed.0.object_attributes = fixed.0.object_attributes | TpmaObject::FIXED_PARENT;
    assert_eq!(
        refused(&mut tpm, &fixed, &good, &AES128),
        TpmRc::new(0x2C2),
        "ATTRIBUTES, P2"
    );
    // A key whose halves do not belong together, without any wrap: BINDING, P3.
    let signer = ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Null);
    let signer = TpmtPublic {
        object_attributes: TpmaObject::SIGN | TpmaObject::USER_WITH_AUTH,
        ..signer
    };
    let generator = crate::crypto::ecc::public_point(&mut tpm.host, TpmiEccCurve::NistP256, &{
        let mut one = [0; 32];
        one[31] = 1;
        one
    });
    let generator = generator.expect("the generator");
    let mut whole = signer.clone();
    if let crate::structures::PublicArea::Ecc { unique, .. } = &mut whole.area {
        *unique = crate::object::creation::point(&generator).expect("a point");
    }
    let plain = |scalar: u8| {
        let mut private = hex("002800230000000000200000000000000000000000000000000000000000000000000000000000000000");
        *private.last_mut().expect("not empty") = scalar;
        Duplicated {
            key: Tpm2bData::empty(),
            duplicate: Tpm2bPrivate::from_vec(private).expect("fits"),
            seed: Tpm2bEncryptedSecret::empty(),
        }
    };
    let whole = Tpm2bPublic(whole);
    assert_eq!(
        refused(&mut tpm, &whole, &plain(2), &TpmtSymDefObject::Null),
        TpmRc::new(0x3E5),
        "BINDING, P3"
    );
    assert!(
        tpm.run(import(parent, &whole, &plain(1), &TpmtSymDefObject::Null))
            .is_ok(),
        "the generator's own scalar"
    );
}

#[test]
fn rewrap_moves_the_outer_wrap() {
    let mut tpm = TestTpm::started();
    let first = tpm.primary(OWNER, &ecc_storage());
    let second = tpm.primary(TpmHandle::ENDORSEMENT, &rsa_storage());
    let object = tpm
        .create(first, &movable(TpmaObject::empty()), &sensitive(b"", b"x"))
        .expect("a good template");
    let handle = tpm.load(first, &object).expect("its own object");
    let none = TpmtSymDefObject::Null;
    let duplicated = duplicate(&mut tpm, handle, first, b"", &none).expect("allowed");
    let name = Tpm2bName::new(&tpm.object_name(handle)).expect("a Name");
    let rewrap = |old: TpmHandle, new: TpmHandle, what: &Duplicated, name: &Tpm2bName| {
        let call = Call::new(TpmCc::REWRAP).on(old).on(new).password(b"");
        call.with(&what.duplicate).with(name).with(&what.seed)
    };
    let answer = tpm
        .run(rewrap(first, second, &duplicated, &name))
        .expect("its own duplicate");
    let mut reader = answer.reader();
    let moved = Duplicated {
        key: Tpm2bData::empty(),
        duplicate: Unmarshal::unmarshal(&mut reader).expect("outDuplicate"),
        seed: Unmarshal::unmarshal(&mut reader).expect("outSymSeed"),
    };
    assert!(tpm.run(import(second, &object.public, &moved, &none)).is_ok());
    let refused = tpm
        .run(rewrap(first, second, &duplicated, &Tpm2bName::empty()))
        .map(|_| ());
    assert_eq!(refused, Err(TpmRc::new(0x1DF)), "INTEGRITY, P1: another Name");
    let refused = tpm.run(rewrap(NULL, second, &duplicated, &name)).map(|_| ());
    assert_eq!(
        refused,
        Err(TpmRc::new(0x18B)),
        "HANDLE, H1: a seed without an old parent"
    );
    let stripped = tpm
        .run(rewrap(first, NULL, &duplicated, &name))
        .expect("its own duplicate");
    let inside = Tpm2bPrivate::unmarshal(&mut stripped.reader()).expect("outDuplicate");
    let bare = Duplicated {
        key: Tpm2bData::empty(),
        duplicate: inside,
        seed: Tpm2bEncryptedSecret::empty(),
    };
    assert!(tpm.run(import(second, &object.public, &bare, &none)).is_ok());
}
