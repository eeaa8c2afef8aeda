//! TPM2_HMAC_Start (Part 3 §17.2): begins an HMAC that is given in pieces.

use alloc::boxed::Box;

use super::hmac_key;
use crate::{
    crypto::Hmac,
    dispatch::{Authorized, Command, parameters, reply},
    object::sequence::Sequence,
    structures::{Tpm2bAuth, TpmCc, TpmRc, TpmiAlgHash},
};

/// TPM2_HMAC_Start.
pub struct HmacStart;

parameters! {
    /// The parameters of TPM2_HMAC_Start.
    pub struct Params {
        /// The sequence's authValue.
        pub auth: Tpm2bAuth,
        /// The algorithm, when the key has none of its own.
        pub hash_alg: Option<TpmiAlgHash>,
    }
}

reply! {
    /// The reply of TPM2_HMAC_Start.
    pub struct Reply {
        /// The sequence.
        handle sequence_handle: TpmHandle,
    }
}

impl Command for HmacStart {
    const CODE: TpmCc = TpmCc::HMAC_START;
    const NAME: &'static str = "TPM2_HMAC_Start";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let (alg, bits) = hmac_key(&key, params.hash_alg)?;
        let sequence = Sequence::Hmac(Box::new(Hmac::new(host, alg, bits)));
        let sequence_handle = tpm.volatile.objects.insert(sequence.into_object(&params.auth))?;
        Ok(Reply { sequence_handle })
    }
}
