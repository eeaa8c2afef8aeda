//! A guest that probes the simulated platform, independently of the SVSM: it executes at VMPL0 (and at VMPL2) what the manuals describe
//! and compares every outcome with them. The test `simulated_platform` boots it.
//!
//! The first word at GPA 0x1FF000 says what to do: 0 runs all checks that one can survive, each with a line `ok` or `FAILED`, and switches
//! the machine off; any other number does one thing that ends the machine, and the test looks at the reason. Expectations: AMD APM
//! volume 2, 15.35 and 15.36, and volume 3 (PVALIDATE, RMPADJUST, RMPQUERY); GHCB specification 56421.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(
    target_os = "none",
    expect(
        unsafe_code,
        reason = "UNSAFETY: the probe is bare metal and executes the instructions under test"
    )
)]

#[cfg(target_os = "none")]
mod checks;
#[cfg(target_os = "none")]
mod endings;
#[cfg(target_os = "none")]
mod lower;
#[cfg(target_os = "none")]
mod machine;

#[cfg(target_os = "none")]
mod start {
    use crate::machine::{self, Console, GHCB, SMALL_PAGES};
    use crate::{checks, endings};
    use core::fmt::Write;

    /// Where the image says what to do.
    const SCENARIO: u64 = 0x1F_F000;

    /// Called by the entry code.
    #[unsafe(no_mangle)]
    extern "C" fn probe_main() {
        let scenario = machine::read(SCENARIO);
        machine::install_handlers();
        for page in (SMALL_PAGES..SMALL_PAGES + 0x4000).step_by(0x1000) {
            assert!(machine::change_state(page, 1));
            assert!(machine::pvalidate(page, 0, 1).is_ok());
        }
        for page in GHCB {
            assert!(machine::share(page));
        }
        assert_eq!(machine::msr_request(GHCB[0] | 0x12), GHCB[0] | 0x13);
        match scenario {
            0 => checks::run(),
            scenario => endings::run(scenario),
        }
        machine::power_off(GHCB[0]);
    }

    #[panic_handler]
    fn panic(information: &core::panic::PanicInfo) -> ! {
        let _cannot_fail = writeln!(Console(GHCB[0]), "FAILED: {information}");
        machine::power_off(GHCB[0]);
        loop {
            core::hint::spin_loop();
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("snp_probe is a bare-metal program: the test `simulated_platform` boots it on the simulator");
}
