//! Part 3 §13: objects move from one parent to another.

mod duplicate;
mod import;
mod rewrap;

pub use duplicate::Duplicate;
pub use import::Import;
pub use rewrap::Rewrap;

use alloc::sync::Arc;

use crate::{
    object::Object,
    structures::{TpmHandle, TpmRc, TpmaObject},
    tpm::Tpm,
};

/// The new parent, which the second handle names; none for TPM_RH_NULL. It is a restricted asymmetric decryption key, of which the public half is enough;
/// TPM_RC_TYPE when it is not.
fn new_parent(tpm: &Tpm, handle: TpmHandle) -> Result<Option<Arc<Object>>, TpmRc> {
    if handle == TpmHandle::NULL {
        return Ok(None);
    }
    let key = tpm.located_object(handle)?;
    let restricted = key.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT));
    if restricted && key.is_asymmetric() && key.public.name_alg.is_some() {
        Ok(Some(key))
    } else {
        Err(TpmRc::TYPE.with_handle(2))
    }
}

#[cfg(test)]
mod tests;
