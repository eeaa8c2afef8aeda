//! Memory: pages of our own, access to pages that others may change, and the C-bit in the page tables that the SVSM built.
//!
//! Virtual and physical addresses are equal. The tables map 4 GiB with 2 MiB pages; the one page that this program lies in is split, once,
//! so that single pages of it can be shared with the hypervisor.

#![expect(
    unsafe_code,
    reason = "volatile access to pages that the hypervisor, the SVSM or a page-table walk read and write"
)]

use alloc::{
    alloc::{Layout, alloc_zeroed},
    vec::Vec,
};

extern crate alloc;

/// Bytes of a page.
pub const PAGE: u64 = 4096;
const LARGE: u64 = 2 << 20;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;
const LARGE_PAGE: u64 = 1 << 7;

/// Reads one value that another party may change.
///
/// The address must be mapped; everything that this program uses it for lies below 4 GiB, which the SVSM mapped.
pub fn read<T: Copy>(address: u64) -> T {
    // SAFETY: all of the first 4 GiB are mapped; what is there is plain data of type T, for which every bit pattern is valid where it is
    // used here (integers and byte arrays). A page that may not be read raises an exception, which is what the attacks want.
    unsafe { core::ptr::read_volatile(address as *const T) }
}

/// Writes one value for another party to see.
pub fn write<T: Copy>(address: u64, value: T) {
    // SAFETY: callers pass pages that they allocated with `page`, or pages of others whose refusal is the point of an attack.
    unsafe { core::ptr::write_volatile(address as *mut T, value) }
}

/// Copies bytes into a page.
pub fn write_bytes(address: u64, bytes: &[u8]) {
    for (offset, byte) in bytes.iter().enumerate() {
        write(address + offset as u64, *byte);
    }
}

/// Copies bytes out of a page.
pub fn read_bytes(address: u64, count: usize) -> Vec<u8> {
    (0..count as u64).map(|offset| read(address + offset)).collect()
}

/// `count` new pages of zeros in a row, for the life of the program.
pub fn pages(count: usize) -> u64 {
    let layout = Layout::from_size_align(count * PAGE as usize, PAGE as usize).expect("a page layout");
    // SAFETY: the layout's size is not zero.
    let pointer = unsafe { alloc_zeroed(layout) };
    assert!(!pointer.is_null(), "the guest's heap is full");
    pointer as u64
}

/// The page tables.
pub struct Tables {
    directories: u64,
    c_bit: u64,
    split: Option<(u64, u64)>,
}

impl Tables {
    /// The tables that the SVSM built: PML4, PDPT, four directories.
    pub fn new(first: u64, c_bit_position: u64) -> Self {
        Self {
            directories: first + 2 * PAGE,
            c_bit: 1 << c_bit_position,
            split: None,
        }
    }

    /// Maps one 4 KiB page with or without the C-bit. Only the 2 MiB page of the first call can be split.
    pub fn set_private(&mut self, address: u64, private: bool) {
        let base = address & !(LARGE - 1);
        let table = match self.split {
            Some((split, table)) if split == base => table,
            Some(_) => panic!("a second large page would have to be split"),
            None => {
                let entry: u64 = read(self.large_entry(base));
                let table = pages(1);
                let flags = entry & !ADDRESS & !LARGE_PAGE;
                for index in 0..512 {
                    write(table + 8 * index, (base + index * PAGE) | flags | self.c_bit);
                }
                write(self.large_entry(base), table | self.c_bit | 0x3);
                self.split = Some((base, table));
                table
            }
        };
        self.mark(table + 8 * (address / PAGE % 512), private);
    }

    /// Maps the 2 MiB page around `address` with or without the C-bit.
    pub fn set_large_private(&self, address: u64, private: bool) {
        self.mark(self.large_entry(address), private);
    }

    /// Sets or clears the C-bit of the entry at `slot`.
    fn mark(&self, slot: u64, private: bool) {
        let entry: u64 = read(slot);
        let changed = match private {
            true => entry | self.c_bit,
            false => entry & !self.c_bit,
        };
        write(slot, changed);
        crate::instructions::flush_tlb();
    }

    /// The C-bit's mask.
    pub fn c_bit(&self) -> u64 {
        self.c_bit
    }

    fn large_entry(&self, address: u64) -> u64 {
        self.directories + 8 * (address / LARGE)
    }
}
