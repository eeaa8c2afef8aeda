//! How fast the time-stamp counter runs, measured against the machine's 1.193182 MHz timer (8254, channel 2), and the alarm: an interrupt that
//! takes the processor from a guest (the local APIC's timer, which QEMU runs at 1 GHz).

use super::{
    cpu,
    port::{self, Width},
};
use core::{
    arch::asm,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

const APIC: u64 = 0xFEE0_0000;
const APIC_EOI: u64 = 0xB0;
const APIC_SPURIOUS: u64 = 0xF0;
const APIC_TIMER: u64 = 0x320;
const APIC_TIMER_COUNT: u64 = 0x380;
const APIC_TIMER_DIVISOR: u64 = 0x3E0;
/// Vector of the timer's interrupt.
pub const ALARM_VECTOR: u64 = 0x40;
const NEVER: u64 = u64::MAX;

static MHZ: AtomicU32 = AtomicU32::new(0);
/// When the alarm comes.
static ALARM: AtomicU64 = AtomicU64::new(NEVER);

const CHANNEL_2: u16 = 0x42;
const MODE: u16 = 0x43;
const GATE: u16 = 0x61;
/// 20 ms in timer ticks.
const TICKS: u32 = 23_864;
/// Measurements, of which the shortest counts: a busy dev host only ever makes one longer.
const MEASUREMENTS: u32 = 5;

/// Frequency of the time-stamp counter in MHz, rounded.
pub fn tsc_mhz() -> u32 {
    let elapsed = (0..MEASUREMENTS).map(|_| counted()).min().unwrap_or_default();
    let mhz = ((elapsed + 10_000) / 20_000) as u32;
    MHZ.store(mhz, Ordering::Relaxed);
    mhz
}

/// How far the counter gets while the timer counts down.
fn counted() -> u64 {
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
    elapsed
}

/// The frequency that was measured; 0 before.
pub fn known_mhz() -> u32 {
    MHZ.load(Ordering::Relaxed)
}

fn write_apic(register: u64, value: u32) {
    // SAFETY: the local APIC lies there on every x86 machine, identity-mapped; its registers are written as 32-bit words.
    unsafe { core::ptr::write_volatile((APIC + register) as *mut u32, value) };
}

/// Sets the alarm for a time of the time-stamp counter, unless it is already set for an earlier one.
pub fn set_alarm(at: u64) {
    if ALARM.load(Ordering::Relaxed) <= at {
        return;
    }
    ALARM.store(at, Ordering::Relaxed);
    let mhz = u64::from(known_mhz()).max(1);
    let nanoseconds =
        (u128::from(at.saturating_sub(cpu::tsc())) * 1000 / u128::from(mhz)).clamp(1000, u128::from(u32::MAX));
    write_apic(APIC_SPURIOUS, 0x1FF);
    write_apic(APIC_TIMER_DIVISOR, 0xB); // undivided
    write_apic(APIC_TIMER, ALARM_VECTOR as u32); // once
    write_apic(APIC_TIMER_COUNT, nanoseconds as u32);
}

/// Waits for the alarm, or for any other interrupt.
pub fn wait_for_alarm() {
    // SAFETY: the interrupt table is installed; HLT waits for the interrupt that STI lets in, whose handler returns.
    unsafe { asm!("sti", "hlt", "cli", options(nomem)) };
}

/// The alarm came.
pub fn acknowledge_alarm() {
    ALARM.store(NEVER, Ordering::Relaxed);
    write_apic(APIC_EOI, 0);
}
