//! TPM2_SequenceUpdate (Part 3 §17.4): one more piece.

use crate::{
    dispatch::{Authorized, Command, parameters},
    object::Object,
    structures::{Tpm2bMaxBuffer, TpmCc, TpmRc},
};

/// TPM2_SequenceUpdate.
pub struct SequenceUpdate;

parameters! {
    /// The parameters of TPM2_SequenceUpdate.
    pub struct Params {
        /// The piece.
        pub buffer: Tpm2bMaxBuffer,
    }
}

impl Command for SequenceUpdate {
    const CODE: TpmCc = TpmCc::SEQUENCE_UPDATE;
    const NAME: &'static str = "TPM2_SequenceUpdate";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let object = tpm
            .located_sequence(handles.first())
            .map_err(|code| code.with_handle(1))?;
        let mut updated = Object::clone(&object);
        if let Some(sequence) = &mut updated.sequence {
            sequence.update(host, params.buffer.as_bytes());
        }
        tpm.volatile.objects.replace(handles.first(), updated);
        Ok(())
    }
}
