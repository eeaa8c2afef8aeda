//! TPM2_NV_Certify (Part 3 §31.16): the TPM attests contents of an NV index; with size and offset zero, the digest of all of them (1.59).

use super::Attester;
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters, reply},
    nv::access,
    structures::{
        Tpm2bAttest, Tpm2bData, Tpm2bDigest, Tpm2bMaxNvBuffer, TpmCc, TpmRc, TpmsNvCertifyInfo,
        TpmsNvDigestCertifyInfo, TpmtSigScheme, TpmtSignature, TpmuAttest,
    },
};

/// TPM2_NV_Certify.
pub struct NvCertify;

parameters! {
    /// The parameters of TPM2_NV_Certify.
    pub struct NvCertifyParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
        /// How many bytes.
        pub size: u16,
        /// From where.
        pub offset: u16,
    }
}

reply! {
    /// The reply of TPM2_NV_Certify.
    pub struct NvCertifyReply {
        /// The statement.
        pub certify_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for NvCertify {
    const CODE: TpmCc = TpmCc::NV_CERTIFY;
    const NAME: &'static str = "TPM2_NV_Certify";
    type Params = NvCertifyParams;
    type Reply = NvCertifyReply;

    fn run(command: Authorized<'_, Self>) -> Result<NvCertifyReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.first(), 1, &params.in_scheme, 2)?;
        let index = tpm
            .persistent
            .nv
            .get(handles.third())
            .ok_or(TpmRc::HANDLE.with_handle(3))?;
        access::check_read(index, handles.second())?;
        let (size, offset) = (usize::from(params.size), usize::from(params.offset));
        let contents = index.read(offset, size)?;
        if size > Tpm2bMaxNvBuffer::MAX {
            return Err(TpmRc::VALUE.with_parameter(3));
        }
        let index_name = index.name(host)?;
        let attested = if size == 0 && offset == 0 {
            // With the hash of the signature; without a key there is neither hash nor digest, as from other TPMs.
            let alg = attester.scheme().and_then(TpmtSigScheme::hash);
            let nv_digest = alg.map_or_else(Tpm2bDigest::empty, |alg| hash(host, alg, &[index.bytes()]));
            TpmuAttest::NvDigest(TpmsNvDigestCertifyInfo { index_name, nv_digest })
        } else {
            let nv_contents = Tpm2bMaxNvBuffer::new(contents)?;
            TpmuAttest::Nv(TpmsNvCertifyInfo {
                index_name,
                offset: params.offset,
                nv_contents,
            })
        };
        let (certify_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(NvCertifyReply {
            certify_info,
            signature,
        })
    }
}
