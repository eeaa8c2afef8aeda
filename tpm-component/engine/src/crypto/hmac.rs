//! HMAC (FIPS 198-1, Part 1 §11.4.3): of a whole message by the host that offers it, and otherwise two hashes.
//!
//! Keys are secret; a comparison with a caller's value is a comparison of [`Tpm2bDigest`]s, which takes constant time.

use tpm_contract::Arithmetic;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    Hasher,
    hash::{MAX_BLOCK, hash, in_one_call},
    seam,
};
use crate::{
    structures::{Tpm2bDigest, TpmiAlgHash},
    wipe::Wiped,
};

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
    /// Starts with a key of any length: a longer one than a block is hashed, a shorter one has zeros behind it.
    pub fn new(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8]) -> Self {
        let size = alg.block_size();
        let mut padded = Wiped::new([0; MAX_BLOCK]);
        if key.len() > size {
            let digest = hash(host, alg, &[key]);
            padded[..digest.len()].copy_from_slice(digest.as_bytes());
        } else {
            padded[..key.len()].copy_from_slice(key);
        }
        let mut hasher = |pad: u8| {
            let pad = u64::from_ne_bytes([pad; 8]);
            for word in padded.as_chunks_mut().0 {
                *word = (u64::from_ne_bytes(*word) ^ pad).to_ne_bytes();
            }
            let mut hasher = Hasher::new(alg);
            hasher.update(host, &padded[..size]);
            hasher
        };
        Self {
            inner: hasher(INNER),
            outer: hasher(INNER ^ OUTER),
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

/// The HMAC of a message that is given in parts. How many there are is known where it is called, and one part needs no copy.
#[inline(always)]
pub fn hmac(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8], parts: &[&[u8]]) -> Tpm2bDigest {
    match parts {
        [message] => hmac_whole(host, alg, key, message),
        _ => hmac_several(host, alg, key, parts),
    }
}

fn hmac_whole(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8], message: &[u8]) -> Tpm2bDigest {
    match seam::offered_hmac(host, alg, key, message) {
        Some(mac) => mac,
        None => in_pieces(host, alg, key, [message].into_iter()),
    }
}

fn hmac_several(host: &mut dyn Arithmetic, alg: TpmiAlgHash, key: &[u8], parts: &[&[u8]]) -> Tpm2bDigest {
    hmac_parts(host, alg, key, parts.iter().copied())
}

/// The HMAC of parts that are yet to be listed.
pub(crate) fn hmac_parts<'a>(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> Tpm2bDigest {
    match in_one_call(parts.clone(), |message| seam::offered_hmac(host, alg, key, message)) {
        Some(mac) => mac,
        None => in_pieces(host, alg, key, parts),
    }
}

/// The HMAC of a message for which no host makes it as a whole.
#[cold]
fn in_pieces<'a>(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    key: &[u8],
    parts: impl Iterator<Item = &'a [u8]>,
) -> Tpm2bDigest {
    let mut hmac = Hmac::new(host, alg, key);
    parts.for_each(|part| hmac.update(host, part));
    hmac.finish(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{bytes, seq, three_ways};

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
        three_ways(|host| {
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
        let cases = [
            (
                TpmiAlgHash::Sha1,
                80,
                [
                    "b617318655057264e28bc0b6fb378c8ef146be00",
                    "aa4ae5e15272d00e95705637ce8a3b55ed402112",
                ],
            ),
            (
                TpmiAlgHash::Sha256,
                131,
                [
                    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                ],
            ),
            (
                TpmiAlgHash::Sha384,
                131,
                [
                    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                ],
            ),
            (
                TpmiAlgHash::Sha512,
                131,
                [
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
                    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
                ],
            ),
        ];
        three_ways(|host| {
            for (alg, size, macs) in cases {
                let (short, longer) = ([0x0b; 20], alloc::vec![0xaa; size]);
                let inputs = [(&short[..], &b"Hi There"[..]), (&longer, long)];
                for ((key, message), mac) in inputs.into_iter().zip(macs) {
                    let (a, b) = message.split_at(5);
                    assert_eq!(
                        hmac(host, alg, key, &[a, b]).as_bytes(),
                        bytes(mac),
                        "{alg:?}, key of {}",
                        key.len()
                    );
                }
            }
        });
    }

    #[test]
    fn hmac_of_long_messages_and_keys_agrees_with_rustcrypto_and_the_stream() {
        use ::hmac::{KeyInit, Mac};
        let message = seq(5000, 3);
        three_ways(|host| {
            for (key, length) in [(0, 0), (64, 2047), (65, 2048), (128, 2049), (1024, 100), (1025, 5000)] {
                let key = seq(key, 9);
                let mut known = ::hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any key");
                known.update(&message[..length]);
                let known = known.finalize().into_bytes();
                let (a, b) = message[..length].split_at(length / 3);
                for parts in [&[&message[..length]][..], &[a, b]] {
                    let mac = hmac(host, TpmiAlgHash::Sha256, &key, parts);
                    assert_eq!(mac.as_bytes(), known.as_slice(), "{length}, key of {}", key.len());
                }
                let mut stream = Hmac::new(host, TpmiAlgHash::Sha256, &key);
                stream.update(host, a);
                stream.update(host, b);
                assert_eq!(stream.finish(host).as_bytes(), known.as_slice());
            }
        });
    }

    #[test]
    fn hmac_response_vector_matches() {
        // facts/tpm/vectors.md §5: response HMAC with the session key alone.
        let key = bytes("cee428e6794948412829439dcd7d0daf3b8ba876b1c1cc963dc62b98a54a5974");
        let rp_hash = bytes("1e7913faaf947724651eac9c4b44d13740af213929b08e2ffca0444ff70fb539");
        let expected = bytes("d7308975048f633a621bdb61a400f924215d3b18675b42db55ceab314bc3d21a");
        three_ways(|host| {
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
