//! TPM2_EventSequenceComplete (Part 3 §17.6): the last piece of an event, whose digests are extended to a PCR. The sequence is gone afterwards.

use crate::{
    commands::pcr::extendable,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bMaxBuffer, TpmCc, TpmRc, TpmlDigestValues},
};

/// TPM2_EventSequenceComplete.
pub struct EventSequenceComplete;

parameters! {
    /// The parameters of TPM2_EventSequenceComplete.
    pub struct Params {
        /// The last piece.
        pub buffer: Tpm2bMaxBuffer,
    }
}

reply! {
    /// The reply of TPM2_EventSequenceComplete.
    pub struct Reply {
        /// The digests.
        pub results: TpmlDigestValues,
    }
}

impl Command for EventSequenceComplete {
    const CODE: TpmCc = TpmCc::EVENT_SEQUENCE_COMPLETE;
    const NAME: &'static str = "TPM2_EventSequenceComplete";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            locality,
            ..
        } = command;
        let mut sequence = tpm.located_sequence(handles.second(), 2)?;
        let pcr = extendable(handles.first(), locality)?;
        sequence.update(host, params.buffer.as_bytes());
        let digests = sequence.finish_event(host).ok_or(TpmRc::MODE.with_handle(2))??;
        if let Some(pcr) = pcr {
            for digest in &digests {
                tpm.state_clear
                    .pcrs
                    .extend(host, digest.hash_alg(), pcr, digest.digest())?;
            }
        }
        tpm.volatile.objects.flush(handles.second());
        Ok(Reply {
            results: TpmlDigestValues::new(digests)?,
        })
    }
}
