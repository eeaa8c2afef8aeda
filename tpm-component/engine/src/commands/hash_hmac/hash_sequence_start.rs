//! TPM2_HashSequenceStart (Part 3 §17.3): begins a digest, or with TPM_ALG_NULL an event, that is given in pieces.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::sequence::Sequence,
    structures::{Tpm2bAuth, TpmCc, TpmRc, TpmiAlgHash},
};

/// TPM2_HashSequenceStart.
pub struct HashSequenceStart;

parameters! {
    /// The parameters of TPM2_HashSequenceStart.
    pub struct Params {
        /// The sequence's authValue.
        pub auth: Tpm2bAuth,
        /// The algorithm; none for an event.
        pub hash_alg: Option<TpmiAlgHash>,
    }
}

reply! {
    /// The reply of TPM2_HashSequenceStart.
    pub struct Reply {
        /// The sequence.
        handle sequence_handle: TpmHandle,
    }
}

impl Command for HashSequenceStart {
    const CODE: TpmCc = TpmCc::HASH_SEQUENCE_START;
    const NAME: &'static str = "TPM2_HashSequenceStart";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let sequence = params.hash_alg.map_or_else(Sequence::event, Sequence::hash);
        let sequence_handle = tpm.volatile.objects.insert(sequence.into_object(&params.auth))?;
        Ok(Reply { sequence_handle })
    }
}
