//! The attestation report (SNP firmware ABI, ATTESTATION_REPORT, versions 2 to 5).
//!
//! Believable only after its signature has been verified over the first 0x2A0 bytes; the SVSM does not verify it (it trusts the GCM tag of
//! the message that brought it), a relying party must. Fields that newer versions gave a meaning read as zero in older reports.

use crate::assert_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a report.
pub const REPORT_SIZE: usize = 0x4A0;

/// Bytes that the signature covers, from the start.
pub const SIGNED_SIZE: usize = 0x2A0;

/// SIGNATURE_ALGO: ECDSA over P-384 with SHA-384.
pub const ALGO_ECDSA_P384_SHA384: u32 = 1;

/// Bytes of one signature component, little-endian, of which 48 are significant.
pub const COMPONENT_SIZE: usize = 72;

/// ECDSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Signature {
    /// R, little-endian.
    pub r: [u8; COMPONENT_SIZE],
    /// S, little-endian.
    pub s: [u8; COMPONENT_SIZE],
    /// Zero.
    pub reserved: [u8; 368],
}

assert_layout!(Signature, size 512, r @ 0, s @ 72);

/// The report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "fields carry the specification's names")]
pub struct AttestationReport {
    pub version: u32,
    pub guest_svn: u32,
    pub policy: u64,
    pub family_id: [u8; 16],
    pub image_id: [u8; 16],
    pub vmpl: u32,
    pub signature_algo: u32,
    pub current_tcb: [u8; 8],
    pub platform_info: u64,
    pub key_info: u32,
    pub reserved_04c: u32,
    pub report_data: [u8; 64],
    pub measurement: [u8; 48],
    pub host_data: [u8; 32],
    pub id_key_digest: [u8; 48],
    pub author_key_digest: [u8; 48],
    pub report_id: [u8; 32],
    pub report_id_ma: [u8; 32],
    pub reported_tcb: [u8; 8],
    pub cpuid_fam_id: u8,
    pub cpuid_mod_id: u8,
    pub cpuid_step: u8,
    pub reserved_18b: [u8; 21],
    pub chip_id: [u8; 64],
    pub committed_tcb: [u8; 8],
    pub current_build: u8,
    pub current_minor: u8,
    pub current_major: u8,
    pub reserved_1eb: u8,
    pub committed_build: u8,
    pub committed_minor: u8,
    pub committed_major: u8,
    pub reserved_1ef: u8,
    pub launch_tcb: [u8; 8],
    pub launch_mit_vector: u64,
    pub current_mit_vector: u64,
    pub reserved_208: [u8; 152],
    pub signature: Signature,
}

assert_layout!(AttestationReport, size REPORT_SIZE, version @ 0, guest_svn @ 4, policy @ 8, family_id @ 0x10, image_id @ 0x20, vmpl @ 0x30,
    signature_algo @ 0x34, current_tcb @ 0x38, platform_info @ 0x40, key_info @ 0x48, report_data @ 0x50, measurement @ 0x90,
    host_data @ 0xC0, id_key_digest @ 0xE0, author_key_digest @ 0x110, report_id @ 0x140, report_id_ma @ 0x160, reported_tcb @ 0x180,
    cpuid_fam_id @ 0x188, cpuid_mod_id @ 0x189, cpuid_step @ 0x18A, chip_id @ 0x1A0, committed_tcb @ 0x1E0, current_build @ 0x1E8,
    committed_build @ 0x1EC, launch_tcb @ 0x1F0, launch_mit_vector @ 0x1F8, current_mit_vector @ 0x200, signature @ SIGNED_SIZE);

impl AttestationReport {
    /// A private copy of exactly [`REPORT_SIZE`] bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        AttestationReport::read_from_bytes(bytes).ok()
    }

    /// The bytes that the signature covers.
    pub fn signed_bytes(&self) -> &[u8] {
        self.as_bytes().split_at(SIGNED_SIZE).0
    }
}

bitflags::bitflags! {
    /// Guest policy (SNP firmware ABI, "Guest Policy"), version numbers apart.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Policy: u64 {
        /// SMT is allowed.
        const SMT = 1 << 16;
        /// Must be one.
        const RESERVED_ONE = 1 << 17;
        /// A migration agent is allowed.
        const MIGRATE_MA = 1 << 18;
        /// Debugging is allowed: the hypervisor can read the guest.
        const DEBUG = 1 << 19;
        /// One socket only.
        const SINGLE_SOCKET = 1 << 20;
        /// CXL is allowed.
        const CXL_ALLOW = 1 << 21;
        /// AES-256-XTS is required.
        const MEM_AES_256_XTS = 1 << 22;
        /// RAPL must be off.
        const RAPL_DIS = 1 << 23;
        /// Ciphertext hiding is required.
        const CIPHERTEXT_HIDING = 1 << 24;
        /// Page swapping is off.
        const PAGE_SWAP_DISABLE = 1 << 25;
    }
}
