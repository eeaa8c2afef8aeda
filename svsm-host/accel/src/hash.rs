//! `hash-blocks`: the bare compression functions of FIPS 180-4, over whole blocks.
//!
//! State and blocks are the component's; padding and lengths are its business. RustCrypto chooses the processor's SHA instructions
//! where it finds them.

use alloc::vec::Vec;
use tpm_contract::{HashCore, Refusal, bounds};

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
}
