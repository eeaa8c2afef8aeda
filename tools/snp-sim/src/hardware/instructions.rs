//! Instructions that the hardware model executes itself: PVALIDATE, RMPADJUST, RMPQUERY, INVLPGB and TLBSYNC (APM volume 3), the registers of an SNP guest
//! (APM volume 2, 15.34 to 15.36), writes of CR0, and RDTSC under a scale.
//!
//! Operands are the guest's: every reserved bit and every address is checked as the manual says.

use super::{
    FaultCause, Nested,
    exits::{Running, Step, scaled_tsc},
    guest_memory::GuestFault,
};
use crate::machine::{exit::not_modelled, memory};
use crate::trace;
use snp_model::model::{
    address::{Access, Gpa, PageSize, Spa, View},
    instruction::Instruction,
    rmp::{Adjustment, Claim, Failure, Outcome, Violation},
    vmsa::{self, CR0_PE, CR0_PG, EFER_LMA, EFER_LME, EFER_SVME, FEATURE_SECURE_TSC, at},
};

const MSR_EFER: u32 = 0xC000_0080;
const MSR_GHCB: u32 = 0xC001_0130;
const MSR_SEV_STATUS: u32 = 0xC001_0131;
const MSR_GUEST_TSC_FREQ: u32 = 0xC001_0134;
const EFER_DEFINED: u64 = 0xFD01;
const CR0_DEFINED: u64 = 0xE005_003F;
const CR4_PAE: u64 = 1 << 5;
/// CF, PF, AF, ZF, SF, OF.
const RESULT_FLAGS: u64 = 0x8D5;
const FLAG_CARRY: u64 = 1;
const FLAG_PARITY: u64 = 4;
const FLAG_ZERO: u64 = 0x40;

/// A page that an instruction names.
struct Operand {
    page: Spa,
    claim: Claim,
    size: PageSize,
}

impl Running<'_> {
    fn rax(&self) -> u64 {
        self.state().saved(at::RAX)
    }

    /// Ends an instruction with a result code.
    fn finish(&mut self, code: u64, carry: bool) -> Step {
        let mut flags = self.state().saved(at::RFLAGS) & !RESULT_FLAGS;
        if code == 0 {
            flags |= FLAG_ZERO;
        }
        if (code as u8).count_ones().is_multiple_of(2) {
            flags |= FLAG_PARITY;
        }
        if carry {
            flags |= FLAG_CARRY;
        }
        self.block().set_saved(at::RAX, code);
        self.block().set_saved(at::RFLAGS, flags);
        self.skip(Instruction::Pvalidate.length())
    }

    /// Finds the page that RAX names; `large` is bit 0 of RCX.
    fn operand(&self, large: bool) -> Result<Operand, GuestFault> {
        let size = PageSize::from_bit(large);
        let linear = if self.is_64_bit() {
            self.rax()
        } else {
            self.rax() & 0xFFFF_FFFF
        };
        let found = self.translate(linear)?;
        if found.view == View::Shared {
            not_modelled(format_args!(
                "PVALIDATE, RMPADJUST or RMPQUERY through a shared mapping at {linear:#x}"
            ));
        }
        // A large operand keeps its offset, so that the alignment check sees it.
        let gpa = found.gpa.page(PageSize::Small);
        match self.nested.lookup(gpa) {
            Some(Nested::Memory { page, size: nested }) => Ok(Operand {
                page: page.page(PageSize::Small),
                claim: Claim {
                    asid: self.vmcb.asid,
                    vmpl: self.vmpl,
                    gpa,
                    nested,
                },
                size,
            }),
            _ => {
                let fault = self.nested_fault(gpa, View::Private, Access::Write, FaultCause::NotMapped);
                Err(GuestFault::Nested(fault))
            }
        }
    }

    fn stopped(&mut self, gpa: Gpa, violation: Violation) -> Step {
        let fault = match violation {
            Violation::NotValidated => GuestFault::NotValidated(gpa),
            violation => {
                GuestFault::Nested(self.nested_fault(gpa, View::Private, Access::Write, FaultCause::Rmp(violation)))
            }
        };
        self.raise_fault(fault)
    }

    /// PVALIDATE.
    pub fn pvalidate(&mut self) -> Step {
        if self.cpl() != 0 || self.vmpl != 0 {
            crate::hw!("PVALIDATE at VMPL{} CPL{}: #GP", self.vmpl, self.cpl());
            return self.raise_gp();
        }
        let (rcx, rdx) = (self.state().registers.rcx, self.state().registers.rdx);
        if (rcx | rdx) & 0xFFFF_FFFE != 0 {
            return self.finish(Failure::Input as u64, false);
        }
        let operand = match self.operand(rcx & 1 == 1) {
            Ok(operand) => operand,
            Err(fault) => return self.raise_fault(fault),
        };
        let (validate, size, gpa) = (rdx & 1 == 1, operand.size, operand.claim.gpa);
        let outcome = self
            .hardware
            .rmp
            .pvalidate(operand.page, &operand.claim, size, validate);
        trace!(
            self.hardware,
            "PVALIDATE {gpa:?} {size} {} -> {outcome:?}",
            u8::from(validate)
        );
        match outcome {
            Outcome::Stopped(violation) => self.stopped(gpa, violation),
            Outcome::Fails(failure) => self.finish(failure as u64, false),
            Outcome::Done(unchanged) => {
                self.hardware.invalidate(gpa, size);
                if validate {
                    // The guest is about to use it.
                    self.map(gpa, View::Private, operand.page);
                }
                self.finish(0, unchanged)
            }
        }
    }

    /// RMPADJUST.
    pub fn rmpadjust(&mut self) -> Step {
        if self.cpl() != 0 {
            return self.raise_gp();
        }
        if !self.is_64_bit() {
            not_modelled(format_args!("RMPADJUST outside 64-bit mode"));
        }
        let (rcx, rdx) = (self.state().registers.rcx, self.state().registers.rdx);
        let Some(adjustment) = Adjustment::from_register(rdx).filter(|_| rcx & !1 == 0) else {
            return self.finish(Failure::Input as u64, false);
        };
        let operand = match self.operand(rcx & 1 == 1) {
            Ok(operand) => operand,
            Err(fault) => return self.raise_fault(fault),
        };
        let gpa = operand.claim.gpa;
        let before = self.hardware.rmp.entry(operand.page).copied();
        let outcome = self
            .hardware
            .rmp
            .adjust(operand.page, &operand.claim, operand.size, adjustment);
        let (vmpl, size) = (self.vmpl, operand.size);
        trace!(
            self.hardware,
            "RMPADJUST at VMPL{vmpl} {gpa:?} {size} {rdx:#x} -> {outcome:?}"
        );
        match outcome {
            Outcome::Stopped(violation) => self.stopped(gpa, violation),
            Outcome::Fails(failure) => self.finish(failure as u64, false),
            Outcome::Done(()) => {
                if let (Some(before), Some(after)) = (before, self.hardware.rmp.entry(operand.page)) {
                    let (by, entries) = (self.vmcb.context, [&before, after]);
                    self.hardware.stale.adjusted(by, gpa, size, entries, adjustment);
                }
                // Hardware keeps stale translations until the software flushes them; the stricter outcome is also legal.
                self.hardware.invalidate(gpa, size);
                self.finish(0, false)
            }
        }
    }

    /// RMPQUERY.
    pub fn rmpquery(&mut self) -> Step {
        if self.cpl() != 0 {
            return self.raise_gp();
        }
        let rdx = self.state().registers.rdx;
        let operand = match self.operand(false) {
            Ok(operand) => operand,
            Err(fault) => return self.raise_fault(fault),
        };
        let gpa = operand.claim.gpa;
        match self.hardware.rmp.query(operand.page, &operand.claim, rdx as u8) {
            Outcome::Stopped(violation) => self.stopped(gpa, violation),
            Outcome::Fails(failure) => self.finish(failure as u64, false),
            Outcome::Done(entry) => {
                let permissions = u64::from(entry.permissions[usize::from(rdx as u8 & 3)].0);
                let registers = &mut self.block().registers;
                registers.rdx = rdx & 0xFF | permissions << 8 | u64::from(entry.vmsa) << 16;
                registers.rcx = u64::from(entry.large);
                self.finish(0, false)
            }
        }
    }

    /// INVLPGB. A guest's own ASID takes the place of the one that it names (bit 2), and nested translations (bit 5) are dropped with the others; of what
    /// it wants dropped, only everything is modelled.
    pub fn invlpgb(&mut self) -> Step {
        if !self.hardware.broadcast {
            return self.raise_ud();
        }
        let (rax, rcx, rdx) = (self.rax(), self.state().registers.rcx, self.state().registers.rdx);
        // Bits 6 to 11 of rAX, 16 to 30 of ECX and 28 to 31 of EDX are reserved.
        if self.cpl() != 0 || rax & 0xFC0 != 0 || rcx & 0x7FFF_0000 != 0 || rdx & 0xF000_0000 != 0 {
            return self.raise_gp();
        }
        // A valid address (bit 0) or PCID (bit 1), final translations alone (bit 4), or global ones spared (bit 3 clear).
        if rax & 0b1_1011 != 0b1000 {
            not_modelled(format_args!("INVLPGB of a part: {rax:#x}"));
        }
        trace!(self.hardware, "INVLPGB of everything at VMPL{}", self.vmpl);
        self.hardware.stale.invlpgb(self.vmcb.context);
        self.skip(Instruction::Invlpgb.length())
    }

    /// TLBSYNC.
    pub fn tlbsync(&mut self) -> Step {
        if !self.hardware.broadcast {
            return self.raise_ud();
        }
        if self.cpl() != 0 {
            return self.raise_gp();
        }
        trace!(self.hardware, "TLBSYNC at VMPL{}", self.vmpl);
        self.hardware.stale.tlbsync(self.vmcb.context);
        self.skip(Instruction::Tlbsync.length())
    }

    fn features(&self) -> u64 {
        memory::read_u64(self.vmcb.save_area.0 + at::SEV_FEATURES as u64)
    }

    /// RDMSR or WRMSR of a register that the guest does not have for itself.
    pub fn model_specific_register(&mut self, write: bool) -> Step {
        let registers = &self.state().registers;
        let (index, high) = (registers.rcx as u32, registers.rdx << 32);
        let value = high | self.rax() & 0xFFFF_FFFF;
        if matches!(index, MSR_GHCB | MSR_SEV_STATUS | MSR_GUEST_TSC_FREQ) && self.cpl() != 0 {
            return self.raise_gp();
        }
        match (index, write) {
            (MSR_GHCB, true) => {
                self.vmcb.ghcb = value;
                self.skip(2)
            }
            (MSR_GHCB, false) => self.answer_msr(self.vmcb.ghcb),
            // SEV, SEV-ES, and the features from bit 2 on.
            (MSR_SEV_STATUS, false) => self.answer_msr(self.features() << 2 | 3),
            (MSR_GUEST_TSC_FREQ, false) if self.features() & FEATURE_SECURE_TSC != 0 => {
                self.answer_msr(u64::from(self.hardware.tsc_mhz))
            }
            (MSR_SEV_STATUS | MSR_GUEST_TSC_FREQ, _) => self.raise_gp(),
            (MSR_EFER, _) if self.cpl() != 0 => self.raise_gp(),
            (MSR_EFER, true) => self.write_efer(value),
            (MSR_EFER, false) => self.answer_msr(self.efer()),
            _ => self.raise_vc(0x7C),
        }
    }

    fn answer_msr(&mut self, value: u64) -> Step {
        self.block().set_saved(at::RAX, value & 0xFFFF_FFFF);
        self.block().registers.rdx = value >> 32;
        self.skip(2)
    }

    /// EFER as the guest set it.
    fn efer(&self) -> u64 {
        let pending = self.hardware.contexts[self.vmcb.context].long_mode_pending;
        self.state().saved(at::EFER) | if pending { EFER_LME } else { 0 }
    }

    fn set_efer(&mut self, value: u64, paging: bool) {
        let context = &mut self.hardware.contexts[self.vmcb.context];
        context.long_mode_pending = !paging && value & EFER_LME != 0;
        let shown = if context.long_mode_pending {
            value & !EFER_LME
        } else {
            value
        };
        context.block.set_saved(at::EFER, shown);
    }

    fn write_efer(&mut self, value: u64) -> Step {
        let old = self.efer();
        let paging = self.state().saved(at::CR0) & CR0_PG != 0;
        if value & !EFER_DEFINED != 0 || (paging && (value ^ old) & EFER_LME != 0) {
            return self.raise_gp();
        }
        // LMA follows paging; a guest's write of SVME is ignored.
        let new = value & !EFER_LMA | old & EFER_LMA | EFER_SVME;
        self.set_efer(new, paging);
        self.skip(2)
    }

    /// MOV to CR0 and CLTS: the processor below exits without saying what is written.
    pub fn write_cr0(&mut self) -> Step {
        let bytes = self.instruction_bytes();
        let old = self.state().saved(at::CR0);
        let (value, length) = match Instruction::decode(&bytes) {
            Some(Instruction::Clts) => (old & !8, 2),
            Some(Instruction::MovToCr0 { register, length }) => (self.state().register(register), u64::from(length)),
            _ => not_modelled(format_args!("write of CR0 by instruction {bytes:02x?}")),
        };
        let value = if self.is_64_bit() { value } else { value & 0xFFFF_FFFF };
        let value = value | 0x10;
        let (paging, efer) = (value & CR0_PG != 0, self.efer());
        let illegal = value & !CR0_DEFINED != 0
            || (paging && value & CR0_PE == 0)
            || value & 3 << 29 == 1 << 29
            || (paging && efer & EFER_LME != 0 && self.state().saved(at::CR4) & CR4_PAE == 0)
            || (!paging && self.is_64_bit());
        if illegal {
            return self.raise_gp();
        }
        let active = if paging && efer & EFER_LME != 0 { EFER_LMA } else { 0 };
        self.set_efer(efer & !EFER_LMA | active, paging);
        self.block().set_saved(at::CR0, value);
        let context = &mut self.hardware.contexts[self.vmcb.context];
        let root = context.shadow.root(paging);
        context.block.set(super::control_block::control::NESTED_CR3, root);
        self.skip(length)
    }

    /// RDTSC or RDTSCP, intercepted for one of two reasons.
    pub fn time_stamp(&mut self) -> Step {
        if self.vmcb.intercept_tsc {
            return self.raise_vc(0x6E);
        }
        let area = memory::read_page(self.vmcb.save_area.0);
        let now = scaled_tsc(vmsa::get(&area, at::TSC_SCALE), vmsa::get(&area, at::TSC_OFFSET));
        let bytes = self.instruction_bytes();
        let length = match Instruction::decode(&bytes) {
            Some(Instruction::Rdtscp) => {
                self.block().registers.rcx = crate::machine::cpu::read_msr(0xC000_0103) & 0xFFFF_FFFF;
                3
            }
            _ => 2,
        };
        self.block().set_saved(at::RAX, now & 0xFFFF_FFFF);
        self.block().registers.rdx = now >> 32;
        self.skip(length)
    }
}
