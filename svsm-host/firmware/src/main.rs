//! Cloister's SVSM: the program that runs at VMPL0 from the first instruction on.
//!
//! This crate is wiring. It brings the processor from its launch state to a place where Rust code runs safely (`boot`), answers
//! exceptions, gives out the region's memory, and then puts the parts together: instructions from `svsm_snp`, decisions from
//! `svsm_service`. The launch pages that it reads are measured or checked by the PSP; the parameter pages and everything that comes back
//! from the hypervisor are not, and are checked where they are used.
//!
//! A panic here is a bug of our own; it ends the VM with a code, and nothing from outside may cause one.

#![cfg_attr(target_os = "none", no_std, no_main, feature(alloc_error_handler))]
#![cfg_attr(
    target_os = "none",
    expect(
        unsafe_code,
        reason = "UNSAFETY: this program is what stands between the processor's launch state and safe code"
    )
)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod exception;
#[cfg(target_os = "none")]
mod fatal;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
mod launch;
#[cfg(target_os = "none")]
mod processor;
#[cfg(target_os = "none")]
mod region;
#[cfg(target_os = "none")]
mod run;
#[cfg(target_os = "none")]
mod secondary;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("svsm_firmware is a bare-metal program: `cargo xtask build` builds it for its own target");
}
