//! From claim to proof: [`Gpa`] is an address that somebody named, the other types are addresses that the memory map has checked.
//!
//! A guest can send any number as an address: one in the SVSM's region, in a VMSA, beyond all memory, with the C-bit set, or one whose end wraps
//! around. All of that ends in [`MemoryMap`](crate::MemoryMap); the types here can only be made there.
//!
//! Each of them borrows the map. A role can only be given or taken through an exclusive borrow, so as long as a range lives its pages stay what
//! they were when it was checked. That is what keeps one vCPU from turning a page into a VMSA while another still writes a reply to it.

use crate::memory_map::{MemoryMap, Role, RoleError};
use core::{fmt, marker::PhantomData};
use svsm_proto::{PAGE_SIZE, rmp::PageSize};

/// A guest-physical address as somebody claims it. Good for nothing but being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gpa(pub u64);

impl Gpa {
    /// Whether the address is a multiple of `alignment`, a power of two.
    pub const fn is_aligned(self, alignment: u64) -> bool {
        self.0 & (alignment - 1) == 0
    }

    /// Whether `len` bytes from here touch more than one 4 KiB page, or wrap around.
    pub const fn crosses_page(self, len: u64) -> bool {
        let offset = self.0 % PAGE_SIZE as u64;
        match offset.checked_add(len) {
            Some(end) => end > PAGE_SIZE as u64,
            None => true,
        }
    }
}

impl fmt::Display for Gpa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Why the memory map does not vouch for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// The range has no bytes.
    Empty,
    /// A page address is not a multiple of the page's size.
    Misaligned,
    /// The range wraps around, is not the guest's memory, or is the SVSM's.
    NotGuestMemory,
    /// A page of the range has a role that forbids this use.
    InUse(Role),
    /// The page does not have the role that it is to be given back from.
    NotInRole,
}

/// Bytes of guest memory that the SVSM may copy from and to: all of them the guest's, none in a VMSA or deposited page.
#[derive(Clone, Copy, Debug)]
pub struct GuestRange<'m> {
    start: u64,
    len: usize,
    map: PhantomData<&'m MemoryMap>,
}

impl<'m> GuestRange<'m> {
    pub(crate) const fn checked(start: u64, len: usize) -> Self {
        GuestRange {
            start,
            len,
            map: PhantomData,
        }
    }

    /// Address of the first byte.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes; never zero.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// `len` bytes from `offset` within this range; `None` when they are not all inside or there are none.
    pub fn part(&self, offset: usize, len: usize) -> Option<GuestRange<'m>> {
        let end = offset.checked_add(len)?;
        (len != 0 && end <= self.len).then(|| GuestRange::checked(self.start + offset as u64, len))
    }
}

/// A guest page without a role, held exclusively: its state and permissions may be changed, and it can be given a role.
#[derive(Debug)]
pub struct GuestPage<'m> {
    map: &'m mut MemoryMap,
    gpa: u64,
    size: PageSize,
}

impl<'m> GuestPage<'m> {
    pub(crate) const fn checked(map: &'m mut MemoryMap, gpa: u64, size: PageSize) -> Self {
        GuestPage { map, gpa, size }
    }

    /// The page's address.
    pub const fn gpa(&self) -> Gpa {
        Gpa(self.gpa)
    }

    /// For [`PageControl`](crate::PageControl).
    pub const fn token(&self) -> PageToken<'_> {
        PageToken::checked(self.gpa, self.size)
    }

    /// For [`GuestMemory`](crate::GuestMemory).
    pub const fn range(&self) -> GuestRange<'_> {
        GuestRange::checked(self.gpa, self.size.bytes())
    }

    /// Gives the page a role. On success it is no longer an ordinary page of the guest.
    pub fn assign(self, role: Role) -> Result<(), RoleError> {
        self.map.insert_role(self.gpa, self.size.bytes() as u64, role)
    }
}

/// A guest page with a role, held exclusively, on its way back to the guest.
#[derive(Debug)]
pub struct RolePage<'m> {
    map: &'m mut MemoryMap,
    gpa: u64,
    role: Role,
}

impl<'m> RolePage<'m> {
    pub(crate) const fn checked(map: &'m mut MemoryMap, gpa: u64, role: Role) -> Self {
        RolePage { map, gpa, role }
    }

    /// For [`PageControl`](crate::PageControl).
    pub const fn token(&self) -> PageToken<'_> {
        PageToken::checked(self.gpa, PageSize::Small)
    }

    /// For [`GuestMemory`](crate::GuestMemory).
    pub const fn range(&self) -> GuestRange<'_> {
        GuestRange::checked(self.gpa, PAGE_SIZE)
    }

    /// For [`VmsaControl`](crate::VmsaControl), if the role is that of a VMSA.
    pub const fn vmsa(&self) -> Option<VmsaPage<'_>> {
        match self.role {
            Role::Vmsa(_) => Some(VmsaPage::checked(self.gpa)),
            Role::CallingArea(_) | Role::Deposited => None,
        }
    }

    /// Makes it an ordinary page of the guest again.
    pub fn release(self) -> Result<(), RoleError> {
        self.map.remove_role(self.gpa)
    }
}

/// A page of the SVSM's region, held exclusively, for the startup vCPU's VMSA.
#[derive(Debug)]
pub struct SvsmPage<'m> {
    map: &'m mut MemoryMap,
    gpa: u64,
}

impl<'m> SvsmPage<'m> {
    pub(crate) const fn checked(map: &'m mut MemoryMap, gpa: u64) -> Self {
        SvsmPage { map, gpa }
    }

    /// The page's address.
    pub const fn gpa(&self) -> Gpa {
        Gpa(self.gpa)
    }

    /// For [`PageControl`](crate::PageControl).
    pub const fn token(&self) -> PageToken<'_> {
        PageToken::checked(self.gpa, PageSize::Small)
    }

    /// Gives the page its role.
    pub fn assign(self, role: Role) -> Result<(), RoleError> {
        self.map.insert_role(self.gpa, PAGE_SIZE as u64, role)
    }
}

/// A page whose validation and permissions may be changed now.
#[derive(Clone, Copy, Debug)]
pub struct PageToken<'p> {
    gpa: u64,
    size: PageSize,
    page: PhantomData<&'p ()>,
}

impl PageToken<'_> {
    pub(crate) const fn checked(gpa: u64, size: PageSize) -> Self {
        PageToken {
            gpa,
            size,
            page: PhantomData,
        }
    }

    /// The page's address.
    pub const fn gpa(&self) -> u64 {
        self.gpa
    }

    /// Its size.
    pub const fn size(&self) -> PageSize {
        self.size
    }
}

/// A page that is a VMSA, and stays one as long as this value lives.
#[derive(Clone, Copy, Debug)]
pub struct VmsaPage<'m> {
    gpa: u64,
    map: PhantomData<&'m MemoryMap>,
}

impl VmsaPage<'_> {
    pub(crate) const fn checked(gpa: u64) -> Self {
        VmsaPage { gpa, map: PhantomData }
    }

    /// The page's address.
    pub const fn gpa(&self) -> u64 {
        self.gpa
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_crossing_is_seen_even_at_the_end_of_the_address_space() {
        assert!(!Gpa(0x1FF8).crosses_page(8));
        assert!(Gpa(0x1FF8).crosses_page(9));
        assert!(Gpa(u64::MAX).crosses_page(2));
        assert!(Gpa(1).crosses_page(u64::MAX));
    }

    #[test]
    fn part_stays_inside_its_range() {
        let range = GuestRange::checked(0x1000, 0x10);
        assert_eq!(
            range.part(8, 8).map(|part| (part.start(), part.len())),
            Some((0x1008, 8))
        );
        assert!(range.part(8, 9).is_none());
        assert!(range.part(0, 0).is_none());
        assert!(range.part(usize::MAX, 2).is_none());
    }
}
