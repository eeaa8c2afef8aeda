//! A bare-metal hypervisor that models an SEV-SNP platform under stock QEMU.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![expect(
    unsafe_code,
    reason = "UNSAFETY: this program is the machine: it enters guests, walks physical memory and talks to ports"
)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod machine;

#[cfg(target_os = "none")]
mod bare {
    use crate::machine::{
        clock,
        exit::{self, End},
        memory, multiboot, trap,
    };
    use crate::{hv, hw};

    /// Called by the entry code.
    #[unsafe(no_mangle)]
    extern "C" fn simulator_main(information: u32) -> ! {
        trap::install();
        let (start, end) = memory::install(multiboot::free_from(information), multiboot::memory_end(information));
        let boot = multiboot::read(information);
        hw!("system memory {start:#x} to {end:#x}, TSC {} MHz", clock::tsc_mhz());
        hv!("options '{}', {} modules", boot.options, boot.modules.len());
        exit::leave(End::PowerOff, format_args!("power off"))
    }

    #[panic_handler]
    fn panic(information: &core::panic::PanicInfo) -> ! {
        exit::leave(End::SimulatorFailed, format_args!("simulator error: {information}"))
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!(
        "snp_sim is a bare-metal program: build it for x86_64-unknown-none and boot it with QEMU (see its documentation)"
    );
}
