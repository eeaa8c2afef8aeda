//! Part 2 §11.1: symmetric algorithms and their parameters, and what a caller may set in a new object's sensitive area.

use super::{
    SymKeyBits, Tpm2bAuth, Tpm2bLabel, Tpm2bSensitiveData, TpmAlgId, TpmRc, TpmiAlgHash, TpmiAlgSymMode,
    TpmiAlgSymObject,
};
use crate::wire::{
    Marshal, Reader, Unmarshal, Writer,
    shapes::{tpm2b_struct, tpms},
};

/// The members of TPMU_SYM_KEY_BITS and TPMU_SYM_MODE (Part 2 §11.1.3, §11.1.4) for a block cipher, with the cipher that selects them. Written by hand
/// because the selector decides which sizes there are, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymParameters {
    /// The cipher.
    pub cipher: TpmiAlgSymObject,
    /// Size of the key.
    pub key_bits: SymKeyBits,
    /// Mode of operation; `None` is TPM_ALG_NULL, which leaves the choice to the command that uses the key.
    pub mode: Option<TpmiAlgSymMode>,
}

impl SymParameters {
    /// A cipher in CFB mode.
    pub const fn cfb(cipher: TpmiAlgSymObject, key_bits: SymKeyBits) -> Self {
        Self {
            cipher,
            key_bits,
            mode: Some(TpmiAlgSymMode::Cfb),
        }
    }

    /// Bytes of a key.
    pub const fn key_size(&self) -> usize {
        self.key_bits.key_size()
    }

    /// Reads what stands behind the cipher.
    fn unmarshal_member(cipher: TpmiAlgSymObject, reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        let key_bits = SymKeyBits::unmarshal(reader)?;
        if !cipher.has(key_bits) {
            return Err(TpmRc::VALUE);
        }
        Ok(Self {
            cipher,
            key_bits,
            mode: Unmarshal::unmarshal(reader)?,
        })
    }
}

impl Marshal for SymParameters {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.cipher);
        writer.put(&self.key_bits);
        writer.put(&self.mode);
    }
}

/// TPMT_SYM_DEF+ (Part 2 §11.1.6): how a session encrypts parameters. Written by hand, as the next one, because its members for block ciphers are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TpmtSymDef {
    /// With a block cipher.
    Cipher(SymParameters),
    /// XOR obfuscation.
    Xor(TpmiAlgHash),
    /// Not at all.
    Null,
}

impl Marshal for TpmtSymDef {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Self::Cipher(parameters) => writer.put(parameters),
            Self::Xor(hash) => {
                writer.put(&TpmAlgId::XOR);
                writer.put(hash);
            }
            Self::Null => writer.put(&TpmAlgId::NULL),
        }
    }
}

impl Unmarshal for TpmtSymDef {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match TpmAlgId::unmarshal(reader)? {
            TpmAlgId::XOR => TpmiAlgHash::unmarshal(reader).map(Self::Xor),
            TpmAlgId::NULL => Ok(Self::Null),
            other => {
                let cipher = TpmiAlgSymObject::from_value(other.0).ok_or(TpmRc::SYMMETRIC)?;
                SymParameters::unmarshal_member(cipher, reader).map(Self::Cipher)
            }
        }
    }
}

/// TPMT_SYM_DEF_OBJECT+ (Part 2 §11.1.7): how an object encrypts, or how it protects its children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TpmtSymDefObject {
    /// With a block cipher.
    Cipher(SymParameters),
    /// Not at all.
    Null,
}

impl TpmtSymDefObject {
    /// The mode; none when it is left to the command that uses the key.
    pub const fn mode(&self) -> Option<TpmiAlgSymMode> {
        match self {
            Self::Cipher(parameters) => parameters.mode,
            Self::Null => None,
        }
    }
}

impl Marshal for TpmtSymDefObject {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Self::Cipher(parameters) => writer.put(parameters),
            Self::Null => writer.put(&TpmAlgId::NULL),
        }
    }
}

impl Unmarshal for TpmtSymDefObject {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match Option::<TpmiAlgSymObject>::unmarshal(reader)? {
            Some(cipher) => SymParameters::unmarshal_member(cipher, reader).map(Self::Cipher),
            None => Ok(Self::Null),
        }
    }
}

/// TPMS_SYMCIPHER_PARMS (Part 2 §11.1.9). Written by hand because its TPMT_SYM_DEF_OBJECT has no plus sign: TPM_ALG_NULL is
/// TPM_RC_SYMMETRIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmsSymcipherParms {
    /// The cipher; never [`TpmtSymDefObject::Null`] in what was unmarshalled.
    pub sym: TpmtSymDefObject,
}

impl Marshal for TpmsSymcipherParms {
    fn marshal(&self, writer: &mut Writer) {
        writer.put(&self.sym);
    }
}

impl Unmarshal for TpmsSymcipherParms {
    fn unmarshal(reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        match TpmtSymDefObject::unmarshal(reader)? {
            TpmtSymDefObject::Null => Err(TpmRc::SYMMETRIC),
            sym => Ok(Self { sym }),
        }
    }
}

tpms! {
    /// TPMS_DERIVE (Part 2 §11.1.11).
    pub struct TpmsDerive {
        /// The label.
        pub label: Tpm2bLabel,
        /// The context.
        pub context: Tpm2bLabel,
    }
}

tpms! {
    /// TPMS_SENSITIVE_CREATE (Part 2 §11.1.15).
    pub struct TpmsSensitiveCreate {
        /// The new object's authValue.
        pub user_auth: Tpm2bAuth,
        /// Its secret, or nothing when the TPM chooses one.
        pub data: Tpm2bSensitiveData,
    }
}

tpm2b_struct! {
    /// TPM2B_SENSITIVE_CREATE (Part 2 §11.1.16).
    pub struct Tpm2bSensitiveCreate(TpmsSensitiveCreate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ciphers_read_their_own_parameters() {
        // Part 2 §9, notes: XOR carries only the hash, NULL carries nothing.
        assert_eq!(
            TpmtSymDef::from_bytes(&[0, 6, 0, 128, 0, 0x43]),
            Ok(TpmtSymDef::Cipher(SymParameters::cfb(
                TpmiAlgSymObject::Aes,
                SymKeyBits::Bits128
            )))
        );
        assert_eq!(
            TpmtSymDef::from_bytes(&[0, 0x0a, 0, 0x0b]),
            Ok(TpmtSymDef::Xor(TpmiAlgHash::Sha256))
        );
        assert_eq!(TpmtSymDef::from_bytes(&[0, 0x10]), Ok(TpmtSymDef::Null));
        assert_eq!(
            TpmtSymDef::from_bytes(&[0, 0x13, 0, 128, 0, 0x43]),
            Err(TpmRc::SYMMETRIC)
        );
        assert_eq!(TpmtSymDef::from_bytes(&[0, 6, 0, 129, 0, 0x43]), Err(TpmRc::VALUE));
        assert_eq!(TpmtSymDefObject::from_bytes(&[0, 0x0a, 0, 0x0b]), Err(TpmRc::SYMMETRIC));
        assert_eq!(TpmsSymcipherParms::from_bytes(&[0, 0x10]), Err(TpmRc::SYMMETRIC));
    }

    #[test]
    fn structure_size_must_match_what_it_holds() {
        // Part 2 §10.4: zero size is SIZE; the structure is read first and its size compared afterwards.
        assert_eq!(Tpm2bSensitiveCreate::from_bytes(&[0, 0]), Err(TpmRc::SIZE));
        assert!(Tpm2bSensitiveCreate::from_bytes(&[0, 4, 0, 0, 0, 0]).is_ok());
        assert_eq!(Tpm2bSensitiveCreate::from_bytes(&[0, 5, 0, 0, 0, 0]), Err(TpmRc::SIZE));
        assert_eq!(Tpm2bSensitiveCreate::from_bytes(&[0, 4, 0, 65, 0, 0]), Err(TpmRc::SIZE));
        assert_eq!(
            Tpm2bSensitiveCreate::from_bytes(&[0, 9, 0, 3, 0]),
            Err(TpmRc::INSUFFICIENT)
        );
    }
}
