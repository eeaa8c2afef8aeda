//! The GHCB page: how an SNP guest and its hypervisor exchange more than one MSR's worth of data (GHCB §2.6, §4.1).
//!
//! The page is shared: the hypervisor may write any byte at any moment. [`Ghcb`] is therefore only the shape; code that talks to a live
//! page reads every field once, by its constant in [`offset`], and works on the copy. What a field may be believed for is decided by
//! whoever consumes it.
//!
//! Fields that one side supplies are marked in a bitmap with one bit for each eight bytes of the page.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Protocol version that SNP needs and that stands at offset 0xFFA on every exit.
pub const VERSION: u16 = 2;

/// Value of the usage field that means "the layout of this file".
pub const USAGE_STANDARD: u32 = 0;

/// Bytes of the shared buffer.
pub const SHARED_BUFFER_SIZE: usize = 0x7F0;

/// Byte offsets of the fields.
pub mod offset {
    /// CPL.
    pub const CPL: usize = 0x0CB;
    /// XSS.
    pub const XSS: usize = 0x140;
    /// DR7.
    pub const DR7: usize = 0x160;
    /// RAX.
    pub const RAX: usize = 0x1F8;
    /// RCX.
    pub const RCX: usize = 0x308;
    /// RDX.
    pub const RDX: usize = 0x310;
    /// RBX.
    pub const RBX: usize = 0x318;
    /// RBP.
    pub const RBP: usize = 0x328;
    /// RSI.
    pub const RSI: usize = 0x330;
    /// RDI.
    pub const RDI: usize = 0x338;
    /// R8.
    pub const R8: usize = 0x340;
    /// SW_EXITCODE.
    pub const SW_EXITCODE: usize = 0x390;
    /// SW_EXITINFO1.
    pub const SW_EXITINFO1: usize = 0x398;
    /// SW_EXITINFO2.
    pub const SW_EXITINFO2: usize = 0x3A0;
    /// SW_SCRATCH: GPA of a buffer, for us always inside this page.
    pub const SW_SCRATCH: usize = 0x3A8;
    /// XCR0.
    pub const XCR0: usize = 0x3E8;
    /// VALID_BITMAP, 16 bytes.
    pub const VALID_BITMAP: usize = 0x3F0;
    /// The shared buffer, [`SHARED_BUFFER_SIZE`](super::SHARED_BUFFER_SIZE) bytes.
    pub const SHARED_BUFFER: usize = 0x800;
    /// Protocol version, 16 bits.
    pub const VERSION: usize = 0xFFA;
    /// Usage, 32 bits.
    pub const USAGE: usize = 0xFFC;
}

/// The page as a private copy.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "fields carry the specification's names")]
pub struct Ghcb {
    pub reserved_000: [u8; 0xCB],
    pub cpl: u8,
    pub reserved_0cc: [u8; 0x74],
    pub xss: u64,
    pub reserved_148: [u8; 0x18],
    pub dr7: u64,
    pub reserved_168: [u8; 0x10],
    pub rip: u64,
    pub reserved_180: [u8; 0x58],
    pub rsp: u64,
    pub reserved_1e0: [u8; 0x18],
    pub rax: u64,
    pub reserved_200: [u8; 0x108],
    pub rcx: u64,
    pub rdx: u64,
    pub rbx: u64,
    pub reserved_320: [u8; 8],
    pub rbp: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub r8_to_r15: [u64; 8],
    pub reserved_380: [u8; 0x10],
    pub sw_exit_code: u64,
    pub sw_exit_info_1: u64,
    pub sw_exit_info_2: u64,
    pub sw_scratch: u64,
    pub reserved_3b0: [u8; 0x38],
    pub xcr0: u64,
    pub valid_bitmap: [u64; 2],
    pub x87_state_gpa: u64,
    pub reserved_408: [u8; 0x3F8],
    pub shared_buffer: [u8; SHARED_BUFFER_SIZE],
    pub reserved_ff0: [u8; 10],
    pub version: u16,
    pub usage: u32,
}

assert_layout!(Ghcb, size 0x1000,
    cpl @ offset::CPL, xss @ offset::XSS, dr7 @ offset::DR7, rip @ 0x178, rsp @ 0x1D8, rax @ offset::RAX, rcx @ offset::RCX, rdx @ offset::RDX,
    rbx @ offset::RBX, rbp @ offset::RBP, rsi @ offset::RSI, rdi @ offset::RDI, r8_to_r15 @ offset::R8, sw_exit_code @ offset::SW_EXITCODE,
    sw_exit_info_1 @ offset::SW_EXITINFO1, sw_exit_info_2 @ offset::SW_EXITINFO2, sw_scratch @ offset::SW_SCRATCH, xcr0 @ offset::XCR0,
    valid_bitmap @ offset::VALID_BITMAP, x87_state_gpa @ 0x400, shared_buffer @ offset::SHARED_BUFFER, version @ offset::VERSION,
    usage @ offset::USAGE);

/// Word and bit of VALID_BITMAP that stand for the field at `field_offset`: bit n covers the eight bytes from 8n.
pub const fn valid_bit(field_offset: usize) -> (usize, u64) {
    let bit = field_offset / 8;
    (bit / 64, 1 << (bit % 64))
}

/// SW_EXITCODE values (GHCB §4.1): the SVM exit codes that a guest forwards, and the protocol's own events.
pub mod exit {
    /// Read of DR7.
    pub const DR7_READ: u64 = 0x27;
    /// Write of DR7.
    pub const DR7_WRITE: u64 = 0x37;
    /// RDTSC; with Secure TSC its #VC is an attack.
    pub const RDTSC: u64 = 0x6E;
    /// RDPMC.
    pub const RDPMC: u64 = 0x6F;
    /// CPUID.
    pub const CPUID: u64 = 0x72;
    /// INVD.
    pub const INVD: u64 = 0x76;
    /// Port input or output.
    pub const IOIO: u64 = 0x7B;
    /// RDMSR (SW_EXITINFO1 = 0) or WRMSR (1).
    pub const MSR: u64 = 0x7C;
    /// VMMCALL.
    pub const VMMCALL: u64 = 0x81;
    /// RDTSCP.
    pub const RDTSCP: u64 = 0x87;
    /// WBINVD.
    pub const WBINVD: u64 = 0x89;
    /// MONITOR.
    pub const MONITOR: u64 = 0x8A;
    /// MWAIT.
    pub const MWAIT: u64 = 0x8B;
    /// Nested page fault with a reserved bit set: MMIO.
    pub const NPF_MMIO: u64 = 0x400;
    /// VMGEXIT, as hardware writes it into GUEST_EXITCODE (APM table 15-33).
    pub const VMGEXIT: u64 = 0x403;
    /// Access to a page that is assigned and not validated; only ever a #VC code.
    pub const PAGE_NOT_VALIDATED: u64 = 0x404;
    /// MMIO read.
    pub const MMIO_READ: u64 = 0x8000_0001;
    /// MMIO write.
    pub const MMIO_WRITE: u64 = 0x8000_0002;
    /// NMI complete.
    pub const NMI_COMPLETE: u64 = 0x8000_0003;
    /// AP reset hold.
    pub const AP_RESET_HOLD: u64 = 0x8000_0004;
    /// Page state change; the list is in the shared buffer ([`psc`](crate::psc)).
    pub const PAGE_STATE_CHANGE: u64 = 0x8000_0010;
    /// Guest request to the PSP: I1 request page, I2 response page.
    pub const GUEST_REQUEST: u64 = 0x8000_0011;
    /// The same with certificates: RAX data GPA, RBX pages.
    pub const EXTENDED_GUEST_REQUEST: u64 = 0x8000_0012;
    /// AP creation ([`ApCreation`](super::ApCreation)).
    pub const AP_CREATION: u64 = 0x8000_0013;
    /// Run a VMPL: I1 target VMPL, I2 0.
    pub const RUN_VMPL: u64 = 0x8000_0018;
    /// Hypervisor features; the answer is in I2.
    pub const HYPERVISOR_FEATURES: u64 = 0x8000_FFFD;
    /// Termination request: I1 `[3:0]` set, `[11:4]` code.
    pub const TERMINATION: u64 = 0x8000_FFFE;
    /// An exit that the guest does not support.
    pub const UNSUPPORTED_EVENT: u64 = 0x8000_FFFF;
}

/// How the hypervisor answered an event: the low half of SW_EXITINFO1 and, where it says so, SW_EXITINFO2 (GHCB §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event is done.
    Done,
    /// The hypervisor asks the guest to raise an exception, in EVENTINJ format.
    Exception(u64),
    /// The hypervisor calls the input malformed, with this sub-error.
    Malformed(u32),
    /// A value without meaning.
    Unknown(u32),
}

impl Outcome {
    /// Decodes what stands in SW_EXITINFO1 and SW_EXITINFO2 after the exit.
    pub const fn decode(info1: u64, info2: u64) -> Self {
        match info1 as u32 {
            0 => Outcome::Done,
            1 => Outcome::Exception(info2),
            2 => Outcome::Malformed(info2 as u32),
            other => Outcome::Unknown(other),
        }
    }
}

/// Sub-errors of [`Outcome::Malformed`].
pub mod malformed {
    /// The GHCB is not registered.
    pub const NOT_REGISTERED: u32 = 1;
    /// The usage field is not one that the hypervisor knows.
    pub const USAGE: u32 = 2;
    /// The scratch area is not inside the GHCB.
    pub const SCRATCH: u32 = 3;
    /// A field that the event needs is not marked valid.
    pub const MISSING_INPUT: u32 = 4;
    /// A field's value is not acceptable.
    pub const INVALID_INPUT: u32 = 5;
    /// The event is not known.
    pub const INVALID_EVENT: u32 = 6;
}

/// Width of one port access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoWidth {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Dword,
}

impl IoWidth {
    /// The part of RAX that carries data.
    pub const fn mask(self) -> u64 {
        match self {
            IoWidth::Byte => 0xFF,
            IoWidth::Word => 0xFFFF,
            IoWidth::Dword => 0xFFFF_FFFF,
        }
    }
}

/// One non-string port access, as SW_EXITINFO1 of the IOIO event encodes it (GHCB §4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoAccess {
    /// The port.
    pub port: u16,
    /// How many bits.
    pub width: IoWidth,
    /// True for IN, false for OUT.
    pub input: bool,
}

impl IoAccess {
    /// SW_EXITINFO1. The address size is 64 bits, which only string forms use.
    pub const fn encode(self) -> u64 {
        let width = match self.width {
            IoWidth::Byte => 1 << 4,
            IoWidth::Word => 1 << 5,
            IoWidth::Dword => 1 << 6,
        };
        (self.port as u64) << 16 | width | 1 << 9 | self.input as u64
    }

    /// Decodes SW_EXITINFO1; `None` for string and repeated forms and for anything but exactly one width.
    pub const fn decode(info1: u64) -> Option<Self> {
        if info1 & 0b1100 != 0 {
            return None;
        }
        let width = match info1 >> 4 & 0b111 {
            0b001 => IoWidth::Byte,
            0b010 => IoWidth::Word,
            0b100 => IoWidth::Dword,
            _ => return None,
        };
        Some(IoAccess {
            port: (info1 >> 16) as u16,
            width,
            input: info1 & 1 != 0,
        })
    }
}

/// What an AP creation event asks for: `SW_EXITINFO1[15:0]` (GHCB §4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApRequest {
    /// Register the VMSA; it runs on INIT.
    CreateOnInit,
    /// Register the VMSA and let it run.
    Create,
    /// Forget the vCPU's VMSA.
    Destroy,
}

/// SW_EXITINFO1 of an AP creation event. I2 carries the VMSA's GPA, RAX its SEV_FEATURES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApCreation {
    /// What to do.
    pub request: ApRequest,
    /// VMPL that the VMSA is for.
    pub vmpl: u8,
    /// The vCPU.
    pub apic_id: u32,
}

impl ApCreation {
    /// SW_EXITINFO1.
    pub const fn encode(self) -> u64 {
        let request = match self.request {
            ApRequest::CreateOnInit => 0,
            ApRequest::Create => 1,
            ApRequest::Destroy => 2,
        };
        (self.apic_id as u64) << 32 | ((self.vmpl & 0xF) as u64) << 16 | request
    }

    /// Decodes SW_EXITINFO1; `None` when reserved bits are set or the request is not one of the three.
    pub const fn decode(info1: u64) -> Option<Self> {
        let request = match info1 & 0xFFFF {
            0 => ApRequest::CreateOnInit,
            1 => ApRequest::Create,
            2 => ApRequest::Destroy,
            _ => return None,
        };
        if info1 & 0xFFF0_0000 != 0 {
            return None;
        }
        Some(ApCreation {
            request,
            vmpl: (info1 >> 16 & 0xF) as u8,
            apic_id: (info1 >> 32) as u32,
        })
    }
}

/// SW_EXITINFO2 after a guest request (GHCB §4.1.7): two status words, neither of which is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestRequestStatus {
    /// The firmware's status, 0 for success.
    pub firmware: u32,
    /// The hypervisor's status: one of [`GuestRequestStatus::OK`], [`INVALID_LENGTH`](Self::INVALID_LENGTH), [`BUSY`](Self::BUSY).
    pub vmm: u32,
}

impl GuestRequestStatus {
    /// The request went to the PSP.
    pub const OK: u32 = 0;
    /// Extended requests only: the certificate buffer is too small, RBX says how many pages it takes.
    pub const INVALID_LENGTH: u32 = 1;
    /// Try again with the same bytes.
    pub const BUSY: u32 = 2;

    /// Splits SW_EXITINFO2.
    pub const fn decode(info2: u64) -> Self {
        GuestRequestStatus {
            firmware: info2 as u32,
            vmm: (info2 >> 32) as u32,
        }
    }

    /// SW_EXITINFO2.
    pub const fn encode(self) -> u64 {
        (self.vmm as u64) << 32 | self.firmware as u64
    }
}

bitflags::bitflags! {
    /// Hypervisor features (GHCB §2.2): the hypervisor's claim of what it can do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u64 {
        /// SEV-SNP.
        const SNP = 1 << 0;
        /// AP creation.
        const AP_CREATION = 1 << 1;
        /// Restricted injection.
        const RESTRICTED_INJECTION = 1 << 2;
        /// Restricted injection timer.
        const RESTRICTED_INJECTION_TIMER = 1 << 3;
        /// APIC ID list.
        const APIC_ID_LIST = 1 << 4;
        /// Run VMPL.
        const MULTI_VMPL = 1 << 5;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Bit numbers from GHCB §2.6 (table 3), where RAX is bit 63 and RCX bit 97.
    #[test]
    fn valid_bit_of_rax_and_rcx_follows_table_3() {
        assert_eq!(valid_bit(offset::RAX), (0, 1 << 63));
        assert_eq!(valid_bit(offset::RCX), (1, 1 << (97 - 64)));
        assert_eq!(valid_bit(offset::SW_SCRATCH), (1, 1 << (117 - 64)));
    }

    // GHCB §4.1.2: OUT of one byte to COM1 with 64-bit address size.
    #[test]
    fn io_access_encodes_com1_byte_output() {
        let out = IoAccess {
            port: 0x3F8,
            width: IoWidth::Byte,
            input: false,
        };
        assert_eq!(out.encode(), 0x03F8_0210);
        assert_eq!(IoAccess::decode(out.encode()), Some(out));
        assert_eq!(IoAccess::decode(0x03F8_0200), None, "no width");
        assert_eq!(IoAccess::decode(0x03F8_0214), None, "string form");
    }

    // GHCB §4.1.9: request, VMPL and APIC ID each in its own field.
    #[test]
    fn ap_creation_round_trips_and_refuses_reserved_bits() {
        let ap = ApCreation {
            request: ApRequest::Create,
            vmpl: 2,
            apic_id: 7,
        };
        assert_eq!(ap.encode(), 0x7_0002_0001);
        assert_eq!(ApCreation::decode(ap.encode()), Some(ap));
        assert_eq!(ApCreation::decode(ap.encode() | 1 << 20), None);
        assert_eq!(ApCreation::decode(3), None);
    }
}
