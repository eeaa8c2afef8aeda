//! Block ciphers and XOR obfuscation: how parameters, protected objects and saved contexts are hidden, in CFB mode (Part 1 §11.4.6, §19, Annex C), and what symmetric
//! keys do for their owners, in all modes.
//!
//! Keys are derived or were checked when their object was made; data are secrets or a caller's. No method protects integrity, which is its
//! callers' work.

use tpm_contract::{Arithmetic, CipherMode, Direction};

use super::{CryptoError, kdf::kdf_a, seam};
use crate::structures::{SymKeyBits, TpmiAlgHash, TpmiAlgSymObject};

/// Whether a cipher has keys of this many bytes.
pub fn is_key_size(cipher: TpmiAlgSymObject, size: usize) -> bool {
    SymKeyBits::ALL
        .iter()
        .any(|bits| cipher.has(*bits) && bits.key_size() == size)
}

/// Makes bytes from a generator a key; says whether they are one. Almost all are.
pub fn settle_key(cipher: TpmiAlgSymObject, key: &mut [u8]) -> bool {
    match (cipher, key) {
        (TpmiAlgSymObject::Aes, _) => true,
        #[cfg(feature = "camellia")]
        (TpmiAlgSymObject::Camellia, _) => true,
        #[cfg(feature = "tdes")]
        (TpmiAlgSymObject::Tdes, key) => super::tdes::settle_key(key),
    }
}

/// Whether bytes of a key's size, which somebody else chose, are a key.
pub fn is_key(cipher: TpmiAlgSymObject, key: &[u8]) -> bool {
    settle_key(cipher, &mut crate::wipe::Wiped::new(key.to_vec()))
}

/// Encrypts or decrypts `data`, in place. ECB has no IV, and ECB and CBC work on whole blocks.
pub fn crypt(
    host: &mut dyn Arithmetic,
    cipher: TpmiAlgSymObject,
    mode: CipherMode,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptoError> {
    let block = cipher.block_size();
    let iv_size = if mode == CipherMode::Ecb { 0 } else { block };
    let fits = match mode {
        CipherMode::Ecb | CipherMode::Cbc => data.len().is_multiple_of(block),
        CipherMode::Cfb | CipherMode::Ctr | CipherMode::Ofb => true,
    };
    if !is_key_size(cipher, key.len()) || iv.len() != iv_size || !fits {
        return Err(CryptoError::BadOperand);
    }
    seam::cipher(host, cipher, mode, direction, key, iv, data);
    Ok(())
}

/// Encrypts in place in CFB mode.
pub fn cfb_encrypt(
    host: &mut dyn Arithmetic,
    cipher: TpmiAlgSymObject,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptoError> {
    crypt(host, cipher, CipherMode::Cfb, Direction::Encrypt, key, iv, data)
}

/// Decrypts in place in CFB mode.
pub fn cfb_decrypt(
    host: &mut dyn Arithmetic,
    cipher: TpmiAlgSymObject,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptoError> {
    crypt(host, cipher, CipherMode::Cfb, Direction::Decrypt, key, iv, data)
}

/// A counter of the mode CTR after so many blocks.
pub fn counted_on(counter: &[u8], blocks: usize) -> crate::wipe::Wiped<alloc::vec::Vec<u8>> {
    let mut counter = crate::wipe::Wiped::new(counter.to_vec());
    (0..blocks).for_each(|_| super::own::cipher::increment(&mut counter));
    counter
}

/// XOR obfuscation in place, which is its own inverse (Part 1 §11.4.6.3): a mask from KDFa with the label "XOR".
pub fn xor_obfuscate(
    host: &mut dyn Arithmetic,
    hash: TpmiAlgHash,
    key: &[u8],
    nonce_newer: &[u8],
    nonce_older: &[u8],
    data: &mut [u8],
) {
    let mask = kdf_a(host, hash, key, b"XOR", nonce_newer, nonce_older, data.len() * 8);
    for (byte, mask) in data.iter_mut().zip(mask.iter()) {
        *byte ^= mask;
    }
}

#[cfg(all(test, any(feature = "camellia", feature = "tdes")))]
mod optional_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{both_ways, bytes, seq};
    use alloc::vec::Vec;

    const AES: TpmiAlgSymObject = TpmiAlgSymObject::Aes;

    /// Encrypts to the one and decrypts to the other.
    fn check_cfb(key: &[u8], iv: &[u8], plain: &[u8], cipher: &[u8]) {
        both_ways(|host| {
            let mut data = plain.to_vec();
            cfb_encrypt(host, AES, key, iv, &mut data).expect("sizes are right");
            assert_eq!(data, cipher);
            cfb_decrypt(host, AES, key, iv, &mut data).expect("sizes are right");
            assert_eq!(data, plain);
        });
    }

    #[test]
    fn cfb_parameter_vectors_agree_both_ways() {
        // facts/tpm/vectors.md §5: command parameter encryption with AES-128; the last segment is short.
        let stream = bytes("747611ab4f4d86f845a833337795174b756e7002beceff7da4338004bc285b28");
        let plain = bytes("706172616d65746572206461746121210102030405");
        let cipher = bytes("53f323a3bb31f7d99858b29bb0e5c864a29a077e58");
        check_cfb(&stream[..16], &stream[16..], &plain, &cipher);
    }

    #[test]
    fn cfb_aes_256_matches_sp800_38a() {
        // SP 800-38A F.3.17, CFB128-AES256.
        let key = bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let cipher = bytes("dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b");
        check_cfb(&key, &seq(16, 0), &plain, &cipher);
    }

    #[test]
    fn cfb_wrong_sizes_are_refused() {
        both_ways(|host| {
            for (key, iv) in [(15, 16), (23, 16), (16, 15), (32, 0)] {
                let mut data = Vec::from([1, 2, 3]);
                let result = cfb_encrypt(host, AES, &seq(key, 0), &seq(iv, 0), &mut data);
                assert_eq!((result, data), (Err(CryptoError::BadOperand), Vec::from([1, 2, 3])));
            }
        });
    }

    #[test]
    fn modes_match_sp800_38a_for_every_key_size() {
        // SP 800-38A Appendix F: ECB (F.1), CBC (F.2), CFB128 (F.3), OFB (F.4), CTR (F.5); the second and, for AES-192 and AES-256, the first block.
        let plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let iv = seq(16, 0);
        let counter = seq(16, 0xf0);
        let keys = [
            "2b7e151628aed2a6abf7158809cf4f3c",
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        ];
        let expected = [
            (
                CipherMode::Ecb,
                &[][..],
                [
                    "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
                    "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef",
                    "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870",
                ],
            ),
            (
                CipherMode::Cbc,
                &iv,
                [
                    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
                    "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
                    "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
                ],
            ),
            (
                CipherMode::Cfb,
                &iv,
                [
                    "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b",
                    "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a",
                    "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b",
                ],
            ),
            (
                CipherMode::Ofb,
                &iv,
                [
                    "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825",
                    "cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c1100401",
                    "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d",
                ],
            ),
            (
                CipherMode::Ctr,
                &counter,
                [
                    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
                    "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94",
                    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
                ],
            ),
        ];
        both_ways(|host| {
            for (mode, iv, ciphers) in &expected {
                for (key, cipher) in keys.iter().zip(ciphers) {
                    let mut data = plain.clone();
                    crypt(host, AES, *mode, Direction::Encrypt, &bytes(key), iv, &mut data).expect("sizes are right");
                    assert_eq!(data, bytes(cipher), "{mode:?} {key}");
                    crypt(host, AES, *mode, Direction::Decrypt, &bytes(key), iv, &mut data).expect("sizes are right");
                    assert_eq!(data, plain, "{mode:?} {key}");
                }
            }
        });
    }

    #[test]
    fn block_modes_refuse_parts_of_blocks() {
        both_ways(|host| {
            for (mode, iv, size) in [
                (CipherMode::Ecb, 0, 15),
                (CipherMode::Ecb, 16, 16),
                (CipherMode::Cbc, 16, 17),
                (CipherMode::Cbc, 0, 16),
            ] {
                let outcome = crypt(
                    host,
                    AES,
                    mode,
                    Direction::Encrypt,
                    &[0; 24],
                    &seq(iv, 0),
                    &mut seq(size, 0),
                );
                assert_eq!(outcome, Err(CryptoError::BadOperand), "{mode:?}");
            }
        });
    }

    #[test]
    fn xor_vectors_agree_both_ways() {
        // facts/tpm/vectors.md §5: session key of the salted session, nonces seq(16, 0x70) and seq(16, 0x60); the second spans two digests.
        let key = bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974");
        both_ways(|host| {
            for (plain, cipher) in [
                (
                    bytes("706172616d65746572206461746121210102030405"),
                    "318d81234ffedb0f7f5094f6549b76d550404faca1",
                ),
                (
                    seq(40, 0),
                    "8241afdbf9848f14afb9c9c42d9f0f5e92b6417cb146179a54b7be582379b7ba9f59ffca5085e4b1",
                ),
            ] {
                let mut data = plain;
                xor_obfuscate(
                    host,
                    TpmiAlgHash::Sha256,
                    &key,
                    &seq(16, 0x70),
                    &seq(16, 0x60),
                    &mut data,
                );
                assert_eq!(data, bytes(cipher));
            }
        });
    }
}
