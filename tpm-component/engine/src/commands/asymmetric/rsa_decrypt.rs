//! TPM2_RSA_Decrypt (Part 3 §14.3). Whatever is wrong with a ciphertext has the same answer and takes the same time.

use super::{check_label, select_scheme};
use crate::{
    crypto::rsa_padding,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{PublicArea, Tpm2bData, Tpm2bPublicKeyRsa, TpmCc, TpmRc, TpmaObject, TpmtRsaDecrypt},
};

/// TPM2_RSA_Decrypt.
pub struct RsaDecrypt;

parameters! {
    /// The parameters of TPM2_RSA_Decrypt.
    pub struct RsaDecryptParams {
        /// The ciphertext.
        pub cipher_text: Tpm2bPublicKeyRsa,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtRsaDecrypt,
        /// The label of OAEP.
        pub label: Tpm2bData,
    }
}

reply! {
    /// The reply of TPM2_RSA_Decrypt.
    pub struct RsaDecryptReply {
        /// The message.
        pub message: Tpm2bPublicKeyRsa,
    }
}

impl Command for RsaDecrypt {
    const CODE: TpmCc = TpmCc::RSA_DECRYPT;
    const NAME: &'static str = "TPM2_RSA_Decrypt";
    type Params = RsaDecryptParams;
    type Reply = RsaDecryptReply;

    fn run(command: Authorized<'_, Self>) -> Result<RsaDecryptReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let PublicArea::Rsa { parms, unique } = &key.public.area else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        if key.has(TpmaObject::RESTRICTED) || !key.has(TpmaObject::DECRYPT) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        check_label(&params.label).map_err(|code| code.with_parameter(3))?;
        let scheme = select_scheme(parms, &params.in_scheme).map_err(|code| code.with_parameter(2))?;
        if params.cipher_text.len() != unique.len() {
            return Err(TpmRc::SIZE);
        }
        let block = key.rsa_private(host)?.operation(host, params.cipher_text.as_bytes())?;
        let message = match scheme {
            TpmtRsaDecrypt::Null => block,
            TpmtRsaDecrypt::Rsaes => rsa_padding::pkcs1_decrypt(&block)?,
            TpmtRsaDecrypt::Oaep(hash) => rsa_padding::oaep_decrypt(host, hash, params.label.as_bytes(), &block)?,
        };
        Ok(RsaDecryptReply {
            message: Tpm2bPublicKeyRsa::new(&message)?,
        })
    }
}
