//! Encryption and key exchange through the commands, with response codes of facts/tpm/behaviours.md §12.

use crate::{
    structures::{
        Tpm2bData, Tpm2bDigest, Tpm2bEccParameter, Tpm2bEccPoint, Tpm2bMaxBuffer, Tpm2bPublic, Tpm2bPublicKeyRsa,
        TpmCc, TpmHandle, TpmRc, TpmaObject, TpmiAlgHash, TpmiEccCurve, TpmiEccKeyExchange, TpmsAlgorithmDetailEcc,
        TpmsEccPoint, TpmtEccScheme, TpmtKdfScheme, TpmtPublic, TpmtRsaDecrypt, TpmtRsaScheme, TpmtSymDefObject,
    },
    test_objects::{ORDINARY, ecc, ecc_storage, public, rsa, rsa_storage},
    test_tpm::{Call, TestTpm},
    wire::Unmarshal,
};

const SHA256: TpmiAlgHash = TpmiAlgHash::Sha256;

fn decryption_key(scheme: TpmtRsaScheme) -> TpmtPublic {
    public(ORDINARY | TpmaObject::DECRYPT, rsa(TpmtSymDefObject::Null, scheme))
}

fn encrypt(key: TpmHandle, message: &[u8], scheme: &TpmtRsaDecrypt, label: &[u8]) -> Call {
    let message = Tpm2bPublicKeyRsa::new(message).expect("fits");
    let label = Tpm2bData::new(label).expect("short");
    Call::new(TpmCc::RSA_ENCRYPT)
        .on(key)
        .with(&message)
        .with(scheme)
        .with(&label)
}

fn decrypt(key: TpmHandle, message: &[u8], scheme: &TpmtRsaDecrypt, label: &[u8]) -> Call {
    let message = Tpm2bPublicKeyRsa::new(message).expect("fits");
    let label = Tpm2bData::new(label).expect("short");
    Call::new(TpmCc::RSA_DECRYPT)
        .on(key)
        .password(b"")
        .with(&message)
        .with(scheme)
        .with(&label)
}

#[test]
fn rsa_encrypted_decrypts_with_the_same_scheme_and_label() {
    let mut tpm = TestTpm::started();
    let key = tpm.primary(TpmHandle::OWNER, &decryption_key(TpmtRsaScheme::Null));
    let raw = [0x33; 256];
    for (scheme, message, label) in [
        (TpmtRsaDecrypt::Rsaes, &b"message"[..], &b""[..]),
        (TpmtRsaDecrypt::Oaep(SHA256), b"message", b"label\0"),
        (TpmtRsaDecrypt::Oaep(TpmiAlgHash::Sha1), b"", b""),
        (TpmtRsaDecrypt::Null, &raw, b""),
    ] {
        let sealed: Tpm2bPublicKeyRsa = tpm.run(encrypt(key, message, &scheme, label)).expect("fits").read();
        assert_eq!(sealed.len(), 256);
        let opened: Tpm2bPublicKeyRsa = tpm
            .run(decrypt(key, sealed.as_bytes(), &scheme, label))
            .expect("its own")
            .read();
        assert_eq!(opened.as_bytes(), message, "{scheme:?}");
        if label.is_empty() {
            continue;
        }
        let other = tpm
            .run(decrypt(key, sealed.as_bytes(), &scheme, b"other\0"))
            .map(|_| ());
        assert_eq!(other, Err(TpmRc::VALUE), "another label");
        let mut forged = sealed.as_bytes().to_vec();
        forged[255] ^= 1;
        assert_eq!(
            tpm.run(decrypt(key, &forged, &scheme, label)).map(|_| ()),
            Err(TpmRc::VALUE),
            "another bit"
        );
    }
}

#[test]
fn rsa_refusals_are_those_of_other_tpms() {
    let mut tpm = TestTpm::started();
    let oaep = TpmtRsaDecrypt::Oaep(SHA256);
    let key = tpm.primary(TpmHandle::OWNER, &decryption_key(TpmtRsaScheme::Oaep(SHA256)));
    let refused = |tpm: &mut TestTpm, call: Call| tpm.run(call).map(|_| ()).expect_err("refused");
    assert_eq!(
        refused(&mut tpm, encrypt(key, b"x", &oaep, b"open")),
        TpmRc::new(0x3C4),
        "VALUE, P3: label without its zero"
    );
    assert_eq!(
        refused(&mut tpm, encrypt(key, b"x", &TpmtRsaDecrypt::Rsaes, b"")),
        TpmRc::new(0x2D2),
        "SCHEME, P2"
    );
    assert_eq!(
        refused(&mut tpm, encrypt(key, &[1; 191], &oaep, b"")),
        TpmRc::VALUE,
        "too long for OAEP"
    );
    assert_eq!(
        refused(&mut tpm, decrypt(key, &[1; 255], &oaep, b"")),
        TpmRc::SIZE,
        "not as long as the modulus"
    );
    assert_eq!(
        refused(&mut tpm, decrypt(key, &[0xff; 256], &oaep, b"")),
        TpmRc::VALUE,
        "not below the modulus"
    );
    let storage = tpm.primary(TpmHandle::OWNER, &rsa_storage());
    assert_eq!(
        refused(&mut tpm, decrypt(storage, &[1; 256], &oaep, b"")),
        TpmRc::new(0x182),
        "ATTRIBUTES, H1: restricted"
    );
    let curve = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    assert_eq!(
        refused(&mut tpm, encrypt(curve, b"x", &oaep, b"")),
        TpmRc::new(0x19C),
        "KEY, H1"
    );
}

#[test]
fn ecdh_both_sides_agree() {
    let mut tpm = TestTpm::started();
    for curve in TpmiEccCurve::ALL.iter().copied() {
        let template = public(
            ORDINARY | TpmaObject::DECRYPT,
            ecc(TpmtSymDefObject::Null, TpmtEccScheme::Null, curve),
        );
        let key = tpm.primary(TpmHandle::OWNER, &template);
        let answer = tpm.run(Call::new(TpmCc::ECDH_KEY_GEN).on(key)).expect("any ECC key");
        let mut reader = answer.reader();
        let shared = Tpm2bEccPoint::unmarshal(&mut reader).expect("zPoint");
        let ephemeral = Tpm2bEccPoint::unmarshal(&mut reader).expect("pubPoint");
        let zgen = |key, point: &Tpm2bEccPoint| Call::new(TpmCc::ECDH_ZGEN).on(key).password(b"").with(point);
        assert_eq!(
            tpm.run(zgen(key, &ephemeral))
                .expect("on the curve")
                .read::<Tpm2bEccPoint>(),
            shared,
            "{curve:?}"
        );
        let off = Tpm2bEccPoint(TpmsEccPoint {
            x: ephemeral.0.x.clone(),
            y: ephemeral.0.x.clone(),
        });
        assert_eq!(
            tpm.run(zgen(key, &off)).map(|_| ()),
            Err(TpmRc::new(0x1E7)),
            "ECC_POINT, P1"
        );
        let storage = tpm.primary(TpmHandle::OWNER, &ecc_storage());
        assert_eq!(
            tpm.run(zgen(storage, &ephemeral)).map(|_| ()),
            Err(TpmRc::new(0x182)),
            "ATTRIBUTES, H1: restricted"
        );
        tpm.flush(storage);
        tpm.flush(key);
    }
}

#[test]
fn ecc_parameters_satisfy_the_curve() {
    // The generator of SP 800-186 is on the curve, and its order less one times it is its negative: read through the commands.
    let mut tpm = TestTpm::started();
    for curve in TpmiEccCurve::ALL.iter().copied() {
        let call = Call::new(TpmCc::ECC_PARAMETERS).with(&curve);
        let detail: TpmsAlgorithmDetailEcc = tpm.run(call).expect("an implemented curve").read();
        assert_eq!(detail.key_size, curve.bits());
        let point = [detail.g_x.as_bytes(), detail.g_y.as_bytes()].concat();
        assert!(crate::crypto::ecc::is_on_curve(curve, &point));
        let mut last = detail.n.as_bytes().to_vec();
        assert!(
            !crate::crypto::ecc::is_private_key(curve, &last),
            "the order is no private key"
        );
        *last.last_mut().expect("not empty") -= 1;
        let negative = crate::crypto::ecc::public_point(&mut tpm.host, curve, &last).expect("below the order");
        assert_eq!(&negative[..curve.size()], detail.g_x.as_bytes());
        assert_ne!(&negative[curve.size()..], detail.g_y.as_bytes());
        #[cfg(feature = "bn256")]
        if curve == TpmiEccCurve::BnP256 {
            assert_eq!(detail.a.as_bytes(), [0], "as swtpm 0.10.2 answers");
            continue;
        }
        // a = p - 3; only the prime of P-224 ends in a one, from which three is borrowed.
        let mut three_less = detail.p.as_bytes().to_vec();
        let mut borrow = 3;
        for byte in three_less.iter_mut().rev() {
            let under;
            (*byte, under) = byte.overflowing_sub(borrow);
            borrow = under.into();
        }
        assert_eq!(detail.a, Tpm2bEccParameter::from_vec(three_less).expect("fits"));
    }
    assert_eq!(
        tpm.run(Call::new(TpmCc::ECC_PARAMETERS).with(&0x0011u16)).map(|_| ()),
        Err(TpmRc::new(0x1E6)),
        "CURVE, P1"
    );
}

/// A key for exchanges on `curve`.
fn exchange_key(tpm: &mut TestTpm, curve: TpmiEccCurve, scheme: TpmtEccScheme) -> TpmHandle {
    let area = ecc(TpmtSymDefObject::Null, scheme, curve);
    tpm.primary(TpmHandle::OWNER, &public(ORDINARY | TpmaObject::DECRYPT, area))
}

#[test]
fn ecc_encrypted_is_what_annex_d_says_and_decrypts() {
    // Part 1 Annex D: C2 = M XOR KDF2(x || y), C3 = H(x || M || y), where the point is the key's product with C1; hashed by another implementation.
    use sha2::{Digest, Sha256};
    let mut tpm = TestTpm::started();
    let scheme = TpmtKdfScheme::Kdf2(SHA256);
    for curve in TpmiEccCurve::ALL.iter().copied() {
        let key = exchange_key(&mut tpm, curve, TpmtEccScheme::Null);
        for message in [&b""[..], b"a message", &[0x77; 1024]] {
            let plain = Tpm2bMaxBuffer::new(message).expect("fits");
            let encrypt = Call::new(TpmCc::ECC_ENCRYPT).on(key).with(&plain).with(&scheme);
            let answer = tpm.run(encrypt).expect("any ECC key");
            let mut reader = answer.reader();
            let c1 = Tpm2bEccPoint::unmarshal(&mut reader).expect("C1");
            let c2 = Tpm2bMaxBuffer::unmarshal(&mut reader).expect("C2");
            let c3 = Tpm2bDigest::unmarshal(&mut reader).expect("C3");
            let zgen = Call::new(TpmCc::ECDH_ZGEN).on(key).password(b"").with(&c1);
            let shared: Tpm2bEccPoint = tpm.run(zgen).expect("on the curve").read();
            let (x, y) = (shared.0.x.as_bytes(), shared.0.y.as_bytes());
            let integrity = Sha256::new().chain_update(x).chain_update(message).chain_update(y);
            assert_eq!(c3.as_bytes(), &integrity.finalize()[..]);
            for (counter, (block, clear)) in (1u32..).zip(c2.as_bytes().chunks(32).zip(message.chunks(32))) {
                let mask = Sha256::new().chain_update(x).chain_update(y);
                let mask = mask.chain_update(counter.to_be_bytes()).finalize();
                assert!(block.iter().zip(clear).zip(mask).all(|((a, b), mask)| a ^ b == mask));
            }
            let decrypt = |c1: &Tpm2bEccPoint, c2: &Tpm2bMaxBuffer, c3: &Tpm2bDigest| {
                let call = Call::new(TpmCc::ECC_DECRYPT).on(key).password(b"");
                call.with(c1).with(c2).with(c3).with(&scheme)
            };
            let opened: Tpm2bMaxBuffer = tpm.run(decrypt(&c1, &c2, &c3)).expect("its own").read();
            assert_eq!(opened, plain);
            let mut other = c3.as_bytes().to_vec();
            other[0] ^= 1;
            let other = Tpm2bDigest::new(&other).expect("fits");
            let refused = |tpm: &mut TestTpm, call: Call| tpm.run(call).map(|_| ()).expect_err("refused");
            assert_eq!(refused(&mut tpm, decrypt(&c1, &c2, &other)), TpmRc::VALUE);
            let off = Tpm2bEccPoint(TpmsEccPoint {
                x: c1.0.x.clone(),
                y: c1.0.x.clone(),
            });
            assert_eq!(
                refused(&mut tpm, decrypt(&off, &c2, &c3)),
                TpmRc::new(0x1E7),
                "ECC_POINT, P1"
            );
        }
        tpm.flush(key);
    }
}

#[test]
fn ecc_encryption_is_with_kdf2_and_unrestricted_keys_only() {
    let mut tpm = TestTpm::started();
    let key = exchange_key(&mut tpm, TpmiEccCurve::NistP256, TpmtEccScheme::Null);
    let storage = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let plain = Tpm2bMaxBuffer::new(b"x").expect("fits");
    let (point, digest) = (
        Tpm2bEccPoint(TpmsEccPoint {
            x: Tpm2bEccParameter::empty(),
            y: Tpm2bEccParameter::empty(),
        }),
        Tpm2bDigest::empty(),
    );
    let kdf2 = TpmtKdfScheme::Kdf2(SHA256);
    for (key, scheme, encrypted, decrypted) in [
        (key, TpmtKdfScheme::Null, 0x2D2, 0x4D2),
        (key, TpmtKdfScheme::Mgf1(SHA256), 0x2D2, 0x4D2),
        (storage, kdf2, 0x182, 0x182),
    ] {
        let encrypt = Call::new(TpmCc::ECC_ENCRYPT).on(key).with(&plain).with(&scheme);
        assert_eq!(tpm.run(encrypt).map(|_| ()), Err(TpmRc::new(encrypted)), "{scheme:?}");
        let decrypt = Call::new(TpmCc::ECC_DECRYPT).on(key).password(b"").with(&point);
        let decrypt = decrypt.with(&plain).with(&digest).with(&scheme);
        assert_eq!(tpm.run(decrypt).map(|_| ()), Err(TpmRc::new(decrypted)), "{scheme:?}");
    }
}

#[test]
fn exchange_with_two_keys_a_side_gives_the_same_point_once() {
    // SP 800-56A §6.1.1.4, GB/T 32918.3. swtpm fails on MQV and has a value of SM2 that is a bit shorter, so both sides are this one; the vectors of NIST and
    // of GM/T 0003.5 are in `crypto/ecc/`.
    let schemes: &[(TpmtEccScheme, TpmiEccKeyExchange)] = &[
        (TpmtEccScheme::Ecmqv(SHA256), TpmiEccKeyExchange::Ecmqv),
        #[cfg(feature = "sm2")]
        (TpmtEccScheme::Sm2(SHA256), TpmiEccKeyExchange::Sm2),
    ];
    let mut tpm = TestTpm::started();
    let pairs = schemes
        .iter()
        .flat_map(|pair| TpmiEccCurve::ALL.iter().map(move |curve| (pair, *curve)));
    for ((own_scheme, asked), curve) in pairs {
        let mut side = |scheme: TpmtEccScheme| {
            let key = exchange_key(&mut tpm, curve, scheme);
            let call = Call::new(TpmCc::READ_PUBLIC).on(key);
            let public: Tpm2bPublic =
                Unmarshal::unmarshal(&mut tpm.run(call).expect("loaded").reader()).expect("outPublic");
            let crate::structures::PublicArea::Ecc { unique, .. } = public.0.area else {
                panic!("an ECC key")
            };
            let answer = tpm.run(Call::new(TpmCc::EC_EPHEMERAL).with(&curve)).expect("a curve");
            let mut reader = answer.reader();
            let ephemeral = Tpm2bEccPoint::unmarshal(&mut reader).expect("Q");
            let count = u16::unmarshal(&mut reader).expect("counter");
            (key, Tpm2bEccPoint(unique), ephemeral, count)
        };
        let (a, b) = (side(TpmtEccScheme::Null), side(own_scheme.clone()));
        type Side = (TpmHandle, Tpm2bEccPoint, Tpm2bEccPoint, u16);
        let exchange = |own: &Side, theirs: &Side| {
            let call = Call::new(TpmCc::ZGEN_2PHASE).on(own.0).password(b"");
            call.with(&theirs.1).with(&theirs.2).with(asked).with(&own.3)
        };
        let ours = tpm.run(exchange(&a, &b)).expect("good points").parameters;
        let theirs = tpm.run(exchange(&b, &a)).expect("good points").parameters;
        assert_eq!(ours, theirs, "{curve:?} {asked:?}");
        assert_eq!(ours[ours.len() - 6..], [0, 4, 0, 0, 0, 0], "no second point");
        assert_eq!(
            tpm.run(exchange(&a, &b)).map(|_| ()),
            Err(TpmRc::new(0x4C4)),
            "VALUE, P4: used up"
        );
        tpm.flush(a.0);
        tpm.flush(b.0);
    }
}
