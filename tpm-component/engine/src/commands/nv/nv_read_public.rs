//! TPM2_NV_ReadPublic (Part 3 §31.6): the public area and the Name of an NV index, for everybody.

use super::index;
use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{Tpm2bName, Tpm2bNvPublic, TpmCc, TpmRc},
};

/// TPM2_NV_ReadPublic.
pub struct NvReadPublic;

reply! {
    /// Reply of TPM2_NV_ReadPublic.
    pub struct Reply {
        /// The public area, with what the TPM has noted in its attributes.
        pub nv_public: Tpm2bNvPublic,
        /// The Name.
        pub nv_name: Tpm2bName,
    }
}

impl Command for NvReadPublic {
    const CODE: TpmCc = TpmCc::NV_READ_PUBLIC;
    const NAME: &'static str = "TPM2_NV_ReadPublic";
    type Params = ();
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let index = index(command.tpm, command.handles.first(), 1)?;
        Ok(Reply {
            nv_public: Tpm2bNvPublic(index.public().clone()),
            nv_name: index.name(command.host)?,
        })
    }
}
