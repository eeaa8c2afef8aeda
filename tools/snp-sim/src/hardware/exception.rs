//! Exceptions into a guest, #VC above all (APM volume 2, 8.9 and 15.35.5).
//!
//! QEMU's EVENTINJ pushes no error code for vector 29, so #VC is delivered here: the frame is written through the guest's own page
//! tables, descriptor tables and task state, every one of which the guest controls and each access to which the RMP checks. What would
//! be a second exception on hardware ends in shutdown: a #VC whose delivery faults is a double fault at best.

use super::{
    Event, Exit,
    control_block::control,
    exits::{Running, Step},
    guest_memory::GuestFault,
};
use crate::machine::{exit::not_modelled, profile};
use crate::trace;
use snp_model::model::{
    address::Access,
    vmsa::{EFER_LMA, at},
};

const VC: u8 = 29;
const UD: u8 = 6;
const GP: u8 = 13;
const PF: u8 = 14;

const FLAG_TRAP: u64 = 1 << 8;
const FLAG_INTERRUPT: u64 = 1 << 9;
const FLAG_NESTED: u64 = 1 << 14;
const FLAG_RESUME: u64 = 1 << 16;
const CODE_64: u16 = 0x200;

/// A 64-bit gate.
struct Gate {
    handler: u64,
    selector: u16,
    stack_table: u8,
    interrupt: bool,
}

impl Running<'_> {
    /// Raises #VC with an exit code.
    pub fn raise_vc(&mut self, code: u64) -> Step {
        self.end_single_step();
        profile::vc(self.vmpl, code);
        trace!(self.hardware, "#VC {code:#x} VMPL{} RIP {:#x}", self.vmpl, self.rip());
        match self.push_frame(code) {
            Ok(()) => Step::Resume,
            Err(GuestFault::Nested(fault)) => Step::Exit(Exit::NestedFault(fault)),
            Err(GuestFault::NotValidated(_)) => Step::Exit(Exit::Shutdown(
                "#VC while delivering #VC: its stack or tables are not validated",
            )),
            Err(GuestFault::Page { .. } | GuestFault::GeneralProtection) => Step::Exit(Exit::Shutdown(
                "#VC could not be delivered: descriptor table, gate or stack is missing",
            )),
        }
    }

    /// Raises #UD.
    pub fn raise_ud(&mut self) -> Step {
        self.inject(Event::Exception { vector: UD, code: None })
    }

    /// Raises #GP(0).
    pub fn raise_gp(&mut self) -> Step {
        self.inject(Event::Exception {
            vector: GP,
            code: Some(0),
        })
    }

    /// Raises what an access of the simulator on the guest's behalf ran into.
    pub fn raise_fault(&mut self, fault: GuestFault) -> Step {
        match fault {
            GuestFault::Page { linear, code } => {
                self.block().set_saved(at::CR2, linear);
                self.inject(Event::Exception {
                    vector: PF,
                    code: Some(code),
                })
            }
            GuestFault::GeneralProtection => self.raise_gp(),
            GuestFault::NotValidated(gpa) => self.raise_not_validated(gpa),
            GuestFault::Nested(fault) => Step::Exit(Exit::NestedFault(fault)),
        }
    }

    /// Delivers an event that the hypervisor wants injected.
    pub fn inject(&mut self, event: Event) -> Step {
        match event {
            Event::Exception { vector: VC, code } => self.raise_vc(u64::from(code.unwrap_or(0))),
            // Software exceptions are not the hypervisor's to inject (APM volume 2, 15.36.16).
            Event::Exception { vector: 3 | 4, .. } => Step::Exit(Exit::Invalid("injection of a software exception")),
            event => {
                self.block().set(control::EVENTINJ, event.encoded());
                Step::Resume
            }
        }
    }

    fn gate(&self) -> Result<Gate, GuestFault> {
        let limit = u32::from_le_bytes(self.state().saved_bytes(at::IDTR + 4));
        let base = self.state().saved(at::IDTR + 8);
        let offset = u64::from(VC) * 16;
        if u64::from(limit) < offset + 15 {
            return Err(GuestFault::GeneralProtection);
        }
        let low = self.read_linear_u64(base.wrapping_add(offset))?;
        let high = self.read_linear_u64(base.wrapping_add(offset + 8))?;
        let kind = low >> 40 & 0x1F;
        if low >> 47 & 1 == 0 || !(kind == 0xE || kind == 0xF) {
            return Err(GuestFault::GeneralProtection);
        }
        Ok(Gate {
            handler: low & 0xFFFF | low >> 48 << 16 | high << 32,
            selector: (low >> 16) as u16,
            stack_table: (low >> 32 & 7) as u8,
            interrupt: kind == 0xE,
        })
    }

    /// Attributes of a 64-bit code segment, from the guest's descriptor table.
    fn code_segment(&self, selector: u16) -> Result<u16, GuestFault> {
        let base = self.state().saved(at::GDTR + 8);
        let limit = u32::from_le_bytes(self.state().saved_bytes(at::GDTR + 4));
        let offset = u64::from(selector & !7);
        if selector & 4 != 0 || offset == 0 || u64::from(limit) < offset + 7 {
            return Err(GuestFault::GeneralProtection);
        }
        let descriptor = self.read_linear_u64(base.wrapping_add(offset))?;
        let attributes = (descriptor >> 40 & 0xFF | descriptor >> 44 & 0xF00) as u16;
        // Present code segment, 64-bit, DPL 0.
        if attributes & 0x98 != 0x98 || attributes & 0x600 != CODE_64 || attributes & 0x60 != 0 {
            return Err(GuestFault::GeneralProtection);
        }
        Ok(attributes)
    }

    /// Writes the interrupt frame and redirects the guest to its handler. Nothing changes when an access fails.
    fn push_frame(&mut self, code: u64) -> Result<(), GuestFault> {
        if self.state().saved(at::EFER) & EFER_LMA == 0 {
            // Without a descriptor table, the usual state this early, the outcome is the same in every mode: shutdown.
            if u32::from_le_bytes(self.state().saved_bytes(at::IDTR + 4)) >= 0xEF {
                not_modelled(format_args!("#VC {code:#x} outside long mode at RIP {:#x}", self.rip()));
            }
            return Err(GuestFault::GeneralProtection);
        }
        let gate = self.gate()?;
        let attributes = self.code_segment(gate.selector)?;
        let cpl = self.state().saved_bytes::<1>(at::CPL)[0];
        let task = self.state().saved(at::TR + 8);
        let old_stack = self.state().saved(at::RSP);
        let top = match (gate.stack_table, cpl) {
            (0, 0) => old_stack,
            (0, _) => self.read_linear_u64(task.wrapping_add(4))?,
            (index, _) => self.read_linear_u64(task.wrapping_add(0x24 + 8 * (u64::from(index) - 1)))?,
        };
        let selector = |bytes: [u8; 2]| u64::from(u16::from_le_bytes(bytes));
        let flags = self.state().saved(at::RFLAGS);
        let frame = [
            code,
            self.rip(),
            selector(self.state().saved_bytes(at::CS)),
            flags | FLAG_RESUME,
            old_stack,
            selector(self.state().saved_bytes(at::SS)),
        ];
        let stack = (top & !15).wrapping_sub(48);
        let mut targets = [0; 6];
        for (slot, target) in targets.iter_mut().enumerate() {
            *target = self
                .resolve(stack.wrapping_add(8 * slot as u64), Access::Write, false)?
                .0;
        }
        for (target, word) in targets.iter().zip(frame) {
            crate::machine::memory::write(*target, &word.to_le_bytes());
        }
        let mut new_flags = flags & !(FLAG_TRAP | FLAG_NESTED | FLAG_RESUME);
        if gate.interrupt {
            new_flags &= !FLAG_INTERRUPT;
        }
        let block = self.block();
        block.set_saved(at::RSP, stack);
        block.set_saved(at::RIP, gate.handler);
        block.set_saved(at::RFLAGS, new_flags);
        block.set(control::INTERRUPT_SHADOW, 0);
        block.set_saved_bytes(at::CS, &(gate.selector & !3).to_le_bytes());
        block.set_saved_bytes(at::CS + 2, &attributes.to_le_bytes());
        if cpl != 0 {
            block.set_saved_bytes(at::SS, &[0, 0]);
            block.set_saved_bytes(at::SS + 2, &0xC93u16.to_le_bytes());
            block.set_saved_bytes(at::CPL, &[0]);
        }
        Ok(())
    }
}
