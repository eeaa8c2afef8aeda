//! TPM2_EncryptDecrypt (Part 3 §15.2): encrypts or decrypts with a symmetric key.

use super::{Request, crypt};
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bIv, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiAlgCipherMode},
};

/// TPM2_EncryptDecrypt.
pub struct EncryptDecrypt;

parameters! {
    /// The parameters of TPM2_EncryptDecrypt.
    pub struct EncryptDecryptParams {
        /// Whether to decrypt.
        pub decrypt: bool,
        /// The mode, when the key has none of its own.
        pub mode: Option<TpmiAlgCipherMode>,
        /// The initialisation vector.
        pub iv_in: Tpm2bIv,
        /// The data.
        pub in_data: Tpm2bMaxBuffer,
    }
}

reply! {
    /// The reply of TPM2_EncryptDecrypt.
    pub struct EncryptDecryptReply {
        /// The data.
        pub out_data: Tpm2bMaxBuffer,
        /// The vector for what follows.
        pub iv_out: Tpm2bIv,
    }
}

impl Command for EncryptDecrypt {
    const CODE: TpmCc = TpmCc::ENCRYPT_DECRYPT;
    const NAME: &'static str = "TPM2_EncryptDecrypt";
    type Params = EncryptDecryptParams;
    type Reply = EncryptDecryptReply;

    fn run(command: Authorized<'_, Self>) -> Result<EncryptDecryptReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let request = Request {
            decrypt: params.decrypt,
            mode: params.mode,
            iv: &params.iv_in,
            data: &params.in_data,
            numbers: [2, 3, 4],
        };
        let (out_data, iv_out) = crypt(host, &key, &request)?;
        Ok(EncryptDecryptReply { out_data, iv_out })
    }
}
