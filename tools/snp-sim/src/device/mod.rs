//! Models of the few PC devices that a guest without ACPI needs: interrupt controllers, timer, serial port, clock.
//!
//! They belong to the hypervisor, so nobody trusts them; guests send them any value at any port. Each is a plain state machine: time comes
//! in as a number, output goes out as a return value, so that they run on the dev host, where they are tested. What Linux's drivers do with
//! them sets their extent (`i8259.c`, `i8253.c`, `8250_port.c`, `rtc.c`); the rest of the data sheets is left out.

pub mod apic;
pub mod cmos;
pub mod kvm_clock;
pub mod pic;
pub mod pit;
pub mod uart;
