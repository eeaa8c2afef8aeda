//! The plus sign of Part 2: a `TPMI_...+` also accepts TPM_ALG_NULL or TPM_RH_NULL. Here that is `Option<T>`, so that the compiler asks
//! every user what the NULL value means.

use super::{Marshal, Reader, Unmarshal, Writer};
use crate::structures::TpmRc;

/// An interface type of whose wire form one value, the NULL value, is outside the type itself.
pub trait HasNull: Marshal + Unmarshal {
    /// The wire form of the NULL value.
    const NULL: &'static [u8];
}

impl<T: HasNull> Unmarshal for Option<T> {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        if reader.rest().starts_with(T::NULL) {
            reader.take(T::NULL.len())?;
            return Ok(None);
        }
        T::unmarshal(reader).map(Some)
    }
}

impl<T: HasNull> Marshal for Option<T> {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Some(value) => writer.put(value),
            None => writer.bytes(T::NULL),
        }
    }
}
