//! Symmetric encryption through the commands, against SP 800-38A, with response codes of facts/tpm/behaviours.md §12.

use crate::{
    structures::{
        PublicArea, SymKeyBits, SymParameters, Tpm2bData, Tpm2bDigest, Tpm2bEncryptedSecret, Tpm2bIv, Tpm2bMaxBuffer,
        Tpm2bPrivate, TpmCc, TpmHandle, TpmRc, TpmSu, TpmaObject, TpmiAlgCipherMode, TpmiAlgSymMode, TpmiAlgSymObject,
        TpmsSymcipherParms, TpmtPublic, TpmtSymDefObject,
    },
    test_objects::{ORDINARY, Wrapped, ecc_storage, public, sealed, sensitive, sym_cipher, unseal},
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
        TpmRc::new(0x3D5),
        "SIZE, P3"
    );
    assert_eq!(
        refused(&mut tpm, crypt(key, false, CBC, &[0; 16], b"x", false)),
        TpmRc::new(0x2C9),
        "MODE, P2"
    );
    assert_eq!(
        refused(&mut tpm, crypt(parent, false, CFB, &[0; 16], b"x", false)),
        TpmRc::new(0x19C),
        "KEY, H1"
    );
    let one_way = public(attributes.without(TpmaObject::SIGN), sym_cipher());
    let object = tpm
        .create(parent, &one_way, &sensitive(b"", &[1; 16]))
        .expect("a good template");
    let key = tpm.load(parent, &object).expect("its own object");
    assert_eq!(
        refused(&mut tpm, crypt(key, false, CFB, &[0; 16], b"x", false)),
        TpmRc::new(0x182),
        "ATTRIBUTES, H1"
    );
    assert!(tpm.run(crypt(key, true, CFB, &[0; 16], b"x", false)).is_ok());
}

/// Every block cipher with every size of its keys.
fn every_cipher() -> impl Iterator<Item = (TpmiAlgSymObject, SymKeyBits)> {
    TpmiAlgSymObject::ALL.iter().flat_map(|cipher| {
        let sizes = SymKeyBits::ALL.iter().filter(|bits| cipher.has(**bits));
        sizes.map(|bits| (*cipher, *bits))
    })
}

#[test]
fn every_mode_goes_on_with_the_vector_that_it_gave() {
    // SP 800-38A: the text of two whole blocks is the same in one piece and in two, for every mode and key size.
    let text: alloc::vec::Vec<u8> = (0..32).collect();
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let attributes = ORDINARY | TpmaObject::SIGN | TpmaObject::DECRYPT;
    for (cipher, key_bits) in every_cipher() {
        let parms = TpmsSymcipherParms {
            sym: TpmtSymDefObject::Cipher(SymParameters {
                cipher,
                key_bits,
                mode: None,
            }),
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
                &[0xFF; 16][..cipher.block_size()]
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
fn storage_key_with_any_cipher_protects_its_children() {
    // Part 2 §11.1.7: any block cipher that is there may protect objects, in CFB mode.
    let mut tpm = TestTpm::started();
    for (cipher, key_bits) in every_cipher() {
        let storage = |mode| {
            let mut template = ecc_storage();
            if let PublicArea::Ecc { parms, .. } = &mut template.area {
                parms.symmetric = TpmtSymDefObject::Cipher(SymParameters { cipher, key_bits, mode });
            }
            template
        };
        let parent = tpm.primary(TpmHandle::OWNER, &storage(Some(TpmiAlgSymMode::Cfb)));
        let wrapped = tpm
            .create(parent, &sealed(), &sensitive(b"", b"what is sealed"))
            .expect("a good template");
        // Part 1 §11.4.6: the vector, behind the integrity value, is as long as a block.
        let vector_size = &wrapped.private.as_bytes()[34..36];
        assert_eq!(vector_size, (cipher.block_size() as u16).to_be_bytes());
        let object = tpm.load(parent, &wrapped).expect("its own child");
        let answer = tpm.run(unseal(object, b"")).expect("sealed data");
        assert_eq!(answer.parameters[2..], *b"what is sealed");
        tpm.flush(object);
        // A duplicate, with an inner wrap of the same cipher and an outer one for the same parent, comes back.
        let free = sealed()
            .object_attributes
            .without(TpmaObject::FIXED_TPM | TpmaObject::FIXED_PARENT);
        let movable = TpmtPublic {
            object_attributes: free,
            auth_policy: Tpm2bDigest::new(&duplication_policy(&mut tpm)).expect("short"),
            ..sealed()
        };
        let wrapped = tpm
            .create(parent, &movable, &sensitive(b"", b"what is moved"))
            .expect("a good template");
        let object = tpm.load(parent, &wrapped).expect("its own child");
        let symmetric = TpmtSymDefObject::Cipher(SymParameters::cfb(cipher, key_bits));
        let session = tpm.policy_session(false);
        let allow = Call::new(TpmCc::POLICY_COMMAND_CODE).on(session);
        tpm.run(allow.with(&TpmCc::DUPLICATE)).expect("asserted");
        let duplicate = Call::new(TpmCc::DUPLICATE).on(object).on(parent).policy(session);
        let duplicate = tpm.run(duplicate.with(&0u16).with(&symmetric)).expect("a duplicate");
        let mut reader = duplicate.reader();
        let key = Tpm2bData::unmarshal(&mut reader).expect("encryptionKeyOut");
        assert_eq!(key.len(), key_bits.key_size());
        let (private, seed) = (
            Tpm2bPrivate::unmarshal(&mut reader).expect("duplicate"),
            Tpm2bEncryptedSecret::unmarshal(&mut reader).expect("outSymSeed"),
        );
        let import = Call::new(TpmCc::IMPORT).on(parent).password(b"");
        let import = import
            .with(&key)
            .with(&wrapped.public)
            .with(&private)
            .with(&seed)
            .with(&symmetric);
        let private = tpm.run(import).expect("its own duplicate").read();
        let public = wrapped.public;
        tpm.load(parent, &Wrapped { private, public }).expect("its own child");
        for mode in [None, Some(TpmiAlgSymMode::Cbc), Some(TpmiAlgSymMode::Cmac)] {
            let refused = tpm.create_primary(TpmHandle::OWNER, &storage(mode), &sensitive(b"", b""));
            assert_eq!(refused.expect_err("MODE, P2"), TpmRc::new(0x2C9), "{mode:?}");
        }
        tpm = tpm.restarted(TpmSu::Clear);
    }
}

/// The digest of TPM2_PolicyCommandCode(TPM2_Duplicate).
fn duplication_policy(tpm: &mut TestTpm) -> alloc::vec::Vec<u8> {
    let trial = tpm.policy_session(true);
    let allow = Call::new(TpmCc::POLICY_COMMAND_CODE).on(trial);
    tpm.run(allow.with(&TpmCc::DUPLICATE)).expect("asserted");
    let digest = hex(&tpm.policy_digest(trial));
    tpm.flush(trial);
    digest
}

#[test]
fn mac_of_any_cipher_goes_on_in_a_saved_context() {
    // SP 800-38B: the MAC is as long as a block, and the same in one piece and in two.
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    for (cipher, key_bits) in every_cipher() {
        let parms = TpmsSymcipherParms {
            sym: TpmtSymDefObject::Cipher(SymParameters {
                cipher,
                key_bits,
                mode: Some(TpmiAlgSymMode::Cmac),
            }),
        };
        let unique = Tpm2bDigest::empty();
        let area = PublicArea::SymCipher { parms, unique };
        let key = tpm.child(parent, &public(ORDINARY | TpmaObject::SIGN, area), b"");
        let mac = Call::new(TpmCc::MAC).on(key).password(b"");
        let whole = mac.with(&Tpm2bMaxBuffer::new(b"a message in pieces").expect("fits"));
        let whole: Tpm2bDigest = tpm.run(whole.with_raw(&[0, 0x3F])).expect("a MAC key").read();
        assert_eq!(whole.len(), cipher.block_size());
        let start = Call::new(TpmCc::MAC_START).on(key).password(b"");
        let sequence = tpm
            .run(start.with_raw(&[0, 0, 0, 0x3F]))
            .expect("a MAC key")
            .handle
            .expect("a handle");
        let piece = |code: TpmCc, on: TpmHandle, data: &[u8]| {
            let call = Call::new(code).on(on).password(b"");
            call.with(&Tpm2bMaxBuffer::new(data).expect("fits"))
        };
        tpm.run(piece(TpmCc::SEQUENCE_UPDATE, sequence, b"a message "))
            .expect("a sequence");
        let sequence = tpm.saved_and_loaded(sequence);
        let complete = piece(TpmCc::SEQUENCE_COMPLETE, sequence, b"in pieces").with(&TpmHandle::NULL);
        let answer = tpm.run(complete).expect("a sequence");
        let result = Tpm2bDigest::unmarshal(&mut answer.reader()).expect("a digest");
        assert_eq!(result, whole, "{cipher:?}");
        tpm.flush(key);
    }
}

#[test]
fn ciphers_are_those_that_are_built_in() {
    // Part 2 §11.1.5: TPMI_!ALG.S_KEY_BITS, and §11.1.7, TPM_RC_SYMMETRIC for a cipher that is not there.
    let mut tpm = TestTpm::started();
    let mut test = |alg: u16, bits: u16| {
        let call = Call::new(TpmCc::TEST_PARMS).with(&0x0025u16).with(&alg).with(&bits);
        tpm.run(call.with(&0x0043u16)).map(|_| ())
    };
    let (unknown, size) = (
        Err(TpmRc::SYMMETRIC.with_parameter(1)),
        Err(TpmRc::VALUE.with_parameter(1)),
    );
    let camellia = if cfg!(feature = "camellia") { Ok(()) } else { unknown };
    let tdes = if cfg!(feature = "tdes") { Ok(()) } else { unknown };
    for bits in [128, 192, 256] {
        assert_eq!(test(0x26, bits), camellia, "Camellia {bits}");
        let expected = if bits == 256 && tdes.is_ok() { size } else { tdes };
        assert_eq!(test(0x03, bits), expected, "TDES {bits}");
    }
    for (alg, built_in) in [(0x26u32, cfg!(feature = "camellia")), (0x03, cfg!(feature = "tdes"))] {
        let ask = Call::new(TpmCc::GET_CAPABILITY).with(&0u32).with(&alg).with(&1u32);
        let list = tpm.run(ask).expect("a capability").parameters;
        // TPMA_ALGORITHM.symmetric.
        let entry = [&(alg as u16).to_be_bytes()[..], &[0, 0, 0, 2]].concat();
        assert_eq!(list[9..] == entry, built_in, "{alg:x}");
    }
}

#[cfg(feature = "tdes")]
#[test]
fn tdes_key_has_odd_parity_and_a_weak_one_is_refused() {
    // The TCG's reference: CryptGenerateKeyDes, CryptSymKeyValidate.
    let mut tpm = TestTpm::started();
    let parent = tpm.primary(TpmHandle::OWNER, &ecc_storage());
    let template = |attributes| {
        let parms = TpmsSymcipherParms {
            sym: TpmtSymDefObject::Cipher(SymParameters::cfb(TpmiAlgSymObject::Tdes, SymKeyBits::Bits192)),
        };
        let unique = Tpm2bDigest::empty();
        public(
            attributes | TpmaObject::SIGN | TpmaObject::DECRYPT,
            PublicArea::SymCipher { parms, unique },
        )
    };
    let key = tpm.child(parent, &template(ORDINARY), b"");
    let object = tpm.tpm.object(key).expect("loaded");
    let Some(crate::structures::TpmuSensitiveComposite::Sym(made)) = object.secret() else {
        panic!("a symmetric key")
    };
    assert_eq!(made.len(), 24);
    assert!(made.as_bytes().iter().all(|byte| byte.count_ones() % 2 == 1));
    let given = ORDINARY.without(TpmaObject::SENSITIVE_DATA_ORIGIN);
    let strong = hex("0123456789abcdef23456789abcdef01456789abcdef0123");
    tpm.create(parent, &template(given), &sensitive(b"", &strong))
        .expect("a key");
    for (what, at, part) in [("weak", 8, "0101010101010101"), ("repeated", 8, "0123456789abcdef")] {
        let mut bad = strong.clone();
        bad[at..at + 8].copy_from_slice(&hex(part));
        let refused = tpm.create(parent, &template(given), &sensitive(b"", &bad));
        assert_eq!(refused.expect_err(what), TpmRc::KEY, "{what}");
    }
}
