//! The guest's devices: interrupt controllers, timer, two serial ports, clock, and the power switch.
//!
//! Ports and values come from the guest. COM1 is the log; COM2 is the guest owner's channel, whose bytes go to and come from the machine's
//! second serial port; the clock shows the machine's time. Nothing else of the machine is reachable. VMPL0 writes its log past the guest's
//! settings of the port, so that neither disturbs the other.

use crate::{
    hv,
    machine::{
        clock, cpu,
        exit::End,
        log,
        port::{self, Width},
        profile,
    },
};
use alloc::collections::BTreeSet;
use snp_model::device::{
    cmos::{self, Cmos},
    pic::Pics,
    pit::{self, Pit},
    uart::{self, Uart},
};

const COM1: u16 = 0x3F8;
const COM2: u16 = 0x2F8;
const COM1_LINE: u8 = 4;
const COM2_LINE: u8 = 3;
const TIMER_LINE: u8 = 0;
const DATA: u16 = 0;
const LINE_STATUS: u16 = 5;
/// Transmitter empty, holding register empty.
const READY: u32 = 0x60;
/// Data ready.
const RECEIVED: u32 = 0x01;
/// Holding register empty.
const HOLDING_EMPTY: u32 = 0x20;
/// How often the port is asked for room before a byte is lost.
const PATIENCE: u32 = 10_000_000;
const POWER: u16 = 0x604;
const POWER_OFF: u32 = 0x2000;
/// Command port of the keyboard controller, which is not there; but software resets a PC by it.
const KEYBOARD: u16 = 0x64;
const RESET: u32 = 0xFE;
/// Status of the absent keyboard controller: a floating bus, but for the bit that would say that it takes no command yet.
const NO_KEYBOARD: u8 = 0xFD;
/// How often a guest that waits for a byte is looked after, in microseconds.
const POLL: u64 = 10_000;

fn is_register_of(port: u16, base: u16) -> bool {
    (base..base + uart::REGISTERS).contains(&port)
}

/// Whether a port belongs to COM1, which carries the log.
pub fn is_log(port: u16) -> bool {
    is_register_of(port, COM1)
}

/// Whether a port belongs to one of the serial ports.
pub fn is_serial(port: u16) -> bool {
    is_register_of(port, COM1) || is_register_of(port, COM2)
}

/// The devices of the machine.
pub struct Devices {
    pics: Pics,
    timer: Pit,
    log_port: Uart,
    owner_port: Uart,
    clock: Cmos,
    /// Ticks of the timer for one of the time-stamp counter, times 2^64.
    rate: u64,
    /// Ports without a device that were used, which is said once.
    absent: BTreeSet<u16>,
    /// How software ended the machine.
    ended: Option<(End, &'static str)>,
}

impl Devices {
    /// After reset.
    pub fn new() -> Self {
        Self {
            pics: Pics::new(),
            timer: Pit::new(),
            log_port: Uart::new(),
            owner_port: Uart::new(),
            clock: Cmos::new(),
            rate: ((u128::from(pit::FREQUENCY) << 64) / (u128::from(clock::known_mhz().max(1)) * 1_000_000)) as u64,
            absent: BTreeSet::new(),
            ended: None,
        }
    }

    /// Brings interrupt lines up to date with time and serial ports.
    pub fn update(&mut self) {
        let now = self.timer_now();
        if self.timer.take_interrupt(now) {
            self.pics.set(TIMER_LINE, false);
            self.pics.set(TIMER_LINE, true);
        }
        if self.owner_port.listens() {
            self.fetch_owners_bytes();
        }
        self.pics.set(COM1_LINE, self.log_port.interrupt());
        self.pics.set(COM2_LINE, self.owner_port.interrupt());
    }

    /// Time in ticks of the timer.
    fn timer_now(&self) -> u64 {
        ((u128::from(cpu::tsc()) * u128::from(self.rate)) >> 64) as u64
    }

    fn fetch_owners_bytes(&mut self) {
        while self.owner_port.has_room() && port::read(COM2 + LINE_STATUS, Width::Byte) & RECEIVED != 0 {
            self.owner_port.receive(port::read(COM2 + DATA, Width::Byte) as u8);
        }
    }

    /// The vector that waits for the processor.
    pub fn pending(&self) -> Option<u8> {
        self.pics.pending()
    }

    /// The processor took the interrupt.
    pub fn acknowledge(&mut self) {
        self.pics.acknowledge();
    }

    /// When something may happen next, as a time of the time-stamp counter.
    pub fn next_event(&self) -> Option<u64> {
        let mhz = u64::from(clock::known_mhz());
        let timer = self.timer.next_interrupt().map(|ticks| {
            let at = u128::from(ticks + 1) * u128::from(mhz) * 1_000_000 / u128::from(pit::FREQUENCY);
            at as u64
        });
        let poll = self.owner_port.listens().then(|| cpu::tsc() + POLL * mhz);
        timer.into_iter().chain(poll).min()
    }

    /// Year, month, day, hour, minute and second of the machine's own clock.
    pub fn date(&self) -> [u32; 6] {
        let binary = time_below(0x0B) & 4 != 0;
        let number = |index| {
            let value = u32::from(time_below(index));
            if binary {
                value
            } else {
                (value >> 4) * 10 + (value & 0xF)
            }
        };
        [
            number(0x32) * 100 + number(9),
            number(8),
            number(7),
            number(4),
            number(2),
            number(0),
        ]
    }

    /// How the machine was switched off or reset, if it was.
    pub fn ended(&self) -> Option<(End, &'static str)> {
        self.ended
    }

    /// A port write by software at a VMPL.
    pub fn write(&mut self, vmpl: u8, port: u16, width: Width, value: u32) {
        profile::port(vmpl, port);
        match port {
            POWER if width == Width::Word && value & 0xFFFF == POWER_OFF => {
                self.ended = Some((End::PowerOff, "power off"));
            }
            KEYBOARD if value & 0xFF == RESET => self.ended = Some((End::Stopped, "reset")),
            _ if vmpl == 0 && port == COM1 + DATA => log::guest_character(vmpl, value as u8),
            _ if vmpl == 0 && is_register_of(port, COM1) => {}
            _ if width != Width::Byte => self.note_absent(vmpl, port),
            _ => self.write_byte(vmpl, port, value as u8),
        }
    }

    fn write_byte(&mut self, vmpl: u8, port: u16, value: u8) {
        match port {
            _ if is_register_of(port, COM1) => {
                if let Some(byte) = self.log_port.write(port - COM1, value) {
                    log::guest_character(vmpl, byte);
                }
            }
            _ if is_register_of(port, COM2) => {
                if let Some(byte) = self.owner_port.write(port - COM2, value) {
                    wait_for_room();
                    port::write(COM2 + DATA, Width::Byte, u32::from(byte));
                }
            }
            _ if Pics::owns(port) => self.pics.write(port, value),
            _ if Pit::owns(port) => {
                let now = self.timer_now();
                self.timer.write(port, value, now);
            }
            _ if Cmos::owns(port) => self.clock.write(port, value),
            _ => self.note_absent(vmpl, port),
        }
    }

    /// A port read by software at a VMPL.
    pub fn read(&mut self, vmpl: u8, port: u16, width: Width) -> u32 {
        profile::port(vmpl, port);
        match port {
            _ if vmpl == 0 && port == COM1 + LINE_STATUS => READY,
            _ if vmpl == 0 && is_register_of(port, COM1) => 0,
            _ if width == Width::Byte => self.read_byte(port).map_or_else(|| self.nothing(vmpl, port), u32::from),
            _ => self.nothing(vmpl, port),
        }
    }

    fn read_byte(&mut self, port: u16) -> Option<u8> {
        Some(match port {
            _ if is_register_of(port, COM1) => self.log_port.read(port - COM1),
            _ if is_register_of(port, COM2) => {
                self.fetch_owners_bytes();
                self.owner_port.read(port - COM2)
            }
            KEYBOARD => NO_KEYBOARD,
            _ if Pics::owns(port) => self.pics.read(port),
            _ if Pit::owns(port) => {
                let now = self.timer_now();
                self.timer.read(port, now)
            }
            _ if Cmos::owns(port) => self.clock.read(port, time_below),
            _ => return None,
        })
    }

    fn nothing(&mut self, vmpl: u8, port: u16) -> u32 {
        self.note_absent(vmpl, port);
        u32::MAX
    }

    fn note_absent(&mut self, vmpl: u8, port: u16) {
        if self.absent.insert(port) {
            hv!("VMPL{vmpl} uses port {port:#x}, where there is nothing");
        }
    }
}

/// A register of the machine's own clock.
fn time_below(index: u8) -> u8 {
    port::write(cmos::INDEX, Width::Byte, u32::from(index));
    port::read(cmos::INDEX + 1, Width::Byte) as u8
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
