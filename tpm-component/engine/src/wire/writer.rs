//! A growing buffer of big-endian fields. Its callers are the engine's own types, whose bounds keep every size within its field, so
//! writing cannot fail; the response as a whole is checked against the contract's bound where it is released.

use alloc::vec::Vec;

use super::Marshal;
use crate::wipe::Wipe;

/// Bytes under construction.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// An empty buffer that does not move before `capacity` bytes are written; for secrets, which a move would leave behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// Appends raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends so many zeros.
    pub fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len().saturating_add(count), 0);
    }

    /// Writes over bytes that were written before.
    pub fn put_at<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(slot) = self.bytes.get_mut(at..).and_then(|tail| tail.first_chunk_mut()) {
            *slot = bytes;
        }
    }

    /// Appends bytes behind their size as a UINT16: the wire form of a TPM2B.
    #[inline(never)]
    pub fn sized_bytes(&mut self, bytes: &[u8]) {
        let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&size.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a value in its wire form.
    pub fn put<T: Marshal + ?Sized>(&mut self, value: &T) {
        value.marshal(self);
    }

    /// Appends what `write` writes, behind its size as a UINT16: the wire form of a TPM2B.
    pub fn sized(&mut self, write: impl FnOnce(&mut Self)) {
        let size_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        let start = self.bytes.len();
        write(self);
        let size = u16::try_from(self.bytes.len().saturating_sub(start)).unwrap_or(u16::MAX);
        if let Some(slot) = self.bytes.get_mut(size_at..).and_then(|tail| tail.first_chunk_mut()) {
            *slot = size.to_be_bytes();
        }
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes from `start` on, to be changed in place.
    pub fn tail_mut(&mut self, start: usize) -> &mut [u8] {
        self.bytes.get_mut(start..).unwrap_or_default()
    }

    /// The finished bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

impl Wipe for Writer {
    fn wipe(&mut self) {
        self.bytes.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sized_writes_the_size_in_front() {
        let mut writer = Writer::new();
        writer.put(&7u8);
        writer.sized(|w| w.bytes(b"abc"));
        writer.sized_bytes(b"de");
        assert_eq!(writer.as_slice(), [7, 0, 3, b'a', b'b', b'c', 0, 2, b'd', b'e']);
    }

    #[test]
    fn room_is_filled_later() {
        let mut writer = Writer::new();
        writer.zeros(5);
        writer.put(&9u8);
        writer.put_at(1, [1, 2, 3, 4]);
        // There are no four bytes.
        writer.put_at(3, [0; 4]);
        writer.tail_mut(5).fill(8);
        assert_eq!(writer.as_slice(), [0, 1, 2, 3, 4, 8]);
    }
}
