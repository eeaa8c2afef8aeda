//! Misbehaviour on request: what a hostile hypervisor does at which occasion (`options::Act`, manual in the library's documentation).
//!
//! Acts that change an answer are looked up where the answer is made; those that can come at any time are here. Whatever the hypervisor
//! tries, the hardware side decides whether it succeeds.

use super::{Hypervisor, guest_ram};
use crate::{hardware::Event, hv};
use alloc::vec::Vec;
use snp_model::{
    model::{
        address::{Gpa, PageSize},
        rmp::NewState,
    },
    options::{Act, Occasion},
};

/// SNP, AP creation, multiple VMPLs.
const HYPERVISOR_FEATURES: u64 = 1 | 1 << 1 | 1 << 5;

/// How often each occasion came.
#[derive(Default)]
pub struct Occasions {
    /// Exits of VMPL0.
    pub exit_of_svsm: u32,
    /// Exits of other VMPLs.
    pub exit_of_guest: u32,
    /// Switches from another VMPL to VMPL0.
    pub call: u32,
    /// Guest requests.
    pub guest_request: u32,
    /// Run-VMPL requests.
    pub run_vmpl: u32,
    /// Page state change requests.
    pub page_state: u32,
    /// Requests to run another processor.
    pub processor: u32,
}

impl Hypervisor<'_> {
    /// The feature bitmap, true or not.
    pub fn features(&self) -> u64 {
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

    /// The act of a kind that is due at an occasion counted in the act's own way.
    pub fn acts(&self, number: u32, kind: impl Fn(&Act) -> bool) -> Option<Act> {
        self.options.acts(Occasion::Own(number)).find(kind)
    }

    /// Acts counted in exits.
    pub fn after_exit_of(&mut self, processor: usize, vmpl: u8) {
        let count = match vmpl {
            0 => &mut self.occasions.exit_of_svsm,
            _ => &mut self.occasions.exit_of_guest,
        };
        *count += 1;
        let number = *count;
        let due: Vec<Act> = self
            .options
            .acts(Occasion::Own(number))
            .filter(|act| is_counted_in_exits(act, vmpl))
            .collect();
        due.into_iter().for_each(|act| self.perform(processor, act));
    }

    /// Acts bound to another occasion.
    pub fn perform_at(&mut self, processor: usize, occasion: Occasion) {
        let due: Vec<Act> = self.options.acts(occasion).collect();
        due.into_iter().for_each(|act| self.perform(processor, act));
    }

    fn perform(&mut self, processor: usize, act: Act) {
        match act {
            Act::Remap(gpa) => self.take_and_give_back(gpa),
            Act::Alias(wrong, gpa) => self.alias(wrong, gpa),
            Act::InterceptTsc => {
                hv!("hostile: intercepts RDTSC");
                if let Some(context) = &mut self.processors[processor].contexts[0] {
                    context.intercept_tsc = true;
                }
            }
            Act::InjectVc(code) => {
                let code = Some(code);
                self.inject(processor, 0, Event::Exception { vector: 29, code });
            }
            Act::InjectInterrupt(vector) => self.inject(processor, 0, Event::Interrupt(vector)),
            Act::InterruptGuest(vector) => {
                let vmpl = self.processors[processor].vmpl;
                self.inject(processor, vmpl, Event::Interrupt(vector));
            }
            Act::SpuriousGuest => self.try_guest(processor),
            Act::SpuriousRun => {
                hv!("hostile: runs VMPL0 unasked");
                self.processors[processor].vmpl = 0;
            }
            // The others change an answer, where it is made.
            _ => hv!("hostile: {act:?} cannot come at this occasion"),
        }
    }

    /// Injects an event at the next entry.
    pub fn inject(&mut self, processor: usize, vmpl: u8, event: Event) {
        if let Some(context) = &mut self.processors[processor].contexts[usize::from(vmpl)] {
            hv!("hostile: injects {event:?} into VMPL{vmpl}");
            context.event = Some(event);
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

    /// Assigns the system page of `wrong` to `gpa` and maps it there.
    fn alias(&mut self, wrong: Gpa, gpa: Gpa) {
        hv!("hostile: maps the system page of {wrong:?} at {gpa:?}");
        let page = self.ram.private_page(wrong).or_else(|| self.ram.shared_page(wrong));
        let Some(page) = page else {
            hv!("hostile: there is no such page");
            return;
        };
        let state = NewState::Guest {
            asid: guest_ram::GUEST,
            gpa,
            immutable: false,
        };
        let split = self.ram.split(&mut self.hardware, wrong);
        let update = self.hardware.rmpupdate(page, PageSize::Small, state);
        if split.is_err() || update.is_err() {
            hv!("hostile: the hardware refuses: {split:?} {update:?}");
        }
        self.ram.map_elsewhere(&mut self.hardware, gpa, page);
    }
}

/// Whether an act's own occasions are exits of this VMPL.
fn is_counted_in_exits(act: &Act, vmpl: u8) -> bool {
    match act {
        Act::Remap(_)
        | Act::Alias(..)
        | Act::InterceptTsc
        | Act::InjectVc(_)
        | Act::InjectInterrupt(_)
        | Act::SpuriousGuest => vmpl == 0,
        Act::InterruptGuest(_) | Act::SpuriousRun => vmpl != 0,
        _ => false,
    }
}
