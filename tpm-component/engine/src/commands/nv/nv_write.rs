//! TPM2_NV_Write (Part 3 §31.7): writes bytes of an ordinary or PIN index. The other types have commands of their own, which keep their
//! promises: a counter never goes back, a bit is never cleared, a digest is only extended.

use super::index_to_write;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bMaxNvBuffer, TpmCc, TpmNt, TpmRc, TpmaNv},
};

/// TPM2_NV_Write.
pub struct NvWrite;

parameters! {
    /// Parameters of TPM2_NV_Write.
    pub struct Params {
        /// The bytes.
        pub data: Tpm2bMaxNvBuffer,
        /// Where they go.
        pub offset: u16,
    }
}

impl Command for NvWrite {
    const CODE: TpmCc = TpmCc::NV_WRITE;
    const NAME: &'static str = "TPM2_NV_Write";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index_to_write(command.tpm, command.handles)?;
        if matches!(index.index_type(), TpmNt::Counter | TpmNt::Bits | TpmNt::Extend) {
            return Err(TpmRc::ATTRIBUTES);
        }
        let Params { data, offset } = command.params;
        let (offset, size) = (usize::from(offset), index.contents().len());
        let room = size.checked_sub(offset).ok_or(TpmRc::VALUE.with_parameter(2))?;
        if data.len() > room || (index.has(TpmaNv::WRITEALL) && data.len() < size) {
            return Err(TpmRc::NV_RANGE);
        }
        command
            .tpm
            .persistent
            .nv
            .write(handle, |index| index.write_at(offset, data.as_bytes()))
    }
}
