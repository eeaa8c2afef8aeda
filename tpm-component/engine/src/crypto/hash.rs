//! The hash functions (FIPS 180-4 and, where they are built in, FIPS 202), in one piece or as a stream.
//!
//! Messages may be secret or anybody's; lengths are public. A message that is there as a whole is one question to a host that hashes messages. Everything
//! else is padded here, over the bare compression functions behind the seam: so a stream can be put aside and taken up again, and a hash
//! sequence survives a saved context.

use tpm_contract::{Arithmetic, HashCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::seam;
use crate::{
    structures::{Tpm2bDigest, TpmRc, TpmiAlgHash},
    wipe::Wipe,
};

/// The longest chaining state of FIPS 180-4.
const CHAIN: usize = 64;
/// The longest chaining state.
const MAX_STATE: usize = if cfg!(feature = "sha3") { 200 } else { CHAIN };
/// The longest block.
pub(super) const MAX_BLOCK: usize = if cfg!(feature = "sha3") { 136 } else { 128 };
/// The longest message in several parts that the host is asked for as a whole.
const IN_ONE_CALL: usize = 2048;

/// A hash function at work.
#[derive(Clone)]
pub struct Hasher {
    alg: TpmiAlgHash,
    /// The chaining state: big-endian words, or the bytes of a sponge.
    state: [u8; MAX_STATE],
    /// What does not fill a block yet.
    pending: [u8; MAX_BLOCK],
    pending_len: usize,
    /// Bytes so far.
    length: u64,
}

impl Zeroize for Hasher {
    fn zeroize(&mut self) {
        self.state.wipe();
        self.pending.wipe();
        (self.pending_len, self.length) = (0, 0);
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Hasher {}

impl PartialEq for Hasher {
    fn eq(&self, other: &Self) -> bool {
        self.alg == other.alg && *self.export() == *other.export()
    }
}

impl Eq for Hasher {}

impl core::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Hasher({:?}, {} bytes)", self.alg, self.length)
    }
}

/// What works on the blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    /// A compression function, which the host may offer.
    Compression(HashCore),
    /// The sponge of FIPS 202, which takes so many bytes in at a time.
    #[cfg(feature = "sha3")]
    Sponge(usize),
}

/// The core of an algorithm.
pub(super) const fn core_of(alg: TpmiAlgHash) -> Core {
    Core::Compression(match alg {
        TpmiAlgHash::Sha1 => HashCore::Sha1,
        TpmiAlgHash::Sha256 => HashCore::Sha256,
        TpmiAlgHash::Sha384 | TpmiAlgHash::Sha512 => HashCore::Sha512,
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => return Core::Sponge(alg.block_size()),
    })
}

impl Core {
    /// Bytes that a message has with its padding.
    const fn padded_size(self, length: usize) -> usize {
        match self {
            // FIPS 180-4 §5.1: a one bit, zeros, and the length in bits at the end of a block; the length field is an eighth of the block.
            Self::Compression(core) => {
                let block = core.block_size();
                (length + 1 + block / 8).next_multiple_of(block)
            }
            // FIPS 202 §B.2: the domain 01 and a one bit, zeros, and a one bit at the end of the block.
            #[cfg(feature = "sha3")]
            Self::Sponge(rate) => (length + 1).next_multiple_of(rate),
        }
    }

    /// Pads what is zero from `at` on to whole blocks; `length` counts the bytes of the whole message.
    fn pad(self, blocks: &mut [u8], at: usize, length: u64) {
        let end = blocks.len();
        match self {
            Self::Compression(core) => {
                blocks[at] = 0x80;
                // What is above the 64th bit stays zero, but for the three bits that a number of bytes can have there.
                blocks[end - 8..].copy_from_slice(&(length << 3).to_be_bytes());
                if core.block_size() / 8 > 8 {
                    blocks[end - 9] = (length >> 61) as u8;
                }
            }
            #[cfg(feature = "sha3")]
            Self::Sponge(_) => {
                blocks[at] = 0x06;
                blocks[end - 1] |= 0x80;
            }
        }
    }

    /// Takes whole blocks in.
    fn absorb(self, host: &mut dyn Arithmetic, state: &mut [u8; MAX_STATE], blocks: &[u8]) {
        match self {
            Self::Compression(core) => seam::compress(host, core, &mut state[..core.state_size()], blocks),
            #[cfg(feature = "sha3")]
            Self::Sponge(rate) => blocks
                .chunks_exact(rate)
                .for_each(|block| super::own::sponge::absorb(state, block)),
        }
    }
}

/// The start value of an algorithm: FIPS 180-4 §5.3, as big-endian words, and zeros for a sponge.
const fn start_of(alg: TpmiAlgHash) -> [u8; MAX_STATE] {
    const fn words32(words: &[u32]) -> [u8; MAX_STATE] {
        let mut out = [0; MAX_STATE];
        let mut i = 0;
        while i < words.len() * 4 {
            out[i] = words[i / 4].to_be_bytes()[i % 4];
            i += 1;
        }
        out
    }
    const fn words64(words: &[u64; 8]) -> [u8; MAX_STATE] {
        let mut out = [0; MAX_STATE];
        let mut i = 0;
        while i < CHAIN {
            out[i] = words[i / 8].to_be_bytes()[i % 8];
            i += 1;
        }
        out
    }
    const SHA1: [u8; MAX_STATE] = words32(&[0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]);
    const SHA256: [u8; MAX_STATE] = words32(&[
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ]);
    const SHA384: [u8; MAX_STATE] = words64(&[
        0xcbbb_9d5d_c105_9ed8,
        0x629a_292a_367c_d507,
        0x9159_015a_3070_dd17,
        0x152f_ecd8_f70e_5939,
        0x6733_2667_ffc0_0b31,
        0x8eb4_4a87_6858_1511,
        0xdb0c_2e0d_64f9_8fa7,
        0x47b5_481d_befa_4fa4,
    ]);
    const SHA512: [u8; MAX_STATE] = words64(&[
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ]);
    match alg {
        TpmiAlgHash::Sha1 => SHA1,
        TpmiAlgHash::Sha256 => SHA256,
        TpmiAlgHash::Sha384 => SHA384,
        TpmiAlgHash::Sha512 => SHA512,
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3256 | TpmiAlgHash::Sha3384 | TpmiAlgHash::Sha3512 => [0; MAX_STATE],
    }
}

impl Hasher {
    /// Nothing hashed yet.
    pub const fn new(alg: TpmiAlgHash) -> Self {
        Self {
            alg,
            state: start_of(alg),
            pending: [0; MAX_BLOCK],
            pending_len: 0,
            length: 0,
        }
    }

    /// The algorithm.
    pub const fn alg(&self) -> TpmiAlgHash {
        self.alg
    }

    /// Bytes so far.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Appends to the message.
    pub fn update(&mut self, host: &mut dyn Arithmetic, mut data: &[u8]) {
        let (core, block) = (core_of(self.alg), self.alg.block_size());
        self.length = self.length.wrapping_add(data.len() as u64);
        if self.pending_len > 0 {
            let (taken, rest) = data.split_at(data.len().min(block - self.pending_len));
            self.pending[self.pending_len..self.pending_len + taken.len()].copy_from_slice(taken);
            self.pending_len += taken.len();
            data = rest;
            if self.pending_len < block {
                return;
            }
            core.absorb(host, &mut self.state, &self.pending[..block]);
            self.pending_len = 0;
        }
        let (blocks, rest) = data.split_at(data.len() - data.len() % block);
        if !blocks.is_empty() {
            core.absorb(host, &mut self.state, blocks);
        }
        self.pending[..rest.len()].copy_from_slice(rest);
        self.pending_len = rest.len();
    }

    /// The digest of the message.
    pub fn finish(mut self, host: &mut dyn Arithmetic) -> Tpm2bDigest {
        let core = core_of(self.alg);
        let end = core.padded_size(self.pending_len);
        let mut padded = [0; 2 * MAX_BLOCK];
        padded[..self.pending_len].copy_from_slice(&self.pending[..self.pending_len]);
        core.pad(&mut padded[..end], self.pending_len, self.length);
        core.absorb(host, &mut self.state, &padded[..end]);
        padded.wipe();
        digest_of(self.alg, &mut self.state)
    }

    /// The stream, to be taken up again by [`Hasher::resume`].
    pub fn export(&self) -> crate::wipe::Wiped<alloc::vec::Vec<u8>> {
        let mut out = crate::wipe::Wiped::new(alloc::vec::Vec::with_capacity(8 + MAX_STATE + MAX_BLOCK));
        out.extend_from_slice(&self.length.to_be_bytes());
        out.extend_from_slice(&self.state[..exported_state(self.alg)]);
        out.extend_from_slice(&self.pending[..self.pending_len]);
        out
    }

    /// The stream of that algorithm that [`Hasher::export`] gave; TPM_RC_SIZE when the bytes cannot be one.
    pub fn resume(alg: TpmiAlgHash, bytes: &[u8]) -> Result<Self, TpmRc> {
        let mut reader = crate::wire::Reader::new(bytes);
        let mut hasher = Self::new(alg);
        hasher.length = u64::from_be_bytes(reader.array()?);
        let state = exported_state(alg);
        hasher.state[..state].copy_from_slice(reader.take(state)?);
        let pending = reader.rest();
        let block = alg.block_size();
        if hasher.length % block as u64 != pending.len() as u64 {
            return Err(TpmRc::SIZE);
        }
        hasher.pending[..pending.len()].copy_from_slice(pending);
        hasher.pending_len = pending.len();
        Ok(hasher)
    }
}

/// Bytes of the state in an exported stream: those of FIPS 180-4 take the place of the longest.
const fn exported_state(alg: TpmiAlgHash) -> usize {
    match core_of(alg) {
        Core::Compression(_) => CHAIN,
        #[cfg(feature = "sha3")]
        Core::Sponge(_) => MAX_STATE,
    }
}

/// The digest of a message that is given in parts. How many there are is known where it is called, and one part needs no copy.
#[inline(always)]
pub fn hash(host: &mut dyn Arithmetic, alg: TpmiAlgHash, parts: &[&[u8]]) -> Tpm2bDigest {
    match parts {
        [message] => hash_whole(host, alg, message),
        _ => hash_several(host, alg, parts),
    }
}

fn hash_whole(host: &mut dyn Arithmetic, alg: TpmiAlgHash, message: &[u8]) -> Tpm2bDigest {
    match seam::offered_digest(host, alg, message) {
        Some(digest) => digest,
        None => in_pieces(host, alg, [message].into_iter()),
    }
}

fn hash_several(host: &mut dyn Arithmetic, alg: TpmiAlgHash, parts: &[&[u8]]) -> Tpm2bDigest {
    let parts = parts.iter().copied();
    match in_one_call(parts.clone(), |message| seam::offered_digest(host, alg, message)) {
        Some(digest) => digest,
        None => in_pieces(host, alg, parts),
    }
}

/// What `work` makes of the parts as one message, if it is a short one: every call of the host costs more than the copy, which is wiped.
#[inline(always)]
pub(super) fn in_one_call<'a, R>(
    mut parts: impl Iterator<Item = &'a [u8]>,
    work: impl FnOnce(&[u8]) -> Option<R>,
) -> Option<R> {
    let mut buffer = [0; IN_ONE_CALL];
    let mut length = 0;
    let all = parts.try_for_each(|part| {
        let end = length + part.len();
        buffer.get_mut(length..end)?.copy_from_slice(part);
        length = end;
        Some(())
    });
    let result = all.and_then(|()| work(buffer.get(..length)?));
    if let Some(message) = buffer.get_mut(..length) {
        message.wipe();
    }
    result
}

/// The digest of a message that no host hashes as a whole.
#[cold]
fn in_pieces<'a>(host: &mut dyn Arithmetic, alg: TpmiAlgHash, parts: impl Iterator<Item = &'a [u8]>) -> Tpm2bDigest {
    let mut hasher = Hasher::new(alg);
    parts.for_each(|part| hasher.update(host, part));
    hasher.finish(host)
}

/// The digest in a final state, which is wiped.
fn digest_of(alg: TpmiAlgHash, state: &mut [u8; MAX_STATE]) -> Tpm2bDigest {
    // A digest is never longer than the type holds, which is the longest digest.
    let digest = Tpm2bDigest::new(&state[..alg.digest_size()]).unwrap_or_default();
    state.wipe();
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{bytes, seq, three_ways};

    #[test]
    fn hash_of_abc_and_of_nothing_match_fips_180() {
        // FIPS 180-4 example "abc"; empty messages from NIST's SHAVS short message files.
        let vectors = [
            (
                TpmiAlgHash::Sha1,
                "a9993e364706816aba3e25717850c26c9cd0d89d",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ),
            (
                TpmiAlgHash::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                TpmiAlgHash::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
                "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
            ),
            (
                TpmiAlgHash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            ),
        ];
        three_ways(|host| {
            for (alg, abc, empty) in vectors {
                assert_eq!(hash(host, alg, &[b"a", b"", b"bc"]).as_bytes(), bytes(abc), "{alg:?}");
                assert_eq!(hash(host, alg, &[]).as_bytes(), bytes(empty), "{alg:?}");
            }
        });
    }

    #[test]
    fn hash_of_every_length_agrees_with_rustcrypto() {
        use sha2::Digest;
        let message = seq(300, 7);
        three_ways(|host| {
            for length in 0..message.len() {
                let (a, b) = message[..length].split_at(length / 3);
                let part = &message[..length];
                assert_eq!(
                    hash(host, TpmiAlgHash::Sha1, &[a, b]).as_bytes(),
                    sha1::Sha1::digest(part).as_slice()
                );
                assert_eq!(
                    hash(host, TpmiAlgHash::Sha256, &[a, b]).as_bytes(),
                    sha2::Sha256::digest(part).as_slice()
                );
                assert_eq!(
                    hash(host, TpmiAlgHash::Sha384, &[a, b]).as_bytes(),
                    sha2::Sha384::digest(part).as_slice()
                );
                assert_eq!(
                    hash(host, TpmiAlgHash::Sha512, &[a, b]).as_bytes(),
                    sha2::Sha512::digest(part).as_slice()
                );
            }
        });
    }

    #[test]
    fn parts_around_the_longest_message_in_one_call_agree_with_rustcrypto() {
        use sha2::Digest;
        let message = seq(3 * IN_ONE_CALL, 3);
        three_ways(|host| {
            for length in [IN_ONE_CALL - 1, IN_ONE_CALL, IN_ONE_CALL + 1, message.len()] {
                let part = &message[..length];
                let known = sha2::Sha256::digest(part);
                for split in [0, 1, IN_ONE_CALL - 1, length] {
                    let (a, b) = part.split_at(split);
                    for parts in [&[part][..], &[a, b], &[a, b"", b]] {
                        let digest = hash(host, TpmiAlgHash::Sha256, parts);
                        assert_eq!(digest.as_bytes(), known.as_slice(), "{length} at {split}");
                    }
                }
            }
        });
    }

    #[cfg(feature = "sha3")]
    #[test]
    fn sha3_of_every_length_agrees_with_openssl() {
        // FIPS 202: "abc" and the empty message are NIST's examples. The digests of all beginnings of the message, hashed one after the other: Python's
        // hashlib, which is OpenSSL.
        let message = seq(300, 7);
        let vectors = [
            (
                TpmiAlgHash::Sha3256,
                "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
                "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
                "cb7beb51cbd6d84ef17ff9bcbf3c166b3555bfecd09afd1f9055e606f69aa1e0",
            ),
            (
                TpmiAlgHash::Sha3384,
                "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
                "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
                "94d1351f3c738dcfe0df135436e4f96361f9fd2006a3e7edd279d5c06ac371de21ca8fc0d690a11e7bff5cf05de28960",
            ),
            (
                TpmiAlgHash::Sha3512,
                "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
                "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
                "e4f7bb90dbaa0b19ac03c6bf9e0eafb9d0d2525178bd069083ea3d8e28c3d90713040379114b3a062a04e1b69dfe5e71c2e1b398323124c8de8e494422fe38fd",
            ),
        ];
        three_ways(|host| {
            for (alg, abc, empty, all) in vectors {
                assert_eq!(hash(host, alg, &[b"a", b"", b"bc"]).as_bytes(), bytes(abc), "{alg:?}");
                assert_eq!(hash(host, alg, &[]).as_bytes(), bytes(empty), "{alg:?}");
                let mut hasher = Hasher::new(alg);
                for length in 0..message.len() {
                    let (a, b) = message[..length].split_at(length / 3);
                    let digest = hash(host, alg, &[a, b]);
                    hasher.update(host, digest.as_bytes());
                }
                assert_eq!(hasher.finish(host).as_bytes(), bytes(all), "{alg:?}");
            }
        });
    }

    #[test]
    fn hasher_exported_and_resumed_gives_the_same_digest() {
        let message = seq(300, 1);
        three_ways(|host| {
            for alg in TpmiAlgHash::ALL {
                let mut first = Hasher::new(*alg);
                first.update(host, &message[..171]);
                let mut second = Hasher::resume(*alg, &first.export()).expect("own export");
                second.update(host, &message[171..]);
                assert_eq!(second.finish(host), hash(host, *alg, &[&message]));
                assert!(Hasher::resume(*alg, &first.export()[1..]).is_err());
            }
        });
    }
}
