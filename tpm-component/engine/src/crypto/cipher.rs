//! AES-CFB and XOR obfuscation: how parameters, protected objects and saved contexts are hidden (Part 1 §11.4.6, §19, Annex C).
//!
//! Keys are derived, so their sizes are right; data are secrets or a caller's ciphertext. Neither method protects integrity, which is its
//! callers' work.

use tpm_contract::{Arithmetic, Direction};

use super::{CryptoError, kdf::kdf_a, seam};
use crate::structures::TpmiAlgHash;

/// Bytes of an AES block.
pub const BLOCK: usize = 16;

/// Encrypts in place with AES-CFB; the key has 16 or 32 bytes.
pub fn cfb_encrypt(host: &mut dyn Arithmetic, key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
    cfb(host, Direction::Encrypt, key, iv, data)
}

/// Decrypts in place with AES-CFB; the key has 16 or 32 bytes.
pub fn cfb_decrypt(host: &mut dyn Arithmetic, key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
    cfb(host, Direction::Decrypt, key, iv, data)
}

fn cfb(
    host: &mut dyn Arithmetic,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<(), CryptoError> {
    let iv = iv.try_into().map_err(|_| CryptoError::BadOperand)?;
    if !matches!(key.len(), 16 | 32) {
        return Err(CryptoError::BadOperand);
    }
    seam::aes_cfb(host, direction, key, iv, data);
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{both_ways, bytes, seq};
    use alloc::vec::Vec;

    #[test]
    fn cfb_parameter_vectors_agree_both_ways() {
        // facts/tpm/vectors.md §5: command parameter encryption with AES-128; the last segment is short.
        let stream = bytes("747611ab4f4d86f845a833337795174b756e7002beceff7da4338004bc285b28");
        let plain = bytes("706172616d65746572206461746121210102030405");
        let cipher = bytes("53f323a3bb31f7d99858b29bb0e5c864a29a077e58");
        both_ways(|host| {
            let mut data = plain.clone();
            cfb_encrypt(host, &stream[..16], &stream[16..], &mut data).expect("sizes are right");
            assert_eq!(data, cipher);
            cfb_decrypt(host, &stream[..16], &stream[16..], &mut data).expect("sizes are right");
            assert_eq!(data, plain);
        });
    }

    #[test]
    fn cfb_aes_256_matches_sp800_38a() {
        // SP 800-38A F.3.17, CFB128-AES256.
        let key = bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let cipher = bytes("dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b");
        both_ways(|host| {
            let mut data = plain.clone();
            cfb_encrypt(host, &key, &seq(16, 0), &mut data).expect("sizes are right");
            assert_eq!(data, cipher);
            cfb_decrypt(host, &key, &seq(16, 0), &mut data).expect("sizes are right");
            assert_eq!(data, plain);
        });
    }

    #[test]
    fn cfb_wrong_sizes_are_refused() {
        both_ways(|host| {
            for (key, iv) in [(15, 16), (24, 16), (16, 15), (32, 0)] {
                let mut data = Vec::from([1, 2, 3]);
                let result = cfb_encrypt(host, &seq(key, 0), &seq(iv, 0), &mut data);
                assert_eq!((result, data), (Err(CryptoError::BadOperand), Vec::from([1, 2, 3])));
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
