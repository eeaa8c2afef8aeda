//! Signatures through the commands. Response codes are those of facts/tpm/behaviours.md §12; signatures are verified by TPM2_VerifySignature, whose
//! arithmetic is tested against RFC 6979 and OpenSSL in `crypto/`.

use crate::{
    structures::{
        TPM_GENERATED_VALUE, Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmHandle, TpmRc, TpmiAlgHash, TpmiEccCurve,
        TpmtEccScheme, TpmtKeyedhashScheme, TpmtPublic, TpmtRsaScheme, TpmtSigScheme, TpmtSignature, TpmtTkHashcheck,
        TpmtTkVerified,
    },
    test_objects::{attestation_key, ecc_signing, ecc_storage, hmac_key, rsa_signing},
    test_tpm::{Call, TestTpm},
    wire::Unmarshal,
};
use TpmiAlgHash::{Sha1, Sha256, Sha384, Sha512};

const OWNER: TpmHandle = TpmHandle::OWNER;

fn digest(alg: TpmiAlgHash, fill: u8) -> Tpm2bDigest {
    Tpm2bDigest::from_vec(alloc::vec![fill; alg.digest_size()]).expect("fits")
}

fn sign(
    tpm: &mut TestTpm,
    key: TpmHandle,
    digest: &Tpm2bDigest,
    scheme: &TpmtSigScheme,
    ticket: &TpmtTkHashcheck,
) -> Result<TpmtSignature, TpmRc> {
    let call = Call::new(TpmCc::SIGN)
        .on(key)
        .password(b"")
        .with(digest)
        .with(scheme)
        .with(ticket);
    tpm.run(call).map(|answer| answer.read())
}

fn verify(
    tpm: &mut TestTpm,
    key: TpmHandle,
    digest: &Tpm2bDigest,
    signature: &TpmtSignature,
) -> Result<TpmtTkVerified, TpmRc> {
    let call = Call::new(TpmCc::VERIFY_SIGNATURE).on(key).with(digest).with(signature);
    tpm.run(call).map(|answer| answer.read())
}

#[test]
fn signature_of_every_scheme_verifies_and_no_other_digest_does() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let keys: &[(TpmtPublic, TpmtSigScheme)] = &[
        (
            ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Null),
            TpmtSigScheme::Ecdsa(Sha1),
        ),
        (
            ecc_signing(TpmiEccCurve::NistP384, TpmtEccScheme::Ecdsa(Sha384)),
            TpmtSigScheme::Null,
        ),
        (
            ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Ecdsa(Sha512)),
            TpmtSigScheme::Ecdsa(Sha512),
        ),
        (rsa_signing(TpmtRsaScheme::Null), TpmtSigScheme::Rsassa(Sha256)),
        (rsa_signing(TpmtRsaScheme::Rsassa(Sha512)), TpmtSigScheme::Null),
        (
            rsa_signing(TpmtRsaScheme::Rsapss(Sha256)),
            TpmtSigScheme::Rsapss(Sha256),
        ),
        (hmac_key(TpmtKeyedhashScheme::Hmac(Sha256)), TpmtSigScheme::Null),
        #[cfg(feature = "bn256")]
        (
            ecc_signing(TpmiEccCurve::BnP256, TpmtEccScheme::Null),
            TpmtSigScheme::Ecdsa(Sha256),
        ),
        #[cfg(feature = "sm2")]
        (
            ecc_signing(TpmiEccCurve::Sm2P256, TpmtEccScheme::Null),
            TpmtSigScheme::Sm2(Sha256),
        ),
        #[cfg(feature = "sm2")]
        (
            ecc_signing(TpmiEccCurve::NistP384, TpmtEccScheme::Sm2(Sha512)),
            TpmtSigScheme::Sm2(Sha512),
        ),
        #[cfg(feature = "sha3")]
        (
            ecc_signing(TpmiEccCurve::NistP521, TpmtEccScheme::Null),
            TpmtSigScheme::Ecdsa(TpmiAlgHash::Sha3512),
        ),
        #[cfg(feature = "sha3")]
        (
            rsa_signing(TpmtRsaScheme::Null),
            TpmtSigScheme::Rsapss(TpmiAlgHash::Sha3384),
        ),
    ];
    for (template, scheme) in keys {
        let key = tpm.child(parent, template, b"");
        let alg = match (scheme, &template.area) {
            (TpmtSigScheme::Null, crate::structures::PublicArea::Ecc { .. }) => Sha384,
            (TpmtSigScheme::Null, crate::structures::PublicArea::Rsa { .. }) => Sha512,
            (TpmtSigScheme::Null, _) => Sha256,
            (scheme, _) => scheme.hash().expect("has one"),
        };
        let good = digest(alg, 7);
        let signature = sign(&mut tpm, key, &good, scheme, &TpmtTkHashcheck::null()).expect("a signing key");
        let ticket = verify(&mut tpm, key, &good, &signature).expect("its own signature");
        assert!(!ticket.is_null(), "{scheme:?}");
        assert_eq!(
            verify(&mut tpm, key, &digest(alg, 8), &signature),
            Err(TpmRc::new(0x2DB)),
            "SIGNATURE, P2: {scheme:?}"
        );
        // A signature with fresh nonces or salt differs each time.
        let again = sign(&mut tpm, key, &good, scheme, &TpmtTkHashcheck::null()).expect("a signing key");
        let hmac = matches!(signature, TpmtSignature::Hmac(_));
        let randomised = !hmac && !matches!(signature, TpmtSignature::Rsassa(_));
        assert_eq!(again != signature, randomised, "{scheme:?}");
        tpm.flush(key);
    }
}

#[test]
fn scheme_that_does_not_fit_is_refused() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(OWNER, &ecc_storage());
    let null = TpmtTkHashcheck::null();
    let wrong = Err(TpmRc::new(0x2D2));
    let free = tpm.child(parent, &ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Null), b"");
    assert_eq!(
        sign(&mut tpm, free, &digest(Sha256, 1), &TpmtSigScheme::Null, &null),
        wrong,
        "none at all"
    );
    assert_eq!(
        sign(
            &mut tpm,
            free,
            &digest(Sha256, 1),
            &TpmtSigScheme::Rsassa(Sha256),
            &null
        ),
        wrong,
        "of RSA"
    );
    let short = sign(&mut tpm, free, &digest(Sha1, 1), &TpmtSigScheme::Ecdsa(Sha256), &null);
    assert_eq!(short, Err(TpmRc::new(0x1D5)), "digest of another hash: SIZE, P1");
    let fixed = ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Ecdsa(Sha256));
    let fixed = tpm.child(parent, &fixed, b"");
    assert_eq!(
        sign(&mut tpm, fixed, &digest(Sha1, 1), &TpmtSigScheme::Ecdsa(Sha1), &null),
        wrong,
        "another hash"
    );
    let storage = sign(
        &mut tpm,
        parent,
        &digest(Sha256, 1),
        &TpmtSigScheme::Ecdsa(Sha256),
        &null,
    );
    assert_eq!(storage, Err(TpmRc::new(0x19C)), "KEY, H1");
    let signature = sign(&mut tpm, fixed, &digest(Sha256, 1), &TpmtSigScheme::Null, &null).expect("a signing key");
    assert_eq!(
        verify(&mut tpm, parent, &digest(Sha256, 1), &signature),
        Err(TpmRc::new(0x182)),
        "ATTRIBUTES, H1"
    );
    let hmac = tpm.child(parent, &hmac_key(TpmtKeyedhashScheme::Hmac(Sha256)), b"");
    assert_eq!(
        verify(&mut tpm, hmac, &digest(Sha256, 1), &signature),
        Err(TpmRc::new(0x2D2)),
        "SCHEME, P2"
    );
}

#[test]
fn restricted_key_signs_only_what_the_tpm_hashed() {
    let mut tpm = TestTpm::started();
    let key = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
    let hash = |tpm: &mut TestTpm, message: &[u8], alg: TpmiAlgHash, hierarchy: TpmHandle| {
        let call = Call::new(TpmCc::HASH)
            .with(&Tpm2bMaxBuffer::new(message).expect("short"))
            .with(&alg);
        let answer = tpm.run(call.with(&hierarchy)).expect("always works");
        let mut reader = answer.reader();
        let digest = Tpm2bDigest::unmarshal(&mut reader).expect("outHash");
        (digest, TpmtTkHashcheck::unmarshal(&mut reader).expect("validation"))
    };
    let refused = Err(TpmRc::new(0x3E0));
    let null = TpmtSigScheme::Null;
    let (good, ticket) = hash(&mut tpm, b"a message", Sha256, OWNER);
    assert!(sign(&mut tpm, key, &good, &null, &ticket).is_ok());
    assert_eq!(
        sign(&mut tpm, key, &good, &null, &TpmtTkHashcheck::null()),
        refused,
        "TICKET, P3: none"
    );
    assert_eq!(
        sign(&mut tpm, key, &digest(Sha256, 1), &null, &ticket),
        refused,
        "for another digest"
    );
    let (long, other) = hash(&mut tpm, b"a message", Sha384, OWNER);
    assert_eq!(sign(&mut tpm, key, &long, &null, &other), refused, "for another hash");
    let attestation = [&TPM_GENERATED_VALUE.to_be_bytes()[..], b"forged"].concat();
    let (forged, ticket) = hash(&mut tpm, &attestation, Sha256, OWNER);
    assert!(ticket.is_null());
    assert_eq!(
        sign(&mut tpm, key, &forged, &null, &ticket),
        refused,
        "what looks like an attestation"
    );
    let (unvouched, ticket) = hash(&mut tpm, b"a message", Sha256, TpmHandle::NULL);
    assert_eq!(
        sign(&mut tpm, key, &unvouched, &null, &ticket),
        refused,
        "a NULL ticket"
    );
}

#[test]
fn verified_ticket_of_the_null_hierarchy_is_null() {
    let mut tpm = TestTpm::started();
    let key = tpm.primary(
        TpmHandle::NULL,
        &ecc_signing(TpmiEccCurve::NistP256, TpmtEccScheme::Ecdsa(Sha256)),
    );
    let good = digest(Sha256, 3);
    let signature = sign(&mut tpm, key, &good, &TpmtSigScheme::Null, &TpmtTkHashcheck::null()).expect("a signing key");
    assert!(
        verify(&mut tpm, key, &good, &signature)
            .expect("its own signature")
            .is_null()
    );
}
