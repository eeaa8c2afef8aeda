//! One vCPU of the machine, through the traits of `svsm_platform`.
//!
//! When the SVSM asks to run the guest, the next step of this vCPU's script is executed: it plays guest and hypervisor at once, in whatever order the
//! test wants. With an empty script VMPL0 simply runs again, as a hypervisor may let it at any moment.

use crate::machine::Machine;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use svsm_platform::{
    ApicId, Event, EventReply, GuestFault, GuestMemory, GuestRange, Hypervisor, NotFlushed, PageControl, PageError,
    PageToken, SvsmPage, VmsaBusy, VmsaControl, VmsaPage, VmsaRegister,
};
use svsm_proto::{
    PAGE_SIZE,
    ghcb::{ApCreation, Features, Outcome, exit, malformed},
    ghcb_msr::{Request, Response},
    guest_msg::Message,
    psc::{PscEntry, PscHeader, PscList, status},
    rmp::{Pvalidate, RmpAttributes},
    vmsa::Vmsa,
};
use zerocopy::IntoBytes;

/// A machine that several vCPUs and the test share.
#[derive(Clone)]
pub struct SharedMachine(Arc<Mutex<Machine>>);

impl SharedMachine {
    /// Shares a machine.
    pub fn new(machine: Machine) -> Self {
        SharedMachine(Arc::new(Mutex::new(machine)))
    }

    /// Locks it. A test that panicked while holding it does not matter to the others.
    pub fn lock(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the guest does when it is run.
type Step = Box<dyn FnOnce(&mut Machine) + Send>;

/// One vCPU.
pub struct FakePlatform {
    machine: SharedMachine,
    cpu: ApicId,
    script: VecDeque<Step>,
    /// Values that the hypervisor leaves in the GHCB MSR instead of the right ones, first to last.
    pub msr_lies: VecDeque<u64>,
    /// Features that the hypervisor claims.
    pub features: Features,
    /// How the hypervisor carries out page state changes.
    pub page_state_changes: PageStateChanges,
}

/// How a hypervisor carries out a list of page state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStateChanges {
    /// Entirely.
    Whole,
    /// One entry each time it is asked.
    OneByOne,
    /// Not at all, and says so.
    Refused,
    /// Not at all, but says that everything is done.
    Pretended,
    /// Not at all, and says that the first entry comes next.
    NoProgress,
}

impl FakePlatform {
    /// vCPU `cpu` of a machine.
    pub fn new(machine: &SharedMachine, cpu: ApicId) -> Self {
        FakePlatform {
            machine: machine.clone(),
            cpu,
            script: VecDeque::new(),
            msr_lies: VecDeque::new(),
            features: Features::SNP | Features::AP_CREATION | Features::MULTI_VMPL,
            page_state_changes: PageStateChanges::Whole,
        }
    }

    /// The machine.
    pub fn machine(&self) -> &SharedMachine {
        &self.machine
    }

    /// Appends what the guest does when it is run next.
    pub fn then(&mut self, step: impl FnOnce(&mut Machine) + Send + 'static) {
        self.script.push_back(Box::new(step));
    }

    /// Whether the script is used up.
    pub fn is_done(&self) -> bool {
        self.script.is_empty()
    }
}

impl Hypervisor for FakePlatform {
    fn msr_exchange(&mut self, request: u64) -> u64 {
        if let Some(lie) = self.msr_lies.pop_front() {
            return lie;
        }
        let response = match Request::decode(request) {
            Some(Request::SevInfo) => Response::SevInfo {
                max: 2,
                min: 1,
                c_bit: 51,
            },
            Some(Request::Features) => Response::Features(self.features.bits()),
            Some(Request::RegisterGhcb(gpa)) => Response::RegisterGhcb(Some(gpa)),
            Some(Request::PageStateChange { .. }) => Response::PageStateChange(0),
            Some(Request::RunVmpl(vmpl)) => {
                let mut machine = self.machine.lock();
                let runnable = machine.runnable_vmsa(self.cpu, vmpl).is_some();
                if runnable && let Some(step) = self.script.pop_front() {
                    step(&mut machine);
                }
                Response::RunVmpl(u32::from(!runnable))
            }
            // A hypervisor that does not know a request leaves the value as it is.
            Some(_) | None => return request,
        };
        response.encode()
    }

    fn event(&mut self, event: &Event) -> EventReply {
        let refused = EventReply {
            info1: 2,
            info2: u64::from(malformed::INVALID_INPUT),
            ..EventReply::default()
        };
        match (event.exit_code, ApCreation::decode(event.info1)) {
            (exit::AP_CREATION, Some(creation)) if event.rax.is_some() => {
                let mut machine = self.machine.lock();
                machine.register_vmsa(ApicId(creation.apic_id), creation.vmpl, event.info2);
                EventReply::default()
            }
            (exit::HYPERVISOR_FEATURES, _) => EventReply {
                info2: self.features.bits(),
                ..EventReply::default()
            },
            _ => {
                debug_assert_eq!(Outcome::decode(refused.info1, refused.info2), Outcome::Malformed(5));
                refused
            }
        }
    }

    fn page_state_change(&mut self, list: &mut PscList) -> EventReply {
        let PscHeader {
            cur_entry, end_entry, ..
        } = list.header;
        let last = match self.page_state_changes {
            PageStateChanges::Whole => end_entry,
            PageStateChanges::OneByOne => cur_entry,
            PageStateChanges::NoProgress => return EventReply::default(),
            PageStateChanges::Pretended => {
                list.header.cur_entry = end_entry + 1;
                return EventReply::default();
            }
            PageStateChanges::Refused => {
                return EventReply {
                    info2: status::GENERIC,
                    ..EventReply::default()
                };
            }
        };
        let mut machine = self.machine.lock();
        for raw in &list.entries[usize::from(cur_entry)..=usize::from(last)] {
            let Some(entry) = PscEntry::decode(*raw) else {
                return EventReply {
                    info2: status::INVALID_ENTRY,
                    ..EventReply::default()
                };
            };
            let pages = if entry.large { 512 } else { 1 };
            for page in 0..pages {
                machine.make_private(entry.gpa + page * PAGE_SIZE as u64, 0x5A);
            }
        }
        list.header.cur_entry = last + 1;
        EventReply::default()
    }

    fn guest_request(
        &mut self,
        request: &Message,
        response: &mut Message,
        certificates: Option<&mut [u8]>,
    ) -> EventReply {
        let mut page = [0; 4096];
        page.copy_from_slice(request.as_bytes());
        let mut machine = self.machine.lock();
        let Machine { psp, violations, .. } = &mut *machine;
        let carried = psp.carry(&page, response.as_mut_bytes(), certificates, violations);
        EventReply {
            info1: carried.info1,
            info2: carried.info2,
            rbx: carried.rbx,
            ..EventReply::default()
        }
    }
}

impl PageControl for FakePlatform {
    fn pvalidate(&mut self, page: PageToken<'_>, validate: bool) -> Result<Pvalidate, PageError> {
        self.machine.lock().pvalidate(page.gpa(), page.size(), validate)
    }

    fn rmpadjust(&mut self, page: PageToken<'_>, attributes: RmpAttributes) -> Result<(), PageError> {
        self.machine.lock().rmpadjust(page.gpa(), page.size(), attributes)
    }

    fn flush_tlb(&mut self) -> Result<(), NotFlushed> {
        if self.machine.lock().flush_tlb() {
            Ok(())
        } else {
            Err(NotFlushed)
        }
    }
}

impl GuestMemory for FakePlatform {
    fn read(&mut self, from: GuestRange<'_>, to: &mut [u8]) -> Result<(), GuestFault> {
        if from.len() != to.len() {
            return Err(GuestFault);
        }
        let range = from.start()..from.start() + from.len() as u64;
        let bytes = self.machine.lock().read(range).ok_or(GuestFault)?;
        to.copy_from_slice(&bytes);
        Ok(())
    }

    fn write(&mut self, to: GuestRange<'_>, from: &[u8]) -> Result<(), GuestFault> {
        if from.len() != to.len() {
            return Err(GuestFault);
        }
        self.machine.lock().write(to.start(), from).ok_or(GuestFault)
    }

    fn zero(&mut self, range: GuestRange<'_>) -> Result<(), GuestFault> {
        self.machine
            .lock()
            .write(range.start(), &vec![0; range.len()])
            .ok_or(GuestFault)
    }

    fn exchange(&mut self, at: GuestRange<'_>, value: u8) -> Result<u8, GuestFault> {
        if at.len() != 1 {
            return Err(GuestFault);
        }
        let mut machine = self.machine.lock();
        let [old] = machine.peek(at.start(), 1)[..] else {
            return Err(GuestFault);
        };
        machine.write(at.start(), &[value]).ok_or(GuestFault)?;
        Ok(old)
    }
}

impl VmsaControl for FakePlatform {
    fn stop(&mut self, vmsa: VmsaPage<'_>) -> Result<(), VmsaBusy> {
        if self.machine.lock().stop_vmsa(vmsa.gpa()) {
            Ok(())
        } else {
            Err(VmsaBusy)
        }
    }

    fn start(&mut self, vmsa: VmsaPage<'_>) {
        self.machine.lock().start_vmsa(vmsa.gpa());
    }

    fn register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister) -> Result<u64, GuestFault> {
        let mut machine = self.machine.lock();
        if machine.reach_register(vmsa.gpa()) {
            Ok(machine.word(vmsa.gpa(), register.offset()))
        } else {
            Err(GuestFault)
        }
    }

    fn set_register(&mut self, vmsa: VmsaPage<'_>, register: VmsaRegister, value: u64) -> Result<(), VmsaBusy> {
        let mut machine = self.machine.lock();
        if !machine.reach_register(vmsa.gpa()) {
            return Err(VmsaBusy);
        }
        machine.set_word(vmsa.gpa(), register.offset(), value);
        Ok(())
    }

    fn fill(&mut self, page: &SvsmPage<'_>, contents: &Vmsa) -> Result<(), GuestFault> {
        self.machine.lock().launch(page.gpa().0, contents.as_bytes());
        Ok(())
    }
}
