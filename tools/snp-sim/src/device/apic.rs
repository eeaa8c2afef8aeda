//! A local APIC in x2APIC mode (Intel SDM volume 3, chapter 11; APM volume 2, chapter 16): fixed interrupts and their priorities, the
//! interrupts that processors send each other, and the timer, which counts nanoseconds.
//!
//! Each virtual processor of a machine with several has one. Registers are model-specific ones; the guest may write anything. Left out: NMI, SMI,
//! INIT and start-up messages (SNP guests start their processors otherwise), lowest-priority delivery, TSC deadline, performance and thermal interrupts.

/// A register that is not there: the access is a general-protection exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchRegister;

/// First model-specific register of the APIC, which has 64.
pub const FIRST: u32 = 0x800;
/// Last one.
pub const LAST: u32 = 0x83F;
const ID: u32 = 0x802;
const VERSION: u32 = 0x803;
const TASK_PRIORITY: u32 = 0x808;
const END_OF_INTERRUPT: u32 = 0x80B;
const LOGICAL_ID: u32 = 0x80D;
const SPURIOUS: u32 = 0x80F;
const IN_SERVICE: u32 = 0x810;
const REQUESTED: u32 = 0x820;
const ERROR: u32 = 0x828;
const COMMAND: u32 = 0x830;
const LOCAL_VECTORS: u32 = 0x832;
const LAST_LOCAL_VECTOR: u32 = 0x837;
const LINT0: usize = 3;
const INITIAL_COUNT: u32 = 0x838;
const CURRENT_COUNT: u32 = 0x839;
const DIVISOR: u32 = 0x83E;
const SELF_MESSAGE: u32 = 0x83F;

/// Integrated APIC, six local vectors.
const VERSION_VALUE: u64 = 0x14 | 5 << 16;
const ENABLED: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
const PERIODIC: u32 = 1 << 17;
const EXTERNAL: u32 = 7 << 8;
/// Lowest vector that an APIC delivers.
const FIRST_VECTOR: u8 = 16;

/// Who gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The processor with this ID.
    Physical(u32),
    /// All processors whose logical ID matches.
    Logical(u32),
    /// The sender.
    Myself,
    /// All.
    All,
    /// All but the sender.
    Others,
}

/// A fixed interrupt for other processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its vector.
    pub vector: u8,
    /// Who gets it.
    pub destination: Destination,
}

/// The APIC of one processor.
#[derive(Clone, Debug)]
pub struct Apic {
    id: u32,
    requested: [u32; 8],
    serviced: [u32; 8],
    task_priority: u8,
    spurious: u32,
    local_vectors: [u32; 6],
    command: u64,
    divisor: u32,
    count: u32,
    /// When the count was written, in nanoseconds.
    started: u64,
    /// Ends of the count that interrupted already.
    reported: u64,
}

fn highest(bits: &[u32; 8]) -> Option<u8> {
    (0..8u8)
        .rev()
        .find(|&word| bits[usize::from(word)] != 0)
        .map(|word| word * 32 + 31 - bits[usize::from(word)].leading_zeros() as u8)
}

impl Apic {
    /// As firmware leaves it: in x2APIC mode; on the first processor the 8259's output comes through LINT0.
    pub fn new(id: u32) -> Self {
        let mut local_vectors = [MASKED; 6];
        if id == 0 {
            local_vectors[LINT0] = EXTERNAL;
        }
        Self {
            id,
            requested: [0; 8],
            serviced: [0; 8],
            task_priority: 0,
            spurious: 0xFF,
            local_vectors,
            command: 0,
            divisor: 0,
            count: 0,
            started: 0,
            reported: 0,
        }
    }

    /// The ID.
    pub const fn id(&self) -> u32 {
        self.id
    }

    const fn logical_id(&self) -> u32 {
        (self.id >> 4) << 16 | 1 << (self.id & 15)
    }

    /// Whether a message that `sender` sent is for this processor.
    pub fn is_addressed(&self, message: &Message, sender: u32) -> bool {
        match message.destination {
            Destination::Physical(u32::MAX) | Destination::All => true,
            Destination::Physical(id) => id == self.id,
            Destination::Logical(u32::MAX) => true,
            Destination::Logical(wanted) => {
                let own = self.logical_id();
                wanted >> 16 == own >> 16 && wanted & own & 0xFFFF != 0
            }
            Destination::Myself => sender == self.id,
            Destination::Others => sender != self.id,
        }
    }

    /// Requests an interrupt.
    pub fn request(&mut self, vector: u8) {
        if vector >= FIRST_VECTOR {
            self.requested[usize::from(vector / 32)] |= 1 << (vector % 32);
        }
    }

    /// The vector that the processor would get now.
    pub fn pending(&self) -> Option<u8> {
        let wanted = highest(&self.requested)?;
        let busy = highest(&self.serviced).unwrap_or(0).max(self.task_priority);
        (self.spurious & ENABLED != 0 && wanted >> 4 > busy >> 4).then_some(wanted)
    }

    /// The processor takes the interrupt that is pending.
    pub fn acknowledge(&mut self) {
        if let Some(vector) = self.pending() {
            self.requested[usize::from(vector / 32)] &= !(1 << (vector % 32));
            self.serviced[usize::from(vector / 32)] |= 1 << (vector % 32);
        }
    }

    /// Nanoseconds of one count.
    const fn scale(&self) -> u64 {
        let exponent = (self.divisor & 3 | self.divisor >> 1 & 4) + 1;
        1 << (exponent & 7)
    }

    const fn is_periodic(&self) -> bool {
        self.local_vectors[0] & PERIODIC != 0
    }

    /// When the timer ends its next count, in nanoseconds.
    pub fn next_event(&self) -> Option<u64> {
        let waiting = self.count != 0 && self.local_vectors[0] & MASKED == 0;
        let again = self.reported == 0 || self.is_periodic();
        (waiting && again).then(|| self.started + (self.reported + 1) * u64::from(self.count) * self.scale())
    }

    /// Requests the timer's interrupt if it is due. Counts that ended while nobody looked are one interrupt.
    pub fn update(&mut self, now: u64) {
        if self.next_event().is_some_and(|due| due <= now) {
            self.reported = (now - self.started) / (u64::from(self.count) * self.scale());
            self.request(self.local_vectors[0] as u8);
        }
    }

    fn current_count(&self, now: u64) -> u32 {
        let elapsed = now.saturating_sub(self.started) / self.scale();
        match u64::from(self.count) {
            0 => 0,
            count if self.is_periodic() => (count - elapsed % count) as u32,
            count => count.saturating_sub(elapsed) as u32,
        }
    }

    /// Reads a register; `None` for one that is not there.
    pub fn read(&self, register: u32, now: u64) -> Option<u64> {
        Some(match register {
            ID => u64::from(self.id),
            VERSION => VERSION_VALUE,
            TASK_PRIORITY => u64::from(self.task_priority),
            LOGICAL_ID => u64::from(self.logical_id()),
            SPURIOUS => u64::from(self.spurious),
            IN_SERVICE..=0x817 => u64::from(self.serviced[(register - IN_SERVICE) as usize]),
            // All are edge-triggered.
            0x818..=0x81F | ERROR => 0,
            REQUESTED..=0x827 => u64::from(self.requested[(register - REQUESTED) as usize]),
            COMMAND => self.command,
            LOCAL_VECTORS..=LAST_LOCAL_VECTOR => u64::from(self.local_vectors[(register - LOCAL_VECTORS) as usize]),
            INITIAL_COUNT => u64::from(self.count),
            CURRENT_COUNT => u64::from(self.current_count(now)),
            DIVISOR => u64::from(self.divisor),
            _ => return None,
        })
    }

    /// Writes a register; a message that is sent.
    pub fn write(&mut self, register: u32, value: u64, now: u64) -> Result<Option<Message>, NoSuchRegister> {
        match register {
            TASK_PRIORITY => self.task_priority = value as u8,
            END_OF_INTERRUPT => {
                if let Some(vector) = highest(&self.serviced) {
                    self.serviced[usize::from(vector / 32)] &= !(1 << (vector % 32));
                }
            }
            SPURIOUS => self.spurious = value as u32 & 0x1FF,
            ERROR => {}
            COMMAND => {
                self.command = value;
                return Ok(decode(value));
            }
            LOCAL_VECTORS..=LAST_LOCAL_VECTOR => {
                self.local_vectors[(register - LOCAL_VECTORS) as usize] = value as u32 & 0x7_07FF;
            }
            INITIAL_COUNT => {
                self.count = value as u32;
                self.started = now;
                self.reported = 0;
            }
            DIVISOR => self.divisor = value as u32 & 0xB,
            SELF_MESSAGE => self.request(value as u8),
            _ => return Err(NoSuchRegister),
        }
        Ok(None)
    }
}

/// The message of an interrupt command; `None` for kinds that are left out.
fn decode(command: u64) -> Option<Message> {
    let (vector, kind, to) = (command as u8, command >> 8 & 7, (command >> 32) as u32);
    let destination = match command >> 18 & 3 {
        1 => Destination::Myself,
        2 => Destination::All,
        3 => Destination::Others,
        _ if command >> 11 & 1 != 0 => Destination::Logical(to),
        _ => Destination::Physical(to),
    };
    (kind == 0).then_some(Message { vector, destination })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled(id: u32) -> Apic {
        let mut apic = Apic::new(id);
        assert_eq!(apic.write(SPURIOUS, 0x1FF, 0), Ok(None));
        apic
    }

    // SDM volume 3, 11.8.3: priority classes of 16 vectors; the task priority and what is in service hold back their class and those below.
    #[test]
    fn interrupts_are_taken_by_class_and_ended_in_order() {
        let mut apic = Apic::new(0);
        apic.request(0x41);
        assert_eq!(apic.pending(), None, "not enabled");
        let mut apic = enabled(0);
        apic.request(0x41);
        apic.request(0x45);
        assert_eq!(apic.pending(), Some(0x45));
        apic.acknowledge();
        assert_eq!(apic.pending(), None, "0x41 is of the same class");
        apic.request(0xF0);
        apic.acknowledge();
        assert_eq!(apic.read(IN_SERVICE + 7, 0), Some(1 << 16));
        assert_eq!(apic.write(END_OF_INTERRUPT, 0, 0), Ok(None));
        assert_eq!(apic.pending(), None);
        assert_eq!(apic.write(END_OF_INTERRUPT, 0, 0), Ok(None));
        assert_eq!(apic.pending(), Some(0x41));
        assert_eq!(apic.write(TASK_PRIORITY, 0x40, 0), Ok(None));
        assert_eq!(apic.pending(), None);
    }

    // SDM volume 3, 11.12.9 and 11.12.10: 32-bit destination in the upper half; logical ID = cluster << 16 | 1 << (ID & 15).
    #[test]
    fn messages_reach_whom_they_name() {
        let (first, second) = (enabled(0), enabled(1));
        let mut sender = enabled(0);
        let mut send = |value| sender.write(COMMAND, value, 0).expect("there").expect("a message");
        let physical = send(1 << 32 | 0xFD);
        assert_eq!(physical.vector, 0xFD);
        assert!(!first.is_addressed(&physical, 0) && second.is_addressed(&physical, 0));
        let logical = send(0b10 << 32 | 1 << 11 | 0xFC);
        assert!(!first.is_addressed(&logical, 0) && second.is_addressed(&logical, 0));
        let others = send(3 << 18 | 0xFB);
        assert!(!first.is_addressed(&others, 0) && second.is_addressed(&others, 0));
        assert_eq!(enabled(0).write(COMMAND, 0x500, 0), Ok(None), "INIT");
        assert_eq!(second.read(LOGICAL_ID, 0), Some(2));
    }

    // SDM volume 3, 11.5.4: divide by 16 is 0b0011; one-shot counts to zero and stops, periodic reloads.
    #[test]
    fn timer_counts_down_by_its_divisor() {
        let mut apic = enabled(0);
        for (register, value) in [(DIVISOR, 3), (LOCAL_VECTORS, 0xEC), (INITIAL_COUNT, 1000)] {
            assert_eq!(apic.write(register, value, 500), Ok(None));
        }
        assert_eq!(apic.read(CURRENT_COUNT, 500 + 16 * 400), Some(600));
        assert_eq!(apic.next_event(), Some(500 + 16_000));
        apic.update(16_499);
        assert_eq!(apic.pending(), None);
        apic.update(16_500);
        assert_eq!(apic.pending(), Some(0xEC));
        assert_eq!(apic.next_event(), None);
        assert_eq!(apic.write(LOCAL_VECTORS, u64::from(PERIODIC) | 0xEC, 0), Ok(None));
        assert_eq!(apic.write(INITIAL_COUNT, 1000, 0), Ok(None));
        apic.update(50_000);
        assert_eq!(apic.next_event(), Some(64_000));
        assert_eq!(apic.write(DIVISOR, 0xB, 0), Ok(None));
        assert_eq!(apic.scale(), 1);
    }
}
