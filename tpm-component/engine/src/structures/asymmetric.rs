//! Part 2 §11.2.4, §11.2.5 and §11.3: parameters of asymmetric keys, points, and signatures. That a point is on its curve, or a modulus
//! as long as its key, is checked in `object/` and `crypto/`.

use super::{
    Tpm2bEccParameter, Tpm2bPublicKeyRsa, TpmAlgId, TpmiAlgHash, TpmiEccCurve, TpmiRsaKeyBits, TpmtEccScheme, TpmtHa,
    TpmtKdfScheme, TpmtKeyedhashScheme, TpmtRsaScheme, TpmtSymDefObject,
};
use crate::wire::{
    HasNull,
    shapes::{tpm2b_struct, tpms, tpmt},
};

tpms! {
    /// TPMS_KEYEDHASH_PARMS (Part 2 §12.2.3.3).
    pub struct TpmsKeyedhashParms {
        /// The scheme.
        pub scheme: TpmtKeyedhashScheme,
    }
}

tpms! {
    /// TPMS_RSA_PARMS (Part 2 §12.2.3.5).
    pub struct TpmsRsaParms {
        /// For a restricted decryption key, how it protects its children; else NULL.
        pub symmetric: TpmtSymDefObject,
        /// The scheme.
        pub scheme: TpmtRsaScheme,
        /// Size of the modulus.
        pub key_bits: TpmiRsaKeyBits,
        /// The public exponent; 0 is 65537.
        pub exponent: u32,
    }
}

tpms! {
    /// TPMS_ECC_PARMS (Part 2 §12.2.3.6).
    pub struct TpmsEccParms {
        /// For a restricted decryption key, how it protects its children; else NULL.
        pub symmetric: TpmtSymDefObject,
        /// The scheme.
        pub scheme: TpmtEccScheme,
        /// The curve.
        pub curve_id: TpmiEccCurve,
        /// How a key is derived from a point; no command uses it.
        pub kdf: TpmtKdfScheme,
    }
}

tpms! {
    /// TPMS_ECC_POINT (Part 2 §11.2.5.2).
    pub struct TpmsEccPoint {
        /// The x coordinate.
        pub x: Tpm2bEccParameter,
        /// The y coordinate.
        pub y: Tpm2bEccParameter,
    }
}

tpm2b_struct! {
    /// TPM2B_ECC_POINT (Part 2 §11.2.5.3).
    pub struct Tpm2bEccPoint(TpmsEccPoint)
}

tpms! {
    /// TPMS_ALGORITHM_DETAIL_ECC (Part 2 §11.2.5.7).
    pub struct TpmsAlgorithmDetailEcc {
        /// The curve.
        pub curve_id: TpmiEccCurve,
        /// Bits of a key.
        pub key_size: u16,
        /// The key derivation that the curve demands.
        pub kdf: TpmtKdfScheme,
        /// The scheme that the curve demands.
        pub sign: TpmtEccScheme,
        /// The field's prime.
        pub p: Tpm2bEccParameter,
        /// Coefficient a.
        pub a: Tpm2bEccParameter,
        /// Coefficient b.
        pub b: Tpm2bEccParameter,
        /// The generator's x coordinate.
        pub g_x: Tpm2bEccParameter,
        /// The generator's y coordinate.
        pub g_y: Tpm2bEccParameter,
        /// The generator's order.
        pub n: Tpm2bEccParameter,
        /// The cofactor.
        pub h: Tpm2bEccParameter,
    }
}

tpms! {
    /// TPMS_SIGNATURE_RSA (Part 2 §11.3.1).
    pub struct TpmsSignatureRsa {
        /// The hash of the message.
        pub hash: TpmiAlgHash,
        /// The signature.
        pub sig: Tpm2bPublicKeyRsa,
    }
}

tpms! {
    /// TPMS_SIGNATURE_ECC (Part 2 §11.3.2).
    pub struct TpmsSignatureEcc {
        /// The hash of the message.
        pub hash: TpmiAlgHash,
        /// The first half.
        pub signature_r: Tpm2bEccParameter,
        /// The second half.
        pub signature_s: Tpm2bEccParameter,
    }
}

tpmt! {
    /// TPMT_SIGNATURE (Part 2 §11.3.4). The NULL signature, which the TPM answers when no key was named, is `None` of an `Option`: on input
    /// it is TPM_RC_SCHEME.
    pub enum TpmtSignature(TpmAlgId) else SCHEME {
        /// RSASSA-PKCS1-v1_5.
        Rsassa(TpmsSignatureRsa) = TpmAlgId::RSASSA,
        /// RSASSA-PSS.
        Rsapss(TpmsSignatureRsa) = TpmAlgId::RSAPSS,
        /// ECDSA.
        Ecdsa(TpmsSignatureEcc) = TpmAlgId::ECDSA,
        /// ECDAA.
        Ecdaa(TpmsSignatureEcc) = TpmAlgId::ECDAA,
        /// SM2.
        #[cfg(feature = "sm2")]
        Sm2(TpmsSignatureEcc) = TpmAlgId::SM2,
        /// ECSCHNORR.
        Ecschnorr(TpmsSignatureEcc) = TpmAlgId::ECSCHNORR,
        /// HMAC.
        Hmac(TpmtHa) = TpmAlgId::HMAC,
    }
}

impl TpmtSignature {
    /// The hash of what was signed.
    pub const fn hash_alg(&self) -> TpmiAlgHash {
        match self {
            Self::Rsassa(signature) | Self::Rsapss(signature) => signature.hash,
            Self::Ecdsa(signature) | Self::Ecdaa(signature) | Self::Ecschnorr(signature) => signature.hash,
            #[cfg(feature = "sm2")]
            Self::Sm2(signature) => signature.hash,
            Self::Hmac(mac) => mac.hash_alg(),
        }
    }
}

impl HasNull for TpmtSignature {
    const NULL: &'static [u8] = TpmiAlgHash::NULL;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        structures::TpmRc,
        wire::{Marshal, Unmarshal},
    };

    #[test]
    fn signature_null_is_output_only() {
        // Part 2 §9: TPMT_SIGNATURE NULL is two bytes; TPMI_ALG_SIG_SCHEME without NULL answers SCHEME.
        assert_eq!(Option::<TpmtSignature>::None.to_bytes(), [0, 0x10]);
        assert_eq!(TpmtSignature::from_bytes(&[0, 0x10]), Err(TpmRc::SCHEME));
    }

    #[test]
    fn curve_and_key_size_are_closed_sets() {
        // Part 2 §9: TPMI_ECC_CURVE answers CURVE, TPMI_RSA_KEY_BITS answers VALUE.
        assert_eq!(
            TpmsEccParms::from_bytes(&[0, 0x10, 0, 0x10, 0, 1, 0, 0x10]),
            Err(TpmRc::CURVE)
        );
        assert_eq!(
            TpmsRsaParms::from_bytes(&[0, 0x10, 0, 0x10, 6, 0, 0, 0, 0, 0]),
            Err(TpmRc::VALUE)
        );
    }
}
