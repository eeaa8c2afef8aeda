//! The program part of the guest: entry, hardware, and the modes of the library's documentation.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod attacks;
#[cfg(target_os = "none")]
mod calls;
#[cfg(target_os = "none")]
mod crowd;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod exceptions;
#[cfg(target_os = "none")]
mod games;
#[cfg(target_os = "none")]
mod ghcb;
#[cfg(target_os = "none")]
mod instructions;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod psp;
#[cfg(target_os = "none")]
mod races;
#[cfg(target_os = "none")]
mod story;
#[cfg(target_os = "none")]
mod svsm;
#[cfg(target_os = "none")]
mod wild;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("sim_guest is a bare-metal program: `cargo xtask run --bare` boots it");
}
