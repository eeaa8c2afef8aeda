//! vTPM protocol: SVSM_VTPM_QUERY and SVSM_VTPM_CMD (SVSM chapter 8).
//!
//! The buffer is the guest's and holds request and response; it is copied once, and the copy is judged. Of the platform commands only
//! TPM_SEND_COMMAND exists, at locality 0 only: no code that could power, reset or relocalise the TPM under a running guest is reachable.
//!
//! TPM errors are responses and leave RAX at success. Every response fits: the TPM's own limit is the buffer's, since a command that has run cannot be
//! taken back, and a guest that was told "success" would take the rest of its buffer for the TPM's words.
//!
//! Previous stop: [`protocol`](super); next stop: [`tpm`](crate::tpm), whose lock is taken here, once.

use super::{Reply, address, fault};
use crate::svsm::Svsm;
use alloc::vec::Vec;
use svsm_platform::{Clock, Gpa, Platform};
use svsm_proto::{
    calling_area::Call,
    result_code::SvsmError,
    vtpm_call::{
        BUFFER_SIZE, MAX_COMMAND, MAX_RESPONSE, PLATFORM_COMMANDS, RESPONSE_HEADER_SIZE, RequestHeader,
        TPM_SEND_COMMAND, call as number,
    },
};
use tpm_contract::{Component, bounds};
use zerocopy::FromBytes;
use zeroize::Zeroizing;

const _: () = assert!(bounds::MAX_RESPONSE <= MAX_RESPONSE, "a response fits into the buffer");

/// Serves a call of this protocol.
pub(super) fn serve<P: Platform, C: Component, K: Clock>(svsm: &Svsm<C, K>, platform: &mut P, call: &Call) -> Reply {
    match call.number {
        number::QUERY => Reply {
            rcx: Some(1 << TPM_SEND_COMMAND),
            rdx: Some(0),
            ..Reply::from(Ok(()))
        },
        number::CMD => command(svsm, platform, Gpa(call.rcx)).into(),
        _ => Reply::from(Err(SvsmError::UnsupportedCall)),
    }
}

/// SVSM_VTPM_CMD.
fn command<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    buffer: Gpa,
) -> Result<(), SvsmError> {
    if buffer == Gpa(0) {
        return Err(SvsmError::InvalidParameter);
    }
    let request = fetch_buffer(svsm, platform, buffer)?;
    let response = svsm.tpm.lock().execute(tpm_command(&request)?);
    let mut reply = Zeroizing::new(Vec::new());
    reply
        .try_reserve_exact(RESPONSE_HEADER_SIZE + response.len())
        .map_err(|_| SvsmError::Busy)?;
    reply.extend_from_slice(&(response.len() as u32).to_le_bytes());
    reply.extend_from_slice(&response);
    let space = svsm.space.read();
    let range = space.map.guest_range(buffer, reply.len()).map_err(address)?;
    platform.write(range, &reply).map_err(fault)
}

/// The whole buffer, copied once; wiped when dropped, since commands carry passwords and data to be sealed.
fn fetch_buffer<P: Platform, C: Component, K: Clock>(
    svsm: &Svsm<C, K>,
    platform: &mut P,
    buffer: Gpa,
) -> Result<Zeroizing<Vec<u8>>, SvsmError> {
    let mut copy = Zeroizing::new(Vec::new());
    copy.try_reserve_exact(BUFFER_SIZE).map_err(|_| SvsmError::Busy)?;
    copy.resize(BUFFER_SIZE, 0);
    let space = svsm.space.read();
    let range = space.map.guest_range(buffer, BUFFER_SIZE).map_err(address)?;
    platform.read(range, &mut copy).map_err(fault)?;
    Ok(copy)
}

/// The TPM command in a copied request.
fn tpm_command(request: &[u8]) -> Result<&[u8], SvsmError> {
    let (header, body) = RequestHeader::read_from_prefix(request).map_err(|_| SvsmError::InvalidParameter)?;
    match header.command.get() {
        TPM_SEND_COMMAND => {}
        // Codes of the simulator protocol that QUERY does not show.
        other if other < PLATFORM_COMMANDS => return Err(SvsmError::UnsupportedCall),
        _ => return Err(SvsmError::InvalidParameter),
    }
    let size = usize::try_from(header.size.get()).map_err(|_| SvsmError::InvalidParameter)?;
    if header.locality != 0 || size > MAX_COMMAND {
        return Err(SvsmError::InvalidParameter);
    }
    body.get(..size).ok_or(SvsmError::InvalidParameter)
}
