//! TPM2_NV_ReadPublic2 (Part 3, 1.83): TPM2_NV_ReadPublic with the type of the handle in front.

use super::index;
use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{Tpm2bName, Tpm2bNvPublic2, TpmCc, TpmRc, TpmtNvPublic2},
};

/// TPM2_NV_ReadPublic2.
pub struct NvReadPublic2;

reply! {
    /// Reply of TPM2_NV_ReadPublic2.
    pub struct Reply {
        /// The public area, with what the TPM has noted in its attributes.
        pub nv_public: Tpm2bNvPublic2,
        /// The Name.
        pub nv_name: Tpm2bName,
    }
}

impl Command for NvReadPublic2 {
    const CODE: TpmCc = TpmCc::NV_READ_PUBLIC2;
    const NAME: &'static str = "TPM2_NV_ReadPublic2";
    type Params = ();
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let index = index(command.tpm, command.handles.first(), 1)?;
        Ok(Reply {
            nv_public: Tpm2bNvPublic2(TpmtNvPublic2(index.public().clone())),
            nv_name: index.name(command.host)?,
        })
    }
}
