//! Pages that the processor itself reads: control blocks, nested tables, permission maps.

use alloc::{alloc::alloc_zeroed, boxed::Box};
use core::alloc::Layout;

/// A page of bytes at a page boundary.
#[repr(C, align(4096))]
pub struct Page<const N: usize = 4096>(pub [u8; N]);

/// A page table.
#[repr(C, align(4096))]
pub struct Table(pub [u64; 512]);

/// A zeroed page, or several.
pub fn zeroed_page<const N: usize>() -> Box<Page<N>> {
    zeroed()
}

/// An empty page table.
pub fn zeroed_table() -> Box<Table> {
    zeroed()
}

/// Types for which all-zero bytes are a value.
trait Zeroable {}
impl<const N: usize> Zeroable for Page<N> {}
impl Zeroable for Table {}

fn zeroed<T: Zeroable>() -> Box<T> {
    let layout = Layout::new::<T>();
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc_zeroed(layout) }.cast::<T>();
    if memory.is_null() {
        alloc::alloc::handle_alloc_error(layout);
    }
    // SAFETY: fresh memory of this layout from the global allocator, all zero, which is a value of every `Zeroable` type.
    unsafe { Box::from_raw(memory) }
}

/// Where the processor finds an object: memory is identity-mapped.
pub fn address_of<T>(object: &T) -> u64 {
    (&raw const *object) as u64
}
