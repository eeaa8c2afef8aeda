//! RSA keys of every size through their life: made, stored under each other, saved and loaded, made persistent, used. That their numbers are right is
//! shown in `crypto/rsa/tests.rs` and against another TPM.

use super::*;
use crate::structures::{
    Tpm2bPublicKeyRsa, TpmiRsaKeyBits, TpmtRsaDecrypt, TpmtSigScheme, TpmtSignature, TpmtTkHashcheck,
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

        let save = Call::new(TpmCc::CONTEXT_SAVE).on(key);
        let context = tpm.run(save).expect("a context").parameters;
        tpm.flush(key);
        let load = Call::new(TpmCc::CONTEXT_LOAD).with_raw(&context);
        let key = tpm.run(load).expect("its own context").handle.expect("a handle");
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
        tpm = tpm.power_cycle();
        tpm.send(0, &hex("80010000000c000001440000"));
        signs_and_decrypts(&mut tpm, persistent, bits.key_size());
        tpm.run(evict(persistent)).expect("removed");
    }
}
