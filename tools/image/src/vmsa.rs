//! The start state of the boot processor: 32-bit protected mode without paging, at the firmware's entry point.
//!
//! Every value is one that QEMU accepts and KVM leaves alone, so that the bytes in the file are the bytes that are measured
//! (`kvm_vmsa` says what would be changed). Long mode is the firmware's own business: it needs the C-bit, which only the CPUID page tells.

use igvm::snp_defs::{SevFeatures as IgvmFeatures, SevSelector, SevVmsa};
use svsm_proto::vmsa::{DR6_RESET, DR7_RESET, MXCSR_RESET, PAT_RESET, SevFeatures, X87_FCW_INIT, attributes, efer};
use zerocopy::FromZeros;

const CR0_PE_ET_NE: u64 = 0x31;
const CR4_MCE: u64 = 0x40;
const RFLAGS_RESET: u64 = 2;
const CODE_SELECTOR: u16 = 0x08;
const DATA_SELECTOR: u16 = 0x10;
const LEGACY_LIMIT: u32 = 0xFFFF;

/// The VMSA with which the image starts.
pub fn boot_processor(entry: u32, features: SevFeatures) -> Box<SevVmsa> {
    let segment = |selector, attrib, limit| SevSelector {
        selector,
        attrib,
        limit,
        base: 0,
    };
    let data = segment(DATA_SELECTOR, attributes::DATA, u32::MAX);
    let table = segment(0, 0, LEGACY_LIMIT);
    let mut vmsa = Box::new(SevVmsa::new_zeroed());
    vmsa.cs = segment(CODE_SELECTOR, attributes::CODE32, u32::MAX);
    (vmsa.ds, vmsa.es, vmsa.fs, vmsa.gs, vmsa.ss) = (data, data, data, data, data);
    (vmsa.gdtr, vmsa.idtr) = (table, table);
    vmsa.ldtr = segment(0, attributes::LDT, LEGACY_LIMIT);
    vmsa.tr = segment(0, attributes::TSS_BUSY, LEGACY_LIMIT);
    vmsa.efer = efer::SVME;
    vmsa.cr0 = CR0_PE_ET_NE;
    vmsa.cr4 = CR4_MCE;
    vmsa.dr6 = DR6_RESET;
    vmsa.dr7 = DR7_RESET;
    vmsa.rflags = RFLAGS_RESET;
    vmsa.rip = u64::from(entry);
    vmsa.pat = PAT_RESET;
    vmsa.xcr0 = 1;
    vmsa.mxcsr = MXCSR_RESET;
    vmsa.x87_fcw = X87_FCW_INIT;
    vmsa.sev_features = IgvmFeatures::from(features.bits());
    vmsa
}
