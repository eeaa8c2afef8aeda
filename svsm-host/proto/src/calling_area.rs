//! The SVSM calling convention: calling area, registers, protocol numbers (SVSM chapter 5).
//!
//! The calling area (CAA) is guest memory, one page for each vCPU; every byte of it is the guest's and can change while the SVSM looks. The
//! registers come from the guest's VMSA, which does not change once the VMSA is stopped.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The part of the page that the protocol defines; the rest is free for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CallingArea {
    /// SVSM_CALL_PENDING: 1 when the guest has made a call, 0 when the SVSM is done with it.
    pub call_pending: u8,
    /// SVSM_MEM_AVAILABLE: the SVSM could give memory back.
    pub mem_available: u8,
    /// Reserved in revision 1.00.
    pub reserved: [u8; 6],
}

assert_layout!(CallingArea, size 8, call_pending @ 0, mem_available @ 1);

/// Offset of SVSM_CALL_PENDING.
pub const CALL_PENDING_OFFSET: u64 = 0;

/// Offset of SVSM_MEM_AVAILABLE.
pub const MEM_AVAILABLE_OFFSET: u64 = 1;

/// Protocol numbers (`RAX[63:32]`).
pub mod protocol {
    /// Core, chapter 6.
    pub const CORE: u32 = 0;
    /// Attestation, chapter 7.
    pub const ATTESTATION: u32 = 1;
    /// Virtual TPM, chapter 8.
    pub const VTPM: u32 = 2;
}

/// A call as the registers carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// RAX\[63:32\].
    pub protocol: u32,
    /// RAX\[31:0\].
    pub number: u32,
    /// RCX.
    pub rcx: u64,
    /// RDX.
    pub rdx: u64,
    /// R8.
    pub r8: u64,
    /// R9.
    pub r9: u64,
}

impl Call {
    /// RAX of a call.
    pub const fn rax(protocol: u32, number: u32) -> u64 {
        (protocol as u64) << 32 | number as u64
    }

    /// Splits the registers.
    pub const fn from_registers(rax: u64, rcx: u64, rdx: u64, r8: u64, r9: u64) -> Self {
        Call {
            protocol: (rax >> 32) as u32,
            number: rax as u32,
            rcx,
            rdx,
            r8,
            r9,
        }
    }
}

/// The versions of a protocol that is served: RCX of QUERY_PROTOCOL, `[63:32]` newest, `[31:0]` oldest.
pub const fn version_range(min: u32, max: u32) -> u64 {
    (max as u64) << 32 | min as u64
}
