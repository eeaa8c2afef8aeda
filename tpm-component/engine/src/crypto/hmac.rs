//! HMAC (FIPS 198-1, Part 1 §11.4.3).
//!
//! Keys are secret; a comparison with a caller's value is a comparison of [`Tpm2bDigest`]s, which takes constant time.

use tpm_contract::Arithmetic;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    Hasher,
    hash::{MAX_BLOCK, hash, hash_parts},
};
use crate::{
    structures::{Tpm2bDigest, TpmiAlgHash},
    wipe::Wiped,
};
use core::iter::once;

/// What is added to the key for the inner hash, and for the outer one.
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

/// An HMAC at work.
#[derive(Clone, Debug, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Hmac {
    /// The inner hash, keyed.
    inner: Hasher,
    /// The outer hash, keyed and waiting for the inner digest.
    outer: Hasher,
}

impl Hmac {
    /// Starts with a key of any length.
    pub fn new(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8]) -> Self {
        let key = BlockKey::new(host, alg, key);
        let mut hasher = |padded: &[u8]| {
            let mut hasher = Hasher::new(alg);
            hasher.update(host, padded);
            hasher
        };
        Self {
            inner: hasher(&key.padded(INNER)[..key.size]),
            outer: hasher(&key.padded(OUTER)[..key.size]),
        }
    }

    /// Appends to the message.
    pub fn update(&mut self, host: &mut dyn Arithmetic, data: &[u8]) {
        self.inner.update(host, data);
    }

    /// The HMAC of the message.
    pub fn finish(self, host: &mut dyn Arithmetic) -> Tpm2bDigest {
        let mut outer = self.outer.clone();
        let inner = self.inner.clone().finish(host);
        outer.update(host, inner.as_bytes());
        outer.finish(host)
    }

    /// The two streams, to be taken up again by [`Hmac::resume`].
    pub const fn streams(&self) -> (&Hasher, &Hasher) {
        (&self.inner, &self.outer)
    }

    /// The HMAC whose [`Hmac::streams`] these are.
    pub const fn resume(inner: Hasher, outer: Hasher) -> Self {
        Self { inner, outer }
    }
}

/// A key as FIPS 198-1 has it, as long as a block of the hash function.
pub(super) struct BlockKey {
    bytes: Wiped<[u8; MAX_BLOCK]>,
    size: usize,
}

impl BlockKey {
    /// Of a key of any length: a longer one is hashed, a shorter one has zeros behind it.
    pub(super) fn new(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8]) -> Self {
        let size = alg.block_size();
        let mut bytes = Wiped::new([0; MAX_BLOCK]);
        if key.len() > size {
            let digest = hash(host, alg, &[key]);
            bytes[..digest.len()].copy_from_slice(digest.as_bytes());
        } else {
            bytes[..key.len()].copy_from_slice(key);
        }
        Self { bytes, size }
    }

    /// The key with every byte of `pad` added, as the first block of a hash.
    fn padded(&self, pad: u8) -> Wiped<[u8; MAX_BLOCK]> {
        let mut out = self.bytes.clone();
        let pad = u64::from_ne_bytes([pad; 8]);
        for word in out.as_chunks_mut().0 {
            *word = (u64::from_ne_bytes(*word) ^ pad).to_ne_bytes();
        }
        out
    }

    /// The HMAC of a message with this key: two hashes, each of which is one call of the host's if the message is short.
    pub(super) fn hmac<'a>(
        &self,
        host: &mut dyn Arithmetic,
        alg: TpmiAlgHash,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Tpm2bDigest {
        let (inner, outer) = (self.padded(INNER), self.padded(OUTER));
        // The message's lifetime and the key's meet.
        let parts = parts.map(|part| -> &[u8] { part });
        let inner = hash_parts(host, alg, once(&inner[..self.size]).chain(parts));
        hash(host, alg, &[&outer[..self.size], inner.as_bytes()])
    }
}

/// The HMAC of a message that is given in parts.
pub fn hmac(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8], parts: &[&[u8]]) -> Tpm2bDigest {
    hmac_parts(host, alg, key, parts.iter().copied())
}

/// The same of parts that are yet to be listed.
pub(crate) fn hmac_parts<'a>(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Tpm2bDigest {
    BlockKey::new(host, alg, key).hmac(host, alg, parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{both_ways, bytes, seq};

    #[cfg(feature = "sha3")]
    #[test]
    fn hmac_sha3_examples_match() {
        // NIST's examples of HMAC with SHA3-256 (CSRC, "HMAC_SHA3-256"), keys shorter than a block, as long, and longer; for the others the same keys and
        // messages with Python's hmac.
        let messages = ["<", "=", ">"].map(|than| alloc::format!("Sample message for keylen{than}blocklen"));
        let cases = [
            (
                TpmiAlgHash::Sha3256,
                [
                    "4fe8e202c4f058e8dddc23d8c34e467343e23555e24fc2f025d598f558f67205",
                    "68b94e2e538a9be4103bebb5aa016d47961d4d1aa906061313b557f8af2c3faa",
                    "9bcf2c238e235c3ce88404e813bd2f3a97185ac6f238c63d6229a00b07974258",
                ],
            ),
            (
                TpmiAlgHash::Sha3384,
                [
                    "d588a3c51f3f2d906e8298c1199aa8ff6296218127f6b38a90b6afe2c5617725bc99987f79b22a557b6520db710b7f42",
                    "a27d24b592e8c8cbf6d4ce6fc5bf62d8fc98bf2d486640d9eb8099e24047837f5f3bffbe92dcce90b4ed5b1e7e44fa90",
                    "c54e170d8934afb34bd0aba6ed533b3f69ce85c8383d7bdf6d85bf5f3f9a89ffb67b5972ceddb077711671b60f7e32d9",
                ],
            ),
            (
                TpmiAlgHash::Sha3512,
                [
                    "4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196",
                    "544e257ea2a3e5ea19a590e6a24b724ce6327757723fe2751b75bf007d80f6b360744bf1b7a88ea585f9765b47911976d3191cf83c039f5ffab0d29cc9d9b6da",
                    "e805a52e334d2dab3d5a627d11e3c888c3629152eea68d745ae8df71c21f08ac60e60f349b9e937f60d87dff86b7ddf4375ec4c2122e69304a88fe691c8f5683",
                ],
            ),
        ];
        both_ways(|host| {
            for (alg, macs) in cases {
                let keys = [alg.digest_size(), alg.block_size(), 168].map(|size| seq(size, 0));
                for ((key, message), mac) in keys.iter().zip(&messages).zip(macs) {
                    assert_eq!(
                        hmac(host, alg, key, &[message.as_bytes()]).as_bytes(),
                        bytes(mac),
                        "{alg:?}"
                    );
                }
            }
        });
    }

    #[test]
    fn hmac_rfc_4231_cases_match() {
        // RFC 4231, test cases 1 and 6 (key longer than a block for SHA-256 and SHA-384 alike); SHA-1 from RFC 2202, cases 1 and 6.
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let cases: [(TpmiAlgHash, alloc::vec::Vec<u8>, &[u8], &str); 8] = [
            (
                TpmiAlgHash::Sha1,
                alloc::vec![0x0b; 20],
                b"Hi There",
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (
                TpmiAlgHash::Sha1,
                alloc::vec![0xaa; 80],
                long,
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
            (
                TpmiAlgHash::Sha256,
                alloc::vec![0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                TpmiAlgHash::Sha256,
                alloc::vec![0xaa; 131],
                long,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                TpmiAlgHash::Sha384,
                alloc::vec![0x0b; 20],
                b"Hi There",
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            ),
            (
                TpmiAlgHash::Sha384,
                alloc::vec![0xaa; 131],
                long,
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            ),
            (
                TpmiAlgHash::Sha512,
                alloc::vec![0x0b; 20],
                b"Hi There",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                TpmiAlgHash::Sha512,
                alloc::vec![0xaa; 131],
                long,
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        both_ways(|host| {
            for (alg, key, message, expected) in &cases {
                let (a, b) = message.split_at(5);
                assert_eq!(
                    hmac(host, *alg, key, &[a, b]).as_bytes(),
                    bytes(expected),
                    "{alg:?}, key of {}",
                    key.len()
                );
            }
        });
    }

    #[test]
    fn hmac_response_vector_matches() {
        // facts/tpm/vectors.md §5: response HMAC with the session key alone.
        let key = bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974");
        let rp_hash = bytes("1e7913faaf947724651eac9c4b44d13740af213929b08e2ffca0444ff70fb539");
        let expected = bytes("d7308975048f633a621bdb61a400f924215d3b18675b42db55ceab314bc3d21a");
        both_ways(|host| {
            let result = hmac(
                host,
                TpmiAlgHash::Sha256,
                &key,
                &[&rp_hash, &seq(16, 0x90), &seq(16, 0x70), &[1]],
            );
            assert_eq!(result.as_bytes(), expected);
        });
    }
}
