//! One turn of a vCPU at VMPL0: run the guest, find out whether it made a call, serve it, hand back the result (SVSM §5.2).
//!
//! The hypervisor decides when VMPL0 runs and may do so at any moment, on any vCPU, without any call. So the return from run-VMPL proves nothing.
//! The guest's VMSA is stopped first, so that nobody can run it any more; then a call counts only if the calling area says that one is pending *and*
//! hardware says that the guest left with VMGEXIT. Otherwise the VMSA is started again and nothing has happened.
//!
//! The arguments are the VMSA's registers, which are frozen while it is stopped. Results go to the VMSA that made the call, if it still exists; then
//! SVSM_CALL_PENDING is cleared, then EFER.SVME is set: a guest that sees the flag cleared has its results.
//!
//! Next stop: `protocol`, which dispatches.

use crate::{
    hypervisor::run_guest,
    notes::{Note, note},
    protocol::{self, Caller, Reply},
    svsm::Svsm,
};
use svsm_platform::{ApicId, Clock, Gpa, Platform, VmsaRegister};
use svsm_proto::{
    calling_area::{CALL_PENDING_OFFSET, Call},
    ghcb::exit,
    ghcb_msr::Termination,
    result_code::{self, SvsmError},
};
use tpm_contract::Component;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A call was served.
    Served,
    /// VMPL0 ran, but the guest had not called.
    NoCall,
    /// This vCPU has no VMSA to run; it should wait until one is created for it.
    Idle,
}

/// A call that is pending, and where it came from.
struct Pending {
    caller: Caller,
    caa: Gpa,
    call: Result<Call, SvsmError>,
}

/// Runs the guest on vCPU `cpu` and serves what it asks. Only an error of ours or of the hypervisor's ends in a termination.
pub fn turn<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    cpu: ApicId,
) -> Result<Turn, Termination> {
    if svsm.space.read().vcpus.current(cpu).is_none() {
        return Ok(Turn::Idle);
    }
    run_guest(platform, svsm.guest_vmpl)?;
    Ok(serve(svsm, platform, cpu))
}

/// Serves the call that is pending on vCPU `cpu`, if there is one, without running the guest before: for a vCPU that was resumed while it had
/// nothing to run.
pub fn serve<P: Platform, C: Component, K: Clock>(svsm: &Svsm<C, K>, platform: &mut P, cpu: ApicId) -> Turn {
    let Some(pending) = take_call(svsm, platform, cpu) else {
        return Turn::NoCall;
    };
    let reply = match pending.call {
        Ok(call) => {
            let reply = protocol::dispatch(svsm, platform, pending.caller, &call);
            if let Err(error) = reply.result {
                note(Note::CallRefused {
                    protocol: call.protocol,
                    call: call.number,
                    error,
                });
            }
            reply
        }
        Err(error) => Reply::from(Err(error)),
    };
    finish(svsm, platform, &pending, &reply);
    Turn::Served
}

/// Stops the vCPU's VMSA and looks for a call. Without one the VMSA is started again, unless the hypervisor has taken it away.
fn take_call<P: Platform, C: Component, K: Clock>(svsm: &Svsm<C, K>, platform: &mut P, cpu: ApicId) -> Option<Pending> {
    let space = svsm.space.read();
    let record = space.vcpus.current(cpu)?;
    let vmsa = space.map.vmsa(record.gpa)?;
    platform.stop(vmsa).ok()?;
    let mut flag = [0];
    let pending = space
        .map
        .guest_range(Gpa(record.caa.0 + CALL_PENDING_OFFSET), 1)
        .is_ok_and(|range| platform.read(range, &mut flag).is_ok());
    let [flag] = flag;
    // A VMSA with a word that cannot be read is no caller, and is not started again: the hypervisor has taken it away.
    let left_by = platform.register(vmsa, VmsaRegister::ExitCode).ok()?;
    if !pending || flag == 0 || left_by != exit::VMGEXIT {
        platform.start(vmsa);
        return None;
    }
    let mut register = |name| platform.register(vmsa, name).ok();
    let call = Call::from_registers(
        register(VmsaRegister::Rax)?,
        register(VmsaRegister::Rcx)?,
        register(VmsaRegister::Rdx)?,
        register(VmsaRegister::R8)?,
        register(VmsaRegister::R9)?,
    );
    Some(Pending {
        caller: Caller { cpu, vmsa: record.gpa },
        caa: record.caa,
        call: if flag == 1 {
            Ok(call)
        } else {
            Err(SvsmError::InvalidFormat)
        },
    })
}

/// Writes the results, clears SVSM_CALL_PENDING, and lets the VMSA run again. A VMSA that was deleted meanwhile gets nothing; one that takes no
/// results stays stopped.
fn finish<P: Platform, C: Component, K: Clock>(svsm: &Svsm<C, K>, platform: &mut P, pending: &Pending, reply: &Reply) {
    let space = svsm.space.read();
    let Some(vmsa) = space.map.vmsa(pending.caller.vmsa) else {
        return;
    };
    let results = [
        (VmsaRegister::Rax, Some(result_code::rax(reply.result))),
        (VmsaRegister::Rcx, reply.rcx),
        (VmsaRegister::Rdx, reply.rdx),
        (VmsaRegister::R8, reply.r8),
    ];
    for (register, value) in results {
        if let Some(value) = value
            && platform.set_register(vmsa, register, value).is_err()
        {
            // What RAX held before the call could be taken for a result: the guest does not go on.
            note(Note::ResultNotWritten);
            return;
        }
    }
    // The area of the moment of the call: after REMAP_CA the old one is cleared here, the new one already was. A guest that made its own area
    // unusable does not see the flag cleared, and takes the call for one that was never served.
    if let Ok(range) = space.map.guest_range(Gpa(pending.caa.0 + CALL_PENDING_OFFSET), 1)
        && platform.exchange(range, 0).is_err()
    {
        note(Note::HintNotWritten);
    }
    platform.start(vmsa);
}
