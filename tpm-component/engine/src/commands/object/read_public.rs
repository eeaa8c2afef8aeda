//! TPM2_ReadPublic (Part 3 §12.4): the public area and the Names of a loaded object.

use alloc::sync::Arc;

use crate::{
    dispatch::{Authorized, Command, Reply},
    object::Object,
    structures::{TpmCc, TpmRc},
    wire::Writer,
};

/// TPM2_ReadPublic.
pub struct ReadPublic;

/// The reply of TPM2_ReadPublic, which is written from the object itself.
#[derive(Debug)]
pub struct ReadPublicReply(Arc<Object>);

impl Reply for ReadPublicReply {
    fn write(&self, writer: &mut Writer) {
        writer.sized(|w| w.put(&self.0.public));
        writer.put(&self.0.name);
        writer.put(&self.0.qualified_name);
    }
}

impl Command for ReadPublic {
    const CODE: TpmCc = TpmCc::READ_PUBLIC;
    const NAME: &'static str = "TPM2_ReadPublic";
    type Params = ();
    type Reply = ReadPublicReply;

    fn run(command: Authorized<'_, Self>) -> Result<ReadPublicReply, TpmRc> {
        command.tpm.located_object(command.handles.first()).map(ReadPublicReply)
    }
}
