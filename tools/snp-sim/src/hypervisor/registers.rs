//! Model-specific registers that the guest does not have for itself (event 0x7C): the few that this hypervisor offers, and those of the processor
//! family that Linux accesses whatever CPUID says.

use super::{Hypervisor, nanoseconds};
use crate::{
    hv,
    machine::{clock, cpu},
};
use snp_model::{
    device::{apic, kvm_clock},
    model::address::{Gpa, PAGE_SIZE, PageSize},
};

const APIC_BASE: u32 = 0x1B;
const APIC_ENABLED: u64 = 1 << 11;
const X2APIC_MODE: u64 = 1 << 10;
const FIRST_PROCESSOR: u64 = 1 << 8;
const MTRR_CAP: u32 = 0xFE;
const MTRR_DEF_TYPE: u32 = 0x2FF;
const HWCR: u32 = 0xC001_0015;
/// HWCR: the TSC counts at the frequency of P-state 0.
const TSC_FREQUENCY_SELECTED: u64 = 1 << 24;

/// Registers that read as zero and ignore writes, as under KVM.
const QUIET: [core::ops::RangeInclusive<u32>; 12] = [
    0x8B..=0x8B,               // microcode revision
    0xCE..=0xCE,               // platform information
    0x140..=0x140,             // MISC_FEATURES_ENABLES
    0x1A0..=0x1A0,             // MISC_ENABLE
    0x1D9..=0x1D9,             // DEBUGCTL
    0xC000_0104..=0xC000_0104, // TSC ratio
    0xC001_0000..=0xC001_0007, // performance counters
    0xC001_0010..=0xC001_001F, // SYSCFG, HWCR, IORRs, TOP_MEM, NB_CFG
    0xC001_0055..=0xC001_0058, // interrupt pending, MMIO configuration base
    0xC001_0114..=0xC001_0114, // VM_CR
    0xC001_1004..=0xC001_1005, // CPUID feature overrides
    0xC001_1019..=0xC001_102D, // address masks, LS_CFG, DE_CFG, BU_CFG
];

impl Hypervisor<'_> {
    /// Reads a register, or writes it; `None` for one that is not there.
    pub fn access_register(&mut self, processor: usize, index: u32, write: Option<u64>) -> Option<u64> {
        let clock_offered = self.processor.hypervisor_features & kvm_clock::FEATURES != 0;
        match (index, write) {
            (APIC_BASE, None) => Some(self.apic_base(processor)),
            (APIC_BASE, Some(_)) if self.has_apics() => Some(0),
            (apic::FIRST..=apic::LAST, _) if self.has_apics() => self.access_apic(processor, index, write),
            (MTRR_CAP, None) => Some(0),
            (MTRR_DEF_TYPE, None) => Some(0xC06),
            (HWCR, None) => Some(TSC_FREQUENCY_SELECTED),
            (kvm_clock::MSR_SYSTEM_TIME, Some(value)) if clock_offered => {
                if value & kvm_clock::ENABLED != 0 {
                    let hertz = u64::from(self.processor.tsc_mhz) * 1_000_000;
                    self.write_shared(Gpa(value & !kvm_clock::ENABLED), &kvm_clock::time(hertz));
                }
                Some(0)
            }
            (kvm_clock::MSR_WALL_CLOCK, Some(value)) if clock_offered => {
                let since_power_on = cpu::tsc() / (u64::from(clock::known_mhz().max(1)) * 1_000_000);
                let power_on = kvm_clock::seconds_since_1970(self.devices.date()) - since_power_on as u32;
                self.write_shared(Gpa(value), &kvm_clock::wall_clock(power_on));
                Some(0)
            }
            _ if QUIET.iter().any(|range| range.contains(&index)) => Some(0),
            _ => {
                hv!("the guest accesses register {index:#x}, which is not there");
                None
            }
        }
    }

    fn apic_base(&self, processor: usize) -> u64 {
        let first = if processor == 0 { FIRST_PROCESSOR } else { 0 };
        let mode = if self.has_apics() { X2APIC_MODE } else { 0 };
        0xFEE0_0000 | APIC_ENABLED | mode | first
    }

    /// Reads or writes a register of a processor's local APIC; a message goes to those that it names.
    fn access_apic(&mut self, processor: usize, register: u32, write: Option<u64>) -> Option<u64> {
        let now = nanoseconds();
        let apic = &mut self.processors[processor].apic;
        let Some(value) = write else {
            return apic.read(register, now);
        };
        let sender = apic.id();
        if let Some(message) = apic.write(register, value, now).ok()? {
            for target in &mut self.processors {
                if target.apic.is_addressed(&message, sender) {
                    target.apic.request(message.vector);
                }
            }
        }
        Some(0)
    }

    /// Writes shared memory of the guest, inside one page.
    fn write_shared(&mut self, gpa: Gpa, bytes: &[u8]) {
        let offset = gpa.0 % PAGE_SIZE;
        let page = self.ram.shared_page(gpa.page(PageSize::Small));
        let fits = offset + bytes.len() as u64 <= PAGE_SIZE;
        let written = page.is_some_and(|page| fits && self.hardware.host_write(page.add(offset), bytes));
        if !written {
            hv!("{gpa:?}, which the guest wants written, is not shared memory");
        }
    }
}
