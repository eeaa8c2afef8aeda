//! Every algorithm of the TPM, behind one seam (Part 1 Annexes B and C; the TCG Algorithm Registry).
//!
//! Operands that reach this module were the caller's once: sizes, points, moduli and paddings are checked here, in constant time where a
//! secret decides. What the host computes is checked as far as its shape goes; it works in the engine's favour or not at all, for a host
//! that lies about arithmetic could as well lie about entropy.
//!
//! | file | what |
//! |---|---|
//! | `seam.rs` | the only place that decides between the host's arithmetic and the engine's own, which is in `own/` |
//! | `hash.rs`, `hmac.rs`, `kdf.rs` | FIPS 180-4 and 202, FIPS 198-1, KDFa and KDFe (Part 1 §11.4.10), KDF2 |
//! | `drbg.rs` | SP 800-90A Hash_DRBG, and the generator that the host's entropy seeds |
//! | `health.rs` | SP 800-90B health tests of that entropy |
//! | `cipher.rs`, `cmac.rs` | block ciphers in the modes of SP 800-38A, XOR obfuscation; CMAC |
//! | `tdes.rs` | parity and weakness of keys of triple DES, where it is built in |
//! | `rsa.rs`, `prime.rs`, `rsa_padding.rs` | RSA keys and operations, their primes, the encodings of RFC 8017 |
//! | `ecc.rs` | ECDSA, ECDH, Schnorr signatures and MQV on P-224, P-256, P-384 and P-521 |
//! | `self_test.rs` | known answers of what computes |
//! | `gate.rs` | nothing computes before it has shown them, the host's arithmetic or the engine's own |
//!
//! Every function that may use the host takes it as `&mut dyn Arithmetic`; [`NoOffer`] is the host that has nothing to offer, with which
//! tests and the self-test reach the engine's own computation. A TPM has its host behind the gate.

pub mod cipher;
pub mod cmac;
pub mod drbg;
pub mod ecc;
mod gate;
pub mod hash;
mod health;
pub mod hmac;
pub mod kdf;
mod number;
mod own;
pub mod prime;
pub mod rsa;
pub mod rsa_padding;
mod seam;
pub mod self_test;
#[cfg(feature = "tdes")]
mod tdes;

pub use cmac::Cmac;
pub use drbg::{Drbg, Rng};
pub use hash::{Hasher, hash};
pub(crate) use hmac::hmac_parts;
pub use hmac::{Hmac, hmac};
pub use kdf::{kdf_2, kdf_a, kdf_a_stream, kdf_e};

use crate::structures::TpmRc;

/// A host without accelerated arithmetic.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOffer;

impl tpm_contract::Arithmetic for NoOffer {}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoError {
    /// An operand is out of its range, or its padding is wrong.
    BadOperand,
    /// The host gave no entropy.
    NoEntropy,
    /// A computation did not stand up to its check.
    Fault,
}

impl From<CryptoError> for TpmRc {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::BadOperand => TpmRc::VALUE,
            CryptoError::NoEntropy | CryptoError::Fault => TpmRc::FAILURE,
        }
    }
}

#[cfg(test)]
pub(crate) mod test_hosts {
    //! The hosts with which every test of this module runs.

    use super::NoOffer;
    use alloc::vec::Vec;
    use svsm_accel::NativeArithmetic;
    use tpm_contract::{Arithmetic, HashCore, Refusal};

    /// A host that compresses blocks, but hashes no messages.
    pub(crate) struct BlocksOnly;

    impl Arithmetic for BlocksOnly {
        fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
            NativeArithmetic.hash_blocks(hash, state, blocks)
        }
    }

    /// Runs a test with the host's digests and HMACs, with its compression functions alone, and with the engine's own.
    pub(crate) fn three_ways(mut test: impl FnMut(&mut dyn Arithmetic)) {
        test(&mut NativeArithmetic);
        test(&mut BlocksOnly);
        test(&mut NoOffer);
    }

    /// Runs a test with the host's arithmetic and with the engine's own.
    pub(crate) fn both_ways(mut test: impl FnMut(&mut dyn Arithmetic)) {
        test(&mut NativeArithmetic);
        test(&mut NoOffer);
    }

    /// Bytes of a hexadecimal text.
    pub(crate) fn bytes(text: &str) -> alloc::vec::Vec<u8> {
        hex::decode(text).expect("hexadecimal")
    }

    /// `count` bytes that count upwards from `first`, as `facts/tpm/vectors.md` writes `seq(count, first)`.
    pub(crate) fn seq(count: usize, first: u8) -> alloc::vec::Vec<u8> {
        (0..count).map(|i| first.wrapping_add(i as u8)).collect()
    }
}
