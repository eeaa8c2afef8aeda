//! The model-specific registers that the SVSM uses.
//!
//! SEV_STATUS and the GHCB MSR are never intercepted (APM volume 2 §15.34.10, GHCB §2.3), so the processor answers. GUEST_TSC_FREQ can be
//! intercepted by a hostile hypervisor: the #VC that follows is fatal (see [`vc`](crate::vc)), so a value that is returned is the
//! processor's too. Besides, the base of GS is written, which the hypervisor has no use in intercepting.

use core::arch::asm;
use svsm_proto::{
    ghcb_msr::GHCB_MSR,
    vmsa::{SEV_STATUS_MSR, SevFeatures},
};

/// GUEST_TSC_FREQ: frequency of the guest's TSC in MHz, there when Secure TSC is active (APM volume 2 §15.36.18).
const GUEST_TSC_FREQ: u32 = 0xC001_0134;

/// GS.base.
const GS_BASE: u32 = 0xC000_0101;

fn read(index: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the callers in this file name registers that exist in every SNP guest (GUEST_TSC_FREQ: with Secure TSC, which its caller
    // checked); reading them changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") index, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags))
    };
    u64::from(high) << 32 | u64::from(low)
}

/// SEV_STATUS: which protections are active.
pub fn sev_status() -> u64 {
    read(SEV_STATUS_MSR)
}

/// The frequency of the TSC in Hz as the processor attests it, or `None` without Secure TSC.
pub fn secure_tsc_frequency() -> Option<u64> {
    if !SevFeatures::from_sev_status(sev_status()).contains(SevFeatures::SECURE_TSC) {
        return None;
    }
    // Bits 17:0 are defined.
    match read(GUEST_TSC_FREQ) & 0x3_FFFF {
        0 => None,
        mhz => Some(mhz * 1_000_000),
    }
}

/// Sets the base of GS, by which a vCPU finds what is its own.
pub fn set_gs_base(value: u64) {
    // SAFETY: no code of ours uses GS but for a record that the caller put at this address; the register exists in long mode.
    unsafe {
        asm!("wrmsr", in("ecx") GS_BASE, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags));
    }
}

/// The GHCB MSR: after an exit, the hypervisor's answer.
pub(crate) fn ghcb() -> u64 {
    read(GHCB_MSR)
}

/// Sets the GHCB MSR for the next exit.
pub(crate) fn set_ghcb(value: u64) {
    // SAFETY: the GHCB MSR holds a value for the hypervisor; writing it changes nothing in this guest.
    unsafe {
        asm!("wrmsr", in("ecx") GHCB_MSR, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags));
    }
}
