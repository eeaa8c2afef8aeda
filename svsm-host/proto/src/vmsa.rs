//! The VM save area: the encrypted page from which hardware loads a vCPU at one VMPL and to which it saves it (APM volume 2, table B-4).
//!
//! The image builder writes one for the SVSM's first entry, the SVSM writes one for the guest, and a guest that starts more vCPUs brings its
//! own, whose every field is then hostile. The SVSM reads single fields of a live VMSA by [`offset`]; this type is for a page as a whole.
//!
//! GUEST_EXITCODE and the words around it are hardware's: they say why the level left, and nobody below VMPL0 can write them.

use crate::{VMPL_COUNT, assert_layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// GPA that KVM gives to every VMSA that is measured at launch.
pub const KVM_LAUNCH_GPA: u64 = 0xFFFF_FFFF_F000;

/// Byte offsets of the fields that are read or written one by one.
pub mod offset {
    /// VMPL, one byte.
    pub const VMPL: usize = 0x0CA;
    /// EFER.
    pub const EFER: usize = 0x0D0;
    /// RIP.
    pub const RIP: usize = 0x178;
    /// RSP.
    pub const RSP: usize = 0x1D8;
    /// RAX.
    pub const RAX: usize = 0x1F8;
    /// RCX.
    pub const RCX: usize = 0x308;
    /// RDX.
    pub const RDX: usize = 0x310;
    /// RBX.
    pub const RBX: usize = 0x318;
    /// RSI.
    pub const RSI: usize = 0x330;
    /// R8.
    pub const R8: usize = 0x340;
    /// R9.
    pub const R9: usize = 0x348;
    /// GUEST_EXITINFO1.
    pub const GUEST_EXITINFO1: usize = 0x390;
    /// GUEST_EXITINFO2.
    pub const GUEST_EXITINFO2: usize = 0x398;
    /// GUEST_EXITINTINFO.
    pub const GUEST_EXITINTINFO: usize = 0x3A0;
    /// SEV_FEATURES.
    pub const SEV_FEATURES: usize = 0x3B0;
    /// GUEST_EXITCODE.
    pub const GUEST_EXITCODE: usize = 0x3C0;
    /// PCPU_ID; zero asks for a TLB flush at the next entry.
    pub const PCPU_ID: usize = 0x3D8;
    /// EVENTINJ.
    pub const EVENTINJ: usize = 0x3E0;
}

/// EFER bits.
pub mod efer {
    /// Long mode enable.
    pub const LME: u64 = 1 << 8;
    /// Long mode active.
    pub const LMA: u64 = 1 << 10;
    /// No-execute enable.
    pub const NXE: u64 = 1 << 11;
    /// SVM enable; a VMSA without it cannot be run.
    pub const SVME: u64 = 1 << 12;
}

/// Segment attributes in the compressed form of the save area.
pub mod attributes {
    /// 64-bit code: present, readable, accessed, L, G.
    pub const CODE64: u16 = 0xA9B;
    /// 32-bit code: present, readable, accessed, D, G.
    pub const CODE32: u16 = 0xC9B;
    /// Data: present, writable, accessed, B, G.
    pub const DATA: u16 = 0xC93;
    /// Busy TSS.
    pub const TSS_BUSY: u16 = 0x8B;
    /// LDT.
    pub const LDT: u16 = 0x82;
}

/// Packs the 16-bit attributes of a descriptor (with AVL, L, D, G in bits 12 to 15) into the save area's form.
pub const fn compress_attributes(descriptor: u16) -> u16 {
    descriptor & 0xFF | descriptor >> 4 & 0xF00
}

/// IA32_PAT at reset.
pub const PAT_RESET: u64 = 0x0007_0406_0007_0406;
/// DR6 at reset.
pub const DR6_RESET: u64 = 0xFFFF_0FF0;
/// DR7 at reset.
pub const DR7_RESET: u64 = 0x400;
/// MXCSR at reset.
pub const MXCSR_RESET: u32 = 0x1F80;
/// x87 tag word at reset, in the save area's full form.
pub const X87_FTW_RESET: u16 = 0x5555;
/// x87 control word at reset.
pub const X87_FCW_RESET: u16 = 0x0040;
/// x87 control word after FNINIT, which software expects.
pub const X87_FCW_INIT: u16 = 0x037F;

bitflags::bitflags! {
    /// SEV_FEATURES (VMSA 0x3B0); SEV_STATUS holds the same bits two positions higher (APM volume 2 §15.34.10).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SevFeatures: u64 {
        /// SEV-SNP.
        const SNP = 1 << 0;
        /// Virtual top of memory.
        const VTOM = 1 << 1;
        /// Every #VC goes to VMPL0.
        const REFLECT_VC = 1 << 2;
        /// The host injects #HV only.
        const RESTRICTED_INJECTION = 1 << 3;
        /// The host injects nothing.
        const ALTERNATE_INJECTION = 1 << 4;
        /// Debug registers are swapped.
        const DEBUG_SWAP = 1 << 5;
        /// No instruction-based sampling by the host.
        const PREVENT_HOST_IBS = 1 << 6;
        /// Branch target isolation.
        const BTB_ISOLATION = 1 << 7;
        /// Supervisor shadow stacks per VMPL.
        const VMPL_SSS = 1 << 8;
        /// Secure TSC.
        const SECURE_TSC = 1 << 9;
        /// VMGEXIT parameter.
        const VMGEXIT_PARAMETER = 1 << 10;
        /// Performance counter virtualisation.
        const PMC_VIRTUALIZATION = 1 << 11;
        /// IBS virtualisation.
        const IBS_VIRTUALIZATION = 1 << 12;
        /// Guest intercept control.
        const GUEST_INTERCEPT_CONTROL = 1 << 13;
        /// VMSA register protection.
        const VMSA_REG_PROT = 1 << 14;
        /// SMT protection.
        const SMT_PROTECTION = 1 << 15;
        /// Secure AVIC.
        const SECURE_AVIC = 1 << 16;
        /// IBPB on entry.
        const IBPB_ON_ENTRY = 1 << 21;
    }
}

/// MSR that shows the active features, read-only and never intercepted.
pub const SEV_STATUS_MSR: u32 = 0xC001_0131;

/// SEV_STATUS bits 0 and 1 (SEV and SEV-ES), below the features.
pub const SEV_STATUS_SEV_ES: u64 = 0b11;

impl SevFeatures {
    /// The features that a SEV_STATUS value shows; unknown bits are kept.
    pub const fn from_sev_status(status: u64) -> Self {
        SevFeatures::from_bits_retain(status >> 2)
    }
}

/// One segment register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Attributes in compressed form.
    pub attributes: u16,
    /// Limit in bytes, already expanded.
    pub limit: u32,
    /// Base.
    pub base: u64,
}

assert_layout!(Segment, size 16, selector @ 0, attributes @ 2, limit @ 4, base @ 8);

/// The save area's page.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "fields carry the specification's names")]
pub struct Vmsa {
    pub es: Segment,
    pub cs: Segment,
    pub ss: Segment,
    pub ds: Segment,
    pub fs: Segment,
    pub gs: Segment,
    pub gdtr: Segment,
    pub ldtr: Segment,
    pub idtr: Segment,
    pub tr: Segment,
    pub pl_ssp: [u64; VMPL_COUNT],
    pub u_cet: u64,
    pub reserved_0c8: [u8; 2],
    pub vmpl: u8,
    pub cpl: u8,
    pub reserved_0cc: [u8; 4],
    pub efer: u64,
    pub reserved_0d8: [u8; 104],
    pub xss: u64,
    pub cr4: u64,
    pub cr3: u64,
    pub cr0: u64,
    pub dr7: u64,
    pub dr6: u64,
    pub rflags: u64,
    pub rip: u64,
    pub dr: [u64; 4],
    pub dr_mask: [u64; 4],
    pub reserved_1c0: [u8; 24],
    pub rsp: u64,
    pub s_cet: u64,
    pub ssp: u64,
    pub isst_addr: u64,
    pub rax: u64,
    pub star: u64,
    pub lstar: u64,
    pub cstar: u64,
    pub sfmask: u64,
    pub kernel_gs_base: u64,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub cr2: u64,
    pub reserved_248: [u8; 32],
    pub g_pat: u64,
    pub dbgctl: u64,
    pub br_from: u64,
    pub br_to: u64,
    pub lastexcp_from: u64,
    pub lastexcp_to: u64,
    pub reserved_298: [u8; 72],
    pub spec_ctrl: u64,
    pub pkru: u32,
    pub tsc_aux: u32,
    pub guest_tsc_scale: u64,
    pub guest_tsc_offset: u64,
    pub reg_prot_nonce: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rbx: u64,
    pub secure_avic_control: u64,
    pub rbp: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10_to_r15: [u64; 6],
    pub reserved_380: [u8; 16],
    pub guest_exitinfo1: u64,
    pub guest_exitinfo2: u64,
    pub guest_exitintinfo: u64,
    pub guest_nrip: u64,
    pub sev_features: u64,
    pub vintr_ctrl: u64,
    pub guest_exitcode: u64,
    pub virtual_tom: u64,
    pub tlb_id: u64,
    pub pcpu_id: u64,
    pub eventinj: u64,
    pub xcr0: u64,
    pub reserved_3f0: [u8; 16],
    pub x87_dp: u64,
    pub mxcsr: u32,
    pub x87_ftw: u16,
    pub x87_fsw: u16,
    pub x87_fcw: u16,
    pub x87_fop: u16,
    pub x87_ds: u16,
    pub x87_cs: u16,
    pub x87_rip: u64,
    pub fpreg_x87: [u8; 80],
    pub fpreg_xmm: [u8; 256],
    pub fpreg_ymm: [u8; 256],
    pub lbr_and_ibs: [u8; 0x290],
    pub guest_intercepts: [u8; 64],
    pub reserved_940: [u8; 1728],
}

assert_layout!(Vmsa, size 0x1000,
    es @ 0x000, cs @ 0x010, ss @ 0x020, ds @ 0x030, fs @ 0x040, gs @ 0x050, gdtr @ 0x060, ldtr @ 0x070, idtr @ 0x080, tr @ 0x090,
    pl_ssp @ 0x0A0, u_cet @ 0x0C0, vmpl @ offset::VMPL, cpl @ 0x0CB, efer @ offset::EFER, xss @ 0x140, cr4 @ 0x148, cr3 @ 0x150,
    cr0 @ 0x158, dr7 @ 0x160, dr6 @ 0x168, rflags @ 0x170, rip @ offset::RIP, dr @ 0x180, dr_mask @ 0x1A0, rsp @ offset::RSP,
    s_cet @ 0x1E0, ssp @ 0x1E8, isst_addr @ 0x1F0, rax @ offset::RAX, star @ 0x200, kernel_gs_base @ 0x220, sysenter_cs @ 0x228,
    cr2 @ 0x240, g_pat @ 0x268, dbgctl @ 0x270, spec_ctrl @ 0x2E0, pkru @ 0x2E8, tsc_aux @ 0x2EC, guest_tsc_scale @ 0x2F0,
    guest_tsc_offset @ 0x2F8, reg_prot_nonce @ 0x300, rcx @ offset::RCX, rdx @ offset::RDX, rbx @ offset::RBX, rbp @ 0x328,
    rsi @ offset::RSI, rdi @ 0x338, r8 @ offset::R8, r9 @ offset::R9, r10_to_r15 @ 0x350, guest_exitinfo1 @ offset::GUEST_EXITINFO1,
    guest_exitinfo2 @ offset::GUEST_EXITINFO2, guest_exitintinfo @ offset::GUEST_EXITINTINFO, guest_nrip @ 0x3A8,
    sev_features @ offset::SEV_FEATURES, vintr_ctrl @ 0x3B8, guest_exitcode @ offset::GUEST_EXITCODE, virtual_tom @ 0x3C8,
    tlb_id @ 0x3D0, pcpu_id @ offset::PCPU_ID, eventinj @ offset::EVENTINJ, xcr0 @ 0x3E8, x87_dp @ 0x400, mxcsr @ 0x408,
    x87_ftw @ 0x40C, x87_fcw @ 0x410, x87_rip @ 0x418, fpreg_x87 @ 0x420, fpreg_xmm @ 0x470, fpreg_ymm @ 0x570, lbr_and_ibs @ 0x670,
    guest_intercepts @ 0x900, reserved_940 @ 0x940);

/// Where 64-bit code starts, and with which selectors and page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongModeStart {
    /// Selector of the flat code segment.
    pub code: u16,
    /// Selector of the flat data segments.
    pub data: u16,
    /// CR3.
    pub cr3: u64,
    /// RIP.
    pub rip: u64,
    /// RSP.
    pub rsp: u64,
}

impl Vmsa {
    /// Writes the state of 64-bit mode with paging, flat segments and no interrupts, everything else as after reset (APM volume 2 §14.1.3, §15.5).
    /// Level, features, TSC and general registers are left to the caller.
    pub fn start_in_long_mode(&mut self, start: &LongModeStart) {
        const CR0: u64 = 0x8001_0033; // PG, WP, NE, ET, MP, PE
        const CR4: u64 = 0x660; // OSXMMEXCPT, OSFXSR, MCE, PAE
        let flat = |selector, attributes| Segment {
            selector,
            attributes,
            limit: u32::MAX,
            base: 0,
        };
        let system = |attributes| Segment {
            selector: 0,
            attributes,
            limit: 0xFFFF,
            base: 0,
        };
        self.cs = flat(start.code, attributes::CODE64);
        for segment in [&mut self.ds, &mut self.es, &mut self.ss, &mut self.fs, &mut self.gs] {
            *segment = flat(start.data, attributes::DATA);
        }
        (self.gdtr, self.idtr) = (system(0), system(0));
        self.ldtr = system(attributes::LDT);
        self.tr = system(attributes::TSS_BUSY);
        self.efer = efer::LME | efer::LMA | efer::NXE | efer::SVME;
        (self.cr0, self.cr3, self.cr4) = (CR0, start.cr3, CR4);
        self.rflags = 2;
        (self.rip, self.rsp) = (start.rip, start.rsp);
        (self.dr6, self.dr7) = (DR6_RESET, DR7_RESET);
        self.g_pat = PAT_RESET;
        self.xcr0 = 1;
        self.mxcsr = MXCSR_RESET;
        (self.x87_ftw, self.x87_fcw) = (X87_FTW_RESET, X87_FCW_RESET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Pairs from APM volume 2 §15.5: descriptor attributes and what the save area holds for them.
    #[test]
    fn attributes_compress_to_save_area_form() {
        assert_eq!(compress_attributes(0xA09B), attributes::CODE64);
        assert_eq!(compress_attributes(0xC09B), attributes::CODE32);
        assert_eq!(compress_attributes(0xC093), attributes::DATA);
    }

    // APM volume 2 §15.34.10: SNP is bit 2 of SEV_STATUS, Secure TSC bit 11.
    #[test]
    fn sev_status_shows_features_two_bits_higher() {
        let features = SevFeatures::from_sev_status(0b111 | 1 << 11);
        assert_eq!(features, SevFeatures::SNP | SevFeatures::SECURE_TSC);
    }
}
