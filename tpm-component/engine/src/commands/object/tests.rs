//! Objects through the commands, as a guest sees them. Response codes are those of facts/tpm/behaviours.md §9, §10 and §15.

use alloc::vec::Vec;

use crate::{
    structures::{
        EccPrivate, PublicArea, SeedValue, SymKeyBits, SymParameters, Tpm2bAuth, Tpm2bDigest, Tpm2bEccParameter,
        Tpm2bEncryptedSecret, Tpm2bIdObject, Tpm2bName, Tpm2bPrivate, Tpm2bPublic, Tpm2bPublicPlus, Tpm2bSensitive,
        Tpm2bSensitiveData, Tpm2bTemplate, TpmCc, TpmHandle, TpmRc, TpmSu, TpmaObject, TpmiAlgHash, TpmiAlgKdf,
        TpmiAlgSymObject, TpmiEccCurve, TpmsSchemeXor, TpmtEccScheme, TpmtKeyedhashScheme, TpmtPublic, TpmtRsaScheme,
        TpmtSensitive, TpmtSymDefObject, TpmuSensitiveComposite,
    },
    test_objects::{
        ORDINARY, STORAGE, Wrapped, attestation_key, ecc, ecc_signing, ecc_storage, hmac_key, keyed_hash, public, rsa,
        rsa_signing, rsa_storage, sealed, sensitive, sym_cipher, unseal,
    },
    test_tpm::{Call, TestTpm, hex},
    wire::{Marshal, Unmarshal},
};

mod rsa_sizes;

const OWNER: TpmHandle = TpmHandle::OWNER;
const P256: TpmiEccCurve = TpmiEccCurve::NistP256;
const SHA256: TpmiAlgHash = TpmiAlgHash::Sha256;

fn out_public(tpm: &mut TestTpm, hierarchy: TpmHandle, template: &TpmtPublic, data: &[u8]) -> Vec<u8> {
    let answer = tpm
        .create_primary(hierarchy, template, &sensitive(b"", data))
        .expect("a good template");
    tpm.flush(answer.handle.expect("a handle"));
    Tpm2bPublic::unmarshal(&mut answer.reader())
        .expect("outPublic")
        .to_bytes()
}

#[test]
fn primary_depends_on_seed_template_and_data_alone() {
    let mut tpm = TestTpm::started();
    let first = out_public(&mut tpm, OWNER, &ecc_storage(), b"");
    assert_ne!(
        out_public(&mut tpm, TpmHandle::PLATFORM, &ecc_storage(), b""),
        first,
        "another seed"
    );
    assert_ne!(
        out_public(&mut tpm, OWNER, &ecc_storage(), b"data"),
        first,
        "other data"
    );
    let mut template = ecc_storage();
    template.object_attributes = template.object_attributes.without(TpmaObject::NO_DA);
    assert_ne!(out_public(&mut tpm, OWNER, &template, b""), first, "another template");
    let mut zeros = ecc_storage();
    if let PublicArea::Ecc { unique, .. } = &mut zeros.area {
        unique.x = Tpm2bEccParameter::new(&[0; 32]).expect("fits");
    }
    assert_ne!(out_public(&mut tpm, OWNER, &zeros, b""), first, "another unique");
    let mut again = tpm.restarted(TpmSu::Clear);
    assert_eq!(
        out_public(&mut again, OWNER, &ecc_storage(), b""),
        first,
        "the same after a power cycle"
    );
}

#[test]
fn primary_rsa_key_is_the_same_again() {
    let mut tpm = TestTpm::started();
    let first = out_public(&mut tpm, TpmHandle::ENDORSEMENT, &rsa_storage(), b"");
    assert_eq!(out_public(&mut tpm, TpmHandle::ENDORSEMENT, &rsa_storage(), b""), first);
}

#[test]
fn object_created_loads_and_unseals_with_its_auth() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let object = tpm
        .create(parent, &sealed(), &sensitive(b"open", b"the secret"))
        .expect("a good template");
    let handle = tpm.load(parent, &object).expect("its own object");
    let data = tpm
        .run(unseal(handle, b"open"))
        .expect("right authValue")
        .read::<Tpm2bSensitiveData>();
    assert_eq!(data.as_bytes(), b"the secret");
    // Zeros at the end are no part of an authValue (behaviours.md §23).
    assert!(tpm.run(unseal(handle, b"open\0\0")).is_ok());
    assert_eq!(
        tpm.run(unseal(handle, b"shut")).map(|_| ()),
        Err(TpmRc::new(0x9A2)),
        "BAD_AUTH, session 1: noDA"
    );
    assert_eq!(
        tpm.run(unseal(parent, b"")).map(|_| ()),
        Err(TpmRc::new(0x18A)),
        "TYPE, H1"
    );
    let key = tpm.child(parent, &hmac_key(TpmtKeyedhashScheme::Hmac(SHA256)), b"");
    let refused = tpm.run(unseal(key, b"")).map(|_| ());
    assert_eq!(refused, Err(TpmRc::new(0x182)), "ATTRIBUTES, H1");
}

#[test]
fn load_of_anything_but_the_object_itself_is_refused() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let object = tpm
        .create(parent, &sealed(), &sensitive(b"", b"x"))
        .expect("a good template");
    let integrity = Err(TpmRc::new(0x1DF));
    let bytes = object.private.as_bytes();
    // Bits in the integrity value, the IV and the ciphertext.
    for at in [2, 33, 36, 51, 52, bytes.len() - 1] {
        let mut forged = bytes.to_vec();
        forged[at] ^= 1;
        let private = Tpm2bPrivate::from_vec(forged).expect("same size");
        assert_eq!(
            tpm.load(
                parent,
                &Wrapped {
                    private,
                    ..object.clone()
                }
            ),
            integrity,
            "byte {at}"
        );
    }
    for length in [1, 2, 34, bytes.len() - 1] {
        let private = Tpm2bPrivate::new(&bytes[..length]).expect("shorter");
        assert_eq!(
            tpm.load(
                parent,
                &Wrapped {
                    private,
                    ..object.clone()
                }
            ),
            integrity,
            "{length} bytes"
        );
    }
    let mut public = object.public.clone();
    public.0.object_attributes = public.0.object_attributes.without(TpmaObject::FIXED_PARENT);
    assert_eq!(
        tpm.load(
            parent,
            &Wrapped {
                public,
                ..object.clone()
            }
        ),
        integrity,
        "another public area"
    );
    let mut template = ecc_storage();
    template.object_attributes = template.object_attributes.without(TpmaObject::NO_DA);
    let other = tpm.primary(OWNER, &template);
    assert_eq!(tpm.load(other, &object), integrity, "another parent");
    let empty = Wrapped {
        private: Tpm2bPrivate::empty(),
        ..object.clone()
    };
    assert_eq!(tpm.load(parent, &empty), Err(TpmRc::new(0x1D5)), "SIZE, P1");
    let child = tpm.load(parent, &object).expect("its own object");
    assert_eq!(
        tpm.load(child, &object),
        Err(TpmRc::new(0x18A)),
        "TYPE, H1: not a parent"
    );
}

/// What is tried: attributes, public area and data, and the outcome.
type Rule<'a> = (&'a str, TpmaObject, PublicArea, &'a [u8], Result<(), TpmRc>);

#[test]
fn creation_rules_answer_in_their_order() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let attributes = Err(TpmRc::new(0x2C2));
    let scheme = Err(TpmRc::new(0x2D2));
    let sign = TpmaObject::SIGN;
    let (decrypt, restricted) = (TpmaObject::DECRYPT, TpmaObject::RESTRICTED);
    let signing = || ecc(TpmtSymDefObject::Null, TpmtEccScheme::Null, P256);
    let storage = || ecc(STORAGE, TpmtEccScheme::Null, P256);
    let ecdsa = TpmtEccScheme::Ecdsa(SHA256);
    let xor = |kdf| TpmtKeyedhashScheme::Xor(TpmsSchemeXor { hash_alg: SHA256, kdf });
    let aes256 = TpmtSymDefObject::Cipher(SymParameters::cfb(TpmiAlgSymObject::Aes, SymKeyBits::Bits256));
    let no_mode = TpmtSymDefObject::Cipher(SymParameters {
        cipher: TpmiAlgSymObject::Aes,
        key_bits: SymKeyBits::Bits128,
        mode: None,
    });
    let movable = ORDINARY.without(TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT);
    let no_origin = ORDINARY.without(TpmaObject::SENSITIVE_DATA_ORIGIN);
    let encrypted = TpmaObject::ENCRYPTED_DUPLICATION;
    let cases: &[Rule<'_>] = &[
        (
            "no origin, no data",
            no_origin,
            keyed_hash(TpmtKeyedhashScheme::Null),
            b"",
            attributes,
        ),
        (
            "origin and data",
            ORDINARY | sign,
            keyed_hash(TpmtKeyedhashScheme::Hmac(SHA256)),
            b"x",
            attributes,
        ),
        (
            "data of the TPM's own",
            ORDINARY,
            keyed_hash(TpmtKeyedhashScheme::Null),
            b"",
            attributes,
        ),
        (
            "restricted import",
            no_origin | restricted | decrypt,
            sym_cipher(),
            &[1; 16],
            attributes,
        ),
        ("asymmetric import", no_origin | sign, signing(), b"x", attributes),
        (
            "fixedTPM alone",
            ORDINARY.without(TpmaObject::FIXED_PARENT) | sign,
            signing(),
            b"",
            attributes,
        ),
        (
            "fixedParent alone",
            ORDINARY.without(TpmaObject::FIXED_TPM) | sign,
            signing(),
            b"",
            attributes,
        ),
        ("neither sign nor decrypt", ORDINARY, signing(), b"", attributes),
        (
            "restricted, both",
            ORDINARY | sign | decrypt | restricted,
            signing(),
            b"",
            attributes,
        ),
        (
            "fixed, encrypted duplication",
            ORDINARY | sign | encrypted,
            signing(),
            b"",
            attributes,
        ),
        (
            "movable, encrypted duplication",
            movable | sign | encrypted,
            signing(),
            b"",
            Ok(()),
        ),
        (
            "scheme for both",
            ORDINARY | sign | decrypt,
            ecc(TpmtSymDefObject::Null, ecdsa.clone(), P256),
            b"",
            scheme,
        ),
        (
            "restricted without scheme",
            ORDINARY | sign | restricted,
            signing(),
            b"",
            scheme,
        ),
        (
            "ECDSA to decrypt",
            ORDINARY | decrypt,
            ecc(TpmtSymDefObject::Null, ecdsa.clone(), P256),
            b"",
            scheme,
        ),
        (
            "storage with a scheme",
            ORDINARY | decrypt | restricted,
            ecc(STORAGE, ecdsa, P256),
            b"",
            scheme,
        ),
        (
            "OAEP to sign",
            ORDINARY | sign,
            rsa(TpmtSymDefObject::Null, TpmtRsaScheme::Oaep(SHA256)),
            b"",
            scheme,
        ),
        (
            "HMAC without scheme",
            ORDINARY | sign,
            keyed_hash(TpmtKeyedhashScheme::Null),
            b"",
            scheme,
        ),
        (
            "HMAC scheme for data",
            no_origin,
            keyed_hash(TpmtKeyedhashScheme::Hmac(SHA256)),
            b"x",
            scheme,
        ),
        (
            "derivation without KDF",
            ORDINARY | decrypt | restricted,
            keyed_hash(xor(None)),
            b"",
            scheme,
        ),
        (
            "derivation",
            ORDINARY | decrypt | restricted,
            keyed_hash(xor(Some(TpmiAlgKdf::Kdf1Sp800108))),
            b"",
            Ok(()),
        ),
        (
            "storage without cipher",
            ORDINARY | decrypt | restricted,
            signing(),
            b"",
            Err(TpmRc::new(0x2D6)),
        ),
        (
            "cipher without storage",
            ORDINARY | decrypt,
            storage(),
            b"",
            Err(TpmRc::new(0x2D6)),
        ),
        (
            "storage without mode",
            ORDINARY | decrypt | restricted,
            ecc(no_mode, TpmtEccScheme::Null, P256),
            b"",
            Err(TpmRc::new(0x2C9)),
        ),
        (
            "cipher not its parent's",
            ORDINARY | decrypt | restricted,
            ecc(aes256, TpmtEccScheme::Null, P256),
            b"",
            Err(TpmRc::new(0x2D6)),
        ),
        ("storage", ORDINARY | decrypt | restricted, storage(), b"", Ok(())),
        ("AES key", ORDINARY | sign | decrypt, sym_cipher(), b"", Ok(())),
        (
            "short AES key",
            no_origin | sign | decrypt,
            sym_cipher(),
            b"short",
            Err(TpmRc::KEY_SIZE),
        ),
        (
            "AES key of the caller's",
            no_origin | sign | decrypt,
            sym_cipher(),
            &[7; 16],
            Ok(()),
        ),
        (
            "long HMAC key",
            no_origin | sign,
            keyed_hash(TpmtKeyedhashScheme::Hmac(SHA256)),
            &[7; 65],
            Err(TpmRc::SIZE),
        ),
    ];
    for (what, attributes, area, data, expected) in cases {
        let template = public(*attributes, area.clone());
        let result = tpm.create(parent, &template, &sensitive(b"", data)).map(|_| ());
        assert_eq!(result, *expected, "{what}");
    }
    let mut policy = sealed();
    policy.auth_policy = Tpm2bDigest::new(&[1; 20]).expect("fits");
    assert_eq!(
        tpm.create(parent, &policy, &sensitive(b"", b"x")).map(|_| ()),
        Err(TpmRc::new(0x2D5)),
        "SIZE, P2"
    );
    let long = tpm.create(parent, &sealed(), &sensitive(&[1; 33], b"x")).map(|_| ());
    assert_eq!(
        long,
        Err(TpmRc::new(0x1D5)),
        "authValue longer than nameAlg's digest: SIZE, P1"
    );
    let sha384 = TpmtPublic {
        name_alg: Some(TpmiAlgHash::Sha384),
        ..ecc_storage()
    };
    assert_eq!(
        tpm.create(parent, &sha384, &sensitive(b"", b"")).map(|_| ()),
        Err(TpmRc::new(0x2C3)),
        "HASH, P2"
    );
}

#[test]
fn failed_creation_leaves_nothing_behind() {
    let mut tpm = TestTpm::started();
    let before = tpm.host.commits;
    let bad = public(ORDINARY, ecc(STORAGE, TpmtEccScheme::Null, P256));
    assert!(tpm.create_primary(OWNER, &bad, &sensitive(b"", b"")).is_err());
    assert_eq!((tpm.tpm.volatile.objects.iter().count(), tpm.host.commits), (0, before));
    for _ in 0..8 {
        tpm.primary(OWNER, &ecc_storage());
    }
    let full = tpm
        .create_primary(OWNER, &ecc_storage(), &sensitive(b"", b""))
        .map(|_| ());
    assert_eq!(full, Err(TpmRc::OBJECT_MEMORY));
    tpm.flush(TpmHandle(0x8000_0003));
    assert_eq!(
        tpm.primary(OWNER, &ecc_storage()),
        TpmHandle(0x8000_0003),
        "the lowest free slot"
    );
}

fn load_external(
    tpm: &mut TestTpm,
    private: Option<TpmtSensitive>,
    public: TpmtPublic,
    hierarchy: TpmHandle,
) -> Result<TpmHandle, TpmRc> {
    let call = Call::new(TpmCc::LOAD_EXTERNAL)
        .with(&Tpm2bSensitive(private))
        .with(&Tpm2bPublicPlus(public));
    tpm.run(call.with(&hierarchy))
        .map(|answer| answer.handle.expect("a handle"))
}

/// The key of RFC 6979 A.2.5 on P-256.
fn external_key() -> (TpmtSensitive, TpmtPublic) {
    let mut template = public(
        TpmaObject::SIGN | TpmaObject::USER_WITH_AUTH,
        ecc(TpmtSymDefObject::Null, TpmtEccScheme::Null, P256),
    );
    if let PublicArea::Ecc { unique, .. } = &mut template.area {
        let coordinate = |text| Tpm2bEccParameter::new(&hex(text)).expect("fits");
        unique.x = coordinate("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
        unique.y = coordinate("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    }
    let scalar = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let private = TpmtSensitive {
        auth_value: Tpm2bAuth::empty(),
        seed_value: SeedValue::empty(),
        sensitive: TpmuSensitiveComposite::Ecc(EccPrivate::new(&scalar).expect("fits")),
    };
    (private, template)
}

#[test]
fn load_external_believes_nothing() {
    let mut tpm = TestTpm::started();
    let (private, public) = external_key();
    let key = load_external(&mut tpm, Some(private.clone()), public.clone(), TpmHandle::NULL).expect("a whole key");
    assert_eq!(
        tpm.tpm.object(key).expect("loaded").name,
        tpm.tpm.object(key).expect("loaded").qualified_name
    );
    load_external(&mut tpm, None, public.clone(), OWNER).expect("a public half");
    let refused = |tpm: &mut TestTpm, private: Option<TpmtSensitive>, public: TpmtPublic, hierarchy| {
        load_external(tpm, private, public, hierarchy).expect_err("not acceptable")
    };
    let whole = Some(private.clone());
    assert_eq!(
        refused(&mut tpm, whole.clone(), public.clone(), OWNER),
        TpmRc::new(0x3C5),
        "HIERARCHY, P3"
    );
    for attribute in [TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT, TpmaObject::RESTRICTED] {
        let mut claims = public.clone();
        claims.object_attributes = claims.object_attributes | attribute;
        assert_eq!(
            refused(&mut tpm, whole.clone(), claims, TpmHandle::NULL),
            TpmRc::new(0x2C2),
            "ATTRIBUTES, P2"
        );
    }
    let mut other = private.clone();
    other.sensitive = TpmuSensitiveComposite::Ecc(EccPrivate::new(&[5; 32]).expect("fits"));
    assert_eq!(
        refused(&mut tpm, Some(other), public.clone(), TpmHandle::NULL),
        TpmRc::BINDING
    );
    let mut wrong_type = private.clone();
    wrong_type.sensitive = TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&[5; 32]).expect("fits"));
    assert_eq!(
        refused(&mut tpm, Some(wrong_type), public.clone(), TpmHandle::NULL),
        TpmRc::new(0x1CA),
        "TYPE, P1"
    );
    let mut off_curve = public.clone();
    if let PublicArea::Ecc { unique, .. } = &mut off_curve.area {
        unique.y = unique.x.clone();
    }
    assert_eq!(
        refused(&mut tpm, None, off_curve, OWNER),
        TpmRc::new(0x2E7),
        "ECC_POINT, P2"
    );
    let mut short = public;
    if let PublicArea::Ecc { unique, .. } = &mut short.area {
        unique.y = Tpm2bEccParameter::new(&[1; 31]).expect("fits");
    }
    assert_eq!(refused(&mut tpm, None, short, OWNER), TpmRc::new(0x2DC), "KEY, P2");
}

#[test]
fn external_objects_have_no_children() {
    let mut tpm = TestTpm::started();
    let srk = tpm.primary(OWNER, &ecc_storage());
    let answer = tpm.run(Call::new(TpmCc::READ_PUBLIC).on(srk)).expect("always readable");
    let public = Tpm2bPublic::unmarshal(&mut answer.reader()).expect("outPublic");
    let copy = load_external(&mut tpm, None, public.0, OWNER).expect("a public half");
    // A public half has no authValue that could be used (behaviours.md §3).
    let refused = tpm.create(copy, &sealed(), &sensitive(b"", b"x")).map(|_| ());
    assert_eq!(refused, Err(TpmRc::AUTH_UNAVAILABLE));
}

#[test]
fn credential_activates_for_its_object_only() {
    let mut tpm = TestTpm::started();
    for template in [ecc_storage(), rsa_storage()] {
        let key = tpm.primary(TpmHandle::ENDORSEMENT, &template);
        let attested = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
        let name = Tpm2bName::new(&tpm.object_name(attested)).expect("a Name");
        let credential = Tpm2bDigest::new(b"a secret of the certificate authority").expect("fits");
        let make = |size: usize| {
            let credential = Tpm2bDigest::new(&credential.as_bytes()[..size]).expect("shorter");
            Call::new(TpmCc::MAKE_CREDENTIAL).on(key).with(&credential).with(&name)
        };
        assert_eq!(
            tpm.run(make(33)).map(|_| ()),
            Err(TpmRc::new(0x1D5)),
            "longer than a digest: SIZE, P1"
        );
        let answer = tpm.run(make(32)).expect("a good key");
        let mut reader = answer.reader();
        let blob = Tpm2bIdObject::unmarshal(&mut reader).expect("credentialBlob");
        let secret = Tpm2bEncryptedSecret::unmarshal(&mut reader).expect("secret");
        let activate = |object, key, blob: &Tpm2bIdObject, secret: &Tpm2bEncryptedSecret| {
            let call = Call::new(TpmCc::ACTIVATE_CREDENTIAL)
                .on(object)
                .on(key)
                .password(b"")
                .password(b"");
            call.with(blob).with(secret)
        };
        let answer = tpm
            .run(activate(attested, key, &blob, &secret))
            .expect("its own object");
        assert_eq!(answer.read::<Tpm2bDigest>().as_bytes(), &credential.as_bytes()[..32]);
        let other = tpm.run(activate(key, key, &blob, &secret)).map(|_| ());
        assert_eq!(other, Err(TpmRc::new(0x1DF)), "another object: INTEGRITY, P1");
        let mut forged = blob.as_bytes().to_vec();
        *forged.last_mut().expect("not empty") ^= 1;
        let forged = Tpm2bIdObject::from_vec(forged).expect("same size");
        assert_eq!(
            tpm.run(activate(attested, key, &forged, &secret)).map(|_| ()),
            Err(TpmRc::new(0x1DF))
        );
        let cut = Tpm2bEncryptedSecret::new(&secret.as_bytes()[1..]).expect("shorter");
        assert_eq!(
            tpm.run(activate(attested, key, &blob, &cut)).map(|_| ()),
            Err(TpmRc::new(0x2C4)),
            "VALUE, P2"
        );
        let signer = tpm.run(activate(attested, attested, &blob, &secret)).map(|_| ());
        assert_eq!(signer, Err(TpmRc::new(0x28A)), "TYPE, H2");
        tpm.flush(key);
        tpm.flush(attested);
    }
}

#[test]
fn hierarchy_cleared_takes_its_objects_along() {
    // behaviours.md §15: TPM2_Clear makes a new storage seed and keeps the endorsement seed, but mixes shProof into seedValue (§9).
    let mut tpm = TestTpm::started();
    let (owner, endorsement) = (ecc_storage(), ecc_storage());
    let srk = out_public(&mut tpm, OWNER, &owner, b"");
    let ek = out_public(&mut tpm, TpmHandle::ENDORSEMENT, &endorsement, b"");
    let parent = tpm.primary(TpmHandle::ENDORSEMENT, &endorsement);
    let child = tpm
        .create(parent, &sealed(), &sensitive(b"", b"x"))
        .expect("a good template");
    tpm.run(Call::new(TpmCc::CLEAR).on(TpmHandle::LOCKOUT).password(b""))
        .expect("lockout may clear");
    assert_eq!(tpm.tpm.volatile.objects.iter().count(), 0);
    assert_ne!(out_public(&mut tpm, OWNER, &owner, b""), srk);
    assert_eq!(out_public(&mut tpm, TpmHandle::ENDORSEMENT, &endorsement, b""), ek);
    let parent = tpm.primary(TpmHandle::ENDORSEMENT, &endorsement);
    assert_eq!(tpm.load(parent, &child), Err(TpmRc::new(0x1DF)), "INTEGRITY, P1");
    tpm.run(Call::new(TpmCc::CHANGE_EPS).on(TpmHandle::PLATFORM).password(b""))
        .expect("the platform may");
    assert_ne!(out_public(&mut tpm, TpmHandle::ENDORSEMENT, &endorsement, b""), ek);
}

#[test]
fn signing_templates_create_keys_of_every_kind() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    for template in [
        ecc_signing(TpmiEccCurve::NistP384, TpmtEccScheme::Null),
        rsa_signing(TpmtRsaScheme::Rsapss(SHA256)),
        hmac_key(TpmtKeyedhashScheme::Hmac(TpmiAlgHash::Sha512)),
    ] {
        let key = tpm.child(parent, &template, b"");
        let answer = tpm.run(Call::new(TpmCc::READ_PUBLIC).on(key)).expect("always readable");
        let mut reader = answer.reader();
        let public = Tpm2bPublic::unmarshal(&mut reader).expect("outPublic");
        // Part 1 §16: nameAlg and the digest of the public area.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(public.0.to_bytes());
        let name = Tpm2bName::unmarshal(&mut reader).expect("name");
        assert_eq!(name.as_bytes(), [&[0, 0x0b][..], &digest].concat());
        tpm.flush(key);
    }
}

/// Runs TPM2_CreateLoaded with the bytes of a template: handle, outPrivate, outPublic.
fn create_loaded(
    tpm: &mut TestTpm,
    parent: TpmHandle,
    template: &[u8],
    data: &[u8],
) -> Result<(TpmHandle, Wrapped), TpmRc> {
    let call = Call::new(TpmCc::CREATE_LOADED)
        .on(parent)
        .password(b"")
        .with(&sensitive(b"", data));
    let answer = tpm.run(call.with(&Tpm2bTemplate::new(template).expect("short")))?;
    let mut reader = answer.reader();
    let private = Unmarshal::unmarshal(&mut reader).expect("outPrivate");
    let public = Unmarshal::unmarshal(&mut reader).expect("outPublic");
    Ok((answer.handle.expect("a handle"), Wrapped { private, public }))
}

#[test]
fn create_loaded_is_create_primary_and_create_with_load() {
    let mut tpm = TestTpm::started();
    let (parent, primary) = create_loaded(&mut tpm, OWNER, &ecc_storage().to_bytes(), b"").expect("a good template");
    assert!(primary.private.is_empty());
    assert_eq!(
        primary.public.to_bytes(),
        out_public(&mut tpm, OWNER, &ecc_storage(), b"")
    );
    let template = ecc_signing(P256, TpmtEccScheme::Null).to_bytes();
    let (child, wrapped) = create_loaded(&mut tpm, parent, &template, b"").expect("a good template");
    let again = tpm.load(parent, &wrapped).expect("its own object");
    assert_eq!(
        tpm.tpm.object(child).expect("loaded").qualified_name,
        tpm.tpm.object(again).expect("loaded").qualified_name
    );
    let refused = create_loaded(&mut tpm, child, &template, b"").map(|_| ());
    assert_eq!(refused, Err(TpmRc::new(0x18A)), "TYPE, H1: no parent");
    let short = create_loaded(&mut tpm, OWNER, &template[..20], b"").map(|_| ());
    assert_eq!(short, Err(TpmRc::new(0x2DA)), "INSUFFICIENT, P2");
}

#[test]
fn derived_objects_match_the_vectors() {
    // facts/tpm/vectors.md §9: derivation parent XOR/KDF1_SP800_108/SHA256 with bits seq(32, 0x10), label "label", context "context".
    let mut tpm = TestTpm::started();
    let scheme = TpmtKeyedhashScheme::Xor(TpmsSchemeXor {
        hash_alg: SHA256,
        kdf: Some(TpmiAlgKdf::Kdf1Sp800108),
    });
    let movable = TpmaObject::USER_WITH_AUTH | TpmaObject::NO_DA;
    let template = public(
        movable | TpmaObject::RESTRICTED | TpmaObject::DECRYPT,
        keyed_hash(scheme),
    );
    let srk = tpm.primary(OWNER, &ecc_storage());
    let secret: Vec<u8> = (0x10..0x30).collect();
    let parent = tpm
        .create(srk, &template, &sensitive(b"", &secret))
        .expect("a good template");
    let parent = tpm.load(srk, &parent).expect("its own object");
    let derive = [&[0, 5][..], b"label", &[0, 7], b"context"].concat();
    let fixed = movable | TpmaObject::FIXED_PARENT;
    // The template of a derived object has label and context where unique is.
    let with_derive = |template: &TpmtPublic, unique: usize, derive: &[u8]| {
        let bytes = template.to_bytes();
        [&bytes[..bytes.len() - unique], derive].concat()
    };
    let key = public(
        fixed | TpmaObject::SIGN,
        ecc(TpmtSymDefObject::Null, TpmtEccScheme::Null, P256),
    );
    let template = with_derive(&key, 4, &derive);
    let (_, derived) = create_loaded(&mut tpm, parent, &template, &[0; 4]).expect("a good template");
    assert!(derived.private.is_empty());
    let PublicArea::Ecc { unique, .. } = &derived.public.0.area else {
        panic!("an ECC key")
    };
    assert_eq!(
        unique.x.as_bytes(),
        hex("c50f68aaa61bfff4afdbfebe77754a4ed2a7758885e53012ae17e5e9cbbb20e7")
    );
    assert_eq!(
        unique.y.as_bytes(),
        hex("948458461846766b01b2961f44bde6778f54baf35029da58e9180812f97da5c9")
    );
    // The same from the sensitive area, when the template says nothing.
    let (_, same) = create_loaded(&mut tpm, parent, &with_derive(&key, 4, &[0; 4]), &derive).expect("a good template");
    assert_eq!(same.public, derived.public);
    let hmac = public(fixed | TpmaObject::SIGN, keyed_hash(TpmtKeyedhashScheme::Hmac(SHA256)));
    let (handle, _) =
        create_loaded(&mut tpm, parent, &with_derive(&hmac, 2, &derive), &[0; 4]).expect("a good template");
    let object = tpm.tpm.object(handle).expect("loaded");
    let sensitive = object.sensitive.as_ref().expect("whole");
    let bits = hex("15df43b08bd895c51db5213c037d53ed34c73469af636d1ed1ef08d888a511f2");
    assert_eq!(
        sensitive.sensitive,
        TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&bits).expect("fits"))
    );
    let seed = hex("0a70ea6663fd336dacb8454a12a37222764380d2f81213bbb3b94bdb9ee629fa");
    assert_eq!(sensitive.seed_value.as_bytes(), seed);
    let origin = TpmtPublic {
        object_attributes: key.object_attributes | TpmaObject::SENSITIVE_DATA_ORIGIN,
        ..key.clone()
    };
    let refused = create_loaded(&mut tpm, parent, &with_derive(&origin, 4, &derive), &[0; 4]).map(|_| ());
    assert_eq!(refused, Err(TpmRc::ATTRIBUTES));
    let rsa_key = public(
        fixed | TpmaObject::SIGN,
        rsa(TpmtSymDefObject::Null, TpmtRsaScheme::Null),
    );
    let refused = create_loaded(&mut tpm, parent, &with_derive(&rsa_key, 2, &derive), &[0; 4]).map(|_| ());
    assert_eq!(refused, Err(TpmRc::new(0x2CA)), "TYPE, P2");
}

#[test]
fn object_change_auth_gives_a_blob_with_the_new_value() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let object = tpm
        .create(parent, &sealed(), &sensitive(b"old", b"x"))
        .expect("a good template");
    let handle = tpm.load(parent, &object).expect("its own object");
    let change = |parent: TpmHandle, auth: &[u8]| {
        let call = Call::new(TpmCc::OBJECT_CHANGE_AUTH)
            .on(handle)
            .on(parent)
            .password(b"old");
        call.with(&Tpm2bAuth::new(auth).expect("short"))
    };
    let private = tpm.run(change(parent, b"new")).expect("its parent").read();
    let changed = tpm
        .load(
            parent,
            &Wrapped {
                private,
                ..object.clone()
            },
        )
        .expect("its own object");
    assert!(tpm.run(unseal(changed, b"new")).is_ok());
    assert!(
        tpm.run(unseal(handle, b"old")).is_ok(),
        "the loaded object keeps its authValue"
    );
    assert_eq!(
        tpm.run(change(changed, b"new")).map(|_| ()),
        Err(TpmRc::new(0x28A)),
        "TYPE, H2: not the parent"
    );
    assert_eq!(
        tpm.run(change(parent, &[1; 33])).map(|_| ()),
        Err(TpmRc::new(0x1D5)),
        "SIZE, P1"
    );
}
