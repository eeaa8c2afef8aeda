//! The component's heap: small blocks by size, everything else from the allocator behind.
//!
//! A command makes and frees some dozens of small buffers, and an interpreter feels every instruction of an allocator that looks for the best fit:
//! malloc and free were a fifth of a short command's time. Here a block of up to [`LARGEST`] bytes, as long as the longest response, has one of nine sizes, and each size a list
//! of the blocks that are free; taking one and giving it back are a dozen instructions each. A block is never split, joined or given back to
//! the allocator behind, so what is kept of each size is the most that was ever in use of it; the engine's own limits bound that.
//!
//! What a freed block held is wiped by whoever held it (`tpm_engine::wipe`), here only its first word is written.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// The smallest block, and the alignment of all of them.
const SMALLEST: usize = 16;
/// The largest block that is kept.
const LARGEST: usize = SMALLEST << (SIZES - 1);
/// How many sizes there are, each twice the one before.
const SIZES: usize = 9;

/// A free block: its first word points to the next.
struct Free {
    next: *mut Free,
}

/// An allocator with lists of free blocks before `B`.
pub(crate) struct Blocks<B> {
    free: UnsafeCell<[*mut Free; SIZES]>,
    behind: B,
}

// SAFETY: the component has one thread (see `SingleThreaded` in `exports.rs`), and the tests keep each allocator in one.
unsafe impl<B: Sync> Sync for Blocks<B> {}

impl<B> Blocks<B> {
    /// No block is free yet.
    pub(crate) const fn new(behind: B) -> Self {
        Self {
            free: UnsafeCell::new([null_mut(); SIZES]),
            behind,
        }
    }
}

/// Which size serves a layout; none when it goes to the allocator behind.
fn size_of(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    let blocks = layout.size().saturating_sub(1) / SMALLEST;
    Some((usize::BITS - blocks.leading_zeros()) as usize)
}

/// The layout of the blocks of a size.
fn block(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and the largest block is far from the largest layout.
    unsafe { Layout::from_size_align_unchecked(SMALLEST << size, SMALLEST) }
}

// SAFETY: a block of size s has `SMALLEST << s` bytes, no fewer than any layout that `size_of` maps to s, and is aligned to SMALLEST, no less than any of them.
// It is in at most one place: in its list, or with who allocated it. A layout leads to the same size at allocation and at deallocation.
unsafe impl<B: GlobalAlloc> GlobalAlloc for Blocks<B> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = size_of(layout) else {
            // SAFETY: the caller's promise about the layout is passed on.
            return unsafe { self.behind.alloc(layout) };
        };
        // SAFETY: one thread, and nothing here calls back, so this is the only reference to the lists.
        let lists = unsafe { &mut *self.free.get() };
        let first = lists[size];
        if first.is_null() {
            // SAFETY: a block's layout is not empty.
            return unsafe { self.behind.alloc(block(size)) };
        }
        // SAFETY: what is in a list is a free block, whose first word `dealloc` has written.
        lists[size] = unsafe { (*first).next };
        first.cast()
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(size) = size_of(layout) else {
            // SAFETY: it came from the allocator behind, with this layout.
            return unsafe { self.behind.dealloc(pointer, layout) };
        };
        // SAFETY: as in `alloc`.
        let lists = unsafe { &mut *self.free.get() };
        let freed: *mut Free = pointer.cast();
        // SAFETY: the block is the caller's no more; it is large enough for a word, and aligned for it.
        unsafe { freed.write(Free { next: lists[size] }) };
        lists[size] = freed;
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, rounded up to the alignment, does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (size_of(layout), size_of(new)) {
            (Some(old), Some(new)) if old == new => pointer,
            // SAFETY: it came from the allocator behind and stays there.
            (None, None) => unsafe { self.behind.realloc(pointer, layout, new_size) },
            _ => {
                // SAFETY: the caller promises that the new size is not zero.
                let moved = unsafe { self.alloc(new) };
                if !moved.is_null() {
                    // SAFETY: both are as long as the smaller of the two sizes, and two allocations do not overlap.
                    unsafe { pointer.copy_to_nonoverlapping(moved, layout.size().min(new_size)) };
                    // SAFETY: the caller's promise about the old block is passed on.
                    unsafe { self.dealloc(pointer, layout) };
                }
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{alloc::System, vec::Vec};

    /// One allocation of the test's: where, as what, and which byte fills it.
    struct Held {
        pointer: *mut u8,
        layout: Layout,
        byte: u8,
    }

    fn filled(held: &Held, length: usize) -> bool {
        // SAFETY: the test wrote these bytes, and holds the allocation.
        unsafe { std::slice::from_raw_parts(held.pointer, length) }
            .iter()
            .all(|byte| *byte == held.byte)
    }

    fn fill(held: &Held) {
        // SAFETY: the allocation is as long as its layout, and the test holds it.
        unsafe { held.pointer.write_bytes(held.byte, held.layout.size()) };
    }

    // The contract of `GlobalAlloc`: aligned, distinct, unchanged until freed, kept by realloc.
    #[test]
    fn blocks_are_aligned_and_nobody_elses() {
        let blocks = Blocks::new(System);
        let mut held: Vec<Held> = Vec::new();
        let mut dice = 0x9E37_79B9_7F4A_7C15u64;
        let mut roll = |sides: usize| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as usize % sides
        };
        for step in 0..20_000u32 {
            let at = roll(held.len().max(1));
            match roll(3) {
                0 if !held.is_empty() => {
                    let old = held.swap_remove(at);
                    assert!(filled(&old, old.layout.size()));
                    // SAFETY: it was allocated with this layout and is not used again.
                    unsafe { blocks.dealloc(old.pointer, old.layout) };
                }
                1 if !held.is_empty() => {
                    let size = 1 + roll(6000);
                    let Held { pointer, layout, byte } = held.swap_remove(at);
                    // SAFETY: it was allocated with this layout; the old pointer is not used again.
                    let moved = unsafe { blocks.realloc(pointer, layout, size) };
                    let kept = layout.size().min(size);
                    let layout = Layout::from_size_align(size, layout.align()).expect("small");
                    let now = Held {
                        pointer: moved,
                        layout,
                        byte,
                    };
                    assert!(filled(&now, kept));
                    fill(&now);
                    held.push(now);
                }
                _ => {
                    let layout = Layout::from_size_align(1 + roll(6000), 1 << roll(7)).expect("small");
                    // SAFETY: the layout is not empty.
                    let pointer = unsafe { blocks.alloc(layout) };
                    assert_eq!(pointer as usize % layout.align(), 0);
                    let byte = step as u8;
                    held.push(Held { pointer, layout, byte });
                    fill(held.last().expect("just pushed"));
                }
            }
        }
        for old in held {
            assert!(filled(&old, old.layout.size()));
            // SAFETY: it was allocated with this layout and is not used again.
            unsafe { blocks.dealloc(old.pointer, old.layout) };
        }
    }

    #[test]
    fn sizes_are_those_that_serve_them() {
        for (bytes, size) in [
            (1, 0),
            (16, 0),
            (17, 1),
            (32, 1),
            (33, 2),
            (512, 5),
            (513, 6),
            (1024, 6),
            (4096, 8),
        ] {
            let layout = Layout::from_size_align(bytes, 8).expect("small");
            assert_eq!(size_of(layout), Some(size), "{bytes} bytes");
            assert!(block(size).size() >= bytes);
        }
        for (bytes, align) in [(4097, 1), (16, 32)] {
            assert_eq!(size_of(Layout::from_size_align(bytes, align).expect("small")), None);
        }
    }
}
