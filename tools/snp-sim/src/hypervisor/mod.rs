//! The hypervisor: untrusted, and able to misbehave on request.
//!
//! It has what a hypervisor has: nested tables, shared memory, devices, the launch commands, and the exits that hardware gives it. It
//! serves the GHCB protocol as KVM does where the specification leaves a choice. Scripted misbehaviour (`options::Act`) is looked up
//! at the places where it happens; `[hv] hostile:` in the log says so.

mod audit;
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
mod schedule;
mod watch;

use crate::{
    hardware::{Exit, FaultCause, Hardware, NestedFault},
    machine::{
        exit::{self, End},
        memory, profile,
    },
};
use alloc::vec::Vec;
use core::fmt;
use devices::Devices;
use guest_ram::{GuestRam, SystemPages};
use loader::Loader;
use misbehaviour::Occasions;
use processors::VirtualProcessor;
use schedule::nanoseconds;
use snp_model::{
    igvm::Image,
    model::{
        address::{Access, Gpa, PageSize, Spa},
        cpuid_page::Processor,
        guest_message::MessagePage,
        rmp::Violation,
        vmsa::at,
    },
    options::Options,
    pki::Pki,
};
use watch::{Stepping, WatchList};

/// The hypervisor with its one guest.
pub struct Hypervisor<'a> {
    hardware: Hardware,
    ram: GuestRam,
    options: Options,
    processor: Processor,
    processors: Vec<VirtualProcessor>,
    devices: Devices,
    /// When the processor that runs gives way to another.
    slice_end: u64,
    /// How often in a row a save area could not be run.
    refused_runs: u32,
    guest_features: u64,
    certificates: &'a [u8],
    last_answer: MessagePage,
    occasions: Occasions,
    /// The access to a watched page that VMPL0 makes in the instruction that it executes now.
    stepping: Option<Stepping>,
}

impl<'a> Hypervisor<'a> {
    /// Loads and launches the image. System pages lie from `start` to `end`.
    pub fn launch(image: &Image, pki: Pki<'a>, options: Options, start: Spa, end: Spa, tsc_mhz: u32) -> Self {
        let mut hardware = Hardware::new(start, end, tsc_mhz, options.invlpgb, options.trace);
        let mut pages = SystemPages::new(start.add(PageSize::Small.bytes()), end);
        let mut ram = GuestRam::new(WatchList::new(&options));
        let processor = Processor {
            signature: Processor::signature_of(pki.chip.family_model_stepping),
            tsc_mhz,
            hypervisor_features: 0,
            count: options.processors,
            invlpgb: options.invlpgb,
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
            slice_end: 0,
            refused_runs: 0,
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
            processor = self.next_processor(processor);
        }
    }

    fn step(&mut self, processor: usize) {
        let vmpl = self.processors[processor].vmpl;
        if vmpl == 0 && self.stepping.is_none() {
            self.ram.close_watched(&mut self.hardware);
        }
        self.update_devices();
        self.set_alarm(vmpl);
        let offered = schedule::pending(&self.devices, &self.processors, processor).filter(|_| vmpl != 0);
        let Some(context) = &mut self.processors[processor].contexts[usize::from(vmpl)] else {
            self.stop(format_args!("VMPL{vmpl} has no save area"));
        };
        context.virtual_interrupt = offered.map(|(_, vector)| vector);
        let exit = self.hardware.run(context, &self.ram);
        let taken = context.virtual_interrupt.is_none();
        let (ghcb, stepping, save_area) = (context.ghcb, context.single_step, context.save_area);
        if let Some((source, _)) = offered.filter(|_| taken) {
            self.acknowledge(processor, source);
        }
        if !matches!(exit, Exit::Invalid(_)) {
            self.refused_runs = 0;
        }
        match exit {
            Exit::Vmgexit if ghcb & 0xFFF == 0 => self.ghcb_request(processor, vmpl, Gpa(ghcb)),
            Exit::Vmgexit => self.msr_request(processor, vmpl, ghcb),
            // The tick may come before the step is done.
            Exit::Interrupt if stepping => {}
            Exit::Interrupt => {
                if vmpl == 0 && self.options.profile {
                    profile::sample(memory::read_u64(save_area.0 + at::RIP as u64));
                }
                self.watched_access_done();
            }
            Exit::Halt { interruptible } => self.halted(processor, vmpl, interruptible),
            Exit::Shutdown(reason) => self.stop(format_args!("VMPL{vmpl} shut down: {reason}")),
            // VMPL0 on another processor has stopped the save area for a moment.
            Exit::Invalid(_) if self.is_stopped_for_a_moment(processor, vmpl) => {}
            Exit::Invalid(reason) => self.stop(format_args!("VMRUN of VMPL{vmpl} failed (VMEXIT_INVALID): {reason}")),
            Exit::NestedFault(fault) => self.nested_fault(processor, &fault),
        }
        if let Some((end, what)) = self.devices.ended() {
            self.leave(end, format_args!("{what} by VMPL{vmpl}"));
        }
        self.after_exit_of(processor, vmpl);
    }

    /// What a nested fault leads to: large pages are split where the guest works on small ones, shared ones become private where it takes them for
    /// that, all else ends the guest.
    fn nested_fault(&mut self, processor: usize, fault: &NestedFault) {
        if fault.cause == FaultCause::Rmp(Violation::Size) && self.ram.split(&mut self.hardware, fault.gpa).is_ok() {
            return;
        }
        // As KVM and QEMU do: a private access to shared memory makes it private. It is not validated then, which the guest finds out. A fetch
        // there is a program that ran astray.
        if fault.cause == FaultCause::Rmp(Violation::NotAssigned)
            && matches!(fault.access, Access::Read | Access::Write)
            && self
                .ram
                .make_private(&mut self.hardware, fault.gpa.page(PageSize::Small), PageSize::Small)
                .is_ok()
        {
            return;
        }
        if self.ram.watched.hides(fault.gpa) {
            return self.watched_access(processor, fault);
        }
        self.stop(format_args!("nested page fault: {fault}"))
    }

    /// Ends the run because the VM cannot go on.
    fn stop(&self, reason: fmt::Arguments) -> ! {
        self.leave(End::Stopped, reason)
    }

    /// Ends the run, with a look at what was left where.
    fn leave(&self, end: End, reason: fmt::Arguments) -> ! {
        self.audit();
        exit::leave(end, reason)
    }
}
