//! TPM2_NV_ReadLock (Part 3 §31.14): no more reading until the next TPM Reset or Restart. An index that was never written can be locked too.

use super::index_to_change;
use crate::{
    dispatch::{Authorized, Command},
    nv::access,
    structures::{TpmCc, TpmRc, TpmaNv},
};

/// TPM2_NV_ReadLock.
pub struct NvReadLock;

impl Command for NvReadLock {
    const CODE: TpmCc = TpmCc::NV_READ_LOCK;
    const NAME: &'static str = "TPM2_NV_ReadLock";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index_to_change(command.tpm, handle)?;
        match access::check_read(index, command.handles.first()) {
            // Locked already is what the caller wants.
            Err(TpmRc::NV_LOCKED) => return Ok(()),
            Err(TpmRc::NV_UNINITIALIZED) => {}
            outcome => outcome?,
        }
        if !index.has(TpmaNv::READ_STCLEAR) {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        command.tpm.persistent.nv.edit(handle)?.set(TpmaNv::READLOCKED, true);
        Ok(())
    }
}
