//! Big-endian bytes as numbers of crypto-bigint, and back.
//!
//! The numbers may be secret; only their lengths show in the time.

use alloc::vec::Vec;
use crypto_bigint::BoxedUint;

use super::CryptoError;

/// The number in `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<BoxedUint, CryptoError> {
    read_wide(bytes, bytes.len())
}

/// The number in `bytes`, with room for `length` bytes.
pub(super) fn read_wide(bytes: &[u8], length: usize) -> Result<BoxedUint, CryptoError> {
    let bits = u32::try_from(length.max(1) * 8).map_err(|_| CryptoError::BadOperand)?;
    BoxedUint::from_be_slice(bytes, bits).map_err(|_| CryptoError::BadOperand)
}

/// The number as `length` bytes; what does not fit is known to be zero.
pub(super) fn to_bytes(number: &BoxedUint, length: usize) -> Vec<u8> {
    let all = crate::wipe::Wiped::new(number.to_be_bytes());
    let mut out = alloc::vec![0; length];
    for (to, from) in out.iter_mut().rev().zip(all.iter().rev()) {
        *to = *from;
    }
    out
}
