//! The one place that decides whether the host computes or the engine itself.
//!
//! The host is asked first. Its answer is used when it has the right shape; a refusal of any kind, or an answer of another shape, sends the
//! work to `own/`, which gives the same result for the same operands. So a component runs on every host, only slower on some.
//!
//! An import costs the interpreter about what two hundred of its instructions do, less than a single compression of SHA-256, so there is no
//! size below which asking would not pay.

use alloc::vec::Vec;
use tpm_contract::{Arithmetic, CipherMode, Direction, HashCore, bounds};

use super::own;

/// The host's answer, if it has the right length.
fn accept(answer: Result<Vec<u8>, tpm_contract::Refusal>, length: usize) -> Option<Vec<u8>> {
    answer.ok().filter(|bytes| bytes.len() == length)
}

/// Compresses whole blocks into `state`, which holds big-endian words.
pub(super) fn compress(host: &mut dyn Arithmetic, core: HashCore, state: &mut [u8], blocks: &[u8]) {
    for run in blocks.chunks(bounds::MAX_BULK) {
        match accept(host.hash_blocks(core, state, run), state.len()) {
            Some(next) => state.copy_from_slice(&next),
            None => own::hash::compress(core, state, run),
        }
    }
}

/// AES-CFB over `data`, in place. Key and IV have the sizes that the caller's types give them.
pub(super) fn aes_cfb(host: &mut dyn Arithmetic, direction: Direction, key: &[u8], iv: &[u8; 16], data: &mut [u8]) {
    if data.is_empty() {
        return;
    }
    if data.len() <= bounds::MAX_BULK
        && let Some(result) = accept(host.aes(CipherMode::Cfb, direction, key, iv, data), data.len())
    {
        data.copy_from_slice(&result);
        return;
    }
    own::cipher::aes_cfb(direction, key, iv, data);
}
