//! The real processor's control block for one guest context (APM volume 2, appendix B), and its general registers.
//!
//! The processor below knows plain SVM; what an SNP guest's save area says is copied in before VMRUN and back after it.

use crate::machine::aligned::{Page, address_of, zeroed_page};
use alloc::boxed::Box;
use snp_model::model::{field, vmsa};

/// Offset of the save area inside the control block.
const SAVE: usize = 0x400;

/// Control area offsets, by the specification's names.
pub mod control {
    pub const INTERCEPT_CR: usize = 0x000;
    pub const INTERCEPT_DR: usize = 0x004;
    pub const INTERCEPT_EXCEPTIONS: usize = 0x008;
    pub const INTERCEPT_1: usize = 0x00C;
    pub const INTERCEPT_2: usize = 0x010;
    pub const IOPM_BASE: usize = 0x040;
    pub const MSRPM_BASE: usize = 0x048;
    pub const TSC_OFFSET: usize = 0x050;
    pub const ASID: usize = 0x058;
    pub const V_INTR: usize = 0x060;
    pub const V_INTR_VECTOR: usize = 0x064;
    pub const INTERRUPT_SHADOW: usize = 0x068;
    pub const EXITCODE: usize = 0x070;
    pub const EXITINFO1: usize = 0x078;
    pub const EXITINFO2: usize = 0x080;
    pub const EXITINTINFO: usize = 0x088;
    pub const NESTED_CONTROL: usize = 0x090;
    pub const EVENTINJ: usize = 0x0A8;
    pub const NESTED_CR3: usize = 0x0B0;
}

/// Ranges that save area and control block have in common at the same offsets.
const COMMON: [core::ops::Range<usize>; 8] = [
    0x000..0x0A0, // segments and tables
    0x0CB..0x0CC, // CPL
    0x0D0..0x0D8, // EFER
    0x148..0x180, // CR4, CR3, CR0, DR7, DR6, RFLAGS, RIP
    0x1D8..0x1E0, // RSP
    0x1F8..0x248, // RAX, system-call registers, CR2
    0x268..0x278, // G_PAT, DBGCTL
    0x278..0x298, // branch and exception records
];

/// The general registers that VMRUN does not switch, in the order of the world switch.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Registers {
    /// RBX.
    pub rbx: u64,
    /// RCX.
    pub rcx: u64,
    /// RDX.
    pub rdx: u64,
    /// RSI.
    pub rsi: u64,
    /// RDI.
    pub rdi: u64,
    /// RBP.
    pub rbp: u64,
    /// R8 to R15.
    pub high: [u64; 8],
}

unsafe extern "C" {
    fn world_switch(registers: *mut Registers, guest_vmcb: u64, host_vmcb: u64);
}

/// A control block with its registers.
pub struct ControlBlock {
    block: Box<Page>,
    /// General registers.
    pub registers: Registers,
}

impl ControlBlock {
    /// An empty block.
    pub fn new() -> Self {
        Self {
            block: zeroed_page(),
            registers: Registers::default(),
        }
    }

    /// A 64-bit field of the control area.
    pub fn get(&self, offset: usize) -> u64 {
        field::read_u64(&self.block.0, offset).unwrap_or_default()
    }

    /// Sets a 64-bit field of the control area.
    pub fn set(&mut self, offset: usize, value: u64) {
        field::write(&mut self.block.0, offset, &value.to_le_bytes());
    }

    /// Sets a 32-bit field of the control area.
    pub fn set_u32(&mut self, offset: usize, value: u32) {
        field::write(&mut self.block.0, offset, &value.to_le_bytes());
    }

    /// A 64-bit field of the save area, by its offset in a save area.
    pub fn saved(&self, offset: usize) -> u64 {
        self.get(SAVE + offset)
    }

    /// Sets a 64-bit field of the save area.
    pub fn set_saved(&mut self, offset: usize, value: u64) {
        self.set(SAVE + offset, value);
    }

    /// Bytes of the save area.
    pub fn saved_bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        field::read(&self.block.0, SAVE + offset).unwrap_or([0; N])
    }

    /// Sets bytes of the save area.
    pub fn set_saved_bytes(&mut self, offset: usize, bytes: &[u8]) {
        field::write(&mut self.block.0, SAVE + offset, bytes);
    }

    /// A general register by its number in an instruction.
    pub fn register(&self, number: u8) -> u64 {
        let registers = &self.registers;
        match number {
            0 => self.saved(vmsa::at::RAX),
            1 => registers.rcx,
            2 => registers.rdx,
            3 => registers.rbx,
            4 => self.saved(vmsa::at::RSP),
            5 => registers.rbp,
            6 => registers.rsi,
            7 => registers.rdi,
            high => registers.high[usize::from(high & 7)],
        }
    }

    /// Copies a save area in.
    pub fn load(&mut self, area: &vmsa::Vmsa) {
        for range in COMMON {
            self.set_saved_bytes(range.start, &area[range]);
        }
        let high = core::array::from_fn(|index| vmsa::get(area, vmsa::at::R8 + 8 * index));
        self.registers = Registers {
            rbx: vmsa::get(area, vmsa::at::RBX),
            rcx: vmsa::get(area, vmsa::at::RCX),
            rdx: vmsa::get(area, vmsa::at::RDX),
            rsi: vmsa::get(area, vmsa::at::RSI),
            rdi: vmsa::get(area, vmsa::at::RDI),
            rbp: vmsa::get(area, vmsa::at::RBP),
            high,
        };
    }

    /// Copies the state back into a save area.
    pub fn store(&self, area: &mut vmsa::Vmsa) {
        for range in COMMON {
            area[range.clone()].copy_from_slice(&self.block.0[SAVE + range.start..SAVE + range.end]);
        }
        let registers = &self.registers;
        for (offset, value) in [
            (vmsa::at::RBX, registers.rbx),
            (vmsa::at::RCX, registers.rcx),
            (vmsa::at::RDX, registers.rdx),
            (vmsa::at::RSI, registers.rsi),
            (vmsa::at::RDI, registers.rdi),
            (vmsa::at::RBP, registers.rbp),
        ] {
            vmsa::set(area, offset, value);
        }
        for (value, offset) in registers.high.iter().zip((vmsa::at::R8..).step_by(8)) {
            vmsa::set(area, offset, *value);
        }
    }

    /// Enters the guest; returns at its next exit. The block must be complete: the caller filled in intercepts, nested root and ASID.
    pub fn enter(&mut self, host: &Page) {
        let block = address_of(&*self.block);
        let host = address_of(host);
        // SAFETY: both blocks are page-aligned and alive; the nested root that the block names maps system pages only, so that the
        // guest cannot reach this program's memory; every event that could leave the guest unnoticed is intercepted.
        unsafe { world_switch(&raw mut self.registers, block, host) };
    }
}
