//! The guest's memory as the hypervisor keeps it: which guest pages exist, which are private, and the system pages behind both.
//!
//! A guest page has two system pages, one for each state (as Linux' guest_memfd does it), so that nothing written in one state can be
//! seen in the other. The hypervisor's nested tables show the one of the current state.

use super::watch::WatchList;
use crate::hardware::{Hardware, Nested, NestedTable};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use snp_model::model::{
    address::{Gpa, PAGE_SIZE, PageSize, Spa},
    rmp::{Asid, NewState, UpdateError},
};

/// The one guest.
pub const GUEST: Asid = 1;

/// Hands out system pages, from the bottom.
pub struct SystemPages {
    next: u64,
    end: u64,
}

impl SystemPages {
    /// The pages from `start` to `end`.
    pub const fn new(start: Spa, end: Spa) -> Self {
        Self {
            next: start.0,
            end: end.0,
        }
    }

    /// A block of a size, aligned to a page size.
    pub fn take(&mut self, bytes: u64, alignment: PageSize) -> Option<Spa> {
        let start = self.next.next_multiple_of(alignment.bytes());
        let end = start.checked_add(bytes).filter(|&end| end <= self.end)?;
        self.next = end;
        Some(Spa(start))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Shared,
    Private,
    PrivateLarge,
}

/// A contiguous range of guest memory.
struct Region {
    start: Gpa,
    bytes: u64,
    private: Spa,
    shared: Spa,
    states: Vec<State>,
}

impl Region {
    fn page(&self, gpa: Gpa) -> Option<usize> {
        let offset = gpa.0.checked_sub(self.start.0)?;
        (offset < self.bytes).then_some((offset / PAGE_SIZE) as usize)
    }

    fn backing(&self, index: usize) -> Spa {
        let base = if self.states[index] == State::Shared {
            self.shared
        } else {
            self.private
        };
        base.add(index as u64 * PAGE_SIZE)
    }
}

/// Why a page cannot change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// No such guest page.
    NoMemory,
    /// The hardware refuses.
    Hardware(UpdateError),
}

/// All of the guest's memory.
pub struct GuestRam {
    regions: Vec<Region>,
    /// Pages that a hostile hypervisor maps elsewhere.
    overrides: BTreeMap<u64, Spa>,
    /// Pages that it watches.
    pub watched: WatchList,
}

impl NestedTable for GuestRam {
    fn lookup(&self, gpa: Gpa) -> Option<Nested> {
        let page = gpa.page(PageSize::Small);
        if self.watched.hides(page) {
            return None;
        }
        if let Some(&other) = self.overrides.get(&page.0) {
            return Some(Nested::Memory {
                page: other,
                size: PageSize::Small,
            });
        }
        let Some((region, index)) = self.find(page) else {
            return Some(Nested::Device);
        };
        let large = region.states[index] == State::PrivateLarge;
        Some(Nested::Memory {
            page: region.backing(index),
            size: PageSize::from_bit(large),
        })
    }

    fn is_large(&self, gpa: Gpa) -> bool {
        self.find(gpa)
            .is_some_and(|(region, index)| region.states[index] == State::PrivateLarge)
            && !self.has_exceptions(gpa.page(PageSize::Large))
    }
}

impl GuestRam {
    fn has_exceptions(&self, first: Gpa) -> bool {
        let range = first.0..first.0 + PageSize::Large.bytes();
        self.overrides.range(range.clone()).next().is_some() || self.watched.watches(&range)
    }

    /// No memory yet.
    pub const fn new(watched: WatchList) -> Self {
        Self {
            regions: Vec::new(),
            overrides: BTreeMap::new(),
            watched,
        }
    }

    /// Adds a range, shared. Both ends are multiples of 2 MiB. What is in it is what the machine has there at power-on: zeros.
    pub fn add(&mut self, start: Gpa, bytes: u64, pages: &mut SystemPages) -> Option<()> {
        let region = Region {
            start,
            bytes,
            private: pages.take(bytes, PageSize::Large)?,
            shared: pages.take(bytes, PageSize::Large)?,
            states: vec![State::Shared; (bytes / PAGE_SIZE) as usize],
        };
        self.regions.push(region);
        Some(())
    }

    fn find(&self, gpa: Gpa) -> Option<(&Region, usize)> {
        self.regions.iter().find_map(|region| Some((region, region.page(gpa)?)))
    }

    fn find_mut(&mut self, gpa: Gpa) -> Option<(&mut Region, usize)> {
        self.regions.iter_mut().find_map(|region| {
            let index = region.page(gpa)?;
            Some((region, index))
        })
    }

    /// Every page of guest memory with the system page that is behind it now.
    pub fn pages(&self) -> impl Iterator<Item = (Gpa, Spa)> {
        self.regions.iter().flat_map(|region| {
            (0..region.states.len()).map(|index| (region.start.add(index as u64 * PAGE_SIZE), region.backing(index)))
        })
    }

    /// Whether there is memory at an address.
    pub fn contains(&self, gpa: Gpa) -> bool {
        self.find(gpa).is_some()
    }

    /// The system page behind a shared guest page.
    pub fn shared_page(&self, gpa: Gpa) -> Option<Spa> {
        let (region, index) = self.find(gpa)?;
        (region.states[index] == State::Shared).then(|| region.backing(index))
    }

    /// The system page behind a private guest page.
    pub fn private_page(&self, gpa: Gpa) -> Option<Spa> {
        let (region, index) = self.find(gpa)?;
        (region.states[index] != State::Shared).then(|| region.backing(index))
    }

    /// The size in which a page is mapped.
    pub fn size_of(&self, gpa: Gpa) -> PageSize {
        let large = self
            .find(gpa)
            .is_some_and(|(region, index)| region.states[index] == State::PrivateLarge);
        PageSize::from_bit(large)
    }

    /// Whether the whole 2 MiB range around an address lies in one region and is shared.
    fn whole_large_is_shared(&self, gpa: Gpa) -> bool {
        let first = gpa.page(PageSize::Large);
        self.find(first).is_some_and(|(region, index)| {
            let states = region.states.get(index..index + 512);
            region.start.is_aligned(PageSize::Large)
                && states.is_some_and(|states| states.iter().all(|state| *state == State::Shared))
        })
    }

    /// Makes memory private: assigned to the guest, not validated. Pages that are private already stay as they are. A large page is
    /// used where it was asked for and possible.
    pub fn make_private(&mut self, hardware: &mut Hardware, gpa: Gpa, size: PageSize) -> Result<(), StateError> {
        if size == PageSize::Large {
            if gpa.is_aligned(size) && self.whole_large_is_shared(gpa) {
                return self.assign(hardware, gpa, size, false).map(|_| ());
            }
            return (0..512)
                .try_for_each(|page| self.make_private(hardware, gpa.add(page * PAGE_SIZE), PageSize::Small));
        }
        match self.find(gpa) {
            None => Err(StateError::NoMemory),
            Some((region, index)) if region.states[index] != State::Shared => Ok(()),
            Some(_) => self.assign(hardware, gpa, PageSize::Small, false).map(|_| ()),
        }
    }

    /// RMPUPDATE to the guest; for launched pages also the lock. Returns the system page.
    pub fn assign(
        &mut self,
        hardware: &mut Hardware,
        gpa: Gpa,
        size: PageSize,
        immutable: bool,
    ) -> Result<Spa, StateError> {
        let (region, index) = self.find_mut(gpa).ok_or(StateError::NoMemory)?;
        let page = region.private.add(index as u64 * PAGE_SIZE);
        let state = NewState::Guest {
            asid: GUEST,
            gpa,
            immutable,
        };
        hardware.rmpupdate(page, size, state).map_err(StateError::Hardware)?;
        match size {
            PageSize::Small => region.states[index] = State::Private,
            PageSize::Large => region.states[index..index + 512].fill(State::PrivateLarge),
        }
        hardware.invalidate(gpa, size);
        Ok(page)
    }

    /// Makes memory shared: the hypervisor's own again.
    pub fn make_shared(&mut self, hardware: &mut Hardware, gpa: Gpa, size: PageSize) -> Result<(), StateError> {
        if size == PageSize::Large {
            return (0..512)
                .try_for_each(|page| self.make_shared(hardware, gpa.add(page * PAGE_SIZE), PageSize::Small));
        }
        self.split(hardware, gpa)?;
        let (region, index) = self.find_mut(gpa).ok_or(StateError::NoMemory)?;
        if region.states[index] == State::Shared {
            return Ok(());
        }
        let page = region.backing(index);
        region.states[index] = State::Shared;
        let update = hardware.rmpupdate(page, PageSize::Small, NewState::Hypervisor);
        update.map_err(StateError::Hardware)?;
        hardware.invalidate(gpa, PageSize::Small);
        Ok(())
    }

    /// Splits a large private page, if the address lies in one.
    pub fn split(&mut self, hardware: &mut Hardware, gpa: Gpa) -> Result<(), StateError> {
        let first = gpa.page(PageSize::Large);
        let (region, index) = self.find_mut(gpa).ok_or(StateError::NoMemory)?;
        if region.states[index] != State::PrivateLarge {
            return Ok(());
        }
        let start = index & !511;
        let page = region.private.add(start as u64 * PAGE_SIZE);
        hardware.psmash(page).map_err(StateError::Hardware)?;
        region.states[start..start + 512].fill(State::Private);
        hardware.invalidate(first, PageSize::Large);
        Ok(())
    }

    /// Hostile: maps another system page at a guest address.
    pub fn map_elsewhere(&mut self, hardware: &mut Hardware, gpa: Gpa, page: Spa) {
        self.overrides.insert(gpa.page(PageSize::Small).0, page);
        hardware.invalidate(gpa, PageSize::Small);
    }
}
