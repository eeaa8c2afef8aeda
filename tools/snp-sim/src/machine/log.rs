//! The log on COM1: whole lines, each with the name of who says it.
//!
//! Text of the guest and the SVSM arrives character by character through the hypervisor's serial port and is kept until its line is
//! complete, so that lines never mix. It is hostile: control characters other than tab are replaced, and a line is cut at a bound.

use super::port::{self, Width};
use core::fmt::{self, Write};
use spin::Mutex;

const COM1: u16 = 0x3F8;
const LINE_STATUS: u16 = COM1 + 5;
const TRANSMITTER_EMPTY: u32 = 0x20;
/// Longest line of guest text, in bytes.
const GUEST_LINE: usize = 1024;

/// Who writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The software at VMPL0.
    Svsm,
    /// The software at any other VMPL.
    Guest,
    /// The hardware model.
    Hardware,
    /// The hypervisor model.
    Hypervisor,
    /// An event of the trace.
    Trace,
}

impl Origin {
    fn prefix(self) -> &'static str {
        match self {
            Origin::Svsm => "[svsm] ",
            Origin::Guest => "[guest] ",
            Origin::Hardware => "[hw] ",
            Origin::Hypervisor => "[hv] ",
            Origin::Trace => "[trace] ",
        }
    }
}

struct Serial;

impl Serial {
    fn put(byte: u8) {
        while port::read(LINE_STATUS, Width::Byte) & TRANSMITTER_EMPTY == 0 {
            core::hint::spin_loop();
        }
        port::write(COM1, Width::Byte, u32::from(byte));
    }
}

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(Serial::put);
        Ok(())
    }
}

/// Writes one line.
pub fn line(origin: Origin, text: fmt::Arguments) {
    // The serial port cannot fail, and arguments of this program format without errors.
    let _always_ok = writeln!(Serial, "{}{text}\r", origin.prefix());
}

struct PendingLine {
    origin: Origin,
    bytes: [u8; GUEST_LINE],
    length: usize,
}

impl PendingLine {
    const fn new(origin: Origin) -> Self {
        Self {
            origin,
            bytes: [0; GUEST_LINE],
            length: 0,
        }
    }

    fn push(&mut self, byte: u8) {
        match byte {
            b'\n' => self.finish(),
            b'\r' => {}
            byte => {
                let printable = if byte == b'\t' || (0x20..0x7F).contains(&byte) {
                    byte
                } else {
                    b'?'
                };
                self.bytes[self.length] = printable;
                self.length += 1;
                if self.length == GUEST_LINE {
                    self.finish();
                }
            }
        }
    }

    fn finish(&mut self) {
        // Only ASCII was stored.
        let text = core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default();
        line(self.origin, format_args!("{text}"));
        self.length = 0;
    }
}

static PENDING: Mutex<[PendingLine; 2]> = Mutex::new([PendingLine::new(Origin::Svsm), PendingLine::new(Origin::Guest)]);

/// Takes one character that software at `vmpl` wrote to its serial port.
pub fn guest_character(vmpl: u8, byte: u8) {
    PENDING.lock()[usize::from(vmpl != 0)].push(byte);
}

/// Writes out unfinished lines of guest text.
pub fn flush_guest_lines() {
    for pending in PENDING.lock().iter_mut() {
        if pending.length > 0 {
            pending.finish();
        }
    }
}

/// A line of the hardware model.
#[macro_export]
macro_rules! hw {
    ($($argument:tt)*) => { $crate::machine::log::line($crate::machine::log::Origin::Hardware, format_args!($($argument)*)) };
}

/// A line of the hypervisor model.
#[macro_export]
macro_rules! hv {
    ($($argument:tt)*) => { $crate::machine::log::line($crate::machine::log::Origin::Hypervisor, format_args!($($argument)*)) };
}
