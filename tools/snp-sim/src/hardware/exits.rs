//! What an exit of the real processor means for an SNP guest: handled by hardware, #VC in the guest, or an automatic exit to the
//! hypervisor (APM volume 2, 15.35.4 and table 15-33).

use super::{ControlBlock, Exit, Hardware, NestedTable, Vmcb, control_block::control};
use crate::machine::{cpu, exit, profile};
use core::arch::asm;
use snp_model::model::{
    instruction::Instruction,
    vmsa::{EFER_LMA, at},
};

const EXIT_WRITE_CR0: u64 = 0x10;
const EXIT_DB: u64 = 0x41;
const EXIT_UD: u64 = 0x46;
const EXIT_INTR: u64 = 0x60;
const EXIT_NMI: u64 = 0x61;
const EXIT_RDTSC: u64 = 0x6E;
const EXIT_HLT: u64 = 0x78;
const EXIT_MSR: u64 = 0x7C;
const EXIT_TASK_SWITCH: u64 = 0x7D;
const EXIT_SHUTDOWN: u64 = 0x7F;
const EXIT_VMMCALL: u64 = 0x81;
const EXIT_NPF: u64 = 0x400;
const FLAG_TRAP: u64 = 1 << 8;
const FLAG_INTERRUPT: u64 = 1 << 9;
/// V_INTR_MASKING: the guest's IF does not affect physical interrupts.
const V_INTR_MASKING: u64 = 1 << 24;
/// V_IRQ: a virtual interrupt is pending.
const V_IRQ: u64 = 1 << 8;
const V_INTR_PRIORITY: u64 = 0xF << 16;
const V_IGN_TPR: u64 = 1 << 20;
const INTERCEPT_DB: u32 = 1 << 1;
/// 32 bits: what QEMU reports.
const EXIT_INVALID: u64 = 0xFFFF_FFFF;

/// What follows an exit of the real processor.
pub enum Step {
    /// The guest goes on.
    Resume,
    /// The hypervisor gets the processor.
    Exit(Exit),
}

/// A context that runs.
pub struct Running<'a> {
    /// The processor.
    pub hardware: &'a mut Hardware,
    /// The hypervisor's control block.
    pub vmcb: &'a mut Vmcb,
    /// The hypervisor's nested tables.
    pub nested: &'a dyn NestedTable,
    /// The save area's VMPL.
    pub vmpl: u8,
}

impl<'a> Running<'a> {
    /// A context whose save area is loaded.
    pub fn new(hardware: &'a mut Hardware, vmcb: &'a mut Vmcb, nested: &'a dyn NestedTable, vmpl: u8) -> Self {
        Self {
            hardware,
            vmcb,
            nested,
            vmpl,
        }
    }

    /// Runs until something needs the hypervisor.
    pub fn until_exit(&mut self) -> Exit {
        if let Some(event) = self.vmcb.event.take()
            && let Step::Exit(exit) = self.inject(event)
        {
            return exit;
        }
        if self.vmcb.single_step {
            self.set_single_step(true);
        }
        loop {
            let offered = self.offer_virtual_interrupt();
            let context = self.vmcb.context;
            let hardware = &mut *self.hardware;
            let entered = cpu::tsc();
            hardware.contexts[context].block.enter(&hardware.host_block);
            profile::ran(self.vmpl, cpu::tsc() - entered);
            if offered && self.state().get(control::V_INTR) & V_IRQ == 0 {
                // It was pending and is not any more: the guest took it.
                self.vmcb.virtual_interrupt = None;
            }
            if let Step::Exit(exit) = self.after_exit() {
                self.set_single_step(false);
                self.vmcb.interrupted = self.block().get(control::EVENTINJ);
                return exit;
            }
        }
    }

    /// Makes a virtual interrupt pending, unless the instruction that follows is in an interrupt shadow, which the processor below forgets.
    fn offer_virtual_interrupt(&mut self) -> bool {
        let shadow = self.state().get(control::INTERRUPT_SHADOW) & 1 != 0;
        let vector = self.vmcb.virtual_interrupt.filter(|_| !shadow);
        let block = self.block();
        match vector {
            Some(vector) => {
                block.set(control::V_INTR, V_INTR_MASKING | V_IRQ | V_INTR_PRIORITY | V_IGN_TPR);
                block.set_u32(control::V_INTR_VECTOR, u32::from(vector));
            }
            None => block.set(control::V_INTR, V_INTR_MASKING),
        }
        vector.is_some()
    }

    /// Single-steps by the trap flag, which the guest does not see unless it pushes its flags in that very instruction.
    fn set_single_step(&mut self, on: bool) {
        let flags = self.state().saved(at::RFLAGS);
        let intercepts = self.state().get(control::INTERCEPT_EXCEPTIONS) as u32;
        let block = self.block();
        if on {
            block.set_saved(at::RFLAGS, flags | FLAG_TRAP);
            block.set_u32(control::INTERCEPT_EXCEPTIONS, intercepts | INTERCEPT_DB);
        } else if intercepts & INTERCEPT_DB != 0 {
            block.set_saved(at::RFLAGS, flags & !FLAG_TRAP);
            block.set_u32(control::INTERCEPT_EXCEPTIONS, intercepts & !INTERCEPT_DB);
        }
    }

    /// Ends a single step: the flag must not get into an exception's frame.
    pub fn end_single_step(&mut self) {
        self.set_single_step(false);
    }

    /// The real control block.
    pub fn block(&mut self) -> &mut ControlBlock {
        let context = self.vmcb.context;
        &mut self.hardware.contexts[context].block
    }

    /// The real control block, for reading.
    pub fn state(&self) -> &ControlBlock {
        &self.hardware.contexts[self.vmcb.context].block
    }

    /// The instruction pointer.
    pub fn rip(&self) -> u64 {
        self.state().saved(at::RIP)
    }

    /// The current privilege level.
    pub fn cpl(&self) -> u8 {
        self.state().saved_bytes::<1>(at::CPL)[0]
    }

    /// Whether the guest executes 64-bit code.
    pub fn is_64_bit(&self) -> bool {
        let code = u16::from_le_bytes(self.state().saved_bytes(at::CS + 2));
        self.state().saved(at::EFER) & EFER_LMA != 0 && code & 0x200 != 0
    }

    /// Moves the instruction pointer behind an instruction.
    pub fn skip(&mut self, length: u64) -> Step {
        let next = self.rip().wrapping_add(length);
        self.block().set_saved(at::RIP, next);
        self.block().set(control::INTERRUPT_SHADOW, 0);
        Step::Resume
    }

    /// Delivers again what an exit interrupted, unless executing the instruction again does so.
    pub fn reinject(&mut self) {
        let interrupted = self.block().get(control::EXITINTINFO);
        let software = interrupted >> 8 & 7 == 4;
        if interrupted >> 31 & 1 == 1 && !software {
            self.block().set(control::EVENTINJ, interrupted);
        }
    }

    fn after_exit(&mut self) -> Step {
        self.block().set(control::EVENTINJ, 0);
        let code = self.block().get(control::EXITCODE) & 0xFFFF_FFFF;
        profile::exit(self.vmpl, code);
        let (info1, info2) = (
            self.block().get(control::EXITINFO1),
            self.block().get(control::EXITINFO2),
        );
        match code {
            EXIT_DB => {
                self.vmcb.single_step = false;
                Step::Exit(Exit::Interrupt)
            }
            EXIT_UD => self.undefined_opcode(),
            EXIT_VMMCALL => self.vmmcall(),
            EXIT_MSR => self.model_specific_register(info1 & 1 == 1),
            EXIT_NPF => self.handle_nested_fault(info2, info1),
            EXIT_WRITE_CR0 => self.write_cr0(),
            EXIT_RDTSC => self.time_stamp(),
            EXIT_HLT => {
                let interruptible = self.state().saved(at::RFLAGS) & FLAG_INTERRUPT != 0;
                self.skip(1);
                Step::Exit(Exit::Halt { interruptible })
            }
            EXIT_INTR | EXIT_NMI => {
                self.reinject();
                take_interrupt();
                Step::Exit(Exit::Interrupt)
            }
            EXIT_SHUTDOWN => {
                self.log_state("triple fault");
                Step::Exit(Exit::Shutdown("triple fault"))
            }
            EXIT_TASK_SWITCH => exit::not_modelled(format_args!("task switch of a guest")),
            EXIT_INVALID => {
                self.log_state("VMRUN refused");
                Step::Exit(Exit::Invalid("the processor refused the state"))
            }
            // Everything else that is intercepted is a non-automatic exit.
            code => self.raise_vc(code),
        }
    }

    /// The registers that matter when nothing goes on.
    fn log_state(&self, what: &str) {
        let register = |offset| self.state().saved(offset);
        crate::hw!(
            "{what}: VMPL{} RIP {:#x} RSP {:#x} RFLAGS {:#x} CR0 {:#x} CR2 {:#x} CR3 {:#x} CR4 {:#x} EFER {:#x}",
            self.vmpl,
            self.rip(),
            register(at::RSP),
            register(at::RFLAGS),
            register(at::CR0),
            register(at::CR2),
            register(at::CR3),
            register(at::CR4),
            register(at::EFER)
        );
    }

    fn undefined_opcode(&mut self) -> Step {
        let bytes = self.instruction_bytes();
        match Instruction::decode(&bytes) {
            Some(Instruction::Pvalidate) => self.pvalidate(),
            Some(Instruction::Rmpadjust) => self.rmpadjust(),
            Some(Instruction::Rmpquery) => self.rmpquery(),
            Some(Instruction::Invlpgb) => self.invlpgb(),
            Some(Instruction::Tlbsync) => self.tlbsync(),
            _ => self.raise_ud(),
        }
    }

    fn vmmcall(&mut self) -> Step {
        let bytes = self.instruction_bytes();
        match Instruction::decode(&bytes) {
            Some(Instruction::Vmgexit) => {
                self.skip(Instruction::Vmgexit.length());
                Step::Exit(Exit::Vmgexit)
            }
            _ => self.raise_vc(EXIT_VMMCALL),
        }
    }
}

/// Lets the simulator's own handler take a pending physical interrupt.
fn take_interrupt() {
    // SAFETY: the interrupt table is installed; the handler returns.
    unsafe { asm!("sti", "nop", "nop", "cli", options(nomem)) };
}

/// RDTSC as hardware computes it from a save area's scale and offset.
pub fn scaled_tsc(scale: u64, offset: u64) -> u64 {
    let scaled = (u128::from(cpu::tsc()) * u128::from(scale)) >> 32;
    (scaled as u64).wrapping_add(offset)
}
