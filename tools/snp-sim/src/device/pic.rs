//! Two cascaded 8259A interrupt controllers (Intel 8259A data sheet): edge-triggered lines, masks, priorities, acknowledge and end of
//! interrupt.
//!
//! Left out, because nothing uses it: level-triggered mode, rotation of priorities, special mask mode, polling, automatic end of interrupt.

/// Command ports of the two.
pub const MASTER: u16 = 0x20;
/// See [`MASTER`].
pub const SLAVE: u16 = 0xA0;
/// The line by which the second one is connected to the first.
const CASCADE: u8 = 2;

/// Which initialisation word comes next on the data port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expecting {
    Mask,
    Vector,
    Cascade,
    Mode,
}

/// One controller.
#[derive(Clone, Copy, Debug)]
struct Controller {
    /// Levels of the lines.
    lines: u8,
    /// Requested.
    requested: u8,
    /// In service.
    serviced: u8,
    mask: u8,
    vector: u8,
    expecting: Expecting,
    /// ICW4 follows.
    mode_follows: bool,
    read_serviced: bool,
}

impl Controller {
    const fn new() -> Self {
        Self {
            lines: 0,
            requested: 0,
            serviced: 0,
            mask: 0xFF,
            vector: 0,
            expecting: Expecting::Mask,
            mode_follows: false,
            read_serviced: false,
        }
    }

    fn set(&mut self, line: u8, high: bool) {
        let bit = 1 << line;
        if high && self.lines & bit == 0 {
            self.requested |= bit;
        }
        self.lines = if high { self.lines | bit } else { self.lines & !bit };
    }

    /// The line that would be acknowledged: the most urgent request that is not masked and more urgent than what is in service.
    fn pending(&self) -> Option<u8> {
        let request = (self.requested & !self.mask).trailing_zeros();
        (request < self.serviced.trailing_zeros().min(8)).then_some(request as u8)
    }

    fn acknowledge(&mut self, line: u8) -> u8 {
        self.requested &= !(1 << line);
        self.serviced |= 1 << line;
        self.vector + line
    }

    fn command(&mut self, value: u8) {
        match value {
            // ICW1.
            _ if value & 0x10 != 0 => {
                *self = Self {
                    lines: self.lines,
                    mask: 0,
                    expecting: Expecting::Vector,
                    mode_follows: value & 1 != 0,
                    ..Self::new()
                };
            }
            // OCW3: which register is read next.
            _ if value & 0x0A == 0x0A => self.read_serviced = value & 1 != 0,
            _ if value & 0x08 != 0 => {}
            // OCW2: specific and non-specific end of interrupt.
            _ if value & 0x60 == 0x60 => self.serviced &= !(1 << (value & 7)),
            _ if value & 0x20 != 0 => self.serviced &= self.serviced.wrapping_sub(1),
            _ => {}
        }
    }

    fn data(&mut self, value: u8) {
        self.expecting = match self.expecting {
            Expecting::Mask => {
                self.mask = value;
                Expecting::Mask
            }
            Expecting::Vector => {
                self.vector = value & 0xF8;
                Expecting::Cascade
            }
            Expecting::Cascade if self.mode_follows => Expecting::Mode,
            Expecting::Cascade | Expecting::Mode => Expecting::Mask,
        };
    }

    const fn status(&self) -> u8 {
        if self.read_serviced {
            self.serviced
        } else {
            self.requested
        }
    }
}

/// Both controllers.
#[derive(Clone, Copy, Debug)]
pub struct Pics {
    master: Controller,
    slave: Controller,
}

impl Pics {
    /// After reset: everything masked.
    pub const fn new() -> Self {
        Self {
            master: Controller::new(),
            slave: Controller::new(),
        }
    }

    /// Whether a port is one of theirs.
    pub const fn owns(port: u16) -> bool {
        matches!(port & !1, MASTER | SLAVE)
    }

    /// Sets an interrupt line, 0 to 15. A rising edge is a request.
    pub fn set(&mut self, line: u8, high: bool) {
        if line < 8 {
            self.master.set(line, high);
        } else {
            self.slave.set(line & 7, high);
            self.update_cascade();
        }
    }

    fn update_cascade(&mut self) {
        let wants = self.slave.pending().is_some();
        self.master.set(CASCADE, wants);
        if !wants {
            self.master.requested &= !(1 << CASCADE);
        }
    }

    /// The vector that the processor would get now.
    pub fn pending(&self) -> Option<u8> {
        match self.master.pending()? {
            CASCADE => self.slave.pending().map(|line| self.slave.vector + line),
            line => Some(self.master.vector + line),
        }
    }

    /// The processor takes the interrupt; its vector.
    pub fn acknowledge(&mut self) -> Option<u8> {
        let line = self.master.pending()?;
        let vector = self.master.acknowledge(line);
        if line != CASCADE {
            return Some(vector);
        }
        let line = self.slave.pending()?;
        let vector = self.slave.acknowledge(line);
        self.update_cascade();
        Some(vector)
    }

    /// A write to one of their ports.
    pub fn write(&mut self, port: u16, value: u8) {
        let controller = if port & !1 == SLAVE {
            &mut self.slave
        } else {
            &mut self.master
        };
        if port & 1 == 0 {
            controller.command(value);
        } else {
            controller.data(value);
        }
        self.update_cascade();
    }

    /// A read of one of their ports.
    pub const fn read(&self, port: u16) -> u8 {
        let controller = if port & !1 == SLAVE { &self.slave } else { &self.master };
        if port & 1 == 0 {
            controller.status()
        } else {
            controller.mask
        }
    }
}

impl Default for Pics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux's `init_8259A` writes, with every line unmasked.
    fn initialised() -> Pics {
        let mut pics = Pics::new();
        for (port, value) in [
            (0x20, 0x11),
            (0x21, 0x30),
            (0x21, 0x04),
            (0x21, 0x01),
            (0xA0, 0x11),
            (0xA1, 0x38),
            (0xA1, 0x02),
            (0xA1, 0x01),
            (0x21, 0x00),
            (0xA1, 0x00),
        ] {
            pics.write(port, value);
        }
        pics
    }

    // Data sheet: "Interrupt sequence", "Fully nested mode", "End of interrupt".
    #[test]
    fn edge_is_delivered_once_and_blocks_less_urgent_lines_until_its_end() {
        let mut pics = initialised();
        pics.set(4, true);
        assert_eq!(pics.pending(), Some(0x34));
        assert_eq!(pics.acknowledge(), Some(0x34));
        pics.set(5, true);
        assert_eq!(pics.pending(), None, "line 4 is in service");
        pics.set(0, true);
        assert_eq!(pics.acknowledge(), Some(0x30), "line 0 is more urgent");
        pics.write(0x20, 0x20);
        assert_eq!(pics.pending(), None, "the non-specific end was line 0's");
        pics.write(0x20, 0x64);
        assert_eq!(pics.acknowledge(), Some(0x35));
        pics.write(0x20, 0x20);
        assert_eq!(pics.pending(), None, "line 0 is still high: no new edge");
        pics.set(0, false);
        pics.set(0, true);
        assert_eq!(pics.pending(), Some(0x30));
    }

    #[test]
    fn masked_request_is_remembered() {
        let mut pics = initialised();
        pics.write(0x21, 0x01);
        pics.set(0, true);
        assert_eq!(pics.pending(), None);
        assert_eq!(pics.read(0x21), 1);
        pics.write(0x21, 0x00);
        assert_eq!(pics.pending(), Some(0x30));
    }

    // Linux `mask_and_ack_8259A` for a line of the second controller: specific ends on both.
    #[test]
    fn second_controller_comes_through_the_cascade() {
        let mut pics = initialised();
        pics.set(12, true);
        assert_eq!(pics.acknowledge(), Some(0x3C));
        pics.write(0xA0, 0x0B);
        assert_eq!(pics.read(0xA0), 0x10, "in service");
        pics.write(0xA0, 0x64);
        pics.write(0x20, 0x62);
        assert_eq!(pics.pending(), None);
        pics.set(8, true);
        assert_eq!(pics.pending(), Some(0x38));
    }
}
