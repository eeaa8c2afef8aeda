//! TPM2_CertifyCreation (Part 3 §18.3): the TPM attests that it created an object with some creation data. That it did is in the ticket.

use super::Attester;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    hierarchy::ticket,
    structures::{
        Tpm2bAttest, Tpm2bData, Tpm2bDigest, TpmCc, TpmRc, TpmsCreationInfo, TpmtSigScheme, TpmtSignature,
        TpmtTkCreation, TpmuAttest,
    },
};

/// TPM2_CertifyCreation.
pub struct CertifyCreation;

parameters! {
    /// The parameters of TPM2_CertifyCreation.
    pub struct CertifyCreationParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The digest of the creation data.
        pub creation_hash: Tpm2bDigest,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
        /// That this TPM created the object with that creation data.
        pub creation_ticket: TpmtTkCreation,
    }
}

reply! {
    /// The reply of TPM2_CertifyCreation.
    pub struct CertifyCreationReply {
        /// The statement.
        pub certify_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for CertifyCreation {
    const CODE: TpmCc = TpmCc::CERTIFY_CREATION;
    const NAME: &'static str = "TPM2_CertifyCreation";
    type Params = CertifyCreationParams;
    type Reply = CertifyCreationReply;

    fn run(command: Authorized<'_, Self>) -> Result<CertifyCreationReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.first(), 1, &params.in_scheme, 3)?;
        let object = tpm.located_object(handles.second())?;
        let proof = tpm.root(params.creation_ticket.hierarchy).proof.clone();
        let expected = ticket::creation(host, &proof, object.name.as_bytes(), params.creation_hash.as_bytes());
        // Tpm2bDigest compares in constant time.
        if expected != params.creation_ticket.digest {
            return Err(TpmRc::TICKET.with_parameter(4));
        }
        let attested = TpmuAttest::Creation(TpmsCreationInfo {
            object_name: object.name.clone(),
            creation_hash: params.creation_hash,
        });
        let (certify_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(CertifyCreationReply {
            certify_info,
            signature,
        })
    }
}
