//! The encodings of RFC 8017: EMSA-PKCS1-v1_5, EMSA-PSS, EME-OAEP and EME-PKCS1-v1_5 (Part 1 Annex B).
//!
//! What is decoded was a caller's ciphertext or signature before the RSA operation. Decoding of messages takes the same time whatever is
//! wrong and says only that something is, or it would be an oracle (Bleichenbacher, Manger).

use crate::wipe::{Wipe, Wiped};
use alloc::vec::Vec;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use tpm_contract::Arithmetic;

use super::{CryptoError, hash::hash};
use crate::structures::TpmiAlgHash;

/// The DER encoding of a DigestInfo up to the digest (RFC 8017 §9.2, note 1).
const fn digest_info(alg: TpmiAlgHash) -> &'static [u8] {
    match alg {
        TpmiAlgHash::Sha1 => &[
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
        ],
        TpmiAlgHash::Sha256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ],
        TpmiAlgHash::Sha384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
            0x30,
        ],
        TpmiAlgHash::Sha512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
            0x40,
        ],
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08, 0x05, 0x00, 0x04,
            0x20,
        ],
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09, 0x05, 0x00, 0x04,
            0x30,
        ],
        #[cfg(feature = "sha3")]
        TpmiAlgHash::Sha3512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a, 0x05, 0x00, 0x04,
            0x40,
        ],
    }
}

/// EMSA-PKCS1-v1_5 (§9.2) of a digest.
pub fn pkcs1_signature(alg: TpmiAlgHash, digest: &[u8], size: usize) -> Result<Vec<u8>, CryptoError> {
    let prefix = digest_info(alg);
    let fixed = 3 + prefix.len() + digest.len();
    if digest.len() != alg.digest_size() || size < fixed + 8 {
        return Err(CryptoError::BadOperand);
    }
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(&[0, 1]);
    out.resize(2 + size - fixed, 0xff);
    out.push(0);
    out.extend_from_slice(prefix);
    out.extend_from_slice(digest);
    Ok(out)
}

/// EME-PKCS1-v1_5 (§7.2.1): the encoding of a message, with `random` bytes to choose the padding from, as many as the block is long.
pub fn pkcs1_encrypt(message: &[u8], random: &[u8], size: usize) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let padding = size.checked_sub(message.len() + 3).filter(|padding| *padding >= 8);
    let padding = padding
        .filter(|padding| *padding <= random.len())
        .ok_or(CryptoError::BadOperand)?;
    let mut out = Wiped::new(Vec::with_capacity(size));
    out.extend_from_slice(&[0, 2]);
    // A zero would end the padding: 1 takes its place, which the one bias in 256 does no harm to.
    out.extend(random[..padding].iter().map(|byte| (*byte).max(1)));
    out.push(0);
    out.extend_from_slice(message);
    Ok(out)
}

/// The message in an EME-PKCS1-v1_5 block.
pub fn pkcs1_decrypt(block: &[u8]) -> Result<Wiped<Vec<u8>>, CryptoError> {
    if block.len() < 11 {
        return Err(CryptoError::BadOperand);
    }
    let good = block[0].ct_eq(&0) & block[1].ct_eq(&2);
    let (end, found) = first_index(&block[2..], 0);
    let good = good & found & !end.ct_lt(&8);
    if bool::from(good) {
        Ok(Wiped::new(block[2 + end as usize + 1..].to_vec()))
    } else {
        Err(CryptoError::BadOperand)
    }
}

/// Where `value` stands first, and whether it stands anywhere, in time that depends on the length alone.
fn first_index(bytes: &[u8], value: u8) -> (u32, Choice) {
    let mut index = 0u32;
    let mut found = Choice::from(0);
    for (i, byte) in bytes.iter().enumerate() {
        let here = byte.ct_eq(&value) & !found;
        index.conditional_assign(&(i as u32), here);
        found |= here;
    }
    (index, found)
}

/// XORs MGF1 (§B.2.1) of a seed into `data`.
fn mask(host: &mut dyn Arithmetic, alg: TpmiAlgHash, seed: &[u8], data: &mut [u8]) {
    for (counter, block) in (0u32..).zip(data.chunks_mut(alg.digest_size())) {
        let stream = hash(host, alg, &[seed, &counter.to_be_bytes()]);
        for (byte, mask) in block.iter_mut().zip(stream.as_bytes()) {
            *byte ^= mask;
        }
    }
}

/// EME-OAEP (§7.1.1): the encoding of a message with a seed as long as a digest. The label is hashed as it is.
pub fn oaep_encrypt(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    label: &[u8],
    message: &[u8],
    seed: &[u8],
    size: usize,
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let digest = alg.digest_size();
    let padding = size
        .checked_sub(message.len() + 2 * digest + 2)
        .ok_or(CryptoError::BadOperand)?;
    if seed.len() != digest {
        return Err(CryptoError::BadOperand);
    }
    let mut out = Wiped::new(Vec::with_capacity(size));
    out.push(0);
    out.extend_from_slice(seed);
    out.extend_from_slice(hash(host, alg, &[label]).as_bytes());
    out.resize(1 + 2 * digest + padding, 0);
    out.push(1);
    out.extend_from_slice(message);
    let (masked_seed, block) = out[1..].split_at_mut(digest);
    mask(host, alg, masked_seed, block);
    mask(host, alg, block, masked_seed);
    Ok(out)
}

/// The message in an EME-OAEP block (§7.1.2).
pub fn oaep_decrypt(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    label: &[u8],
    block: &[u8],
) -> Result<Wiped<Vec<u8>>, CryptoError> {
    let digest = alg.digest_size();
    if block.len() < 2 * digest + 2 {
        return Err(CryptoError::BadOperand);
    }
    let mut block = Wiped::new(block.to_vec());
    let (first, rest) = block.split_at_mut(1);
    let (seed, data) = rest.split_at_mut(digest);
    mask(host, alg, data, seed);
    mask(host, alg, seed, data);
    let (label_hash, message) = data.split_at(digest);
    // After the label's hash come zeros, a one, and the message.
    let mut good = first[0].ct_eq(&0) & label_hash.ct_eq(hash(host, alg, &[label]).as_bytes());
    let (one, found) = first_index(message, 1);
    good &= found;
    for (i, byte) in message.iter().enumerate() {
        good &= byte.ct_eq(&0) | !(i as u32).ct_lt(&one);
    }
    if bool::from(good) {
        Ok(Wiped::new(message[one as usize + 1..].to_vec()))
    } else {
        Err(CryptoError::BadOperand)
    }
}

/// EMSA-PSS (§9.1.1) of a digest, for a modulus whose highest bit is set.
pub fn pss_signature(
    host: &mut dyn Arithmetic,
    alg: TpmiAlgHash,
    digest: &[u8],
    salt: &[u8],
    size: usize,
) -> Result<Vec<u8>, CryptoError> {
    let block = size.checked_sub(digest.len() + 1).ok_or(CryptoError::BadOperand)?;
    let padding = block.checked_sub(salt.len() + 1).ok_or(CryptoError::BadOperand)?;
    if digest.len() != alg.digest_size() {
        return Err(CryptoError::BadOperand);
    }
    let h = hash(host, alg, &[&[0; 8], digest, salt]);
    let mut out = alloc::vec![0; padding];
    out.push(1);
    out.extend_from_slice(salt);
    mask(host, alg, h.as_bytes(), &mut out);
    // The block has one bit less than the modulus.
    out[0] &= 0x7f;
    out.extend_from_slice(h.as_bytes());
    out.push(0xbc);
    Ok(out)
}

/// The salt length that TPM2_Sign uses: the digest's, or what there is room for (Part 1 §B.7).
pub fn pss_salt_size(alg: TpmiAlgHash, size: usize) -> usize {
    alg.digest_size().min(size.saturating_sub(alg.digest_size() + 2))
}

/// Whether an EMSA-PSS block is that of a digest, with a salt of any length (§9.1.2). Everything in it is public.
pub fn pss_verify(host: &mut dyn Arithmetic, alg: TpmiAlgHash, digest: &[u8], block: &[u8]) -> bool {
    let Some(data_size) = block.len().checked_sub(alg.digest_size() + 1) else {
        return false;
    };
    let (data, rest) = block.split_at(data_size);
    let (h, trailer) = rest.split_at(alg.digest_size());
    if digest.len() != alg.digest_size() || trailer != [0xbc] || data.first().is_none_or(|first| first & 0x80 != 0) {
        return false;
    }
    let mut data = data.to_vec();
    mask(host, alg, h, &mut data);
    data[0] &= 0x7f;
    let Some(one) = data.iter().position(|byte| *byte != 0) else {
        return false;
    };
    let matches = data[one] == 1 && hash(host, alg, &[&[0; 8], digest, &data[one + 1..]]).as_bytes() == h;
    data.wipe();
    matches
}

#[cfg(test)]
mod tests;
