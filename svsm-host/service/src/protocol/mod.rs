//! SVSM protocols: one file per chapter of the specification, and the dispatch between them.
//!
//! Every argument is the guest's. Addresses become ranges through the memory map; structures in guest memory are copied once and judged by the copy.
//! The table of what exists stands in [`dispatch`] and [`versions`] and nowhere else; what does not exist is an error of the convention (SVSM table 5),
//! chosen here where the refusal has one cause, never by a catch-all.

mod attest;
mod core;
pub(crate) use self::core::grant;
mod vtpm;

use crate::svsm::Svsm;
use svsm_platform::{
    ApicId, Clock, Gpa, GuestFault, GuestMemory, GuestRange, PageError, Platform, RangeError, RoleError,
};
use svsm_proto::{
    attest_call,
    calling_area::{Call, protocol},
    core_call,
    result_code::SvsmError,
    rmp::RmpError,
    vtpm_call,
};
use tpm_contract::Component;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The vCPU.
    pub cpu: ApicId,
    /// Its VMSA.
    pub vmsa: Gpa,
}

/// What goes back into the registers. A register that the call does not define stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// RAX.
    pub result: Result<(), SvsmError>,
    /// RCX.
    pub rcx: Option<u64>,
    /// RDX.
    pub rdx: Option<u64>,
    /// R8.
    pub r8: Option<u64>,
}

impl From<Result<(), SvsmError>> for Reply {
    fn from(result: Result<(), SvsmError>) -> Self {
        Reply {
            result,
            rcx: None,
            rdx: None,
            r8: None,
        }
    }
}

/// Carries a call to its protocol.
pub(crate) fn dispatch<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    caller: Caller,
    call: &Call,
) -> Reply {
    match call.protocol {
        protocol::CORE => core::serve(svsm, platform, caller, call),
        protocol::ATTESTATION => attest::serve(svsm, platform, call),
        protocol::VTPM => vtpm::serve(svsm, platform, call),
        _ => Reply::from(Err(SvsmError::UnsupportedProtocol)),
    }
}

/// Oldest and newest version of a protocol, if it is served.
const fn versions(number: u32) -> Option<(u32, u32)> {
    match number {
        protocol::CORE => Some((1, core_call::VERSION)),
        protocol::ATTESTATION => Some((1, attest_call::VERSION)),
        protocol::VTPM => Some((1, vtpm_call::VERSION)),
        _ => None,
    }
}

/// A structure in guest memory, copied once.
fn fetch<T: FromBytes + FromZeros + IntoBytes>(
    platform: &mut impl GuestMemory,
    range: GuestRange<'_>,
) -> Result<T, SvsmError> {
    let mut copy = T::new_zeroed();
    platform.read(range, copy.as_mut_bytes()).map_err(fault)?;
    Ok(copy)
}

/// An address that the memory map does not vouch for.
const fn address(error: RangeError) -> SvsmError {
    match error {
        RangeError::Misaligned | RangeError::Empty => SvsmError::InvalidParameter,
        RangeError::NotGuestMemory | RangeError::InUse(_) | RangeError::NotInRole => SvsmError::InvalidAddress,
    }
}

/// Guest memory that cannot be touched.
const fn fault(GuestFault: GuestFault) -> SvsmError {
    SvsmError::InvalidAddress
}

/// A page that PVALIDATE cannot change. These codes belong to that call alone (SVSM §6.2): 0x8000_1003 says "running" to SVSM_CORE_DELETE_VCPU.
const fn pvalidate_failure(error: PageError) -> SvsmError {
    match error {
        PageError::Instruction(RmpError::FailInput) => SvsmError::PvalidateFail(1),
        PageError::Instruction(RmpError::FailPermission) => SvsmError::PvalidateFail(2),
        PageError::Instruction(RmpError::FailSizeMismatch) => SvsmError::PvalidateFail(6),
        PageError::Instruction(RmpError::Other(code)) if code < 0x10 => SvsmError::PvalidateFail(code as u8),
        PageError::Instruction(RmpError::Other(_)) => SvsmError::PvalidateFailUnknown,
        PageError::NotValidated | PageError::Fault => SvsmError::InvalidAddress,
        // The page is good; the moment is not, and may not become so: no busy answer, which would be repeated for ever.
        PageError::NotFlushed => SvsmError::InvalidRequest,
    }
}

/// A page that any other call cannot change.
const fn page(error: PageError) -> SvsmError {
    match error {
        PageError::Instruction(_) | PageError::NotValidated | PageError::Fault => SvsmError::InvalidAddress,
        // As above.
        PageError::NotFlushed => SvsmError::InvalidRequest,
    }
}

/// A page that cannot get a role.
const fn role(error: RoleError) -> SvsmError {
    match error {
        RoleError::Taken => SvsmError::InvalidAddress,
        RoleError::Full => SvsmError::InvalidRequest,
    }
}
