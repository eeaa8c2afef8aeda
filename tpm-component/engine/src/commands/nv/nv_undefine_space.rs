//! TPM2_NV_UndefineSpace (Part 3 §31.4): removes an NV index. The owner cannot remove the platform's, and an index whose deletion needs a policy
//! goes through TPM2_NV_UndefineSpaceSpecial.

use super::index;
use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmHandle, TpmRc, TpmaNv},
};

/// TPM2_NV_UndefineSpace.
pub struct NvUndefineSpace;

impl Command for NvUndefineSpace {
    const CODE: TpmCc = TpmCc::NV_UNDEFINE_SPACE;
    const NAME: &'static str = "TPM2_NV_UndefineSpace";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let (authorized_by, handle) = (command.handles.first(), command.handles.second());
        let index = index(command.tpm, handle, 2)?;
        if index.has(TpmaNv::POLICY_DELETE) {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        if authorized_by == TpmHandle::OWNER && index.has(TpmaNv::PLATFORMCREATE) {
            return Err(TpmRc::NV_AUTHORIZATION);
        }
        command.tpm.persistent.nv.undefine(handle)
    }
}
