//! The ciphers that are built in on demand. What OpenSSL 3.0 says is what `openssl enc -nopad` made of the same key, vector and text.

use alloc::vec::Vec;

use super::*;
use crate::crypto::{
    Cmac, NoOffer,
    test_hosts::{bytes, seq},
};

/// A mode with its vector, and what becomes of the text under each key.
type Case<'a> = (CipherMode, Vec<u8>, &'a [&'a str]);

fn check(cipher: TpmiAlgSymObject, text: &[u8], keys: &[Vec<u8>], cases: &[Case<'_>]) {
    for (mode, iv, ciphers) in cases {
        assert_eq!(keys.len(), ciphers.len());
        for (key, hidden) in keys.iter().zip(*ciphers) {
            let mut data = text.to_vec();
            crypt(&mut NoOffer, cipher, *mode, Direction::Encrypt, key, iv, &mut data).expect("sizes are right");
            assert_eq!(data, bytes(hidden), "{mode:?}");
            crypt(&mut NoOffer, cipher, *mode, Direction::Decrypt, key, iv, &mut data).expect("sizes are right");
            assert_eq!(data, text, "{mode:?}");
        }
    }
}

/// A host whose AES must not be asked for another cipher.
struct OnlyAes;

impl Arithmetic for OnlyAes {
    fn aes(
        &mut self,
        _: CipherMode,
        _: Direction,
        _: &[u8],
        _: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, tpm_contract::Refusal> {
        Ok(alloc::vec![0; data.len()])
    }
}

#[test]
fn host_s_aes_is_used_for_aes_only() {
    for cipher in TpmiAlgSymObject::ALL {
        let mut data = seq(16, 0);
        let vector = seq(cipher.block_size(), 0);
        cfb_encrypt(&mut OnlyAes, *cipher, &seq(16, 3), &vector, &mut data).expect("sizes are right");
        assert_eq!(data == [0; 16], *cipher == TpmiAlgSymObject::Aes, "{cipher:?}");
    }
}

#[cfg(feature = "camellia")]
#[test]
fn camellia_modes_match_openssl_for_every_key_size() {
    // Keys, vectors and text of SP 800-38A Appendix F, ciphertexts of OpenSSL 3.0.
    let text = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let keys = [
        bytes("2b7e151628aed2a6abf7158809cf4f3c"),
        bytes("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
        bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
    ];
    let cases: [Case<'_>; 5] = [
        (
            CipherMode::Ecb,
            Vec::new(),
            &[
                "432fc5dcd628115b7c388d770b270c960be1f14023782a22e8384c5abb7fab2b",
                "cccc6c4e138b45848514d48d0d3439d35713c62c14b2ec0f8393b6afd6f5785a",
                "befd219b112fa00098919cd101c9ccfac91d3a8f1aea08a9386cf4b66c0169ea",
            ],
        ),
        (
            CipherMode::Cbc,
            seq(16, 0),
            &[
                "1607cf494b36bbf00daeb0b503c831aba2f2cf671629ef7840c5a5dfb5074887",
                "2a4830ab5ac4a1a2405955fd2195cf935d5a869bd14ce54264f892a6dd2ec3d5",
                "e6cfa35fc02b134a4d2c0b6737ac3eda36cbeb73bd504b4070b1b7de2b21eb50",
            ],
        ),
        (
            CipherMode::Cfb,
            seq(16, 0),
            &[
                "14f7646187817eb586599146b82bd719a53d28bb82df741103ea4f921a44880b",
                "c832bb9780677daa82d9b6860dcd565e86f8491627906d780c7a6d46ea331f98",
                "cf6107bb0cea7d7fb1bd31f5e7b06c9389bedb4ccdd864ea11ba4cbe849b5e2b",
            ],
        ),
        (
            CipherMode::Ofb,
            seq(16, 0),
            &[
                "14f7646187817eb586599146b82bd719973291716c4d82d01a079e6df700e6eb",
                "c832bb9780677daa82d9b6860dcd565e3c2d4dd917844e919c637a3ab938b451",
                "cf6107bb0cea7d7fb1bd31f5e7b06c9385521db2f6bb677f1eb2244658418340",
            ],
        ),
        (
            CipherMode::Ctr,
            seq(16, 0xf0),
            &[
                "b809140877dd16c076780904f83ded11bb41e64e9bf176ce05d4186b2586d4c9",
                "564617f8ea0938bb25dc9d199ca57e2a277412da1a840117bb1291458757c37c",
                "47ba6eea51b438fcf21c3cc9887628171a7bbbfc7f6e9ee58646c3ef8dabc540",
            ],
        ),
    ];
    check(TpmiAlgSymObject::Camellia, &text, &keys, &cases);
}

#[cfg(feature = "tdes")]
#[test]
fn tdes_modes_match_openssl_for_two_and_three_keys() {
    // Keys and text of SP 800-67 Appendix B.1, which also has the first of the ciphertexts; the others are OpenSSL 3.0's. CTR: its ECB of the counters
    // f0f1f2f3f4f5feff, f0f1f2f3f4f5ff00 and f0f1f2f3f4f5ff01, under a text of zeros.
    let text = bytes("54686520717566636b2062726f776e20666f78206a756d70");
    let three = bytes("0123456789abcdef23456789abcdef01456789abcdef0123");
    let keys = [three.clone(), three[..16].to_vec()];
    let vector = bytes("f0f1f2f3f4f5feff");
    let cases: [Case<'_>; 4] = [
        (
            CipherMode::Ecb,
            Vec::new(),
            &[
                "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900",
                "c44862f70cf2fbdc9077d0909fa91b884cabd61fc58e0cbb",
            ],
        ),
        (
            CipherMode::Cbc,
            vector.clone(),
            &[
                "fd52f84d564b5f1a9e335df383c04d696a908b8a602f5513",
                "0d54cac3ff57b4c290e203047f9450725cc78c3b04239eb7",
            ],
        ),
        (
            CipherMode::Cfb,
            vector.clone(),
            &[
                "6b15013218968fca2e7d8d5d9472b90b7623d25d665000af",
                "097c54053008c58b8dcb03c35a63772fbe65fd2b68ab6f1f",
            ],
        ),
        (
            CipherMode::Ofb,
            vector.clone(),
            &[
                "6b15013218968fca87f7ebdf357000da98603e5b296b5ce3",
                "097c54053008c58b97ba9f8efc62d692205fd79962fd684d",
            ],
        ),
    ];
    check(TpmiAlgSymObject::Tdes, &text, &keys, &cases);
    let counters: Case<'_> = (
        CipherMode::Ctr,
        vector,
        &[
            "3f7d641269e3e9a9c0c7187d5584c02261426ad00387baaa",
            "5d143125417da3e84dfb0cac046c32c5be8644175e4feb17",
        ],
    );
    check(TpmiAlgSymObject::Tdes, &[0; 24], &keys, &[counters]);
}

fn cmac(cipher: TpmiAlgSymObject, key: &[u8], message: &[u8], piece: usize) -> Vec<u8> {
    let mut cmac = Cmac::new(cipher, key).expect("a key");
    message.chunks(piece).for_each(|chunk| cmac.update(&mut NoOffer, chunk));
    cmac.finish(&mut NoOffer).expect("a block").as_bytes().to_vec()
}

#[cfg(feature = "camellia")]
#[test]
fn camellia_cmac_matches_openssl() {
    // Keys and messages of SP 800-38B Appendix D, MACs of OpenSSL 3.0 (`openssl mac CMAC`), messages of 0, 16, 40 and 64 bytes.
    let message = bytes(concat!(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    ));
    for (key, macs) in [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            [
                "ba925782aaa1f5d9a00f89648094fc71",
                "6d962854a3b9fda56d7d45a95ee17993",
                "5c18d119ccd6766144ac1866131d9f22",
                "c2699a6eba55ce9d939a8a4e19466ee9",
            ],
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            [
                "01e1f2fdac3a30055b3dbafdea119078",
                "aa5decec4af41291df4b6fe726167c79",
                "7800be582ad62caee6a02ec68c5ecd67",
                "07472d6ba0b2af3bcb235a701606a07a",
            ],
        ),
    ] {
        for (size, mac) in [0, 16, 40, 64].into_iter().zip(macs) {
            let made = cmac(TpmiAlgSymObject::Camellia, &bytes(key), &message[..size], 7);
            assert_eq!(made, bytes(mac), "{size}");
        }
    }
}

#[cfg(feature = "tdes")]
#[test]
fn tdes_cmac_examples_match_in_pieces_of_any_size() {
    // SP 800-38B Appendix D.4 and D.5, messages of 0, 8, 20 and 32 bytes.
    let message = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    for (key, macs) in [
        (
            "8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5",
            [
                "b7a688e122ffaf95",
                "8e8f293136283797",
                "743ddbe0ce2dc2ed",
                "33e6b1092400eae5",
            ],
        ),
        (
            "4cf15134a2850dd58a3d10ba80570d38",
            [
                "bd2ebf9a3ba00361",
                "4ff2ab813c53ce83",
                "62dd1b471902bd4e",
                "31b1e431dabc4eb8",
            ],
        ),
    ] {
        for (size, mac) in [0, 8, 20, 32].into_iter().zip(macs) {
            for piece in [1, 7, 8, 32] {
                let made = cmac(TpmiAlgSymObject::Tdes, &bytes(key), &message[..size], piece);
                assert_eq!(made, bytes(mac), "{size} in pieces of {piece}");
            }
        }
    }
}
