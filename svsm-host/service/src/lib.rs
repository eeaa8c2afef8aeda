//! Everything that the SVSM decides: guest requests, page ownership, the TPM's life, who it is, and what the PSP is asked.
//!
//! Input is hostile from four sides, and each has its files. The guest: [`request_loop`], `protocol/`. The hypervisor: [`hypervisor`], [`psp`]. The TPM
//! component: [`tpm`], [`host`]. Nothing here touches hardware; `svsm_platform`'s traits do, and a test's `fake_platform` implements them as
//! well as the firmware's `svsm_snp`. Nothing here panics on input, and nothing depends on the number of vCPUs.
//!
//! # How the firmware wires it
//!
//! Once its memory is validated, its GHCB registered and its heap up, the firmware does, on the boot processor:
//!
//! ```no_run
//! use svsm_platform::*;
//! use svsm_proto::{cpuid_page::CpuidPage, ghcb_msr::Termination, launch_info::*, secrets_page::SecretsPage, vmsa::SevFeatures};
//! use svsm_service::{guest_boot, measured_boot::{self, Started}, psp::Psp, request_loop, svsm::*, tpm::*};
//!
//! # #[expect(clippy::too_many_arguments)]
//! fn boot<P: Platform, C: tpm_contract::Component, K: Clock>(
//!     platform: &mut P,
//!     clock: K,                  // one clock for the PSP channel; the TpmHost inside `component` has its own handle on the same
//!     entropy: &mut impl Entropy,
//!     component: C,              // Sandbox::load_in(file, limits, buffer, TpmHost::new(entropy, clock, NativeArithmetic))
//!     file: &[u8],               // the very bytes that were loaded
//!     component_sha256: [u8; 32], // over them
//!     launch: &LaunchInfo,       // LaunchInfo::parse
//!     memory: Vec<PageRange>,    // igvm_params::memory_map, entries of ENTRY_MEMORY; the launch ranges belong to it too
//!     secrets: &mut SecretsPage, // a private copy; wipe it, and the original page, afterwards
//!     cpuid: &CpuidPage,
//!     c_bit: u8,                 // checked against memory's behaviour
//!     own: SevFeatures,          // SevFeatures::from_sev_status
//!     cpu: ApicId,
//!     vmsa: Gpa,                 // a free page of the region for the guest's first VMSA
//! ) -> Result<(), Termination> {
//!     let region = PageRange { gpa: REGION_GPA, pages: REGION_SIZE / 4096 };
//!     let memory = memory.into_iter().chain(launch.guest_ranges().iter().copied());
//!     let map = MemoryMap::new(region, memory).map_err(|_| Termination::MemoryMap)?;
//!     let guest_vmpl = Vmpl::new(launch.guest_vmpl).map_err(|_| Termination::LaunchInfo)?;
//!     let mut psp = Psp::take(secrets, clock);
//!     let sev_features = guest_boot::guest_features(own);
//!     let tsc = if sev_features.contains(SevFeatures::SECURE_TSC) {
//!         Some(psp.tsc_info(platform).map_err(|_| Termination::PspMessage)?)
//!     } else {
//!         None
//!     };
//!     let mut tpm = Tpm::power_on(component, &[], PlatformHierarchy::CloseNow, entropy)
//!         .map_err(|_| Termination::Provisioning)?;
//!     let boot_report = boot_identity(&tpm, &mut psp, platform).map_err(|_| Termination::BootIdentity)?;
//!     let started = Started { launch, component: file, boot_report: &boot_report };
//!     let event_log =
//!         measured_boot::measure(&mut tpm, platform, &map, &started).map_err(|_| Termination::MeasuredBoot)?;
//!     let evidence = Evidence { component_sha256, boot_report, event_log };
//!     let svsm = Svsm::new(Parts { guest_vmpl, sev_features, map, tpm, psp, evidence });
//!     guest_boot::prepare(&svsm, platform, &guest_boot::GuestStart { launch, secrets, cpuid, c_bit, tsc, cpu, vmsa })?;
//!     loop {
//!         match request_loop::turn(&svsm, platform, cpu)? {
//!             request_loop::Turn::Served | request_loop::Turn::NoCall => {}
//!             request_loop::Turn::Idle => {} // wait for another vCPU to create a VMSA for this one
//!         }
//!     }
//! }
//! ```
//!
//! Every `Err(Termination)` is sent with [`hypervisor`]'s termination request by the firmware, which alone ends the VM. Other vCPUs run the same loop
//! with the same `svsm`, their own `platform` and their own `cpu`.
//!
//! # Follow one request
//!
//! `request_loop` (was there a call?) → `protocol/vtpm` (copy the buffer) → `tpm` (locality 0, failure mode) → the sandbox → the component.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

extern crate alloc;

pub mod guest_boot;
pub mod heap_bound;
pub mod host;
pub mod hypervisor;
mod linux_memory;
pub mod measured_boot;
pub mod notes;
mod protocol;
pub mod psp;
pub mod request_loop;
pub mod svsm;
pub mod tpm;
mod vcpus;
