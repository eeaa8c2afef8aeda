//! Entry, descriptor tables, heap and panic.
//!
//! The SVSM starts the guest in 64-bit mode with RSI pointing to [`GuestBootInfo`]; the segments it starts with are only cached, so the
//! first thing is a descriptor table of our own. A panic is a test that failed: it says so and powers off.

#![expect(unsafe_code, reason = "entry point, descriptor tables and heap")]

use crate::{exceptions, instructions, machine::Machine, memory};
use core::{arch::global_asm, panic::PanicInfo};
use linked_list_allocator::Heap;
use svsm_proto::launch_info::GuestBootInfo;

/// Bytes of the heap.
const HEAP_SIZE: usize = 768 << 10;

global_asm!(
    ".section .text.entry, \"ax\"",
    ".global guest_entry",
    "guest_entry:",
    "cli",
    "cld",
    "lea rsp, [rip + guest_stack_top]",
    "lgdt [rip + guest_gdt_pointer]",
    "mov eax, 0x10",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "lea rax, [rip + 2f]",
    "push 0x08",
    "push rax",
    "retfq",
    "2:",
    "xor ebp, ebp",
    "mov rdi, rsi",
    "call guest_main",
    "ud2",
    ".section .rodata",
    ".balign 8",
    "guest_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff",
    "guest_gdt_pointer: .word 23",
    ".quad guest_gdt",
    ".section .bss, \"aw\", @nobits",
    ".balign 4096",
    "guest_stack: .skip 65536",
    "guest_stack_top:",
);

#[repr(C, align(4096))]
struct HeapSpace([u8; HEAP_SIZE]);

static mut HEAP_SPACE: HeapSpace = HeapSpace([0; HEAP_SIZE]);

/// The heap of a program with one thread and no interrupts.
struct Allocator(core::cell::UnsafeCell<Heap>);

// SAFETY: there is one thread, and the exception handlers that return do not allocate.
unsafe impl Sync for Allocator {}

// SAFETY: `Heap` gives out disjoint blocks of the space that `guest_main` handed to it.
unsafe impl core::alloc::GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        // SAFETY: one thread, so there is no other reference to the heap at this time.
        let heap = unsafe { &mut *self.0.get() };
        heap.allocate_first_fit(layout)
            .map_or(core::ptr::null_mut(), |block| block.as_ptr())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: core::alloc::Layout) {
        // SAFETY: one thread, so there is no other reference to the heap at this time.
        let heap = unsafe { &mut *self.0.get() };
        if let Some(block) = core::ptr::NonNull::new(pointer) {
            // SAFETY: the caller passes a block of this allocator with its layout.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(core::cell::UnsafeCell::new(Heap::empty()));

/// The first Rust code.
// SAFETY: no other symbol of this program has this name.
#[unsafe(no_mangle)]
extern "C" fn guest_main(boot_info: u64) -> ! {
    let space = &raw mut HEAP_SPACE;
    // SAFETY: nobody else uses the space, and this runs once, before any allocation.
    let heap = unsafe { &mut *ALLOCATOR.0.get() };
    // SAFETY: as above; the space lives as long as the program.
    unsafe { heap.init(space.cast(), HEAP_SIZE) };
    let page = memory::read_bytes(boot_info, memory::PAGE as usize);
    let Some(info) = GuestBootInfo::parse(&page) else {
        panic!("RSI does not point to boot information")
    };
    exceptions::install(info.cpuid_gpa);
    let mut machine = Machine::new(info);
    machine.run();
    machine.power_off()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(mut console) = crate::ghcb::console() {
        // The console is all there is to tell of trouble with the console.
        let _unheard = core::fmt::Write::write_fmt(&mut console, format_args!("FAIL: {info}\n"));
        console.power_off();
    }
    instructions::halt()
}
