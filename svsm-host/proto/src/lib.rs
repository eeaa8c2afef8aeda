//! Fixed layouts that the SVSM shares with somebody else: with the processor (VMSA, RMP operands), the platform security processor
//! (secrets page, guest messages, attestation report), the hypervisor (GHCB, IGVM parameters), the guest (calling area, protocol
//! bodies) and the image builder (launch information).
//!
//! Almost every byte read through these types comes from somebody who may lie. The crate decides nothing about that: it gives names,
//! offsets and encodings, and parsers that refuse what has no meaning. A value of one of these types is a private copy, never a view
//! of shared memory; whoever holds one has copied it once and checks the copy.
//!
//! One crate holds them all so that firmware, simulator, image builder and verifier cannot disagree about an offset; sizes and offsets
//! are asserted at compile time. It needs no heap, so bare-metal programs without one can use it. Editions: GHCB 56421 rev 2.03, SNP firmware
//! ABI 56860, SVSM 58019 rev 1.00, APM volume 2 (24593) §15.34-15.36 and table B-4, IGVM as of igvm_defs 0.5, TCG PC Client Platform Firmware
//! Profile (PFP) 1.05.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

#[cfg(target_endian = "big")]
compile_error!("the layouts are little-endian and are read in place");

pub mod attest_call;
pub mod calling_area;
pub mod core_call;
pub mod cpuid_page;
pub mod event_log;
pub mod ghcb;
pub mod ghcb_msr;
pub mod guest_msg;
pub mod igvm_params;
pub mod launch_info;
pub mod manifest;
pub mod psc;
pub mod report;
pub mod result_code;
pub mod rmp;
pub mod secrets_page;
pub mod vmsa;
pub mod vtpm_call;
pub mod zero_page;

/// Bytes of the smallest page, the unit of everything here.
pub const PAGE_SIZE: usize = 4096;

/// Bytes of a large page.
pub const LARGE_PAGE_SIZE: usize = 2 << 20;

/// How many VMPLs there are; 0 is the most privileged (APM volume 2 §15.36.7).
pub const VMPL_COUNT: usize = 4;

/// Fails the build when a structure's size or the offset of a named field is not what the specification says.
macro_rules! assert_layout {
    ($type:ty, size $size:expr $(, $field:ident @ $offset:expr)* $(,)?) => {
        const _: () = {
            assert!(core::mem::size_of::<$type>() == $size);
            $(assert!(core::mem::offset_of!($type, $field) == $offset);)*
        };
    };
}
pub(crate) use assert_layout;

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
