//! A growing buffer of big-endian fields. Its callers are the engine's own types, whose bounds keep every size within its field, so
//! writing cannot fail; the response as a whole is checked against the contract's bound where it is released.

use alloc::vec::Vec;

use super::Marshal;

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

    /// Appends bytes behind their size as a UINT16: the wire form of a TPM2B.
    pub fn sized_bytes(&mut self, bytes: &[u8]) {
        self.bytes.reserve(bytes.len().saturating_add(2));
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
        for (slot, byte) in self.bytes.iter_mut().skip(size_at).zip(size.to_be_bytes()) {
            *slot = byte;
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

    /// The finished bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
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
}
