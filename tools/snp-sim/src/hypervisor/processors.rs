//! Virtual processors: their contexts at each VMPL, creation by the guest, and the switch between VMPLs (GHCB specification 56421,
//! 4.1.9 and run VMPL).

use super::{
    Hypervisor,
    ghcb::{InputView, Malformed, at},
    guest_ram::GUEST,
    msr_protocol,
};
use crate::{
    hardware::{Hardware, Vmcb},
    hv,
};
use snp_model::{
    device::apic::Apic,
    model::address::{Gpa, PageSize, Spa},
    options::{Act, Occasion},
};

const CREATE_ON_INIT: u64 = 0;
const CREATE: u64 = 1;
const DESTROY: u64 = 2;

/// One virtual processor.
pub struct VirtualProcessor {
    /// Its local APIC.
    pub apic: Apic,
    /// A control block for each VMPL that has a save area.
    pub contexts: [Option<Vmcb>; 4],
    /// The registered GHCB of each VMPL.
    pub registered: [Option<Gpa>; 4],
    /// The VMPL that runs.
    pub vmpl: u8,
    /// Whether it runs at all.
    pub runnable: bool,
    /// Waits: at VMPL0 to be asked for something, elsewhere for an interrupt.
    pub halted: bool,
    /// VMPL0 was asked for while it did not wait yet.
    pub asked: bool,
}

impl VirtualProcessor {
    /// A processor with its launched save area at VMPL0; only the first one runs at once.
    pub fn launched(hardware: &mut Hardware, apic_id: u32, save_area: Spa) -> Self {
        let mut context = hardware.new_vmcb(save_area, GUEST);
        context.ghcb = msr_protocol::INITIAL;
        Self {
            apic: Apic::new(apic_id),
            contexts: [Some(context), None, None, None],
            registered: [None; 4],
            vmpl: 0,
            runnable: apic_id == 0,
            halted: false,
            asked: false,
        }
    }
}

impl Hypervisor<'_> {
    /// Switches a processor to another VMPL; `false` when there is nothing to run.
    pub fn run_vmpl(&mut self, processor: usize, from: u8, target: u64) -> bool {
        self.occasions.run_vmpl += 1;
        let act = self.acts(self.occasions.run_vmpl, |act| {
            matches!(act, Act::DropRun | Act::RefuseRun)
        });
        match act {
            Some(Act::DropRun) => {
                hv!("hostile: does not run VMPL{target} for VMPL{from}, but says so");
                return true;
            }
            Some(_) => {
                hv!("hostile: refuses to run VMPL{target} for VMPL{from}");
                return false;
            }
            None => {}
        }
        let contexts = &self.processors[processor].contexts;
        let index = usize::try_from(target).unwrap_or(usize::MAX);
        let known = contexts.get(index).is_some_and(Option::is_some);
        if known {
            self.processors[processor].vmpl = target as u8;
            if from != 0 && target == 0 {
                self.processors[processor].halted = false;
                self.processors[processor].asked = true;
                self.occasions.call += 1;
                self.perform_at(processor, Occasion::Call(self.occasions.call));
            }
        } else {
            hv!("VMPL{from} asks to run VMPL{target}, which has no save area");
        }
        known
    }

    /// AP creation: a save area for a processor and VMPL.
    pub fn create_processor(&mut self, caller: usize, input: &mut InputView) -> Result<(), Malformed> {
        let info = input.request.info1();
        let (request, vmpl, apic_id) = (info & 0xFFFF, (info >> 16 & 0xF) as usize, (info >> 32) as u32);
        let gpa = Gpa(input.request.info2());
        let position = self
            .processors
            .iter()
            .position(|processor| processor.apic.id() == apic_id);
        let Some(processor) = position else {
            return Err(Malformed::InvalidInput);
        };
        if vmpl > 3 || info >> 20 & 0xFFF != 0 {
            return Err(Malformed::InvalidInput);
        }
        if request == DESTROY {
            let target = &mut self.processors[processor];
            target.contexts[vmpl] = None;
            // What has nothing to run stands still until it is given something again.
            if usize::from(target.vmpl) == vmpl {
                target.runnable = false;
            }
            return Ok(());
        }
        // KVM refuses large-aligned save areas because of an erratum.
        let legal_area = gpa.is_aligned(PageSize::Small) && !gpa.is_aligned(PageSize::Large);
        let features = input.required(at::RAX)?;
        if !(request == CREATE || request == CREATE_ON_INIT) || !legal_area || features != self.guest_features {
            return Err(Malformed::InvalidInput);
        }
        let page = self.ram.private_page(gpa).ok_or(Malformed::InvalidInput)?;
        let target = &mut self.processors[processor];
        match &mut target.contexts[vmpl] {
            Some(context) => context.save_area = page,
            slot => {
                let mut context = self.hardware.new_vmcb(page, GUEST);
                context.ghcb = msr_protocol::INITIAL;
                *slot = Some(context);
            }
        }
        if request == CREATE && processor != caller && self.loses_processor() {
            return Ok(());
        }
        let target = &mut self.processors[processor];
        if request == CREATE && processor != caller {
            target.vmpl = vmpl as u8;
            target.runnable = true;
            target.halted = false;
        }
        hv!("save area for processor {apic_id} VMPL{vmpl} at {gpa:?}");
        Ok(())
    }

    /// A hypervisor that says it runs a processor, and does not.
    fn loses_processor(&mut self) -> bool {
        self.occasions.processor += 1;
        let loses = self
            .acts(self.occasions.processor, |act| *act == Act::LoseProcessor)
            .is_some();
        if loses {
            hv!("hostile: claims to run a processor, and does not");
        }
        loses
    }
}
