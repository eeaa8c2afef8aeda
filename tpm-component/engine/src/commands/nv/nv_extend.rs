//! TPM2_NV_Extend (Part 3 §31.9): extends an extend index as a PCR is extended, except that the data enters as it is, not as a digest. An index
//! that was never written starts from zeros.

use super::index_to_write;
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bMaxNvBuffer, TpmCc, TpmNt, TpmRc},
};

/// TPM2_NV_Extend.
pub struct NvExtend;

parameters! {
    /// Parameters of TPM2_NV_Extend.
    pub struct Params {
        /// What the index is extended with.
        pub data: Tpm2bMaxNvBuffer,
    }
}

impl Command for NvExtend {
    const CODE: TpmCc = TpmCc::NV_EXTEND;
    const NAME: &'static str = "TPM2_NV_Extend";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.second();
        let index = index_to_write(command.tpm, command.handles)?;
        if index.index_type() != TpmNt::Extend {
            return Err(TpmRc::ATTRIBUTES.with_handle(2));
        }
        let zeros = alloc::vec![0; index.contents().len()];
        let old = if index.is_written() { index.bytes() } else { &zeros };
        let new = hash(
            command.host,
            index.public().name_alg,
            &[old, command.params.data.as_bytes()],
        );
        command
            .tpm
            .persistent
            .nv
            .write(handle, |index| index.write_at(0, new.as_bytes()))
    }
}
