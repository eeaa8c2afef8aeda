//! VMRUN and #VMEXIT of an SNP guest: the save area is checked, loaded, run and written back (APM volume 2, 15.36.12).
//!
//! The save area is guest memory: VMPL0 software writes it, the RMP's VMSA attribute vouches that nobody else could.

use super::{Event, Exit, Hardware, NestedTable, Vmcb, control_block::control, exits::Running};
use crate::machine::{
    aligned::{Page, address_of, zeroed_page},
    cpu, memory,
};
use crate::trace;
use alloc::boxed::Box;
use snp_model::model::vmsa::{self, CR0_PG, EFER_LME, FEATURE_DEBUG_SWAP, FEATURE_SECURE_TSC, at};

const MSR_TSC_AUX: u32 = 0xC000_0103;
const MSR_PAT: u32 = 0x277;

const INTERCEPT_INTR: u32 = 1;
const INTERCEPT_NMI: u32 = 1 << 1;
const INTERCEPT_RDTSC: u32 = 1 << 14;
/// RDPMC, CPUID, INVD, HLT, INVLPGA, IOIO, MSR, task switch, shutdown.
const INTERCEPTS_1: u32 = 1 << 15 | 1 << 18 | 1 << 22 | 1 << 24 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 29 | 1 << 31;
/// VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, WBINVD, MONITOR, MWAIT, armed MWAIT.
const INTERCEPTS_2: u32 = 0x7F | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
const INTERCEPT_CR0_WRITE: u32 = 1 << 16;
const INTERCEPT_DR7: u32 = 1 << 7 | 1 << 23;
const INTERCEPT_UD: u32 = 1 << 6;

/// I/O and MSR permission maps: every port, and every register but those that the guest has for itself.
pub struct PermissionMaps {
    ports: Box<Page<12288>>,
    registers: Box<Page<8192>>,
}

/// Registers that the guest reads and writes without an exit: all of them are switched with the context.
const OWN_REGISTERS: [u32; 13] = [
    0x10,        // TSC
    0x174,       // SYSENTER_CS
    0x175,       // SYSENTER_ESP
    0x176,       // SYSENTER_EIP
    0x277,       // PAT
    0xC000_0081, // STAR
    0xC000_0082, // LSTAR
    0xC000_0083, // CSTAR
    0xC000_0084, // SFMASK
    0xC000_0100, // FS.base
    0xC000_0101, // GS.base
    0xC000_0102, // KERNEL_GS.base
    0xC000_0103, // TSC_AUX
];

impl PermissionMaps {
    /// The maps.
    pub fn new() -> Self {
        let mut maps = Self {
            ports: zeroed_page(),
            registers: zeroed_page(),
        };
        maps.ports.0.fill(0xFF);
        maps.registers.0.fill(0xFF);
        for register in OWN_REGISTERS {
            maps.allow(register);
        }
        maps
    }

    /// Clears both intercepts of a register (APM volume 2, 15.11).
    fn allow(&mut self, register: u32) {
        let base = if register >= 0xC000_0000 { 2048 } else { 0 };
        let bit = (register & 0x1FFF) as usize * 2;
        self.registers.0[base + bit / 8] &= !(0b11 << (bit % 8));
    }
}

impl Hardware {
    /// VMRUN: runs the context until something needs the hypervisor.
    pub fn run(&mut self, vmcb: &mut Vmcb, nested: &dyn NestedTable) -> Exit {
        if self.rmp.vmsa_address(vmcb.save_area, vmcb.asid).is_none() {
            return Exit::Invalid("the page is not a save area of this guest");
        }
        let mut area = memory::read_page(vmcb.save_area.0);
        if let Err(reason) = vmsa::check_for_run(&area) {
            return Exit::Invalid(reason);
        }
        let vmpl = area[at::VMPL];
        let known = &mut self.contexts[vmcb.context].known;
        if !self.stale.enter(vmpl, known, vmsa::get(&area, at::PCPU_ID) == 0) {
            return Exit::Invalid("it could still act on rights that RMPADJUST took from it");
        }
        if self.fpu_owner != Some(vmcb.save_area) {
            trace!(self, "VMRUN now VMPL{vmpl} RIP {:#x}", vmsa::get(&area, at::RIP));
        }
        self.load(vmcb, &mut area);
        let exit = Running::new(self, vmcb, nested, vmpl).until_exit();
        if exit == Exit::Vmgexit {
            self.stale.left(vmcb.context);
        } else {
            let rip = self.contexts[vmcb.context].block.saved(at::RIP);
            trace!(self, "#VMEXIT VMPL{vmpl} RIP {rip:#x}: {exit:?}");
        }
        if self.rmp.vmsa_address(vmcb.save_area, vmcb.asid).is_some() {
            self.store(vmcb, &mut area, exit);
        }
        exit
    }

    fn load(&mut self, vmcb: &mut Vmcb, area: &mut vmsa::Vmsa) {
        let event = vmsa::get(area, at::EVENTINJ);
        if event >> 31 & 1 == 1 {
            crate::machine::exit::not_modelled(format_args!("EVENTINJ in a save area (alternate injection)"));
        }
        self.switch_vector_registers(vmcb, area);
        cpu::write_msr(MSR_TSC_AUX, u64::from(u32::from_le_bytes(field_4(area, at::TSC_AUX))));
        let features = vmsa::get(area, at::SEV_FEATURES);
        let secure_tsc = features & FEATURE_SECURE_TSC != 0;
        let scaled = secure_tsc && vmsa::get(area, at::TSC_SCALE) != snp_model::model::psp::TSC_SCALE_ONE;
        let paging = vmsa::get(area, at::CR0) & CR0_PG != 0;
        let context = &mut self.contexts[vmcb.context];
        let block = &mut context.block;
        block.load(area);
        let efer = vmsa::get(area, at::EFER);
        context.long_mode_pending = !paging && efer & EFER_LME != 0;
        if context.long_mode_pending {
            block.set_saved(at::EFER, efer & !EFER_LME);
        }
        let mut first = INTERCEPTS_1 | INTERCEPT_INTR | INTERCEPT_NMI;
        if scaled || vmcb.intercept_tsc {
            first |= INTERCEPT_RDTSC;
        }
        let debug = if features & FEATURE_DEBUG_SWAP != 0 {
            0
        } else {
            INTERCEPT_DR7
        };
        block.set_u32(control::INTERCEPT_CR, INTERCEPT_CR0_WRITE);
        block.set_u32(control::INTERCEPT_DR, debug);
        block.set_u32(control::INTERCEPT_EXCEPTIONS, INTERCEPT_UD);
        block.set_u32(control::INTERCEPT_1, first);
        block.set_u32(control::INTERCEPT_2, INTERCEPTS_2);
        block.set(control::IOPM_BASE, address_of(&*self.permissions.ports));
        block.set(control::MSRPM_BASE, address_of(&*self.permissions.registers));
        block.set(
            control::TSC_OFFSET,
            if secure_tsc {
                vmsa::get(area, at::TSC_OFFSET)
            } else {
                vmcb.tsc_offset
            },
        );
        block.set_u32(control::ASID, u32::from(vmcb.asid));
        block.set(control::NESTED_CONTROL, 1);
        block.set(control::NESTED_CR3, context.shadow.root(paging));
        block.set(control::EVENTINJ, core::mem::take(&mut vmcb.interrupted));
        block.set(control::INTERRUPT_SHADOW, 0);
        // The processor runs on this context now: a save area that asked for a TLB flush has got it.
        vmsa::set(area, at::PCPU_ID, 1);
    }

    fn store(&mut self, vmcb: &Vmcb, area: &mut vmsa::Vmsa, exit: Exit) {
        let context = &self.contexts[vmcb.context];
        context.block.store(area);
        if context.long_mode_pending {
            vmsa::set(area, at::EFER, context.block.saved(at::EFER) | EFER_LME);
        }
        let aux = (cpu::read_msr(MSR_TSC_AUX) as u32).to_le_bytes();
        area[at::TSC_AUX..at::TSC_AUX + 4].copy_from_slice(&aux);
        vmsa::set(area, at::G_PAT, cpu::read_msr(MSR_PAT));
        let (code, info1, info2) = exit.codes();
        vmsa::set(area, at::EXITCODE, code);
        vmsa::set(area, at::EXITINFO1, info1);
        vmsa::set(area, at::EXITINFO2, info2);
        vmsa::set(area, at::EXITINTINFO, 0);
        vmsa::set(area, at::NRIP, 0);
        memory::write(vmcb.save_area.0, area);
    }

    /// Brings the context's vector registers into the real ones; those of the previous context go into its save area, if that still is
    /// one.
    fn switch_vector_registers(&mut self, vmcb: &Vmcb, area: &mut vmsa::Vmsa) {
        if self.fpu_owner == Some(vmcb.save_area) {
            return;
        }
        if let Some(owner) = self.fpu_owner
            && self.rmp.vmsa_address(owner, vmcb.asid).is_some()
        {
            let mut previous = memory::read_page(owner.0);
            self.fpu.store(&mut previous);
            memory::write(owner.0, &previous);
        }
        self.fpu.load(area);
        self.fpu_owner = Some(vmcb.save_area);
    }
}

fn field_4(area: &vmsa::Vmsa, offset: usize) -> [u8; 4] {
    snp_model::model::field::read(area, offset).unwrap_or_default()
}

impl Exit {
    /// EXITCODE, EXITINFO1 and EXITINFO2 as the save area shows them.
    fn codes(self) -> (u64, u64, u64) {
        match self {
            Exit::Vmgexit => (0x403, 0, 0),
            Exit::Halt { .. } => (0x78, 0, 0),
            Exit::Interrupt => (0x60, 0, 0),
            Exit::Shutdown(_) => (0x7F, 0, 0),
            Exit::NestedFault(fault) => (0x400, fault.error_code(), fault.gpa.0),
            Exit::Invalid(_) => (u64::MAX, 0, 0),
        }
    }
}

impl Event {
    /// EVENTINJ, for everything but #VC, which the processor below delivers without its error code.
    pub fn encoded(self) -> u64 {
        match self {
            Event::Interrupt(vector) => 1 << 31 | u64::from(vector),
            Event::Exception { vector, code } => {
                let code = code.map_or(0, |code| u64::from(code) << 32 | 1 << 11);
                1 << 31 | 3 << 8 | u64::from(vector) | code
            }
        }
    }
}
