//! TPM2_ActivateCredential (Part 3 §12.5): recovers the secret of a credential, which proves to whoever made it that the key and the named object
//! are in the same TPM.
//!
//! Credential and secret come from outside. The Name that goes into the protection is that of the object under the first handle, so a
//! credential for another object fails its integrity check; nothing is decrypted before that.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        protection::Protection,
        seed_exchange::{self, Purpose},
    },
    structures::{Tpm2bDigest, Tpm2bEncryptedSecret, Tpm2bIdObject, TpmCc, TpmRc},
    wire::Unmarshal,
};

/// TPM2_ActivateCredential.
pub struct ActivateCredential;

parameters! {
    /// The parameters of TPM2_ActivateCredential.
    pub struct ActivateCredentialParams {
        /// The protected secret.
        pub credential_blob: Tpm2bIdObject,
        /// The seed of its protection, for the key.
        pub secret: Tpm2bEncryptedSecret,
    }
}

reply! {
    /// The reply of TPM2_ActivateCredential.
    pub struct ActivateCredentialReply {
        /// The secret.
        pub cert_info: Tpm2bDigest,
    }
}

impl Command for ActivateCredential {
    const CODE: TpmCc = TpmCc::ACTIVATE_CREDENTIAL;
    const NAME: &'static str = "TPM2_ActivateCredential";
    type Params = ActivateCredentialParams;
    type Reply = ActivateCredentialReply;

    fn run(command: Authorized<'_, Self>) -> Result<ActivateCredentialReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let object = tpm.located_object(handles.first())?;
        let key = tpm.located_object(handles.second())?;
        if !key.is_asymmetric() || !key.is_storage_parent() {
            return Err(TpmRc::TYPE.with_handle(2));
        }
        let seed = seed_exchange::receive(host, &key, Purpose::Identity, &params.secret)
            .map_err(|code| code.with_parameter(2))?;
        let protection = Protection::under_seed(&key, &seed)?;
        let plain = protection
            .unwrap_outer(host, params.credential_blob.as_bytes(), &object.name)
            .map_err(|code| code.with_parameter(1))?;
        let cert_info = Tpm2bDigest::from_bytes(&plain).map_err(|code| code.with_parameter(1))?;
        Ok(ActivateCredentialReply { cert_info })
    }
}
