//! TPM2_NV_Increment (Part 3 §31.8): counts a counter index up by one. A counter that was never incremented starts above every value that any
//! counter of this TPM ever had, so that deleting and defining it anew repeats nothing.

use super::index;
use crate::{
    dispatch::{Authorized, Command},
    nv::access,
    structures::{TpmCc, TpmNt, TpmRc},
};

/// TPM2_NV_Increment.
pub struct NvIncrement;

impl Command for NvIncrement {
    const CODE: TpmCc = TpmCc::NV_INCREMENT;
    const NAME: &'static str = "TPM2_NV_Increment";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index(command.tpm, handle, 2)?;
        access::check_write(index, command.handles.first())?;
        if index.index_type() != TpmNt::Counter {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        let current = index
            .count()
            .unwrap_or_else(|| command.tpm.persistent.nv.highest_count());
        let next = current.checked_add(1).ok_or(TpmRc::NV_RANGE)?;
        command
            .tpm
            .persistent
            .nv
            .write(handle, |index| index.write_at(0, &next.to_be_bytes()))
    }
}
