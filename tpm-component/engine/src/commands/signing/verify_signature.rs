//! TPM2_VerifySignature (Part 3 §20.1): whether a key has signed a digest. When it has, the ticket lets TPM2_PolicyAuthorize believe it later
//! without the signature.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    hierarchy::ticket,
    object::signing,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmaObject, TpmiRhHierarchy, TpmtSignature, TpmtTkVerified},
};

/// TPM2_VerifySignature.
pub struct VerifySignature;

parameters! {
    /// The parameters of TPM2_VerifySignature.
    pub struct VerifySignatureParams {
        /// The digest.
        pub digest: Tpm2bDigest,
        /// The signature.
        pub signature: TpmtSignature,
    }
}

reply! {
    /// The reply of TPM2_VerifySignature.
    pub struct VerifySignatureReply {
        /// That the signature was good.
        pub validation: TpmtTkVerified,
    }
}

impl Command for VerifySignature {
    const CODE: TpmCc = TpmCc::VERIFY_SIGNATURE;
    const NAME: &'static str = "TPM2_VerifySignature";
    type Params = VerifySignatureParams;
    type Reply = VerifySignatureReply;

    fn run(command: Authorized<'_, Self>) -> Result<VerifySignatureReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        if !key.has(TpmaObject::SIGN) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let digest = params.digest.as_bytes();
        signing::verify(tpm, host, &key, digest, &params.signature).map_err(|code| code.with_parameter(2))?;
        let validation = if key.hierarchy == TpmiRhHierarchy::Null || key.name.is_empty() {
            TpmtTkVerified::null()
        } else {
            let proof = &tpm.root(key.hierarchy).proof;
            TpmtTkVerified {
                hierarchy: key.hierarchy,
                digest: ticket::verified(host, proof, digest, key.name.as_bytes()),
            }
        };
        Ok(VerifySignatureReply { validation })
    }
}
