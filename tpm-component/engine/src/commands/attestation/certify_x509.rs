//! TPM2_CertifyX509 (Part 3 §18.8): the TPM certifies an asymmetric key in the form of X.509. The caller gives issuer, validity, subject and extensions; the TPM adds
//! what only it can say, the key itself, and the serial number, which follows from all the rest.

use alloc::vec::Vec;

use super::Attester;
use crate::{
    crypto::hash,
    der,
    dispatch::{Authorized, Command, parameters, reply},
    object::signing,
    structures::{Tpm2bData, Tpm2bDigest, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmtSigScheme, TpmtSignature},
    x509::{self, Partial},
};

/// TPM2_CertifyX509.
pub struct CertifyX509;

parameters! {
    /// The parameters of TPM2_CertifyX509.
    pub struct CertifyX509Params {
        /// Nothing.
        pub reserved: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
        /// What the caller gives of the certificate.
        pub partial_certificate: Tpm2bMaxBuffer,
    }
}

reply! {
    /// The reply of TPM2_CertifyX509.
    pub struct CertifyX509Reply {
        /// What the TPM added: version, serial number, the signature's algorithm unless the caller gave it, and the key.
        pub added_to_certificate: Tpm2bMaxBuffer,
        /// The digest that was signed.
        pub tbs_digest: Tpm2bDigest,
        /// The signature over it.
        pub signature: TpmtSignature,
    }
}

/// Most bytes of a serial number (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

impl Command for CertifyX509 {
    const CODE: TpmCc = TpmCc::CERTIFY_X509;
    const NAME: &'static str = "TPM2_CertifyX509";
    type Params = CertifyX509Params;
    type Reply = CertifyX509Reply;

    fn run(command: Authorized<'_, Self>) -> Result<CertifyX509Reply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        if !params.reserved.is_empty() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let attester = Attester::new(tpm, handles.second(), 2, &params.in_scheme, 2)?;
        // Without a key there is no scheme, and nothing to be a certificate.
        let (signer, scheme) = attester.key.ok_or(TpmRc::KEY.with_handle(2))?;
        let object = tpm.located_object(handles.first())?;
        let public_key = x509::public_key(&object.public).ok_or(TpmRc::ASYMMETRIC.with_handle(1))?;
        let partial = Partial::read(params.partial_certificate.as_bytes()).map_err(|code| code.with_parameter(3))?;
        let own_algorithm = match partial.signature {
            Some(_) => Vec::new(),
            None => x509::signature_algorithm(&signer.public, &scheme).ok_or(TpmRc::SCHEME.with_handle(2))?,
        };
        x509::check_extensions(&partial.extensions, object.public.object_attributes).map_err(|code| match code {
            TpmRc::ATTRIBUTES => code.with_handle(1),
            _ => code.with_parameter(3),
        })?;
        let algorithm = partial.signature.unwrap_or(&own_algorithm);
        let [issuer, validity, subject] = partial.names;
        let body: [&[u8]; 6] = [
            algorithm,
            issuer,
            validity,
            subject,
            &public_key,
            partial.extensions.whole,
        ];
        let body = body.concat();
        let name_alg = signer.public.name_alg.ok_or(TpmRc::KEY.with_handle(2))?;
        let serial = hash(host, name_alg, &[&body, signer.name.as_bytes(), object.name.as_bytes()]);
        let serial = serial.as_bytes();
        let serial = der::integer(serial.get(..MAX_SERIAL).unwrap_or(serial));
        let version = x509::version();
        let certificate = der::element(der::SEQUENCE, &[&version, &serial, &body]);
        let tbs_digest = hash(
            host,
            scheme.hash().ok_or(TpmRc::SCHEME.with_parameter(2))?,
            &[&certificate],
        );
        let signature = signing::sign(tpm, host, &signer, &scheme, tbs_digest.as_bytes())?;
        let added: [&[u8]; 4] = [&version, &serial, &own_algorithm, &public_key];
        Ok(CertifyX509Reply {
            added_to_certificate: Tpm2bMaxBuffer::from_vec(der::element(der::SEQUENCE, &added))?,
            tbs_digest,
            signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::ecc,
        structures::{TpmHandle, TpmiAlgHash, TpmiEccCurve, TpmtEccScheme},
        test_objects::{attestation_key, ecc_signing},
        test_tpm::{Call, TestTpm, hex},
        wire::Unmarshal,
    };

    /// Three empty SEQUENCEs, and extensions with tcg-tpma-object and keyUsage.
    fn partial(attributes: &str, usage: &str) -> Vec<u8> {
        let extension = |oid: &str, bits: &str| {
            let value = der::element(der::OCTET_STRING, &[&der::element(der::BIT_STRING, &[&hex(bits)])]);
            der::element(
                der::SEQUENCE,
                &[&der::element(der::OBJECT_IDENTIFIER, &[&hex(oid)]), &value],
            )
        };
        let list = [extension("6781050a010101", attributes), extension("551d0f", usage)];
        let list = der::element(der::SEQUENCE, &[&list[0], &list[1]]);
        let extensions = der::element(x509::EXTENSIONS, &[&list]);
        let empty = hex("300030003000");
        der::element(der::SEQUENCE, &[&empty, &extensions])
    }

    fn certify(object: TpmHandle, signer: TpmHandle, partial: &[u8]) -> Call {
        Call::new(TpmCc::CERTIFY_X509)
            .on(object)
            .on(signer)
            .password(b"")
            .password(b"")
            .with_raw(&hex("00000010"))
            .with(&Tpm2bMaxBuffer::new(partial).expect("short"))
    }

    #[test]
    fn certificate_as_a_whole_is_what_was_signed() {
        let mut tpm = TestTpm::started();
        let signer = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
        let object = tpm.primary(
            TpmHandle::OWNER,
            &ecc_signing(TpmiEccCurve::NistP384, TpmtEccScheme::Null),
        );
        // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign; digitalSignature and nonRepudiation.
        let partial = partial("0000040472", "06c0");
        let answer = tpm.run(certify(object, signer, &partial)).expect("a good certificate");
        let mut reader = answer.reader();
        let added: Tpm2bMaxBuffer = Unmarshal::unmarshal(&mut reader).expect("addedToCertificate");
        let digest: Tpm2bDigest = Unmarshal::unmarshal(&mut reader).expect("tbsDigest");
        let signature: TpmtSignature = Unmarshal::unmarshal(&mut reader).expect("signature");
        // RFC 5280 §4.1: version, serial number, signature, issuer, validity, subject, the key, extensions.
        let inside = |bytes: &[u8]| {
            let whole = der::Elements::new(bytes)
                .next()
                .expect("one element")
                .expect("DER")
                .contents
                .to_vec();
            der::Elements::new(&whole)
                .map(|element| element.expect("DER").whole.to_vec())
                .collect::<Vec<_>>()
        };
        let (added, given) = (inside(added.as_bytes()), inside(&partial));
        assert_eq!((added.len(), given.len()), (4, 4));
        assert_eq!(added[0], hex("a003020102"));
        assert_eq!(added[2], hex("300a06082a8648ce3d040302"), "ecdsa-with-SHA256");
        let all = [&added[..3], &given[..3], &added[3..], &given[3..]].concat().concat();
        let certificate = der::element(der::SEQUENCE, &[&all]);
        let expected = hash(&mut tpm.host, TpmiAlgHash::Sha256, &[&certificate]);
        assert_eq!(digest, expected);
        let TpmtSignature::Ecdsa(signature) = signature else {
            panic!("{signature:?}")
        };
        let crate::structures::PublicArea::Ecc { unique, .. } = &tpm.tpm.object(signer).expect("loaded").public.area
        else {
            panic!("an ECC key")
        };
        let point = [unique.x.as_bytes(), unique.y.as_bytes()].concat();
        let (r, s) = (signature.signature_r.as_bytes(), signature.signature_s.as_bytes());
        let curve = TpmiEccCurve::NistP256;
        assert!(ecc::ecdsa_verify(&mut tpm.host, curve, &point, digest.as_bytes(), r, s));
    }

    #[test]
    fn what_is_not_true_of_the_key_is_refused() {
        // Part 3 §18.8; the numbers of handles and parameters are those of its command table.
        let mut tpm = TestTpm::started();
        let signer = tpm.primary(TpmHandle::ENDORSEMENT, &attestation_key());
        let refused = |tpm: &mut TestTpm, attributes: &str, usage: &str| {
            tpm.run(certify(signer, signer, &partial(attributes, usage)))
                .expect_err("not true")
        };
        // The key is restricted, too: 00050472.
        assert_eq!(
            refused(&mut tpm, "0000040472", "0780"),
            TpmRc::new(0x182),
            "ATTRIBUTES, H1"
        );
        assert_eq!(
            refused(&mut tpm, "0000050472", "06800040"),
            TpmRc::new(0x3E1),
            "RESERVED_BITS, P3"
        );
        assert_eq!(refused(&mut tpm, "0000050472", "0410"), TpmRc::new(0x3C4), "VALUE, P3");
        tpm.run(certify(signer, signer, &partial("0000050472", "0780")))
            .expect("true");
        assert_eq!(
            tpm.run(certify(signer, TpmHandle::NULL, &partial("0000050472", "0780")))
                .expect_err("KEY, H2"),
            TpmRc::new(0x29C)
        );
    }
}
