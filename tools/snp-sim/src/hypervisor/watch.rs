//! Pages that the hypervisor watches: it takes them out of its nested tables, sees every access of VMPL0 with its address, lets the
//! guest execute one instruction, and takes them out again (what SEV-Step does with a timer on real hardware).
//!
//! With it a test sees whether VMPL0 reads the same bytes twice, and can change memory between two reads: shared memory as the hypervisor does,
//! private memory as another processor of the guest does while VMPL0 is at work on this one.

use super::{
    Hypervisor,
    guest_ram::{GUEST, GuestRam},
};
use crate::{
    hardware::{Event, Hardware, NestedFault},
    hv,
    machine::{
        log::{self, Origin},
        memory,
    },
};
use alloc::vec::Vec;
use snp_model::{
    model::{
        address::{Access, Gpa, PageSize},
        rmp::Claim,
    },
    options::{Act, Occasion, Options},
};

/// A watched page.
struct Watched {
    page: Gpa,
    /// Mapped for the instruction that is executed now.
    open: bool,
    accesses: u32,
}

/// The access of VMPL0 to a watched page that is made now.
pub struct Stepping {
    gpa: Gpa,
    access: Access,
    /// How often VMPL0 has accessed the page, this time included.
    count: u32,
}

/// All watched pages.
#[derive(Default)]
pub struct WatchList(Vec<Watched>);

impl WatchList {
    /// The pages that the options name.
    pub fn new(options: &Options) -> Self {
        let named = options
            .hostile
            .iter()
            .filter_map(|misbehaviour| match misbehaviour.act {
                Act::StopOnAccess(gpa) | Act::Flip(gpa, _) | Act::InjectOnAccess(gpa, _) | Act::Race(gpa, _) => {
                    Some(gpa)
                }
                _ => None,
            });
        let mut pages: Vec<Gpa> = options
            .watch
            .iter()
            .copied()
            .chain(named)
            .map(|gpa| gpa.page(PageSize::Small))
            .collect();
        pages.sort_unstable();
        pages.dedup();
        let watched = |page| Watched {
            page,
            open: false,
            accesses: 0,
        };
        Self(pages.into_iter().map(watched).collect())
    }

    /// Whether one of the addresses is watched.
    pub fn watches(&self, range: &core::ops::Range<u64>) -> bool {
        self.0.iter().any(|watched| range.contains(&watched.page.0))
    }

    /// Whether an access to the page faults now.
    pub fn hides(&self, gpa: Gpa) -> bool {
        let page = gpa.page(PageSize::Small);
        self.0.iter().any(|watched| watched.page == page && !watched.open)
    }
}

impl GuestRam {
    /// Hides all watched pages again.
    pub fn close_watched(&mut self, hardware: &mut Hardware) {
        for watched in self.watched.0.iter_mut().filter(|watched| watched.open) {
            watched.open = false;
            hardware.invalidate(watched.page, PageSize::Small);
        }
    }
}

impl Hypervisor<'_> {
    /// An access that faulted because its page is hidden.
    pub fn watched_access(&mut self, processor: usize, fault: &NestedFault) {
        let page = fault.gpa.page(PageSize::Small);
        let Some(watched) = self.ram.watched.0.iter_mut().find(|watched| watched.page == page) else {
            return;
        };
        watched.open = true;
        if fault.vmpl != 0 {
            return;
        }
        watched.accesses += 1;
        let count = watched.accesses;
        let NestedFault { access, gpa, rip, .. } = fault;
        log::line(
            Origin::Trace,
            format_args!("watch: VMPL0 {access} of GPA {:#x} at RIP {rip:#x}", gpa.0),
        );
        let stops = |act: &Act| matches!(act, Act::StopOnAccess(named) if named.page(PageSize::Small) == page);
        if self.acts(count, stops).is_some() {
            self.stop(format_args!("watched page: {fault}"));
        }
        let injects = |act: &Act| matches!(act, Act::InjectOnAccess(named, _) if named.page(PageSize::Small) == page);
        if let Some(Act::InjectOnAccess(_, code)) = self.acts(count, injects) {
            let code = Some(code);
            return self.inject(processor, 0, Event::Exception { vector: 29, code });
        }
        if let Some(context) = &mut self.processors[processor].contexts[0] {
            context.single_step = true;
        }
        self.stepping = Some(Stepping {
            gpa: fault.gpa,
            access: fault.access,
            count,
        });
    }

    /// The instruction that touched a watched page is done.
    pub fn watched_access_done(&mut self) {
        let Some(Stepping {
            gpa: touched,
            access,
            count,
        }) = self.stepping.take()
        else {
            return;
        };
        let page = touched.page(PageSize::Small);
        self.ram.close_watched(&mut self.hardware);
        let races: Vec<(Gpa, u8)> = self
            .options
            .acts(Occasion::Own(count))
            .filter_map(|act| match act {
                Act::Race(gpa, xor) if gpa == touched && access == Access::Read => Some((gpa, xor)),
                _ => None,
            })
            .collect();
        for (gpa, xor) in races {
            self.race(gpa, xor, count);
        }
        let flips: Vec<(Gpa, u8)> = self
            .options
            .acts(Occasion::Own(count))
            .filter_map(|act| match act {
                Act::Flip(gpa, xor) if gpa.page(PageSize::Small) == page => Some((gpa, xor)),
                _ => None,
            })
            .collect();
        for (gpa, xor) in flips {
            hv!("hostile: changes the byte at {gpa:?} after access {count}");
            let Some(system) = self.ram.shared_page(gpa) else {
                hv!("hostile: the page is private, the hardware refuses");
                continue;
            };
            let place = system.add(gpa.0 & 0xFFF);
            let mut byte = [0];
            self.hardware.host_read(place, &mut byte);
            if !self.hardware.host_write(place, &[byte[0] ^ xor]) {
                hv!("hostile: the hardware refuses");
            }
        }
    }

    /// Another processor of the guest changes a byte of its memory: as far as the RMP lets the guest's VMPL write there.
    fn race(&mut self, gpa: Gpa, xor: u8, count: u32) {
        let page = gpa.page(PageSize::Small);
        let Some((system, size)) = self
            .ram
            .private_page(page)
            .map(|system| (system, self.ram.size_of(page)))
        else {
            hv!("hostile: {gpa:?} is not private memory of the guest");
            return;
        };
        let Some(vmpl) = self.guest_vmpl() else {
            hv!("hostile: there is no guest yet");
            return;
        };
        let claim = Claim {
            asid: GUEST,
            vmpl,
            gpa: page,
            nested: size,
        };
        let place = system.add(gpa.0 & 0xFFF);
        let mut byte = [0];
        memory::read(place.0, &mut byte);
        match self.hardware.write_by(&claim, place, byte[0] ^ xor) {
            Ok(()) => hv!("hostile: another processor at VMPL{vmpl} changes the byte at {gpa:?} after access {count}"),
            Err(violation) => hv!("hostile: another processor at VMPL{vmpl} cannot write {gpa:?}: {violation:?}"),
        }
    }
}
