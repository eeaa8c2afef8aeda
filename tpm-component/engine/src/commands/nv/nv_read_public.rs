//! TPM2_NV_ReadPublic (Part 3 §31.6): the public area and the Name of an NV index, for everybody.

use super::index;
use crate::{
    dispatch::{Authorized, Command, reply},
    object::name::digest_name,
    structures::{Tpm2bName, TpmCc, TpmRc, Written},
    wire::Marshal,
};

/// TPM2_NV_ReadPublic.
pub struct NvReadPublic;

reply! {
    /// Reply of TPM2_NV_ReadPublic.
    pub struct Reply {
        /// The public area, with what the TPM has noted in its attributes.
        pub nv_public: Written,
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
        let nv_public = Written::new(index.public().to_bytes());
        let nv_name = digest_name(command.host, index.public().name_alg, &[nv_public.as_bytes()])?;
        Ok(Reply { nv_public, nv_name })
    }
}
