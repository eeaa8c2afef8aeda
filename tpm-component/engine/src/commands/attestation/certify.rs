//! TPM2_Certify (Part 3 §18.2): the TPM attests that an object with a Name is loaded in it.

use super::Attester;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{
        Tpm2bAttest, Tpm2bData, Tpm2bName, TpmCc, TpmRc, TpmsCertifyInfo, TpmtSigScheme, TpmtSignature, TpmuAttest,
    },
};

/// TPM2_Certify.
pub struct Certify;

parameters! {
    /// The parameters of TPM2_Certify.
    pub struct CertifyParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
    }
}

reply! {
    /// The reply of TPM2_Certify.
    pub struct CertifyReply {
        /// The statement.
        pub certify_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for Certify {
    const CODE: TpmCc = TpmCc::CERTIFY;
    const NAME: &'static str = "TPM2_Certify";
    type Params = CertifyParams;
    type Reply = CertifyReply;

    fn run(command: Authorized<'_, Self>) -> Result<CertifyReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.second(), 2, &params.in_scheme, 2)?;
        let object = tpm.located_object(handles.first())?;
        let attested = TpmuAttest::Certify(TpmsCertifyInfo {
            name: object.name.clone(),
            qualified_name: if attester.is_anonymous() {
                Tpm2bName::empty()
            } else {
                object.qualified_name.clone()
            },
        });
        let (certify_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(CertifyReply {
            certify_info,
            signature,
        })
    }
}
