//! The processor, as the SVSM sees it: the instructions of SEV-SNP and what surrounds them, one family per file.
//!
//! Whatever comes back from here has crossed one of two lines. Answers of the hypervisor ([`vmgexit`], [`ghcb`]) are claims and are
//! returned as such; results of PVALIDATE, RMPADJUST and RDRAND, and the MSRs that cannot be intercepted, come from the hardware. Memory
//! of the guest ([`guest_copy`]) is copied once and may fault on the way, which is a result too.
//!
//! This crate and the firmware's entry code are the only places of the SVSM with unsafe code. Decisions stand above the platform traits;
//! what is here is either one instruction or a pure algorithm ([`paging`], [`vc`]) that is tested on the dev host. References: APM
//! volume 2 §15.34-15.36, GHCB 56421.

#![no_std]
#![expect(
    unsafe_code,
    reason = "UNSAFETY: this crate executes privileged instructions and touches memory that others write"
)]

extern crate alloc;

pub mod control;
pub mod entropy;
pub mod ghcb;
pub mod guest_copy;
pub mod msr;
pub mod paging;
pub mod rmp;
pub mod shared_page;
mod tlb;
pub mod tsc;
pub mod vc;
pub mod vcpu;
pub mod vmgexit;
