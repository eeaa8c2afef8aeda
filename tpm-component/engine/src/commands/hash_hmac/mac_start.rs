//! TPM2_MAC_Start (Part 3 §17.3), which takes all that TPM2_HMAC_Start (§17.2) does under the same code: begins an HMAC or CMAC that is given in pieces.

use alloc::boxed::Box;

use super::{MacKey, mac_key};
use crate::{
    crypto::{Cmac, Hmac},
    dispatch::{Authorized, Command, parameters, reply},
    object::sequence::Sequence,
    structures::{Tpm2bAuth, TpmCc, TpmRc, TpmiAlgMacScheme},
};

/// TPM2_MAC_Start.
pub struct MacStart;

parameters! {
    /// The parameters of TPM2_MAC_Start.
    pub struct Params {
        /// The sequence's authValue.
        pub auth: Tpm2bAuth,
        /// The algorithm, when the key has none of its own.
        pub in_scheme: Option<TpmiAlgMacScheme>,
    }
}

reply! {
    /// The reply of TPM2_MAC_Start.
    pub struct Reply {
        /// The sequence.
        handle sequence_handle: TpmHandle,
    }
}

impl Command for MacStart {
    const CODE: TpmCc = TpmCc::MAC_START;
    const NAME: &'static str = "TPM2_MAC_Start";
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
        let sequence = match mac_key(&key, params.in_scheme)? {
            MacKey::Hmac(hash, bits) => Sequence::Hmac(Box::new(Hmac::new(host, hash, bits))),
            MacKey::Cmac(cipher, key) => Sequence::Cmac(Box::new(Cmac::new(cipher, key)?)),
        };
        let sequence_handle = tpm.volatile.objects.insert(sequence.into_object(&params.auth))?;
        Ok(Reply { sequence_handle })
    }
}
