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
mod msr_protocol;
mod page_state;
mod processors;
mod watch;

use crate::{
    hardware::{Event, Exit, FaultCause, Hardware, NestedFault},
    hv,
    machine::exit::{self, End},
};
use alloc::vec::Vec;
use core::fmt;
use guest_ram::{GuestRam, SystemPages};
use loader::Loader;
use processors::VirtualProcessor;
use snp_model::{
    igvm::Image,
    model::{
        address::{Gpa, PageSize, Spa},
        cpuid_page::Processor,
        guest_message::MessagePage,
        rmp::{NewState, Violation},
    },
    options::{Act, Options},
    pki::Pki,
};
use watch::WatchList;

/// SNP, AP creation, multiple VMPLs.
const HYPERVISOR_FEATURES: u64 = 1 | 1 << 1 | 1 << 5;

/// How often each occasion for misbehaviour came.
#[derive(Default)]
struct Occasions {
    exit_of_svsm: u32,
    exit_of_guest: u32,
    guest_request: u32,
    run_vmpl: u32,
    page_state: u32,
}

/// The hypervisor with its one guest.
pub struct Hypervisor<'a> {
    hardware: Hardware,
    ram: GuestRam,
    options: Options,
    processor: Processor,
    processors: Vec<VirtualProcessor>,
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
            processor,
            processors,
            guest_features: launched.features,
            certificates,
            last_answer: [0; 4096],
            occasions: Occasions::default(),
            stepping: None,
        }
    }

    /// Runs the guest until the machine stops.
    pub fn run(&mut self) -> ! {
        let mut processor = 0;
        loop {
            self.step(processor);
            let count = self.processors.len();
            let next = (1..=count)
                .map(|offset| (processor + offset) % count)
                .find(|&index| self.processors[index].runnable);
            processor = match next {
                Some(next) => next,
                None => self.stop(format_args!("no processor is runnable")),
            };
        }
    }

    fn step(&mut self, processor: usize) {
        let vmpl = self.processors[processor].vmpl;
        if vmpl == 0 && self.stepping.is_none() {
            self.ram.close_watched(&mut self.hardware);
        }
        let Some(context) = &mut self.processors[processor].contexts[usize::from(vmpl)] else {
            self.stop(format_args!("VMPL{vmpl} has no save area"));
        };
        let exit = self.hardware.run(context, &self.ram);
        let ghcb = context.ghcb;
        match exit {
            Exit::Vmgexit if ghcb & 0xFFF == 0 => self.ghcb_request(processor, vmpl, Gpa(ghcb)),
            Exit::Vmgexit => self.msr_request(processor, vmpl, ghcb),
            Exit::Interrupt => self.watched_access_done(),
            Exit::Halt => self.stop(format_args!("VMPL{vmpl} halted, and nothing can wake it")),
            Exit::Shutdown(reason) => self.stop(format_args!("VMPL{vmpl} shut down: {reason}")),
            Exit::Invalid(reason) => self.stop(format_args!("VMRUN of VMPL{vmpl} failed (VMEXIT_INVALID): {reason}")),
            Exit::NestedFault(fault) => self.nested_fault(processor, &fault),
        }
        self.misbehave_after_exit(processor, vmpl);
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

    fn features(&self) -> u64 {
        let lie = self
            .options
            .hostile
            .iter()
            .find_map(|misbehaviour| match misbehaviour.act {
                Act::Features(features) => Some(features),
                _ => None,
            });
        lie.unwrap_or(HYPERVISOR_FEATURES)
    }

    /// The act of a kind that is due at an occasion.
    fn acts(&self, occasion: u32, kind: impl Fn(&Act) -> bool) -> Option<Act> {
        self.options.acts(occasion).find(kind)
    }

    fn misbehave_after_exit(&mut self, processor: usize, vmpl: u8) {
        let occasion = if vmpl == 0 {
            self.occasions.exit_of_svsm += 1;
            self.occasions.exit_of_svsm
        } else {
            self.occasions.exit_of_guest += 1;
            self.occasions.exit_of_guest
        };
        let due: Vec<Act> = self.options.acts(occasion).collect();
        for act in due {
            let event = match (vmpl, act) {
                (0, Act::Remap(gpa)) => {
                    self.take_and_give_back(gpa);
                    None
                }
                (0, Act::Alias(wrong, gpa)) => {
                    self.alias(wrong, gpa);
                    None
                }
                (0, Act::InterceptTsc) => {
                    hv!("hostile: intercepts RDTSC");
                    if let Some(context) = &mut self.processors[processor].contexts[0] {
                        context.intercept_tsc = true;
                    }
                    None
                }
                (0, Act::InjectVc(code)) => Some(Event::Exception {
                    vector: 29,
                    code: Some(code),
                }),
                (0, Act::InjectInterrupt(vector)) => Some(Event::Interrupt(vector)),
                (0, Act::SpuriousGuest) => {
                    self.try_guest(processor);
                    None
                }
                (1.., Act::InterruptGuest(vector)) => Some(Event::Interrupt(vector)),
                (1.., Act::SpuriousRun) => {
                    hv!("hostile: runs VMPL0 unasked");
                    self.processors[processor].vmpl = 0;
                    None
                }
                _ => None,
            };
            if let (Some(event), Some(context)) = (event, &mut self.processors[processor].contexts[usize::from(vmpl)]) {
                hv!("hostile: injects {event:?} into VMPL{vmpl}");
                context.event = Some(event);
            }
        }
    }

    /// Runs the guest's VMPL once although VMPL0 is at work; VMPL0 goes on afterwards, whatever came of it.
    fn try_guest(&mut self, processor: usize) {
        let contexts = &mut self.processors[processor].contexts;
        let Some(context) = contexts.iter_mut().skip(1).flatten().next() else {
            hv!("hostile: there is no guest to run yet");
            return;
        };
        hv!("hostile: runs the guest while VMPL0 is at work");
        let exit = self.hardware.run(context, &self.ram);
        hv!("hostile: the guest came back with {exit:?}");
    }

    fn take_and_give_back(&mut self, gpa: Gpa) {
        hv!("hostile: takes {gpa:?} away and gives it back");
        let taken = self.ram.make_shared(&mut self.hardware, gpa, PageSize::Small);
        let given = taken.and_then(|()| self.ram.make_private(&mut self.hardware, gpa, PageSize::Small));
        if let Err(error) = given {
            hv!("hostile: the hardware refuses: {error:?}");
        }
    }

    /// Maps the system page of `wrong` at `gpa`, and tells the RMP so.
    fn alias(&mut self, wrong: Gpa, gpa: Gpa) {
        hv!("hostile: maps the system page of {wrong:?} at {gpa:?}");
        let Some(page) = self.ram.private_page(wrong).or_else(|| self.ram.shared_page(wrong)) else {
            hv!("hostile: there is no such page");
            return;
        };
        let state = NewState::Guest {
            asid: guest_ram::GUEST,
            gpa,
            immutable: false,
        };
        let update = self.hardware.rmpupdate(page, PageSize::Small, state);
        if let Err(error) = update {
            hv!("hostile: the hardware refuses: {error:?}");
        }
        self.ram.map_elsewhere(&mut self.hardware, gpa, page);
    }

    /// Ends the run because the VM cannot go on.
    fn stop(&self, reason: fmt::Arguments) -> ! {
        exit::leave(End::Stopped, reason)
    }
}
