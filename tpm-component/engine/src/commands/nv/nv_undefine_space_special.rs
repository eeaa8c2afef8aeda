//! TPM2_NV_UndefineSpaceSpecial (Part 3 §31.5): removes an NV index that was defined so that its policy has to agree.

use super::index;
use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc, TpmaNv},
};

/// TPM2_NV_UndefineSpaceSpecial.
pub struct NvUndefineSpaceSpecial;

impl Command for NvUndefineSpaceSpecial {
    const CODE: TpmCc = TpmCc::NV_UNDEFINE_SPACE_SPECIAL;
    const NAME: &'static str = "TPM2_NV_UndefineSpaceSpecial";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        if !index(command.tpm, handle, 1)?.has(TpmaNv::POLICY_DELETE) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        command.tpm.persistent.nv.undefine(handle)
    }
}
