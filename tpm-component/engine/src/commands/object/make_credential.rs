//! TPM2_MakeCredential (Part 3 §12.6): encrypts a secret so that only the TPM with a given key can recover it, and only for an object with a
//! given Name. It uses no secret of this TPM; a certificate authority can do the same without one.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        protection::Protection,
        seed_exchange::{self, Purpose},
    },
    structures::{Tpm2bDigest, Tpm2bEncryptedSecret, Tpm2bIdObject, Tpm2bName, TpmCc, TpmRc, TpmaObject},
    wire::Marshal,
};

/// TPM2_MakeCredential.
pub struct MakeCredential;

parameters! {
    /// The parameters of TPM2_MakeCredential.
    pub struct MakeCredentialParams {
        /// The secret.
        pub credential: Tpm2bDigest,
        /// The Name of the object for which it is.
        pub object_name: Tpm2bName,
    }
}

reply! {
    /// The reply of TPM2_MakeCredential.
    pub struct MakeCredentialReply {
        /// The protected secret.
        pub credential_blob: Tpm2bIdObject,
        /// The seed of its protection, for the key.
        pub secret: Tpm2bEncryptedSecret,
    }
}

impl Command for MakeCredential {
    const CODE: TpmCc = TpmCc::MAKE_CREDENTIAL;
    const NAME: &'static str = "TPM2_MakeCredential";
    type Params = MakeCredentialParams;
    type Reply = MakeCredentialReply;

    fn run(command: Authorized<'_, Self>) -> Result<MakeCredentialReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        // A public half is enough, so that it need not be a parent.
        let restricted = key.has(TpmaObject::RESTRICTED.with(TpmaObject::DECRYPT));
        if !restricted || !key.is_asymmetric() {
            return Err(TpmRc::TYPE.with_handle(1));
        }
        let alg = key.public.name_alg.ok_or(TpmRc::TYPE.with_handle(1))?;
        if params.credential.len() > alg.digest_size() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let (seed, secret) = seed_exchange::send(tpm, host, &key, Purpose::Identity)?;
        let protection = Protection::under_seed(&key, &seed)?;
        let plain = params.credential.to_secret_bytes();
        let blob = protection.wrap_outer(host, &plain, &params.object_name)?;
        Ok(MakeCredentialReply {
            credential_blob: Tpm2bIdObject::from_vec(blob)?,
            secret,
        })
    }
}
