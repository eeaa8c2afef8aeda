//! Attestation protocol: call numbers and the operation structure (SVSM chapter 7, tables 11 and 12).
//!
//! The structure lies in guest memory, names further buffers there and is copied once. Reserved fields must be zero: Linux writes the nonce's size
//! as 32 bits into a field of 16, which is the same as long as the reserved bytes behind it are zero.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Call numbers.
pub mod call {
    /// SVSM_ATTEST_SERVICES.
    pub const SERVICES: u32 = 0;
    /// SVSM_ATTEST_SINGLE_SERVICE.
    pub const SINGLE_SERVICE: u32 = 1;
}

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// A buffer that the guest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Buffer {
    /// Its GPA, aligned to 4 KiB.
    pub gpa: u64,
    /// Its bytes.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
}

/// The nonce that the guest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Nonce {
    /// Its GPA.
    pub gpa: u64,
    /// Its bytes.
    pub size: u16,
    /// Zero.
    pub reserved: [u8; 6],
}

/// Operation structure of SVSM_ATTEST_SERVICES.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Services {
    /// Where the attestation report goes.
    pub report: Buffer,
    /// Where the nonce is.
    pub nonce: Nonce,
    /// Where the manifest goes.
    pub manifest: Buffer,
    /// Where the certificates go; size 0 when none are wanted.
    pub certificates: Buffer,
}

assert_layout!(Services, size 0x40, report @ 0, nonce @ 0x10, manifest @ 0x20, certificates @ 0x30);

/// Operation structure of SVSM_ATTEST_SINGLE_SERVICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SingleService {
    /// The part that both calls have.
    pub services: Services,
    /// The service, in EFI byte order.
    pub guid: [u8; 16],
    /// Version of its manifest.
    pub version: u32,
    /// Zero.
    pub reserved: u32,
}

assert_layout!(SingleService, size 0x58, services @ 0, guid @ 0x40, version @ 0x50, reserved @ 0x54);

impl Services {
    /// Whether all reserved fields are zero.
    pub fn reserved_is_zero(&self) -> bool {
        self.report.reserved == 0
            && self.nonce.reserved == [0; 6]
            && self.manifest.reserved == 0
            && self.certificates.reserved == 0
    }
}
