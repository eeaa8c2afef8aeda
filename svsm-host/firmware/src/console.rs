//! The log: lines on COM1, sent byte by byte through the GHCB.
//!
//! Anybody with access to the host can read it, so nothing secret is ever logged. The hypervisor's answers matter only for pace: a port
//! that never becomes ready is written to anyway after a bounded wait, because a lost line must not stop the SVSM.
//!
//! A vCPU's GHCB is shared by everything on it that talks to the hypervisor, so it stands here behind a lock, as one of the few values
//! that the log's and the panic handler's signatures force to be static. Lines of several vCPUs do not mix: one is written at a time.

use crate::processor::{self, MAX_PROCESSORS};
use core::fmt::{self, Write};
use spin::{Mutex, Once};
use svsm_proto::{ghcb::IoWidth, launch_info::LOG_PORT};
use svsm_snp::ghcb::Ghcb;

static GHCB: [Once<Mutex<Ghcb>>; MAX_PROCESSORS] = [const { Once::new() }; MAX_PROCESSORS];

/// Held while a line is written.
static LINE: Mutex<()> = Mutex::new(());

/// Line status register of a 16550, and its bit that says that the transmit FIFO is empty.
const LINE_STATUS: u16 = LOG_PORT + 5;
const TRANSMIT_EMPTY: u32 = 1 << 5;

/// FIFO control register, and its bits that enable and clear the FIFOs.
const FIFO_CONTROL: u16 = LOG_PORT + 2;
const FIFO_ENABLE: u32 = 0b111;

/// Bytes that fit in the FIFO once it is empty.
const FIFO_BYTES: usize = 16;

/// How often readiness is asked for.
const PATIENCE: u32 = 1000;

/// Takes the registered GHCB and sets the log up.
pub fn install(ghcb: Ghcb) {
    let ghcb = GHCB[processor::number()].call_once(|| Mutex::new(ghcb));
    // A port without FIFO works as well, more slowly; a hypervisor without the port loses the log, and nothing else.
    let port = ghcb.lock().output(FIFO_CONTROL, IoWidth::Byte, FIFO_ENABLE);
    // Only the first vCPU sets it.
    if port.is_ok() && log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// This vCPU's GHCB, once it is installed.
pub fn ghcb() -> Option<&'static Mutex<Ghcb>> {
    GHCB[processor::number()].get()
}

struct Logger;

static LOGGER: Logger = Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata())
            && let Some(ghcb) = ghcb()
        {
            let _line = LINE.lock();
            line(&mut ghcb.lock(), *record.args());
        }
    }

    fn flush(&self) {}
}

/// One line from whoever is about to stop the VM: if the GHCB is in use at this moment, the line is lost.
pub fn last_words(text: fmt::Arguments<'_>) {
    if let Some(mut ghcb) = ghcb().and_then(Mutex::try_lock) {
        line(&mut ghcb, text);
    }
}

fn line(ghcb: &mut Ghcb, text: fmt::Arguments<'_>) {
    let mut port = Port { ghcb, room: 0 };
    // The port's `write_str` never fails, so neither do these unless a Display of ours does; then the line is cut short.
    if port.write_fmt(text).is_err() {
        port.byte(b'!');
    }
    port.byte(b'\n');
}

struct Port<'a> {
    ghcb: &'a mut Ghcb,
    room: usize,
}

impl Port<'_> {
    fn byte(&mut self, byte: u8) {
        if self.room == 0 {
            for _ in 0..PATIENCE {
                match self.ghcb.input(LINE_STATUS, IoWidth::Byte) {
                    Ok(status) if status & TRANSMIT_EMPTY == 0 => {}
                    _ => break,
                }
            }
            self.room = FIFO_BYTES;
        }
        self.room -= 1;
        if self.ghcb.output(LOG_PORT, IoWidth::Byte, u32::from(byte)).is_err() {
            // A refused byte is a lost byte; the next one asks for room again.
            self.room = 0;
        }
    }
}

impl Write for Port<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.byte(byte);
        }
        Ok(())
    }
}
