//! The SNP processor: enters guests, decides every access, executes the guest's SNP instructions.
//!
//! This side is strict and knows no policy. Its caller is the hypervisor model, which is untrusted: what it can do is what real
//! hardware lets a hypervisor do (VMRUN with a save area, RMPUPDATE, PSMASH, launch commands, access to shared memory). Its other
//! caller is the guest, by executing instructions. Outcomes follow APM volume 2, 15.35 and 15.36; what the processor below cannot tell
//! apart is refused aloud (`not modelled`), never ignored.
//!
//! * `control_block`, `shadow`, `fpu`: the real processor's structures for one context
//! * `context`: VMRUN and #VMEXIT: save area in, save area out
//! * `exits`: what each exit of the real processor means for an SNP guest
//! * `instructions`: PVALIDATE, RMPADJUST, RMPQUERY, INVLPGB, model-specific registers, CR0
//! * `guest_memory`: linear addresses, nested translation and RMP checks
//! * `exception`: delivery of #VC and other exceptions
//! * `launch`: the security processor's launch commands and guest messages

mod context;
mod control_block;
mod exception;
mod exits;
mod fpu;
mod guest_memory;
mod instructions;
mod launch;
mod shadow;

use crate::machine::{
    aligned::{Page, address_of, zeroed_page},
    cpu, memory,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use snp_model::model::{
    address::{Access, Gpa, PageSize, Spa, View},
    guest_message::Vmpck,
    psp::SecurityProcessor,
    rmp::{Asid, Claim, Entry, NewState, Rmp, UpdateError, Violation},
    stale::{Known, StaleRights},
};

pub use control_block::ControlBlock;

const VM_HSAVE_PA: u32 = 0xC001_0117;
/// What a read of encrypted memory without its key gives: constant, so that runs are reproducible.
const CIPHERTEXT: u64 = 0xC1F3_47E8_5EED_9B26;

/// Where the hypervisor's nested tables lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    /// System memory.
    Memory {
        /// The system page that holds the guest page.
        page: Spa,
        /// Size of the mapping.
        size: PageSize,
    },
    /// A device: the entry has a reserved bit set, so that an access becomes #VC 0x400.
    Device,
}

/// The hypervisor's nested tables.
pub trait NestedTable {
    /// The mapping of the 4 KiB page that holds the address.
    fn lookup(&self, gpa: Gpa) -> Option<Nested>;

    /// Whether the 2 MiB around the address are one mapping, without exceptions.
    fn is_large(&self, gpa: Gpa) -> bool;
}

/// Why an access ends in a nested page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCause {
    /// The nested tables do not map the page.
    NotMapped,
    /// The RMP forbids it.
    Rmp(Violation),
}

/// A nested page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedFault {
    /// Who.
    pub vmpl: u8,
    /// Where.
    pub gpa: Gpa,
    /// Through which view.
    pub view: View,
    /// What.
    pub access: Access,
    /// Why.
    pub cause: FaultCause,
    /// The instruction.
    pub rip: u64,
}

/// Why the hypervisor gets the processor back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// VMGEXIT.
    Vmgexit,
    /// HLT.
    Halt {
        /// Whether an interrupt could end it.
        interruptible: bool,
    },
    /// A physical interrupt.
    Interrupt,
    /// Triple fault, or a #VC that could not be delivered.
    Shutdown(&'static str),
    /// A nested page fault.
    NestedFault(NestedFault),
    /// VMRUN refused the save area.
    Invalid(&'static str),
}

/// An event that the hypervisor injects (EVENTINJ).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An external interrupt.
    Interrupt(u8),
    /// An exception.
    Exception {
        /// Vector.
        vector: u8,
        /// Error code, if it has one.
        code: Option<u32>,
    },
}

/// The hypervisor's control block for one virtual processor at one VMPL.
pub struct Vmcb {
    /// The save area.
    pub save_area: Spa,
    /// The guest.
    pub asid: Asid,
    /// The GHCB register.
    pub ghcb: u64,
    /// To be injected at the next VMRUN.
    pub event: Option<Event>,
    /// A virtual interrupt (V_IRQ) with this vector waits until the guest can take it; then it is gone from here.
    pub virtual_interrupt: Option<u8>,
    /// TSC offset for guests without Secure TSC.
    pub tsc_offset: u64,
    /// Intercept RDTSC and RDTSCP: a hostile hypervisor's choice.
    pub intercept_tsc: bool,
    /// Exit after one instruction, once.
    pub single_step: bool,
    /// An event whose delivery an exit interrupted (EXITINTINFO), to be delivered again.
    interrupted: u64,
    context: usize,
}

/// The real processor's structures for one `Vmcb`.
struct Context {
    block: ControlBlock,
    /// EFER.LME is set, but kept from the processor below until paging is on: QEMU 7.2 restores its host's CR0 wrongly at an exit with
    /// LME set and paging and PAE off.
    long_mode_pending: bool,
    shadow: shadow::Shadow,
    /// Which takings of rights it has forgotten.
    known: Known,
}

/// The processor, its RMP and the security processor.
pub struct Hardware {
    rmp: Rmp,
    security: Option<SecurityProcessor>,
    contexts: Vec<Context>,
    fpu: fpu::FpuImage,
    /// The save area whose vector registers are in the real ones.
    fpu_owner: Option<Spa>,
    host_block: Box<Page>,
    permissions: context::PermissionMaps,
    /// A page of `CIPHERTEXT`.
    ciphertext: Spa,
    tsc_mhz: u32,
    stale: StaleRights,
    /// The processor has INVLPGB and TLBSYNC.
    broadcast: bool,
    /// Write a line for each event.
    pub trace: bool,
    _host_save: Box<Page>,
}

impl Hardware {
    /// Switches SVM on. System pages lie from `start` to `end`; the first one becomes the processor's own.
    pub fn new(start: Spa, end: Spa, tsc_mhz: u32, broadcast: bool, trace: bool) -> Self {
        let host_save = zeroed_page();
        cpu::write_msr(VM_HSAVE_PA, address_of(&*host_save));
        memory::fill_page(start.0, CIPHERTEXT);
        Self {
            rmp: Rmp::new(start, end),
            security: None,
            contexts: Vec::new(),
            fpu: fpu::FpuImage::new(),
            fpu_owner: None,
            host_block: zeroed_page(),
            permissions: context::PermissionMaps::new(),
            ciphertext: start,
            tsc_mhz,
            stale: StaleRights::default(),
            broadcast,
            trace,
            _host_save: host_save,
        }
    }

    /// A control block for a save area.
    pub fn new_vmcb(&mut self, save_area: Spa, asid: Asid) -> Vmcb {
        self.contexts.push(Context {
            block: ControlBlock::new(),
            long_mode_pending: false,
            shadow: shadow::Shadow::new(),
            known: 0,
        });
        Vmcb {
            save_area,
            asid,
            ghcb: 0,
            event: None,
            virtual_interrupt: None,
            interrupted: 0,
            tsc_offset: 0,
            intercept_tsc: false,
            single_step: false,
            context: self.contexts.len() - 1,
        }
    }

    /// RMPUPDATE. The contents change hands encrypted: what was there is lost to the new owner.
    pub fn rmpupdate(&mut self, page: Spa, size: PageSize, state: NewState) -> Result<(), UpdateError> {
        let before = self.rmp.entry(page).map(|entry| entry.gpa);
        self.rmp.update(page, size, state)?;
        memory::fill(page.0, size.bytes(), CIPHERTEXT);
        if let Some(gpa) = before {
            self.stale.updated(gpa, size);
            self.invalidate(gpa, size);
        }
        if let NewState::Guest { gpa, .. } = state {
            self.invalidate(gpa, size);
        }
        Ok(())
    }

    /// PSMASH.
    pub fn psmash(&mut self, page: Spa) -> Result<(), UpdateError> {
        self.rmp.smash(page)
    }

    /// The hypervisor changed its nested mapping of a page.
    pub fn invalidate(&mut self, gpa: Gpa, size: PageSize) {
        for context in &mut self.contexts {
            context.shadow.unmap(gpa, size);
        }
    }

    /// The hypervisor (or a device of its) reads system memory: a guest's private page shows ciphertext.
    pub fn host_read(&self, address: Spa, buffer: &mut [u8]) {
        match self.rmp.entry(address) {
            Some(entry) if entry.assigned => {
                let bytes = CIPHERTEXT.to_le_bytes();
                for (offset, byte) in buffer.iter_mut().enumerate() {
                    *byte = bytes[(address.0 as usize + offset) % 8];
                }
            }
            _ => memory::read(address.0, buffer),
        }
    }

    /// A write of one byte by software at another processor, which the RMP judges as that processor's own accesses: for races that a test stages.
    pub fn write_by(&mut self, claim: &Claim, page: Spa, byte: u8) -> Result<(), Violation> {
        self.rmp
            .check_private(page.page(PageSize::Small), claim, Access::Write)?;
        memory::write(page.0, &[byte]);
        Ok(())
    }

    /// An RMP entry, for a test's audit.
    pub fn rmp_entry(&self, page: Spa) -> Option<&Entry> {
        self.rmp.entry(page)
    }

    /// The security processor's keys for the VMPLs, for a test's audit.
    pub fn keys(&self) -> Option<[Vmpck; 4]> {
        Some(*self.security.as_ref()?.vmpcks())
    }

    /// The hypervisor writes system memory; `false` when the RMP stops it.
    pub fn host_write(&mut self, address: Spa, bytes: &[u8]) -> bool {
        let allowed = self.rmp.check_shared_write(address).is_ok();
        if allowed {
            memory::write(address.0, bytes);
        }
        allowed
    }
}

impl fmt::Display for NestedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = match self.view {
            View::Private => "private",
            View::Shared => "shared",
        };
        let cause = match self.cause {
            FaultCause::NotMapped => "no nested mapping",
            FaultCause::Rmp(Violation::Owner) if self.view == View::Shared => "shared write to an assigned page",
            FaultCause::Rmp(Violation::NotAssigned) => "page is not assigned",
            FaultCause::Rmp(Violation::Owner) => "RMP owner or address mismatch",
            FaultCause::Rmp(Violation::Size) => "RMP size mismatch",
            FaultCause::Rmp(Violation::Vmpl) => "VMPL permission violation",
            FaultCause::Rmp(Violation::NotValidated) => "page is not validated",
        };
        let Self {
            vmpl, access, gpa, rip, ..
        } = self;
        write!(
            f,
            "VMPL{vmpl} {view} {access} of GPA {:#x} at RIP {rip:#x}: {cause}",
            gpa.0
        )
    }
}

/// A line of the trace.
#[macro_export]
macro_rules! trace {
    ($hardware:expr, $($argument:tt)*) => {
        if $hardware.trace {
            $crate::machine::log::line($crate::machine::log::Origin::Trace, format_args!($($argument)*));
        }
    };
}
