//! TPM2_ECC_Decrypt (Part 3 §14.9): the message that TPM2_ECC_Encrypt has hidden (Part 1 Annex D).
//!
//! All three parts of the ciphertext are the caller's. Nothing of the message leaves before its integrity value was compared.

use crate::wipe::Wiped;

use super::{Sealer, select_kdf};
use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    object::seed_exchange::full_point,
    structures::{
        PublicArea, Tpm2bDigest, Tpm2bEccPoint, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmaObject, TpmtKdfScheme,
        TpmuSensitiveComposite,
    },
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
        let PublicArea::Ecc { parms, .. } = &key.public.area else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        if key.has(TpmaObject::RESTRICTED) || !key.has(TpmaObject::DECRYPT) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let hash = select_kdf(parms, &params.in_scheme).map_err(|code| code.with_parameter(4))?;
        let Some(TpmuSensitiveComposite::Ecc(scalar)) = key.sensitive.as_ref().map(|sensitive| &sensitive.sensitive)
        else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        let curve = parms.curve_id;
        let ephemeral = full_point(curve, &params.c1.0).map_err(|code| code.with_parameter(1))?;
        if !ecc::is_on_curve(curve, &ephemeral) {
            return Err(TpmRc::ECC_POINT.with_parameter(1));
        }
        let shared = ecc::ecdh(host, curve, scalar.as_bytes(), &ephemeral)?;
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
