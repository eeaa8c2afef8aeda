//! The pages that were put into the region at launch.
//!
//! CPUID and secrets page come from the PSP; launch information and component are measured; memory map and VP count are the
//! hypervisor's words, and only their form is checked here. All of them are private memory that nobody else can write any more, so they
//! are read in place, except the secrets, which are copied and wiped.

use crate::processor::MAX_PROCESSORS;
use alloc::boxed::Box;
use svsm_proto::{
    PAGE_SIZE,
    cpuid_page::CpuidPage,
    igvm_params,
    launch_info::{CPUID_GPA, LAUNCH_INFO_GPA, LaunchInfo, LaunchInfoError, MEMORY_MAP_GPA, SECRETS_GPA, VP_COUNT_GPA},
    secrets_page::SecretsPage,
};
use zerocopy::{FromZeros as _, IntoBytes as _};
use zeroize::Zeroize;

/// The CPUID page.
pub fn cpuid_page() -> &'static CpuidPage {
    // SAFETY: the page was launched at this address, is mapped, never changes, and any bytes make a `CpuidPage`.
    unsafe { &*(CPUID_GPA as *const CpuidPage) }
}

/// The launch information, checked.
pub fn launch_info() -> Result<LaunchInfo, LaunchInfoError> {
    LaunchInfo::parse(page(LaunchPage::Info))
}

/// Launch pages that are plain bytes.
#[derive(Clone, Copy)]
pub enum LaunchPage {
    /// Launch information.
    Info,
    /// Memory map, from the hypervisor.
    MemoryMap,
    /// Number of vCPUs, from the hypervisor.
    VpCount,
}

/// The bytes of a launch page.
pub fn page(page: LaunchPage) -> &'static [u8; PAGE_SIZE] {
    let address = match page {
        LaunchPage::Info => LAUNCH_INFO_GPA,
        LaunchPage::MemoryMap => MEMORY_MAP_GPA,
        LaunchPage::VpCount => VP_COUNT_GPA,
    };
    // SAFETY: the page was launched at this address, is mapped, and nothing ever writes it.
    unsafe { &*(address as *const [u8; PAGE_SIZE]) }
}

/// How many vCPUs are served: what the hypervisor claims, as long as the image is for so many.
pub fn processors(info: &LaunchInfo) -> usize {
    let claimed = igvm_params::vp_count(page(LaunchPage::VpCount)).unwrap_or(1);
    let built_for = usize::try_from(info.processors).unwrap_or(1).min(MAX_PROCESSORS);
    usize::try_from(claimed).unwrap_or(built_for).clamp(1, built_for)
}

/// The component's file, which lies where the checked launch information says.
pub fn component(info: &LaunchInfo) -> &'static [u8] {
    // SAFETY: `LaunchInfo::check` proved that the range lies in the region between firmware and free memory; it was launched there, is mapped
    // read-only, and nothing ever writes it.
    unsafe { core::slice::from_raw_parts(info.component_gpa as *const u8, info.component_len as usize) }
}

/// Copies the secrets page to the heap and wipes the original. Called once; whoever gets the copy wipes it in turn.
pub fn take_secrets() -> Option<Box<SecretsPage>> {
    let mut copy = SecretsPage::new_box_zeroed().ok()?;
    // SAFETY: the page was launched at this address and is mapped for reading and writing; nothing else refers to it, then or later.
    let original = unsafe { &mut *(SECRETS_GPA as *mut [u8; PAGE_SIZE]) };
    copy.as_mut_bytes().copy_from_slice(original);
    original.zeroize();
    Some(copy)
}
