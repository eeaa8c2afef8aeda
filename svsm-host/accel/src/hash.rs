//! `hash-blocks`, `digest` and `hmac`: the bare compression functions of FIPS 180-4 over whole blocks, the hash functions over whole messages,
//! and HMAC (RFC 2104) with them.
//!
//! All operands are the component's. What `hash-blocks` compresses has been padded by it, and what that means is its business; a message
//! is padded here. RustCrypto chooses the processor's SHA instructions where it finds them.

use alloc::vec::Vec;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tpm_contract::{HashAlgorithm, HashCore, Refusal, bounds};
use zeroize::{Zeroize, Zeroizing};

/// `hash-blocks` of the contract.
pub(crate) fn compress(hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
    if state.len() != hash.state_size()
        || blocks.len() > bounds::MAX_BULK
        || !blocks.len().is_multiple_of(hash.block_size())
    {
        return Err(Refusal::BadOperand);
    }
    let words32 = || state.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
    let words64 = || state.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
    let mut out = Vec::with_capacity(state.len());
    match hash {
        HashCore::Sha1 => {
            let mut words = gather(words32());
            sha1::block_api::compress(&mut words, blocks.as_chunks().0);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        }
        HashCore::Sha256 => {
            let mut words = gather(words32());
            sha2::block_api::compress256(&mut words, blocks.as_chunks().0);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        }
        HashCore::Sha512 => {
            let mut words = gather(words64());
            sha2::block_api::compress512(&mut words, blocks.as_chunks().0);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        }
    }
    Ok(out)
}

/// `digest` of the contract.
pub(crate) fn digest(hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
    if message.len() > bounds::MAX_BULK {
        return Err(Refusal::BadOperand);
    }
    Ok(match hash {
        HashAlgorithm::Sha1 => Sha1::digest(message).to_vec(),
        HashAlgorithm::Sha256 => Sha256::digest(message).to_vec(),
        HashAlgorithm::Sha384 => Sha384::digest(message).to_vec(),
        HashAlgorithm::Sha512 => Sha512::digest(message).to_vec(),
    })
}

/// `hmac` of the contract.
pub(crate) fn hmac(hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
    if key.len() > bounds::MAX_HMAC_KEY || message.len() > bounds::MAX_BULK {
        return Err(Refusal::BadOperand);
    }
    Ok(match hash {
        HashAlgorithm::Sha1 => mac::<Sha1, 64>(key, message),
        HashAlgorithm::Sha256 => mac::<Sha256, 64>(key, message),
        HashAlgorithm::Sha384 => mac::<Sha384, 128>(key, message),
        HashAlgorithm::Sha512 => mac::<Sha512, 128>(key, message),
    })
}

/// RFC 2104 with a hash function of blocks of `BLOCK` bytes. Written out, because the library's leaves the padded key on the stack, which here is the SVSM's.
fn mac<D: Digest, const BLOCK: usize>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut pad = Zeroizing::new([0; BLOCK]);
    let mut hashed = (key.len() > BLOCK).then(|| D::digest(key));
    let key = hashed.as_deref().unwrap_or(key);
    pad.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    pad.iter_mut().for_each(|byte| *byte ^= 0x36);
    let mut inner = D::new_with_prefix(&pad[..]).chain_update(message).finalize();
    pad.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
    let mac = D::new_with_prefix(&pad[..]).chain_update(&inner).finalize();
    inner.as_mut_slice().zeroize();
    if let Some(hashed) = &mut hashed {
        hashed.as_mut_slice().zeroize();
    }
    mac.to_vec()
}

/// An array of what the iterator gives; the caller has checked that there is exactly enough.
fn gather<T: Copy + Default, const N: usize>(words: impl Iterator<Item = T>) -> [T; N] {
    let mut out = [T::default(); N];
    out.iter_mut().zip(words).for_each(|(to, from)| *to = from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The last block of a message of at most one block less the padding, FIPS 180-4, 5.1.
    fn pad(message: &[u8], block: usize) -> Vec<u8> {
        let mut out = vec![0; block];
        out[..message.len()].copy_from_slice(message);
        out[message.len()] = 0x80;
        out[block - 8..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
        out
    }

    // FIPS 180-4 start values and the example messages of NIST's "Examples with intermediate values" ("abc").
    const SHA1_START: &str = "67452301efcdab8998badcfe10325476c3d2e1f0";
    const SHA256_START: &str = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19";
    const SHA512_START: &str = "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179";

    #[test]
    fn compress_fips_180_example_gives_its_digest() {
        for (hash, start, digest) in [
            (HashCore::Sha1, SHA1_START, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                HashCore::Sha256,
                SHA256_START,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                HashCore::Sha512,
                SHA512_START,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let start = hex::decode(start).expect("hex");
            let result = compress(hash, &start, &pad(b"abc", hash.block_size())).expect("good operands");
            assert_eq!(hex::encode(result), digest);
            assert_eq!(compress(hash, &start, &[]), Ok(start.clone()), "no block, no change");
        }
    }

    #[test]
    fn compress_bad_sizes_are_refused() {
        assert_eq!(compress(HashCore::Sha1, &[0; 32], &[0; 64]), Err(Refusal::BadOperand));
        assert_eq!(compress(HashCore::Sha256, &[0; 32], &[0; 63]), Err(Refusal::BadOperand));
        assert_eq!(compress(HashCore::Sha512, &[0; 64], &[0; 64]), Err(Refusal::BadOperand));
        assert_eq!(
            compress(HashCore::Sha256, &[0; 32], &vec![0; 65_600]),
            Err(Refusal::BadOperand)
        );
    }

    #[test]
    fn digest_fips_180_examples_give_their_digests() {
        // NIST's "Examples with intermediate values": "abc", and the messages of two blocks.
        let two_blocks_of_64 = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let two_blocks_of_128 = concat!(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn",
            "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
        )
        .as_bytes();
        let known: [(_, &[u8], _); 8] = [
            (HashAlgorithm::Sha1, b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                HashAlgorithm::Sha1,
                two_blocks_of_64,
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            ),
            (
                HashAlgorithm::Sha256,
                b"abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                HashAlgorithm::Sha256,
                two_blocks_of_64,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                HashAlgorithm::Sha384,
                b"abc",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                HashAlgorithm::Sha384,
                two_blocks_of_128,
                "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039",
            ),
            (
                HashAlgorithm::Sha512,
                b"abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (
                HashAlgorithm::Sha512,
                two_blocks_of_128,
                "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
            ),
        ];
        for (hash, message, expected) in known {
            let result = digest(hash, message).expect("good operands");
            assert_eq!(hex::encode(&result), expected, "{hash:?}");
            assert_eq!(result.len(), hash.digest_size());
        }
    }

    #[test]
    fn hmac_rfc_cases_give_their_codes() {
        // Cases 1 and 6 of RFC 2202 (SHA-1) and of RFC 4231: a short key, and one that is longer than a block.
        let known = [
            (
                HashAlgorithm::Sha1,
                80,
                "b617318655057264e28bc0b6fb378c8ef146be00",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
            (
                HashAlgorithm::Sha256,
                131,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                HashAlgorithm::Sha384,
                131,
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            ),
            (
                HashAlgorithm::Sha512,
                131,
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        for (hash, size, short, long) in known {
            let mac = hmac(hash, &[0x0b; 20], b"Hi There").expect("good operands");
            assert_eq!(hex::encode(mac), short, "{hash:?}");
            let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
            let mac = hmac(hash, &vec![0xaa; size], message).expect("good operands");
            assert_eq!(hex::encode(mac), long, "{hash:?}");
        }
    }

    #[test]
    fn messages_and_keys_over_their_bounds_are_refused() {
        for hash in [
            HashAlgorithm::Sha1,
            HashAlgorithm::Sha256,
            HashAlgorithm::Sha384,
            HashAlgorithm::Sha512,
        ] {
            let (longest, key) = (vec![0; bounds::MAX_BULK + 1], [0; bounds::MAX_HMAC_KEY + 1]);
            assert!(digest(hash, &longest[1..]).is_ok() && hmac(hash, &key[1..], &longest[1..]).is_ok());
            assert_eq!(digest(hash, &longest), Err(Refusal::BadOperand));
            assert_eq!(hmac(hash, &key[1..], &longest), Err(Refusal::BadOperand));
            assert_eq!(hmac(hash, &key, &[]), Err(Refusal::BadOperand));
        }
    }
}
