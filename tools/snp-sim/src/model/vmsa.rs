//! The save area of an SEV-ES guest: field offsets, the form in which KVM launches and measures one, and the checks of VMRUN
//! (APM volume 2, table B-4 and 15.5.1; Linux `sev_es_sync_vmsa`; QEMU's IGVM loader).
//!
//! Save areas come from the image (trusted only after measurement) or from software at VMPL0; VMRUN accepts what the checks accept.

use super::{address::PAGE_SIZE, field};

/// A save area.
pub type Vmsa = [u8; PAGE_SIZE as usize];

/// Field offsets. Segment registers are 16 bytes: selector, attributes, limit, base.
#[expect(missing_docs, reason = "the names are the specification's")]
pub mod at {
    pub const ES: usize = 0x000;
    pub const CS: usize = 0x010;
    pub const SS: usize = 0x020;
    pub const GDTR: usize = 0x060;
    pub const LDTR: usize = 0x070;
    pub const IDTR: usize = 0x080;
    pub const TR: usize = 0x090;
    pub const VMPL: usize = 0x0CA;
    pub const CPL: usize = 0x0CB;
    pub const EFER: usize = 0x0D0;
    pub const CR4: usize = 0x148;
    pub const CR3: usize = 0x150;
    pub const CR0: usize = 0x158;
    pub const DR7: usize = 0x160;
    pub const DR6: usize = 0x168;
    pub const RFLAGS: usize = 0x170;
    pub const RIP: usize = 0x178;
    pub const DR0: usize = 0x180;
    pub const RSP: usize = 0x1D8;
    pub const RAX: usize = 0x1F8;
    pub const STAR: usize = 0x200;
    pub const CR2: usize = 0x240;
    pub const G_PAT: usize = 0x268;
    pub const DBGCTL: usize = 0x270;
    pub const TSC_AUX: usize = 0x2EC;
    pub const TSC_SCALE: usize = 0x2F0;
    pub const TSC_OFFSET: usize = 0x2F8;
    pub const RCX: usize = 0x308;
    pub const RDX: usize = 0x310;
    pub const RBX: usize = 0x318;
    pub const RBP: usize = 0x328;
    pub const RSI: usize = 0x330;
    pub const RDI: usize = 0x338;
    pub const R8: usize = 0x340;
    pub const EXITINFO1: usize = 0x390;
    pub const EXITINFO2: usize = 0x398;
    pub const EXITINTINFO: usize = 0x3A0;
    pub const NRIP: usize = 0x3A8;
    pub const SEV_FEATURES: usize = 0x3B0;
    pub const EXITCODE: usize = 0x3C0;
    pub const PCPU_ID: usize = 0x3D8;
    pub const EVENTINJ: usize = 0x3E0;
    pub const XCR0: usize = 0x3E8;
    pub const MXCSR: usize = 0x408;
    pub const X87_FTW: usize = 0x40C;
    pub const X87_FSW: usize = 0x40E;
    pub const X87_FCW: usize = 0x410;
    pub const X87_REGISTERS: usize = 0x420;
    pub const XMM: usize = 0x470;
}

/// SEV_FEATURES: SNP is active.
pub const FEATURE_SNP: u64 = 1;
/// SEV_FEATURES: debug registers are swapped.
pub const FEATURE_DEBUG_SWAP: u64 = 1 << 5;
/// SEV_FEATURES: Secure TSC.
pub const FEATURE_SECURE_TSC: u64 = 1 << 9;
/// Features of the simulated processor.
pub const FEATURES: u64 = FEATURE_SNP | FEATURE_DEBUG_SWAP | FEATURE_SECURE_TSC;

/// EFER: long mode enabled.
pub const EFER_LME: u64 = 1 << 8;
/// EFER: long mode active.
pub const EFER_LMA: u64 = 1 << 10;
/// EFER: SVM enabled, which VMRUN insists on.
pub const EFER_SVME: u64 = 1 << 12;
/// CR0: protected mode.
pub const CR0_PE: u64 = 1;
/// CR0: paging.
pub const CR0_PG: u64 = 1 << 31;
const CR0_CD_NW: u64 = 3 << 29;
const CR4_PAE: u64 = 1 << 5;
const CR4_MCE: u64 = 1 << 6;
/// EFER: SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR, TCE.
const EFER_DEFINED: u64 = 0xFD01;
/// CR4 bits that the simulated processor defines (no CET, protection keys or five-level paging).
const CR4_DEFINED: u64 = 0x0037_0FFF;

/// Bytes that QEMU's loader lets a context of the image set.
const IMAGE_FIELDS: [core::ops::Range<usize>; 17] = [
    0x000..0x0A0, // segments, GDTR, LDTR, IDTR, TR
    0x0D0..0x0D8, // EFER
    0x148..0x150, // CR4
    0x150..0x160, // CR3, CR0
    0x160..0x170, // DR7, DR6
    0x170..0x180, // RFLAGS, RIP
    0x1D8..0x1E0, // RSP
    0x1F8..0x200, // RAX
    0x268..0x270, // G_PAT
    0x308..0x320, // RCX, RDX, RBX
    0x328..0x340, // RBP, RSI, RDI
    0x340..0x380, // R8 to R15
    0x3B0..0x3B8, // SEV_FEATURES
    0x3E8..0x3F0, // XCR0
    0x408..0x40C, // MXCSR
    0x410..0x412, // X87_FCW
    0x0CB..0x0CC, // CPL
];

/// A 64-bit field.
pub fn get(vmsa: &Vmsa, offset: usize) -> u64 {
    field::read_u64(vmsa, offset).unwrap_or_default()
}

/// Sets a 64-bit field.
pub fn set(vmsa: &mut Vmsa, offset: usize, value: u64) {
    field::write(vmsa, offset, &value.to_le_bytes());
}

/// The save area that KVM builds, launches and measures for a context of the image. `Err` names the first byte that the loader refuses.
pub fn as_kvm_launches(context: &Vmsa) -> Result<Vmsa, usize> {
    let refused =
        |&(offset, &byte): &(usize, &u8)| byte != 0 && !IMAGE_FIELDS.iter().any(|fields| fields.contains(&offset));
    if let Some((offset, _)) = context.iter().enumerate().find(refused) {
        return Err(offset);
    }
    let mut vmsa = *context;
    let (cr0, cr4, efer) = (get(context, at::CR0), get(context, at::CR4), get(context, at::EFER));
    set(&mut vmsa, at::CR0, cr0 & !CR0_CD_NW);
    set(&mut vmsa, at::CR4, cr4 | CR4_MCE);
    set(&mut vmsa, at::EFER, efer | EFER_SVME);
    Ok(vmsa)
}

/// The save area of a virtual processor that the image has no context for: QEMU's reset state as KVM launches it.
pub fn reset_state(signature: u32, features: u64) -> Vmsa {
    let mut vmsa = [0; PAGE_SIZE as usize];
    let mut segment = |offset: usize, selector: u16, attributes: u16, base: u64| {
        field::write(&mut vmsa, offset, &selector.to_le_bytes());
        field::write(&mut vmsa, offset + 2, &attributes.to_le_bytes());
        field::write(&mut vmsa, offset + 4, &0xFFFFu32.to_le_bytes());
        field::write(&mut vmsa, offset + 8, &base.to_le_bytes());
    };
    for index in [0, 2, 3, 4, 5] {
        segment(16 * index, 0, 0x93, 0);
    }
    segment(at::CS, 0xF000, 0x9B, 0xFFFF_0000);
    segment(at::GDTR, 0, 0, 0);
    segment(at::LDTR, 0, 0x82, 0);
    segment(at::IDTR, 0, 0, 0);
    segment(at::TR, 0, 0x8B, 0);
    for (offset, value) in [
        (at::EFER, EFER_SVME),
        (at::CR4, CR4_MCE),
        (at::CR0, 0x10),
        (at::DR7, 0x400),
        (at::DR6, 0xFFFF_0FF0),
        (at::RFLAGS, 2),
        (at::RIP, 0xFFF0),
        (at::G_PAT, 0x0007_0406_0007_0406),
        (at::RDX, u64::from(signature)),
        (at::SEV_FEATURES, features),
        (at::XCR0, 1),
    ] {
        set(&mut vmsa, offset, value);
    }
    field::write(&mut vmsa, at::MXCSR, &0x1F80u32.to_le_bytes());
    field::write(&mut vmsa, at::X87_FCW, &0x37Fu16.to_le_bytes());
    vmsa
}

/// The checks of VMRUN on the contents; `Err` says what is wrong (VMEXIT_INVALID).
pub fn check_for_run(vmsa: &Vmsa) -> Result<(), &'static str> {
    let (cr0, cr3, cr4) = (get(vmsa, at::CR0), get(vmsa, at::CR3), get(vmsa, at::CR4));
    let (efer, features) = (get(vmsa, at::EFER), get(vmsa, at::SEV_FEATURES));
    let code = field::read_u16(vmsa, at::CS + 2).unwrap_or_default();
    let (paging, long) = (cr0 & CR0_PG != 0, efer & EFER_LME != 0);
    let rules = [
        (efer & EFER_SVME == 0, "EFER.SVME is clear"),
        (efer & !EFER_DEFINED != 0, "EFER has reserved bits set"),
        (cr0 & CR0_CD_NW == 1 << 29, "CR0.CD is clear while CR0.NW is set"),
        (cr0 >> 32 != 0, "CR0 has its upper half set"),
        (paging && cr0 & CR0_PE == 0, "CR0.PG is set without CR0.PE"),
        (cr3 >> 52 != 0, "CR3 has reserved bits set"),
        (cr4 & !CR4_DEFINED != 0, "CR4 has reserved bits set"),
        (
            get(vmsa, at::DR6) >> 32 != 0 || get(vmsa, at::DR7) >> 32 != 0,
            "DR6 or DR7 has its upper half set",
        ),
        (paging && long && cr4 & CR4_PAE == 0, "long mode without CR4.PAE"),
        (paging && long && efer & EFER_LMA == 0, "long mode with EFER.LMA clear"),
        (paging && long && code & 0x600 == 0x600, "CS has both L and D set"),
        (features & FEATURE_SNP == 0, "SEV_FEATURES lacks SNP"),
        (
            features & !FEATURES != 0,
            "SEV_FEATURES has bits that this processor lacks",
        ),
        (vmsa[at::VMPL] > 3, "VMPL is out of range"),
        (vmsa[at::CPL] > 3, "CPL is out of range"),
    ];
    rules
        .into_iter()
        .find(|(broken, _)| *broken)
        .map_or(Ok(()), |(_, reason)| Err(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected_mode() -> Vmsa {
        let mut vmsa = [0; PAGE_SIZE as usize];
        set(&mut vmsa, at::CR0, 0x6000_0031);
        set(&mut vmsa, at::EFER, 0x800);
        set(&mut vmsa, at::SEV_FEATURES, FEATURE_SNP);
        vmsa
    }

    // Linux arch/x86/kvm/svm: CR0.CD and NW are cleared, CR4.MCE and EFER.SVME are forced.
    #[test]
    fn image_context_is_launched_in_kvms_form() {
        let launched = as_kvm_launches(&protected_mode()).expect("allowed fields only");
        assert_eq!(get(&launched, at::CR0), 0x31);
        assert_eq!(get(&launched, at::CR4), 0x40);
        assert_eq!(get(&launched, at::EFER), 0x1800);
        assert_eq!(check_for_run(&launched), Ok(()));
    }

    // QEMU's list of fields lacks X87_FTW and VIRTUAL_TOM.
    #[test]
    fn image_context_with_a_field_that_qemu_refuses_is_refused() {
        let mut vmsa = protected_mode();
        vmsa[at::X87_FTW] = 0x55;
        assert_eq!(as_kvm_launches(&vmsa), Err(at::X87_FTW));
    }

    // APM volume 2, 15.5.1, "canonicalization and consistency checks", and 15.36.12.
    #[test]
    fn vmrun_refuses_inconsistent_areas() {
        let good = reset_state(0, FEATURE_SNP);
        assert_eq!(check_for_run(&good), Ok(()));
        let changes: [(usize, u64); 7] = [
            (at::EFER, 0),
            (at::EFER, EFER_SVME | 1 << 20),
            (at::CR0, CR0_PG),
            (at::CR0, 1 << 29),
            (at::DR7, 1 << 32),
            (at::SEV_FEATURES, 0),
            (at::SEV_FEATURES, FEATURE_SNP | 1 << 3),
        ];
        for (offset, value) in changes {
            let mut vmsa = good;
            set(&mut vmsa, offset, value);
            assert!(check_for_run(&vmsa).is_err(), "{offset:#x} = {value:#x}");
        }
    }
}
