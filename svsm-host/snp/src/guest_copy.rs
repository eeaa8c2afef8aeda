//! Access to the guest's memory: one page at a time, through a window, by instructions that may fault.
//!
//! The guest names the page, so the page may be anything: not there, not validated, taken away by the hypervisor between two bytes. The
//! callers have checked the address against the memory map; what remains is the exception that a page without validated memory raises (#VC with
//! code 404h, APM volume 2 §15.36.10). Every access here is an instruction with a fix-up, and a fault is a result. No reference to guest memory is ever
//! made: bytes are copied once, in or out.
//!
//! A hypervisor can inject that very exception at that very instruction although the page is there, to make the SVSM believe that it is not. It cannot
//! write CR2, where hardware leaves the address of a true fault: CR2 is cleared before a window is used, and the exception handler follows a
//! fix-up only when CR2 shows an address in a window ([`is_window`]).
//!
//! The windows are two fixed virtual addresses, one for a 4 KiB page and one for a 2 MiB page, empty except during a call. PVALIDATE and
//! RMPADJUST of a large page need the large one.

use crate::{
    control,
    paging::{Access, CBit, View},
    rmp,
};
use core::{
    arch::asm,
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering},
};
use svsm_platform::{GuestFault, PageError};
use svsm_proto::{
    PAGE_SIZE,
    rmp::{PageSize, Pvalidate, RmpAttributes},
};

/// Where windows lie: far away from everything that is identity-mapped.
pub const WINDOW_BASE: u64 = 0x0000_4000_0000_0000;

/// Distance between the windows of two vCPUs: a 2 MiB window after a 2 MiB span that holds the small one.
pub const WINDOW_STRIDE: u64 = 4 << 20;

/// Offset of the large window.
pub const LARGE_WINDOW: u64 = 2 << 20;

/// What CR2 holds until an access through a window faults: no address of a window.
const NO_FAULT: u64 = 0;

/// Whether an address lies in some vCPU's windows: one PDPT's span, which maps nothing else.
pub const fn is_window(address: u64) -> bool {
    address >= WINDOW_BASE && address - WINDOW_BASE < 1 << 39
}

/// One vCPU's two windows.
pub struct Windows {
    base: u64,
    small: &'static AtomicU64,
    large: &'static AtomicU64,
    c_bit: CBit,
}

impl Windows {
    /// Takes the windows at `base`.
    ///
    /// # Safety
    /// `small_entry` and `large_entry` are the addresses of the page-table entries that map `base` (4 KiB) and `base + LARGE_WINDOW`
    /// (2 MiB) in the tables in use, stay so for ever, and nothing else changes them or uses these virtual addresses.
    pub unsafe fn new(base: u64, small_entry: u64, large_entry: u64, c_bit: CBit) -> Self {
        // SAFETY: the caller gives an entry of a live page table, which is aligned and never freed.
        let small = unsafe { &*(small_entry as *const AtomicU64) };
        // SAFETY: as above.
        let large = unsafe { &*(large_entry as *const AtomicU64) };
        Self {
            base,
            small,
            large,
            c_bit,
        }
    }

    fn open(&mut self, gpa: u64, size: PageSize) -> Result<Opened<'_>, GuestFault> {
        // An address with the C-bit would show another page than the one that was checked.
        if gpa >= self.c_bit.mask() {
            return Err(GuestFault);
        }
        let (address, entry, value) = match size {
            PageSize::Small => (
                self.base,
                self.small,
                self.c_bit.small_page(gpa, Access::ReadWrite, View::Private),
            ),
            PageSize::Large => (self.base + LARGE_WINDOW, self.large, self.c_bit.large_page(gpa)),
        };
        entry.store(value, Ordering::Release);
        control::flush_page(address);
        control::set_fault_address(NO_FAULT);
        Ok(Opened {
            address,
            entry,
            _windows: PhantomData,
        })
    }

    /// Copies from guest physical address `gpa`; the range may span pages. Reads every byte once.
    pub fn read(&mut self, gpa: u64, to: &mut [u8]) -> Result<(), GuestFault> {
        self.pieces(gpa, to.len(), |window, offset, length| {
            let Some(part) = to.get_mut(offset..offset + length) else {
                return Err(GuestFault);
            };
            // SAFETY: `part` is ours and `length` bytes long; the window maps a page of the guest, where nothing of ours lies, and the
            // instruction has a fix-up.
            unsafe { copy(part.as_mut_ptr() as u64, window, length) }
        })
    }

    /// Copies to guest physical address `gpa`; the range may span pages.
    pub fn write(&mut self, gpa: u64, from: &[u8]) -> Result<(), GuestFault> {
        self.pieces(gpa, from.len(), |window, offset, length| {
            let Some(part) = from.get(offset..offset + length) else {
                return Err(GuestFault);
            };
            // SAFETY: `part` is ours and `length` bytes long; the window maps a page of the guest, where nothing of ours lies, and the
            // instruction has a fix-up.
            unsafe { copy(window, part.as_ptr() as u64, length) }
        })
    }

    /// Fills `length` bytes from guest physical address `gpa` with zeros; the range may span pages.
    pub fn zero(&mut self, gpa: u64, length: usize) -> Result<(), GuestFault> {
        self.pieces(gpa, length, |window, _, length| {
            // SAFETY: the window maps a page of the guest, where nothing of ours lies, and the instruction has a fix-up.
            unsafe { zero(window, length) }
        })
    }

    /// Reads the first and the last byte of every 4 KiB of a page, which makes the processor drop stale cache lines after a page changed hands (the
    /// work-around for parts without COHERENCY_SFW_NO).
    pub fn touch(&mut self, gpa: u64, size: PageSize) -> Result<(), GuestFault> {
        let window = self.open(gpa, size)?;
        for page in (0..size.bytes() as u64).step_by(PAGE_SIZE) {
            for at in [page, page + PAGE_SIZE as u64 - 1] {
                let mut byte = 0u8;
                // SAFETY: the byte is ours; the window maps a page of the guest, and the instruction has a fix-up.
                unsafe { copy(&raw mut byte as u64, window.address + at, 1) }?;
            }
        }
        Ok(())
    }

    /// Reads the 8-byte word at `gpa`, a multiple of 8, in one step.
    pub fn load(&mut self, gpa: u64) -> Result<u64, GuestFault> {
        let offset = gpa % PAGE_SIZE as u64;
        let window = self.open(gpa - offset, PageSize::Small)?;
        // SAFETY: the window maps the page that holds the word, and the instruction has a fix-up. Exchanging any value for itself changes
        // nothing.
        unsafe { compare_exchange(window.address + offset, 0, 0) }
    }

    /// Replaces the 8-byte word at `gpa`, a multiple of 8, by `new` if it is `old`; returns what was there.
    pub fn compare_exchange(&mut self, gpa: u64, old: u64, new: u64) -> Result<u64, GuestFault> {
        let offset = gpa % PAGE_SIZE as u64;
        let window = self.open(gpa - offset, PageSize::Small)?;
        // SAFETY: the window maps the page that holds the word, and the instruction has a fix-up.
        unsafe { compare_exchange(window.address + offset, old, new) }
    }

    /// Replaces the byte at `gpa` in one step and returns what was there.
    pub fn exchange_byte(&mut self, gpa: u64, value: u8) -> Result<u8, GuestFault> {
        let offset = gpa % PAGE_SIZE as u64;
        let window = self.open(gpa - offset, PageSize::Small)?;
        // SAFETY: the window maps the page of the guest that holds the byte, and the instruction has a fix-up.
        unsafe { exchange(window.address + offset, value) }
    }

    /// PVALIDATE of a page of the guest.
    ///
    /// # Safety
    /// The page is not the SVSM's, and nobody uses it while it changes.
    pub unsafe fn pvalidate(&mut self, gpa: u64, size: PageSize, validate: bool) -> Result<Pvalidate, PageError> {
        let window = self.open(gpa, size).map_err(|GuestFault| PageError::Fault)?;
        // SAFETY: the window is mapped with the C-bit and this size; the caller answers for the page.
        unsafe { rmp::pvalidate(window.address, size, validate) }
    }

    /// RMPADJUST of a page of the guest.
    ///
    /// # Safety
    /// The page is not the SVSM's, and may be given to that level with these permissions.
    pub unsafe fn rmpadjust(&mut self, gpa: u64, size: PageSize, attributes: RmpAttributes) -> Result<(), PageError> {
        let window = self.open(gpa, size).map_err(|GuestFault| PageError::Fault)?;
        // SAFETY: the window is mapped with the C-bit and this size; the caller answers for the page.
        unsafe { rmp::rmpadjust(window.address, size, attributes) }
    }

    /// Calls `piece` for every page of the range with the address in the window, the offset in the range and the length.
    fn pieces(
        &mut self,
        gpa: u64,
        length: usize,
        mut piece: impl FnMut(u64, usize, usize) -> Result<(), GuestFault>,
    ) -> Result<(), GuestFault> {
        let mut done = 0;
        while done < length {
            let at = gpa.checked_add(done as u64).ok_or(GuestFault)?;
            let large = PageSize::Large.bytes();
            let size = if at.is_multiple_of(large as u64) && length - done >= large {
                PageSize::Large
            } else {
                PageSize::Small
            };
            let offset = at % size.bytes() as u64;
            let part = (size.bytes() - offset as usize).min(length - done);
            let window = self.open(at - offset, size)?;
            piece(window.address + offset, done, part)?;
            done += part;
        }
        Ok(())
    }
}

/// A window while it shows a page.
struct Opened<'a> {
    address: u64,
    entry: &'static AtomicU64,
    _windows: PhantomData<&'a mut ()>,
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.entry.store(0, Ordering::Release);
        control::flush_page(self.address);
    }
}

/// Copies `length` bytes. A fault leaves the count in RCX above zero.
///
/// # Safety
/// The range that is not guest memory is valid for the access, and the two do not overlap.
unsafe fn copy(to: u64, from: u64, length: usize) -> Result<(), GuestFault> {
    let left: usize;
    // SAFETY: the caller answers for the ranges; the direction flag is clear as everywhere in Rust code.
    unsafe {
        asm!(
            "2: rep movsb",
            "3:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 3b - .",
            ".popsection",
            inout("rcx") length => left,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
    if left == 0 { Ok(()) } else { Err(GuestFault) }
}

/// Fills `length` bytes with zeros. A fault leaves a count in RCX above zero.
///
/// # Safety
/// The range is guest memory in a window.
unsafe fn zero(to: u64, length: usize) -> Result<(), GuestFault> {
    let (words, bytes) = (length / 8, length % 8);
    let left: usize;
    // SAFETY: the caller answers for the range; the direction flag is clear as everywhere in Rust code.
    unsafe {
        asm!(
            "2: rep stosq",
            "mov rcx, {bytes}",
            "3: rep stosb",
            "4:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 4b - .",
            ".long 3b - ., 4b - .",
            ".popsection",
            bytes = in(reg) bytes,
            inout("rcx") words => left,
            inout("rdi") to => _,
            in("rax") 0u64,
            options(nostack, preserves_flags),
        );
    }
    if left == 0 { Ok(()) } else { Err(GuestFault) }
}

/// Compares and exchanges one word. A fault leaves `done` at zero.
///
/// # Safety
/// The word is aligned and lies in guest memory in a window.
unsafe fn compare_exchange(at: u64, old: u64, new: u64) -> Result<u64, GuestFault> {
    let found: u64;
    let done: u32;
    // SAFETY: the caller answers for the word; the instruction is atomic.
    unsafe {
        asm!(
            "xor {done:e}, {done:e}",
            "2: lock cmpxchg [{at}], {new}",
            "inc {done:e}",
            "3:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 3b - .",
            ".popsection",
            at = in(reg) at,
            new = in(reg) new,
            done = out(reg) done,
            inout("rax") old => found,
            options(nostack),
        );
    }
    if done != 0 { Ok(found) } else { Err(GuestFault) }
}

/// Exchanges one byte. A fault leaves `done` at zero.
///
/// # Safety
/// The byte is guest memory in a window.
unsafe fn exchange(at: u64, value: u8) -> Result<u8, GuestFault> {
    let old: u8;
    let done: u32;
    // SAFETY: the caller answers for the byte; XCHG with memory is atomic.
    unsafe {
        asm!(
            "xor {done:e}, {done:e}",
            "2: xchg [{at}], {value}",
            "inc {done:e}",
            "3:",
            ".pushsection .fixups, \"a\"",
            ".long 2b - ., 3b - .",
            ".popsection",
            at = in(reg) at,
            value = inout(reg_byte) value => old,
            done = out(reg) done,
            options(nostack),
        );
    }
    if done != 0 { Ok(old) } else { Err(GuestFault) }
}
