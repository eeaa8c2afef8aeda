//! Page state changes (GHCB specification 56421, 4.1.6 and 2.3.1): the guest's wish to have pages private or shared.
//!
//! The structure lies in the GHCB's buffer and was copied with it; indices and entries are the guest's.

use super::guest_ram::{GuestRam, StateError};
use crate::hardware::Hardware;
use snp_model::model::{
    address::{Gpa, PAGE_SIZE, PageSize},
    field,
};

/// Operation: make private.
pub const PRIVATE: u64 = 1;
/// Operation: make shared.
pub const SHARED: u64 = 2;
const SMASH: u64 = 3;
const UNSMASH: u64 = 4;

const HEADER: usize = 8;
const ENTRY: usize = 8;
const MAX_ENTRIES: usize = 253;
/// SW_EXITINFO2: header or entry is malformed.
const INVALID_HEADER: u64 = 1 << 32 | 1;
const INVALID_ENTRY: u64 = 1 << 32 | 2;
const GENERIC: u64 = 0x100 << 32;

/// Changes one page.
pub fn apply(
    hardware: &mut Hardware,
    ram: &mut GuestRam,
    gpa: Gpa,
    size: PageSize,
    operation: u64,
) -> Result<(), StateError> {
    match operation {
        PRIVATE => ram.make_private(hardware, gpa, size),
        SHARED => ram.make_shared(hardware, gpa, size),
        SMASH => ram.split(hardware, gpa),
        // A hint that this hypervisor does not follow.
        _ => Ok(()),
    }
}

/// Works through the structure; the result for SW_EXITINFO2.
pub fn serve(buffer: &mut [u8], mut change: impl FnMut(Gpa, PageSize, u64) -> Result<(), StateError>) -> u64 {
    let current = field::read_u16(buffer, 0).unwrap_or(u16::MAX);
    let last = field::read_u16(buffer, 2).unwrap_or(u16::MAX);
    let reserved = field::read_u32(buffer, 4).unwrap_or(u32::MAX);
    let room = buffer.len().saturating_sub(HEADER) / ENTRY;
    if reserved != 0 || usize::from(last) >= room.min(MAX_ENTRIES) || current > last {
        return INVALID_HEADER;
    }
    for index in current..=last {
        let offset = HEADER + ENTRY * usize::from(index);
        let entry = field::read_u64(buffer, offset).unwrap_or(u64::MAX);
        let result = one(entry, &mut change);
        field::write(buffer, 0, &index.to_le_bytes());
        match result {
            Ok(pages) => field::write(buffer, offset, &(entry & !0xFFF | pages).to_le_bytes()),
            Err(code) => return code,
        }
    }
    field::write(buffer, 0, &(last + 1).to_le_bytes());
    0
}

/// One entry; the number of pages done.
fn one(entry: u64, change: &mut impl FnMut(Gpa, PageSize, u64) -> Result<(), StateError>) -> Result<u64, u64> {
    let (done, gpa, operation) = (entry & 0xFFF, Gpa(entry & 0x000F_FFFF_FFFF_F000), entry >> 52 & 0xF);
    let size = PageSize::from_bit(entry >> 56 & 1 == 1);
    let pages = size.bytes() / PAGE_SIZE;
    if entry >> 57 != 0 || !(PRIVATE..=UNSMASH).contains(&operation) || !gpa.is_aligned(size) || done > pages {
        return Err(INVALID_ENTRY);
    }
    match change(gpa, size, operation) {
        Ok(()) => Ok(pages),
        Err(StateError::NoMemory) => Err(INVALID_ENTRY),
        Err(StateError::Hardware(_)) => Err(GENERIC),
    }
}
