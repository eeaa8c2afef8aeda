//! The 8254 timer (Intel 82C54 data sheet): channel 0, whose output is interrupt line 0, and channel 2, which software reads.
//!
//! Time comes in as a count of the timer's own ticks. Modes 0, 2, 3 and 4 with 16-bit binary counts are there; other programming is taken for the
//! nearest of them.

/// Ticks in a second.
pub const FREQUENCY: u64 = 1_193_182;
/// Port of channel 0; channels 1 and 2 and the mode register follow.
pub const CHANNEL_0: u16 = 0x40;
const MODE: u16 = 0x43;
/// Port with the gate (bit 0) and the output (bit 5) of channel 2.
pub const GATE: u16 = 0x61;
const GATE_MASK: u8 = 3;
const OUTPUT_2: u8 = 1 << 5;

/// How a channel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// Modes 0, 1, 4 and 5: once.
    Once,
    /// Modes 2 and 3: again and again.
    Periodic,
}

/// Which byte of a count comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Low,
    High,
    Both,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    counting: Counting,
    access: Access,
    /// Low byte of a count that is being written.
    written_low: Option<u8>,
    /// The count, once it is complete, and the time from which it counts.
    running: Option<(u64, u64)>,
    /// A latched count.
    latched: Option<u16>,
    /// The next read of a two-byte count gives the high byte.
    read_high: bool,
    /// Ends of counts that were reported already.
    reported: u64,
}

impl Channel {
    const fn new() -> Self {
        Self {
            counting: Counting::Once,
            access: Access::Both,
            written_low: None,
            running: None,
            latched: None,
            read_high: false,
            reported: 0,
        }
    }

    fn program(&mut self, mode: u8, now: u64) {
        self.access = match mode >> 4 & 3 {
            0 => {
                self.latched = self.latched.or(Some(self.count(now)));
                return;
            }
            1 => Access::Low,
            2 => Access::High,
            _ => Access::Both,
        };
        self.counting = match mode >> 1 & 7 {
            2 | 3 | 6 | 7 => Counting::Periodic,
            _ => Counting::Once,
        };
        *self = Self {
            counting: self.counting,
            access: self.access,
            ..Self::new()
        };
    }

    fn write(&mut self, value: u8, now: u64) {
        let count = match (self.access, self.written_low.take()) {
            (Access::Low, _) => u16::from(value),
            (Access::High, _) => u16::from(value) << 8,
            (Access::Both, Some(low)) => u16::from_le_bytes([low, value]),
            (Access::Both, None) => {
                self.written_low = Some(value);
                return;
            }
        };
        let ticks = if count == 0 { 0x1_0000 } else { u64::from(count) };
        self.running = Some((ticks, now));
        self.reported = 0;
    }

    fn count(&self, now: u64) -> u16 {
        let Some((ticks, start)) = self.running else {
            return 0;
        };
        let elapsed = now.saturating_sub(start);
        let left = match self.counting {
            Counting::Periodic => ticks - elapsed % ticks,
            Counting::Once => ticks.wrapping_sub(elapsed),
        };
        left as u16
    }

    fn read(&mut self, now: u64) -> u8 {
        let [low, high] = self.latched.unwrap_or_else(|| self.count(now)).to_le_bytes();
        let (byte, last) = match self.access {
            Access::Low => (low, true),
            Access::High => (high, true),
            Access::Both => (if self.read_high { high } else { low }, self.read_high),
        };
        self.read_high = self.access == Access::Both && !self.read_high;
        if last {
            self.latched = None;
        }
        byte
    }

    /// How many counts have ended.
    fn ends(&self, now: u64) -> u64 {
        let Some((ticks, start)) = self.running else {
            return 0;
        };
        let ended = now.saturating_sub(start) / ticks;
        match self.counting {
            Counting::Periodic => ended,
            Counting::Once => ended.min(1),
        }
    }

    fn next_end(&self) -> Option<u64> {
        let (ticks, start) = self.running?;
        match self.counting {
            Counting::Once if self.reported > 0 => None,
            _ => Some(start + (self.reported + 1) * ticks),
        }
    }
}

/// The timer.
#[derive(Clone, Copy, Debug)]
pub struct Pit {
    channels: [Channel; 3],
    gate: u8,
}

impl Pit {
    /// Nothing programmed.
    pub const fn new() -> Self {
        Self {
            channels: [Channel::new(); 3],
            gate: 0,
        }
    }

    /// Whether a port is one of its.
    pub const fn owns(port: u16) -> bool {
        matches!(port, CHANNEL_0..=MODE | GATE)
    }

    /// A write to one of its ports.
    pub fn write(&mut self, port: u16, value: u8, now: u64) {
        match port {
            GATE => {
                let started = value & 1 != 0 && self.gate & 1 == 0;
                self.gate = value & GATE_MASK;
                if started && let Some((_, start)) = &mut self.channels[2].running {
                    *start = now;
                }
            }
            MODE => {
                if let Some(channel) = self.channels.get_mut(usize::from(value >> 6)) {
                    channel.program(value, now);
                }
            }
            _ => self.channels[usize::from(port - CHANNEL_0) % 3].write(value, now),
        }
    }

    /// A read of one of its ports.
    pub fn read(&mut self, port: u16, now: u64) -> u8 {
        match port {
            GATE if self.gate & 1 != 0 && self.channels[2].ends(now) > 0 => self.gate | OUTPUT_2,
            GATE => self.gate,
            MODE => 0,
            _ => self.channels[usize::from(port - CHANNEL_0) % 3].read(now),
        }
    }

    /// Whether channel 0 has ended a count since it was last asked. Several counts that ended meanwhile are one edge, as on an interrupt line that
    /// nobody serves.
    pub fn take_interrupt(&mut self, now: u64) -> bool {
        let channel = &mut self.channels[0];
        let ends = channel.ends(now);
        let edge = ends > channel.reported;
        channel.reported = ends;
        edge
    }

    /// When channel 0 ends its next count.
    pub fn next_interrupt(&self) -> Option<u64> {
        self.channels[0].next_end()
    }
}

impl Default for Pit {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux `pit_set_periodic`: mode 2, 16-bit count 4773 for 250 Hz.
    #[test]
    fn periodic_channel_interrupts_once_for_each_period_that_is_noticed() {
        let mut pit = Pit::new();
        pit.write(0x43, 0x34, 1000);
        pit.write(0x40, 0xA5, 1000);
        assert_eq!(pit.next_interrupt(), None, "half a count");
        pit.write(0x40, 0x12, 1000);
        assert_eq!(pit.next_interrupt(), Some(1000 + 4773));
        assert!(!pit.take_interrupt(1000 + 4772));
        assert!(pit.take_interrupt(1000 + 4773));
        assert!(!pit.take_interrupt(1000 + 4774));
        assert!(pit.take_interrupt(1000 + 5 * 4773), "three periods were missed");
        assert_eq!(pit.next_interrupt(), Some(1000 + 6 * 4773));
    }

    // Linux `pit_set_oneshot` and `pit_next_event`: mode 4, one interrupt for each count.
    #[test]
    fn one_shot_channel_interrupts_once() {
        let mut pit = Pit::new();
        pit.write(0x43, 0x38, 0);
        pit.write(0x40, 100, 0);
        pit.write(0x40, 0, 0);
        assert!(pit.take_interrupt(100));
        assert!(!pit.take_interrupt(100_000));
        assert_eq!(pit.next_interrupt(), None);
    }

    // Linux `pit_calibrate_tsc`: channel 2, mode 0, output at bit 5 of port 0x61 once the count has ended.
    #[test]
    fn second_channel_shows_its_output_and_its_latched_count() {
        let mut pit = Pit::new();
        pit.write(0x61, 1, 0);
        pit.write(0x43, 0xB0, 0);
        pit.write(0x42, 0x34, 0);
        pit.write(0x42, 0x12, 0);
        assert_eq!(pit.read(0x61, 0x1233), 1);
        assert_eq!(pit.read(0x61, 0x1234), 0x21);
        pit.write(0x43, 0x80, 0x100);
        assert_eq!(
            (pit.read(0x42, 0x500), pit.read(0x42, 0x500)),
            (0x34, 0x11),
            "latched at 0x100"
        );
        assert_eq!(pit.read(0x42, 0x200), 0x34);
    }
}
