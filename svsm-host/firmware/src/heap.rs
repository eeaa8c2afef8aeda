//! The heap: what is left of the region after everything with a fixed place.
//!
//! The sandbox makes sure that its worst case fits before the component runs (the interpreter allocates infallibly). A component too
//! large to be translated ends the VM while it is loaded, and an empty heap after that would be a bug: both end the VM with a code of their own. The peak is counted because the region's size is a budget that people read.

use crate::fatal;
use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
};
use linked_list_allocator::Heap;
use spin::Mutex;
use svsm_proto::ghcb_msr::Termination;

struct Allocator(Mutex<State>);

struct State {
    heap: Heap,
    peak: usize,
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(Mutex::new(State {
    heap: Heap::empty(),
    peak: 0,
}));

/// How much of the heap is and was in use.
#[derive(Clone, Copy)]
pub struct Usage {
    /// All of it, in bytes.
    pub size: usize,
    /// In use now.
    pub used: usize,
    /// Most that was ever in use.
    pub peak: usize,
}

/// Gives the heap its memory.
///
/// # Safety
/// `start..start + size` is private, validated, zeroed memory of the region, mapped for reading and writing, and nothing else uses it. Called once.
pub unsafe fn install(start: u64, size: usize) {
    let mut state = ALLOCATOR.0.lock();
    // SAFETY: the caller gives the memory away.
    unsafe { state.heap.init(start as *mut u8, size) };
}

/// Reads the counters.
pub fn usage() -> Usage {
    let state = ALLOCATOR.0.lock();
    Usage {
        size: state.heap.size(),
        used: state.heap.used(),
        peak: state.peak,
    }
}

// SAFETY: blocks come from the heap under its lock, each once, with the layout asked for.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut state = self.0.lock();
        match state.heap.allocate_first_fit(layout) {
            Ok(block) => {
                let used = state.heap.used();
                state.peak = state.peak.max(used);
                block.as_ptr()
            }
            Err(()) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else {
            fatal::stop(Termination::OutOfMemory, format_args!("a null block was freed"))
        };
        // SAFETY: the caller of `dealloc` hands back a block of this allocator with its layout.
        unsafe { self.0.lock().heap.deallocate(block, layout) };
    }
}

/// An allocation that its caller could not do without. The handler is a nightly feature; this program is always built with
/// RUSTC_BOOTSTRAP=1, because so is the standard library beneath it.
#[alloc_error_handler]
fn empty(layout: Layout) -> ! {
    fatal::stop(
        Termination::OutOfMemory,
        format_args!("no heap for {} bytes", layout.size()),
    )
}
