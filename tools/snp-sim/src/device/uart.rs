//! A 16550A serial port (National Semiconductor PC16550D data sheet), as far as Linux's driver looks: registers, receive FIFO, interrupts,
//! loop-back of the modem lines for its detection.
//!
//! What is sent leaves at once: the transmitter is always empty. Bytes that arrive come from whoever holds the other end, and wait until
//! the guest reads them.

use alloc::collections::VecDeque;

/// Received bytes that the port keeps.
const FIFO: usize = 16;

/// Registers, by their distance from the port's base.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const INTERRUPT_ID: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const MODEM_STATUS: u16 = 6;
const SCRATCH: u16 = 7;
/// How many registers there are.
pub const REGISTERS: u16 = 8;

const DIVISOR_LATCH: u8 = 0x80;
const LOOP_BACK: u8 = 0x10;
/// Output 2 of the modem control register: connects the interrupt.
const OUTPUT_2: u8 = 0x08;
const ENABLE_RECEIVED: u8 = 1;
const ENABLE_TRANSMITTER: u8 = 2;
const ID_NONE: u8 = 0x01;
const ID_TRANSMITTER: u8 = 0x02;
const ID_RECEIVED: u8 = 0x04;
const ID_FIFO: u8 = 0xC0;
const STATUS_DATA: u8 = 0x01;
const STATUS_EMPTY: u8 = 0x60;
/// Carrier, data set ready, clear to send.
const MODEM_READY: u8 = 0xB0;

/// The port.
#[derive(Clone, Debug, Default)]
pub struct Uart {
    received: VecDeque<u8>,
    interrupt_enable: u8,
    fifo: bool,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    divisor: [u8; 2],
    /// The transmitter has become empty, and nobody has been told.
    transmitted: bool,
}

impl Uart {
    /// After reset.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is room for a byte.
    pub fn has_room(&self) -> bool {
        self.received.len() < FIFO
    }

    /// A byte arrives.
    pub fn receive(&mut self, byte: u8) {
        if self.has_room() {
            self.received.push_back(byte);
        }
    }

    /// A write to a register; a byte that is sent.
    pub fn write(&mut self, register: u16, value: u8) -> Option<u8> {
        let latched = self.line_control & DIVISOR_LATCH != 0;
        match register {
            DATA | INTERRUPT_ENABLE if latched => self.divisor[usize::from(register)] = value,
            DATA => {
                self.transmitted = true;
                if self.modem_control & LOOP_BACK == 0 {
                    return Some(value);
                }
                self.receive(value);
            }
            INTERRUPT_ENABLE => {
                let enabled = value & ENABLE_TRANSMITTER != 0 && self.interrupt_enable & ENABLE_TRANSMITTER == 0;
                self.transmitted |= enabled;
                self.interrupt_enable = value & 0x0F;
            }
            INTERRUPT_ID => {
                self.fifo = value & 1 != 0;
                if value & 2 != 0 {
                    self.received.clear();
                }
            }
            LINE_CONTROL => self.line_control = value,
            MODEM_CONTROL => self.modem_control = value & 0x1F,
            SCRATCH => self.scratch = value,
            _ => {}
        }
        None
    }

    /// A read of a register.
    pub fn read(&mut self, register: u16) -> u8 {
        let latched = self.line_control & DIVISOR_LATCH != 0;
        match register {
            DATA | INTERRUPT_ENABLE if latched => self.divisor[usize::from(register)],
            DATA => self.received.pop_front().unwrap_or(0),
            INTERRUPT_ENABLE => self.interrupt_enable,
            INTERRUPT_ID => {
                let id = self.interrupt_id();
                // Reading it is one of the two ways to end the transmitter's interrupt.
                self.transmitted &= id != ID_TRANSMITTER;
                id | if self.fifo { ID_FIFO } else { 0 }
            }
            LINE_CONTROL => self.line_control,
            MODEM_CONTROL => self.modem_control,
            LINE_STATUS if self.received.is_empty() => STATUS_EMPTY,
            LINE_STATUS => STATUS_EMPTY | STATUS_DATA,
            MODEM_STATUS => self.modem_status(),
            SCRATCH => self.scratch,
            _ => 0,
        }
    }

    /// In loop-back the modem outputs (DTR, RTS, OUT1, OUT2) come back as inputs (DSR, CTS, RI, DCD).
    fn modem_status(&self) -> u8 {
        if self.modem_control & LOOP_BACK == 0 {
            return MODEM_READY;
        }
        let outputs = self.modem_control;
        (outputs & 1) << 5 | (outputs & 2) << 3 | (outputs & 4) << 4 | (outputs & 8) << 4
    }

    fn interrupt_id(&self) -> u8 {
        if self.interrupt_enable & ENABLE_RECEIVED != 0 && !self.received.is_empty() {
            ID_RECEIVED
        } else if self.interrupt_enable & ENABLE_TRANSMITTER != 0 && self.transmitted {
            ID_TRANSMITTER
        } else {
            ID_NONE
        }
    }

    /// The level of its interrupt line.
    pub fn interrupt(&self) -> bool {
        self.modem_control & OUTPUT_2 != 0 && self.interrupt_id() != ID_NONE
    }

    /// Whether received bytes interrupt.
    pub const fn listens(&self) -> bool {
        self.interrupt_enable & ENABLE_RECEIVED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux `autoconfig`: IER keeps four bits, MCR 0x1A in loop-back shows 0x90 in MSR, FIFOs show in IIR as 0xC0, the scratch register keeps.
    #[test]
    fn linux_detects_a_16550a() {
        let mut uart = Uart::new();
        uart.write(INTERRUPT_ENABLE, 0x0F);
        assert_eq!(uart.read(INTERRUPT_ENABLE), 0x0F);
        uart.write(INTERRUPT_ENABLE, 0);
        uart.write(MODEM_CONTROL, 0x1A);
        assert_eq!(uart.read(MODEM_STATUS) & 0xF0, 0x90);
        uart.write(MODEM_CONTROL, 0);
        uart.write(INTERRUPT_ID, 1);
        assert_eq!(uart.read(INTERRUPT_ID) >> 6, 3);
        uart.write(SCRATCH, 0xA5);
        assert_eq!(uart.read(SCRATCH), 0xA5);
    }

    #[test]
    fn divisor_is_kept_apart_from_data() {
        let mut uart = Uart::new();
        uart.write(LINE_CONTROL, 0x83);
        assert_eq!(uart.write(DATA, 1), None);
        assert_eq!(uart.read(DATA), 1);
        uart.write(LINE_CONTROL, 0x03);
        assert_eq!(uart.write(DATA, b'x'), Some(b'x'));
        assert_eq!(uart.read(DATA), 0);
    }

    // Data sheet, table "Interrupt control functions": received data before transmitter empty, each ended its own way.
    #[test]
    fn interrupts_are_ordered_and_ended_as_the_data_sheet_says() {
        let mut uart = Uart::new();
        uart.write(MODEM_CONTROL, OUTPUT_2);
        uart.write(INTERRUPT_ENABLE, ENABLE_RECEIVED | ENABLE_TRANSMITTER);
        uart.receive(b'a');
        assert!(uart.interrupt());
        assert_eq!(uart.read(INTERRUPT_ID), ID_RECEIVED);
        assert_eq!((uart.read(LINE_STATUS), uart.read(DATA)), (0x61, b'a'));
        assert_eq!(
            uart.read(INTERRUPT_ID),
            ID_TRANSMITTER,
            "enabling it interrupts when empty"
        );
        assert!(!uart.interrupt());
        assert_eq!(uart.read(LINE_STATUS), 0x60);
    }

    #[test]
    fn bytes_beyond_the_fifo_wait_outside() {
        let mut uart = Uart::new();
        for byte in 0..20 {
            uart.receive(byte);
        }
        assert!(!uart.has_room());
        assert_eq!((0..FIFO).map(|_| uart.read(DATA)).last(), Some(15));
        assert!(uart.has_room());
    }
}
