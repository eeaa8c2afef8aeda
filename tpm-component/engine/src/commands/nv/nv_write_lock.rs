//! TPM2_NV_WriteLock (Part 3 §31.11): no more writing, until the next TPM Reset or Restart, or for ever when the index was defined so.

use super::index_to_change;
use crate::{
    dispatch::{Authorized, Command},
    nv::access,
    structures::{TpmCc, TpmRc, TpmaNv},
};

/// TPM2_NV_WriteLock.
pub struct NvWriteLock;

impl Command for NvWriteLock {
    const CODE: TpmCc = TpmCc::NV_WRITE_LOCK;
    const NAME: &'static str = "TPM2_NV_WriteLock";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index_to_change(command.tpm, handle)?;
        match access::check_write(index, command.handles.first()) {
            // Locked already is what the caller wants.
            Err(TpmRc::NV_LOCKED) => return Ok(()),
            outcome => outcome?,
        }
        if !index
            .public()
            .attributes
            .intersects(TpmaNv::WRITEDEFINE | TpmaNv::WRITE_STCLEAR)
        {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        command.tpm.persistent.nv.edit(handle)?.set(TpmaNv::WRITELOCKED, true);
        Ok(())
    }
}
