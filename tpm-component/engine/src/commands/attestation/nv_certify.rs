//! TPM2_NV_Certify (Part 3 §31.16): the TPM attests contents of an NV index; with size and offset zero, the digest of all of them (1.59).

use super::Attester;
use crate::{
    commands::nv::index,
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
        let index = index(tpm, handles.third(), 3)?;
        access::check_read(index, handles.second())?;
        let (size, offset) = (usize::from(params.size), usize::from(params.offset));
        let contents = index.read(offset, size)?;
        if size > Tpm2bMaxNvBuffer::MAX {
            return Err(TpmRc::VALUE.with_parameter(3));
        }
        let index_name = index.name(host)?;
        let attested = if size == 0 && offset == 0 {
            // With the hash of the signature; without a key there is neither hash nor digest, as from other TPMs.
            let nv_digest = attester
                .hash()
                .map_or_else(Tpm2bDigest::empty, |alg| hash(host, alg, &[index.bytes()]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::nv::tests::{INDEX, OPEN, with_index, write},
        crypto::NoOffer,
        structures::{TpmAlgId, TpmHandle, TpmiAlgHash},
        test_tpm::{Answer, Call, hex},
        wire::{Marshal, Reader, Unmarshal},
    };

    #[test]
    fn nv_certify_attests_contents_or_their_digest() {
        let mut test = with_index(OPEN, 8);
        let key = test.load_hmac_key();
        test.run(write(b"12345678", 0)).expect("allowed");
        let certify = |key: TpmHandle, size: u16, offset: u16| {
            Call::new(TpmCc::NV_CERTIFY)
                .on(key)
                .on(TpmHandle::OWNER)
                .on(INDEX)
                .password(b"")
                .password(b"")
                .with(&Tpm2bData::new(b"nonce").expect("short"))
                .with(&TpmAlgId::NULL)
                .with(&size)
                .with(&offset)
        };
        let attested = |answer: Answer| {
            let mut reader = Reader::new(&answer.parameters);
            Tpm2bAttest::unmarshal(&mut reader)
                .expect("a statement")
                .as_bytes()
                .to_vec()
        };
        // TPM_GENERATED_VALUE and TPM_ST_ATTEST_NV in front; offset, size and contents at the end (Part 2 §10.12.8).
        let contents = attested(test.run(certify(key, 4, 2)).expect("allowed"));
        assert_eq!(contents[..6], hex("ff5443478014"));
        assert!(contents.ends_with(&[&hex("00020004")[..], b"3456"].concat()));
        let whole = attested(test.run(certify(key, 0, 0)).expect("allowed"));
        assert_eq!(whole[..6], hex("ff544347801c"));
        let expected = hash(&mut NoOffer, TpmiAlgHash::Sha256, &[b"12345678"]);
        assert!(whole.ends_with(&expected.to_bytes()));
        assert_eq!(test.run(certify(key, 4, 5)).err(), Some(TpmRc::NV_RANGE));
        assert_eq!(test.run(certify(key, 1, 9)).err(), Some(TpmRc::NV_RANGE));
        assert!(test.run(certify(TpmHandle::NULL, 4, 0)).is_ok());
        // swtpm 0.7.1 answers an empty digest when there is no key and so no hash.
        let unsigned = attested(test.run(certify(TpmHandle::NULL, 0, 0)).expect("allowed"));
        assert!(unsigned.ends_with(&[0, 0]));
    }
}
