//! Symmetric encryption through the commands, against SP 800-38A, with response codes of facts/tpm/behaviours.md §12.

use crate::{
    structures::{
        AesParameters, PublicArea, Tpm2bDigest, Tpm2bIv, Tpm2bMaxBuffer, TpmCc, TpmHandle, TpmRc, TpmaObject,
        TpmiAesKeyBits, TpmiAlgCipherMode, TpmiAlgSymMode, TpmsSymcipherParms, TpmtSymDefObject,
    },
    test_objects::{ORDINARY, ecc_storage, public, sealed, sensitive, sym_cipher},
    test_tpm::{Call, TestTpm, hex},
    wire::Unmarshal,
};

/// TPM_ALG_CFB and TPM_ALG_CBC.
const CFB: [u8; 2] = [0, 0x43];
const CBC: [u8; 2] = [0, 0x42];

fn crypt(key: TpmHandle, decrypt: bool, mode: [u8; 2], iv: &[u8], data: &[u8], second: bool) -> Call {
    let (iv, data) = (
        Tpm2bIv::new(iv).expect("fits"),
        Tpm2bMaxBuffer::new(data).expect("fits"),
    );
    if second {
        let call = Call::new(TpmCc::ENCRYPT_DECRYPT2)
            .on(key)
            .password(b"")
            .with(&data)
            .with(&decrypt);
        call.with_raw(&mode).with(&iv)
    } else {
        let call = Call::new(TpmCc::ENCRYPT_DECRYPT)
            .on(key)
            .password(b"")
            .with(&decrypt)
            .with_raw(&mode);
        call.with(&iv).with(&data)
    }
}

#[test]
fn cfb_example_encrypts_and_decrypts_in_pieces() {
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let attributes = ORDINARY.without(TpmaObject::SENSITIVE_DATA_ORIGIN) | TpmaObject::SIGN | TpmaObject::DECRYPT;
    // SP 800-38A F.3.13, CFB128-AES128.
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let cipher = hex("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b");
    let object = tpm
        .create(parent, &public(attributes, sym_cipher()), &sensitive(b"", &key))
        .expect("a good template");
    let key = tpm.load(parent, &object).expect("its own object");
    for (decrypt, input, output) in [(false, &plain, &cipher), (true, &cipher, &plain)] {
        for second in [false, true] {
            let mut iv: alloc::vec::Vec<u8> = (0..16).collect();
            for at in [0, 16] {
                let answer = tpm
                    .run(crypt(key, decrypt, CFB, &iv, &input[at..at + 16], second))
                    .expect("a free key");
                let mut reader = answer.reader();
                let data = Tpm2bMaxBuffer::unmarshal(&mut reader).expect("outData");
                assert_eq!(
                    data.as_bytes(),
                    &output[at..at + 16],
                    "decrypt {decrypt}, second {second}"
                );
                iv = Tpm2bIv::unmarshal(&mut reader).expect("ivOut").as_bytes().to_vec();
            }
        }
    }
    let refused = |tpm: &mut TestTpm, call: Call| tpm.run(call).map(|_| ()).expect_err("refused");
    assert_eq!(
        refused(&mut tpm, crypt(key, false, CFB, &[0; 8], b"x", false)),
        TpmRc(0x3D5),
        "SIZE, P3"
    );
    assert_eq!(
        refused(&mut tpm, crypt(key, false, CBC, &[0; 16], b"x", false)),
        TpmRc(0x2C9),
        "MODE, P2"
    );
    assert_eq!(
        refused(&mut tpm, crypt(parent, false, CFB, &[0; 16], b"x", false)),
        TpmRc(0x19C),
        "KEY, H1"
    );
    let one_way = public(attributes.without(TpmaObject::SIGN), sym_cipher());
    let object = tpm
        .create(parent, &one_way, &sensitive(b"", &[1; 16]))
        .expect("a good template");
    let key = tpm.load(parent, &object).expect("its own object");
    assert_eq!(
        refused(&mut tpm, crypt(key, false, CFB, &[0; 16], b"x", false)),
        TpmRc(0x182),
        "ATTRIBUTES, H1"
    );
    assert!(tpm.run(crypt(key, true, CFB, &[0; 16], b"x", false)).is_ok());
}

#[test]
fn every_mode_goes_on_with_the_vector_that_it_gave() {
    // SP 800-38A: the text of two whole blocks is the same in one piece and in two, for every mode and key size.
    let text: alloc::vec::Vec<u8> = (0..32).collect();
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let attributes = ORDINARY | TpmaObject::SIGN | TpmaObject::DECRYPT;
    for key_bits in [TpmiAesKeyBits::Aes128, TpmiAesKeyBits::Aes192, TpmiAesKeyBits::Aes256] {
        let parms = TpmsSymcipherParms {
            sym: TpmtSymDefObject::Aes(AesParameters { key_bits, mode: None }),
        };
        let unique = Tpm2bDigest::empty();
        let key = tpm.child(
            parent,
            &public(attributes, PublicArea::SymCipher { parms, unique }),
            b"",
        );
        let mut run = |decrypt, mode: TpmiAlgCipherMode, iv: &[u8], data: &[u8]| {
            let call = crypt(key, decrypt, mode.value().to_be_bytes(), iv, data, true);
            let answer = tpm.run(call).expect("a free key");
            let mut reader = answer.reader();
            let data = Tpm2bMaxBuffer::unmarshal(&mut reader).expect("outData");
            let iv = Tpm2bIv::unmarshal(&mut reader).expect("ivOut");
            (data.as_bytes().to_vec(), iv.as_bytes().to_vec())
        };
        for mode in TpmiAlgCipherMode::ALL {
            let iv: &[u8] = if *mode == TpmiAlgCipherMode::Ecb {
                &[]
            } else {
                &[0xFF; 16]
            };
            let (whole, end) = run(false, *mode, iv, &text);
            let (first, middle) = run(false, *mode, iv, &text[..16]);
            let (second, last) = run(false, *mode, &middle, &text[16..]);
            assert_eq!(([first, second].concat(), &last), (whole.clone(), &end), "{mode:?}");
            assert_eq!(run(true, *mode, iv, &whole).0, text, "{mode:?}");
        }
        tpm.flush(key);
    }
}

#[test]
fn storage_key_with_aes_192_protects_its_children() {
    // Part 2 §11.1.7: any block cipher that is there may protect objects, in CFB mode.
    let mut tpm = TestTpm::started();
    let with = |mode| {
        TpmtSymDefObject::Aes(AesParameters {
            key_bits: TpmiAesKeyBits::Aes192,
            mode,
        })
    };
    let storage = |mode| {
        let mut template = ecc_storage();
        if let PublicArea::Ecc { parms, .. } = &mut template.area {
            parms.symmetric = with(mode);
        }
        template
    };
    let parent = tpm.primary(TpmHandle::OWNER, &storage(Some(TpmiAlgSymMode::Cfb)));
    let object = tpm
        .create(parent, &sealed(), &sensitive(b"", b"what is sealed"))
        .expect("a good template");
    let object = tpm.load(parent, &object).expect("its own child");
    let answer = tpm
        .run(Call::new(TpmCc::UNSEAL).on(object).password(b""))
        .expect("sealed data");
    assert_eq!(answer.parameters[2..], *b"what is sealed");
    for mode in [None, Some(TpmiAlgSymMode::Cbc), Some(TpmiAlgSymMode::Cmac)] {
        let refused = tpm.create_primary(TpmHandle::OWNER, &storage(mode), &sensitive(b"", b""));
        assert_eq!(refused.expect_err("MODE, P2"), TpmRc(0x2C9), "{mode:?}");
    }
}
