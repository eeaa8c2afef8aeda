//! The few things that the SVSM wants from the hypervisor beyond PSP messages: a protocol version, features, and running the guest. The GHCB is
//! registered where it is made (`svsm_snp::ghcb`).
//!
//! Every answer is the hypervisor's word. An answer that is not one to the question ends the VM with a code; a promise that is not kept
//! afterwards shows as something else failing, never as trust misplaced.

use svsm_platform::{ApicId, Event, Gpa, Hypervisor, Vmpl};
use svsm_proto::{
    ghcb::{ApCreation, ApRequest, Features, Outcome, VERSION, exit},
    ghcb_msr::{Request, Response, Termination},
    psc::{PscEntry, PscHeader, PscList, status},
};
use zerocopy::FromZeros;

/// Asks for the protocol version and the features without which there is no SVSM (GHCB §2.2, §2.3): AP creation to register the guest's VMSA, and several
/// VMPLs to run it. Through the GHCB MSR alone, since it comes before there is a GHCB.
pub fn negotiate(mut ask: impl FnMut(Request) -> Option<Response>) -> Result<Features, Termination> {
    match ask(Request::SevInfo) {
        Some(Response::SevInfo { max, min, .. }) if min <= VERSION && VERSION <= max => {}
        Some(_) | None => return Err(Termination::GhcbProtocol),
    }
    let Some(Response::Features(features)) = ask(Request::Features) else {
        return Err(Termination::GhcbProtocol);
    };
    let features = Features::from_bits_retain(features);
    if features.contains(Features::SNP | Features::AP_CREATION | Features::MULTI_VMPL) {
        Ok(features)
    } else {
        Err(Termination::HypervisorFeatures)
    }
}

/// Tells the hypervisor which VMSA is to run when this vCPU is switched to the VMSA's level (GHCB §4.1.9).
pub fn register_vmsa(
    hypervisor: &mut impl Hypervisor,
    cpu: ApicId,
    vmpl: Vmpl,
    vmsa: Gpa,
    sev_features: u64,
) -> Result<(), Termination> {
    let creation = ApCreation {
        request: ApRequest::CreateOnInit,
        vmpl: vmpl.number(),
        apic_id: cpu.0,
    };
    let reply = hypervisor.event(&Event {
        exit_code: exit::AP_CREATION,
        info1: creation.encode(),
        info2: vmsa.0,
        rax: Some(sev_features),
        ..Event::default()
    });
    match Outcome::decode(reply.info1, reply.info2) {
        Outcome::Done => Ok(()),
        Outcome::Exception(_) | Outcome::Malformed(_) | Outcome::Unknown(_) => Err(Termination::GuestVmsa),
    }
}

/// Has pages made private, at most a list full (GHCB §4.1.6). The hypervisor may stop after some of them and go on when it is asked again, as
/// long as it gets somewhere. That it did what it says shows only when the pages are validated.
pub(crate) fn make_private(
    hypervisor: &mut impl Hypervisor,
    entries: impl Iterator<Item = PscEntry>,
) -> Result<(), Termination> {
    let mut list = PscList::new_box_zeroed().map_err(|_| Termination::OutOfMemory)?;
    let mut count = 0;
    for (slot, entry) in list.entries.iter_mut().zip(entries) {
        *slot = entry.encode();
        count += 1;
    }
    let Some(last) = u16::checked_sub(count, 1) else {
        return Ok(());
    };
    let mut next = 0;
    while next <= last {
        list.header = PscHeader {
            cur_entry: next,
            end_entry: last,
            reserved: 0,
        };
        let reply = hypervisor.page_state_change(&mut list);
        let done = matches!(Outcome::decode(reply.info1, reply.info2), Outcome::Done) && reply.info2 == status::OK;
        if !done || list.header.cur_entry <= next {
            return Err(Termination::PageStateChange);
        }
        next = list.header.cur_entry;
    }
    Ok(())
}

/// Runs the guest on this vCPU, and returns when this vCPU runs at VMPL0 again, which says nothing about why.
pub fn run_guest(hypervisor: &mut impl Hypervisor, vmpl: Vmpl) -> Result<(), Termination> {
    match exchange(hypervisor, Request::RunVmpl(vmpl.number())) {
        Some(Response::RunVmpl(0)) => Ok(()),
        Some(_) | None => Err(Termination::RunVmpl),
    }
}

fn exchange(hypervisor: &mut impl Hypervisor, request: Request) -> Option<Response> {
    Response::decode(hypervisor.msr_exchange(request.encode()))
}
