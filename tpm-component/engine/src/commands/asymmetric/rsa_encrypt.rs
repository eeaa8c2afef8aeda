//! TPM2_RSA_Encrypt (Part 3 §14.2): encrypts to an RSA key, of which the public half is enough.

use super::{check_label, select_scheme};
use crate::{
    crypto::{ecc::padded, rsa, rsa_padding},
    dispatch::{Authorized, Command, parameters, reply},
    structures::{PublicArea, Tpm2bData, Tpm2bPublicKeyRsa, TpmCc, TpmRc, TpmaObject, TpmtRsaDecrypt},
};

/// TPM2_RSA_Encrypt.
pub struct RsaEncrypt;

parameters! {
    /// The parameters of TPM2_RSA_Encrypt.
    pub struct RsaEncryptParams {
        /// The message.
        pub message: Tpm2bPublicKeyRsa,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtRsaDecrypt,
        /// The label of OAEP.
        pub label: Tpm2bData,
    }
}

reply! {
    /// The reply of TPM2_RSA_Encrypt.
    pub struct RsaEncryptReply {
        /// The ciphertext.
        pub out_data: Tpm2bPublicKeyRsa,
    }
}

impl Command for RsaEncrypt {
    const CODE: TpmCc = TpmCc::RSA_ENCRYPT;
    const NAME: &'static str = "TPM2_RSA_Encrypt";
    type Params = RsaEncryptParams;
    type Reply = RsaEncryptReply;

    fn run(command: Authorized<'_, Self>) -> Result<RsaEncryptReply, TpmRc> {
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
        if !key.has(TpmaObject::DECRYPT) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        check_label(&params.label).map_err(|code| code.with_parameter(3))?;
        let scheme = select_scheme(parms, &params.in_scheme).map_err(|code| code.with_parameter(2))?;
        let (message, size) = (params.message.as_bytes(), unique.len());
        let block = match scheme {
            TpmtRsaDecrypt::Null => padded(message, size).ok_or(TpmRc::VALUE)?.into(),
            TpmtRsaDecrypt::Rsaes => {
                let random = tpm.rng.bytes(host, size)?;
                rsa_padding::pkcs1_encrypt(message, &random, size)?
            }
            TpmtRsaDecrypt::Oaep(hash) => {
                let seed = tpm.rng.bytes(host, hash.digest_size())?;
                rsa_padding::oaep_encrypt(host, hash, params.label.as_bytes(), message, &seed, size)?
            }
        };
        let exponent = rsa::exponent(parms.exponent);
        let encrypted = rsa::public_operation(host, unique.as_bytes(), exponent, &block)?;
        Ok(RsaEncryptReply {
            out_data: Tpm2bPublicKeyRsa::from_vec(encrypted)?,
        })
    }
}
