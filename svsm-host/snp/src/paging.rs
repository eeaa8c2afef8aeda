//! The SVSM's own page tables: four levels, identity-mapped region, everything else absent (APM volume 2 §5.3; the C-bit: §15.34.5).
//!
//! Pure algorithm over a few frames; nothing from outside reaches it. The tables map the region page by page, each page with exactly the
//! rights that it needs and with unmapped guard pages under the stacks. The guest's memory is not part of them: it appears one page at
//! a time in a window (see [`guest_copy`](crate::guest_copy)). So no stray pointer of the SVSM can reach the guest, and the tables have
//! the same size for a guest of any size.
//!
//! Accessed and dirty bits are set from the start, so that the page walker never writes.

/// Entries in a table.
pub const ENTRIES: usize = 512;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// What may be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Executed and read.
    Text,
    /// Read.
    ReadOnly,
    /// Read and written.
    ReadWrite,
}

/// Whose view of a page is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The guest's own, encrypted.
    Private,
    /// The one that the hypervisor sees.
    Shared,
}

/// Where the C-bit is, as a mask for entries and CR3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CBit(u64);

impl CBit {
    /// From its position, which must leave room for addresses below 4 GiB and lie within the 52 bits of an entry's address.
    pub const fn at(position: u8) -> Option<Self> {
        match position {
            32..=51 => Some(Self(1 << position)),
            _ => None,
        }
    }

    /// The mask.
    pub const fn mask(self) -> u64 {
        self.0
    }

    /// Its position.
    pub const fn position(self) -> u8 {
        self.0.trailing_zeros() as u8
    }

    /// An entry that maps the 4 KiB page at `physical`.
    pub const fn small_page(self, physical: u64, access: Access, view: View) -> u64 {
        let rights = match access {
            Access::Text => 0,
            Access::ReadOnly => NO_EXECUTE,
            Access::ReadWrite => NO_EXECUTE | WRITABLE | DIRTY,
        };
        let view = match view {
            View::Private => self.0,
            View::Shared => 0,
        };
        physical & ADDRESS | view | rights | ACCESSED | PRESENT
    }

    /// An entry that maps the private 2 MiB page at `physical` for reading and writing.
    pub const fn large_page(self, physical: u64) -> u64 {
        self.small_page(physical, Access::ReadWrite, View::Private) | LARGE
    }

    /// An entry that points to the next table.
    pub const fn table(self, physical: u64) -> u64 {
        physical & ADDRESS | self.0 | ACCESSED | WRITABLE | PRESENT
    }
}

/// The frames that tables are made of.
pub trait Frames {
    /// A private frame full of zeros, or `None` when there is no more.
    fn allocate(&mut self) -> Option<u64>;
    /// An entry of the table at `table`.
    fn read(&self, table: u64, index: usize) -> u64;
    /// Sets an entry of the table at `table`.
    fn write(&mut self, table: u64, index: usize, entry: u64);
}

/// No frame was left for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;

/// Where an entry is: its table and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The table's address.
    pub table: u64,
    /// The entry's number.
    pub index: usize,
}

impl Slot {
    /// The entry's address.
    pub const fn address(self) -> u64 {
        self.table + 8 * self.index as u64
    }
}

/// A tree of page tables.
pub struct Tables<F> {
    frames: F,
    root: u64,
    c_bit: CBit,
}

impl<F: Frames> Tables<F> {
    /// An empty tree.
    pub fn new(mut frames: F, c_bit: CBit) -> Result<Self, OutOfFrames> {
        let root = frames.allocate().ok_or(OutOfFrames)?;
        Ok(Self { frames, root, c_bit })
    }

    /// The value for CR3.
    pub fn cr3(&self) -> u64 {
        self.root | self.c_bit.mask()
    }

    /// The frames again, for other uses.
    pub fn frames(&mut self) -> &mut F {
        &mut self.frames
    }

    /// Maps the 4 KiB page `address` to `physical`.
    pub fn map(&mut self, address: u64, physical: u64, access: Access, view: View) -> Result<(), OutOfFrames> {
        let slot = self.small_slot(address)?;
        self.frames
            .write(slot.table, slot.index, self.c_bit.small_page(physical, access, view));
        Ok(())
    }

    /// The entry that maps the 4 KiB page at `address`, with every table above it.
    pub fn small_slot(&mut self, address: u64) -> Result<Slot, OutOfFrames> {
        self.slot(address, 1)
    }

    /// The entry that maps the 2 MiB page at `address`, with every table above it.
    pub fn large_slot(&mut self, address: u64) -> Result<Slot, OutOfFrames> {
        self.slot(address, 2)
    }

    fn slot(&mut self, address: u64, level: u32) -> Result<Slot, OutOfFrames> {
        let index = |level: u32| (address >> (12 + 9 * (level - 1))) as usize % ENTRIES;
        let mut table = self.root;
        for upper in (level + 1..=4).rev() {
            let entry = self.frames.read(table, index(upper));
            table = if entry & PRESENT == 0 {
                let next = self.frames.allocate().ok_or(OutOfFrames)?;
                self.frames.write(table, index(upper), self.c_bit.table(next));
                next
            } else {
                entry & ADDRESS & !self.c_bit.mask()
            };
        }
        Ok(Slot {
            table,
            index: index(level),
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct TestFrames {
        tables: BTreeMap<u64, [u64; ENTRIES]>,
        left: usize,
    }

    impl TestFrames {
        fn with(left: usize) -> Self {
            Self {
                tables: BTreeMap::new(),
                left,
            }
        }
    }

    impl Frames for TestFrames {
        fn allocate(&mut self) -> Option<u64> {
            self.left = self.left.checked_sub(1)?;
            let address = 0xC080_0000 + 0x1000 * self.tables.len() as u64;
            self.tables.insert(address, [0; ENTRIES]);
            Some(address)
        }
        fn read(&self, table: u64, index: usize) -> u64 {
            self.tables[&table][index]
        }
        fn write(&mut self, table: u64, index: usize, entry: u64) {
            self.tables.get_mut(&table).expect("a table that was allocated")[index] = entry;
        }
    }

    /// Walks as the processor does (APM volume 2 figure 5-17), collecting the leaf entry; `None` when an entry on the way is not present.
    fn walk(read: impl Fn(u64, usize) -> u64, root: u64, c_bit: u64, address: u64) -> Option<(u64, u64)> {
        let mut table = root & !c_bit;
        for level in (1..=4).rev() {
            let shift = 12 + 9 * (level - 1);
            let entry = read(table, (address >> shift) as usize & 511);
            if entry & 1 == 0 {
                return None;
            }
            let physical = entry & 0x000F_FFFF_FFFF_F000 & !c_bit;
            if level == 1 || entry & (1 << 7) != 0 {
                return Some((physical + (address & ((1 << shift) - 1)), entry));
            }
            assert_ne!(entry & c_bit, 0, "tables are private");
            table = physical;
        }
        None
    }

    #[test]
    fn pages_are_found_by_an_independent_walk_with_their_rights() {
        let c_bit = CBit::at(51).expect("51 is a position");
        let mut tables = Tables::new(TestFrames::with(10), c_bit).expect("frames");
        let cases = [
            (0xC001_0000, Access::Text, View::Private, 0, 0),
            (0xC001_1000, Access::ReadOnly, View::Private, 1 << 63, 0),
            (0xC0FF_F000, Access::ReadWrite, View::Shared, 1 << 63, 1 << 1),
        ];
        for (address, access, view, _, _) in cases {
            tables.map(address, address, access, view).expect("frames");
        }
        let (cr3, frames) = (tables.cr3(), &tables.frames);
        assert_eq!(cr3, 0xC080_0000 | 1 << 51);
        for (address, _, view, no_execute, writable) in cases {
            let (physical, entry) = walk(|t, i| frames.read(t, i), cr3, 1 << 51, address + 0x123).expect("mapped");
            assert_eq!(physical, address + 0x123);
            assert_eq!(entry & (1 << 63), no_execute);
            assert_eq!(entry & (1 << 1), writable);
            assert_eq!(entry & (1 << 51) != 0, view == View::Private);
        }
        assert_eq!(walk(|t, i| frames.read(t, i), cr3, 1 << 51, 0xC001_2000), None);
        assert_eq!(walk(|t, i| frames.read(t, i), cr3, 1 << 51, 0x1000), None);
    }

    #[test]
    fn tables_end_when_frames_do() {
        let c_bit = CBit::at(47).expect("47 is a position");
        let mut tables = Tables::new(TestFrames::with(3), c_bit).expect("a frame");
        assert_eq!(
            tables.map(0x1000, 0x1000, Access::ReadOnly, View::Private),
            Err(OutOfFrames)
        );
        assert_eq!(Tables::new(TestFrames::with(0), c_bit).err(), Some(OutOfFrames));
    }

    #[test]
    fn c_bit_outside_the_upper_address_bits_is_refused() {
        assert_eq!(CBit::at(31), None);
        assert_eq!(CBit::at(52), None);
        assert_eq!(CBit::at(51).map(CBit::mask), Some(1 << 51));
    }
}
