//! The secrets page: what the PSP gives to VMPL0 at launch, keys included (SNP firmware ABI, SNP_LAUNCH_UPDATE; GHCB §2.7).
//!
//! The PSP writes it, encrypted for the guest, so its contents are authentic except GOSVW, which the hypervisor provides. Whoever holds a copy
//! holds the VM's identity: [`SecretsPage`] cannot be printed, and its owner wipes it. The guest gets another copy, without the keys
//! above its level and with the SVSM's fields set.

use crate::{VMPL_COUNT, assert_layout};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of one VM platform communication key.
pub const VMPCK_SIZE: usize = 32;

/// The page.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SecretsPage {
    /// Version of the layout; at least 2.
    pub version: u32,
    /// Bit 0: this is a migration image.
    pub imi: u32,
    /// Family, model, stepping in the form of CPUID 1 EAX.
    pub fms: u32,
    /// Reserved.
    pub reserved_00c: u32,
    /// Workarounds that the hypervisor suggests; untrusted.
    pub gosvw: [u8; 16],
    /// One key for each VMPL.
    pub vmpck: [[u8; VMPCK_SIZE]; VMPL_COUNT],
    /// The guest's own area: message sequence numbers and free space.
    pub guest: GuestArea,
    /// Which VMSA words are tweaked under register protection.
    pub vmsa_tweak_bitmap: [u8; 64],
    /// GPA of the SVSM's region; set by the SVSM in the guest's copy.
    pub svsm_base: u64,
    /// Bytes of the region; non-zero says that there is an SVSM.
    pub svsm_size: u64,
    /// GPA of the boot processor's calling area.
    pub svsm_caa: u64,
    /// Newest version of the core protocol.
    pub svsm_max_version: u32,
    /// The level at which the guest runs.
    pub svsm_guest_vmpl: u8,
    /// Reserved.
    pub reserved_15d: [u8; 3],
    /// Effective TSC frequency is nominal - nominal * factor / 100,000.
    pub tsc_factor: u32,
    /// Reserved.
    pub reserved_164: u32,
    /// Mitigations at launch, in newer firmware.
    pub launch_mit_vector: u64,
    /// Reserved.
    pub reserved_170: [u8; 3728],
}

assert_layout!(SecretsPage, size 0x1000, version @ 0, imi @ 4, fms @ 8, gosvw @ 0x10, vmpck @ 0x20, guest @ 0xA0,
    vmsa_tweak_bitmap @ 0x100, svsm_base @ 0x140, svsm_size @ 0x148, svsm_caa @ 0x150, svsm_max_version @ 0x158,
    svsm_guest_vmpl @ 0x15C, tsc_factor @ 0x160, launch_mit_vector @ 0x168);

impl fmt::Debug for SecretsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsPage")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The part of the page that belongs to the guest (GHCB §2.7).
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GuestArea {
    /// Low halves of the message sequence numbers, one for each VMPL.
    pub sequence_low: [u32; VMPL_COUNT],
    /// GPA of the AP jump table of SEV-ES.
    pub ap_jump_table: u64,
    /// High halves of the sequence numbers.
    pub sequence_high: [u32; VMPL_COUNT],
    /// Reserved.
    pub reserved_028: [u8; 22],
    /// Version of this area's layout.
    pub layout_version: u16,
    /// Free for the guest.
    pub guest_usage: [u8; 32],
}

assert_layout!(GuestArea, size 96, sequence_low @ 0, ap_jump_table @ 0x10, sequence_high @ 0x18, layout_version @ 0x3E, guest_usage @ 0x40);

/// Oldest version of the page with everything that is used here.
pub const MIN_VERSION: u32 = 2;
