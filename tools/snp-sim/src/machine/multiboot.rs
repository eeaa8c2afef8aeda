//! What the multiboot loader hands over: memory size, command line and modules (Multiboot 1, section 3.3).
//!
//! The loader is QEMU itself and therefore trusted; the module's contents are not.

use alloc::{string::String, vec::Vec};

/// The information that the simulator uses.
pub struct Boot {
    /// The command line.
    pub options: String,
    /// The modules' bytes, in order.
    pub modules: Vec<&'static [u8]>,
}

unsafe extern "C" {
    static _image_end: u8;
}

fn word(address: u64) -> u32 {
    // SAFETY: the address lies in the loader's information block, which is identity-mapped and stays untouched.
    unsafe { core::ptr::read_unaligned(address as *const u32) }
}

/// First address behind the program and the modules; needs no heap, since the heap is put there.
pub fn free_from(information: u32) -> u64 {
    let information = u64::from(information);
    let mut end = (&raw const _image_end) as u64;
    let (count, table) = (word(information + 20), u64::from(word(information + 24)));
    for index in 0..u64::from(count) {
        end = end.max(u64::from(word(table + 16 * index + 4)));
    }
    end.max(information + 4096)
}

/// End of the memory above 1 MiB.
pub fn memory_end(information: u32) -> u64 {
    0x10_0000 + 1024 * u64::from(word(u64::from(information) + 8))
}

/// Reads the whole information block.
pub fn read(information: u32) -> Boot {
    let block = u64::from(information);
    let (count, table) = (word(block + 20), u64::from(word(block + 24)));
    let modules = (0..u64::from(count))
        .map(|index| {
            let start = u64::from(word(table + 16 * index));
            let end = u64::from(word(table + 16 * index + 4));
            // SAFETY: the loader put the module there; nothing else uses that memory (the heap starts behind it).
            unsafe { core::slice::from_raw_parts(start as *const u8, (end - start) as usize) }
        })
        .collect();
    Boot {
        options: command_line(u64::from(word(block + 16))),
        modules,
    }
}

/// The options behind the program's name. QEMU puts the kernel's path in front.
fn command_line(address: u64) -> String {
    // SAFETY: the loader's command line ends with a zero byte.
    let line = unsafe { core::ffi::CStr::from_ptr(address as *const core::ffi::c_char) };
    let text = String::from_utf8_lossy(line.to_bytes()).into_owned();
    text.split_once(' ')
        .map_or_else(String::new, |(_, options)| options.into())
}
