//! AES in CFB mode (SP 800-38A §6.3, whole-block segments), with RustCrypto's block cipher.

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit, consts::U16};
use tpm_contract::Direction;

// Key schedules are wiped when they are dropped: a feature of the crate, so it is made sure of here.
const _: fn() = || {
    fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
    is_wiped::<aes::Aes128>();
    is_wiped::<aes::Aes256>();
};

/// AES-CFB over `data`, in place; keys are of 16 or 32 bytes by their type.
pub(in crate::crypto) fn aes_cfb(direction: Direction, key: &[u8], iv: &[u8; 16], data: &mut [u8]) {
    if let Ok(cipher) = aes::Aes128::new_from_slice(key) {
        cfb(&cipher, direction, iv, data);
    } else if let Ok(cipher) = aes::Aes256::new_from_slice(key) {
        cfb(&cipher, direction, iv, data);
    }
}

fn cfb<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, direction: Direction, iv: &[u8; 16], data: &mut [u8]) {
    let mut feedback = Array::from(*iv);
    for segment in data.chunks_mut(16) {
        cipher.encrypt_block(&mut feedback);
        for (byte, next) in segment.iter_mut().zip(feedback.iter_mut()) {
            let input = *byte;
            *byte ^= *next;
            *next = match direction {
                Direction::Encrypt => *byte,
                Direction::Decrypt => input,
            };
        }
    }
}
