//! A cursor over untrusted bytes. Every read either advances or fails with TPM_RC_INSUFFICIENT and leaves the cursor where it was.

use crate::structures::TpmRc;

/// A cursor over the bytes that are not yet read.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, without consuming it.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], TpmRc> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TpmRc::INSUFFICIENT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes, as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmRc> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(TpmRc::INSUFFICIENT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Succeeds when nothing is left; bytes after the last parameter are TPM_RC_SIZE (Part 3 §5.8).
    pub fn finish(&self) -> Result<(), TpmRc> {
        if self.rest.is_empty() { Ok(()) } else { Err(TpmRc::SIZE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_past_the_end_is_insufficient_and_consumes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.take(4), Err(TpmRc::INSUFFICIENT));
        assert_eq!(reader.array::<4>(), Err(TpmRc::INSUFFICIENT));
        assert_eq!(reader.take(3), Ok(&[1u8, 2, 3][..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn finish_with_bytes_left_is_size() {
        assert_eq!(Reader::new(&[0]).finish(), Err(TpmRc::SIZE));
    }
}
