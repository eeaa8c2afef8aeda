//! The nonces and digests that a session holds, in place (Part 1 §19). The bytes are a caller's, a saved context's or our own; no more than the
//! longest digest are taken.
//!
//! They change with every command that uses the session, and the session as it was is kept until the command is settled: a copy of bytes in
//! place is a copy and nothing else, where a `Vec` is allocated, copied, wiped and freed. None of them is secret.

use crate::{
    constant_time::equal,
    structures::{Tpm2bDigest, TpmRc, TpmiAlgHash, limits::MAX_DIGEST_SIZE},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// A nonce or a digest.
#[derive(Clone, Copy)]
pub struct InlineDigest {
    bytes: [u8; MAX_DIGEST_SIZE],
    size: usize,
}

impl InlineDigest {
    /// No bytes.
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_DIGEST_SIZE],
        size: 0,
    };

    /// Zeros as long as a digest of `hash`.
    pub const fn zeros(hash: TpmiAlgHash) -> Self {
        Self {
            bytes: [0; MAX_DIGEST_SIZE],
            size: hash.digest_size(),
        }
    }

    /// A copy of `bytes`; TPM_RC_SIZE when they are more than the longest digest has.
    pub fn new(bytes: &[u8]) -> Result<Self, TpmRc> {
        let mut digest = Self::EMPTY;
        digest
            .bytes
            .get_mut(..bytes.len())
            .ok_or(TpmRc::SIZE)?
            .copy_from_slice(bytes);
        digest.size = bytes.len();
        Ok(digest)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }

    /// The bytes, to be changed.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.size).unwrap_or_default()
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.size
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }
}

const _: () = assert!(Tpm2bDigest::MAX == MAX_DIGEST_SIZE);

impl From<&Tpm2bDigest> for InlineDigest {
    fn from(digest: &Tpm2bDigest) -> Self {
        // Both types hold as much.
        Self::new(digest.as_bytes()).unwrap_or(Self::EMPTY)
    }
}

impl From<Tpm2bDigest> for InlineDigest {
    fn from(digest: Tpm2bDigest) -> Self {
        Self::from(&digest)
    }
}

impl From<InlineDigest> for Tpm2bDigest {
    fn from(digest: InlineDigest) -> Self {
        Self::new(digest.as_bytes()).unwrap_or_default()
    }
}

impl PartialEq for InlineDigest {
    fn eq(&self, other: &Self) -> bool {
        equal(self.as_bytes(), other.as_bytes())
    }
}

impl Eq for InlineDigest {}

impl PartialEq<Tpm2bDigest> for InlineDigest {
    fn eq(&self, other: &Tpm2bDigest) -> bool {
        equal(self.as_bytes(), other.as_bytes())
    }
}

impl core::fmt::Debug for InlineDigest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Tpm2bDigest::from(*self).fmt(f)
    }
}

/// As TPM2B_DIGEST.
impl Marshal for InlineDigest {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized_bytes(self.as_bytes());
    }
}

/// As TPM2B_DIGEST.
impl Unmarshal for InlineDigest {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let size = usize::from(u16::unmarshal(reader)?);
        if size > MAX_DIGEST_SIZE {
            return Err(TpmRc::SIZE);
        }
        Self::new(reader.take(size)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form_and_errors_are_those_of_a_tpm2b_digest() {
        // Part 2 §10.4.2.
        let longest = [&[0, 64][..], &[7; 64]].concat();
        for bytes in [&[0, 2, 7, 8][..], &[0, 0], &longest, &[0, 65], &[0, 64, 1], &[0]] {
            let known = Tpm2bDigest::from_bytes(bytes);
            let digest = InlineDigest::from_bytes(bytes);
            assert_eq!(digest.map(Tpm2bDigest::from), known);
            assert_eq!(
                digest.map(|digest| digest.to_bytes()),
                known.map(|digest| digest.to_bytes())
            );
        }
        assert_eq!(InlineDigest::new(&[0; 65]), Err(TpmRc::SIZE));
    }

    #[test]
    fn digests_are_equal_by_their_bytes() {
        let mut digest = InlineDigest::new(&[1, 2, 0]).expect("short");
        let shorter = InlineDigest::new(&[1, 2]).expect("short");
        assert_ne!(digest, shorter);
        assert_eq!((digest.len(), digest.is_empty()), (3, false));
        digest.as_mut_bytes().fill(0);
        assert_eq!(digest.as_bytes(), [0; 3]);
        assert_eq!(digest, Tpm2bDigest::new(&[0; 3]).expect("short"));
        assert_eq!(InlineDigest::zeros(TpmiAlgHash::Sha1).as_bytes(), [0; 20]);
        assert!(InlineDigest::EMPTY.is_empty());
    }
}
