//! Part 2 §11.1: symmetric algorithms and their parameters, and what a caller may set in a new object's sensitive area.

use super::{Tpm2bAuth, Tpm2bLabel, Tpm2bSensitiveData, TpmAlgId, TpmRc, TpmiAesKeyBits, TpmiAlgHash, TpmiAlgSymMode};
use crate::wire::{
    Marshal, Reader, Unmarshal, Writer,
    shapes::{tpm2b_struct, tpms, tpmt},
};

tpms! {
    /// The members of TPMU_SYM_KEY_BITS and TPMU_SYM_MODE (Part 2 §11.1.3, §11.1.4) for AES.
    pub struct AesParameters {
        /// Size of the key.
        pub key_bits: TpmiAesKeyBits,
        /// Mode of operation; `None` is TPM_ALG_NULL, which leaves the choice to the command that uses the key.
        pub mode: Option<TpmiAlgSymMode>,
    }
}

impl AesParameters {
    /// AES in CFB mode.
    pub const fn cfb(key_bits: TpmiAesKeyBits) -> Self {
        Self {
            key_bits,
            mode: Some(TpmiAlgSymMode::Cfb),
        }
    }
}

tpmt! {
    /// TPMT_SYM_DEF+ (Part 2 §11.1.6): how a session encrypts parameters.
    pub enum TpmtSymDef(TpmAlgId) else SYMMETRIC {
        /// AES.
        Aes(AesParameters) = TpmAlgId::AES,
        /// XOR obfuscation.
        Xor(TpmiAlgHash) = TpmAlgId::XOR,
        /// Not at all.
        Null = TpmAlgId::NULL,
    }
}

tpmt! {
    /// TPMT_SYM_DEF_OBJECT+ (Part 2 §11.1.7): how an object encrypts, or how it protects its children.
    pub enum TpmtSymDefObject(TpmAlgId) else SYMMETRIC {
        /// AES.
        Aes(AesParameters) = TpmAlgId::AES,
        /// Not at all.
        Null = TpmAlgId::NULL,
    }
}

impl TpmtSymDefObject {
    /// The mode; none when it is left to the command that uses the key.
    pub const fn mode(&self) -> Option<TpmiAlgSymMode> {
        match self {
            Self::Aes(parameters) => parameters.mode,
            Self::Null => None,
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
            Ok(TpmtSymDef::Aes(AesParameters::cfb(TpmiAesKeyBits::Aes128)))
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
