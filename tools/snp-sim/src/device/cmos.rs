//! The battery-backed clock (Motorola MC146818): time of day, read from the machine below; no alarm, no other memory.

/// Index port; the data port follows.
pub const INDEX: u16 = 0x70;
const STATUS_A: u8 = 0x0A;
const STATUS_D: u8 = 0x0D;
/// Divider for a 32.768 kHz crystal, no update in progress.
const NOT_UPDATING: u8 = 0x26;
const VALID: u8 = 0x80;

/// The clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cmos {
    index: u8,
}

impl Cmos {
    /// After reset.
    pub const fn new() -> Self {
        Self { index: 0 }
    }

    /// Whether a port is one of its.
    pub const fn owns(port: u16) -> bool {
        port & !1 == INDEX
    }

    /// A write to one of its ports: selects a register; the registers themselves cannot be written.
    pub const fn write(&mut self, port: u16, value: u8) {
        if port == INDEX {
            self.index = value & 0x7F;
        }
    }

    /// A read of one of its ports; `below` reads the machine's own clock.
    pub fn read(&self, port: u16, below: impl Fn(u8) -> u8) -> u8 {
        match self.index {
            _ if port == INDEX => 0xFF,
            STATUS_A => NOT_UPDATING,
            STATUS_D => VALID,
            // Time, date, format and century.
            index @ (0..=9 | 0x0B | 0x32) => below(index),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux `mc146818_get_time`: register A bit 7 is "update in progress"; register D bit 7 says that the time is valid.
    #[test]
    fn clock_shows_the_time_below_and_is_never_updating() {
        let mut cmos = Cmos::new();
        let below = |index| index + 0x40;
        cmos.write(0x70, 0x84);
        assert_eq!(cmos.read(0x71, below), 0x44);
        cmos.write(0x70, 0x0A);
        assert_eq!(cmos.read(0x71, below) & 0x80, 0);
        cmos.write(0x71, 0xFF);
        cmos.write(0x70, 0x0D);
        assert_eq!(cmos.read(0x71, below), 0x80);
    }
}
