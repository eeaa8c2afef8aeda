//! Where the time goes: exits of the guest by kind, TSC ticks at each VMPL, and where VMPL0 was met once a millisecond of its time.
//!
//! Written out at the end of a run when it was asked for; counting itself always happens, since it costs next to nothing.

use super::{
    cpu,
    log::{self, Origin},
};
use alloc::{collections::BTreeMap, vec::Vec};
use spin::Mutex;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// An exit of the processor below, by SVM exit code.
    Exit(u64),
    /// A #VC raised in the guest, by its code.
    Vc(u64),
    /// A GHCB page request, by SW_EXITCODE.
    Ghcb(u64),
    /// A GHCB MSR request, by its code.
    Msr(u64),
    /// A guest's access to an I/O port.
    Port(u16),
}

struct Profile {
    wanted: bool,
    started: u64,
    ticks: [u64; 4],
    counts: BTreeMap<(u8, Kind), u64>,
    /// RIP of VMPL0, and how often it was met there.
    samples: BTreeMap<u64, u64>,
}

/// Most places of VMPL0 that are told apart.
const MAX_SAMPLES: usize = 20_000;

static PROFILE: Mutex<Profile> = Mutex::new(Profile {
    wanted: false,
    started: 0,
    ticks: [0; 4],
    counts: BTreeMap::new(),
    samples: BTreeMap::new(),
});

/// Has the profile written at the end.
pub fn start(wanted: bool) {
    let mut profile = PROFILE.lock();
    profile.wanted = wanted;
    profile.started = cpu::tsc();
}

fn count(vmpl: u8, kind: Kind) {
    *PROFILE.lock().counts.entry((vmpl, kind)).or_insert(0) += 1;
}

/// An exit of the processor below.
pub fn exit(vmpl: u8, code: u64) {
    count(vmpl, Kind::Exit(code));
}

/// A #VC.
pub fn vc(vmpl: u8, code: u64) {
    count(vmpl, Kind::Vc(code));
}

/// A request in the GHCB page.
pub fn ghcb(vmpl: u8, code: u64) {
    count(vmpl, Kind::Ghcb(code));
}

/// A request in the GHCB MSR.
pub fn msr(vmpl: u8, code: u64) {
    count(vmpl, Kind::Msr(code));
}

/// An access to a port.
pub fn port(vmpl: u8, port: u16) {
    count(vmpl, Kind::Port(port));
}

/// A VMPL ran for that long, entry and exit included.
pub fn ran(vmpl: u8, ticks: u64) {
    if let Some(sum) = PROFILE.lock().ticks.get_mut(usize::from(vmpl)) {
        *sum += ticks;
    }
}

/// VMPL0 was met at this address.
pub fn sample(rip: u64) {
    let samples = &mut PROFILE.lock().samples;
    if samples.len() < MAX_SAMPLES {
        *samples.entry(rip).or_insert(0) += 1;
    }
}

/// Writes the table, most frequent first.
pub fn write(tsc_mhz: u64) {
    let (wanted, lines, ticks, whole, samples) = {
        let mut profile = PROFILE.lock();
        let samples = core::mem::take(&mut profile.samples);
        let mut lines: Vec<(u64, u8, Kind)> = profile
            .counts
            .iter()
            .map(|(&(vmpl, kind), &count)| (count, vmpl, kind))
            .collect();
        lines.sort_unstable_by(|first, second| second.cmp(first));
        let whole = cpu::tsc() - profile.started;
        (profile.wanted, lines, profile.ticks, whole, samples)
    };
    if !wanted {
        return;
    }
    let line = |text: core::fmt::Arguments| log::line(Origin::Trace, text);
    let milliseconds = |ticks: u64| ticks / (tsc_mhz.max(1) * 1000);
    line(format_args!("profile: {} ms in all", milliseconds(whole)));
    let inside: u64 = ticks.iter().sum();
    line(format_args!(
        "profile: {} ms in the simulator itself",
        milliseconds(whole.saturating_sub(inside))
    ));
    for (vmpl, ticks) in ticks.iter().enumerate().filter(|(_, ticks)| **ticks > 0) {
        line(format_args!("profile: {} ms at VMPL{vmpl}", milliseconds(*ticks)));
    }
    for (rip, count) in samples {
        line(format_args!("profile: sample {rip:#x} {count}"));
    }
    for (count, vmpl, kind) in lines {
        line(format_args!("profile: {count:>8} VMPL{vmpl} {kind:x?}"));
    }
}
