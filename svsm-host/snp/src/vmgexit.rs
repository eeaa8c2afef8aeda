//! VMGEXIT and the GHCB MSR protocol (GHCB §2.3).
//!
//! The hypervisor may answer anything: the answer is decoded, compared in kind with the question, and returned as a claim. Interrupts are
//! always off at VMPL0, so nothing can come between writing the MSR and the exit. Before an exit everything that the compiler holds in
//! registers for shared pages must be in memory, which is why the instruction is not marked `nomem`.

use crate::msr;
use core::arch::asm;
use svsm_proto::ghcb_msr::{Request, Response, Termination};

/// Leaves to the hypervisor with the GHCB MSR as it is.
fn vmgexit() {
    // SAFETY: all registers and private memory stay as they are across the exit: the hypervisor can reach neither (APM volume 2 §15.35).
    unsafe { asm!("rep vmmcall", options(nostack)) };
}

/// One exchange by the MSR protocol. `None` when the answer is no answer to any question, which includes a hypervisor that left the MSR
/// as it was.
pub fn exchange(request: Request) -> Option<Response> {
    Response::decode(exchange_raw(request.encode()))
}

/// The same with the MSR's bare values.
pub(crate) fn exchange_raw(request: u64) -> u64 {
    msr::set_ghcb(request);
    vmgexit();
    msr::ghcb()
}

/// One exit by the page protocol: the event is in the registered GHCB at `gpa`.
pub(crate) fn with_page(gpa: u64) {
    msr::set_ghcb(Request::GhcbPage(gpa).encode());
    vmgexit();
}

/// Ends the VM. The hypervisor is asked once and for ever; whatever it does instead, nothing more is executed.
pub fn terminate(reason: Termination) -> ! {
    loop {
        msr::set_ghcb(reason.request().encode());
        vmgexit();
        // SAFETY: HLT stops the processor until the hypervisor resumes it; then the loop asks again.
        unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
    }
}
