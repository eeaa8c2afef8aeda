//! AES in the modes of SP 800-38A (CFB and the last block of CTR and OFB with segments of any length), with RustCrypto's block cipher.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit, consts::U16};
use tpm_contract::{CipherMode, Direction};

// Key schedules are wiped when they are dropped: a feature of the crate, so it is made sure of here.
const _: fn() = || {
    fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
    is_wiped::<aes::Aes128>();
    is_wiped::<aes::Aes192>();
    is_wiped::<aes::Aes256>();
};

/// Bytes of a block.
const BLOCK: usize = 16;

/// AES over `data`, in place. Sizes are those that `cipher.rs` has checked; ECB ignores the IV.
pub(in crate::crypto) fn aes(mode: CipherMode, direction: Direction, key: &[u8], iv: &[u8], data: &mut [u8]) {
    let iv = iv.first_chunk().copied().unwrap_or_default();
    if let Ok(cipher) = aes::Aes128::new_from_slice(key) {
        run(&cipher, mode, direction, iv, data);
    } else if let Ok(cipher) = aes::Aes192::new_from_slice(key) {
        run(&cipher, mode, direction, iv, data);
    } else if let Ok(cipher) = aes::Aes256::new_from_slice(key) {
        run(&cipher, mode, direction, iv, data);
    }
}

fn run<C>(cipher: &C, mode: CipherMode, direction: Direction, iv: [u8; BLOCK], data: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>,
{
    match mode {
        CipherMode::Ecb => whole_blocks(cipher, direction, None, data),
        CipherMode::Cbc => whole_blocks(cipher, direction, Some(iv), data),
        CipherMode::Cfb => feedback(cipher, direction, iv, data),
        CipherMode::Ofb => {
            let mut stream = Array::from(iv);
            for segment in data.chunks_mut(BLOCK) {
                cipher.encrypt_block(&mut stream);
                xor(segment, &stream);
            }
        }
        CipherMode::Ctr => {
            let mut counter = u128::from_be_bytes(iv);
            for segment in data.chunks_mut(BLOCK) {
                let mut stream = Array::from(counter.to_be_bytes());
                cipher.encrypt_block(&mut stream);
                xor(segment, &stream);
                counter = counter.wrapping_add(1);
            }
        }
    }
}

/// ECB, or CBC when there is a chain.
fn whole_blocks<C>(cipher: &C, direction: Direction, chain: Option<[u8; BLOCK]>, data: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>,
{
    let chained = chain.is_some();
    let mut previous = chain.unwrap_or_default();
    for bytes in data.chunks_exact_mut(BLOCK) {
        let mut block = Array::default();
        block.copy_from_slice(bytes);
        match direction {
            Direction::Encrypt => {
                xor(&mut block, &previous);
                cipher.encrypt_block(&mut block);
                if chained {
                    previous = block.into();
                }
            }
            Direction::Decrypt => {
                cipher.decrypt_block(&mut block);
                xor(&mut block, &previous);
                if chained {
                    previous.copy_from_slice(bytes);
                }
            }
        }
        bytes.copy_from_slice(&block);
    }
}

fn feedback<C: BlockCipherEncrypt<BlockSize = U16>>(
    cipher: &C,
    direction: Direction,
    iv: [u8; BLOCK],
    data: &mut [u8],
) {
    let mut feedback = Array::from(iv);
    for segment in data.chunks_mut(BLOCK) {
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

/// Adds as many bytes of `mask` as there are in `data`.
fn xor(data: &mut [u8], mask: &[u8]) {
    for (to, from) in data.iter_mut().zip(mask) {
        *to ^= from;
    }
}
