//! The compression functions of FIPS 180-4.

use tpm_contract::HashCore;

/// Compresses whole blocks into `state`, which holds big-endian words.
pub(in crate::crypto) fn compress(core: HashCore, state: &mut [u8], blocks: &[u8]) {
    match core {
        HashCore::Sha1 => {
            let mut words = words32::<5>(state);
            sha1::block_api::compress(&mut words, blocks.as_chunks().0);
            store32(&words, state);
        }
        HashCore::Sha256 => {
            let mut words = words32::<8>(state);
            sha2::block_api::compress256(&mut words, blocks.as_chunks().0);
            store32(&words, state);
        }
        HashCore::Sha512 => {
            let mut words = [0u64; 8];
            for (word, bytes) in words.iter_mut().zip(state.as_chunks().0) {
                *word = u64::from_be_bytes(*bytes);
            }
            sha2::block_api::compress512(&mut words, blocks.as_chunks().0);
            for (word, bytes) in words.iter().zip(state.as_chunks_mut().0) {
                *bytes = word.to_be_bytes();
            }
        }
    }
}

fn words32<const N: usize>(state: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(state.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn store32(words: &[u32], state: &mut [u8]) {
    for (word, bytes) in words.iter().zip(state.as_chunks_mut().0) {
        *bytes = word.to_be_bytes();
    }
}
