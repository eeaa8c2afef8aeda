//! Every unmarshaller of Part 2, whose bytes a guest sends in commands: the first byte says which. What one accepts has a canonical form, which it accepts, too, and which stays as it is.

use tpm_engine::{
    structures::*,
    wire::{Marshal, Reader, Unmarshal},
};

fn read<T: Marshal + Unmarshal>(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let Ok(value) = T::unmarshal(&mut reader) else { return };
    let canonical = value.to_bytes();
    let again = T::from_bytes(&canonical).map(|value| value.to_bytes());
    assert_eq!(again.as_ref(), Ok(&canonical));
}

macro_rules! readers {
    ($($kind:ty,)*) => {
        &[$(read::<$kind>,)*]
    };
}

const READERS: &[fn(&[u8])] = readers![
    TpmsKeyedhashParms,
    TpmsRsaParms,
    TpmsEccParms,
    Tpm2bEccPoint,
    TpmtSignature,
    TpmaObject,
    TpmaSession,
    TpmaLocality,
    Tpm2bDigest,
    Tpm2bData,
    Tpm2bEvent,
    Tpm2bMaxBuffer,
    Tpm2bTimeout,
    Tpm2bIv,
    Tpm2bName,
    Tpm2bAttest,
    Tpm2bLabel,
    Tpm2bPublicKeyRsa,
    Tpm2bEccParameter,
    Tpm2bEncryptedSecret,
    Tpm2bTemplate,
    Tpm2bPrivate,
    Tpm2bIdObject,
    Tpm2bContextData,
    TpmlCc,
    TpmlCca,
    TpmlAlg,
    TpmlHandle,
    TpmlAlgProperty,
    TpmlTaggedTpmProperty,
    TpmlTaggedPcrProperty,
    TpmlEccCurve,
    TpmlTaggedPolicy,
    TpmlActData,
    TpmsCapabilityData,
    TpmClockAdjust,
    TpmEo,
    TpmSu,
    TpmSe,
    TpmsContext,
    Tpm2bCreationData,
    TpmtHa,
    TpmlDigest,
    TpmlDigestValues,
    TpmiAlgHash,
    TpmiAlgSymMode,
    TpmiAlgCipherMode,
    TpmiAlgMacScheme,
    TpmiEccKeyExchange,
    TpmiAlgPublic,
    TpmtPublicParms,
    TpmtPublic,
    Tpm2bPublic,
    Tpm2bPublicPlus,
    Tpm2bSensitive,
    TpmtSensitive,
    TpmtKeyedhashScheme,
    TpmtSigScheme,
    TpmtKdfScheme,
    TpmtRsaScheme,
    TpmtRsaDecrypt,
    TpmtEccScheme,
    TpmtSymDef,
    TpmtSymDefObject,
    TpmsSymcipherParms,
    TpmsDerive,
    Tpm2bSensitiveCreate,
    Tpm2bNvPublic,
    Tpm2bNvPublic2,
    TpmsNvPinCounterParameters,
    TpmtTkCreation,
    TpmtTkVerified,
    TpmtTkHashcheck,
    TpmtTkAuth,
    TpmsPcrSelect,
    TpmsPcrSelection,
    TpmlPcrSelection,
    TpmCap,
];

/// Runs one input.
///
/// # Panics
/// When what is looked for is found.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    if let Some(read) = READERS.get(usize::from(*kind)) {
        read(bytes);
    }
}
