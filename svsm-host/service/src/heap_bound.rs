//! How much heap the services take at most: the sum of their own bounds, which the firmware keeps free of the sandbox.
//!
//! Guest, component and hypervisor decide how much of it is used; none of them can make it more, because each part refuses what is over its bound.
//! `tests/heap_bound.rs` fills the two large parts and counts; it counts what the arithmetic keeps as well (`svsm_accel::HEAP_BOUND`), which the firmware
//! adds.

use crate::{
    host::Store,
    psp::MAX_CERTIFICATES,
    vcpus::{MAX_VMSAS, VmsaRecord},
};
use svsm_platform::MemoryMap;
use svsm_proto::{PAGE_SIZE, guest_msg::Message, manifest::MAX_PUBLIC, report::REPORT_SIZE, vtpm_call};

/// The VMSAs' records, with the half of the table that was there before it grew.
const VMSAS: usize = MAX_VMSAS.next_power_of_two() * size_of::<VmsaRecord>() * 3 / 2;

/// Request, response, its opened copy, and a request that is still pending.
const PSP: usize = 4 * size_of::<Message>();

/// The keys, as they are now and as they were at power-on, and what the component says they are.
const KEYS: usize = 3 * 4 * MAX_PUBLIC;

/// A manifest with all of that in it, alone and as one of the services; certificates and report.
const ATTESTATION: usize = 3 * (PAGE_SIZE + 4 * MAX_PUBLIC + REPORT_SIZE) + MAX_CERTIFICATES;

/// Request, response, and the page that goes back.
const VTPM: usize = 2 * vtpm_call::BUFFER_SIZE + vtpm_call::MAX_RESPONSE;

/// Most bytes that the services take while `processors` vCPUs make calls.
pub const fn heap_bound(processors: usize) -> usize {
    let call = if ATTESTATION > VTPM { ATTESTATION } else { VTPM };
    Store::HEAP_BOUND + MemoryMap::HEAP_BOUND + VMSAS + PSP + KEYS + processors * call
}
