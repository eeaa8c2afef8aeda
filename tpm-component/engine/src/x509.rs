//! What of an X.509 certificate the TPM writes itself, and what it checks of the rest (RFC 5280, RFC 3279, RFC 4055, RFC 5758; Part 3 §18.8).
//!
//! The rest is the caller's, who may claim anything about a key but what the TPM knows of it: attributes, and the uses that follow from them.

use alloc::vec::Vec;

use crate::{
    crypto::{rsa, rsa_padding},
    der::{self, BIT_STRING, Element, Elements, INTEGER, Malformed, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE},
    structures::{PublicArea, TpmRc, TpmaObject, TpmiAlgHash, TpmiEccCurve, TpmtPublic, TpmtSigScheme},
};

/// 1.2.840.113549.1.1, and what it is for with another number behind it.
const PKCS1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
const RSA_ENCRYPTION: u8 = 1;
const MGF1: u8 = 8;
const RSASSA_PSS: u8 = 10;
/// 1.2.840.10045.2.1, id-ecPublicKey.
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// 2.5.29.15, id-ce-keyUsage.
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
/// 2.23.133.10.1.1.1, tcg-tpma-object.
const TPMA_OBJECT: &[u8] = &[0x67, 0x81, 0x05, 0x0A, 0x01, 0x01, 0x01];
/// The extensions, which have the context-specific tag 3.
pub const EXTENSIONS: u8 = der::context(3);

/// What a hash is called: itself, with RSASSA-PKCS1-v1_5, with ECDSA.
struct HashNames {
    hash: TpmiAlgHash,
    own: &'static [u8],
    rsassa: &'static [u8],
    ecdsa: &'static [u8],
}

/// The hashes with which certificates are signed; another one has no name.
const HASHES: &[HashNames] = &[
    HashNames {
        hash: TpmiAlgHash::Sha1,
        own: &[0x2B, 0x0E, 0x03, 0x02, 0x1A],
        rsassa: &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05],
        ecdsa: &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01],
    },
    HashNames {
        hash: TpmiAlgHash::Sha256,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        rsassa: &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B],
        ecdsa: &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02],
    },
    HashNames {
        hash: TpmiAlgHash::Sha384,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        rsassa: &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C],
        ecdsa: &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03],
    },
    HashNames {
        hash: TpmiAlgHash::Sha512,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        rsassa: &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D],
        ecdsa: &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04],
    },
    #[cfg(feature = "sha3")]
    HashNames {
        hash: TpmiAlgHash::Sha3256,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08],
        rsassa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0E],
        ecdsa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0A],
    },
    #[cfg(feature = "sha3")]
    HashNames {
        hash: TpmiAlgHash::Sha3384,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09],
        rsassa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0F],
        ecdsa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0B],
    },
    #[cfg(feature = "sha3")]
    HashNames {
        hash: TpmiAlgHash::Sha3512,
        own: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0A],
        rsassa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x10],
        ecdsa: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x0C],
    },
];

/// The curves that have a name.
const CURVES: &[(TpmiEccCurve, &[u8])] = &[
    (TpmiEccCurve::NistP224, &[0x2B, 0x81, 0x04, 0x00, 0x21]),
    (
        TpmiEccCurve::NistP256,
        &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
    ),
    (TpmiEccCurve::NistP384, &[0x2B, 0x81, 0x04, 0x00, 0x22]),
    (TpmiEccCurve::NistP521, &[0x2B, 0x81, 0x04, 0x00, 0x23]),
    // 1.2.156.10197.1.301, of GM/T 0006.
    #[cfg(feature = "sm2")]
    (TpmiEccCurve::Sm2P256, &[0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D]),
];

fn object_identifier(arcs: &[&[u8]]) -> Vec<u8> {
    der::element(OBJECT_IDENTIFIER, arcs)
}

/// AlgorithmIdentifier with NULL for its parameters.
fn algorithm(arcs: &[&[u8]]) -> Vec<u8> {
    der::element(SEQUENCE, &[&object_identifier(arcs), &der::element(NULL, &[])])
}

/// The AlgorithmIdentifier of a signature by `key`; none when there is no name for it.
pub fn signature_algorithm(key: &TpmtPublic, scheme: &TpmtSigScheme) -> Option<Vec<u8>> {
    let names = HASHES.iter().find(|names| Some(names.hash) == scheme.hash())?;
    match (&key.area, scheme) {
        (PublicArea::Rsa { .. }, TpmtSigScheme::Rsassa(_)) => Some(algorithm(&[names.rsassa])),
        (PublicArea::Rsa { unique, .. }, TpmtSigScheme::Rsapss(_)) => Some(pss(names, unique.len())),
        (PublicArea::Ecc { .. }, TpmtSigScheme::Ecdsa(_)) => {
            Some(der::element(SEQUENCE, &[&object_identifier(&[names.ecdsa])]))
        }
        _ => None,
    }
}

/// RSASSA-PSS with its parameters (RFC 4055 §3.1), which are left out where they are the defaults: SHA-1, and a salt as long.
fn pss(names: &HashNames, modulus: usize) -> Vec<u8> {
    let salt = rsa_padding::pss_salt_size(names.hash, modulus) as u32;
    let mut parameters = Vec::new();
    if names.hash != TpmiAlgHash::Sha1 {
        let hash = algorithm(&[names.own]);
        let mask = der::element(SEQUENCE, &[&object_identifier(&[PKCS1, &[MGF1]]), &hash]);
        parameters.extend(der::element(der::context(0), &[&hash]));
        parameters.extend(der::element(der::context(1), &[&mask]));
    }
    if salt != 20 {
        parameters.extend(der::element(der::context(2), &[&der::integer(&salt.to_be_bytes())]));
    }
    let parameters = der::element(SEQUENCE, &[&parameters]);
    der::element(SEQUENCE, &[&object_identifier(&[PKCS1, &[RSASSA_PSS]]), &parameters])
}

/// The SubjectPublicKeyInfo of a key; none for one that is not asymmetric or whose curve has no name.
pub fn public_key(key: &TpmtPublic) -> Option<Vec<u8>> {
    match &key.area {
        PublicArea::Rsa { parms, unique } => {
            let exponent = rsa::exponent(parms.exponent).to_be_bytes();
            let numbers = [der::integer(unique.as_bytes()), der::integer(&exponent)];
            let key = der::element(SEQUENCE, &[&numbers[0], &numbers[1]]);
            let key = der::element(BIT_STRING, &[&[0], &key]);
            Some(der::element(SEQUENCE, &[&algorithm(&[PKCS1, &[RSA_ENCRYPTION]]), &key]))
        }
        PublicArea::Ecc { parms, unique } => {
            let (_, curve) = CURVES.iter().find(|(curve, _)| *curve == parms.curve_id)?;
            let names = [object_identifier(&[EC_PUBLIC_KEY]), object_identifier(&[curve])];
            let algorithm = der::element(SEQUENCE, &[&names[0], &names[1]]);
            // The uncompressed point; coordinates of an object have their full size.
            let point = [unique.x.as_bytes(), unique.y.as_bytes()];
            let key = der::element(BIT_STRING, &[&[0, 4], point[0], point[1]]);
            Some(der::element(SEQUENCE, &[&algorithm, &key]))
        }
        PublicArea::KeyedHash { .. } | PublicArea::SymCipher { .. } => None,
    }
}

/// The version of a certificate with extensions, 3.
pub fn version() -> Vec<u8> {
    der::element(der::context(0), &[&[INTEGER, 1, 2]])
}

/// The parts of a certificate that the caller of TPM2_CertifyX509 gives, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial<'a> {
    /// The AlgorithmIdentifier of the signature, if the caller gives it.
    pub signature: Option<&'a [u8]>,
    /// Issuer, validity and subject.
    pub names: [&'a [u8]; 3],
    /// The extensions.
    pub extensions: Element<'a>,
}

impl<'a> Partial<'a> {
    /// Takes the parts out of `partialCertificate`: TPM_RC_SIZE when it is not one SEQUENCE to its last byte, TPM_RC_VALUE when that does not hold three
    /// or four SEQUENCEs and the extensions.
    pub fn read(bytes: &'a [u8]) -> Result<Self, TpmRc> {
        if bytes.is_empty() {
            return Err(TpmRc::VALUE);
        }
        let mut outer = Elements::new(bytes);
        let certificate = match (outer.next(), outer.next()) {
            (Some(Ok(element)), None) if element.tag == SEQUENCE => element,
            _ => return Err(TpmRc::SIZE),
        };
        let (mut sequences, mut extensions) = (Vec::new(), None);
        for element in Elements::new(certificate.contents) {
            let element = element?;
            match element.tag {
                SEQUENCE => sequences.push(element.whole),
                EXTENSIONS if extensions.is_none() => extensions = Some(element),
                _ => return Err(TpmRc::VALUE),
            }
        }
        let (signature, names) = match sequences.as_slice() {
            [issuer, validity, subject] => (None, [*issuer, *validity, *subject]),
            [signature, issuer, validity, subject] => (Some(*signature), [*issuer, *validity, *subject]),
            _ => return Err(TpmRc::VALUE),
        };
        Ok(Self {
            signature,
            names,
            extensions: extensions.ok_or(TpmRc::VALUE)?,
        })
    }
}

impl From<Malformed> for TpmRc {
    fn from(_: Malformed) -> Self {
        Self::VALUE
    }
}

/// The bits of keyUsage (RFC 5280 §4.2.1.3; Part 2, TPMA_X509_KEY_USAGE): its first bit is the most significant one.
mod usage {
    pub const DIGITAL_SIGNATURE: u32 = 1 << 31;
    pub const NON_REPUDIATION: u32 = 1 << 30;
    pub const KEY_ENCIPHERMENT: u32 = 1 << 29;
    pub const DATA_ENCIPHERMENT: u32 = 1 << 28;
    pub const KEY_AGREEMENT: u32 = 1 << 27;
    pub const KEY_CERT_SIGN: u32 = 1 << 26;
    pub const CRL_SIGN: u32 = 1 << 25;
    pub const ENCIPHER_ONLY: u32 = 1 << 24;
    pub const DECIPHER_ONLY: u32 = 1 << 23;
    pub const RESERVED: u32 = DECIPHER_ONLY - 1;
}

/// Whether the extensions say of the key what is true: TPM_RC_ATTRIBUTES when they give other attributes than the key has, TPM_RC_VALUE when keyUsage is
/// missing or the key cannot be used so, TPM_RC_RESERVED_BITS when it has more bits than there are uses.
pub fn check_extensions(extensions: &Element<'_>, attributes: TpmaObject) -> Result<(), TpmRc> {
    let mut inside = Elements::new(extensions.contents);
    let list = match (inside.next(), inside.next()) {
        (Some(Ok(list)), None) if list.tag == SEQUENCE => Elements::new(list.contents),
        _ => return Err(TpmRc::VALUE),
    };
    if let Some(claimed) = extension_bits(list, TPMA_OBJECT)?
        && claimed != attributes.bits()
    {
        return Err(TpmRc::ATTRIBUTES);
    }
    let used = extension_bits(list, KEY_USAGE)?.ok_or(TpmRc::VALUE)?;
    if used & usage::RESERVED != 0 {
        return Err(TpmRc::RESERVED_BITS);
    }
    let signing = usage::DIGITAL_SIGNATURE | usage::KEY_CERT_SIGN | usage::CRL_SIGN;
    let decrypting = usage::KEY_ENCIPHERMENT
        | usage::DATA_ENCIPHERMENT
        | usage::KEY_AGREEMENT
        | usage::ENCIPHER_ONLY
        | usage::DECIPHER_ONLY;
    let needs = [
        (signing, TpmaObject::SIGN),
        (decrypting, TpmaObject::DECRYPT),
        (usage::NON_REPUDIATION, TpmaObject::FIXED_TPM),
        (usage::KEY_ENCIPHERMENT, TpmaObject::RESTRICTED),
    ];
    let fits = needs
        .iter()
        .all(|(bits, attribute)| used & bits == 0 || attributes.contains(*attribute));
    if fits { Ok(()) } else { Err(TpmRc::VALUE) }
}

/// The BIT STRING of the extension with this name; none when there is no such extension.
fn extension_bits(list: Elements<'_>, name: &[u8]) -> Result<Option<u32>, Malformed> {
    for extension in list {
        let extension = extension?;
        if extension.tag != SEQUENCE {
            return Err(Malformed);
        }
        let mut parts = Elements::new(extension.contents);
        let id = parts.next().ok_or(Malformed)??;
        if id.tag != OBJECT_IDENTIFIER || id.contents != name {
            continue;
        }
        // Whether it is critical may stand in between.
        let value = parts.last().ok_or(Malformed)??;
        if value.tag != OCTET_STRING {
            return Err(Malformed);
        }
        let mut value = Elements::new(value.contents);
        return match (value.next(), value.next()) {
            (Some(Ok(bits)), None) if bits.tag == BIT_STRING => der::bits(bits.contents).map(Some).ok_or(Malformed),
            _ => Err(Malformed),
        };
    }
    Ok(None)
}
