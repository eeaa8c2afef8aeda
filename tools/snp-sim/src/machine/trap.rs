//! Exceptions and interrupts of the simulator's own.
//!
//! An exception is a bug of the simulator: it is reported and ends the run. The 8259 interrupt controllers are masked; the only interrupt
//! is the alarm, which comes while a guest runs or all of them wait.

use super::{
    clock,
    exit::{self, End},
    port::{self, Width},
};
use core::arch::asm;
use spin::Mutex;

unsafe extern "C" {
    static trap_stubs: u8;
}

#[repr(C, align(16))]
struct DescriptorTable([[u64; 2]; 256]);

static TABLE: Mutex<DescriptorTable> = Mutex::new(DescriptorTable([[0; 2]; 256]));

#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

/// Installs the interrupt descriptor table and masks both interrupt controllers (the BIOS leaves the timer on vector 8).
pub fn install() {
    let stubs = (&raw const trap_stubs) as u64;
    let mut table = TABLE.lock();
    for (vector, gate) in table.0.iter_mut().enumerate() {
        let address = stubs + 16 * vector as u64;
        gate[0] = (address & 0xFFFF) | 8 << 16 | 0x8E << 40 | (address >> 16 & 0xFFFF) << 48;
        gate[1] = address >> 32;
    }
    let pointer = TablePointer {
        limit: 4095,
        base: (&raw const table.0) as u64,
    };
    // SAFETY: the table is static, complete and never changed again.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack)) };
    port::write(0x21, Width::Byte, 0xFF);
    port::write(0xA1, Width::Byte, 0xFF);
}

/// Called by the stubs with the vector, error code and return address.
#[unsafe(no_mangle)]
extern "C" fn simulator_trap(frame: &[u64; 3]) {
    if frame[0] == clock::ALARM_VECTOR {
        return clock::acknowledge_alarm();
    }
    let address: u64;
    // SAFETY: reading CR2 has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    exit::leave(
        End::SimulatorFailed,
        format_args!(
            "simulator exception {} code {:#x} at {:#x} address {address:#x}",
            frame[0], frame[1], frame[2]
        ),
    )
}
