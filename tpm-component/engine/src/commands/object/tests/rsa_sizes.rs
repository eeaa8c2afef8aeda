//! RSA keys of every size through their life: made, stored under each other, saved and loaded, made persistent, used. That their numbers are right is
//! shown in `crypto/rsa/tests.rs` and against another TPM.

use super::*;
use crate::crypto::rsa::openssl_4096;
use crate::structures::{
    Tpm2bData, Tpm2bPrivateKeyRsa, Tpm2bPublicKeyRsa, TpmiRsaKeyBits, TpmsSignatureRsa, TpmtRsaDecrypt, TpmtSigScheme,
    TpmtSignature, TpmtTkHashcheck,
};

fn sized(template: TpmtPublic, bits: TpmiRsaKeyBits) -> TpmtPublic {
    let mut template = template;
    if let PublicArea::Rsa { parms, .. } = &mut template.area {
        parms.key_bits = bits;
    }
    template
}

fn signs_and_decrypts(tpm: &mut TestTpm, key: TpmHandle, size: usize) {
    let digest = Tpm2bDigest::new(&[0x55; 64]).expect("fits");
    let sign = Call::new(TpmCc::SIGN).on(key).password(b"").with(&digest);
    let sign = sign
        .with(&TpmtSigScheme::Rsapss(TpmiAlgHash::Sha512))
        .with(&TpmtTkHashcheck::null());
    let signature: TpmtSignature = tpm.run(sign).expect("signs").read();
    let verify = Call::new(TpmCc::VERIFY_SIGNATURE)
        .on(key)
        .with(&digest)
        .with(&signature);
    tpm.run(verify).expect("its own signature");
    let message = Tpm2bPublicKeyRsa::new(b"message").expect("fits");
    let encrypt = Call::new(TpmCc::RSA_ENCRYPT).on(key).with(&message);
    let encrypt = encrypt.with(&TpmtRsaDecrypt::Rsaes).with_raw(&[0; 2]);
    let hidden: Tpm2bPublicKeyRsa = tpm.run(encrypt).expect("encrypts").read();
    assert_eq!(hidden.len(), size);
    let decrypt = Call::new(TpmCc::RSA_DECRYPT).on(key).password(b"").with(&hidden);
    let decrypt = decrypt.with(&TpmtRsaDecrypt::Rsaes).with_raw(&[0; 2]);
    assert_eq!(tpm.run(decrypt).expect("decrypts").read::<Tpm2bPublicKeyRsa>(), message);
}

#[test]
fn rsa_of_every_size_lives_as_a_key_and_as_a_parent() {
    let mut tpm = TestTpm::started();
    for bits in TpmiRsaKeyBits::ALL.iter().copied() {
        let parent = tpm.primary(OWNER, &sized(rsa_storage(), bits));
        let mut template = sized(rsa_signing(TpmtRsaScheme::Null), bits);
        template.object_attributes = template.object_attributes | TpmaObject::DECRYPT;
        let key = tpm.child(parent, &template, b"");
        signs_and_decrypts(&mut tpm, key, bits.key_size());

        let key = tpm.saved_and_loaded(key);
        let persistent = TpmHandle(0x8100_0040);
        let evict = |what: TpmHandle| {
            Call::new(TpmCc::EVICT_CONTROL)
                .on(OWNER)
                .on(what)
                .password(b"")
                .with(&persistent)
        };
        tpm.run(evict(key)).expect("made persistent");
        tpm.flush(key);
        tpm.flush(parent);
        tpm = tpm.restarted(TpmSu::Clear);
        signs_and_decrypts(&mut tpm, persistent, bits.key_size());
        tpm.run(evict(persistent)).expect("removed");
    }
}

#[test]
fn rsa_4096_of_openssl_signs_and_decrypts_as_there() {
    let n = hex(openssl_4096::N);
    let mut template = sized(rsa_signing(TpmtRsaScheme::Null), TpmiRsaKeyBits::Rsa4096);
    template.object_attributes = TpmaObject::USER_WITH_AUTH | TpmaObject::SIGN | TpmaObject::DECRYPT;
    if let PublicArea::Rsa { unique, .. } = &mut template.area {
        *unique = Tpm2bPublicKeyRsa::new(&n).expect("fits");
    }
    let private = TpmtSensitive {
        auth_value: Tpm2bAuth::empty(),
        seed_value: SeedValue::empty(),
        sensitive: TpmuSensitiveComposite::Rsa(Tpm2bPrivateKeyRsa::new(&hex(openssl_4096::P)).expect("fits")),
    };
    let mut tpm = TestTpm::started();
    let load = Call::new(TpmCc::LOAD_EXTERNAL).with(&Tpm2bSensitive(Some(private)));
    let load = load.with(&Tpm2bPublicPlus(template)).with(&TpmHandle::NULL);
    let key = tpm.run(load).expect("a key").handle.expect("a handle");
    let digest = crate::crypto::hash(&mut tpm.host, TpmiAlgHash::Sha384, &[b"message of the test"]);
    let sign = Call::new(TpmCc::SIGN).on(key).password(b"").with(&digest);
    let sign = sign
        .with(&TpmtSigScheme::Rsassa(TpmiAlgHash::Sha384))
        .with(&TpmtTkHashcheck::null());
    let TpmtSignature::Rsassa(signature) = tpm.run(sign).expect("signs").read() else {
        panic!("the scheme that was asked for")
    };
    assert_eq!(signature.sig.as_bytes(), hex(openssl_4096::PKCS1_SHA384));
    let digest = crate::crypto::hash(&mut tpm.host, TpmiAlgHash::Sha512, &[b"message of the test"]);
    let pss = TpmtSignature::Rsapss(TpmsSignatureRsa {
        hash: TpmiAlgHash::Sha512,
        sig: Tpm2bPublicKeyRsa::new(&hex(openssl_4096::PSS_SHA512)).expect("fits"),
    });
    tpm.run(Call::new(TpmCc::VERIFY_SIGNATURE).on(key).with(&digest).with(&pss))
        .expect("OpenSSL's signature");
    let hidden = Tpm2bPublicKeyRsa::new(&hex(openssl_4096::OAEP_SHA384)).expect("fits");
    let decrypt = Call::new(TpmCc::RSA_DECRYPT).on(key).password(b"").with(&hidden);
    let decrypt = decrypt.with(&TpmtRsaDecrypt::Oaep(TpmiAlgHash::Sha384));
    let label = Tpm2bData::new(b"IDENTITY\0").expect("short");
    let message: Tpm2bPublicKeyRsa = tpm.run(decrypt.with(&label)).expect("decrypts").read();
    assert_eq!(message.as_bytes(), b"secret");
}
