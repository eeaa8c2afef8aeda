//! How fast the time-stamp counter runs, measured against the machine's 1.193182 MHz timer (8254, channel 2).

use super::{
    cpu,
    port::{self, Width},
};

const CHANNEL_2: u16 = 0x42;
const MODE: u16 = 0x43;
const GATE: u16 = 0x61;
/// 50 ms in timer ticks.
const TICKS: u32 = 59_659;

/// Frequency of the time-stamp counter in MHz, rounded.
pub fn tsc_mhz() -> u32 {
    let gate = port::read(GATE, Width::Byte) & !0x3;
    port::write(GATE, Width::Byte, gate);
    port::write(MODE, Width::Byte, 0xB0); // channel 2, low then high byte, one-shot
    port::write(CHANNEL_2, Width::Byte, TICKS & 0xFF);
    port::write(CHANNEL_2, Width::Byte, TICKS >> 8);
    port::write(GATE, Width::Byte, gate | 1);
    let start = cpu::tsc();
    while port::read(GATE, Width::Byte) & 0x20 == 0 {
        core::hint::spin_loop();
    }
    let elapsed = cpu::tsc() - start;
    port::write(GATE, Width::Byte, gate);
    ((elapsed + 25_000) / 50_000) as u32
}
