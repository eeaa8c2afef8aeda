//! TPM2_MAC (Part 3 §15.6), which takes all that TPM2_HMAC (§15.5) does under the same code: the HMAC or CMAC of a buffer under a key.

use super::{MacKey, mac_key};
use crate::{
    crypto::{self, Cmac},
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiAlgMacScheme},
};

/// TPM2_MAC.
pub struct Mac;

parameters! {
    /// The parameters of TPM2_MAC.
    pub struct Params {
        /// The buffer.
        pub buffer: Tpm2bMaxBuffer,
        /// The algorithm, when the key has none of its own.
        pub in_scheme: Option<TpmiAlgMacScheme>,
    }
}

reply! {
    /// The reply of TPM2_MAC.
    pub struct Reply {
        /// The HMAC or CMAC.
        pub out_mac: Tpm2bDigest,
    }
}

impl Command for Mac {
    const CODE: TpmCc = TpmCc::MAC;
    const NAME: &'static str = "TPM2_MAC";
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
        let key = tpm.located(handles.first())?;
        let data = params.buffer.as_bytes();
        let out_mac = match mac_key(key, params.in_scheme)? {
            MacKey::Hmac(hash, bits) => crypto::hmac(host, hash, bits, &[data]),
            MacKey::Cmac(cipher, key) => {
                let mut cmac = Cmac::new(cipher, key)?;
                cmac.update(host, data);
                cmac.finish(host)?
            }
        };
        Ok(Reply { out_mac })
    }
}
