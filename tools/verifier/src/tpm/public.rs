//! TPMT_PUBLIC of asymmetric keys (Part 2 §12.2.4).
//!
//! A public area decides everything about a key except its secret, so two questions are asked of it: is it well-formed to the last
//! byte, and is it what it should be. For endorsement and storage keys the second has one answer: equal to the TCG default template in
//! every byte but `unique` (EK Credential Profile, templates L-1 and L-2; the SRK templates of the provisioning guidance).

use anyhow::{Context, Result, bail, ensure};

use super::hash::HashAlg;
use super::wire::{Reader, put_tpm2b};

const ALG_RSA: u16 = 0x0001;
const ALG_AES: u16 = 0x0006;
const ALG_NULL: u16 = 0x0010;
const ALG_RSASSA: u16 = 0x0014;
const ALG_RSAPSS: u16 = 0x0016;
const ALG_ECDSA: u16 = 0x0018;
const ALG_ECC: u16 = 0x0023;
const ALG_CFB: u16 = 0x0043;
/// Bits of TPMA_OBJECT that have no meaning in revision 1.59.
const RESERVED_ATTRIBUTES: u32 = 0xFFF0_F309;
/// Largest modulus a verifier reads.
const MAX_RSA_BYTES: usize = 512;
const MAX_POLICY_BYTES: usize = 64;

/// TPMA_OBJECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAttributes(pub u32);

impl ObjectAttributes {
    /// The attribute bits that a verifier asks about, with their names.
    pub const FIXED_TPM: (u32, &'static str) = (1 << 1, "fixedTPM");
    /// fixedParent
    pub const FIXED_PARENT: (u32, &'static str) = (1 << 4, "fixedParent");
    /// sensitiveDataOrigin
    pub const SENSITIVE_DATA_ORIGIN: (u32, &'static str) = (1 << 5, "sensitiveDataOrigin");
    /// restricted
    pub const RESTRICTED: (u32, &'static str) = (1 << 16, "restricted");
    /// decrypt
    pub const DECRYPT: (u32, &'static str) = (1 << 17, "decrypt");
    /// sign
    pub const SIGN: (u32, &'static str) = (1 << 18, "sign");

    /// Whether an attribute is set.
    pub fn has(self, attribute: (u32, &'static str)) -> bool {
        self.0 & attribute.0 != 0
    }
}

/// TPMT_SYM_DEF_OBJECT: none, or AES-CFB with a key size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetric {
    /// TPM_ALG_NULL
    Null,
    /// AES in CFB mode.
    AesCfb {
        /// Key size.
        bits: u16,
    },
}

/// The signing schemes a verifier knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TPM_ALG_NULL
    Null,
    /// TPM_ALG_RSASSA
    RsaSsa(HashAlg),
    /// TPM_ALG_RSAPSS
    RsaPss(HashAlg),
    /// TPM_ALG_ECDSA
    Ecdsa(HashAlg),
}

/// Elliptic curves a verifier knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// TPM_ECC_NIST_P256
    P256,
    /// TPM_ECC_NIST_P384
    P384,
}

impl Curve {
    /// Bytes of a coordinate.
    pub fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }
}

/// Type-specific parameters together with `unique`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA; the exponent is the default, 65537.
    Rsa {
        /// Modulus, exactly `keyBits` long.
        modulus: Vec<u8>,
    },
    /// TPMS_ECC_PARMS and TPMS_ECC_POINT; not yet checked to lie on the curve.
    Ecc {
        /// Which curve.
        curve: Curve,
        /// Coordinate, full curve size.
        x: Vec<u8>,
        /// Coordinate, full curve size.
        y: Vec<u8>,
    },
}

/// A parsed TPMT_PUBLIC together with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmtPublic {
    /// nameAlg
    pub name_alg: HashAlg,
    /// objectAttributes
    pub attributes: ObjectAttributes,
    /// authPolicy
    pub auth_policy: Vec<u8>,
    /// parameters.symmetric
    pub symmetric: Symmetric,
    /// parameters.scheme
    pub scheme: Scheme,
    /// The key itself.
    pub material: KeyMaterial,
    bytes: Vec<u8>,
    unique_offset: usize,
}

impl TpmtPublic {
    /// Reads a public area that takes up all of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let public = Self::read(&mut reader, bytes)?;
        reader.finish()?;
        Ok(public)
    }

    /// Reads a TPM2B_PUBLIC that takes up all of `bytes`.
    pub fn parse_sized(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let inner = reader.tpm2b(super::wire::MAX_TPM2B)?;
        reader.finish()?;
        Self::parse(inner)
    }

    /// Reads a public area from the front of `bytes` and returns the rest.
    pub fn parse_first(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let public = Self::read(&mut reader, bytes)?;
        let rest = bytes.get(public.bytes.len()..).context("ends too early")?;
        Ok((public, rest))
    }

    fn read(reader: &mut Reader<'_>, all: &[u8]) -> Result<Self> {
        let kind = reader.u16().context("type")?;
        let name_alg = HashAlg::from_id(reader.u16().context("nameAlg")?).context("nameAlg")?;
        let attributes = reader.u32().context("objectAttributes")?;
        ensure!(
            attributes & RESERVED_ATTRIBUTES == 0,
            "objectAttributes {attributes:#010x} has reserved bits set"
        );
        let auth_policy = reader.tpm2b(MAX_POLICY_BYTES).context("authPolicy")?.to_vec();
        ensure!(
            auth_policy.is_empty() || auth_policy.len() == name_alg.size(),
            "authPolicy of {} bytes does not fit nameAlg",
            auth_policy.len()
        );
        let symmetric = read_symmetric(reader).context("symmetric")?;
        let scheme = read_scheme(reader, kind).context("scheme")?;
        let (material, unique_size) = match kind {
            ALG_RSA => read_rsa(reader)?,
            ALG_ECC => read_ecc(reader)?,
            other => bail!("type {other:#06x} is neither RSA nor ECC"),
        };
        let length = public_length(&auth_policy, symmetric, scheme, kind, unique_size);
        let bytes = all.get(..length).context("ends too early")?.to_vec();
        let attributes = ObjectAttributes(attributes);
        let unique_offset = length - unique_size;
        Ok(TpmtPublic {
            name_alg,
            attributes,
            auth_policy,
            symmetric,
            scheme,
            material,
            bytes,
            unique_offset,
        })
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The object's Name: nameAlg and the hash of the public area (Part 1 §16).
    pub fn name(&self) -> Vec<u8> {
        let mut name = self.name_alg.id().to_be_bytes().to_vec();
        name.extend_from_slice(&self.name_alg.digest(&[&self.bytes]));
        name
    }

    /// The X coordinate of a P-256 key.
    pub fn p256_x(&self) -> Result<&[u8]> {
        match &self.material {
            KeyMaterial::Ecc {
                curve: Curve::P256, x, ..
            } => Ok(x),
            _ => bail!("not a P-256 key"),
        }
    }

    /// Fails unless everything but `unique` is the template's, and the key is a real one.
    pub fn require_template(&self, template: &Template) -> Result<()> {
        let fixed = self.bytes.get(..self.unique_offset).context("ends too early")?;
        ensure!(
            fixed == template.fixed,
            "differs from the TCG default template of the {}",
            template.name
        );
        self.require_sound_key()
            .with_context(|| format!("{}: unique", template.name))
    }

    /// Fails unless the key material is usable: a full-size odd modulus, or a point on the curve.
    pub fn require_sound_key(&self) -> Result<()> {
        match &self.material {
            KeyMaterial::Rsa { modulus } => {
                let full_size = modulus.first().is_some_and(|first| first & 0x80 != 0);
                let odd = modulus.last().is_some_and(|last| last & 1 == 1);
                ensure!(full_size && odd, "not an RSA modulus of its size");
            }
            KeyMaterial::Ecc { curve, x, y } => {
                let point = sec1_point(x, y);
                let on_curve = match curve {
                    Curve::P256 => p256::PublicKey::from_sec1_bytes(&point).is_ok(),
                    Curve::P384 => p384::PublicKey::from_sec1_bytes(&point).is_ok(),
                };
                ensure!(on_curve, "the point is not on its curve");
            }
        }
        Ok(())
    }
}

/// The uncompressed SEC1 form of a point.
pub fn sec1_point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

/// Bytes of a public area with these parts.
fn public_length(policy: &[u8], symmetric: Symmetric, scheme: Scheme, kind: u16, unique: usize) -> usize {
    let symmetric = if symmetric == Symmetric::Null { 2 } else { 6 };
    let scheme = if scheme == Scheme::Null { 2 } else { 4 };
    // RSA: keyBits and exponent; ECC: curve and KDF scheme.
    let parameters = if kind == ALG_RSA { 6 } else { 4 };
    10 + policy.len() + symmetric + scheme + parameters + unique
}

fn read_symmetric(reader: &mut Reader<'_>) -> Result<Symmetric> {
    match reader.u16()? {
        ALG_NULL => Ok(Symmetric::Null),
        ALG_AES => {
            let bits = reader.u16()?;
            ensure!(matches!(bits, 128 | 192 | 256), "an AES key of {bits} bits");
            ensure!(reader.u16()? == ALG_CFB, "a mode other than CFB");
            Ok(Symmetric::AesCfb { bits })
        }
        other => bail!("algorithm {other:#06x}"),
    }
}

fn read_scheme(reader: &mut Reader<'_>, kind: u16) -> Result<Scheme> {
    let id = reader.u16()?;
    Ok(match (id, kind) {
        (ALG_NULL, _) => Scheme::Null,
        (ALG_RSASSA, ALG_RSA) => Scheme::RsaSsa(HashAlg::from_id(reader.u16()?)?),
        (ALG_RSAPSS, ALG_RSA) => Scheme::RsaPss(HashAlg::from_id(reader.u16()?)?),
        (ALG_ECDSA, ALG_ECC) => Scheme::Ecdsa(HashAlg::from_id(reader.u16()?)?),
        _ => bail!("algorithm {id:#06x}"),
    })
}

fn read_rsa(reader: &mut Reader<'_>) -> Result<(KeyMaterial, usize)> {
    let bits = reader.u16().context("keyBits")?;
    ensure!(matches!(bits, 2048 | 3072 | 4096), "an RSA key of {bits} bits");
    let exponent = reader.u32().context("exponent")?;
    ensure!(exponent == 0, "exponent {exponent} instead of the default");
    let modulus = reader.tpm2b(MAX_RSA_BYTES).context("unique")?;
    ensure!(
        modulus.len() * 8 == usize::from(bits),
        "a modulus of {} bytes in a key of {bits} bits",
        modulus.len()
    );
    Ok((
        KeyMaterial::Rsa {
            modulus: modulus.to_vec(),
        },
        2 + modulus.len(),
    ))
}

fn read_ecc(reader: &mut Reader<'_>) -> Result<(KeyMaterial, usize)> {
    let curve = match reader.u16().context("curveID")? {
        0x0003 => Curve::P256,
        0x0004 => Curve::P384,
        other => bail!("curve {other:#06x}"),
    };
    let kdf = reader.u16().context("kdf")?;
    ensure!(kdf == ALG_NULL, "kdf {kdf:#06x} instead of none");
    let mut coordinate = |name: &'static str| -> Result<Vec<u8>> {
        let bytes = reader.tpm2b(curve.size()).context(name)?;
        ensure!(bytes.len() == curve.size(), "{name} of {} bytes", bytes.len());
        Ok(bytes.to_vec())
    };
    let (x, y) = (coordinate("unique.x")?, coordinate("unique.y")?);
    let size = 4 + x.len() + y.len();
    Ok((KeyMaterial::Ecc { curve, x, y }, size))
}

/// A default template: everything before `unique`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What a report calls the key.
    pub name: &'static str,
    fixed: Vec<u8>,
}

/// PolicySecret(TPM_RH_ENDORSEMENT) in SHA-256: PolicyA of the EK Credential Profile.
const POLICY_A_SHA256: [u8; 32] = [
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24, 0xFD, 0x52, 0xD7,
    0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA,
];
/// fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt.
const EK_ATTRIBUTES: u32 = 0x0003_00B2;
/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
const SRK_ATTRIBUTES: u32 = 0x0003_0472;

impl Template {
    /// Template L-1: RSA-2048 endorsement key.
    pub fn rsa_ek() -> Result<Self> {
        Self::new("RSA-2048 endorsement key", ALG_RSA, EK_ATTRIBUTES, &POLICY_A_SHA256)
    }

    /// Template L-2: P-256 endorsement key.
    pub fn p256_ek() -> Result<Self> {
        Self::new("P-256 endorsement key", ALG_ECC, EK_ATTRIBUTES, &POLICY_A_SHA256)
    }

    /// RSA-2048 storage root key.
    pub fn rsa_srk() -> Result<Self> {
        Self::new("RSA-2048 storage root key", ALG_RSA, SRK_ATTRIBUTES, &[])
    }

    /// P-256 storage root key.
    pub fn p256_srk() -> Result<Self> {
        Self::new("P-256 storage root key", ALG_ECC, SRK_ATTRIBUTES, &[])
    }

    fn new(name: &'static str, kind: u16, attributes: u32, policy: &[u8]) -> Result<Self> {
        let mut fixed = Vec::new();
        let put = |fixed: &mut Vec<u8>, word: u16| fixed.extend_from_slice(&word.to_be_bytes());
        put(&mut fixed, kind);
        put(&mut fixed, HashAlg::Sha256.id());
        fixed.extend_from_slice(&attributes.to_be_bytes());
        put_tpm2b(&mut fixed, policy)?;
        for word in [ALG_AES, 128, ALG_CFB, ALG_NULL] {
            put(&mut fixed, word);
        }
        // RSA: keyBits 2048 and the default exponent; ECC: curve P-256 and no KDF.
        let parameters: &[u16] = if kind == ALG_RSA {
            &[2048, 0, 0]
        } else {
            &[0x0003, ALG_NULL]
        };
        for word in parameters {
            put(&mut fixed, *word);
        }
        Ok(Template { name, fixed })
    }
}
