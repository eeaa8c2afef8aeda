//! Input and output ports of the machine that QEMU offers.

use core::arch::asm;

/// Width of one port access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Long,
}

/// Reads a port.
pub fn read(port: u16, width: Width) -> u32 {
    let value: u32;
    match width {
        // SAFETY: a port read touches no memory; the devices behind QEMU's ports cannot violate this program's memory.
        Width::Byte => unsafe {
            asm!("in al, dx", "movzx eax, al", in("dx") port, out("eax") value, options(nomem, nostack))
        },
        // SAFETY: as above.
        Width::Word => unsafe {
            asm!("in ax, dx", "movzx eax, ax", in("dx") port, out("eax") value, options(nomem, nostack))
        },
        // SAFETY: as above.
        Width::Long => unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nomem, nostack)) },
    }
    value
}

/// Writes a port.
pub fn write(port: u16, width: Width, value: u32) {
    match width {
        // SAFETY: a port write to the ports this program uses (serial, debug exit, interrupt controller, timer) starts no DMA.
        Width::Byte => unsafe { asm!("out dx, al", in("dx") port, in("eax") value, options(nomem, nostack)) },
        // SAFETY: as above.
        Width::Word => unsafe { asm!("out dx, ax", in("dx") port, in("eax") value, options(nomem, nostack)) },
        // SAFETY: as above.
        Width::Long => unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack)) },
    }
}
