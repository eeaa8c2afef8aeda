//! Part 2 §12: public and sensitive areas of objects.
//!
//! The type of an object selects two unions, parameters and unique, and the two stand side by side only in [`TpmtPublic`]; here they are one
//! enum, [`PublicArea`], so that an RSA modulus beside ECC parameters cannot be written down. A public area that was unmarshalled is well
//! formed, no more: whether its attributes agree is for `object/`.

use alloc::vec::Vec;
use core::fmt;

use crate::wipe::Wiped;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    Tpm2bAuth, Tpm2bDigest, Tpm2bEccParameter, Tpm2bPrivateKeyRsa, Tpm2bPublicKeyRsa, Tpm2bSensitiveData, Tpm2bSymKey,
    TpmRc, TpmaObject, TpmiAlgHash, TpmiAlgPublic, TpmsDerive, TpmsEccParms, TpmsEccPoint, TpmsKeyedhashParms,
    TpmsRsaParms, TpmsSymcipherParms, TpmtSymDefObject,
    limits::{MAX_DIGEST_SIZE, MAX_ECC_KEY_BYTES, MAX_PRIVATE},
};
use crate::wire::{
    Marshal, Reader, Unmarshal, Writer,
    shapes::{tpm2b, tpmt, unmarshal_sized},
};

tpmt! {
    /// TPMT_PUBLIC_PARMS (Part 2 §12.2.3.8), TPMU_PUBLIC_PARMS with its selector.
    pub enum TpmtPublicParms(TpmiAlgPublic) else SELECTOR {
        /// keyedHashDetail.
        KeyedHash(TpmsKeyedhashParms) = TpmiAlgPublic::KeyedHash,
        /// symDetail.
        SymCipher(TpmsSymcipherParms) = TpmiAlgPublic::SymCipher,
        /// rsaDetail.
        Rsa(TpmsRsaParms) = TpmiAlgPublic::Rsa,
        /// eccDetail.
        Ecc(TpmsEccParms) = TpmiAlgPublic::Ecc,
    }
}

/// The parameters of an object with its TPMU_PUBLIC_ID (Part 2 §12.2.3.2): everything that the object's type selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicArea {
    /// HMAC key, XOR key, derivation parent or sealed data.
    KeyedHash {
        /// The parameters.
        parms: TpmsKeyedhashParms,
        /// Digest of the seed and the secret.
        unique: Tpm2bDigest,
    },
    /// Symmetric cipher key.
    SymCipher {
        /// The parameters.
        parms: TpmsSymcipherParms,
        /// Digest of the seed and the key.
        unique: Tpm2bDigest,
    },
    /// RSA key.
    Rsa {
        /// The parameters.
        parms: TpmsRsaParms,
        /// The modulus.
        unique: Tpm2bPublicKeyRsa,
    },
    /// Elliptic curve key.
    Ecc {
        /// The parameters.
        parms: TpmsEccParms,
        /// The public point.
        unique: TpmsEccPoint,
    },
}

impl PublicArea {
    /// The object's type.
    pub const fn object_type(&self) -> TpmiAlgPublic {
        match self {
            Self::KeyedHash { .. } => TpmiAlgPublic::KeyedHash,
            Self::SymCipher { .. } => TpmiAlgPublic::SymCipher,
            Self::Rsa { .. } => TpmiAlgPublic::Rsa,
            Self::Ecc { .. } => TpmiAlgPublic::Ecc,
        }
    }

    /// The symmetric definition: the cipher of a SYMCIPHER, how a restricted decryption key protects its children; a KEYEDHASH has none.
    pub const fn symmetric(&self) -> Option<&TpmtSymDefObject> {
        match self {
            Self::KeyedHash { .. } => None,
            Self::SymCipher { parms, .. } => Some(&parms.sym),
            Self::Rsa { parms, .. } => Some(&parms.symmetric),
            Self::Ecc { parms, .. } => Some(&parms.symmetric),
        }
    }

    /// An area of which nothing but the parameters is known.
    fn without_unique(parms: TpmtPublicParms) -> Self {
        match parms {
            TpmtPublicParms::KeyedHash(parms) => Self::KeyedHash {
                parms,
                unique: Tpm2bDigest::empty(),
            },
            TpmtPublicParms::SymCipher(parms) => Self::SymCipher {
                parms,
                unique: Tpm2bDigest::empty(),
            },
            TpmtPublicParms::Rsa(parms) => Self::Rsa {
                parms,
                unique: Tpm2bPublicKeyRsa::empty(),
            },
            TpmtPublicParms::Ecc(parms) => Self::Ecc {
                parms,
                unique: TpmsEccPoint {
                    x: Tpm2bEccParameter::empty(),
                    y: Tpm2bEccParameter::empty(),
                },
            },
        }
    }

    fn unmarshal_as(object_type: TpmiAlgPublic, reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(match TpmtPublicParms::unmarshal_member(object_type, reader)? {
            TpmtPublicParms::KeyedHash(parms) => Self::KeyedHash {
                parms,
                unique: Unmarshal::unmarshal(reader)?,
            },
            TpmtPublicParms::SymCipher(parms) => Self::SymCipher {
                parms,
                unique: Unmarshal::unmarshal(reader)?,
            },
            TpmtPublicParms::Rsa(parms) => Self::Rsa {
                parms,
                unique: Unmarshal::unmarshal(reader)?,
            },
            TpmtPublicParms::Ecc(parms) => Self::Ecc {
                parms,
                unique: Unmarshal::unmarshal(reader)?,
            },
        })
    }

    fn marshal_members(&self, writer: &mut Writer) {
        match self {
            Self::KeyedHash { parms, unique } => {
                writer.put(parms);
                writer.put(unique);
            }
            Self::SymCipher { parms, unique } => {
                writer.put(parms);
                writer.put(unique);
            }
            Self::Rsa { parms, unique } => {
                writer.put(parms);
                writer.put(unique);
            }
            Self::Ecc { parms, unique } => {
                writer.put(parms);
                writer.put(unique);
            }
        }
    }
}

/// TPMT_PUBLIC (Part 2 §12.2.4). Written by hand because the object's type stands apart from what it selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmtPublic {
    /// The algorithm of the Name; `None` is TPM_ALG_NULL, an object without a Name.
    pub name_alg: Option<TpmiAlgHash>,
    /// The attributes.
    pub object_attributes: TpmaObject,
    /// The policy, or nothing.
    pub auth_policy: Tpm2bDigest,
    /// The type with its parameters and unique.
    pub area: PublicArea,
}

impl TpmtPublic {
    /// The object's type.
    pub const fn object_type(&self) -> TpmiAlgPublic {
        self.area.object_type()
    }

    /// Whether all of these attributes are set.
    pub const fn has(&self, attributes: TpmaObject) -> bool {
        self.object_attributes.contains(attributes)
    }

    /// Reads the template of a derived object, which has a TPMS_DERIVE in the place of unique (Part 3 §12.9); unique is left empty.
    pub fn unmarshal_derivation(reader: &mut Reader<'_>) -> Result<(Self, TpmsDerive), TpmRc> {
        let object_type = TpmiAlgPublic::unmarshal(reader)?;
        let name_alg = Unmarshal::unmarshal(reader)?;
        let object_attributes = Unmarshal::unmarshal(reader)?;
        let auth_policy = Unmarshal::unmarshal(reader)?;
        let area = PublicArea::without_unique(TpmtPublicParms::unmarshal_member(object_type, reader)?);
        let public = Self {
            name_alg,
            object_attributes,
            auth_policy,
            area,
        };
        Ok((public, TpmsDerive::unmarshal(reader)?))
    }

    fn unmarshal_with(
        reader: &mut Reader<'_>,
        name_alg: impl FnOnce(&mut Reader<'_>) -> Result<Option<TpmiAlgHash>, TpmRc>,
    ) -> Result<Self, TpmRc> {
        let object_type = TpmiAlgPublic::unmarshal(reader)?;
        Ok(Self {
            name_alg: name_alg(reader)?,
            object_attributes: Unmarshal::unmarshal(reader)?,
            auth_policy: Unmarshal::unmarshal(reader)?,
            area: PublicArea::unmarshal_as(object_type, reader)?,
        })
    }
}

impl Marshal for TpmtPublic {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.object_type());
        writer.put(&self.name_alg);
        writer.put(&self.object_attributes);
        writer.put(&self.auth_policy);
        self.area.marshal_members(writer);
    }
}

/// Accepts TPM_ALG_NULL as nameAlg, as TPMT_PUBLIC+ does; [`Tpm2bPublic`] does not.
impl Unmarshal for TpmtPublic {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Self::unmarshal_with(reader, Unmarshal::unmarshal)
    }
}

/// TPM2B_PUBLIC (Part 2 §12.2.5): a nameAlg of TPM_ALG_NULL is TPM_RC_HASH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tpm2bPublic(pub TpmtPublic);

impl Marshal for Tpm2bPublic {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized(|w| w.put(&self.0));
    }
}

impl Unmarshal for Tpm2bPublic {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let name_alg = |reader: &mut Reader<'_>| TpmiAlgHash::unmarshal(reader).map(Some);
        unmarshal_sized(reader, |inner| TpmtPublic::unmarshal_with(inner, name_alg)).map(Self)
    }
}

/// TPM2B_PUBLIC+ (Part 2 §12.2.5), which TPM2_LoadExternal takes: the nameAlg may be TPM_ALG_NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tpm2bPublicPlus(pub TpmtPublic);

impl Marshal for Tpm2bPublicPlus {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized(|w| w.put(&self.0));
    }
}

impl Unmarshal for Tpm2bPublicPlus {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        unmarshal_sized(reader, TpmtPublic::unmarshal).map(Self)
    }
}

tpm2b! {
    /// The TPM2B_ECC_PARAMETER of a sensitive area: a private scalar.
    pub secret struct EccPrivate: max MAX_ECC_KEY_BYTES
}

tpm2b! {
    /// The TPM2B_DIGEST of a sensitive area: the seed of a storage key's children, or what hides a symmetric key in its unique.
    pub secret struct SeedValue: max MAX_DIGEST_SIZE
}

tpmt! {
    /// TPMU_SENSITIVE_COMPOSITE (Part 2 §12.3.2.3) with its selector. All members are secret types.
    pub enum TpmuSensitiveComposite(TpmiAlgPublic) else SELECTOR {
        /// One prime factor of an RSA key.
        Rsa(Tpm2bPrivateKeyRsa) = TpmiAlgPublic::Rsa,
        /// The scalar of an elliptic curve key.
        Ecc(EccPrivate) = TpmiAlgPublic::Ecc,
        /// A KEYEDHASH object's key or data.
        Bits(Tpm2bSensitiveData) = TpmiAlgPublic::KeyedHash,
        /// A symmetric cipher key.
        Sym(Tpm2bSymKey) = TpmiAlgPublic::SymCipher,
    }
}

impl Zeroize for TpmuSensitiveComposite {
    fn zeroize(&mut self) {
        match self {
            Self::Rsa(prime) => prime.zeroize(),
            Self::Ecc(scalar) => scalar.zeroize(),
            Self::Bits(bits) => bits.zeroize(),
            Self::Sym(key) => key.zeroize(),
        }
    }
}

/// Every member wipes itself.
impl ZeroizeOnDrop for TpmuSensitiveComposite {}

/// TPMT_SENSITIVE (Part 2 §12.3.2.4). Written by hand because the selector stands apart from the union.
#[derive(Clone, PartialEq, Eq)]
pub struct TpmtSensitive {
    /// The authValue.
    pub auth_value: Tpm2bAuth,
    /// The seed.
    pub seed_value: SeedValue,
    /// The secret that the object's type selects.
    pub sensitive: TpmuSensitiveComposite,
}

impl TpmtSensitive {
    /// The TPM2B_SENSITIVE in which it leaves the TPM: with zeros behind the authValue up to `size` bytes, since the length of an authValue is
    /// nobody's business.
    pub fn to_padded_bytes(&self, size: usize) -> Wiped<Vec<u8>> {
        let mut writer = Writer::with_capacity(MAX_PRIVATE);
        self.marshal_padded(&mut writer, size);
        Wiped::new(writer.into_vec())
    }

    /// As [`Self::to_padded_bytes`], behind what was written before: for who sees to it that the writer need not move and is wiped.
    pub fn marshal_padded(&self, writer: &mut Writer, size: usize) {
        let auth = self.auth_value.as_bytes();
        writer.sized(|w| {
            w.put(&self.sensitive.selector());
            w.sized(|w| {
                w.bytes(auth);
                w.zeros(size.saturating_sub(auth.len()));
            });
            w.put(&self.seed_value);
            self.sensitive.marshal_member(w);
        });
    }
}

impl fmt::Debug for TpmtSensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TpmtSensitive({:?})", self.sensitive.selector())
    }
}

impl Marshal for TpmtSensitive {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.sensitive.selector());
        writer.put(&self.auth_value);
        writer.put(&self.seed_value);
        self.sensitive.marshal_member(writer);
    }
}

impl Unmarshal for TpmtSensitive {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let sensitive_type = TpmiAlgPublic::unmarshal(reader)?;
        Ok(Self {
            auth_value: Unmarshal::unmarshal(reader)?,
            seed_value: Unmarshal::unmarshal(reader)?,
            sensitive: TpmuSensitiveComposite::unmarshal_member(sensitive_type, reader)?,
        })
    }
}

/// TPM2B_SENSITIVE (Part 2 §12.3.3). Written by hand because, unlike other sized structures, it may be empty: TPM2_LoadExternal
/// takes that for a public-only object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tpm2bSensitive(pub Option<TpmtSensitive>);

impl Marshal for Tpm2bSensitive {
    fn marshal(&self, writer: &mut Writer) {
        writer.sized(|w| {
            if let Some(sensitive) = &self.0 {
                w.put(sensitive);
            }
        });
    }
}

impl Unmarshal for Tpm2bSensitive {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        if reader.rest().starts_with(&[0, 0]) {
            reader.take(2)?;
            return Ok(Self(None));
        }
        unmarshal_sized(reader, TpmtSensitive::unmarshal).map(|sensitive| Self(Some(sensitive)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::structures::{TpmiEccCurve, TpmtEccScheme, TpmtKdfScheme};

    /// Template L-2 of the TCG EK Credential Profile, P-256 (its default template), as a TPM2B_PUBLIC.
    fn ek_template() -> Vec<u8> {
        let mut bytes = Vec::from([0x00, 0x7a, 0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2, 0x00, 0x20]);
        bytes.extend([
            0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52,
            0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
        ]);
        bytes.extend([0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10]);
        for _ in 0..2 {
            bytes.extend([0x00, 0x20]);
            bytes.extend([0; 32]);
        }
        bytes
    }

    #[test]
    fn public_area_of_the_ek_template_round_trips() {
        let bytes = ek_template();
        let public = Tpm2bPublic::from_bytes(&bytes).expect("a published template");
        assert_eq!(public.to_bytes(), bytes);
        let public = public.0;
        assert_eq!(public.name_alg, Some(TpmiAlgHash::Sha256));
        assert!(public.has(TpmaObject::RESTRICTED | TpmaObject::DECRYPT | TpmaObject::FIXED_TPM));
        let PublicArea::Ecc { parms, unique } = &public.area else {
            panic!("not an ECC key: {:?}", public.area)
        };
        assert_eq!(parms.curve_id, TpmiEccCurve::NistP256);
        assert_eq!(
            (&parms.scheme, &parms.kdf),
            (&TpmtEccScheme::Null, &TpmtKdfScheme::Null)
        );
        assert_eq!(unique.x, Tpm2bEccParameter::new(&[0; 32]).expect("fits"));
    }

    #[test]
    fn sensitive_area_leaves_with_zeros_behind_its_auth_value() {
        // Part 2 §12.3.2.4 and §12.3.3: TPM_ALG_KEYEDHASH, authValue, seedValue, sensitive, behind their size.
        let sensitive = TpmtSensitive {
            auth_value: Tpm2bAuth::new(&[1, 2]).expect("fits"),
            seed_value: SeedValue::new(&[5, 6]).expect("fits"),
            sensitive: TpmuSensitiveComposite::Bits(Tpm2bSensitiveData::new(&[7]).expect("fits")),
        };
        let padded = [0, 15, 0, 8, 0, 4, 1, 2, 0, 0, 0, 2, 5, 6, 0, 1, 7];
        assert_eq!(sensitive.to_padded_bytes(4)[..], padded);
        let as_it_is = Tpm2bSensitive(Some(sensitive.clone())).to_bytes();
        assert_eq!(sensitive.to_padded_bytes(1)[..], as_it_is);
    }

    #[test]
    fn public_area_without_name_alg_needs_the_plus() {
        let mut bytes = ek_template();
        bytes[5] = 0x10;
        assert_eq!(Tpm2bPublic::from_bytes(&bytes), Err(TpmRc::HASH));
        assert!(Tpm2bPublicPlus::from_bytes(&bytes).is_ok());
        bytes[3] = 0x26;
        assert_eq!(Tpm2bPublicPlus::from_bytes(&bytes), Err(TpmRc::TYPE));
    }

    #[test]
    fn public_area_with_wrong_size_is_size_after_its_contents() {
        let mut bytes = ek_template();
        bytes[1] = 0x79;
        assert_eq!(Tpm2bPublic::from_bytes(&bytes), Err(TpmRc::SIZE));
        bytes[5] = 0x12;
        assert_eq!(Tpm2bPublic::from_bytes(&bytes), Err(TpmRc::HASH));
    }

    #[test]
    fn sensitive_area_matches_the_published_form() {
        // Part 1 §23, duplication: TPM2B_SENSITIVE of the duplication vector.
        let mut bytes = Vec::from([0x00, 0x54, 0x00, 0x08, 0x00, 0x20]);
        bytes.extend([0; 32]);
        bytes.extend([0x00, 0x20]);
        bytes.extend(0x20..0x40);
        bytes.extend([0x00, 0x0c]);
        bytes.extend(0x50..0x5c);
        let sensitive = Tpm2bSensitive::from_bytes(&bytes).expect("a published vector");
        assert_eq!(sensitive.to_bytes(), bytes);
        let inner = sensitive.0.expect("present");
        assert_eq!(inner.sensitive.selector(), TpmiAlgPublic::KeyedHash);
        assert!(
            !alloc::format!("{inner:?}").contains("50"),
            "Debug must not show the secret"
        );
        assert_eq!(Tpm2bSensitive::from_bytes(&[0, 0]), Ok(Tpm2bSensitive(None)));
        assert_eq!(Tpm2bSensitive::from_bytes(&[0]), Err(TpmRc::INSUFFICIENT));
    }
}
