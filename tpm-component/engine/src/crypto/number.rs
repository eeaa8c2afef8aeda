//! Big-endian bytes as numbers of crypto-bigint, and back.
//!
//! The numbers may be secret; only their lengths show in the time.

use alloc::vec::Vec;
use core::iter::repeat;
use crypto_bigint::{BoxedUint, Limb, Word};

use super::CryptoError;

/// The number in `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<BoxedUint, CryptoError> {
    read_wide(bytes, bytes.len())
}

/// The number in `bytes`, with room for `length` bytes.
pub(super) fn read_wide(bytes: &[u8], length: usize) -> Result<BoxedUint, CryptoError> {
    if bytes.len() > length {
        return Err(CryptoError::BadOperand);
    }
    let words = bytes.rchunks(Limb::BYTES).map(|bytes| match bytes.first_chunk() {
        Some(all) => Word::from_be_bytes(*all),
        None => bytes.iter().fold(0, |word, byte| word << 8 | Word::from(*byte)),
    });
    let count = length.max(1).div_ceil(Limb::BYTES);
    Ok(BoxedUint::from_words(words.chain(repeat(0)).take(count)))
}

/// The number as `length` bytes; what does not fit is known to be zero.
pub(super) fn to_bytes(number: &BoxedUint, length: usize) -> Vec<u8> {
    let all = crate::wipe::Wiped::new(number.to_be_bytes());
    let mut out = alloc::vec![0; length];
    let kept = all.len().min(length);
    out[length - kept..].copy_from_slice(&all[all.len() - kept..]);
    out
}
