//! Core protocol: calling areas, page validation, vCPUs, memory, versions (SVSM chapter 6).
//!
//! These calls move pages between the guest and the SVSM, and each is an attack if its steps are in another order. Validating: PVALIDATE, then zero, then
//! grant, because the hypervisor can slip the SVSM's own memory under the page. Rescinding: revoke, then PVALIDATE, because permissions survive until the
//! hypervisor touches the page. Making a VMSA: revoke, flush, then look at its fields, because a guest that can still write them could make
//! itself VMPL0.
//!
//! The memory map is locked exclusively around each page, so that no other vCPU copies from or to a page that is changing.

use super::{Caller, Reply, address, fault, fetch, page, pvalidate_failure, role, versions};
use crate::{
    notes::{Note, note},
    svsm::{Space, Svsm},
    vcpus::VmsaRecord,
};
use svsm_platform::{
    ApicId, Clock, Gpa, GuestMemory, GuestPage, NotFlushed, PageControl, PageError, PageToken, Platform, Role, Vmpl,
};
use svsm_proto::{
    PAGE_SIZE,
    calling_area::{Call, version_range},
    core_call::{
        DepositEntry, LIST_ENTRY_SIZE, LIST_NEXT_OFFSET, ListHeader, Malformed, PvalidateEntry, VTOM_QUERY,
        call as number,
    },
    result_code::SvsmError,
    rmp::{PageSize, Permissions, Pvalidate, RmpAttributes},
    vmsa::{Vmsa, efer},
};
use tpm_contract::Component;
use zerocopy::{FromZeros, IntoBytes};

/// Entries that fit behind a list's header in one page.
const MAX_ENTRIES: usize = (PAGE_SIZE - size_of::<ListHeader>()) / LIST_ENTRY_SIZE;

/// Bytes of guest memory after which a PVALIDATE call returns SVSM_ERR_INCOMPLETE, so that no call keeps its vCPU for long.
const MAX_BYTES_PER_CALL: usize = 128 << 20;

/// Serves a call of this protocol.
pub(super) fn serve<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    caller: Caller,
    call: &Call,
) -> Reply {
    match call.number {
        number::REMAP_CA => remap_ca(svsm, platform, caller, Gpa(call.rcx)).into(),
        number::PVALIDATE => pvalidate(svsm, platform, Gpa(call.rcx)).into(),
        number::CREATE_VCPU => create_vcpu(svsm, platform, call).into(),
        number::DELETE_VCPU => delete_vcpu(svsm, platform, Gpa(call.rcx)).into(),
        number::DEPOSIT_MEM => deposit_mem(svsm, platform, Gpa(call.rcx)).into(),
        number::WITHDRAW_MEM => withdraw_mem(svsm, platform, Gpa(call.rcx)).into(),
        number::QUERY_PROTOCOL => query_protocol(call.rcx),
        number::CONFIGURE_VTOM => configure_vtom(call.rcx),
        _ => Reply::from(Err(SvsmError::UnsupportedCall)),
    }
}

/// SVSM_CORE_QUERY_PROTOCOL (§6.7): always a success, RCX says what there is.
fn query_protocol(rcx: u64) -> Reply {
    let (protocol, wanted) = ((rcx >> 32) as u32, rcx as u32);
    let range = match versions(protocol) {
        Some((min, max)) if (min..=max).contains(&wanted) => version_range(min, max),
        Some(_) | None => 0,
    };
    Reply {
        rcx: Some(range),
        ..Reply::from(Ok(()))
    }
}

/// SVSM_CORE_CONFIGURE_VTOM (§6.8): not offered; the query says so, and configuring is refused.
fn configure_vtom(rcx: u64) -> Reply {
    const RESERVED: u64 = 0xFE0;
    if rcx == VTOM_QUERY {
        return Reply {
            rcx: Some(0),
            ..Reply::from(Ok(()))
        };
    }
    let malformed = rcx & VTOM_QUERY != 0 || rcx & RESERVED != 0;
    Reply::from(Err(if malformed {
        SvsmError::InvalidParameter
    } else {
        SvsmError::InvalidRequest
    }))
}

/// SVSM_CORE_REMAP_CA (§6.1): gives the calling vCPU another calling area.
fn remap_ca<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    caller: Caller,
    new: Gpa,
) -> Result<(), SvsmError> {
    if !new.is_aligned(PAGE_SIZE as u64) {
        return Err(SvsmError::InvalidParameter);
    }
    let mut space = svsm.space.write();
    let Space { map, vcpus } = &mut *space;
    let old = vcpus.find(caller.vmsa).ok_or(SvsmError::InvalidRequest)?.caa;
    if new == old {
        return Ok(());
    }
    let area = map.guest_page(new, PageSize::Small).map_err(address)?;
    platform
        .write(area.range().part(0, 8).ok_or(SvsmError::InvalidAddress)?, &[0; 8])
        .map_err(fault)?;
    area.assign(Role::CallingArea(caller.cpu)).map_err(role)?;
    map.page_in_role(old, Role::CallingArea(caller.cpu))
        .map_err(address)?
        .release()
        .map_err(role)?;
    vcpus.set_caa(caller.vmsa, new);
    Ok(())
}

/// The list of a PVALIDATE or DEPOSIT_MEM call: copied once, within its page.
struct PageList {
    gpa: Gpa,
    next: u16,
    entries: [u64; MAX_ENTRIES],
    len: usize,
}

impl PageList {
    fn fetch<P: Platform, C: Component, K: Clock>(
        svsm: &Svsm<C, K>,
        platform: &mut P,
        gpa: Gpa,
    ) -> Result<Self, SvsmError> {
        if !gpa.is_aligned(LIST_ENTRY_SIZE as u64) {
            return Err(SvsmError::InvalidParameter);
        }
        let space = svsm.space.read();
        let range = space.map.guest_range(gpa, size_of::<ListHeader>()).map_err(address)?;
        let header: ListHeader = fetch(platform, range)?;
        let (count, next) = (usize::from(header.count), usize::from(header.next));
        let bytes = size_of::<ListHeader>() + count * LIST_ENTRY_SIZE;
        if header.reserved != 0 || next >= count || gpa.crosses_page(bytes as u64) {
            return Err(SvsmError::InvalidParameter);
        }
        let mut list = PageList {
            gpa,
            next: header.next,
            entries: [0; MAX_ENTRIES],
            len: count - next,
        };
        let whole = space.map.guest_range(gpa, bytes).map_err(address)?;
        let skipped = size_of::<ListHeader>() + next * LIST_ENTRY_SIZE;
        let rest = whole
            .part(skipped, list.len * LIST_ENTRY_SIZE)
            .ok_or(SvsmError::InvalidParameter)?;
        let copy = list.entries.get_mut(..list.len).ok_or(SvsmError::InvalidParameter)?;
        platform.read(rest, copy.as_mut_bytes()).map_err(fault)?;
        Ok(list)
    }

    /// Works on one entry after the other until one fails, and tells the guest how many were done.
    fn process<P: Platform, C: Component, K: Clock>(
        &self,
        svsm: &Svsm<C, K>,
        platform: &mut P,
        mut work: impl FnMut(&mut P, u64) -> Result<(), SvsmError>,
    ) -> Result<(), SvsmError> {
        let mut done = 0;
        let mut result = Ok(());
        for &raw in self.entries.iter().take(self.len) {
            result = work(platform, raw);
            if result.is_err() {
                break;
            }
            done += 1;
        }
        self.write_next(svsm, platform, done)?;
        result
    }

    /// Tells the guest how far the list was processed.
    fn write_next<P: Platform, C: Component, K: Clock>(
        &self,
        svsm: &Svsm<C, K>,
        platform: &mut P,
        done: u16,
    ) -> Result<(), SvsmError> {
        let space = svsm.space.read();
        let range = space
            .map
            .guest_range(Gpa(self.gpa.0 + LIST_NEXT_OFFSET), 2)
            .map_err(address)?;
        platform
            .write(range, &self.next.saturating_add(done).to_le_bytes())
            .map_err(fault)
    }
}

/// SVSM_CORE_PVALIDATE (§6.2).
fn pvalidate<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    gpa: Gpa,
) -> Result<(), SvsmError> {
    let list = PageList::fetch(svsm, platform, gpa)?;
    let mut bytes = 0;
    list.process(svsm, platform, |platform, raw| {
        if bytes >= MAX_BYTES_PER_CALL {
            return Err(SvsmError::Incomplete);
        }
        let entry = PvalidateEntry::decode(raw).map_err(|Malformed| SvsmError::InvalidParameter)?;
        bytes += entry.size.bytes();
        pvalidate_page(svsm, platform, &entry)
    })
}

fn pvalidate_page<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    entry: &PvalidateEntry,
) -> Result<(), SvsmError> {
    let mut space = svsm.space.write();
    let target = space.map.guest_page(Gpa(entry.gpa), entry.size).map_err(address)?;
    let mut claimed_invalid = false;
    if !entry.validate {
        match revoke(platform, target.token()) {
            Ok(()) => {}
            // Nothing to rescind, if PVALIDATE says the same.
            Err(PageError::NotValidated) => claimed_invalid = true,
            Err(error) => return Err(pvalidate_failure(error)),
        }
    }
    match platform
        .pvalidate(target.token(), entry.validate)
        .map_err(pvalidate_failure)?
    {
        // The page was valid: the hypervisor made the exception that kept RMPADJUST from revoking it.
        Pvalidate::Changed if claimed_invalid => return Err(SvsmError::InvalidAddress),
        Pvalidate::Unchanged if !entry.ignore_cf => return Err(SvsmError::PvalidateUnchanged),
        Pvalidate::Changed | Pvalidate::Unchanged => {}
    }
    if entry.validate {
        platform.zero(target.range()).map_err(fault)?;
        grant(platform, target.token(), svsm.guest_vmpl).map_err(pvalidate_failure)?;
    }
    Ok(())
}

/// Takes a page from every level below the SVSM's, and makes sure that none still sees it: with an error the page is as the guest can still reach
/// it, and must not become anything else.
fn revoke(platform: &mut impl PageControl, token: PageToken<'_>) -> Result<(), PageError> {
    for vmpl in Vmpl::lower() {
        let attributes = RmpAttributes {
            vmpl: vmpl.number(),
            permissions: Permissions::empty(),
            vmsa: false,
        };
        platform.rmpadjust(token, attributes)?;
    }
    platform.flush_tlb().map_err(|NotFlushed| PageError::NotFlushed)
}

/// Gives a page to the guest's level and to every more privileged one. The page is no VMSA afterwards.
pub(crate) fn grant(platform: &mut impl PageControl, token: PageToken<'_>, guest_vmpl: Vmpl) -> Result<(), PageError> {
    for vmpl in Vmpl::lower().filter(|vmpl| *vmpl <= guest_vmpl) {
        let attributes = RmpAttributes {
            vmpl: vmpl.number(),
            permissions: Permissions::ALL,
            vmsa: false,
        };
        platform.rmpadjust(token, attributes)?;
    }
    Ok(())
}

/// SVSM_CORE_CREATE_VCPU (§6.3).
fn create_vcpu<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    call: &Call,
) -> Result<(), SvsmError> {
    let (vmsa, caa, cpu) = (Gpa(call.rcx), Gpa(call.rdx), ApicId(call.r8 as u32));
    if !vmsa.is_aligned(PAGE_SIZE as u64) || !caa.is_aligned(PAGE_SIZE as u64) {
        return Err(SvsmError::InvalidParameter);
    }
    if vmsa == caa {
        return Err(SvsmError::InvalidAddress);
    }
    let mut space = svsm.space.write();
    let Space { map, vcpus } = &mut *space;
    map.guest_page(caa, PageSize::Small).map_err(address)?;
    map.reserve_roles(2).map_err(role)?;
    if !vcpus.reserve() {
        return Err(SvsmError::InvalidRequest);
    }
    let target = map.guest_page(vmsa, PageSize::Small).map_err(address)?;
    let vmpl = match seal_vmsa(svsm, platform, &target) {
        Ok(vmpl) => vmpl,
        Err(error) => {
            // The guest keeps its page; if that fails too, it loses a page that it offered.
            grant(platform, target.token(), svsm.guest_vmpl).map_err(page)?;
            return Err(error);
        }
    };
    target.assign(Role::Vmsa(cpu)).map_err(role)?;
    map.guest_page(caa, PageSize::Small)
        .map_err(address)?
        .assign(Role::CallingArea(cpu))
        .map_err(role)?;
    let current = vmpl == svsm.guest_vmpl;
    vcpus.add(VmsaRecord {
        gpa: vmsa,
        cpu,
        vmpl,
        caa,
        startup: false,
        current,
    });
    note(Note::VcpuCreated(cpu));
    Ok(())
}

/// Takes a page from the guest, checks what it holds, and makes it a VMSA. Returns the VMSA's level.
fn seal_vmsa<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    target: &GuestPage<'_>,
) -> Result<Vmpl, SvsmError> {
    revoke(platform, target.token()).map_err(page)?;
    let mut contents = Vmsa::new_box_zeroed().map_err(|_| SvsmError::Busy)?;
    platform.read(target.range(), contents.as_mut_bytes()).map_err(fault)?;
    let vmpl = Vmpl::new(u32::from(contents.vmpl)).map_err(|_| SvsmError::InvalidParameter)?;
    let acceptable =
        vmpl >= svsm.guest_vmpl && contents.efer & efer::SVME != 0 && contents.sev_features == svsm.sev_features.bits();
    if !acceptable {
        return Err(SvsmError::InvalidParameter);
    }
    // A guest that copies these from a save area that ran could have the processor keep what it knows of pages that were taken since.
    (contents.tlb_id, contents.pcpu_id) = (0, 0);
    platform.write(target.range(), contents.as_bytes()).map_err(fault)?;
    let attributes = RmpAttributes {
        vmpl: svsm.guest_vmpl.number(),
        // Linux reads its features back from the page when it has the hypervisor start the vCPU.
        permissions: Permissions::READ,
        vmsa: true,
    };
    platform.rmpadjust(target.token(), attributes).map_err(page)?;
    Ok(vmpl)
}

/// SVSM_CORE_DELETE_VCPU (§6.4).
fn delete_vcpu<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    vmsa: Gpa,
) -> Result<(), SvsmError> {
    let mut space = svsm.space.write();
    let Space { map, vcpus } = &mut *space;
    let record = *vcpus
        .find(vmsa)
        .filter(|record| !record.startup)
        .ok_or(SvsmError::InvalidParameter)?;
    let target = map.page_in_role(vmsa, Role::Vmsa(record.cpu)).map_err(address)?;
    platform
        .stop(target.vmsa().ok_or(SvsmError::InvalidParameter)?)
        .map_err(|_busy| SvsmError::VcpuRunning)?;
    let plain = RmpAttributes {
        vmpl: svsm.guest_vmpl.number(),
        permissions: Permissions::empty(),
        vmsa: false,
    };
    platform.rmpadjust(target.token(), plain).map_err(page)?;
    platform.zero(target.range()).map_err(fault)?;
    grant(platform, target.token(), svsm.guest_vmpl).map_err(page)?;
    target.release().map_err(role)?;
    vcpus.remove(vmsa);
    map.page_in_role(record.caa, Role::CallingArea(record.cpu))
        .map_err(address)?
        .release()
        .map_err(role)?;
    note(Note::VcpuDeleted(record.cpu));
    Ok(())
}

/// SVSM_CORE_DEPOSIT_MEM (§6.5).
fn deposit_mem<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    gpa: Gpa,
) -> Result<(), SvsmError> {
    let list = PageList::fetch(svsm, platform, gpa)?;
    let result = list.process(svsm, platform, |platform, raw| {
        let entry = DepositEntry::decode(raw).map_err(|Malformed| SvsmError::InvalidParameter)?;
        deposit_page(svsm, platform, &entry)
    });
    // Also after an error: the pages before it were taken.
    svsm.space.read().show_available(platform);
    result
}

fn deposit_page<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    entry: &DepositEntry,
) -> Result<(), SvsmError> {
    let mut space = svsm.space.write();
    space.map.reserve_roles(1).map_err(role)?;
    let target = space.map.guest_page(Gpa(entry.gpa), entry.size).map_err(address)?;
    revoke(platform, target.token()).map_err(page)?;
    target.assign(Role::Deposited).map_err(role)
}

/// SVSM_CORE_WITHDRAW_MEM (§6.6): returns as many 4 KiB pages as the buffer's page has room for, zeroed.
fn withdraw_mem<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    gpa: Gpa,
) -> Result<(), SvsmError> {
    let room = PAGE_SIZE as u64 - gpa.0 % PAGE_SIZE as u64;
    let header = size_of::<ListHeader>() as u64;
    if !gpa.is_aligned(LIST_ENTRY_SIZE as u64) || room <= header {
        return Err(SvsmError::InvalidParameter);
    }
    let capacity = ((room - header) / LIST_ENTRY_SIZE as u64) as u16;
    let mut space = svsm.space.write();
    // The buffer must be writable before any page changes hands.
    write_withdrawn(&space, platform, gpa, 0, None)?;
    let mut count = 0;
    let mut result = Ok(());
    while count < capacity
        && let Some(deposited) = space.map.first_deposited()
    {
        result = withdraw_page(svsm, &mut space, platform, deposited)
            .and_then(|()| write_withdrawn(&space, platform, gpa, count + 1, Some(deposited)));
        if result.is_err() {
            break;
        }
        count += 1;
    }
    space.show_available(platform);
    result
}

fn withdraw_page<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    space: &mut Space,
    platform: &mut P,
    gpa: Gpa,
) -> Result<(), SvsmError> {
    let target = space.map.page_in_role(gpa, Role::Deposited).map_err(address)?;
    platform.zero(target.range()).map_err(fault)?;
    grant(platform, target.token(), svsm.guest_vmpl).map_err(page)?;
    target.release().map_err(role)
}

/// Writes the number of pages so far, and the newest of them.
fn write_withdrawn(
    space: &Space,
    platform: &mut impl GuestMemory,
    buffer: Gpa,
    count: u16,
    newest: Option<Gpa>,
) -> Result<(), SvsmError> {
    if let Some(newest) = newest {
        let entry = Gpa(buffer.0 + u64::from(count) * LIST_ENTRY_SIZE as u64);
        let range = space.map.guest_range(entry, LIST_ENTRY_SIZE).map_err(address)?;
        platform.write(range, &newest.0.to_le_bytes()).map_err(fault)?;
    }
    let header = ListHeader {
        count,
        next: 0,
        reserved: 0,
    };
    let range = space
        .map
        .guest_range(buffer, size_of::<ListHeader>())
        .map_err(address)?;
    platform.write(range, header.as_bytes()).map_err(fault)
}
