//! TPM2_NV_Read (Part 3 §31.13): bytes of an NV index that was written.

use super::index;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    nv::access,
    structures::{Tpm2bMaxNvBuffer, TpmCc, TpmRc},
};

/// TPM2_NV_Read.
pub struct NvRead;

parameters! {
    /// Parameters of TPM2_NV_Read.
    pub struct Params {
        /// How many bytes.
        pub size: u16,
        /// From where.
        pub offset: u16,
    }
}

reply! {
    /// Reply of TPM2_NV_Read.
    pub struct Reply {
        /// The bytes.
        pub data: Tpm2bMaxNvBuffer,
    }
}

impl Command for NvRead {
    const CODE: TpmCc = TpmCc::NV_READ;
    const NAME: &'static str = "TPM2_NV_Read";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let index = index(command.tpm, command.handles.second(), 2)?;
        access::check_read(index, command.handles.first())?;
        let (size, offset) = (usize::from(command.params.size), usize::from(command.params.offset));
        if size > Tpm2bMaxNvBuffer::MAX {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        if offset > index.contents().len() {
            return Err(TpmRc::VALUE.with_parameter(2));
        }
        Ok(Reply {
            data: Tpm2bMaxNvBuffer::new(index.read(offset, size)?)?,
        })
    }
}
