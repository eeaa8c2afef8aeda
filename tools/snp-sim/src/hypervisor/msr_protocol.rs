//! The GHCB MSR protocol (GHCB specification 56421, chapter 2.3): requests in the register itself.

use super::{Hypervisor, page_state};
use crate::{
    hv,
    machine::{cpu, profile},
    trace,
};
use snp_model::{
    model::{
        address::{Gpa, PAGE_SIZE, PageSize},
        page_walk::C_BIT,
    },
    options::Act,
};

const SEV_INFORMATION: u64 = 0x001;
const SEV_INFORMATION_REQUEST: u64 = 0x002;
const CPUID: u64 = 0x004;
const PREFERRED_GPA: u64 = 0x010;
const REGISTER_GPA: u64 = 0x012;
const PAGE_STATE: u64 = 0x014;
const RUN_VMPL: u64 = 0x016;
const FEATURES: u64 = 0x080;
const TERMINATE: u64 = 0x100;
/// "None" and "refused" in a GPA answer.
const NO_GPA: u64 = !0xFFF;
const MIN_VERSION: u64 = 1;
const MAX_VERSION: u64 = 2;

/// Value of the register before the first request.
pub const INITIAL: u64 = MAX_VERSION << 48 | MIN_VERSION << 32 | (C_BIT as u64) << 24 | SEV_INFORMATION;

impl Hypervisor<'_> {
    /// Serves a request and stores the answer in the register.
    pub fn msr_request(&mut self, processor: usize, vmpl: u8, value: u64) {
        profile::msr(vmpl, value & 0xFFF);
        trace!(self.hardware, "GHCB MSR VMPL{vmpl} {value:#x}");
        let answer = match value & 0xFFF {
            SEV_INFORMATION_REQUEST => INITIAL,
            CPUID => {
                let apic_id = self.processors[processor].apic.id();
                let registers = self.processor.leaf_of(apic_id, (value >> 32) as u32, 0, &cpu::cpuid);
                let register = value >> 30 & 3;
                u64::from(registers[register as usize]) << 32 | register << 30 | (CPUID + 1)
            }
            PREFERRED_GPA => NO_GPA | (PREFERRED_GPA + 1),
            REGISTER_GPA => self.register_ghcb(processor, vmpl, Gpa(value & !0xFFF)),
            PAGE_STATE => self.change_page_state(value),
            RUN_VMPL => {
                let refused = u64::from(!self.run_vmpl(processor, vmpl, value >> 32 & 0xFF));
                refused << 32 | (RUN_VMPL + 1)
            }
            FEATURES => self.features() << 12 | (FEATURES + 1),
            TERMINATE => {
                let (set, code) = (value >> 12 & 0xF, value >> 16 & 0xFF);
                self.stop(format_args!(
                    "VMPL{vmpl} requested termination: set {set:#x} code {code:#x}"
                ));
            }
            // KVM leaves the register unchanged for what it does not know.
            _ => {
                hv!("VMPL{vmpl}: unknown GHCB MSR request {value:#x}");
                value
            }
        };
        if let Some(context) = &mut self.processors[processor].contexts[usize::from(vmpl)] {
            context.ghcb = answer;
        }
    }

    fn register_ghcb(&mut self, processor: usize, vmpl: u8, gpa: Gpa) -> u64 {
        if self.ram.shared_page(gpa).is_none() {
            hv!("VMPL{vmpl} registers a GHCB at {gpa:?}, which is not shared memory");
            return NO_GPA | (REGISTER_GPA + 1);
        }
        self.processors[processor].registered[usize::from(vmpl)] = Some(gpa);
        gpa.0 | (REGISTER_GPA + 1)
    }

    fn change_page_state(&mut self, value: u64) -> u64 {
        self.occasions.page_state += 1;
        let (gpa, operation) = (Gpa(value & 0x000F_FFFF_FFFF_F000), value >> 52 & 0xF);
        let legal = value >> 56 == 0 && (operation == page_state::PRIVATE || operation == page_state::SHARED);
        let lie = self.acts(self.occasions.page_state, |act| *act == Act::IgnorePageState);
        let done = if lie.is_some() {
            hv!("hostile: claims to have changed the state of {gpa:?}");
            true
        } else {
            legal && page_state::apply(&mut self.hardware, &mut self.ram, gpa, PageSize::Small, operation).is_ok()
        };
        debug_assert!(gpa.0 % PAGE_SIZE == 0);
        u64::from(!done) << 32 | (PAGE_STATE + 1)
    }
}
