//! TPM2_NV_SetBits (Part 3 §31.10): sets bits of a bit field index. A field that was never written starts with none set.

use super::index_to_write;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmNt, TpmRc},
};

/// TPM2_NV_SetBits.
pub struct NvSetBits;

parameters! {
    /// Parameters of TPM2_NV_SetBits.
    pub struct Params {
        /// The bits to be set.
        pub bits: u64,
    }
}

impl Command for NvSetBits {
    const CODE: TpmCc = TpmCc::NV_SET_BITS;
    const NAME: &'static str = "TPM2_NV_SetBits";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index_to_write(command.tpm, command.handles)?;
        if index.index_type() != TpmNt::Bits {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        let set = index.number().filter(|_| index.is_written()).unwrap_or(0);
        let bits = set | command.params.bits;
        command
            .tpm
            .persistent
            .nv
            .write(handle, |index| index.write_at(0, &bits.to_be_bytes()))
    }
}
