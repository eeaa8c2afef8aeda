//! Who owns which frame: guest, SVSM, or a page with a role that neither may touch otherwise.
//!
//! The guest's memory is what the hypervisor's memory map claims plus what was launched for the guest, minus the SVSM's region. The claim may be
//! a lie: then an access faults or PVALIDATE fails, and nothing of the SVSM is reached, because its region is never part of it.
//!
//! A page has one role at most. Pages without one are the guest's to use and to validate; a VMSA or a deposited page is the SVSM's until it is
//! given back; a calling area stays readable and writable for both, but cannot be validated, rescinded or made into anything else (SVSM §5, §6).
//!
//! One map serves all vCPUs. Shared borrows check addresses; an exclusive borrow is needed to change a page or a role.

use crate::{
    ApicId,
    guest_range::{Gpa, GuestPage, GuestRange, RangeError, RolePage, SvsmPage, VmsaPage},
};
use alloc::vec::Vec;
use svsm_proto::{PAGE_SIZE, launch_info::PageRange, rmp::PageSize};

/// Most stretches of guest memory that are kept apart.
const MAX_STRETCHES: usize = 256;

/// Most stretches of pages with roles. Two for each vCPU, and whatever the guest deposits.
const MAX_ROLES: usize = 2048;

/// Physical addresses have at most 52 bits; in this range nothing can overflow.
const ADDRESS_LIMIT: u64 = 1 << 52;

/// What a page is, if it is not an ordinary page of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// VMSA of a vCPU at the guest's level.
    Vmsa(ApicId),
    /// Calling area of a vCPU.
    CallingArea(ApicId),
    /// Given to the SVSM with SVSM_CORE_DEPOSIT_MEM.
    Deposited,
}

/// Why a role is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleError {
    /// The page already has one.
    Taken,
    /// There are too many of them.
    Full,
}

/// Why there is no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// A stretch is misaligned, empty, or reaches beyond the address space.
    Stretch,
    /// There are too many stretches, or no heap for them.
    TooMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn new(range: &PageRange) -> Result<Self, MapError> {
        let end = range
            .end()
            .filter(|end| *end <= ADDRESS_LIMIT)
            .ok_or(MapError::Stretch)?;
        if range.pages == 0 || !Gpa(range.gpa).is_aligned(PAGE_SIZE as u64) {
            return Err(MapError::Stretch);
        }
        Ok(Span { start: range.gpa, end })
    }

    const fn overlaps(&self, other: &Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    const fn contains(&self, other: &Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

#[derive(Clone, Copy, Debug)]
struct RoleSpan {
    span: Span,
    role: Role,
}

/// The map.
#[derive(Debug)]
pub struct MemoryMap {
    region: Span,
    /// Guest memory: sorted, disjoint, not adjacent, without the region.
    memory: Vec<Span>,
    /// Sorted, disjoint.
    roles: Vec<RoleSpan>,
}

impl MemoryMap {
    /// Most bytes of heap that a map takes. A vector that grows has twice what it needs at most, and for a moment the half that it had before.
    pub const HEAP_BOUND: usize = {
        let roles = MAX_ROLES.next_power_of_two() * size_of::<RoleSpan>();
        let stretches = MAX_STRETCHES.next_power_of_two() * size_of::<Span>();
        roles + roles / 2 + stretches + stretches / 2
    };

    /// A map of the SVSM's `region` and of the guest's `memory`, in any order and with overlaps.
    pub fn new(region: PageRange, memory: impl IntoIterator<Item = PageRange>) -> Result<Self, MapError> {
        let region = Span::new(&region)?;
        let mut spans: Vec<Span> = Vec::new();
        for range in memory {
            let span = Span::new(&range)?;
            // What is left of a stretch on either side of the region.
            let below = Span {
                start: span.start,
                end: span.end.min(region.start),
            };
            let above = Span {
                start: span.start.max(region.end),
                end: span.end,
            };
            for part in [below, above] {
                if part.start < part.end {
                    if spans.len() == MAX_STRETCHES {
                        return Err(MapError::TooMany);
                    }
                    spans.try_reserve(1).map_err(|_| MapError::TooMany)?;
                    spans.push(part);
                }
            }
        }
        spans.sort_unstable_by_key(|span| span.start);
        spans.dedup_by(|next, kept| {
            let joined = next.start <= kept.end;
            if joined {
                kept.end = kept.end.max(next.end);
            }
            joined
        });
        Ok(MemoryMap {
            region,
            memory: spans,
            roles: Vec::new(),
        })
    }

    /// The stretches of guest memory.
    pub fn guest_memory(&self) -> impl Iterator<Item = PageRange> {
        self.memory.iter().map(|span| PageRange {
            gpa: span.start,
            pages: (span.end - span.start) / PAGE_SIZE as u64,
        })
    }

    /// Bytes that the SVSM may copy from or to.
    pub fn guest_range(&self, gpa: Gpa, len: usize) -> Result<GuestRange<'_>, RangeError> {
        let span = self.guest_span(gpa, len as u64)?;
        for role in self.roles_in(&span) {
            match role {
                Role::CallingArea(_) => {}
                Role::Vmsa(_) | Role::Deposited => return Err(RangeError::InUse(role)),
            }
        }
        Ok(GuestRange::checked(span.start, len))
    }

    /// An ordinary guest page, to change it or to give it a role.
    pub fn guest_page(&mut self, gpa: Gpa, size: PageSize) -> Result<GuestPage<'_>, RangeError> {
        if !gpa.is_aligned(size.bytes() as u64) {
            return Err(RangeError::Misaligned);
        }
        let span = self.guest_span(gpa, size.bytes() as u64)?;
        if let Some(role) = self.roles_in(&span).next() {
            return Err(RangeError::InUse(role));
        }
        Ok(GuestPage::checked(self, gpa.0, size))
    }

    /// A page of the SVSM's own region without a role. The caller answers for it being free.
    pub fn svsm_page(&mut self, gpa: Gpa) -> Result<SvsmPage<'_>, RangeError> {
        if !gpa.is_aligned(PAGE_SIZE as u64) {
            return Err(RangeError::Misaligned);
        }
        let span = Span {
            start: gpa.0,
            end: gpa.0.saturating_add(PAGE_SIZE as u64),
        };
        if !self.region.contains(&span) {
            return Err(RangeError::NotGuestMemory);
        }
        if let Some(role) = self.roles_in(&span).next() {
            return Err(RangeError::InUse(role));
        }
        Ok(SvsmPage::checked(self, gpa.0))
    }

    /// The VMSA at an address, if there is one.
    pub fn vmsa(&self, gpa: Gpa) -> Option<VmsaPage<'_>> {
        match self.role(gpa) {
            Some(Role::Vmsa(_)) => Some(VmsaPage::checked(gpa.0)),
            Some(Role::CallingArea(_) | Role::Deposited) | None => None,
        }
    }

    /// The role of the 4 KiB page at an address.
    pub fn role(&self, gpa: Gpa) -> Option<Role> {
        let end = gpa.0.checked_add(PAGE_SIZE as u64)?;
        gpa.is_aligned(PAGE_SIZE as u64)
            .then(|| self.roles_in(&Span { start: gpa.0, end }).next())
            .flatten()
    }

    /// The 4 KiB guest page at an address, if it has exactly this role, to give it back to the guest.
    pub fn page_in_role(&mut self, gpa: Gpa, role: Role) -> Result<RolePage<'_>, RangeError> {
        if !gpa.is_aligned(PAGE_SIZE as u64) {
            return Err(RangeError::Misaligned);
        }
        self.guest_span(gpa, PAGE_SIZE as u64)?;
        match self.role(gpa) {
            Some(found) if found == role => Ok(RolePage::checked(self, gpa.0, role)),
            Some(other) => Err(RangeError::InUse(other)),
            None => Err(RangeError::NotInRole),
        }
    }

    /// Address of the first deposited page.
    pub fn first_deposited(&self) -> Option<Gpa> {
        self.roles
            .iter()
            .find(|entry| entry.role == Role::Deposited)
            .map(|entry| Gpa(entry.span.start))
    }

    /// Makes sure that `count` more pages can get a role, so that none fails when it is too late to turn back.
    pub fn reserve_roles(&mut self, count: usize) -> Result<(), RoleError> {
        if self.roles.len().saturating_add(count) > MAX_ROLES {
            return Err(RoleError::Full);
        }
        self.roles.try_reserve(count).map_err(|_| RoleError::Full)
    }

    pub(crate) fn insert_role(&mut self, start: u64, len: u64, role: Role) -> Result<(), RoleError> {
        let span = Span {
            start,
            end: start.saturating_add(len),
        };
        if self.roles_in(&span).next().is_some() {
            return Err(RoleError::Taken);
        }
        self.reserve_roles(1)?;
        let index = self.roles.partition_point(|entry| entry.span.start < start);
        self.roles.insert(index, RoleSpan { span, role });
        Ok(())
    }

    /// Takes the role from one page. A page in the middle of a deposited stretch splits it, which needs room for one more.
    pub(crate) fn remove_role(&mut self, start: u64) -> Result<(), RoleError> {
        let page = Span {
            start,
            end: start + PAGE_SIZE as u64,
        };
        let found = self
            .roles
            .iter()
            .enumerate()
            .find(|(_, entry)| entry.span.contains(&page));
        let Some((index, RoleSpan { span, role })) = found.map(|(index, entry)| (index, *entry)) else {
            return Ok(());
        };
        let before = Span {
            start: span.start,
            end: page.start,
        };
        let after = Span {
            start: page.end,
            end: span.end,
        };
        let keep = |rest| Some(RoleSpan { span: rest, role });
        let (first, second) = match (before.start < before.end, after.start < after.end) {
            (false, false) => (None, None),
            (true, false) => (keep(before), None),
            (false, true) => (keep(after), None),
            (true, true) => (keep(before), keep(after)),
        };
        if second.is_some() {
            self.reserve_roles(1)?;
        }
        self.roles.splice(index..=index, first.into_iter().chain(second));
        Ok(())
    }

    fn guest_span(&self, gpa: Gpa, len: u64) -> Result<Span, RangeError> {
        if len == 0 {
            return Err(RangeError::Empty);
        }
        let end = gpa.0.checked_add(len).ok_or(RangeError::NotGuestMemory)?;
        let span = Span { start: gpa.0, end };
        let index = self.memory.partition_point(|memory| memory.end <= span.start);
        match self.memory.get(index) {
            Some(memory) if memory.contains(&span) => Ok(span),
            Some(_) | None => Err(RangeError::NotGuestMemory),
        }
    }

    fn roles_in(&self, span: &Span) -> impl Iterator<Item = Role> {
        let span = *span;
        let first = self.roles.partition_point(|entry| entry.span.end <= span.start);
        self.roles
            .iter()
            .skip(first)
            .take_while(move |entry| entry.span.overlaps(&span))
            .map(|entry| entry.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: ApicId = ApicId(0);

    fn map() -> MemoryMap {
        let region = PageRange {
            gpa: 0xC000_0000,
            pages: 0x1000,
        };
        let memory = [
            PageRange {
                gpa: 0x10_0000,
                pages: 0x700,
            },
            PageRange { gpa: 0, pages: 0x100 },
            PageRange {
                gpa: 0xBFFF_F000,
                pages: 0x2000,
            },
        ];
        MemoryMap::new(region, memory).expect("well-formed")
    }

    #[test]
    fn guest_memory_is_joined_and_never_includes_the_region() {
        let map = map();
        let spans: Vec<_> = map.guest_memory().map(|range| (range.gpa, range.pages)).collect();
        assert_eq!(spans, [(0, 0x800), (0xBFFF_F000, 1), (0xC100_0000, 0xFFF)]);
        assert!(map.guest_range(Gpa(0xBFFF_FFFF), 1).is_ok());
        assert_eq!(
            map.guest_range(Gpa(0xBFFF_FFFF), 2).err(),
            Some(RangeError::NotGuestMemory)
        );
        assert_eq!(
            map.guest_range(Gpa(0xC000_0000), 1).err(),
            Some(RangeError::NotGuestMemory)
        );
    }

    #[test]
    fn claims_that_wrap_or_leave_memory_are_refused() {
        let map = map();
        for (gpa, len) in [(u64::MAX, 2), (0x7F_FFFF, 2), (1 << 51 | 0x1000, 8), (0, usize::MAX)] {
            assert_eq!(
                map.guest_range(Gpa(gpa), len).err(),
                Some(RangeError::NotGuestMemory),
                "{gpa:#x}"
            );
        }
        assert_eq!(map.guest_range(Gpa(0), 0).err(), Some(RangeError::Empty));
    }

    #[test]
    fn page_has_one_role_at_most() {
        let mut map = map();
        let page = map.guest_page(Gpa(0x3000), PageSize::Small).expect("free");
        assert_eq!(page.assign(Role::Vmsa(CPU)), Ok(()));
        assert_eq!(
            map.guest_page(Gpa(0x3000), PageSize::Small).err(),
            Some(RangeError::InUse(Role::Vmsa(CPU)))
        );
        assert_eq!(
            map.guest_page(Gpa(0), PageSize::Large).err(),
            Some(RangeError::InUse(Role::Vmsa(CPU)))
        );
        assert_eq!(
            map.guest_range(Gpa(0x2FFF), 2).err(),
            Some(RangeError::InUse(Role::Vmsa(CPU)))
        );
        assert!(map.guest_range(Gpa(0x2FFF), 1).is_ok());
        assert!(map.guest_range(Gpa(0x4000), 1).is_ok());
        assert!(map.vmsa(Gpa(0x3000)).is_some());
        assert!(map.vmsa(Gpa(0x3001)).is_none());
        assert_eq!(
            map.page_in_role(Gpa(0x3000), Role::Deposited).err(),
            Some(RangeError::InUse(Role::Vmsa(CPU)))
        );
        assert_eq!(
            map.page_in_role(Gpa(0x3000), Role::Vmsa(CPU)).map(RolePage::release),
            Ok(Ok(()))
        );
        assert_eq!(
            map.page_in_role(Gpa(0x3000), Role::Vmsa(CPU)).err(),
            Some(RangeError::NotInRole)
        );
        assert!(map.guest_page(Gpa(0x3000), PageSize::Small).is_ok());
    }

    #[test]
    fn calling_area_may_be_copied_but_not_changed() {
        let mut map = map();
        let page = map.guest_page(Gpa(0x5000), PageSize::Small).expect("free");
        assert_eq!(page.assign(Role::CallingArea(CPU)), Ok(()));
        assert!(map.guest_range(Gpa(0x5000), 4096).is_ok());
        assert!(map.guest_page(Gpa(0x5000), PageSize::Small).is_err());
    }

    #[test]
    fn deposited_stretch_is_given_back_page_by_page() {
        let mut map = map();
        let page = map.guest_page(Gpa(0x20_0000), PageSize::Large).expect("free");
        assert_eq!(page.assign(Role::Deposited), Ok(()));
        assert_eq!(map.first_deposited(), Some(Gpa(0x20_0000)));
        for gpa in [0x20_5000, 0x20_0000, 0x3F_F000] {
            let released = map.page_in_role(Gpa(gpa), Role::Deposited).map(RolePage::release);
            assert_eq!(released, Ok(Ok(())), "{gpa:#x}");
            assert_eq!(
                map.page_in_role(Gpa(gpa), Role::Deposited).err(),
                Some(RangeError::NotInRole)
            );
        }
        assert!(map.guest_range(Gpa(0x20_5000), 4096).is_ok());
        assert!(map.guest_range(Gpa(0x20_4FFF), 1).is_err());
        assert!(map.guest_range(Gpa(0x20_6000), 1).is_err());
        assert_eq!(map.first_deposited(), Some(Gpa(0x20_1000)));
    }

    #[test]
    fn svsm_page_lies_in_the_region_only() {
        let mut map = map();
        assert_eq!(map.svsm_page(Gpa(0x1000)).err(), Some(RangeError::NotGuestMemory));
        assert_eq!(map.svsm_page(Gpa(0xC000_0800)).err(), Some(RangeError::Misaligned));
        let page = map.svsm_page(Gpa(0xC080_0000)).expect("in the region");
        assert_eq!(page.assign(Role::Vmsa(CPU)), Ok(()));
        assert!(map.vmsa(Gpa(0xC080_0000)).is_some());
        assert_eq!(
            map.page_in_role(Gpa(0xC080_0000), Role::Vmsa(CPU)).err(),
            Some(RangeError::NotGuestMemory)
        );
    }

    #[test]
    fn stretches_without_meaning_make_no_map() {
        let region = PageRange {
            gpa: 0xC000_0000,
            pages: 0x1000,
        };
        for bad in [
            PageRange { gpa: 0x800, pages: 1 },
            PageRange { gpa: 0, pages: 0 },
            PageRange {
                gpa: 0x1000,
                pages: u64::MAX,
            },
            PageRange { gpa: 1 << 52, pages: 1 },
        ] {
            assert_eq!(MemoryMap::new(region, [bad]).err(), Some(MapError::Stretch));
        }
    }
}
