//! TPM_CAP_HANDLES: what exists under handles of one kind.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    countdown,
    structures::{TpmHandle, TpmRc, limits},
    tpm::Tpm,
};

/// The permanent handles that have a meaning here, ascending; above them are the countdown timers.
const PERMANENT: &[TpmHandle] = &[
    TpmHandle::OWNER,
    TpmHandle::NULL,
    TpmHandle::RS_PW,
    TpmHandle::LOCKOUT,
    TpmHandle::ENDORSEMENT,
    TpmHandle::PLATFORM,
    TpmHandle::PLATFORM_NV,
];

/// Handles of the kind of `from`, ascending from it. Two kinds of session handles have another meaning in this place: 0x02 lists the
/// loaded sessions, 0x03 the saved ones, all with the number of an HMAC session (Part 3 §30.2.1).
pub fn from(tpm: &Tpm, from: TpmHandle) -> Result<Box<dyn Iterator<Item = TpmHandle> + '_>, TpmRc> {
    let sessions = &tpm.volatile.sessions;
    Ok(match from.0 >> 24 {
        0x00 => Box::new(
            (0..limits::PCR_COUNT as u8)
                .map(TpmHandle::pcr)
                .filter(move |handle| *handle >= from),
        ),
        0x01 => Box::new(tpm.persistent.nv.iter_from(from).map(|(handle, _)| handle)),
        0x02 => Box::new(
            sessions
                .iter_loaded()
                .map(|(handle, _)| handle)
                .filter(move |handle| handle.number() >= from.number()),
        ),
        0x03 => Box::new(
            sessions
                .iter_saved()
                .map(|(number, _)| TpmHandle(TpmHandle::HMAC_SESSION_FIRST.0 + u32::from(number)))
                .filter(move |handle| handle.number() >= from.number()),
        ),
        0x40 => Box::new(
            PERMANENT
                .iter()
                .chain(&countdown::HANDLES)
                .copied()
                .filter(move |handle| *handle >= from),
        ),
        0x80 => Box::new(
            tpm.volatile
                .objects
                .iter()
                .map(|(handle, _)| handle)
                .filter(move |handle| *handle >= from),
        ),
        0x81 => Box::new(persistent(tpm, from).into_iter()),
        _ => return Err(TpmRc::HANDLE),
    })
}

fn persistent(tpm: &Tpm, from: TpmHandle) -> Vec<TpmHandle> {
    tpm.persistent
        .objects
        .iter_from(from)
        .map(|(handle, _)| handle)
        .collect()
}
