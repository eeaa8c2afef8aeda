//! Block ciphers in the modes of SP 800-38A (CFB and the last block of CTR and OFB with segments of any length), with RustCrypto's block ciphers.

use aes::cipher::{Array, Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use tpm_contract::{CipherMode, Direction};

use crate::structures::TpmiAlgSymObject;

// Key schedules are wiped when they are dropped: a feature of the crate, so it is made sure of here.
const _: fn() = || {
    fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
    is_wiped::<aes::Aes128>();
    is_wiped::<aes::Aes192>();
    is_wiped::<aes::Aes256>();
    #[cfg(feature = "camellia")]
    {
        is_wiped::<camellia::Camellia128>();
        is_wiped::<camellia::Camellia192>();
        is_wiped::<camellia::Camellia256>();
    }
    #[cfg(feature = "tdes")]
    {
        is_wiped::<des::TdesEde2>();
        is_wiped::<des::TdesEde3>();
    }
};

/// A block cipher over `data`, in place. Sizes are those that `cipher.rs` has checked; ECB ignores the IV.
pub(in crate::crypto) fn crypt(
    cipher: TpmiAlgSymObject,
    mode: CipherMode,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) {
    match cipher {
        TpmiAlgSymObject::Aes => {
            run_if::<aes::Aes128>(mode, direction, key, iv, data);
            run_if::<aes::Aes192>(mode, direction, key, iv, data);
            run_if::<aes::Aes256>(mode, direction, key, iv, data);
        }
        #[cfg(feature = "camellia")]
        TpmiAlgSymObject::Camellia => {
            run_if::<camellia::Camellia128>(mode, direction, key, iv, data);
            run_if::<camellia::Camellia192>(mode, direction, key, iv, data);
            run_if::<camellia::Camellia256>(mode, direction, key, iv, data);
        }
        #[cfg(feature = "tdes")]
        TpmiAlgSymObject::Tdes => {
            run_if::<des::TdesEde2>(mode, direction, key, iv, data);
            run_if::<des::TdesEde3>(mode, direction, key, iv, data);
        }
    }
}

/// Runs if the key has the size of this variant of a cipher.
fn run_if<C>(mode: CipherMode, direction: Direction, key: &[u8], iv: &[u8], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit,
{
    if let Ok(cipher) = C::new_from_slice(key) {
        let iv = Block::<C>::try_from(iv).unwrap_or_default();
        run(&cipher, mode, direction, iv, data);
    }
}

fn run<C>(cipher: &C, mode: CipherMode, direction: Direction, iv: Block<C>, data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockCipherDecrypt,
{
    let size = iv.len();
    match mode {
        CipherMode::Ecb => whole_blocks(cipher, direction, None, data),
        CipherMode::Cbc => whole_blocks(cipher, direction, Some(iv), data),
        CipherMode::Cfb => feedback(cipher, direction, iv, data),
        CipherMode::Ofb => {
            let mut stream = iv;
            for segment in data.chunks_mut(size) {
                cipher.encrypt_block(&mut stream);
                xor(segment, &stream);
            }
        }
        CipherMode::Ctr => {
            let mut counter = iv;
            for segment in data.chunks_mut(size) {
                let mut stream = counter.clone();
                cipher.encrypt_block(&mut stream);
                xor(segment, &stream);
                increment(&mut counter);
            }
        }
    }
}

/// ECB, or CBC when there is a chain.
fn whole_blocks<C>(cipher: &C, direction: Direction, chain: Option<Block<C>>, data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockCipherDecrypt,
{
    let chained = chain.is_some();
    let mut previous = chain.unwrap_or_default();
    let size = previous.len();
    for bytes in data.chunks_exact_mut(size) {
        let mut block: Block<C> = Array::default();
        block.copy_from_slice(bytes);
        match direction {
            Direction::Encrypt => {
                xor(&mut block, &previous);
                cipher.encrypt_block(&mut block);
                if chained {
                    previous.copy_from_slice(&block);
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

fn feedback<C: BlockCipherEncrypt>(cipher: &C, direction: Direction, iv: Block<C>, data: &mut [u8]) {
    let size = iv.len();
    let mut feedback = iv;
    for segment in data.chunks_mut(size) {
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

/// Counts on, with the last byte as the lowest.
pub(in crate::crypto) fn increment(counter: &mut [u8]) {
    for byte in counter.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

/// Adds as many bytes of `mask` as there are in `data`.
fn xor(data: &mut [u8], mask: &[u8]) {
    for (to, from) in data.iter_mut().zip(mask) {
        *to ^= from;
    }
}
