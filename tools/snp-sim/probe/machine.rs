//! The probe's instructions: exceptions that are caught, the SNP instructions, the GHCB.

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

global_asm!(include_str!("entry.s"), options(att_syntax));

// Written by the entry code and the exception stubs, as plain words.
unsafe extern "C" {
    safe static caught_code: AtomicU64;
    safe static caught_vector: AtomicU64;
    safe static small_pages: [AtomicU64; 512];
    safe static probe_gdt: u8;
    safe static level4: u8;
    fn lower_entry();
    fn catch_6();
    fn catch_13();
    fn catch_14();
    fn catch_29();
}

/// The C-bit.
const C_MASK: u64 = 1 << 51;
/// First address that is mapped in small pages.
pub const SMALL_PAGES: u64 = 0x60_0000;
/// GHCB of VMPL0, and of the other VMPL.
pub const GHCB: [u64; 2] = [SMALL_PAGES, SMALL_PAGES + 0x1000];
const GHCB_MSR: u32 = 0xC001_0130;

/// An exception that an instruction under test ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    /// Vector.
    pub vector: u64,
    /// Error code, 0 without one.
    pub code: u64,
    /// CR2.
    pub address: u64,
}

/// #VC with this code.
pub const fn vc(code: u64, address: u64) -> Caught {
    Caught {
        vector: 29,
        code,
        address,
    }
}

/// Runs one instruction that may fault, with a value in R14 if there is one. RBX holds the address behind it, for the handler.
#[macro_export]
macro_rules! attempt {
    ($($instruction:literal);+) => { $crate::attempt!($($instruction);+, 0u64) };
    ($($instruction:literal);+, $operand:expr) => {{
        let operand: u64 = $operand;
        $crate::machine::forget();
        // SAFETY: the instruction is under test; if it faults, the handler goes on behind it.
        unsafe {
            core::arch::asm!(
                "mov r15, rbx", "lea rbx, [rip + 2f]", $($instruction,)+ "2:", "mov rbx, r15",
                out("rax") _, out("rcx") _, out("rdx") _, in("r14") operand, out("r15") _
            );
        }
        $crate::machine::caught()
    }};
}

/// Forgets the last exception.
pub fn forget() {
    caught_vector.store(0, SeqCst);
}

/// The exception since `forget`.
pub fn caught() -> Option<Caught> {
    let (vector, code) = (caught_vector.load(SeqCst), caught_code.load(SeqCst));
    let address: u64;
    // SAFETY: reading CR2 has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address) };
    (vector != 0).then_some(Caught { vector, code, address })
}

#[repr(C, align(16))]
struct Gates([[AtomicU64; 2]; 32]);
static GATES: Gates = Gates([const { [const { AtomicU64::new(0) }; 2] }; 32]);

#[repr(C, packed)]
struct TablePointer(u16, u64);

/// Installs the handlers; every VMPL does it for itself.
pub fn install_handlers() {
    let handlers: [(usize, unsafe extern "C" fn()); 4] = [(6, catch_6), (13, catch_13), (14, catch_14), (29, catch_29)];
    for (vector, handler) in handlers {
        let address = handler as *const () as u64;
        let gate = [
            address & 0xFFFF | 8 << 16 | 0x8E << 40 | (address >> 16 & 0xFFFF) << 48,
            address >> 32,
        ];
        for (word, value) in GATES.0[vector].iter().zip(gate) {
            word.store(value, SeqCst);
        }
    }
    let pointer = TablePointer(511, (&raw const GATES) as u64);
    // SAFETY: the table is static and complete.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer) };
}

/// An empty descriptor table.
pub fn remove_handlers() {
    let pointer = TablePointer(0, 0);
    // SAFETY: exceptions end the machine from now on, which is what is tested.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer) };
}

/// PVALIDATE with the whole registers given; result code and CF, or an exception.
pub fn pvalidate(address: u64, size: u64, validate: u64) -> Result<(u64, bool), Caught> {
    forget();
    let (mut code, carry): (u64, u64);
    // SAFETY: the probe validates test pages only.
    unsafe {
        asm!("mov r15, rbx", "lea rbx, [rip + 2f]", ".byte 0xF2, 0x0F, 0x01, 0xFF", "2:", "setc r14b", "mov rbx, r15",
            inout("rax") address => code, in("rcx") size, in("rdx") validate, out("r14") carry, out("r15") _);
    }
    code &= 0xFFFF_FFFF;
    caught().map_or(Ok((code, carry & 1 == 1)), Err)
}

/// RMPADJUST; the result code.
pub fn rmpadjust(address: u64, size: u64, attributes: u64) -> Result<u64, Caught> {
    forget();
    let code: u64;
    // SAFETY: the probe adjusts test pages, and its own pages only to give another VMPL more.
    unsafe {
        asm!("mov r15, rbx", "lea rbx, [rip + 2f]", ".byte 0xF3, 0x0F, 0x01, 0xFE", "2:", "mov rbx, r15",
            inout("rax") address => code, in("rcx") size, in("rdx") attributes, out("r15") _);
    }
    caught().map_or(Ok(code), Err)
}

/// RMPQUERY; result code and RDX.
pub fn rmpquery(address: u64, vmpl: u64) -> Result<(u64, u64), Caught> {
    forget();
    let (code, attributes): (u64, u64);
    // SAFETY: RMPQUERY changes registers only.
    unsafe {
        asm!("mov r15, rbx", "lea rbx, [rip + 2f]", ".byte 0xF3, 0x0F, 0x01, 0xFD", "2:", "mov rbx, r15",
            inout("rax") address => code, out("rcx") _, inout("rdx") vmpl => attributes, out("r15") _);
    }
    caught().map_or(Ok((code, attributes)), Err)
}

/// Reads a word of a test page.
pub fn read(address: u64) -> u64 {
    // SAFETY: the probe names mapped pages that nothing else uses.
    unsafe { ptr::read_volatile(address as *const u64) }
}

/// Writes a word of a test page.
pub fn write(address: u64, value: u64) {
    // SAFETY: as above.
    unsafe { ptr::write_volatile(address as *mut u64, value) };
}

/// Sets the C-bit of a small page's mapping.
pub fn map(address: u64, private: bool) {
    let entry = address | 3 | if private { C_MASK } else { 0 };
    let index = (address - SMALL_PAGES) as usize / 4096;
    small_pages[index].store(entry, SeqCst);
    // SAFETY: flushes one translation.
    unsafe { asm!("invlpg [{}]", in(reg) address) };
}

/// A request by the GHCB register.
pub fn msr_request(value: u64) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the hypervisor answers in the register; memory changes only where the protocol says.
    unsafe {
        asm!("wrmsr", "rep vmmcall", "rdmsr", in("ecx") GHCB_MSR,
            inout("eax") value as u32 => low, inout("edx") (value >> 32) as u32 => high);
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Reads a model-specific register that exists.
pub fn read_msr(index: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reading has no effect on memory.
    unsafe { asm!("rdmsr", in("ecx") index, out("eax") low, out("edx") high) };
    u64::from(high) << 32 | u64::from(low)
}

/// Page state change by the GHCB register; whether the hypervisor says it is done.
pub fn change_state(address: u64, operation: u64) -> bool {
    msr_request(operation << 52 | address | 0x14) == 0x15
}

/// Makes a validated private page shared.
pub fn share(address: u64) -> bool {
    let rescinded = pvalidate(address, 0, 0).is_ok();
    let changed = change_state(address, 2);
    map(address, false);
    rescinded && changed
}

/// A GHCB request: code, information, RAX, valid bits to leave out; SW_EXITINFO1 and 2 afterwards.
pub fn ghcb_request(page: u64, code: u64, info: [u64; 2], rax: u64, omitted: u64) -> (u64, u64) {
    write(page + 0x1F8, rax);
    write(page + 0x390, code);
    write(page + 0x398, info[0]);
    write(page + 0x3A0, info[1]);
    write(page + 0x3A8, page + 0x800);
    write(page + 0x3F0, 1 << 63);
    // SW_EXITCODE, SW_EXITINFO1, SW_EXITINFO2, SW_SCRATCH: bits 114 to 117.
    write(page + 0x3F8, 0x3C_0000_0000_0000 & !omitted);
    write(page + 0xFF8, 2 << 16);
    // SAFETY: as in `msr_request`.
    unsafe {
        asm!("wrmsr", "rep vmmcall", in("ecx") GHCB_MSR, in("eax") page as u32, in("edx") (page >> 32) as u32);
    }
    (read(page + 0x398), read(page + 0x3A0))
}

/// Text through the first serial port.
pub struct Console(pub u64);

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            ghcb_request(self.0, 0x7B, [0x03F8_0210, 0], u64::from(byte), 0);
        }
        Ok(())
    }
}

/// Switches the machine off.
pub fn power_off(page: u64) {
    ghcb_request(page, 0x7B, [0x0604_0020, 0], 0x2000, 0);
}

/// The state of another VMPL, written as 64-bit words and segment descriptors.
pub fn write_save_area(page: u64, vmpl: u8, efer: u64, features: u64) {
    for offset in (0..4096).step_by(8) {
        write(page + offset, 0);
    }
    let segment = |offset: u64, selector: u64, attributes: u64| {
        write(page + offset, selector | attributes << 16 | 0xFFFF_FFFF << 32);
    };
    [0x00, 0x20, 0x30, 0x40, 0x50]
        .into_iter()
        .for_each(|offset| segment(offset, 16, 0xC93));
    segment(0x10, 8, 0xA9B);
    segment(0x70, 0, 0x82);
    segment(0x90, 0, 0x8B);
    write(page + 0x60, 23 << 32);
    write(page + 0x68, (&raw const probe_gdt) as u64);
    write(page + 0xC8, u64::from(vmpl) << 16);
    for (offset, value) in [
        (0xD0, efer),
        (0x148, 0x660),
        (0x150, (&raw const level4) as u64 | C_MASK),
        (0x158, 0x8001_0033),
        (0x160, 0x400),
        (0x168, 0xFFFF_0FF0),
        (0x170, 2),
        (0x178, lower_entry as *const () as u64),
        (0x268, 0x0007_0406_0007_0406),
        (0x2F0, 1 << 32),
        (0x3B0, features),
        (0x3E8, 1),
        (0x408, 0x1F80 | 0xFFFF << 32),
        (0x410, 0x37F),
    ] {
        write(page + offset, value);
    }
}
