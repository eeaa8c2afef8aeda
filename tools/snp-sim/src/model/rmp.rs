//! The reverse map table: who owns each system page, which guest page it is, and what each VMPL may do with it.
//!
//! Every private access of a guest, and every shared write, is decided here (APM volume 2, 15.36.10); PVALIDATE, RMPADJUST and
//! RMPQUERY change or read it on behalf of the guest, RMPUPDATE and PSMASH on behalf of the hypervisor. The hypervisor's requests are
//! hostile: whatever it asks for, a page that changes owner, address or size loses its validated state, its VMSA attribute and its
//! permissions. A 2 MiB entry is kept as 512 equal ones that carry the size.

use super::address::{Access, Gpa, PAGE_SIZE, PAGES_PER_LARGE, PageSize, Spa};
use alloc::{vec, vec::Vec};

/// Address-space identifier of a guest; 0 is the hypervisor.
pub type Asid = u16;

/// Most privileged and least privileged level.
pub const VMPL_COUNT: usize = 4;

/// Permissions of one VMPL on one page, as RMPADJUST takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(pub u8);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Read data.
    pub const READ: Self = Self(1);
    /// Write data.
    pub const WRITE: Self = Self(2);
    /// Execute in user mode.
    pub const EXECUTE_USER: Self = Self(4);
    /// Execute in supervisor mode.
    pub const EXECUTE_SUPERVISOR: Self = Self(8);
    /// Everything.
    pub const ALL: Self = Self(15);

    /// Whether all of `other` is granted.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn allow(self, access: Access) -> bool {
        self.contains(match access {
            Access::Read => Self::READ,
            Access::Write | Access::TableWalk => Self::WRITE,
            Access::ExecuteUser => Self::EXECUTE_USER,
            Access::ExecuteSupervisor => Self::EXECUTE_SUPERVISOR,
        })
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Belongs to a guest or to the firmware, not to the hypervisor.
    pub assigned: bool,
    /// The guest has accepted the page.
    pub validated: bool,
    /// Locked by the security processor.
    pub immutable: bool,
    /// A VM save area.
    pub vmsa: bool,
    /// Part of a 2 MiB entry.
    pub large: bool,
    /// The owning guest.
    pub asid: Asid,
    /// The guest page.
    pub gpa: Gpa,
    /// What each VMPL may do.
    pub permissions: [Permissions; VMPL_COUNT],
}

impl Entry {
    const HYPERVISOR: Self = Self {
        assigned: false,
        validated: false,
        immutable: false,
        vmsa: false,
        large: false,
        asid: 0,
        gpa: Gpa(0),
        permissions: [
            Permissions::ALL,
            Permissions::NONE,
            Permissions::NONE,
            Permissions::NONE,
        ],
    };

    fn size(&self) -> PageSize {
        PageSize::from_bit(self.large)
    }
}

/// Why the RMP stops an access. All but the last end in a nested page fault that the hypervisor sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The page is nobody's: it is shared memory.
    NotAssigned,
    /// The page is not the guest's at that address: other owner, other address, or locked.
    Owner,
    /// Nested page, operand and RMP entry have different sizes.
    Size,
    /// The VMPL lacks the permission.
    Vmpl,
    /// The guest has not validated the page: #VC with code 0x404 in the guest.
    NotValidated,
}

/// Result codes of the guest's instructions (RAX).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Illegal operand.
    Input = 1,
    /// Not allowed at this VMPL.
    Permission = 2,
    /// The entry has the smaller size.
    SizeMismatch = 6,
}

/// How an instruction ends that names a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Done.
    Done(T),
    /// The code is returned to the guest.
    Fails(Failure),
    /// The access itself is stopped.
    Stopped(Violation),
}

/// Why the hypervisor's RMPUPDATE or PSMASH fails (APM volume 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError {
    /// The page is not covered, or not aligned to its size.
    Input,
    /// The entry is locked.
    Permission,
    /// A page of the other size is in the way.
    Overlap,
}

/// What RMPUPDATE makes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewState {
    /// The hypervisor's own.
    Hypervisor,
    /// Assigned to a guest, not yet validated.
    Guest {
        /// The owner.
        asid: Asid,
        /// Where the guest sees it.
        gpa: Gpa,
        /// Locked for the security processor (launch).
        immutable: bool,
    },
}

/// RMPADJUST's RDX operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Whose permissions change.
    pub target: u8,
    /// The new permissions.
    pub permissions: Permissions,
    /// The new VMSA attribute.
    pub vmsa: bool,
}

impl Adjustment {
    /// Splits the operand. Reserved bits, shadow-stack permission included (the simulated processor does not have it), are an error.
    pub fn from_register(rdx: u64) -> Option<Self> {
        let (target, permissions) = (rdx as u8, (rdx >> 8) as u8);
        (rdx >> 17 == 0 && usize::from(target) < VMPL_COUNT && permissions & 0xF0 == 0).then_some(Self {
            target,
            permissions: Permissions(permissions),
            vmsa: rdx & 1 << 16 != 0,
        })
    }
}

/// Who executes an instruction or makes an access, and which guest page it names.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The guest.
    pub asid: Asid,
    /// The current VMPL.
    pub vmpl: u8,
    /// The guest page, after translation by the guest's tables.
    pub gpa: Gpa,
    /// Size of the nested mapping.
    pub nested: PageSize,
}

/// The table.
pub struct Rmp {
    base: Spa,
    entries: Vec<Entry>,
}

impl Rmp {
    /// A table that covers the system pages from `base` to `end`, all the hypervisor's.
    pub fn new(base: Spa, end: Spa) -> Self {
        let pages = (end.0 - base.0) / PAGE_SIZE;
        Self {
            base,
            entries: vec![Entry::HYPERVISOR; pages as usize],
        }
    }

    fn index(&self, page: Spa) -> Option<usize> {
        let index = page.0.checked_sub(self.base.0)? / PAGE_SIZE;
        (index < self.entries.len() as u64).then_some(index as usize)
    }

    /// The entry that covers a system address.
    pub fn entry(&self, page: Spa) -> Option<&Entry> {
        self.entries.get(self.index(page)?)
    }

    fn range(&mut self, page: Spa, size: PageSize) -> Option<&mut [Entry]> {
        let first = self.index(page)?;
        self.entries.get_mut(first..first + (size.bytes() / PAGE_SIZE) as usize)
    }

    /// RMPUPDATE: the hypervisor changes a page's owner.
    pub fn update(&mut self, page: Spa, size: PageSize, state: NewState) -> Result<(), UpdateError> {
        if !page.is_aligned(size) {
            return Err(UpdateError::Input);
        }
        if let NewState::Guest { gpa, .. } = state
            && !gpa.is_aligned(size)
        {
            return Err(UpdateError::Input);
        }
        let entries = self.range(page, size).ok_or(UpdateError::Input)?;
        if entries.iter().any(|entry| entry.immutable) {
            return Err(UpdateError::Permission);
        }
        let blocking = |entry: &Entry| entry.assigned && entry.size() != size;
        if entries.iter().any(blocking) {
            return Err(UpdateError::Overlap);
        }
        for (entry, number) in entries.iter_mut().zip(0..) {
            *entry = match state {
                NewState::Hypervisor => Entry::HYPERVISOR,
                NewState::Guest { asid, gpa, immutable } => Entry {
                    assigned: true,
                    immutable,
                    large: size == PageSize::Large,
                    asid,
                    gpa: gpa.add(number * PAGE_SIZE),
                    ..Entry::HYPERVISOR
                },
            };
        }
        Ok(())
    }

    /// PSMASH: the hypervisor splits a 2 MiB entry; validated state and permissions stay.
    pub fn smash(&mut self, page: Spa) -> Result<(), UpdateError> {
        if !page.is_aligned(PageSize::Large) {
            return Err(UpdateError::Input);
        }
        let entries = self.range(page, PageSize::Large).ok_or(UpdateError::Input)?;
        if entries.iter().any(|entry| !entry.large || !entry.assigned) {
            return Err(UpdateError::Input);
        }
        if entries.iter().any(|entry| entry.immutable) {
            return Err(UpdateError::Permission);
        }
        entries.iter_mut().for_each(|entry| entry.large = false);
        Ok(())
    }

    /// The security processor accepts a launched page for the guest: validated, no longer locked, permissions as launched.
    pub fn accept_launched(&mut self, page: Spa, permissions: [Permissions; 3], vmsa: bool) -> Result<(), UpdateError> {
        let entry = self.range(page, PageSize::Small).and_then(|range| range.first_mut());
        let entry = entry.ok_or(UpdateError::Input)?;
        if !entry.assigned || !entry.immutable || entry.validated || entry.large {
            return Err(UpdateError::Permission);
        }
        entry.immutable = false;
        entry.validated = true;
        entry.vmsa = vmsa;
        entry.permissions[1..].copy_from_slice(&permissions);
        Ok(())
    }

    /// Checks 1: the page is this guest's, at this address, and nobody has locked it.
    fn owned(&self, page: Spa, claim: &Claim) -> Result<&Entry, Violation> {
        let entry = self.entry(page).ok_or(Violation::Owner)?;
        if !entry.assigned {
            return Err(Violation::NotAssigned);
        }
        let owned = !entry.immutable && entry.asid == claim.asid && entry.gpa == claim.gpa.page(PageSize::Small);
        if owned { Ok(entry) } else { Err(Violation::Owner) }
    }

    /// Decides a private access, in the order of APM 15.36.10.
    pub fn check_private(&self, page: Spa, claim: &Claim, access: Access) -> Result<&Entry, Violation> {
        let entry = self.owned(page, claim)?;
        if entry.size() != claim.nested {
            return Err(Violation::Size);
        }
        if !entry.validated {
            return Err(Violation::NotValidated);
        }
        let granted = entry.permissions.get(usize::from(claim.vmpl));
        if granted.is_some_and(|permissions| permissions.allow(access)) {
            Ok(entry)
        } else {
            Err(Violation::Vmpl)
        }
    }

    /// Decides a shared write of a guest or any write of the hypervisor: the page must be the hypervisor's.
    pub fn check_shared_write(&self, page: Spa) -> Result<(), Violation> {
        match self.entry(page) {
            Some(entry) if entry.assigned => Err(Violation::Owner),
            _ => Ok(()),
        }
    }

    /// PVALIDATE. `Done(true)` means that the state did not change (CF = 1).
    pub fn pvalidate(&mut self, page: Spa, claim: &Claim, size: PageSize, validate: bool) -> Outcome<bool> {
        if size == PageSize::Large && !claim.gpa.is_aligned(PageSize::Large) {
            return Outcome::Fails(Failure::Input);
        }
        let entry = match self.owned(page, claim) {
            Ok(entry) => *entry,
            Err(violation) => return Outcome::Stopped(violation),
        };
        match (size, entry.size()) {
            (PageSize::Large, PageSize::Small) => return Outcome::Fails(Failure::SizeMismatch),
            (PageSize::Small, PageSize::Large) => return Outcome::Stopped(Violation::Size),
            _ => {}
        }
        if entry.validated == validate {
            return Outcome::Done(true);
        }
        match self.range(page, size) {
            Some(entries) => entries.iter_mut().for_each(|entry| entry.validated = validate),
            None => return Outcome::Stopped(Violation::Owner),
        }
        Outcome::Done(false)
    }

    /// RMPADJUST.
    pub fn adjust(&mut self, page: Spa, claim: &Claim, size: PageSize, new: Adjustment) -> Outcome<()> {
        if size == PageSize::Large && !claim.gpa.is_aligned(PageSize::Large) {
            return Outcome::Fails(Failure::Input);
        }
        if new.target <= claim.vmpl {
            return Outcome::Fails(Failure::Permission);
        }
        let entry = match self.owned(page, claim) {
            Ok(entry) => *entry,
            Err(violation) => return Outcome::Stopped(violation),
        };
        if (size, entry.size()) == (PageSize::Small, PageSize::Large) {
            return Outcome::Stopped(Violation::Size);
        }
        if !entry.validated {
            return Outcome::Stopped(Violation::NotValidated);
        }
        if (size, entry.size()) == (PageSize::Large, PageSize::Small) {
            return Outcome::Fails(Failure::SizeMismatch);
        }
        if !entry.permissions[usize::from(claim.vmpl)].contains(new.permissions) {
            return Outcome::Fails(Failure::Permission);
        }
        let Some(entries) = self.range(page, size) else {
            return Outcome::Stopped(Violation::Owner);
        };
        for entry in entries {
            entry.permissions[usize::from(new.target)] = new.permissions;
            if claim.vmpl == 0 {
                entry.vmsa = new.vmsa;
            }
        }
        Outcome::Done(())
    }

    /// RMPQUERY: the entry, for a VMPL that is not more privileged than the caller's.
    pub fn query(&self, page: Spa, claim: &Claim, target: u8) -> Outcome<Entry> {
        if usize::from(target) >= VMPL_COUNT {
            return Outcome::Fails(Failure::Input);
        }
        if target < claim.vmpl {
            return Outcome::Fails(Failure::Permission);
        }
        match self.owned(page, claim) {
            Ok(entry) if entry.validated => Outcome::Done(*entry),
            Ok(_) => Outcome::Stopped(Violation::NotValidated),
            Err(violation) => Outcome::Stopped(violation),
        }
    }

    /// Whether VMRUN may use the page as this guest's save area (APM 15.36.12); the page's guest address, if so.
    pub fn vmsa_address(&self, page: Spa, asid: Asid) -> Option<Gpa> {
        let entry = self.entry(page)?;
        let usable = entry.assigned && entry.validated && entry.vmsa && !entry.immutable && entry.asid == asid;
        usable.then_some(entry.gpa)
    }

    /// Pages that the table covers: for an iteration by the caller.
    pub fn covers(&self, page: Spa) -> bool {
        self.index(page).is_some()
    }
}

/// Number of system pages in a 2 MiB page, for callers that go through one.
pub const SMALL_IN_LARGE: u64 = PAGES_PER_LARGE;

#[cfg(test)]
mod tests {
    // Expectations: APM volume 2, 15.36.3 to 15.36.10, and volume 3, PVALIDATE, RMPADJUST, RMPQUERY.
    use super::*;

    const BASE: Spa = Spa(0x20_0000);
    const PAGE: Spa = Spa(0x40_0000);
    const GPA: Gpa = Gpa(0x80_0000);
    const ASID: Asid = 1;

    fn claim(vmpl: u8) -> Claim {
        Claim {
            asid: ASID,
            vmpl,
            gpa: GPA,
            nested: PageSize::Small,
        }
    }

    fn guest(gpa: Gpa) -> NewState {
        NewState::Guest {
            asid: ASID,
            gpa,
            immutable: false,
        }
    }

    fn assigned(size: PageSize) -> Rmp {
        let mut rmp = Rmp::new(BASE, Spa(0x80_0000));
        assert_eq!(rmp.update(PAGE, size, guest(GPA)), Ok(()));
        rmp
    }

    fn valid() -> Rmp {
        let mut rmp = assigned(PageSize::Small);
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true),
            Outcome::Done(false)
        );
        rmp
    }

    fn grant(target: u8, permissions: u8) -> Adjustment {
        Adjustment {
            target,
            permissions: Permissions(permissions),
            vmsa: false,
        }
    }

    #[test]
    fn private_access_checks_owner_then_size_then_validated_then_vmpl() {
        let mut rmp = Rmp::new(BASE, Spa(0x80_0000));
        let check = |rmp: &Rmp, claim: Claim, access| rmp.check_private(PAGE, &claim, access).err();
        assert_eq!(check(&rmp, claim(0), Access::Read), Some(Violation::NotAssigned));
        assert_eq!(rmp.update(PAGE, PageSize::Small, guest(GPA)), Ok(()));
        let large = Claim {
            nested: PageSize::Large,
            ..claim(0)
        };
        assert_eq!(check(&rmp, large, Access::Read), Some(Violation::Size));
        assert_eq!(check(&rmp, claim(2), Access::Read), Some(Violation::NotValidated));
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true),
            Outcome::Done(false)
        );
        assert_eq!(check(&rmp, claim(0), Access::Write), None);
        assert_eq!(check(&rmp, claim(2), Access::Read), Some(Violation::Vmpl));
        let other = Claim { asid: 2, ..claim(0) };
        assert_eq!(check(&rmp, other, Access::Read), Some(Violation::Owner));
        let moved = Claim {
            gpa: Gpa(0x90_0000),
            ..claim(0)
        };
        assert_eq!(check(&rmp, moved, Access::Read), Some(Violation::Owner));
        assert_eq!(
            rmp.check_private(Spa(0x80_0000), &claim(0), Access::Read),
            Err(Violation::Owner)
        );
    }

    #[test]
    fn permissions_are_granted_per_vmpl_and_replaced() {
        let mut rmp = valid();
        assert_eq!(
            rmp.adjust(PAGE, &claim(0), PageSize::Small, grant(2, 3)),
            Outcome::Done(())
        );
        assert!(rmp.check_private(PAGE, &claim(2), Access::Write).is_ok());
        assert_eq!(
            rmp.check_private(PAGE, &claim(2), Access::ExecuteSupervisor),
            Err(Violation::Vmpl)
        );
        assert_eq!(rmp.check_private(PAGE, &claim(1), Access::Read), Err(Violation::Vmpl));
        assert_eq!(
            rmp.adjust(PAGE, &claim(0), PageSize::Small, grant(2, 1)),
            Outcome::Done(())
        );
        assert_eq!(rmp.check_private(PAGE, &claim(2), Access::Write), Err(Violation::Vmpl));
    }

    #[test]
    fn rmpadjust_refuses_own_level_and_rights_it_does_not_have() {
        let mut rmp = valid();
        let small = PageSize::Small;
        assert_eq!(
            rmp.adjust(PAGE, &claim(0), small, grant(0, 1)),
            Outcome::Fails(Failure::Permission)
        );
        assert_eq!(
            rmp.adjust(PAGE, &claim(2), small, grant(2, 0)),
            Outcome::Fails(Failure::Permission)
        );
        assert_eq!(rmp.adjust(PAGE, &claim(0), small, grant(1, 1)), Outcome::Done(()));
        assert_eq!(
            rmp.adjust(PAGE, &claim(1), small, grant(2, 3)),
            Outcome::Fails(Failure::Permission)
        );
        assert_eq!(rmp.adjust(PAGE, &claim(1), small, grant(2, 1)), Outcome::Done(()));
        assert_eq!(Adjustment::from_register(4), None);
        assert_eq!(Adjustment::from_register(1 << 17 | 1), None);
        assert_eq!(Adjustment::from_register(0x1F01), None);
    }

    #[test]
    fn vmsa_attribute_is_written_at_vmpl0_only_and_cleared_by_a_plain_adjustment() {
        let mut rmp = valid();
        let vmsa = Adjustment {
            vmsa: true,
            ..grant(1, 1)
        };
        assert_eq!(rmp.vmsa_address(PAGE, ASID), None);
        assert_eq!(rmp.adjust(PAGE, &claim(0), PageSize::Small, vmsa), Outcome::Done(()));
        assert_eq!(rmp.vmsa_address(PAGE, ASID), Some(GPA));
        assert_eq!(
            rmp.adjust(PAGE, &claim(1), PageSize::Small, grant(2, 0)),
            Outcome::Done(())
        );
        assert_eq!(rmp.vmsa_address(PAGE, ASID), Some(GPA));
        assert_eq!(
            rmp.adjust(PAGE, &claim(0), PageSize::Small, grant(1, 1)),
            Outcome::Done(())
        );
        assert_eq!(rmp.vmsa_address(PAGE, ASID), None);
    }

    #[test]
    fn pvalidate_reports_unchanged_state_and_size_mismatch() {
        let mut rmp = valid();
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true),
            Outcome::Done(true)
        );
        let large = rmp.pvalidate(PAGE, &claim(0), PageSize::Large, true);
        assert_eq!(large, Outcome::Fails(Failure::SizeMismatch));
        let mut rmp = assigned(PageSize::Large);
        let small = rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true);
        assert_eq!(small, Outcome::Stopped(Violation::Size));
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Large, true),
            Outcome::Done(false)
        );
        assert_eq!(rmp.smash(PAGE), Ok(()));
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true),
            Outcome::Done(true)
        );
        let misaligned = Claim {
            gpa: Gpa(0x80_1000),
            ..claim(0)
        };
        let result = rmp.pvalidate(PAGE.add(0x1000), &misaligned, PageSize::Large, true);
        assert_eq!(result, Outcome::Fails(Failure::Input));
    }

    #[test]
    fn rmpupdate_takes_validation_vmsa_and_permissions_away() {
        let mut rmp = valid();
        let vmsa = Adjustment {
            vmsa: true,
            ..grant(2, 1)
        };
        assert_eq!(rmp.adjust(PAGE, &claim(0), PageSize::Small, vmsa), Outcome::Done(()));
        assert_eq!(rmp.update(PAGE, PageSize::Small, guest(GPA)), Ok(()));
        assert_eq!(
            rmp.check_private(PAGE, &claim(0), Access::Read),
            Err(Violation::NotValidated)
        );
        assert_eq!(
            rmp.pvalidate(PAGE, &claim(0), PageSize::Small, true),
            Outcome::Done(false)
        );
        assert_eq!(rmp.check_private(PAGE, &claim(2), Access::Read), Err(Violation::Vmpl));
        assert_eq!(rmp.vmsa_address(PAGE, ASID), None);
    }

    #[test]
    fn rmpupdate_respects_locks_sizes_and_alignment() {
        let mut rmp = assigned(PageSize::Large);
        let inside = PAGE.add(0x1000);
        assert_eq!(
            rmp.update(inside, PageSize::Small, NewState::Hypervisor),
            Err(UpdateError::Overlap)
        );
        assert_eq!(
            rmp.update(inside, PageSize::Large, NewState::Hypervisor),
            Err(UpdateError::Input)
        );
        assert_eq!(rmp.smash(PAGE), Ok(()));
        let locked = NewState::Guest {
            asid: ASID,
            gpa: GPA,
            immutable: true,
        };
        assert_eq!(rmp.update(inside, PageSize::Small, locked), Ok(()));
        assert_eq!(
            rmp.update(inside, PageSize::Small, NewState::Hypervisor),
            Err(UpdateError::Permission)
        );
        assert_eq!(rmp.accept_launched(inside, [Permissions::NONE; 3], true), Ok(()));
        assert_eq!(rmp.vmsa_address(inside, ASID), Some(GPA));
    }

    #[test]
    fn shared_write_to_an_assigned_page_is_stopped() {
        let rmp = valid();
        assert_eq!(rmp.check_shared_write(PAGE), Err(Violation::Owner));
        assert_eq!(rmp.check_shared_write(BASE), Ok(()));
    }

    #[test]
    fn rmpquery_shows_levels_below_the_caller_only() {
        let mut rmp = valid();
        assert_eq!(
            rmp.adjust(PAGE, &claim(0), PageSize::Small, grant(2, 5)),
            Outcome::Done(())
        );
        let shown = rmp.query(PAGE, &claim(1), 2);
        assert!(matches!(shown, Outcome::Done(entry) if entry.permissions[2] == Permissions(5)));
        assert_eq!(rmp.query(PAGE, &claim(1), 0), Outcome::Fails(Failure::Permission));
        assert_eq!(rmp.query(PAGE, &claim(1), 4), Outcome::Fails(Failure::Input));
        assert_eq!(rmp.update(PAGE, PageSize::Small, guest(GPA)), Ok(()));
        assert_eq!(rmp.query(PAGE, &claim(0), 1), Outcome::Stopped(Violation::NotValidated));
    }
}
