//! CMAC (SP 800-38B; TPM_ALG_CMAC).
//!
//! Keys are secret, messages are the caller's. A message may come in pieces, and what is computed so far may leave in a saved context, encrypted
//! there like every other secret.

use alloc::vec::Vec;

use tpm_contract::{Arithmetic, CipherMode, Direction};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{CryptoError, cipher, seam};
use crate::{
    structures::{Tpm2bDigest, TpmRc, TpmiAlgSymObject, limits},
    wipe::Wipe,
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// The longest block.
const BLOCK: usize = limits::MAX_SYM_BLOCK_SIZE;

/// A CMAC at work.
#[derive(Clone, Debug, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Cmac {
    #[zeroize(skip)]
    cipher: TpmiAlgSymObject,
    key: Vec<u8>,
    /// The chain over all blocks that are certainly not the last; as long as a block, and zeros after it.
    chain: [u8; BLOCK],
    /// At most one block, which may be the last.
    pending: Vec<u8>,
}

impl Cmac {
    /// Starts with a key.
    pub fn new(cipher: TpmiAlgSymObject, key: &[u8]) -> Result<Self, CryptoError> {
        if !cipher::is_key_size(cipher, key.len()) {
            return Err(CryptoError::BadOperand);
        }
        Ok(Self {
            cipher,
            key: key.to_vec(),
            chain: [0; BLOCK],
            pending: Vec::with_capacity(BLOCK),
        })
    }

    /// Appends to the message.
    pub fn update(&mut self, host: &mut dyn Arithmetic, data: &[u8]) {
        let block = self.cipher.block_size();
        let mut rest = data;
        while !rest.is_empty() {
            if self.pending.len() == block {
                self.absorb(host);
            }
            let (now, later) = rest.split_at(rest.len().min(block - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
        }
    }

    /// The CMAC of the message.
    pub fn finish(mut self, host: &mut dyn Arithmetic) -> Result<Tpm2bDigest, TpmRc> {
        let block = self.cipher.block_size();
        let mut subkey = double(block, self.encrypted(host, [0; BLOCK]));
        if self.pending.len() < block {
            subkey = double(block, subkey);
            self.pending.push(0x80);
            self.pending.resize(block, 0);
        }
        self.pending.iter_mut().zip(subkey).for_each(|(byte, key)| *byte ^= key);
        subkey.wipe();
        self.absorb(host);
        Tpm2bDigest::new(&self.chain[..block])
    }

    /// The pending block becomes part of the chain.
    fn absorb(&mut self, host: &mut dyn Arithmetic) {
        let mut block = self.chain;
        block
            .iter_mut()
            .zip(&self.pending)
            .for_each(|(byte, next)| *byte ^= next);
        self.chain = self.encrypted(host, block);
        block.wipe();
        self.pending.wipe();
    }

    fn encrypted(&self, host: &mut dyn Arithmetic, mut block: [u8; BLOCK]) -> [u8; BLOCK] {
        // The key is of one of the cipher's sizes, since `new` has checked it.
        let first = &mut block[..self.cipher.block_size()];
        seam::cipher(
            host,
            self.cipher,
            CipherMode::Ecb,
            Direction::Encrypt,
            &self.key,
            &[],
            first,
        );
        block
    }
}

/// Doubling in the field of 2^128 elements, or of 2^64 in the first half of the bytes for blocks of that size, without a branch on the secret.
fn double(size: usize, block: [u8; BLOCK]) -> [u8; BLOCK] {
    let polynomial: u128 = if size == 8 { 0x1B << 64 } else { 0x87 };
    let number = u128::from_be_bytes(block);
    (number << 1 ^ (number >> 127).wrapping_neg() & polynomial).to_be_bytes()
}

/// The form of a saved context; which cipher it is stands before it.
impl Marshal for Cmac {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized(|w| w.bytes(&self.key));
        writer.bytes(&self.chain);
        writer.sized(|w| w.bytes(&self.pending));
    }
}

impl Cmac {
    /// The cipher.
    pub const fn cipher(&self) -> TpmiAlgSymObject {
        self.cipher
    }

    /// Reads the form of a saved context with that cipher.
    pub fn unmarshal_with(cipher: TpmiAlgSymObject, reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let size = u16::unmarshal(reader)?;
        let mut cmac = Self::new(cipher, reader.take(size.into())?)?;
        cmac.chain = reader.array()?;
        let size = usize::from(u16::unmarshal(reader)?);
        if size > cipher.block_size() {
            return Err(TpmRc::SIZE);
        }
        cmac.pending.extend_from_slice(reader.take(size)?);
        Ok(cmac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_hosts::{both_ways, bytes};

    fn from_bytes(bytes: &[u8]) -> Result<Cmac, TpmRc> {
        let mut reader = Reader::new(bytes);
        let cmac = Cmac::unmarshal_with(TpmiAlgSymObject::Aes, &mut reader)?;
        reader.finish().map(|()| cmac)
    }

    #[test]
    fn cmac_examples_match_in_pieces_of_any_size() {
        // SP 800-38B Appendix D, messages of 0, 16, 40 and 64 bytes.
        let message = bytes(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
        ));
        let examples = [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                [
                    "bb1d6929e95937287fa37d129b756746",
                    "070a16b46b4d4144f79bdd9dd04a287c",
                    "dfa66747de9ae63030ca32611497c827",
                    "51f0bebf7e3b9d92fc49741779363cfe",
                ],
            ),
            (
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                [
                    "d17ddf46adaacde531cac483de7a9367",
                    "9e99a7bf31e710900662f65e617c5184",
                    "8a1de5be2eb31aad089a82e6ee908b0e",
                    "a1d5df0eed790f794d77589659f39a11",
                ],
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                [
                    "028962f61b7bf89efc6b551f4667d983",
                    "28a7023f452e8f82bd4bf28d8c37c35c",
                    "aaf3d8f1de5640c232f5b169b9c911e6",
                    "e1992190549f6ed5696a2c056c315410",
                ],
            ),
        ];
        both_ways(|host| {
            for (key, macs) in &examples {
                for (size, mac) in [0, 16, 40, 64].into_iter().zip(macs) {
                    for piece in [1, 7, 16, 64] {
                        let mut cmac = Cmac::new(TpmiAlgSymObject::Aes, &bytes(key)).expect("an AES key");
                        for chunk in message[..size].chunks(piece) {
                            cmac.update(host, chunk);
                            cmac = from_bytes(&cmac.to_bytes()).expect("its own form");
                        }
                        let result = cmac.finish(host).expect("16 bytes");
                        assert_eq!(result.as_bytes(), bytes(mac), "{key}, {size} in pieces of {piece}");
                    }
                }
            }
        });
    }

    #[test]
    fn damaged_state_is_refused() {
        let good = Cmac::new(TpmiAlgSymObject::Aes, &[1; 16])
            .expect("an AES key")
            .to_bytes();
        let mut long = good.clone();
        *long.last_mut().expect("a size") = 17;
        long.extend([0; 17]);
        assert_eq!(from_bytes(&long), Err(TpmRc::SIZE));
        let mut key = good;
        key[1] = 15;
        assert_eq!(from_bytes(&key), Err(TpmRc::VALUE));
    }
}
