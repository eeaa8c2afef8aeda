//! The two traits that every Part 2 type implements, and their implementations for the base types of Part 2 §5.

use alloc::vec::Vec;

use crate::wipe::Wiped;

use super::{Reader, Writer};
use crate::structures::TpmRc;

/// Large enough for every single structure that holds a secret (TPMT_SENSITIVE is the longest), so that marshalling one into a buffer
/// of this capacity never moves it.
const SECRET_CAPACITY: usize = 4096;

/// Room for most structures, public areas of RSA keys up to 3072 bits among them, so that writing one does not move it.
const SMALL_CAPACITY: usize = 512;

/// A type with a wire form.
pub trait Marshal {
    /// Appends the wire form.
    fn marshal(&self, writer: &mut Writer);

    /// The wire form alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(SMALL_CAPACITY);
        self.marshal(&mut writer);
        writer.into_vec()
    }

    /// The wire form of a value that holds secrets; wiped when dropped.
    fn to_secret_bytes(&self) -> Wiped<Vec<u8>> {
        let mut writer = Writer::with_capacity(SECRET_CAPACITY);
        self.marshal(&mut writer);
        Wiped::new(writer.into_vec())
    }
}

/// A type that can be read from its wire form.
pub trait Unmarshal: Sized {
    /// Reads one value; the error is the bare response code of Part 2, without a number.
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc>;

    /// Reads a value that must fill `bytes` exactly.
    fn from_bytes(bytes: &[u8]) -> Result<Self, TpmRc> {
        let mut reader = Reader::new(bytes);
        let value = Self::unmarshal(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Marshal for $int {
            fn marshal(&self, writer: &mut Writer) {
                writer.bytes(&self.to_be_bytes());
            }
        }

        impl Unmarshal for $int {
            fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
                reader.array().map(<$int>::from_be_bytes)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i32);

/// TPMI_YES_NO (Part 2 §9.2): anything but 0 and 1 is TPM_RC_VALUE.
impl Unmarshal for bool {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match u8::unmarshal(reader)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(TpmRc::VALUE),
        }
    }
}

impl Marshal for bool {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&u8::from(*self));
    }
}

/// No parameters at all.
impl Unmarshal for () {
    fn unmarshal(_reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(())
    }
}

impl Marshal for () {
    fn marshal(&self, _writer: &mut Writer) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_no_accepts_only_zero_and_one() {
        assert_eq!(bool::from_bytes(&[0]), Ok(false));
        assert_eq!(bool::from_bytes(&[1]), Ok(true));
        // structures.md §6: TPMI_YES_NO, else VALUE.
        assert_eq!(bool::from_bytes(&[2]), Err(TpmRc::VALUE));
    }

    #[test]
    fn integers_are_big_endian_and_bounded() {
        assert_eq!(u32::from_bytes(&[0, 0, 1, 0x44]), Ok(0x144));
        assert_eq!(u32::from_bytes(&[0, 0, 1]), Err(TpmRc::INSUFFICIENT));
        assert_eq!((-60i32).to_bytes(), [0xff, 0xff, 0xff, 0xc4]);
    }
}
