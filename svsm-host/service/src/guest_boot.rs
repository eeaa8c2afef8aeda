//! Hands memory and processor to the guest: its page tables, secrets, CPUID page, calling area and boot information, the permissions on exactly its launch
//! pages, and its first VMSA (SVSM chapter 4). Linux, which has no firmware to do it, gets all other memory too (`linux_memory`).
//!
//! What is written comes from the measured launch information and from the PSP; the hypervisor's memory map is passed on to the guest as the claim
//! that it is. The guest's secrets page has no key above the guest's level. Pages are written first and granted afterwards.

use crate::{
    hypervisor::register_vmsa,
    linux_memory,
    notes::{Note, note},
    protocol::grant,
    svsm::{Space, Svsm},
    vcpus::VmsaRecord,
};
use alloc::vec::Vec;
use svsm_platform::{ApicId, Clock, Gpa, GuestMemory, MemoryMap, Platform, Role, Vmpl};
use svsm_proto::{
    PAGE_SIZE, core_call,
    cpuid_page::CpuidPage,
    ghcb_msr::Termination,
    guest_msg::TscInfoResponse,
    launch_info::{GUEST_PAGE_TABLE_PAGES, GuestBootInfo, LaunchInfo, PageRange, REGION_GPA},
    rmp::{PageSize, Permissions, RmpAttributes},
    secrets_page::SecretsPage,
    vmsa::{LongModeStart, SevFeatures, Vmsa},
    zero_page::{E820_ENTRIES_OFFSET, E820_TABLE_OFFSET},
};
use tpm_contract::Component;
use zerocopy::{FromZeros, IntoBytes};
use zeroize::Zeroize;

/// What the guest is started from.
#[derive(Clone, Copy)]
pub struct GuestStart<'a> {
    /// The measured launch information.
    pub launch: &'a LaunchInfo,
    /// The secrets page, from which the PSP channel has already taken its key.
    pub secrets: &'a SecretsPage,
    /// The CPUID page.
    pub cpuid: &'a CpuidPage,
    /// Position of the C-bit, checked.
    pub c_bit: u8,
    /// TSC scale and offset for the VMSA, with Secure TSC.
    pub tsc: Option<TscInfoResponse>,
    /// The vCPU that starts the guest.
    pub cpu: ApicId,
    /// A free page of the SVSM's region for the guest's first VMSA, not at a 2 MiB boundary.
    pub vmsa: Gpa,
}

/// SEV_FEATURES of the guest's VMSAs: those of the SVSM's own, but for the two that need a handler which a guest may not have.
pub fn guest_features(own: SevFeatures) -> SevFeatures {
    own.difference(SevFeatures::RESTRICTED_INJECTION | SevFeatures::DEBUG_SWAP)
}

/// Prepares the guest on vCPU `start.cpu`; its next turn runs it.
pub fn prepare<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    start: &GuestStart<'_>,
) -> Result<(), Termination> {
    let mut space = svsm.space.write();
    let Space { map, vcpus } = &mut *space;
    write_pages(svsm.guest_vmpl, map, platform, start)?;
    if start.launch.zero_page_gpa != 0 {
        write_memory_map(map, platform, start.launch)?;
        let pages = linux_memory::accept(map, platform, svsm.guest_vmpl, start.launch)?;
        note(Note::MemoryAccepted { pages });
    }
    let mut pages = 0;
    for range in start.launch.guest_ranges() {
        for index in 0..range.pages {
            let gpa = Gpa(range.gpa + index * PAGE_SIZE as u64);
            let page = map
                .guest_page(gpa, PageSize::Small)
                .map_err(|_| Termination::LaunchInfo)?;
            grant(platform, page.token(), svsm.guest_vmpl).map_err(|_| Termination::Rmpadjust)?;
            pages += 1;
        }
    }
    note(Note::GuestReady { pages });
    let caa = Gpa(start.launch.caa_gpa);
    map.guest_page(caa, PageSize::Small)
        .map_err(|_| Termination::LaunchInfo)?
        .assign(Role::CallingArea(start.cpu))
        .map_err(|_| Termination::LaunchInfo)?;
    let page = map.svsm_page(start.vmsa).map_err(|_| Termination::GuestVmsa)?;
    platform
        .fill(&page, &first_vmsa(svsm.guest_vmpl, svsm.sev_features, start))
        .map_err(|_| Termination::GuestVmsa)?;
    let attributes = RmpAttributes {
        vmpl: svsm.guest_vmpl.number(),
        permissions: Permissions::empty(),
        vmsa: true,
    };
    platform
        .rmpadjust(page.token(), attributes)
        .map_err(|_| Termination::Rmpadjust)?;
    page.assign(Role::Vmsa(start.cpu)).map_err(|_| Termination::GuestVmsa)?;
    if !vcpus.reserve() {
        return Err(Termination::OutOfMemory);
    }
    vcpus.add(VmsaRecord {
        gpa: start.vmsa,
        cpu: start.cpu,
        vmpl: svsm.guest_vmpl,
        caa,
        startup: true,
        current: true,
    });
    register_vmsa(
        platform,
        start.cpu,
        svsm.guest_vmpl,
        start.vmsa,
        svsm.sev_features.bits(),
    )?;
    note(Note::VcpuCreated(start.cpu));
    Ok(())
}

/// Writes every page that the launch information sets aside for the SVSM to write.
fn write_pages(
    guest_vmpl: Vmpl,
    map: &MemoryMap,
    platform: &mut impl GuestMemory,
    start: &GuestStart<'_>,
) -> Result<(), Termination> {
    let launch = start.launch;
    let mut write = |gpa: u64, bytes: &[u8]| {
        let range = map
            .guest_range(Gpa(gpa), bytes.len())
            .map_err(|_| Termination::LaunchInfo)?;
        platform.write(range, bytes).map_err(|_| Termination::Pvalidate)
    };
    let mut table = Vec::new();
    table
        .try_reserve_exact(PAGE_SIZE)
        .map_err(|_| Termination::OutOfMemory)?;
    for index in 0..u64::from(GUEST_PAGE_TABLE_PAGES) {
        table.clear();
        for slot in 0..512 {
            let entry = page_table_entry(launch.page_tables_gpa, 1 << start.c_bit, index, slot);
            table.extend_from_slice(&entry.to_le_bytes());
        }
        write(launch.page_tables_gpa + index * PAGE_SIZE as u64, &table)?;
    }
    write(launch.cpuid_copy_gpa, start.cpuid.as_bytes())?;
    write(launch.caa_gpa, &[0; PAGE_SIZE])?;
    if launch.boot_info_gpa != 0 {
        write(launch.boot_info_gpa, boot_info(guest_vmpl, map, start)?.as_bytes())?;
    }
    let mut secrets = guest_secrets(guest_vmpl, start);
    let written = write(launch.secrets_copy_gpa, secrets.as_bytes());
    secrets.as_mut_bytes().zeroize();
    written
}

/// Writes the E820 table into Linux's zero page.
fn write_memory_map(map: &MemoryMap, platform: &mut impl GuestMemory, launch: &LaunchInfo) -> Result<(), Termination> {
    let table = linux_memory::e820(map, launch)?;
    let count = u8::try_from(table.len()).map_err(|_| Termination::MemoryMap)?;
    let mut write = |offset: u64, bytes: &[u8]| {
        let range = map
            .guest_range(Gpa(launch.zero_page_gpa + offset), bytes.len())
            .map_err(|_| Termination::LaunchInfo)?;
        platform.write(range, bytes).map_err(|_| Termination::Pvalidate)
    };
    write(E820_ENTRIES_OFFSET, &[count])?;
    write(E820_TABLE_OFFSET, table.as_bytes())
}

/// Entry `slot` of the guest's page-table page `index`: one PML4, one PDPT, four page directories of 2 MiB pages, identity, private (APM volume 2
/// §5.3).
fn page_table_entry(tables: u64, c_bit: u64, index: u64, slot: u64) -> u64 {
    const TABLE: u64 = 0x63; // present, writable, accessed, dirty
    const LARGE: u64 = 0xE3; // the same, and a 2 MiB page
    let page = |number: u64| (tables + number * PAGE_SIZE as u64) | c_bit | TABLE;
    match (index, slot) {
        (0, 0) => page(1),
        (1, 0..4) => page(2 + slot),
        (0 | 1, _) => 0,
        (directory, _) => ((directory - 2) * 512 + slot) << 21 | c_bit | LARGE,
    }
}

/// The guest's secrets page: no key above its level, and the SVSM's fields (SVSM §4, table 2).
fn guest_secrets(guest_vmpl: Vmpl, start: &GuestStart<'_>) -> SecretsPage {
    let mut secrets = start.secrets.clone();
    for key in secrets.vmpck.iter_mut().take(usize::from(guest_vmpl.number())) {
        key.zeroize();
    }
    secrets.svsm_base = REGION_GPA;
    secrets.svsm_size = start.launch.region_size();
    secrets.svsm_caa = start.launch.caa_gpa;
    secrets.svsm_max_version = core_call::VERSION;
    secrets.svsm_guest_vmpl = guest_vmpl.number();
    secrets
}

/// What a guest without firmware needs to know; an error when the hypervisor claims memory in more stretches than there is room for.
fn boot_info(guest_vmpl: Vmpl, map: &MemoryMap, start: &GuestStart<'_>) -> Result<GuestBootInfo, Termination> {
    let launch = start.launch;
    let mut info = GuestBootInfo::empty();
    info.vmpl = u32::from(guest_vmpl.number());
    info.c_bit = u64::from(start.c_bit);
    info.svsm_base = REGION_GPA;
    info.svsm_size = launch.region_size();
    info.caa_gpa = launch.caa_gpa;
    info.secrets_gpa = launch.secrets_copy_gpa;
    info.cpuid_gpa = launch.cpuid_copy_gpa;
    info.page_tables_gpa = launch.page_tables_gpa;
    info.command_line_gpa = launch.command_line_gpa;
    info.command_line_len = launch.command_line_len;
    info.memory_count = fill(&mut info.memory, map.guest_memory()).ok_or(Termination::MemoryMap)?;
    info.validated_count =
        fill(&mut info.validated, launch.guest_ranges().iter().copied()).ok_or(Termination::LaunchInfo)?;
    Ok(info)
}

/// Copies ranges into a table, and counts them; `None` when it has too few places.
fn fill(table: &mut [PageRange], ranges: impl Iterator<Item = PageRange>) -> Option<u32> {
    let mut count = 0;
    let mut places = table.iter_mut();
    for range in ranges {
        *places.next()? = range;
        count += 1;
    }
    Some(count)
}

/// The guest's first VMSA: 64-bit mode, paging on, interrupts off, RSI the boot argument; as Linux's 64-bit entry wants it.
fn first_vmsa(guest_vmpl: Vmpl, sev_features: SevFeatures, start: &GuestStart<'_>) -> Vmsa {
    let mut vmsa = Vmsa::new_zeroed();
    vmsa.start_in_long_mode(&LongModeStart {
        code: 0x10,
        data: 0x18,
        cr3: start.launch.page_tables_gpa | 1 << start.c_bit,
        rip: start.launch.guest_rip,
        rsp: 0,
    });
    vmsa.vmpl = guest_vmpl.number();
    vmsa.rsi = start.launch.guest_boot_argument;
    vmsa.sev_features = sev_features.bits();
    if let Some(tsc) = start.tsc.filter(|_| sev_features.contains(SevFeatures::SECURE_TSC)) {
        vmsa.guest_tsc_scale = tsc.tsc_scale;
        vmsa.guest_tsc_offset = tsc.tsc_offset;
    }
    vmsa
}

#[cfg(test)]
mod tests {
    use super::*;
    use svsm_proto::launch_info::MAX_MEMORY;
    use svsm_proto::launch_info::REGION_SIZE;

    // APM volume 2 §5.3: the walk for an address reaches the page itself.
    #[test]
    fn page_tables_map_the_first_four_gigabytes_onto_themselves() {
        const TABLES: u64 = 0x10_1000;
        const C: u64 = 1 << 51;
        let entry = |table: u64, slot| page_table_entry(TABLES, C, (table - TABLES) / 4096, slot);
        for address in [0u64, 0x20_0000, 0x1234_5678, 0xFFFF_FFFF] {
            let pdpt = entry(TABLES, address >> 39) & 0x7_FFFF_FFFF_F000;
            let directory = entry(pdpt, address >> 30 & 511) & 0x7_FFFF_FFFF_F000;
            let leaf = entry(directory, address >> 21 & 511);
            assert_eq!(leaf & 0x80, 0x80, "2 MiB page");
            assert_eq!(leaf & C, C, "private");
            assert_eq!(leaf & 0x7_FFFF_FFE0_0000 | address & 0x1F_FFFF, address);
        }
        assert_eq!(entry(TABLES, 1), 0);
        assert_eq!(entry(TABLES + 0x1000, 4), 0);
    }
    #[test]
    fn memory_in_more_stretches_than_the_guest_can_be_told_of_is_refused() {
        let region = PageRange {
            gpa: REGION_GPA,
            pages: REGION_SIZE / PAGE_SIZE as u64,
        };
        let start = GuestStart {
            launch: &LaunchInfo::empty(),
            secrets: &SecretsPage::new_zeroed(),
            cpuid: &CpuidPage::new_zeroed(),
            c_bit: 51,
            tsc: None,
            cpu: ApicId(0),
            vmsa: Gpa(0),
        };
        let told = |stretches: u64| {
            // Every other page, so that no two join.
            let memory = (0..stretches).map(|index| PageRange {
                gpa: index * 0x2000,
                pages: 1,
            });
            let map = MemoryMap::new(region, memory).expect("few enough for the map");
            boot_info(Vmpl::new(2).expect("in range"), &map, &start).map(|info| info.memory_count)
        };
        assert_eq!(told(MAX_MEMORY as u64), Ok(16));
        assert_eq!(told(MAX_MEMORY as u64 + 1), Err(Termination::MemoryMap));
    }
}
