//! Translation of linear addresses by the guest's own page tables (APM volume 2, chapter 5), for the simulator's needs: operands of
//! PVALIDATE and RMPADJUST, instruction bytes, and the stack of a #VC.
//!
//! The tables are the guest's and may hold anything. As on hardware they are always read as private memory.

use super::address::{Gpa, PAGE_SIZE, View};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
const USER: u64 = 4;
const LARGE: u64 = 0x80;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// Table entries that a search by guest-physical address reads at most: tables that refer to themselves would make it endless.
const SEARCH_BUDGET: u32 = 1 << 20;

/// Where the C-bit lies.
pub const C_BIT: u32 = 51;
/// The C-bit as a mask.
pub const C_MASK: u64 = 1 << C_BIT;

/// How the guest translates addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Paging is off: linear addresses are private guest-physical ones.
    Off,
    /// Four levels, long mode.
    FourLevel {
        /// The root.
        cr3: u64,
    },
}

/// Result of a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The guest-physical address.
    pub gpa: Gpa,
    /// Which view the leaf's C-bit selects.
    pub view: View,
    /// Writes are allowed at every level.
    pub writable: bool,
    /// User-mode accesses are allowed at every level.
    pub user: bool,
    /// Instruction fetches are allowed at every level.
    pub executable: bool,
    /// Bytes that the leaf maps.
    pub size: u64,
}

/// Why a linear address has no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkError {
    /// Not canonical: #GP.
    NotCanonical,
    /// Not mapped: #PF with the protection bit clear.
    NotPresent,
    /// A table that the guest cannot read: a nested fault at this address.
    Table(Gpa),
}

impl Paging {
    /// Translates a linear address. `read` reads a 64-bit word of the guest's private memory.
    pub fn translate(self, linear: u64, mut read: impl FnMut(Gpa) -> Option<u64>) -> Result<Translation, WalkError> {
        let Paging::FourLevel { cr3 } = self else {
            return Ok(Translation {
                gpa: Gpa(linear),
                view: View::Private,
                writable: true,
                user: true,
                executable: true,
                size: PAGE_SIZE,
            });
        };
        if ((linear << 16) as i64 >> 16) as u64 != linear {
            return Err(WalkError::NotCanonical);
        }
        let (mut writable, mut user, mut executable) = (true, true, true);
        let mut table = Gpa(cr3 & ADDRESS & !C_MASK);
        for level in (1..=4).rev() {
            let shift = 12 + 9 * (level - 1);
            let slot = table.add((linear >> shift & 511) * 8);
            let entry = read(slot).ok_or(WalkError::Table(slot))?;
            if entry & PRESENT == 0 {
                return Err(WalkError::NotPresent);
            }
            writable &= entry & WRITABLE != 0;
            user &= entry & USER != 0;
            executable &= entry & NO_EXECUTE == 0;
            if level == 1 || (level < 4 && entry & LARGE != 0) {
                let size = 1u64 << shift;
                let base = entry & ADDRESS & !C_MASK & !(size - 1);
                let private = entry & C_MASK != 0;
                return Ok(Translation {
                    gpa: Gpa(base | linear & (size - 1)),
                    view: if private { View::Private } else { View::Shared },
                    writable,
                    user,
                    executable,
                    size,
                });
            }
            table = Gpa(entry & ADDRESS & !C_MASK);
        }
        Err(WalkError::NotPresent)
    }

    /// The lowest linear address that maps a guest-physical page in this view, if any: for CR2 of a #VC 0x404, where a nested fault
    /// tells the guest-physical address only. An identity mapping is found first.
    pub fn find_linear(self, gpa: Gpa, view: View, mut read: impl FnMut(Gpa) -> Option<u64>) -> Option<u64> {
        let maps = |found: &Translation| found.gpa == gpa && found.view == view;
        if self.translate(gpa.0, &mut read).as_ref().is_ok_and(maps) {
            return Some(gpa.0);
        }
        let Paging::FourLevel { cr3 } = self else {
            return None;
        };
        let mut budget = SEARCH_BUDGET;
        let mut read = |slot| {
            budget = budget.checked_sub(1)?;
            read(slot)
        };
        search(Gpa(cr3 & ADDRESS & !C_MASK), 4, 0, gpa, view, &mut read)
    }
}

fn search(
    table: Gpa,
    level: u32,
    base: u64,
    gpa: Gpa,
    view: View,
    read: &mut impl FnMut(Gpa) -> Option<u64>,
) -> Option<u64> {
    let shift = 12 + 9 * (level - 1);
    for index in 0..512u64 {
        let entry = read(table.add(index * 8))?;
        if entry & PRESENT == 0 {
            continue;
        }
        let linear = base | index << shift;
        let linear = if level == 4 && index >= 256 {
            linear | 0xFFFF << 48
        } else {
            linear
        };
        let target = entry & ADDRESS & !C_MASK;
        if level == 1 || (level < 4 && entry & LARGE != 0) {
            let size = 1u64 << shift;
            let same_view = (entry & C_MASK != 0) == (view == View::Private);
            if same_view && target & !(size - 1) == gpa.0 & !(size - 1) {
                return Some(linear | gpa.0 & (size - 1));
            }
        } else if let Some(found) = search(Gpa(target), level - 1, linear, gpa, view, read) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    // Expectations: APM volume 2, figure 5-17 (4-KByte page translation, long mode) and 5-22 (2-MByte).
    use super::*;
    use alloc::collections::BTreeMap;

    fn tables() -> BTreeMap<u64, u64> {
        let mut memory = BTreeMap::new();
        memory.insert(0x1000, 0x2000 | C_MASK | 7);
        memory.insert(0x2000, 0x3000 | C_MASK | 7);
        memory.insert(0x3000, 0x40_0000 | C_MASK | LARGE | 3);
        memory.insert(0x3008, 0x4000 | C_MASK | 7);
        memory.insert(0x4010, 0x9000 | NO_EXECUTE | 5);
        memory
    }

    #[test]
    fn linear_address_is_translated_through_large_and_small_leaves() {
        let memory = tables();
        let read = |gpa: Gpa| Some(memory.get(&gpa.0).copied().unwrap_or(0));
        let paging = Paging::FourLevel { cr3: 0x1000 | C_MASK };
        let large = paging.translate(0x12_3456, read);
        assert!(matches!(large, Ok(t) if t.gpa == Gpa(0x52_3456) && t.view == View::Private && t.writable && !t.user));
        let small = paging.translate(0x20_2010, read);
        assert!(
            matches!(small, Ok(t) if t.gpa == Gpa(0x9010) && t.view == View::Shared && !t.writable && !t.executable)
        );
        assert_eq!(paging.translate(0x20_3000, read), Err(WalkError::NotPresent));
        assert_eq!(paging.translate(1 << 47, read), Err(WalkError::NotCanonical));
        assert_eq!(paging.translate(0, |_| None), Err(WalkError::Table(Gpa(0x1000))));
    }

    #[test]
    fn guest_physical_page_is_found_back_in_the_right_view() {
        let memory = tables();
        let read = |gpa: Gpa| Some(memory.get(&gpa.0).copied().unwrap_or(0));
        let paging = Paging::FourLevel { cr3: 0x1000 };
        assert_eq!(paging.find_linear(Gpa(0x9000), View::Shared, read), Some(0x20_2000));
        assert_eq!(paging.find_linear(Gpa(0x9000), View::Private, read), None);
        assert_eq!(paging.find_linear(Gpa(0x40_5008), View::Private, read), Some(0x5008));
    }
}
