//! The end of the VM: one line on the console if that is possible, then a termination request with a reason code.
//!
//! The line is for people and holds no secret; the code (set and numbers in svsm_proto's ghcb_msr) is for the hypervisor. Nothing is
//! unwound or cleaned up: after the request no instruction of the SVSM has any effect.

use crate::console;
use core::fmt;
use svsm_proto::ghcb_msr::Termination;
use svsm_snp::vmgexit;

/// Says why and stops.
pub fn stop(reason: Termination, detail: fmt::Arguments<'_>) -> ! {
    console::last_words(format_args!("fatal: {detail}"));
    vmgexit::terminate(reason)
}

#[panic_handler]
fn panic(information: &core::panic::PanicInfo<'_>) -> ! {
    stop(Termination::Panic, format_args!("{information}"))
}
