//! Messages between the guest and the PSP (SNP firmware ABI, "Guest Messages", SNP_GUEST_REQUEST).
//!
//! The hypervisor carries them and can drop, replay or alter every byte; AES-256-GCM under a VMPCK is what makes the payload believable. This file has
//! the shapes and the two derivations that are easy to get wrong, initialisation vector and additional data; sealing,
//! sequence numbers and what to do in doubt are the service's (`svsm_service::psp`).

use crate::{PAGE_SIZE, assert_layout, report::REPORT_SIZE};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// Bytes of the header.
pub const HEADER_SIZE: usize = 0x60;

/// Longest payload.
pub const MAX_PAYLOAD: usize = 4000;

/// Bytes of the GCM tag; the header's field is twice as long.
pub const TAG_SIZE: usize = 16;

/// Offset of ALGO: from here to the payload the header is additional authenticated data.
pub const AAD_OFFSET: usize = 0x30;

/// ALGO: AES-256-GCM.
pub const ALGO_AES_256_GCM: u8 = 1;

/// HDR_VERSION.
pub const HEADER_VERSION: u8 = 1;

/// MSG_VERSION of every message used here.
pub const MESSAGE_VERSION: u8 = 1;

/// MSG_TYPE values; each response is its request plus one.
pub mod msg_type {
    /// MSG_KEY_REQ.
    pub const KEY_REQ: u8 = 3;
    /// MSG_KEY_RSP.
    pub const KEY_RSP: u8 = 4;
    /// MSG_REPORT_REQ.
    pub const REPORT_REQ: u8 = 5;
    /// MSG_REPORT_RSP.
    pub const REPORT_RSP: u8 = 6;
    /// MSG_TSC_INFO_REQ.
    pub const TSC_INFO_REQ: u8 = 17;
    /// MSG_TSC_INFO_RSP.
    pub const TSC_INFO_RSP: u8 = 18;
}

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MessageHeader {
    /// The GCM tag, and 16 zero bytes.
    pub authtag: [u8; 32],
    /// Sequence number: odd for requests, the request's plus one for responses.
    pub msg_seqno: u64,
    /// Zero.
    pub reserved_28: u64,
    /// [`ALGO_AES_256_GCM`].
    pub algo: u8,
    /// [`HEADER_VERSION`].
    pub hdr_version: u8,
    /// [`HEADER_SIZE`].
    pub hdr_size: u16,
    /// One of [`msg_type`].
    pub msg_type: u8,
    /// [`MESSAGE_VERSION`].
    pub msg_version: u8,
    /// Bytes of the payload.
    pub msg_size: u16,
    /// Zero.
    pub reserved_38: u32,
    /// Which VMPCK seals the payload.
    pub msg_vmpck: u8,
    /// Zero.
    pub reserved_3d: [u8; 35],
}

assert_layout!(MessageHeader, size HEADER_SIZE, authtag @ 0, msg_seqno @ 0x20, algo @ AAD_OFFSET, hdr_version @ 0x31, hdr_size @ 0x32,
    msg_type @ 0x34, msg_version @ 0x35, msg_size @ 0x36, msg_vmpck @ 0x3C, reserved_3d @ 0x3D);

impl MessageHeader {
    /// A header with the fixed fields set and no tag yet.
    pub fn new(msg_type: u8, msg_seqno: u64, msg_vmpck: u8, msg_size: u16) -> Self {
        MessageHeader {
            msg_seqno,
            algo: ALGO_AES_256_GCM,
            hdr_version: HEADER_VERSION,
            hdr_size: HEADER_SIZE as u16,
            msg_type,
            msg_version: MESSAGE_VERSION,
            msg_size,
            msg_vmpck,
            ..MessageHeader::new_zeroed()
        }
    }

    /// The additional authenticated data: everything from ALGO to the header's end.
    pub fn aad(&self) -> &[u8] {
        self.as_bytes().split_at(AAD_OFFSET).1
    }

    /// The initialisation vector: the sequence number, little-endian, and four zero bytes.
    pub fn iv(&self) -> [u8; 12] {
        let mut iv = [0; 12];
        let (number, _) = iv.split_at_mut(8);
        number.copy_from_slice(&self.msg_seqno.to_le_bytes());
        iv
    }
}

/// A whole message, one page.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Message {
    /// The header.
    pub header: MessageHeader,
    /// The sealed payload and whatever stands behind it.
    pub payload: [u8; MAX_PAYLOAD],
}

assert_layout!(Message, size PAGE_SIZE, header @ 0, payload @ HEADER_SIZE);

/// MSG_REPORT_REQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReportRequest {
    /// REPORT_DATA.
    pub report_data: [u8; 64],
    /// The level that the report is to show; not above that of the VMPCK.
    pub vmpl: u32,
    /// KEY_SEL in bits 1:0: 0 VLEK if loaded, else VCEK; 1 VCEK; 2 VLEK.
    pub key_sel: u32,
    /// Zero.
    pub reserved: [u8; 24],
}

assert_layout!(ReportRequest, size 0x60, report_data @ 0, vmpl @ 0x40, key_sel @ 0x44, reserved @ 0x48);

/// Head of MSG_REPORT_RSP; the report follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReportResponseHeader {
    /// One of [`status`].
    pub status: u32,
    /// Bytes of the report.
    pub report_size: u32,
    /// Reserved.
    pub reserved: [u8; 24],
}

assert_layout!(ReportResponseHeader, size 0x20, status @ 0, report_size @ 4);

/// Bytes of a whole MSG_REPORT_RSP payload.
pub const REPORT_RESPONSE_SIZE: usize = 0x20 + REPORT_SIZE;

/// Status of a response, inside the sealed payload.
pub mod status {
    /// Success.
    pub const OK: u32 = 0;
    /// A parameter is not acceptable.
    pub const INVALID_PARAMETERS: u32 = 0x16;
    /// The key asked for is not available.
    pub const INVALID_KEY_SELECTION: u32 = 0x27;
}

/// Firmware status in SW_EXITINFO2\[31:0\], as far as it is made here; unauthenticated.
pub mod firmware_status {
    /// Success.
    pub const SUCCESS: u32 = 0;
    /// A parameter is not acceptable, a sequence number included.
    pub const INVALID_PARAM: u32 = 0x16;
    /// The message cannot be authenticated.
    pub const BAD_MEASUREMENT: u32 = 0x0B;
    /// The key is not usable.
    pub const INVALID_KEY: u32 = 0x27;
    /// The sequence number is used up.
    pub const AEAD_OFLOW: u32 = 0x1D;
}

/// MSG_KEY_REQ, version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct KeyRequest {
    /// Bit 0: root is the VMRK; bits 2:1 KEY_SEL.
    pub root_key_select: u32,
    /// Zero.
    pub reserved_04: u32,
    /// Which fields of the launch are mixed in: 0 policy, 1 image ID, 2 family ID, 3 measurement, 4 SVN, 5 TCB.
    pub guest_field_select: u64,
    /// Level mixed in.
    pub vmpl: u32,
    /// SVN mixed in.
    pub guest_svn: u32,
    /// TCB mixed in.
    pub tcb_version: u64,
}

assert_layout!(KeyRequest, size 0x20, guest_field_select @ 8, vmpl @ 0x10, guest_svn @ 0x14, tcb_version @ 0x18);

/// MSG_KEY_RSP. Not printable: it holds a key.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct KeyResponse {
    /// One of [`status`].
    pub status: u32,
    /// Reserved.
    pub reserved: [u8; 28],
    /// The derived key.
    pub key: [u8; 32],
}

assert_layout!(KeyResponse, size 0x40, status @ 0, key @ 0x20);

/// MSG_TSC_INFO_REQ: nothing but zeros.
pub const TSC_INFO_REQUEST: [u8; 0x80] = [0; 0x80];

/// MSG_TSC_INFO_RSP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TscInfoResponse {
    /// One of [`status`].
    pub status: u32,
    /// Reserved.
    pub reserved_04: u32,
    /// GUEST_TSC_SCALE for new VMSAs.
    pub tsc_scale: u64,
    /// GUEST_TSC_OFFSET for new VMSAs.
    pub tsc_offset: u64,
    /// TSC_FACTOR, as in the secrets page.
    pub tsc_factor: u32,
    /// Reserved.
    pub reserved_1c: [u8; 100],
}

assert_layout!(TscInfoResponse, size 0x80, status @ 0, tsc_scale @ 8, tsc_offset @ 0x10, tsc_factor @ 0x18);

#[cfg(test)]
mod tests {
    use super::*;

    // The header of a report request under VMPCK0 with sequence number 1, from facts worked out with the Python cryptography package.
    #[test]
    fn aad_and_iv_of_first_report_request() {
        let header = MessageHeader::new(msg_type::REPORT_REQ, 1, 0, 0x60);
        let mut aad = [0; 48];
        aad[..8].copy_from_slice(&[0x01, 0x01, 0x60, 0x00, 0x05, 0x01, 0x60, 0x00]);
        assert_eq!(header.aad(), aad);
        assert_eq!(header.iv(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
