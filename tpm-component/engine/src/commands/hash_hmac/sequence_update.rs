//! TPM2_SequenceUpdate (Part 3 §17.4): one more piece.

use crate::{
    dispatch::{Authorized, Command, parameters},
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
        let objects = &mut tpm.volatile.objects;
        let sequence = objects
            .continue_sequence(handles.first())
            .ok_or(TpmRc::MODE.with_handle(1))?;
        sequence.update(host, params.buffer.as_bytes());
        Ok(())
    }
}
