//! Honest evidence made from scratch: a simulator-style certificate chain, reports signed with its leaf, and a TPM in software.
//!
//! The software TPM implements the receiving side (ActivateCredential, Quote) from Part 1 and Part 3 directly, sharing no code with the
//! verifier, so that the verifier's sending side is checked against another implementation.
#![allow(dead_code, reason = "each test program uses its own part of this module")]

pub mod event_log;

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::oaep::DecryptingKey;
use rsa::traits::{Decryptor, PublicKeyParts};
use sha2::{Digest, Sha256, Sha384, Sha512};
use sim_pki::{Authority, Chain, Leaf, Platform};
use svsm_proto::manifest::CloisterManifest;
use svsm_proto::report::{AttestationReport, REPORT_SIZE};
use verifier::{
    Challenge, Credential, Evidence, Expectations, Form, HashAlg, KeyProof, PcrValue, TpmtPublic, TrustRoots,
};
use zerocopy::{FromZeros, IntoBytes};

pub const NONCE: [u8; 64] = [0x4E; 64];
pub const MEASUREMENT: [u8; 48] = [0x4D; 48];
pub const COMPONENT: [u8; 32] = [0xC0; 32];
/// 2026-01-01
pub const NOW: u64 = 1_767_225_600;

pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::generate().expect("keys"))
}

pub fn milan() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| authority().issue(Platform::default(), Leaf::Chip).expect("certificate"))
}

/// Signs a report as the processor of `chain` would.
pub fn sign(report: &mut AttestationReport, chain: &Chain) {
    let key = p384::ecdsa::SigningKey::from_slice(chain.vcek_scalar.as_ref()).expect("a P-384 key");
    let digest = Sha384::digest(report.signed_bytes());
    let signature: p384::ecdsa::Signature = key.sign_prehash(&digest).expect("signed");
    let (r, s) = signature.split_bytes();
    for (field, value) in [(&mut report.signature.r, r), (&mut report.signature.s, s)] {
        *field = [0; 72];
        field[..48].copy_from_slice(&value);
        field[..48].reverse();
    }
}

/// A report as the simulated processor makes it, not yet signed.
pub fn report(report_data: [u8; 64], chain: &Chain) -> AttestationReport {
    let mut report = AttestationReport::new_zeroed();
    report.version = 3;
    report.policy = 0x3_0000;
    report.signature_algo = 1;
    report.report_data = report_data;
    report.measurement = MEASUREMENT;
    report.report_id = [0x1D; 32];
    report.report_id_ma = [0xFF; 32];
    report.chip_id = chain.chip_id;
    let tcb = chain.platform.reported_tcb.to_le_bytes();
    (
        report.reported_tcb,
        report.current_tcb,
        report.committed_tcb,
        report.launch_tcb,
    ) = (tcb, tcb, tcb, tcb);
    report.cpuid_fam_id = chain.platform.family;
    report.cpuid_mod_id = chain.platform.model;
    report.cpuid_step = chain.platform.stepping;
    report
}

pub fn signed(report_data: [u8; 64], chain: &Chain) -> AttestationReport {
    let mut report = report(report_data, chain);
    sign(&mut report, chain);
    report
}

/// A TPM: endorsement and storage keys by template, and an attestation key.
pub struct SoftTpm {
    rsa_ek: rsa::PrivateKey,
    p256_ek: p256::SecretKey,
    p256_srk: p256::SecretKey,
    ak: p256::ecdsa::SigningKey,
    pub ak_attributes: u32,
}

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
pub const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// Everything before `unique` of the default templates, as the EK Credential Profile (L-1, L-2) and the SRK guidance give them.
const RSA_EK: &str = concat!(
    "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
    "0006008000430010080000000000"
);
const P256_EK: &str = concat!(
    "0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa",
    "000600800043001000030010"
);
const RSA_SRK: &str = "0001000b0003047200000006008000430010080000000000";
const P256_SRK: &str = "0023000b000304720000000600800043001000030010";

fn fixed(template: &str) -> Vec<u8> {
    hex::decode(template).expect("hexadecimal")
}

fn two_b(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn p256_public(fixed: &[u8], key: &p256::PublicKey) -> Vec<u8> {
    let point = key.to_sec1_point(false);
    let (x, y) = (point.x().expect("affine"), point.y().expect("affine"));
    [fixed, &two_b(x), &two_b(y)].concat()
}

impl SoftTpm {
    pub fn get() -> &'static SoftTpm {
        static TPM: OnceLock<SoftTpm> = OnceLock::new();
        TPM.get_or_init(|| SoftTpm::new(AK_ATTRIBUTES))
    }

    pub fn new(ak_attributes: u32) -> Self {
        let secret = |seed: u8| p256::SecretKey::from_slice(&[seed; 32]).expect("a P-256 key");
        SoftTpm {
            rsa_ek: rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).expect("an RSA key"),
            p256_ek: secret(0x11),
            p256_srk: secret(0x22),
            ak: p256::ecdsa::SigningKey::from_slice(&[0x33; 32]).expect("a P-256 key"),
            ak_attributes,
        }
    }

    pub fn rsa_ek(&self) -> Vec<u8> {
        let modulus = self.rsa_ek.to_public_key().n().to_be_bytes();
        [fixed(RSA_EK), two_b(&modulus)].concat()
    }

    pub fn p256_ek(&self) -> Vec<u8> {
        p256_public(&fixed(P256_EK), &self.p256_ek.public_key())
    }

    pub fn rsa_srk(&self) -> Vec<u8> {
        // Any odd full-size modulus: nobody uses this key here.
        [fixed(RSA_SRK), two_b(&[0xA5; 256])].concat()
    }

    pub fn p256_srk(&self) -> Vec<u8> {
        p256_public(&fixed(P256_SRK), &self.p256_srk.public_key())
    }

    /// A P-256 key with ECDSA-SHA256, no symmetric algorithm, no policy.
    pub fn ak(&self) -> Vec<u8> {
        let fixed = [
            &[0x00, 0x23, 0x00, 0x0B][..],
            &self.ak_attributes.to_be_bytes(),
            &[0, 0, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0B, 0x00, 0x03, 0x00, 0x10],
        ];
        p256_public(&fixed.concat(), &p256::PublicKey::from(*self.ak.verifying_key()))
    }

    /// TPM2_ActivateCredential with the RSA or the P-256 endorsement key; `None` where a TPM answers with an error.
    pub fn activate(&self, credential: &Credential, rsa: bool) -> Option<Vec<u8>> {
        let secret = credential.encrypted_secret.get(2..)?;
        let seed = if rsa {
            DecryptingKey::<Sha256>::new_with_label(self.rsa_ek.clone(), b"IDENTITY\0".to_vec())
                .decrypt(secret)
                .ok()?
        } else {
            let (x, y) = (secret.get(2..34)?, secret.get(36..68)?);
            let point = p256::PublicKey::from_sec1_bytes(&[&[4], x, y].concat()).ok()?;
            let shared = p256::ecdh::diffie_hellman(self.p256_ek.to_nonzero_scalar(), point.as_affine());
            let own = self.p256_ek.public_key().to_sec1_point(false);
            // KDFe, Part 1 §11.4.10.3: one block is enough.
            let own_x = own.x().expect("affine");
            let input = [
                &1u32.to_be_bytes()[..],
                shared.raw_secret_bytes(),
                b"IDENTITY\0",
                x,
                own_x,
            ]
            .concat();
            Sha256::digest(input).to_vec()
        };
        let name = [&[0x00, 0x0B][..], &Sha256::digest(self.ak())].concat();
        let hmac = |key: &[u8], data: &[u8]| -> Vec<u8> {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        };
        // KDFa, Part 1 §11.4.10.2: one block is enough.
        let kdf = |label: &[u8], context: &[u8], bits: u32| {
            hmac(
                &seed,
                &[&1u32.to_be_bytes()[..], label, &[0], context, &bits.to_be_bytes()].concat(),
            )
        };
        let integrity = credential.blob.get(4..36)?;
        let encrypted = credential.blob.get(36..)?;
        if hmac(&kdf(b"INTEGRITY", &[], 256), &[encrypted, &name].concat()) != integrity {
            return None;
        }
        let cipher = Aes128::new_from_slice(&kdf(b"STORAGE", &name, 128)[..16]).expect("a key");
        let mut plain = Vec::new();
        let mut feedback = [0u8; 16];
        for chunk in encrypted.chunks(16) {
            let mut block = Array::from(feedback);
            cipher.encrypt_block(&mut block);
            plain.extend(chunk.iter().zip(block.iter()).map(|(byte, pad)| byte ^ pad));
            feedback[..chunk.len()].copy_from_slice(chunk);
        }
        Some(plain.get(2..)?.to_vec())
    }

    /// TPM2_Quote over SHA-256 PCRs with the given contents, ascending: TPMS_ATTEST and TPMT_SIGNATURE.
    pub fn quote(&self, qualifying_data: &[u8], pcrs: &[PcrValue]) -> (Vec<u8>, Vec<u8>) {
        let mut select = [0u8; 3];
        for value in pcrs {
            select[usize::from(value.index / 8)] |= 1 << (value.index % 8);
        }
        let contents: Vec<u8> = pcrs.iter().flat_map(|value| value.digest.clone()).collect();
        let attest = [
            &0xFF54_4347u32.to_be_bytes()[..],
            &0x8018u16.to_be_bytes(),
            &two_b(&[0x51; 34]),
            &two_b(qualifying_data),
            &[0; 8],
            &[0, 0, 0, 1, 0, 0, 0, 0, 1],
            &[0; 8],
            &[0, 0, 0, 1, 0x00, 0x0B, 3],
            &select,
            &two_b(&Sha256::digest(contents)),
        ]
        .concat();
        let signature: p256::ecdsa::Signature = self.ak.sign_prehash(&Sha256::digest(&attest)).expect("signed");
        let (r, s) = signature.split_bytes();
        let signature = [&[0x00, 0x18, 0x00, 0x0B][..], &two_b(&r), &two_b(&s)].concat();
        (attest, signature)
    }
}

pub fn pcrs() -> Vec<PcrValue> {
    [(0, 0x70), (16, 0x16)]
        .map(|(index, fill)| PcrValue {
            bank: HashAlg::Sha256,
            index,
            digest: vec![fill; 32],
        })
        .to_vec()
}

/// X(P-256 EK) and X(P-256 SRK).
pub fn boot_identity(tpm: &SoftTpm) -> [u8; 64] {
    let x = |public: Vec<u8>| public[public.len() - 66..public.len() - 34].to_vec();
    [x(tpm.p256_ek()), x(tpm.p256_srk())]
        .concat()
        .try_into()
        .expect("64 bytes")
}

pub fn manifest(form: Form, tpm: &SoftTpm, chain: &Chain) -> Vec<u8> {
    match form {
        Form::VtpmV0 => tpm.rsa_ek(),
        Form::CloisterV1 | Form::BootIdentity => [tpm.p256_ek(), tpm.p256_srk()].concat(),
        Form::CloisterV2 => event_log::Log::honest().bytes(),
        Form::CloisterV3 => {
            // The layout by hand: version 0 with another number and a word of flags in front of the component.
            let plain = self::manifest(Form::CloisterV0, tpm, chain);
            [&plain[..16], &[3, 0, 0, 0, 3, 0, 0, 0], &plain[20..]].concat()
        }
        Form::CloisterV0 => {
            let boot = signed(boot_identity(tpm), chain);
            let (rsa_ek, p256_ek, rsa_srk, p256_srk) = (tpm.rsa_ek(), tpm.p256_ek(), tpm.rsa_srk(), tpm.p256_srk());
            let mut bytes = Vec::with_capacity(REPORT_SIZE + 2048);
            CloisterManifest {
                component_sha256: COMPONENT,
                boot_report: boot.as_bytes(),
                rsa_ek: &rsa_ek,
                p256_ek: &p256_ek,
                rsa_srk: &rsa_srk,
                p256_srk: &p256_srk,
            }
            .emit(|part| bytes.extend_from_slice(part))
            .expect("within bounds");
            bytes
        }
    }
}

/// REPORT_DATA over a nonce and a manifest.
pub fn bound(nonce: &[u8], manifest: &[u8]) -> [u8; 64] {
    Sha512::digest([nonce, manifest].concat()).into()
}

/// Evidence in which everything is as it should be, without a quote.
pub fn evidence(form: Form, tpm: &SoftTpm, chain: &Chain) -> Evidence {
    let manifest = manifest(form, tpm, chain);
    let (nonce, report_data) = match form {
        Form::BootIdentity => (Vec::new(), boot_identity(tpm)),
        _ => (NONCE.to_vec(), bound(&NONCE, &manifest)),
    };
    Evidence {
        report: signed(report_data, chain).as_bytes().to_vec(),
        certificates: vec![chain.pem().expect("PEM").into_bytes()],
        form,
        manifest,
        nonce,
        key_proof: None,
        event_log: None,
    }
}

/// A proof of the attestation key and a quote, as an honest guest gives it.
pub fn key_proof(tpm: &SoftTpm, rsa: bool) -> KeyProof {
    key_proof_over(tpm, rsa, pcrs())
}

/// The same with a quote over these PCRs.
pub fn key_proof_over(tpm: &SoftTpm, rsa: bool, pcrs: Vec<PcrValue>) -> KeyProof {
    let ek = TpmtPublic::parse(&if rsa { tpm.rsa_ek() } else { tpm.p256_ek() }).expect("well-formed");
    let ak = TpmtPublic::parse(&tpm.ak()).expect("well-formed");
    let (challenge, credential) = Challenge::new(&ek, &ak).expect("made");
    let (attest, signature) = tpm.quote(&NONCE, &pcrs);
    KeyProof {
        challenge,
        returned_secret: tpm.activate(&credential, rsa).expect("the right TPM opens it"),
        attestation_key: tpm.ak(),
        attest,
        signature,
        qualifying_data: NONCE.to_vec(),
        pcrs,
    }
}

pub fn expectations(form: Form, chain: &Chain) -> Expectations {
    let mut expected = Expectations::of_measurements(vec![MEASUREMENT]);
    expected.roots = TrustRoots::only(&chain.ark).expect("a certificate");
    expected.now = UNIX_EPOCH + Duration::from_secs(NOW);
    expected.component = match form {
        Form::CloisterV0 | Form::CloisterV3 => Some(COMPONENT),
        Form::CloisterV2 => Some(Sha256::digest(event_log::COMPONENT_FILE).into()),
        _ => None,
    };
    expected
}
