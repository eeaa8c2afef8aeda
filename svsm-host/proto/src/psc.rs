//! The page state change list in the GHCB's shared buffer (GHCB §4.1.6, table 7).
//!
//! The guest writes it, the hypervisor updates its progress in place, so a reader on either side works on a copy. A successful answer
//! proves nothing about a page: only the PVALIDATE that follows does.

use crate::{assert_layout, ghcb::SHARED_BUFFER_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of [`PscHeader`].
pub const HEADER_SIZE: usize = 8;

/// Bytes of one entry.
pub const ENTRY_SIZE: usize = 8;

/// Most entries in one list: what fits in the shared buffer.
pub const MAX_ENTRIES: usize = (SHARED_BUFFER_SIZE - HEADER_SIZE) / ENTRY_SIZE;

/// The list's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PscHeader {
    /// Index of the next entry to process; the hypervisor moves it on.
    pub cur_entry: u16,
    /// Index of the last entry (not a count).
    pub end_entry: u16,
    /// Zero.
    pub reserved: u32,
}

assert_layout!(PscHeader, size HEADER_SIZE, cur_entry @ 0, end_entry @ 2, reserved @ 4);

/// A whole list, as it lies in the shared buffer.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PscList {
    /// The header.
    pub header: PscHeader,
    /// The entries ([`PscEntry::encode`]).
    pub entries: [u64; MAX_ENTRIES],
}

assert_layout!(PscList, size SHARED_BUFFER_SIZE, header @ 0, entries @ HEADER_SIZE);

/// Whether a page is to become private or shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageState {
    /// Assigned to the guest; usable after PVALIDATE.
    Private,
    /// The hypervisor's, readable and writable by both.
    Shared,
}

impl PageState {
    /// The operation code, the same in the list and in the MSR protocol.
    pub const fn code(self) -> u64 {
        match self {
            PageState::Private => 1,
            PageState::Shared => 2,
        }
    }

    /// The state that an operation code stands for.
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(PageState::Private),
            2 => Some(PageState::Shared),
            _ => None,
        }
    }
}

/// One entry. PSMASH and UNSMASH are for hypervisors that ask for them and are refused here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PscEntry {
    /// Progress inside a large page.
    pub cur_page: u16,
    /// First byte of the page.
    pub gpa: u64,
    /// The state wanted.
    pub state: PageState,
    /// True for a 2 MiB page.
    pub large: bool,
}

impl PscEntry {
    const GFN_MASK: u64 = 0x000F_FFFF_FFFF_F000;

    /// The eight bytes of the entry.
    pub const fn encode(self) -> u64 {
        (self.large as u64) << 56 | self.state.code() << 52 | self.gpa & Self::GFN_MASK | (self.cur_page & 0xFFF) as u64
    }

    /// Decodes eight bytes; `None` when reserved bits or an unsupported operation are set.
    pub const fn decode(raw: u64) -> Option<Self> {
        if raw >> 57 != 0 {
            return None;
        }
        match PageState::from_code(raw >> 52 & 0xF) {
            Some(state) => Some(PscEntry {
                cur_page: (raw & 0xFFF) as u16,
                gpa: raw & Self::GFN_MASK,
                state,
                large: raw >> 56 & 1 != 0,
            }),
            None => None,
        }
    }
}

/// SW_EXITINFO2 after a page state change, as KVM and the specification number it.
pub mod status {
    /// Everything that the header's progress shows is done.
    pub const OK: u64 = 0;
    /// The header makes no sense.
    pub const INVALID_HEADER: u64 = 0x1_0000_0001;
    /// An entry makes no sense.
    pub const INVALID_ENTRY: u64 = 0x1_0000_0002;
    /// Any other failure.
    pub const GENERIC: u64 = 0x100_0000_0000;
}

#[cfg(test)]
mod tests {
    use super::*;

    // GHCB §4.1.6: 253 entries fit; field positions of table 7.
    #[test]
    fn entry_encodes_to_table_7() {
        assert_eq!(MAX_ENTRIES, 253);
        let entry = PscEntry {
            cur_page: 3,
            gpa: 0x1234_5000,
            state: PageState::Shared,
            large: true,
        };
        assert_eq!(entry.encode(), 0x0120_0000_1234_5003);
        assert_eq!(PscEntry::decode(entry.encode()), Some(entry));
        assert_eq!(PscEntry::decode(0x0030_0000_0000_0000), None, "PSMASH");
        assert_eq!(PscEntry::decode(1 << 57 | 1 << 52), None, "reserved bit");
    }
}
