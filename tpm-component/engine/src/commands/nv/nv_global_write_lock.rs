//! TPM2_NV_GlobalWriteLock (Part 3 §31.12): locks every NV index that was defined with GLOBALLOCK against writing.

use alloc::vec::Vec;

use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmHandle, TpmRc, TpmaNv},
};

/// TPM2_NV_GlobalWriteLock.
pub struct NvGlobalWriteLock;

impl Command for NvGlobalWriteLock {
    const CODE: TpmCc = TpmCc::NV_GLOBAL_WRITE_LOCK;
    const NAME: &'static str = "TPM2_NV_GlobalWriteLock";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let nv = &mut command.tpm.persistent.nv;
        let unlocked: Vec<TpmHandle> = nv
            .iter_from(TpmHandle(0))
            .filter(|(_, index)| index.has(TpmaNv::GLOBALLOCK) && !index.has(TpmaNv::WRITELOCKED))
            .map(|(handle, _)| handle)
            .collect();
        for handle in unlocked {
            nv.edit(handle)?.set(TpmaNv::WRITELOCKED, true);
        }
        Ok(())
    }
}
