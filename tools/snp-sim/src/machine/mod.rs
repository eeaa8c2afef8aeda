//! The bare machine under the simulator: entry code, processor instructions, ports, memory, log and exit.
//!
//! Nothing in here knows of SNP. The machine is QEMU's; it is trusted.

pub mod aligned;
pub mod clock;
pub mod cpu;
pub mod exit;
pub mod log;
pub mod memory;
pub mod multiboot;
pub mod port;
pub mod profile;
pub mod trap;

// The entry code, the world switch and the trap stubs.
core::arch::global_asm!(include_str!("boot.s"), options(att_syntax));
