//! The contract of `wit/tpm.wit` as Rust types: what a TPM component gives ([`Component`]) and what it gets ([`Host`],
//! [`Arithmetic`]), with the bounds that both sides check.
//!
//! Whoever implements a trait here speaks for one side of the sandbox boundary, and what arrives from the other side is hostile: the
//! engine checks what a host returns, a host checks what a component passes. The crate decides nothing itself.
//!
//! It exists so that the engine, the wasmi sandbox, the development server and the SVSM's services agree on one set of names without
//! knowing each other. The WIT file is the source; the documentation of each item stands there.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Bounds on everything that crosses the boundary, as `wit/tpm.wit` states them. All are in bytes unless the name says otherwise.
pub mod bounds {
    /// Longest TPM command.
    pub const MAX_COMMAND: usize = 4096;
    /// Longest TPM response: what the page of SVSM_VTPM_CMD holds behind its size field.
    pub const MAX_RESPONSE: usize = 4092;
    /// Most entropy in one call.
    pub const MAX_ENTROPY: usize = 256;
    /// Longest log line.
    pub const MAX_LOG: usize = 256;
    /// Longest value of one state record.
    pub const MAX_RECORD: usize = 65_536;
    /// Most changes in one commit (a count).
    pub const MAX_CHANGES: usize = 256;
    /// Most bytes of values in one commit.
    pub const MAX_COMMIT: usize = 262_144;
    /// Most records in a saved state (a count).
    pub const MAX_RECORDS: usize = 4096;
    /// Most bytes of values in a saved state; also the longest volatile state.
    pub const MAX_STATE: usize = 1 << 20;
    /// Longest TPMT_PUBLIC in an [`Identity`](super::Identity).
    pub const MAX_PUBLIC: usize = 1024;
    /// Longest data of one `hash-data` call.
    pub const MAX_HASH_DATA: usize = 4096;
    /// Longest modulus and exponent of `mod-exp`.
    pub const MAX_MODULUS: usize = 512;
    /// Shortest candidate of `miller-rabin` and prime of `rsa-private`.
    pub const MIN_CANDIDATE: usize = 16;
    /// Longest candidate of `miller-rabin` and prime of `rsa-private`.
    pub const MAX_CANDIDATE: usize = 256;
    /// Most bases of one `miller-rabin` call (a count).
    pub const MAX_BASES: usize = 64;
    /// Longest data of one `hash-blocks` or `aes` call, and longest message of `digest` and `hmac`.
    pub const MAX_BULK: usize = 65_536;
    /// Longest scalar or coordinate of `ec-multiply` and `ec-multiply-add`: P-521's. A point has twice as many.
    pub const MAX_SCALAR: usize = 66;
    /// Longest state of `hash-blocks`: SHA-512's.
    pub const MAX_HASH_STATE: usize = 64;
    /// Longest digest of `digest` and `hmac`: SHA-512's.
    pub const MAX_DIGEST: usize = 64;
    /// Longest key of `hmac`.
    pub const MAX_HMAC_KEY: usize = 1024;
    /// Longest key of `aes`.
    pub const MAX_KEY: usize = 32;
    /// Longest IV of `aes`.
    pub const MAX_IV: usize = 16;
    /// Longest [`Description::name`](super::Description::name).
    pub const MAX_NAME: usize = 64;
    /// Longest [`Description::version`](super::Description::version).
    pub const MAX_VERSION: usize = 32;
}

/// One record of the persistent state (`types.state-record`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record's name.
    pub key: u32,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// One change to the persistent state (`types.change`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The record that is written or removed.
    pub key: u32,
    /// The new bytes, or `None` to remove the record.
    pub value: Option<Vec<u8>>,
}

/// Why an export could not do its work (`types.failure`). The order is that of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Failure {
    /// `power-on` has not succeeded.
    NotPowered,
    /// `power-on` has already succeeded.
    AlreadyPowered,
    /// The state that was handed in is damaged or too new.
    BadState,
    /// The host gave no entropy.
    NoEntropy,
    /// The host did not acknowledge a commit.
    NotCommitted,
    /// An operand is out of its bound.
    BadOperand,
    /// The engine's self-test failed.
    SelfTest,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::NotPowered => "the TPM is not powered on",
            Failure::AlreadyPowered => "the TPM is already powered on",
            Failure::BadState => "the saved state is damaged or too new",
            Failure::NoEntropy => "the host gave no entropy",
            Failure::NotCommitted => "the host did not acknowledge a commit",
            Failure::BadOperand => "an operand is out of its bound",
            Failure::SelfTest => "the self-test failed",
        })
    }
}

/// How loud a log line is (`host.log-level`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LogLevel {
    /// Something is wrong.
    Error,
    /// Something is odd.
    Warn,
    /// A milestone.
    Info,
    /// Detail.
    Debug,
}

/// Why a commit was not carried out (`host.commit-error`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CommitError {
    /// The store cannot be written now.
    Unavailable,
    /// The store is full.
    Full,
    /// A bound was exceeded.
    BadOperand,
}

/// Why there is no arithmetic result (`arithmetic.refusal`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// This host does not offer the function, or not at this size.
    NotOffered,
    /// The operands break the precondition.
    BadOperand,
}

/// NIST curves (`arithmetic.curve`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// Bytes of a coordinate and of a scalar.
    pub const fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }
}

/// Compression functions (`arithmetic.hash`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HashCore {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512 and SHA-384.
    Sha512,
}

impl HashCore {
    /// Bytes of the chaining state.
    pub const fn state_size(self) -> usize {
        match self {
            HashCore::Sha1 => 20,
            HashCore::Sha256 => 32,
            HashCore::Sha512 => 64,
        }
    }

    /// Bytes of one block.
    pub const fn block_size(self) -> usize {
        match self {
            HashCore::Sha1 | HashCore::Sha256 => 64,
            HashCore::Sha512 => 128,
        }
    }
}

/// Hash functions (`arithmetic.hash-algorithm`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HashAlgorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Bytes of a digest.
    pub const fn digest_size(self) -> usize {
        match self {
            HashAlgorithm::Sha1 => 20,
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
            HashAlgorithm::Sha512 => 64,
        }
    }
}

/// Modes of operation (`arithmetic.cipher-mode`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CipherMode {
    /// Electronic codebook.
    Ecb,
    /// Cipher block chaining.
    Cbc,
    /// Cipher feedback, whole-block segments.
    Cfb,
    /// Counter.
    Ctr,
    /// Output feedback.
    Ofb,
}

/// Which way a cipher works (`arithmetic.direction`), in the order of the WIT enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

/// Accelerated arithmetic (`interface arithmetic`). Every method's default answer is the lender's, or [`Refusal::NotOffered`] without one, so `impl
/// Arithmetic for X {}` is a host without any.
pub trait Arithmetic {
    /// Whose arithmetic a host hands on in all that it does not answer itself.
    fn lender(&mut self) -> Option<&mut dyn Arithmetic> {
        None
    }
    /// `mod-exp`.
    fn mod_exp(&mut self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.mod_exp(base, exponent, modulus))
    }
    /// `miller-rabin`.
    fn miller_rabin(&mut self, candidate: &[u8], bases: &[u8]) -> Result<bool, Refusal> {
        lent(self.lender(), |lender| lender.miller_rabin(candidate, bases))
    }
    /// `rsa-private`, with the primes p and q and the exponents modulo either less one.
    fn rsa_private(
        &mut self,
        input: &[u8],
        primes: [&[u8]; 2],
        exponents: [&[u8]; 2],
        q_inverse: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| {
            lender.rsa_private(input, primes, exponents, q_inverse)
        })
    }
    /// `ec-multiply`.
    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.ec_multiply(curve, scalar, point))
    }
    /// `ec-multiply-add`.
    fn ec_multiply_add(&mut self, curve: Curve, u1: &[u8], u2: &[u8], point: &[u8]) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.ec_multiply_add(curve, u1, u2, point))
    }
    /// `hash-blocks`.
    fn hash_blocks(&mut self, hash: HashCore, state: &[u8], blocks: &[u8]) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.hash_blocks(hash, state, blocks))
    }
    /// `digest`.
    fn digest(&mut self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.digest(hash, message))
    }
    /// `hmac`.
    fn hmac(&mut self, hash: HashAlgorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.hmac(hash, key, message))
    }
    /// `aes`.
    fn aes(
        &mut self,
        mode: CipherMode,
        direction: Direction,
        key: &[u8],
        iv: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        lent(self.lender(), |lender| lender.aes(mode, direction, key, iv, data))
    }
}

/// The lender's answer, if there is one.
fn lent<R>(
    lender: Option<&mut dyn Arithmetic>,
    ask: impl FnOnce(&mut dyn Arithmetic) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    lender.map_or(Err(Refusal::NotOffered), ask)
}

/// What a host gives to the component (`interface host`, and `interface arithmetic` above it).
pub trait Host: Arithmetic {
    /// Fills `out` (at most [`bounds::MAX_ENTROPY`]) with fresh entropy; false when there is none, and `out` is then not to be used.
    #[must_use]
    fn entropy(&mut self, out: &mut [u8]) -> bool;
    /// Milliseconds since power-on.
    fn clock(&mut self) -> u64;
    /// Carries out all changes or none.
    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError>;
    /// One line of text without secrets.
    fn log(&mut self, level: LogLevel, message: &str);
}

/// What a component says of itself (`engine.description`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name of the implementation.
    pub name: String,
    /// Its version.
    pub version: String,
    /// State format that it writes, and newest that it reads.
    pub state_format: u32,
    /// TPM_PT_MANUFACTURER.
    pub manufacturer: u32,
    /// TPM_PT_FIRMWARE_VERSION_1 and _2.
    pub firmware_version: u64,
}

/// The public areas that identify a TPM (`engine.identity-keys`), each a TPMT_PUBLIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// RSA-2048 endorsement key, template L-1.
    pub rsa_ek: Vec<u8>,
    /// P-256 endorsement key, template L-2.
    pub p256_ek: Vec<u8>,
    /// RSA-2048 storage root key.
    pub rsa_srk: Vec<u8>,
    /// P-256 storage root key.
    pub p256_srk: Vec<u8>,
}

/// What a component gives (`interface engine`), whatever runs it: the engine in the same process, wasmtime or wasmi.
///
/// Two kinds of trouble are kept apart. A [`Failure`] is the component's own, orderly answer. A [`Component::Fault`] is what befell the machinery
/// that runs it (a trap, exhausted fuel, a result out of bounds); after one the instance must not be used again.
pub trait Component {
    /// What can befall the machinery.
    type Fault: fmt::Debug + fmt::Display;

    /// `describe`.
    fn describe(&mut self) -> Result<Description, Self::Fault>;
    /// `power-on`.
    fn power_on(&mut self, saved: &[Record]) -> Result<Result<(), Failure>, Self::Fault>;
    /// `execute`.
    fn execute(&mut self, locality: u8, command: &[u8]) -> Result<Result<Vec<u8>, Failure>, Self::Fault>;
    /// `identity`.
    fn identity(&mut self) -> Result<Result<Identity, Failure>, Self::Fault>;
    /// `hash-start`.
    fn hash_start(&mut self) -> Result<Result<(), Failure>, Self::Fault>;
    /// `hash-data`.
    fn hash_data(&mut self, data: &[u8]) -> Result<Result<(), Failure>, Self::Fault>;
    /// `hash-end`.
    fn hash_end(&mut self) -> Result<Result<(), Failure>, Self::Fault>;
    /// `save-persistent`.
    fn save_persistent(&mut self) -> Result<Result<Vec<Record>, Failure>, Self::Fault>;
    /// `save-volatile`.
    fn save_volatile(&mut self) -> Result<Result<Vec<u8>, Failure>, Self::Fault>;
    /// `restore-volatile`.
    fn restore_volatile(&mut self, state: &[u8]) -> Result<Result<(), Failure>, Self::Fault>;
}
