//! The simulator's command line.
//!
//! Words separated by spaces; an unknown or malformed word is an error, so that a misspelt attack never passes as a survived one.

use crate::model::address::Gpa;
use alloc::{format, string::String, vec::Vec};

/// Everything that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Write a line for each event.
    pub trace: bool,
    /// Write exits by kind and times at the end.
    pub profile: bool,
    /// Look at the end for what only VMPL0 may have.
    pub audit: bool,
    /// Guest memory in MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub processors: u16,
    /// Pages whose accesses by VMPL0 are logged.
    pub watch: Vec<Gpa>,
    /// Bytes that the hypervisor changes before they are launched.
    pub tamper: Vec<(Gpa, u8)>,
    /// Microseconds of a virtual processor's turn while others wait.
    pub slice: u32,
    /// Microseconds between interrupts that take the processor from the guest; 0 for none.
    pub tick: u32,
    /// What the hypervisor does besides its duty.
    pub hostile: Vec<Misbehaviour>,
    /// HOST_DATA of the guest.
    pub host_data: [u8; 32],
    /// The processor has INVLPGB and TLBSYNC.
    pub invlpgb: bool,
}

/// One act of a hostile hypervisor: what, and at which occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// What it does.
    pub act: Act,
    /// When.
    pub occasion: Occasion,
}

/// When a hostile hypervisor acts; numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// `@N`: the N-th occasion of the act's own kind.
    Own(u32),
    /// `@every`: every occasion of the act's own kind.
    Every,
    /// `@call:N`: as VMPL0 is entered for the guest's N-th call.
    Call(u32),
    /// `@psp:N`: while VMPL0 or the guest waits for the answer to guest request N.
    GuestRequest(u32),
}

/// What a hostile hypervisor does. The comment says in what its own occasions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers a guest request with "busy". (guest requests)
    PspBusy,
    /// Answers a guest request with a firmware error and does not forward it. (guest requests)
    PspError,
    /// Changes one bit of the sealed answer. (guest requests)
    PspCorrupt,
    /// Delivers the previous answer again instead of a new one. (guest requests)
    PspReplay,
    /// Forwards the request, then claims that the processor was busy. (guest requests)
    PspLost,
    /// Says that the certificates need more pages. (guest requests)
    PspLength,
    /// Takes a private page away and gives it back, without telling the guest. (exits of VMPL0)
    Remap(Gpa),
    /// Maps the first page where the second one belongs. (exits of VMPL0)
    Alias(Gpa, Gpa),
    /// Injects #VC with this code. (exits of VMPL0)
    InjectVc(u32),
    /// Injects an external interrupt. (exits of VMPL0)
    InjectInterrupt(u8),
    /// Injects an external interrupt into the guest. (exits of other VMPLs)
    InterruptGuest(u8),
    /// Runs VMPL0 although the guest did not ask for it. (exits of other VMPLs)
    SpuriousRun,
    /// Runs the guest although VMPL0 did not ask for it. (exits of VMPL0)
    SpuriousGuest,
    /// Does not run VMPL0 although the guest asked for it, and claims success. (run-VMPL requests)
    DropRun,
    /// Refuses to run another VMPL. (run-VMPL requests)
    RefuseRun,
    /// Claims that a page-state change was made, but makes none. (page-state change requests)
    IgnorePageState,
    /// Makes RDTSC raise #VC. (exits of VMPL0: from then on)
    InterceptTsc,
    /// Reports this feature bitmap.
    Features(u64),
    /// Puts this many pages, beginning at this address, into the memory map as additional memory.
    MemoryMap(Gpa, u64),
    /// Refuses every access of VMPL0 to COM1.
    NoSerialPort,
    /// Claims this number of processors.
    VpCount(u32),
    /// Stops the machine when VMPL0 touches this page. (accesses of VMPL0 to the page)
    StopOnAccess(Gpa),
    /// Lets VMPL0 touch the page, but injects #VC with this code in place of the access. (accesses of VMPL0 to the page)
    InjectOnAccess(Gpa, u32),
    /// Changes a byte of a shared page after VMPL0 touched the page. (accesses of VMPL0 to the page)
    Flip(Gpa, u8),
    /// Not the hypervisor's act, but that of another processor of the guest: changes a byte of a private page, which the guest may write, after
    /// VMPL0 read that very byte. (accesses of VMPL0 to the page)
    Race(Gpa, u8),
    /// Never says that COM1 takes another byte.
    DeafSerialPort,
    /// Claims that a processor runs, but does not run it. (requests to run another processor)
    LoseProcessor,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trace: false,
            profile: false,
            audit: false,
            memory_mib: 128,
            processors: 1,
            watch: Vec::new(),
            tamper: Vec::new(),
            slice: 2000,
            tick: 0,
            hostile: Vec::new(),
            host_data: [0; 32],
            invlpgb: false,
        }
    }
}

impl Options {
    /// Parses the command line; the error names the word.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for word in line.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| wrong(word))?;
            let understood = match key {
                "trace" => number(value).filter(|&n| n <= 1).map(|n| options.trace = n == 1),
                "audit" => number(value).filter(|&n| n <= 1).map(|n| options.audit = n == 1),
                "profile" => number(value).filter(|&n| n <= 1).map(|n| options.profile = n == 1),
                "mem" => number(value)
                    .filter(|&n| (4..=3072).contains(&n) && n % 2 == 0)
                    .map(|n| options.memory_mib = n),
                "smp" => number(value)
                    .filter(|&n| (1..=16).contains(&n))
                    .map(|n| options.processors = n as u16),
                "tamper" => pair(value).filter(|&(_, xor)| xor <= 0xFF).map(|(gpa, xor)| {
                    options.tamper.push((Gpa(gpa), xor as u8));
                }),
                "tick" => number(value)
                    .filter(|&n| (50..=1_000_000).contains(&n))
                    .map(|n| options.tick = n as u32),
                "slice" => number(value)
                    .filter(|&n| (20..=1_000_000).contains(&n))
                    .map(|n| options.slice = n as u32),
                "host-data" => digest(value).map(|data| options.host_data = data),
                "invlpgb" => number(value).filter(|&n| n <= 1).map(|n| options.invlpgb = n == 1),
                "watch" => number(value).map(|gpa| options.watch.push(Gpa(gpa))),
                "hostile" => misbehaviour(value).map(|misbehaviour| options.hostile.push(misbehaviour)),
                _ => None,
            };
            understood.ok_or_else(|| wrong(word))?;
        }
        Ok(options)
    }

    /// The acts that are due at an occasion.
    pub fn acts(&self, occasion: Occasion) -> impl Iterator<Item = Act> {
        let every = matches!(occasion, Occasion::Own(_)).then_some(Occasion::Every);
        let due = move |misbehaviour: &&Misbehaviour| {
            misbehaviour.occasion == occasion || Some(misbehaviour.occasion) == every
        };
        self.hostile.iter().filter(due).map(|misbehaviour| misbehaviour.act)
    }
}

fn wrong(word: &str) -> String {
    format!("unknown or malformed option '{}'", word)
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// 32 bytes in hexadecimal.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn pair(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once(':')?;
    Some((number(first)?, number(second)?))
}

/// `ACT[:ARGUMENTS][@OCCASION]`; without an occasion, the first one.
fn misbehaviour(text: &str) -> Option<Misbehaviour> {
    let (act, when) = text.split_once('@').unwrap_or((text, "1"));
    let count = |digits| u32::try_from(number(digits)?).ok();
    let occasion = match when.split_once(':') {
        None if when == "every" => Occasion::Every,
        None => Occasion::Own(count(when)?),
        Some(("call", digits)) => Occasion::Call(count(digits)?),
        Some(("psp", digits)) => Occasion::GuestRequest(count(digits)?),
        Some(_) => return None,
    };
    let (name, arguments) = act.split_once(':').unwrap_or((act, ""));
    let gpa = || number(arguments).map(Gpa);
    let act = match name {
        "psp-busy" => Act::PspBusy,
        "psp-error" => Act::PspError,
        "psp-corrupt" => Act::PspCorrupt,
        "psp-replay" => Act::PspReplay,
        "psp-lost" => Act::PspLost,
        "psp-length" => Act::PspLength,
        "remap" => Act::Remap(gpa()?),
        "alias" => pair(arguments).map(|(first, second)| Act::Alias(Gpa(first), Gpa(second)))?,
        "inject-vc" => Act::InjectVc(u32::try_from(number(arguments)?).ok()?),
        "inject-interrupt" => Act::InjectInterrupt(u8::try_from(number(arguments)?).ok()?),
        "interrupt-guest" => Act::InterruptGuest(u8::try_from(number(arguments)?).ok()?),
        "spurious-run" => Act::SpuriousRun,
        "spurious-guest" => Act::SpuriousGuest,
        "drop-run" => Act::DropRun,
        "refuse-run" => Act::RefuseRun,
        "ignore-page-state" => Act::IgnorePageState,
        "intercept-tsc" => Act::InterceptTsc,
        "features" => Act::Features(number(arguments)?),
        "memory-map" => pair(arguments).map(|(gpa, pages)| Act::MemoryMap(Gpa(gpa), pages))?,
        "vp-count" => Act::VpCount(u32::try_from(number(arguments)?).ok()?),
        "no-serial-port" => Act::NoSerialPort,
        "deaf-serial-port" => Act::DeafSerialPort,
        "lose-processor" => Act::LoseProcessor,
        "race" => pair(arguments)
            .filter(|&(_, xor)| xor <= 0xFF)
            .map(|(gpa, xor)| Act::Race(Gpa(gpa), xor as u8))?,
        "stop-on-access" => Act::StopOnAccess(gpa()?),
        "inject-on-access" => {
            let (gpa, code) = pair(arguments)?;
            Act::InjectOnAccess(Gpa(gpa), u32::try_from(code).ok()?)
        }
        "flip" => pair(arguments)
            .filter(|&(_, xor)| xor <= 0xFF)
            .map(|(gpa, xor)| Act::Flip(Gpa(gpa), xor as u8))?,
        _ => return None,
    };
    Some(Misbehaviour { act, occasion })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The grammar in the crate's documentation.
    #[test]
    fn documented_options_are_understood() {
        let line = "trace=1 mem=64 smp=2 tamper=0xc0010000:0x80 hostile=psp-busy@2 hostile=alias:0x1000:0x2000@call:3 ";
        let options = Options::parse(line).expect("understood");
        assert!(options.trace);
        assert_eq!((options.memory_mib, options.processors), (64, 2));
        assert_eq!(options.tamper, [(Gpa(0xC001_0000), 0x80)]);
        let busy = Misbehaviour {
            act: Act::PspBusy,
            occasion: Occasion::Own(2),
        };
        let alias = Misbehaviour {
            act: Act::Alias(Gpa(0x1000), Gpa(0x2000)),
            occasion: Occasion::Call(3),
        };
        assert_eq!(options.hostile, [busy, alias]);
        assert_eq!(Options::parse(""), Ok(Options::default()));
        let race = Options::parse("hostile=race:0x1004:1@every").expect("understood");
        assert_eq!(race.acts(Occasion::Own(7)).next(), Some(Act::Race(Gpa(0x1004), 1)));
        assert_eq!(race.acts(Occasion::Call(7)).next(), None);
    }

    #[test]
    fn unknown_and_malformed_options_are_errors() {
        for line in [
            "trace",
            "trace=2",
            "mem=3",
            "tamper=1",
            "tamper=0:256",
            "hostile=nothing",
            "hostile=psp-busy@x",
            "hostile=psp-busy@when:1",
            "x=1",
        ] {
            assert!(Options::parse(line).is_err(), "{line}");
        }
    }
}
