//! TPM2_EncryptDecrypt2 (Part 3 §15.3): encrypts or decrypts with a symmetric key.

use super::{Reply, Request, crypt};
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bIv, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmiAlgCipherMode},
};

/// TPM2_EncryptDecrypt2.
pub struct EncryptDecrypt2;

parameters! {
    /// The parameters of TPM2_EncryptDecrypt2.
    pub struct EncryptDecrypt2Params {
        /// The data.
        pub in_data: Tpm2bMaxBuffer,
        /// Whether to decrypt.
        pub decrypt: bool,
        /// The mode, when the key has none of its own.
        pub mode: Option<TpmiAlgCipherMode>,
        /// The initialisation vector.
        pub iv_in: Tpm2bIv,
    }
}

impl Command for EncryptDecrypt2 {
    const CODE: TpmCc = TpmCc::ENCRYPT_DECRYPT2;
    const NAME: &'static str = "TPM2_EncryptDecrypt2";
    type Params = EncryptDecrypt2Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let params = &command.params;
        let request = Request {
            decrypt: params.decrypt,
            mode: params.mode,
            iv: &params.iv_in,
            data: &params.in_data,
            numbers: [3, 4, 1],
        };
        let key = command.tpm.located(command.handles.first())?;
        crypt(command.host, key, &request)
    }
}
