//! TPM2_HMAC (Part 3 §15.5): the HMAC of a buffer under an HMAC key.

use super::hmac_key;
use crate::{
    crypto,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiAlgHash},
};

/// TPM2_HMAC.
pub struct Hmac;

parameters! {
    /// The parameters of TPM2_HMAC.
    pub struct Params {
        /// The buffer.
        pub buffer: Tpm2bMaxBuffer,
        /// The algorithm, when the key has none of its own.
        pub hash_alg: Option<TpmiAlgHash>,
    }
}

reply! {
    /// The reply of TPM2_HMAC.
    pub struct Reply {
        /// The HMAC.
        pub out_hmac: Tpm2bDigest,
    }
}

impl Command for Hmac {
    const CODE: TpmCc = TpmCc::HMAC;
    const NAME: &'static str = "TPM2_HMAC";
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
        let out_hmac = crypto::hmac(host, alg, bits, &[params.buffer.as_bytes()]);
        Ok(Reply { out_hmac })
    }
}
