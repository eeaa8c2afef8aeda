//! TPM2_ECC_Encrypt (Part 3 §14.8): hides a message for the holder of an ECC key, of which the public half is enough (Part 1 Annex D).

use super::{Sealer, select_kdf};
use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    object::{creation::point, seed_exchange::full_point},
    structures::{PublicArea, Tpm2bDigest, Tpm2bEccPoint, Tpm2bMaxBuffer, TpmCc, TpmRc, TpmaObject, TpmtKdfScheme},
};

/// TPM2_ECC_Encrypt.
pub struct EccEncrypt;

parameters! {
    /// The parameters of TPM2_ECC_Encrypt.
    pub struct EccEncryptParams {
        /// The message.
        pub plain_text: Tpm2bMaxBuffer,
        /// The KDF that makes the mask, when the key has none of its own.
        pub in_scheme: TpmtKdfScheme,
    }
}

reply! {
    /// The reply of TPM2_ECC_Encrypt.
    pub struct EccEncryptReply {
        /// The ephemeral public point.
        pub c1: Tpm2bEccPoint,
        /// The masked message.
        pub c2: Tpm2bMaxBuffer,
        /// The integrity value.
        pub c3: Tpm2bDigest,
    }
}

impl Command for EccEncrypt {
    const CODE: TpmCc = TpmCc::ECC_ENCRYPT;
    const NAME: &'static str = "TPM2_ECC_Encrypt";
    type Params = EccEncryptParams;
    type Reply = EccEncryptReply;

    fn run(command: Authorized<'_, Self>) -> Result<EccEncryptReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let PublicArea::Ecc { parms, unique } = &key.public.area else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        // What is encrypted to a restricted key could never be decrypted.
        if key.has(TpmaObject::RESTRICTED) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let hash = select_kdf(parms, &params.in_scheme).map_err(|code| code.with_parameter(2))?;
        let curve = parms.curve_id;
        let drbg = tpm.rng.generator(host)?;
        let scalar = ecc::random_scalar(host, drbg, curve)?;
        let shared = ecc::ecdh(host, curve, &scalar, &full_point(curve, unique)?)?;
        let sealer = Sealer { hash, shared: &shared };
        let plain = params.plain_text.as_bytes();
        Ok(EccEncryptReply {
            c1: Tpm2bEccPoint(point(&ecc::public_point(host, curve, &scalar)?)?),
            c2: Tpm2bMaxBuffer::new(&sealer.masked(host, plain))?,
            c3: sealer.digest(host, plain),
        })
    }
}
