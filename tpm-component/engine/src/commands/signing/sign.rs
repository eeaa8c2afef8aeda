//! TPM2_Sign (Part 3 §20.2): signs a digest.
//!
//! The digest is the caller's. A restricted key signs only what a ticket says that this TPM has hashed itself and that does not look
//! like an attestation; otherwise a caller could have a forged quote signed.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    hierarchy::ticket,
    object::signing,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmaObject, TpmtSigScheme, TpmtSignature, TpmtTkHashcheck},
};

/// TPM2_Sign.
pub struct Sign;

parameters! {
    /// The parameters of TPM2_Sign.
    pub struct SignParams {
        /// The digest.
        pub digest: Tpm2bDigest,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
        /// That this TPM computed the digest.
        pub validation: TpmtTkHashcheck,
    }
}

reply! {
    /// The reply of TPM2_Sign.
    pub struct SignReply {
        /// The signature.
        pub signature: TpmtSignature,
    }
}

impl Command for Sign {
    const CODE: TpmCc = TpmCc::SIGN;
    const NAME: &'static str = "TPM2_Sign";
    type Params = SignParams;
    type Reply = SignReply;

    fn run(command: Authorized<'_, Self>) -> Result<SignReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        if !signing::can_sign(&key) {
            return Err(TpmRc::KEY.with_handle(1));
        }
        if key.has(TpmaObject::X509_SIGN) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let wrong_scheme = |code: TpmRc| code.with_parameter(2);
        let scheme = signing::select_scheme(&key, &params.in_scheme).map_err(wrong_scheme)?;
        let hash = scheme.hash().ok_or(TpmRc::SCHEME.with_parameter(2))?;
        if key.has(TpmaObject::RESTRICTED) || !params.validation.digest.is_empty() {
            let proof = tpm.root(params.validation.hierarchy).proof.clone();
            let expected = ticket::hashcheck(host, &proof, hash, params.digest.as_bytes());
            // Tpm2bDigest compares in constant time.
            if expected != params.validation.digest {
                return Err(TpmRc::TICKET.with_parameter(3));
            }
        }
        if params.digest.len() != hash.digest_size() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let signature = signing::sign(tpm, host, &key, &scheme, params.digest.as_bytes())?;
        Ok(SignReply { signature })
    }
}
