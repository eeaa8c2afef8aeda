//! Part 2 §11.2.1 to §11.2.3 and the key-type sets of §11.2.4 and §11.2.5: schemes, each a selector fused with its parameters. Every
//! scheme has a NULL member; what NULL means (take the key's scheme, or none) is for the command.

use super::{TpmAlgId, TpmiAlgHash, TpmiAlgKdf};
use crate::wire::shapes::{tpms, tpmt};

tpms! {
    /// TPMS_SCHEME_XOR (Part 2 §11.1.22).
    pub struct TpmsSchemeXor {
        /// The hash of the mask.
        pub hash_alg: TpmiAlgHash,
        /// The key derivation function.
        pub kdf: Option<TpmiAlgKdf>,
    }
}

tpmt! {
    /// TPMT_KEYEDHASH_SCHEME+ (Part 2 §11.1.24).
    pub enum TpmtKeyedhashScheme(TpmAlgId) else VALUE {
        /// HMAC.
        Hmac(TpmiAlgHash) = TpmAlgId::HMAC,
        /// XOR, and derivation.
        Xor(TpmsSchemeXor) = TpmAlgId::XOR,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

tpms! {
    /// TPMS_SCHEME_ECDAA (Part 2 §11.2.1.3).
    pub struct TpmsSchemeEcdaa {
        /// The hash of the message.
        pub hash_alg: TpmiAlgHash,
        /// The commitment that is used.
        pub count: u16,
    }
}

tpmt! {
    /// TPMT_SIG_SCHEME+ (Part 2 §11.2.1.5).
    pub enum TpmtSigScheme(TpmAlgId) else SCHEME {
        /// RSASSA-PKCS1-v1_5.
        Rsassa(TpmiAlgHash) = TpmAlgId::RSASSA,
        /// RSASSA-PSS.
        Rsapss(TpmiAlgHash) = TpmAlgId::RSAPSS,
        /// ECDSA.
        Ecdsa(TpmiAlgHash) = TpmAlgId::ECDSA,
        /// ECDAA.
        Ecdaa(TpmsSchemeEcdaa) = TpmAlgId::ECDAA,
        /// SM2.
        #[cfg(feature = "sm2")]
        Sm2(TpmiAlgHash) = TpmAlgId::SM2,
        /// ECSCHNORR.
        Ecschnorr(TpmiAlgHash) = TpmAlgId::ECSCHNORR,
        /// HMAC.
        Hmac(TpmiAlgHash) = TpmAlgId::HMAC,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

impl TpmtSigScheme {
    /// The scheme's hash; the NULL scheme has none.
    pub const fn hash(&self) -> Option<TpmiAlgHash> {
        match self {
            Self::Rsassa(hash) | Self::Rsapss(hash) | Self::Ecdsa(hash) | Self::Ecschnorr(hash) | Self::Hmac(hash) => {
                Some(*hash)
            }
            Self::Ecdaa(scheme) => Some(scheme.hash_alg),
            #[cfg(feature = "sm2")]
            Self::Sm2(hash) => Some(*hash),
            Self::Null => None,
        }
    }
}

tpmt! {
    /// TPMT_KDF_SCHEME+ (Part 2 §11.2.3.3).
    pub enum TpmtKdfScheme(TpmAlgId) else KDF {
        /// MGF1.
        Mgf1(TpmiAlgHash) = TpmAlgId::MGF1,
        /// KDF1 of SP 800-56A.
        Kdf1Sp80056a(TpmiAlgHash) = TpmAlgId::KDF1_SP800_56A,
        /// KDF2 of IEEE 1363a.
        Kdf2(TpmiAlgHash) = TpmAlgId::KDF2,
        /// KDF1 of SP 800-108.
        Kdf1Sp800108(TpmiAlgHash) = TpmAlgId::KDF1_SP800_108,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

tpmt! {
    /// TPMT_RSA_SCHEME+ (Part 2 §11.2.4.2).
    pub enum TpmtRsaScheme(TpmAlgId) else VALUE {
        /// RSASSA-PKCS1-v1_5.
        Rsassa(TpmiAlgHash) = TpmAlgId::RSASSA,
        /// RSAES-PKCS1-v1_5.
        Rsaes = TpmAlgId::RSAES,
        /// RSASSA-PSS.
        Rsapss(TpmiAlgHash) = TpmAlgId::RSAPSS,
        /// RSAES-OAEP.
        Oaep(TpmiAlgHash) = TpmAlgId::OAEP,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

tpmt! {
    /// TPMT_RSA_DECRYPT+ (Part 2 §11.2.4.4).
    pub enum TpmtRsaDecrypt(TpmAlgId) else VALUE {
        /// RSAES-PKCS1-v1_5.
        Rsaes = TpmAlgId::RSAES,
        /// RSAES-OAEP.
        Oaep(TpmiAlgHash) = TpmAlgId::OAEP,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

tpmt! {
    /// TPMT_ECC_SCHEME+ (Part 2 §11.2.5.6).
    pub enum TpmtEccScheme(TpmAlgId) else SCHEME {
        /// ECDSA.
        Ecdsa(TpmiAlgHash) = TpmAlgId::ECDSA,
        /// ECDAA.
        Ecdaa(TpmsSchemeEcdaa) = TpmAlgId::ECDAA,
        /// SM2, for signatures and for exchanges of keys.
        #[cfg(feature = "sm2")]
        Sm2(TpmiAlgHash) = TpmAlgId::SM2,
        /// ECSCHNORR.
        Ecschnorr(TpmiAlgHash) = TpmAlgId::ECSCHNORR,
        /// One-pass Diffie-Hellman.
        Ecdh(TpmiAlgHash) = TpmAlgId::ECDH,
        /// Full MQV.
        Ecmqv(TpmiAlgHash) = TpmAlgId::ECMQV,
        /// None.
        Null = TpmAlgId::NULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmRc,
        wire::{Marshal, Unmarshal},
    };

    #[test]
    fn unknown_scheme_is_the_code_of_its_set() {
        // Part 2 §9: SIG_SCHEME and ECC_SCHEME answer SCHEME, KEYEDHASH_SCHEME, RSA_SCHEME and RSA_DECRYPT answer VALUE.
        assert_eq!(TpmtSigScheme::from_bytes(&[0, 0x1d, 0, 0x0b]), Err(TpmRc::SCHEME));
        assert_eq!(TpmtEccScheme::from_bytes(&[0, 0x14, 0, 0x0b]), Err(TpmRc::SCHEME));
        assert_eq!(TpmtRsaScheme::from_bytes(&[0, 0x18, 0, 0x0b]), Err(TpmRc::VALUE));
        assert_eq!(TpmtRsaDecrypt::from_bytes(&[0, 0x14, 0, 0x0b]), Err(TpmRc::VALUE));
        assert_eq!(TpmtKeyedhashScheme::from_bytes(&[0, 0x14]), Err(TpmRc::VALUE));
        assert_eq!(TpmtKdfScheme::from_bytes(&[0, 0x23, 0, 0x0b]), Err(TpmRc::KDF));
        assert_eq!(TpmtSigScheme::from_bytes(&[0, 0x14, 0, 0x10]), Err(TpmRc::HASH));
    }

    #[test]
    fn schemes_round_trip() {
        assert_eq!(TpmtRsaScheme::from_bytes(&[0, 0x15]), Ok(TpmtRsaScheme::Rsaes));
        assert_eq!(TpmtRsaScheme::Rsaes.to_bytes(), [0, 0x15]);
        assert_eq!(TpmtSigScheme::Ecdsa(TpmiAlgHash::Sha384).to_bytes(), [0, 0x18, 0, 0x0c]);
        let xor = [0, 0x0a, 0, 0x0b, 0, 0x22];
        assert_eq!(
            TpmtKeyedhashScheme::from_bytes(&xor).expect("well formed").to_bytes(),
            xor
        );
    }
}
