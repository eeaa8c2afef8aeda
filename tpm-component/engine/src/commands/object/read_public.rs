//! TPM2_ReadPublic (Part 3 §12.4): the public area and the Names of a loaded object.

use crate::{
    dispatch::{Authorized, Command, reply},
    structures::{Tpm2bName, Tpm2bPublic, TpmCc, TpmRc},
};

/// TPM2_ReadPublic.
pub struct ReadPublic;

reply! {
    /// The reply of TPM2_ReadPublic.
    pub struct ReadPublicReply {
        /// The public area.
        pub out_public: Tpm2bPublic,
        /// The Name.
        pub name: Tpm2bName,
        /// The Qualified Name.
        pub qualified_name: Tpm2bName,
    }
}

impl Command for ReadPublic {
    const CODE: TpmCc = TpmCc::READ_PUBLIC;
    const NAME: &'static str = "TPM2_ReadPublic";
    type Params = ();
    type Reply = ReadPublicReply;

    fn run(command: Authorized<'_, Self>) -> Result<ReadPublicReply, TpmRc> {
        let object = command.tpm.located_object(command.handles.first())?;
        Ok(ReadPublicReply {
            out_public: Tpm2bPublic(object.public.clone()),
            name: object.name.clone(),
            qualified_name: object.qualified_name.clone(),
        })
    }
}
