//! The hypervisor: untrusted, and able to misbehave on request.
//!
//! It has what a hypervisor has: nested tables, shared memory, devices, the launch commands, and the exits that hardware gives it. It
//! serves the GHCB protocol as KVM does where the specification leaves a choice. Scripted misbehaviour (`options::Act`) is looked up
//! at the places where it happens; `[hv] hostile:` in the log says so.

mod devices;
mod ghcb;
mod guest_ram;
mod guest_requests;
mod loader;
mod misbehaviour;
mod msr_protocol;
mod page_state;
mod processors;
mod registers;
mod watch;

use crate::{
    hardware::{Exit, FaultCause, Hardware, NestedFault},
    machine::{
        clock, cpu,
        exit::{self, End},
        profile,
    },
};
use alloc::vec::Vec;
use core::fmt;
use devices::Devices;
use guest_ram::{GuestRam, SystemPages};
use loader::Loader;
use misbehaviour::Occasions;
use processors::VirtualProcessor;
use snp_model::{
    igvm::Image,
    model::{
        address::{Gpa, PageSize, Spa},
        cpuid_page::Processor,
        guest_message::MessagePage,
        rmp::Violation,
    },
    options::Options,
    pki::Pki,
};
use watch::WatchList;

/// The processor that the interrupt controllers belong to.
const INTERRUPTED: usize = 0;

/// The hypervisor with its one guest.
pub struct Hypervisor<'a> {
    hardware: Hardware,
    ram: GuestRam,
    options: Options,
    processor: Processor,
    processors: Vec<VirtualProcessor>,
    devices: Devices,
    guest_features: u64,
    certificates: &'a [u8],
    last_answer: MessagePage,
    occasions: Occasions,
    /// The watched page that VMPL0 touches in the instruction that it executes now, and how often it did so.
    stepping: Option<(Gpa, u32)>,
}

impl<'a> Hypervisor<'a> {
    /// Loads and launches the image. System pages lie from `start` to `end`.
    pub fn launch(image: &Image, pki: Pki<'a>, options: Options, start: Spa, end: Spa, tsc_mhz: u32) -> Self {
        let mut hardware = Hardware::new(start, end, tsc_mhz, options.trace);
        let mut pages = SystemPages::new(start.add(PageSize::Small.bytes()), end);
        let mut ram = GuestRam::new(WatchList::new(&options));
        let processor = Processor {
            signature: Processor::signature_of(pki.chip.family_model_stepping),
            tsc_mhz,
            hypervisor_features: 0,
        };
        let certificates = pki.certificates;
        let launched = Loader::new(&mut hardware, &mut ram, &mut pages, &options, processor).launch(image, pki);
        let processors = (0..)
            .zip(&launched.save_areas)
            .map(|(apic_id, &area)| VirtualProcessor::launched(&mut hardware, apic_id, area))
            .collect();
        Self {
            hardware,
            ram,
            options,
            processor: launched.processor,
            processors,
            devices: Devices::new(),
            guest_features: launched.features,
            certificates,
            last_answer: [0; 4096],
            occasions: Occasions::default(),
            stepping: None,
        }
    }

    /// Runs the guest until the machine stops.
    pub fn run(&mut self) -> ! {
        profile::start(self.options.profile);
        let mut processor = 0;
        loop {
            self.step(processor);
            processor = loop {
                let count = self.processors.len();
                let next = (1..=count)
                    .map(|offset| (processor + offset) % count)
                    .find(|&index| self.processors[index].runnable && !self.processors[index].halted);
                match next {
                    Some(next) => break next,
                    None => self.wait(),
                }
            };
        }
    }

    /// Every processor waits for an interrupt: so does this program.
    fn wait(&mut self) {
        self.devices.update();
        if self.devices.pending().is_some() {
            self.processors[INTERRUPTED].halted = false;
            return;
        }
        let Some(next) = self.devices.next_event() else {
            self.stop(format_args!("no processor is runnable, and nothing can wake one"));
        };
        clock::set_alarm(next);
        clock::wait_for_alarm();
    }

    /// Sets the alarm for what happens next, be it a device's or the tick that was asked for.
    fn set_alarm(&self) {
        let tick = u64::from(self.options.tick);
        let tick = (tick > 0).then(|| cpu::tsc() + tick * u64::from(clock::known_mhz()));
        if let Some(next) = self.devices.next_event().into_iter().chain(tick).min() {
            clock::set_alarm(next);
        }
    }

    fn step(&mut self, processor: usize) {
        let vmpl = self.processors[processor].vmpl;
        if vmpl == 0 && self.stepping.is_none() {
            self.ram.close_watched(&mut self.hardware);
        }
        self.devices.update();
        self.set_alarm();
        let Some(context) = &mut self.processors[processor].contexts[usize::from(vmpl)] else {
            self.stop(format_args!("VMPL{vmpl} has no save area"));
        };
        let offered = self.devices.pending().filter(|_| vmpl != 0 && processor == INTERRUPTED);
        context.virtual_interrupt = offered;
        let exit = self.hardware.run(context, &self.ram);
        if offered.is_some() && context.virtual_interrupt.is_none() {
            self.devices.acknowledge();
        }
        let (ghcb, stepping) = (context.ghcb, context.single_step);
        match exit {
            Exit::Vmgexit if ghcb & 0xFFF == 0 => self.ghcb_request(processor, vmpl, Gpa(ghcb)),
            Exit::Vmgexit => self.msr_request(processor, vmpl, ghcb),
            // The tick may come before the step is done.
            Exit::Interrupt if stepping => {}
            Exit::Interrupt => self.watched_access_done(),
            Exit::Halt { interruptible: true } if vmpl != 0 => self.processors[processor].halted = true,
            // What Linux does when it is switched off and knows no switch.
            Exit::Halt { .. } if vmpl != 0 => exit::leave(
                End::PowerOff,
                format_args!(
                    "VMPL{vmpl} halted with interrupts off, which is how a machine without a switch is switched off"
                ),
            ),
            Exit::Halt { .. } => self.stop(format_args!("VMPL{vmpl} halted, and nothing can wake it")),
            Exit::Shutdown(reason) => self.stop(format_args!("VMPL{vmpl} shut down: {reason}")),
            Exit::Invalid(reason) => self.stop(format_args!("VMRUN of VMPL{vmpl} failed (VMEXIT_INVALID): {reason}")),
            Exit::NestedFault(fault) => self.nested_fault(processor, &fault),
        }
        self.after_exit_of(processor, vmpl);
    }

    /// What a nested fault leads to: large pages are split where the guest works on small ones, all else ends the guest.
    fn nested_fault(&mut self, processor: usize, fault: &NestedFault) {
        if fault.cause == FaultCause::Rmp(Violation::Size) && self.ram.split(&mut self.hardware, fault.gpa).is_ok() {
            return;
        }
        if self.ram.watched.hides(fault.gpa) {
            return self.watched_access(processor, fault);
        }
        self.stop(format_args!("nested page fault: {fault}"))
    }

    /// Ends the run because the VM cannot go on.
    fn stop(&self, reason: fmt::Arguments) -> ! {
        exit::leave(End::Stopped, reason)
    }
}
