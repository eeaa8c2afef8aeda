//! A bare-metal hypervisor that models an SEV-SNP platform under stock QEMU.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(
    target_os = "none",
    expect(
        unsafe_code,
        reason = "UNSAFETY: this program is the machine: it enters guests, walks physical memory and talks to ports"
    )
)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod hardware;
#[cfg(target_os = "none")]
mod hypervisor;
#[cfg(target_os = "none")]
mod machine;

#[cfg(target_os = "none")]
mod start {
    use crate::hypervisor::Hypervisor;
    use crate::machine::{
        clock,
        exit::{self, End},
        memory, multiboot, trap,
    };
    use crate::{hv, hw};
    use snp_model::{igvm::Image, model::address::Spa, options::Options, pki::Pki};

    /// Called by the entry code.
    #[unsafe(no_mangle)]
    extern "C" fn simulator_main(information: u32) -> ! {
        trap::install();
        let (start, end) = memory::install(multiboot::free_from(information), multiboot::memory_end(information));
        let boot = multiboot::read(information);
        let tsc_mhz = clock::tsc_mhz();
        hw!("system memory {start:#x} to {end:#x}, TSC {tsc_mhz} MHz");
        hv!("options '{}'", boot.options);
        let fail = |what: &str, why: &str| -> ! { exit::leave(End::SimulatorFailed, format_args!("{what}: {why}")) };
        let options = Options::parse(&boot.options).unwrap_or_else(|error| fail("options", &error));
        let [image, pki] = boot.modules.as_slice() else {
            fail("modules", "expected the image and the processor's keys");
        };
        let image = Image::parse(image).unwrap_or_else(|error| fail("image", error));
        let pki = Pki::parse(pki).unwrap_or_else(|error| fail("keys", error));
        Hypervisor::launch(&image, pki, options, Spa(start), Spa(end), tsc_mhz).run()
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
