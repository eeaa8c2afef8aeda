//! TPM2_EncryptDecrypt (Part 3 §15.2): encrypts or decrypts with a symmetric key.

use super::{Reply, Request, crypt};
use crate::{
    dispatch::{Authorized, Command, parameters},
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

impl Command for EncryptDecrypt {
    const CODE: TpmCc = TpmCc::ENCRYPT_DECRYPT;
    const NAME: &'static str = "TPM2_EncryptDecrypt";
    type Params = EncryptDecryptParams;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let params = &command.params;
        let request = Request {
            decrypt: params.decrypt,
            mode: params.mode,
            iv: &params.iv_in,
            data: &params.in_data,
            numbers: [2, 3, 4],
        };
        let key = command.tpm.located(command.handles.first())?;
        crypt(command.host, key, &request)
    }
}
