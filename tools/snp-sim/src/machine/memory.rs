//! The machine's memory: a heap for the simulator itself, and the pool of system pages that the simulated platform consists of.
//!
//! System pages are accessed by copies only; no reference into them ever exists, since guests write them.

use super::exit::{self, End};
use core::{
    alloc::{GlobalAlloc, Layout},
    arch::asm,
    ptr::NonNull,
};
use linked_list_allocator::Heap;
use spin::Mutex;

struct LockedHeap(Mutex<Heap>);

#[global_allocator]
static HEAP: LockedHeap = LockedHeap(Mutex::new(Heap::empty()));

// SAFETY: `Heap` hands out disjoint blocks of the layout asked for, and the lock serialises its use.
unsafe impl GlobalAlloc for LockedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0
            .lock()
            .allocate_first_fit(layout)
            .map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller passes a block of this heap with its layout (contract of GlobalAlloc).
            unsafe { self.0.lock().deallocate(block, layout) };
        }
    }
}

/// Size of the simulator's heap.
const HEAP_SIZE: u64 = 96 << 20;
/// Size of a page.
pub const PAGE: u64 = 4096;
const LARGE: u64 = 2 << 20;

/// The range of system pages: set once at start.
static POOL: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Divides the memory behind `free_from` between heap and system pages. Returns the pool's range.
pub fn install(free_from: u64, memory_end: u64) -> (u64, u64) {
    let heap = free_from.next_multiple_of(LARGE);
    let start = heap + HEAP_SIZE;
    let end = memory_end & !(LARGE - 1);
    if end <= start {
        exit::leave(
            End::SimulatorFailed,
            format_args!("not enough memory: give QEMU more with -m"),
        );
    }
    // SAFETY: the range lies behind the program and its modules, inside the machine's memory, and is given to the heap once.
    unsafe { HEAP.0.lock().init(heap as *mut u8, HEAP_SIZE as usize) };
    *POOL.lock() = (start, end);
    (start, end)
}

fn check(address: u64, length: usize) -> u64 {
    let (start, end) = *POOL.lock();
    let inside = address >= start && address.checked_add(length as u64).is_some_and(|last| last <= end);
    if !inside {
        exit::leave(
            End::SimulatorFailed,
            format_args!("simulator error: {address:#x} + {length:#x} is no system memory"),
        );
    }
    address
}

/// Copies system memory out.
pub fn read(address: u64, buffer: &mut [u8]) {
    let source = check(address, buffer.len()) as *const u8;
    // SAFETY: `check` proved the range to be system memory, which is identity-mapped and outside every Rust object.
    unsafe { core::ptr::copy_nonoverlapping(source, buffer.as_mut_ptr(), buffer.len()) };
}

/// Copies into system memory.
pub fn write(address: u64, bytes: &[u8]) {
    let target = check(address, bytes.len()) as *mut u8;
    // SAFETY: as in `read`.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
}

/// Fills one page with a repeated value.
pub fn fill_page(address: u64, value: u64) {
    fill(address, PAGE, value);
}

/// Fills whole words with a repeated value.
pub fn fill(address: u64, bytes: u64, value: u64) {
    let target = check(address, bytes as usize);
    // SAFETY: as in `read`. The direction flag is clear as everywhere in Rust code.
    unsafe {
        asm!("rep stosq", inout("rcx") bytes / 8 => _, inout("rdi") target => _, in("rax") value, options(nostack, preserves_flags));
    }
}

/// Reads a 64-bit word.
pub fn read_u64(address: u64) -> u64 {
    let mut bytes = [0; 8];
    read(address, &mut bytes);
    u64::from_le_bytes(bytes)
}

/// Reads a whole page.
pub fn read_page(address: u64) -> [u8; PAGE as usize] {
    let mut page = [0; PAGE as usize];
    read(address, &mut page);
    page
}
