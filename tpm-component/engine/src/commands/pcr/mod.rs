//! Part 3 §22, "Integrity Collection (PCR)".

mod pcr_allocate;
mod pcr_event;
mod pcr_extend;
mod pcr_read;
mod pcr_reset;
mod pcr_set_auth_policy;
mod pcr_set_auth_value;

pub use pcr_allocate::PcrAllocate;
pub use pcr_event::PcrEvent;
pub use pcr_extend::PcrExtend;
pub use pcr_read::PcrRead;
pub use pcr_reset::PcrReset;
pub use pcr_set_auth_policy::PcrSetAuthPolicy;
pub use pcr_set_auth_value::PcrSetAuthValue;

use crate::{
    pcr::attributes,
    structures::{TpmHandle, TpmRc, limits},
    tpm::Locality,
};

/// The PCR that `handle` names, if it may be extended from `locality`; none for TPM_RH_NULL, with which nothing is extended.
pub(super) fn extendable(handle: TpmHandle, locality: Locality) -> Result<Option<u8>, TpmRc> {
    if handle == TpmHandle::NULL {
        return Ok(None);
    }
    let pcr = number(handle)?;
    if attributes::may_extend(pcr, locality.number()) {
        Ok(Some(pcr))
    } else {
        Err(TpmRc::LOCALITY)
    }
}

/// The number of a PCR handle, which dispatch has checked to be one.
fn number(handle: TpmHandle) -> Result<u8, TpmRc> {
    u8::try_from(handle.0)
        .ok()
        .filter(|pcr| usize::from(*pcr) < limits::PCR_COUNT)
        .ok_or(TpmRc::VALUE.with_handle(1))
}
