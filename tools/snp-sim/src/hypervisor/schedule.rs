//! Who runs next: virtual processors take turns on the one real one, and what halted waits for an interrupt.
//!
//! Interrupts come from two places: the 8259 pair, whose output goes to the first processor whatever its APIC says, and, in machines with several
//! processors, each processor's own APIC.

use super::{Hypervisor, devices::Devices, processors::VirtualProcessor};
use crate::machine::{clock, cpu, exit::End, memory};
use snp_model::model::vmsa::{self, EFER_SVME, at};

/// Microseconds between two samples of what VMPL0 does, for a profile.
const SAMPLE: u64 = 1000;
/// How often in a row VMRUN may find save areas stopped.
const PATIENCE: u32 = 100_000;
/// The processor that the 8259 pair belongs to.
const INTERRUPTED: usize = 0;

/// Where an interrupt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The 8259 pair.
    Controllers,
    /// The processor's own APIC.
    Apic,
}

/// Time in nanoseconds.
pub fn nanoseconds() -> u64 {
    (u128::from(cpu::tsc()) * 1000 / u128::from(clock::known_mhz().max(1))) as u64
}

/// The interrupt that waits for a processor.
pub fn pending(devices: &Devices, processors: &[VirtualProcessor], index: usize) -> Option<(Source, u8)> {
    let own = || processors[index].apic.pending().map(|vector| (Source::Apic, vector));
    let controllers = devices.pending().filter(|_| index == INTERRUPTED);
    controllers.map(|vector| (Source::Controllers, vector)).or_else(own)
}

impl Hypervisor<'_> {
    /// Whether processors have APICs.
    pub fn has_apics(&self) -> bool {
        self.processors.len() > 1
    }

    /// Brings devices and APICs up to date.
    pub fn update_devices(&mut self) {
        self.devices.update();
        if self.has_apics() {
            let now = nanoseconds();
            self.processors
                .iter_mut()
                .for_each(|processor| processor.apic.update(now));
        }
    }

    /// A processor took an interrupt.
    pub fn acknowledge(&mut self, processor: usize, source: Source) {
        match source {
            Source::Controllers => self.devices.acknowledge(),
            Source::Apic => self.processors[processor].apic.acknowledge(),
        }
    }

    fn can_run(&self, index: usize) -> bool {
        let processor = &self.processors[index];
        processor.runnable && !processor.halted
    }

    /// Whether it would run if it had its turn.
    fn waits_for_turn(&self, index: usize) -> bool {
        let processor = &self.processors[index];
        let interrupted = || processor.vmpl != 0 && pending(&self.devices, &self.processors, index).is_some();
        processor.runnable && (!processor.halted || interrupted())
    }

    /// The processor that runs next: the same until its time is over, then the next one that can. Waits until there is one.
    pub fn next_processor(&mut self, current: usize) -> usize {
        let count = self.processors.len();
        if self.can_run(current) && (count == 1 || cpu::tsc() < self.slice_end) {
            return current;
        }
        loop {
            self.wake();
            let next = (1..=count)
                .map(|offset| (current + offset) % count)
                .find(|&index| self.can_run(index));
            if let Some(next) = next {
                self.slice_end = cpu::tsc() + u64::from(self.options.slice) * u64::from(clock::known_mhz());
                return next;
            }
            let Some(event) = self.next_event() else {
                self.stop(format_args!("no processor is runnable, and nothing can wake one"));
            };
            clock::set_alarm(event);
            clock::wait_for_alarm();
            self.update_devices();
        }
    }

    /// Lets halted processors go on that an interrupt waits for.
    fn wake(&mut self) {
        for index in 0..self.processors.len() {
            if self.processors[index].vmpl != 0 && pending(&self.devices, &self.processors, index).is_some() {
                self.processors[index].halted = false;
            }
        }
    }

    /// When something may happen next.
    fn next_event(&self) -> Option<u64> {
        let mhz = u128::from(clock::known_mhz());
        let timers = self
            .processors
            .iter()
            .filter_map(|processor| processor.apic.next_event());
        let apics = timers.min().map(|at| (u128::from(at + 1) * mhz / 1000) as u64);
        self.devices.next_event().into_iter().chain(apics).min()
    }

    /// Sets the alarm for what happens next while a VMPL runs, be it a device's, the end of a turn, the tick that was asked for, or the next sample of
    /// what VMPL0 does.
    pub fn set_alarm(&self, vmpl: u8) {
        let sampled = self.options.profile && self.options.tick == 0 && vmpl == 0;
        let tick = if sampled { SAMPLE } else { u64::from(self.options.tick) };
        let tick = (tick > 0).then(|| cpu::tsc() + tick * u64::from(clock::known_mhz()));
        let several = (0..self.processors.len())
            .filter(|&index| self.waits_for_turn(index))
            .count()
            > 1;
        let slice = several.then_some(self.slice_end);
        if let Some(next) = self.next_event().into_iter().chain(tick).chain(slice).min() {
            clock::set_alarm(next);
        }
    }

    /// A processor executed HLT.
    pub fn halted(&mut self, processor: usize, vmpl: u8, interruptible: bool) {
        let several = self.has_apics();
        let current = &mut self.processors[processor];
        match (vmpl, interruptible) {
            (0, _) if several => current.halted = !core::mem::take(&mut current.asked),
            (0, _) => self.stop(format_args!("VMPL{vmpl} halted, and nothing can wake it")),
            (_, true) => current.halted = true,
            (_, false) if processor != INTERRUPTED => current.runnable = false,
            // What Linux does when it is switched off and knows no switch.
            (_, false) => self.leave(
                End::PowerOff,
                format_args!("VMPL{vmpl} halted with interrupts off, as a machine without a switch is switched off"),
            ),
        }
    }

    /// Whether a save area cannot be run only because VMPL0 on another processor is at work on it; then others run until that is over.
    pub fn is_stopped_for_a_moment(&mut self, processor: usize, vmpl: u8) -> bool {
        let stopped = self.processors[processor].contexts[usize::from(vmpl)]
            .as_ref()
            .is_some_and(|context| {
                let area = memory::read_page(context.save_area.0);
                vmsa::get(&area, at::EFER) & EFER_SVME == 0
            });
        self.refused_runs += 1;
        self.slice_end = 0;
        stopped && vmpl != 0 && self.has_apics() && self.refused_runs < PATIENCE
    }
}
