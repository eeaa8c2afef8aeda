//! The guest's devices: COM1 for the log, COM2 for the guest owner's channel, and the power switch.
//!
//! Ports and values come from the guest. COM2 is the machine's second serial port itself; nothing else of the machine is reachable.

use crate::{
    hv,
    machine::{
        exit::{self, End},
        log,
        port::{self, Width},
    },
};

const COM1: u16 = 0x3F8;
const COM2: u16 = 0x2F8;
const REGISTERS: u16 = 8;
const DATA: u16 = 0;
const LINE_STATUS: u16 = 5;
/// Transmitter empty, holding register empty.
const READY: u32 = 0x60;
/// Holding register empty.
const HOLDING_EMPTY: u32 = 0x20;
/// How often the port is asked for room before a byte is lost.
const PATIENCE: u32 = 10_000_000;
const POWER: u16 = 0x604;
const POWER_OFF: u32 = 0x2000;

fn is_register_of(port: u16, base: u16) -> bool {
    (base..base + REGISTERS).contains(&port)
}

/// Whether a port belongs to one of the serial ports.
pub fn is_serial(port: u16) -> bool {
    is_register_of(port, COM1) || is_register_of(port, COM2)
}

/// A port write by software at a VMPL.
pub fn write(vmpl: u8, port: u16, width: Width, value: u32) {
    match port {
        _ if port == COM1 + DATA && width == Width::Byte => log::guest_character(vmpl, value as u8),
        _ if is_register_of(port, COM1) => {}
        _ if is_register_of(port, COM2) && width == Width::Byte => {
            if port == COM2 + DATA {
                wait_for_room();
            }
            port::write(port, width, value & 0xFF);
        }
        POWER if width == Width::Word && value & 0xFFFF == POWER_OFF => {
            exit::leave(End::PowerOff, format_args!("power off by VMPL{vmpl}"))
        }
        _ => hv!("VMPL{vmpl} writes {value:#x} to port {port:#x}, where there is nothing"),
    }
}

/// A string output gives its bytes faster than the port takes them; the hypervisor holds each back until there is room. A port that never
/// has any loses the byte, as a real one would.
fn wait_for_room() {
    for _ in 0..PATIENCE {
        if port::read(COM2 + LINE_STATUS, Width::Byte) & HOLDING_EMPTY != 0 {
            return;
        }
    }
}

/// A port read by software at a VMPL.
pub fn read(vmpl: u8, port: u16, width: Width) -> u32 {
    match port {
        _ if port == COM1 + LINE_STATUS => READY,
        _ if is_register_of(port, COM1) => 0,
        _ if is_register_of(port, COM2) && width == Width::Byte => port::read(port, width),
        _ => {
            hv!("VMPL{vmpl} reads port {port:#x}, where there is nothing");
            u32::MAX
        }
    }
}
