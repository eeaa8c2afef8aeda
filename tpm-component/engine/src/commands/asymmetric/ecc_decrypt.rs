//! TPM2_ECC_Decrypt (Part 3 §14.9): the message that TPM2_ECC_Encrypt has hidden (Part 1 Annex D).
//!
//! All three parts of the ciphertext are the caller's. Nothing of the message leaves before its integrity value was compared.

use crate::wipe::Wiped;

use super::{Sealer, decrypting_ecc, ecc_scalar, point_on_curve, select_kdf};
use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bDigest, Tpm2bEccPoint, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmtKdfScheme},
};

/// TPM2_ECC_Decrypt.
pub struct EccDecrypt;

parameters! {
    /// The parameters of TPM2_ECC_Decrypt.
    pub struct EccDecryptParams {
        /// The ephemeral public point.
        pub c1: Tpm2bEccPoint,
        /// The masked message.
        pub c2: Tpm2bMaxBuffer,
        /// The integrity value.
        pub c3: Tpm2bDigest,
        /// The KDF that makes the mask, when the key has none of its own.
        pub in_scheme: TpmtKdfScheme,
    }
}

reply! {
    /// The reply of TPM2_ECC_Decrypt.
    pub struct EccDecryptReply {
        /// The message.
        pub plain_text: Tpm2bMaxBuffer,
    }
}

impl Command for EccDecrypt {
    const CODE: TpmCc = TpmCc::ECC_DECRYPT;
    const NAME: &'static str = "TPM2_ECC_Decrypt";
    type Params = EccDecryptParams;
    type Reply = EccDecryptReply;

    fn run(command: Authorized<'_, Self>) -> Result<EccDecryptReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let parms = decrypting_ecc(&key)?;
        let hash = select_kdf(parms, &params.in_scheme).map_err(|code| code.with_parameter(4))?;
        let scalar = ecc_scalar(&key)?;
        let curve = parms.curve_id;
        let ephemeral = point_on_curve(curve, &params.c1).map_err(|code| code.with_parameter(1))?;
        let shared = ecc::ecdh(host, curve, scalar, &ephemeral)?;
        let sealer = Sealer { hash, shared: &shared };
        let plain = Wiped::new(sealer.masked(host, params.c2.as_bytes()));
        // Tpm2bDigest compares in constant time.
        if sealer.digest(host, &plain) != params.c3 {
            return Err(TpmRc::VALUE);
        }
        Ok(EccDecryptReply {
            plain_text: Tpm2bMaxBuffer::new(&plain)?,
        })
    }
}
