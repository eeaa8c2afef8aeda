//! The three ways the simulator ends, as QEMU's `isa-debug-exit` device reports them: status = value * 2 + 1.

use super::{clock, cpu, log, port, profile};
use core::fmt;

const DEBUG_EXIT: u16 = 0xF4;

/// Why the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The guest switched the machine off: QEMU status 33.
    PowerOff = 0x10,
    /// The hardware or the hypervisor stopped the VM: QEMU status 65.
    Stopped = 0x20,
    /// The simulator itself failed, or was asked for something that it does not model: QEMU status 97.
    SimulatorFailed = 0x30,
}

/// Prints the final line and leaves QEMU.
pub fn leave(end: End, reason: fmt::Arguments) -> ! {
    log::flush_guest_lines();
    profile::write(u64::from(clock::known_mhz()));
    log::line(log::Origin::Hardware, format_args!("stopped: {reason}"));
    port::write(DEBUG_EXIT, port::Width::Long, end as u32);
    cpu::halt()
}

/// Ends the run because the simulator does not model what the guest does.
pub fn not_modelled(what: fmt::Arguments) -> ! {
    leave(End::SimulatorFailed, format_args!("not modelled: {what}"))
}
