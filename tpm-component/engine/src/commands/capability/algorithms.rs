//! The algorithms of this TPM with their attributes, ascending: TPM_CAP_ALGS, and what TPM2_IncrementalSelfTest can be asked for.

use crate::structures::{TpmAlgId, TpmaAlgorithm, TpmsAlgProperty};

const ASYMMETRIC_OBJECT: TpmaAlgorithm = TpmaAlgorithm::ASYMMETRIC.with(TpmaAlgorithm::OBJECT);
const SIGNATURE: TpmaAlgorithm = TpmaAlgorithm::ASYMMETRIC.with(TpmaAlgorithm::SIGNING);
const ENCRYPTION: TpmaAlgorithm = TpmaAlgorithm::ASYMMETRIC.with(TpmaAlgorithm::ENCRYPTING);
const EXCHANGE: TpmaAlgorithm = TpmaAlgorithm::ASYMMETRIC.with(TpmaAlgorithm::METHOD);
const METHOD: TpmaAlgorithm = TpmaAlgorithm::HASH.with(TpmaAlgorithm::METHOD);
const MODE: TpmaAlgorithm = TpmaAlgorithm::SYMMETRIC.with(TpmaAlgorithm::ENCRYPTING);
const KEYED_HASH: TpmaAlgorithm = TpmaAlgorithm::HASH
    .with(TpmaAlgorithm::OBJECT)
    .with(TpmaAlgorithm::SIGNING)
    .with(TpmaAlgorithm::ENCRYPTING);

/// All algorithms; the attributes are those of the TCG Algorithm Registry.
pub const ALGORITHMS: &[TpmsAlgProperty] = &[
    algorithm(TpmAlgId::RSA, ASYMMETRIC_OBJECT),
    #[cfg(feature = "tdes")]
    algorithm(TpmAlgId::TDES, TpmaAlgorithm::SYMMETRIC),
    algorithm(TpmAlgId::SHA1, TpmaAlgorithm::HASH),
    algorithm(TpmAlgId::HMAC, TpmaAlgorithm::HASH.with(TpmaAlgorithm::SIGNING)),
    algorithm(TpmAlgId::AES, TpmaAlgorithm::SYMMETRIC),
    algorithm(TpmAlgId::MGF1, METHOD),
    algorithm(TpmAlgId::KEYEDHASH, KEYED_HASH),
    algorithm(TpmAlgId::XOR, TpmaAlgorithm::HASH.with(TpmaAlgorithm::SYMMETRIC)),
    algorithm(TpmAlgId::SHA256, TpmaAlgorithm::HASH),
    algorithm(TpmAlgId::SHA384, TpmaAlgorithm::HASH),
    algorithm(TpmAlgId::SHA512, TpmaAlgorithm::HASH),
    algorithm(TpmAlgId::RSASSA, SIGNATURE),
    algorithm(TpmAlgId::RSAES, ENCRYPTION),
    algorithm(TpmAlgId::RSAPSS, SIGNATURE),
    algorithm(TpmAlgId::OAEP, ENCRYPTION),
    algorithm(TpmAlgId::ECDSA, SIGNATURE),
    algorithm(TpmAlgId::ECDH, EXCHANGE),
    algorithm(TpmAlgId::ECDAA, SIGNATURE),
    #[cfg(feature = "sm2")]
    algorithm(TpmAlgId::SM2, SIGNATURE.with(TpmaAlgorithm::METHOD)),
    algorithm(TpmAlgId::ECSCHNORR, SIGNATURE),
    algorithm(TpmAlgId::ECMQV, EXCHANGE),
    algorithm(TpmAlgId::KDF1_SP800_56A, METHOD),
    algorithm(TpmAlgId::KDF2, METHOD),
    algorithm(TpmAlgId::KDF1_SP800_108, METHOD),
    algorithm(TpmAlgId::ECC, ASYMMETRIC_OBJECT),
    algorithm(TpmAlgId::SYMCIPHER, TpmaAlgorithm::OBJECT),
    #[cfg(feature = "camellia")]
    algorithm(TpmAlgId::CAMELLIA, TpmaAlgorithm::SYMMETRIC),
    #[cfg(feature = "sha3")]
    algorithm(TpmAlgId::SHA3_256, TpmaAlgorithm::HASH),
    #[cfg(feature = "sha3")]
    algorithm(TpmAlgId::SHA3_384, TpmaAlgorithm::HASH),
    #[cfg(feature = "sha3")]
    algorithm(TpmAlgId::SHA3_512, TpmaAlgorithm::HASH),
    algorithm(TpmAlgId::CMAC, TpmaAlgorithm::SYMMETRIC.with(TpmaAlgorithm::SIGNING)),
    algorithm(TpmAlgId::CTR, MODE),
    algorithm(TpmAlgId::OFB, MODE),
    algorithm(TpmAlgId::CBC, MODE),
    algorithm(TpmAlgId::CFB, MODE),
    algorithm(TpmAlgId::ECB, MODE),
];

const fn algorithm(alg: TpmAlgId, alg_properties: TpmaAlgorithm) -> TpmsAlgProperty {
    TpmsAlgProperty { alg, alg_properties }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_ascend() {
        assert!(ALGORITHMS.is_sorted_by(|one, next| one.alg < next.alg));
    }
}
