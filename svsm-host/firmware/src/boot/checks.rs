//! What must be true of processor and hypervisor before anything is built on it.

use crate::fatal;
use svsm_proto::{
    cpuid_page::CpuidPage,
    ghcb_msr::Termination,
    launch_info::LAUNCH_INFO_GPA,
    rmp::{PageSize, Permissions, RmpAttributes},
    vmsa::SevFeatures,
};
use svsm_service::hypervisor::negotiate;
use svsm_snp::{msr, rmp, vmgexit};

/// Features that must be active.
const REQUIRED: SevFeatures = SevFeatures::SNP;

/// Features that may be active without the SVSM doing anything about them. Any other would change rules that it relies on (who gets #VC,
/// which pages are private, how interrupts arrive).
const HARMLESS: SevFeatures = SevFeatures::SECURE_TSC
    .union(SevFeatures::PREVENT_HOST_IBS)
    .union(SevFeatures::BTB_ISOLATION)
    .union(SevFeatures::PMC_VIRTUALIZATION)
    .union(SevFeatures::IBS_VIRTUALIZATION)
    .union(SevFeatures::SMT_PROTECTION)
    .union(SevFeatures::IBPB_ON_ENTRY);

/// Processor features that this program was compiled for or relies on: function, register (0 = EAX ... 3 = EDX), bit, name.
const PROCESSOR: [(u32, usize, u32, &str); 9] = [
    (1, 2, 0, "SSE3"),
    (1, 2, 1, "PCLMULQDQ"),
    (1, 2, 9, "SSSE3"),
    (1, 2, 19, "SSE4.1"),
    (1, 2, 20, "SSE4.2"),
    (1, 2, 23, "POPCNT"),
    (1, 2, 25, "AES"),
    (1, 2, 30, "RDRAND"),
    (0x8000_0001, 3, 20, "NX"),
];

/// SEV_STATUS, which the hypervisor cannot fake.
pub fn protection() {
    let features = SevFeatures::from_sev_status(msr::sev_status());
    if !features.contains(REQUIRED) || !REQUIRED.union(HARMLESS).contains(features) {
        fatal::stop(Termination::SevFeatures, format_args!("SEV features {features:?}"));
    }
}

/// Protocol version and features of the hypervisor.
pub fn hypervisor() {
    if let Err(reason) = negotiate(vmgexit::exchange) {
        fatal::stop(reason, format_args!("{}", reason.words()));
    }
}

/// The CPUID page lists every instruction that this program was compiled with.
pub fn processor(page: &CpuidPage) {
    for (function, register, bit, name) in PROCESSOR {
        let values = svsm_snp::vc::cpuid(page, function, 0);
        if values[register] >> bit & 1 == 0 {
            fatal::stop(Termination::CpuidPage, format_args!("the processor has no {name}"));
        }
    }
}

/// Only VMPL0 can change VMPL1's permissions.
pub fn most_privileged() {
    let nothing = RmpAttributes {
        vmpl: 1,
        permissions: Permissions::empty(),
        vmsa: false,
    };
    // SAFETY: the page is mapped privately, and taking permissions away gives nothing to anybody.
    if let Err(error) = unsafe { rmp::rmpadjust(LAUNCH_INFO_GPA, PageSize::Small, nothing) } {
        fatal::stop(Termination::NotVmpl0, format_args!("not at VMPL0: {error:?}"));
    }
}
