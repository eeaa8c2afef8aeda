//! vTPM protocol: call numbers and the request buffer (SVSM chapter 8).
//!
//! Request and response share one buffer of 4096 bytes in guest memory. Unlike the TPM's own structures, and unlike the simulator
//! protocol from which the command codes come, the header is little-endian.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, little_endian::U32};

/// Call numbers.
pub mod call {
    /// SVSM_VTPM_QUERY.
    pub const QUERY: u32 = 0;
    /// SVSM_VTPM_CMD.
    pub const CMD: u32 = 1;
}

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// Platform command that carries a TPM command.
pub const TPM_SEND_COMMAND: u32 = 8;

/// Bytes of the buffer.
pub const BUFFER_SIZE: usize = 4096;

/// Header of TPM_SEND_COMMAND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RequestHeader {
    /// The platform command.
    pub command: U32,
    /// The locality; 0.
    pub locality: u8,
    /// Bytes of the TPM command that follows.
    pub size: U32,
}

assert_layout!(RequestHeader, size 9, command @ 0, locality @ 4, size @ 5);

/// Longest TPM command in the buffer.
pub const MAX_COMMAND: usize = BUFFER_SIZE - 9;

/// Bytes in front of the TPM response: its size.
pub const RESPONSE_HEADER_SIZE: usize = 4;

/// Longest TPM response in the buffer.
pub const MAX_RESPONSE: usize = BUFFER_SIZE - RESPONSE_HEADER_SIZE;

/// Most platform commands that the bitmap of SVSM_VTPM_QUERY can show.
pub const PLATFORM_COMMANDS: u32 = 64;
