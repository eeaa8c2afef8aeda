//! `aes`: the modes of SP 800-38A over AES-128, AES-192 and AES-256.
//!
//! Key, IV and data are the component's. The block cipher is RustCrypto's: AES instructions where the processor has them, a bitsliced
//! constant-time implementation elsewhere; modes that allow it hand over many blocks at once, which the latter needs for its speed.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit, consts::U16};
use alloc::vec::Vec;
use tpm_contract::{CipherMode, Direction, Refusal, bounds};

/// Bytes of an AES block.
const BLOCK: usize = 16;
/// How many key stream blocks are made at a time.
const BATCH: usize = 16;

type Block = Array<u8, U16>;

/// `aes` of the contract.
pub(crate) fn aes(
    mode: CipherMode,
    direction: Direction,
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Vec<u8>, Refusal> {
    match key.len() {
        16 => run::<aes::Aes128>(mode, direction, key, iv, data),
        24 => run::<aes::Aes192>(mode, direction, key, iv, data),
        32 => run::<aes::Aes256>(mode, direction, key, iv, data),
        _ => Err(Refusal::BadOperand),
    }
}

fn run<C>(mode: CipherMode, direction: Direction, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Refusal>
where
    C: KeyInit + BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>,
{
    let whole = data.len().is_multiple_of(BLOCK);
    let iv_size = if mode == CipherMode::Ecb { 0 } else { BLOCK };
    if data.len() > bounds::MAX_BULK
        || iv.len() != iv_size
        || (matches!(mode, CipherMode::Ecb | CipherMode::Cbc) && !whole)
    {
        return Err(Refusal::BadOperand);
    }
    let cipher = C::new_from_slice(key).map_err(|_| Refusal::BadOperand)?;
    let iv = Block::try_from(iv).unwrap_or_default();
    let mut out = data.to_vec();
    match (mode, direction) {
        (CipherMode::Ecb, Direction::Encrypt) => cipher.encrypt_blocks(blocks(&mut out)),
        (CipherMode::Ecb, Direction::Decrypt) => cipher.decrypt_blocks(blocks(&mut out)),
        (CipherMode::Cbc, Direction::Encrypt) => {
            let mut previous = iv;
            for block in blocks(&mut out) {
                xor(block, &previous);
                cipher.encrypt_block(block);
                previous = *block;
            }
        }
        (CipherMode::Cbc, Direction::Decrypt) => {
            cipher.decrypt_blocks(blocks(&mut out));
            xor(&mut out, &iv);
            if let Some(rest) = out.get_mut(BLOCK..) {
                xor(rest, data);
            }
        }
        (CipherMode::Cfb, Direction::Encrypt) => {
            let mut previous = iv;
            for segment in out.chunks_mut(BLOCK) {
                cipher.encrypt_block(&mut previous);
                xor(segment, &previous);
                previous[..segment.len()].copy_from_slice(segment);
            }
        }
        (CipherMode::Cfb, Direction::Decrypt) => {
            // The key stream is the IV followed by the ciphertext, each block encrypted: known in advance.
            let mut stream: Vec<u8> = iv
                .iter()
                .chain(data)
                .copied()
                .take(data.len().next_multiple_of(BLOCK))
                .collect();
            cipher.encrypt_blocks(blocks(&mut stream));
            xor(&mut out, &stream);
        }
        (CipherMode::Ctr, _) => counter(&cipher, iv, &mut out),
        (CipherMode::Ofb, _) => {
            let mut stream = iv;
            for segment in out.chunks_mut(BLOCK) {
                cipher.encrypt_block(&mut stream);
                xor(segment, &stream);
            }
        }
    }
    Ok(out)
}

fn counter<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, iv: Block, data: &mut [u8]) {
    let mut counter = u128::from_be_bytes(iv.into());
    for batch in data.chunks_mut(BLOCK * BATCH) {
        let mut stream = [Block::default(); BATCH];
        for block in &mut stream {
            *block = counter.to_be_bytes().into();
            counter = counter.wrapping_add(1);
        }
        cipher.encrypt_blocks(&mut stream);
        for (segment, block) in batch.chunks_mut(BLOCK).zip(&stream) {
            xor(segment, block);
        }
    }
}

/// The whole blocks of a buffer.
fn blocks(data: &mut [u8]) -> &mut [Block] {
    Block::slice_as_chunks_mut(data).0
}

/// Adds as many bytes of `mask` as there are in `data`, or as there are in `mask`.
fn xor(data: &mut [u8], mask: &[u8]) {
    for (to, from) in data.iter_mut().zip(mask) {
        *to ^= from;
    }
}

#[cfg(test)]
mod tests;
