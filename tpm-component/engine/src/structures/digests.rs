//! Part 2 §10.3.2 and the lists of digests of §10.9: a digest that says which algorithm made it.

use super::{Tpm2bDigest, TpmRc, TpmiAlgHash, limits};
use crate::wire::{HasNull, Marshal, Reader, Unmarshal, Writer, shapes::tpml};

/// TPMT_HA (Part 2 §10.3.2): an algorithm and a digest of its size, without a size field. Written by hand because the digest's length comes
/// from the selector, not from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmtHa {
    hash_alg: TpmiAlgHash,
    digest: Tpm2bDigest,
}

impl TpmtHa {
    /// The pair; TPM_RC_SIZE when the digest is not of the algorithm's size.
    pub fn new(hash_alg: TpmiAlgHash, digest: &[u8]) -> Result<Self, TpmRc> {
        if digest.len() != hash_alg.digest_size() {
            return Err(TpmRc::SIZE);
        }
        Ok(Self {
            hash_alg,
            digest: Tpm2bDigest::new(digest)?,
        })
    }

    /// A digest that this TPM has made, so that it need not be copied: TPM_RC_SIZE when it is not of the algorithm.
    pub fn from_digest(hash_alg: TpmiAlgHash, digest: Tpm2bDigest) -> Result<Self, TpmRc> {
        if digest.len() == hash_alg.digest_size() {
            Ok(Self { hash_alg, digest })
        } else {
            Err(TpmRc::SIZE)
        }
    }

    /// The algorithm.
    pub const fn hash_alg(&self) -> TpmiAlgHash {
        self.hash_alg
    }

    /// The digest.
    pub fn digest(&self) -> &[u8] {
        self.digest.as_bytes()
    }
}

impl Marshal for TpmtHa {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.hash_alg);
        writer.bytes(self.digest.as_bytes());
    }
}

impl Unmarshal for TpmtHa {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let hash_alg = TpmiAlgHash::unmarshal(reader)?;
        Self::new(hash_alg, reader.take(hash_alg.digest_size())?)
    }
}

impl HasNull for TpmtHa {
    const NULL: &'static [u8] = TpmiAlgHash::NULL;
}

tpml! {
    /// TPML_DIGEST (Part 2 §10.9.4).
    pub struct TpmlDigest[Tpm2bDigest]: max 8
}

tpml! {
    /// TPML_DIGEST_VALUES (Part 2 §10.9.5).
    pub struct TpmlDigestValues[TpmtHa]: max limits::HASH_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_has_the_size_of_its_algorithm() {
        let mut bytes = alloc::vec![0, 4];
        bytes.extend([0xAA; 20]);
        let ha = TpmtHa::from_bytes(&bytes).expect("SHA-1 has 20 bytes");
        assert_eq!((ha.hash_alg(), ha.digest().len()), (TpmiAlgHash::Sha1, 20));
        assert_eq!(ha.to_bytes(), bytes);
        bytes.pop();
        assert_eq!(TpmtHa::from_bytes(&bytes), Err(TpmRc::INSUFFICIENT));
        assert_eq!(TpmtHa::new(TpmiAlgHash::Sha256, &[0; 20]), Err(TpmRc::SIZE));
    }
}
