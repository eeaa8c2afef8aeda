//! Parameter pages that the loader fills as the IGVM file tells it: memory map and VP count (IGVM, MEMORY_MAP and VP_COUNT_PARAMETER).
//!
//! Both are unmeasured and come from the hypervisor, which may lie about everything in them. The parser refuses what has no meaning (unknown
//! types, order, overlap, overflow); what remains is still only a claim, and PVALIDATE is what makes memory real.

use crate::{PAGE_SIZE, assert_layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Ordinary memory.
pub const ENTRY_MEMORY: u16 = 0;
/// Reserved by the platform.
pub const ENTRY_PLATFORM_RESERVED: u16 = 1;

/// One entry of the memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MemoryMapEntry {
    /// Number of the first 4 KiB page.
    pub first_page: u64,
    /// How many pages; 0 in the entry that ends the map.
    pub pages: u64,
    /// [`ENTRY_MEMORY`], [`ENTRY_PLATFORM_RESERVED`] or a higher number that is not ordinary memory either.
    pub entry_type: u16,
    /// Flags.
    pub flags: u16,
    /// Zero.
    pub reserved: u32,
}

assert_layout!(MemoryMapEntry, size 24, first_page @ 0, pages @ 8, entry_type @ 16, flags @ 18, reserved @ 20);

/// Most entries in a page, the one that ends the map included.
pub const MAX_ENTRIES: usize = PAGE_SIZE / size_of::<MemoryMapEntry>();

/// Number of the page behind the last one that can exist: 52 bits of physical address.
pub const PAGE_NUMBER_LIMIT: u64 = 1 << 40;

/// Why a memory map is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMapError {
    /// No entry ends the map.
    NoEnd,
    /// Entries are not in ascending order, or overlap.
    Order,
    /// An entry reaches beyond the physical address space.
    OutOfRange,
}

/// The entries of a copied memory-map page, checked for order, overlap and range.
pub fn memory_map(page: &[u8]) -> Result<impl Iterator<Item = MemoryMapEntry> + '_, MemoryMapError> {
    let entries = || {
        page.chunks_exact(size_of::<MemoryMapEntry>())
            .take(MAX_ENTRIES)
            .filter_map(|bytes| MemoryMapEntry::read_from_bytes(bytes).ok())
    };
    let mut limit = 0;
    let mut ended = false;
    for entry in entries() {
        if entry.pages == 0 {
            ended = true;
            break;
        }
        if entry.first_page < limit {
            return Err(MemoryMapError::Order);
        }
        limit = entry
            .first_page
            .checked_add(entry.pages)
            .ok_or(MemoryMapError::OutOfRange)?;
        if limit > PAGE_NUMBER_LIMIT {
            return Err(MemoryMapError::OutOfRange);
        }
    }
    if !ended {
        return Err(MemoryMapError::NoEnd);
    }
    Ok(entries().take_while(|entry| entry.pages != 0))
}

/// The VP count: the first four bytes of a copied parameter page.
pub fn vp_count(page: &[u8]) -> Option<u32> {
    page.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(entries: &[(u64, u64, u16)]) -> [u8; PAGE_SIZE] {
        let mut page = [0; PAGE_SIZE];
        for (slot, (first_page, pages, entry_type)) in page.chunks_exact_mut(24).zip(entries) {
            let entry = MemoryMapEntry {
                first_page: *first_page,
                pages: *pages,
                entry_type: *entry_type,
                flags: 0,
                reserved: 0,
            };
            slot.copy_from_slice(entry.as_bytes());
        }
        page
    }

    // Layout and terminator from the IGVM specification's IGVM_VHS_MEMORY_MAP_ENTRY.
    #[test]
    fn map_with_two_ranges_is_read_back() {
        let page = page(&[(0, 0x8000, 0), (0xC0000, 0x1000, 1)]);
        let ranges = memory_map(&page).map(|entries| {
            let mut sum = 0;
            for entry in entries {
                sum += entry.pages;
            }
            sum
        });
        assert_eq!(ranges, Ok(0x9000));
    }

    #[test]
    fn maps_without_meaning_are_refused() {
        assert_eq!(
            memory_map(&page(&[(8, 8, 0), (4, 2, 0)])).err(),
            Some(MemoryMapError::Order)
        );
        assert_eq!(
            memory_map(&page(&[(8, 8, 0), (15, 2, 0)])).err(),
            Some(MemoryMapError::Order)
        );
        assert_eq!(
            memory_map(&page(&[(1, u64::MAX, 0)])).err(),
            Some(MemoryMapError::OutOfRange)
        );
        assert_eq!(
            memory_map(&page(&[(PAGE_NUMBER_LIMIT - 1, 2, 0)])).err(),
            Some(MemoryMapError::OutOfRange)
        );
        assert_eq!(memory_map(&page(&[])[..0]).err(), Some(MemoryMapError::NoEnd));
    }
}
