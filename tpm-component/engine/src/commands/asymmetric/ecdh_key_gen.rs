//! TPM2_ECDH_KeyGen (Part 3 §14.4): an ephemeral key, its public point, and the point that it shares with a key.

use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, reply},
    object::{creation::point, seed_exchange::full_point},
    structures::{PublicArea, Tpm2bEccPoint, TpmCc, TpmRc},
};

/// TPM2_ECDH_KeyGen.
pub struct EcdhKeyGen;

reply! {
    /// The reply of TPM2_ECDH_KeyGen.
    pub struct EcdhKeyGenReply {
        /// The shared point.
        pub z_point: Tpm2bEccPoint,
        /// The ephemeral key's public point.
        pub pub_point: Tpm2bEccPoint,
    }
}

impl Command for EcdhKeyGen {
    const CODE: TpmCc = TpmCc::ECDH_KEY_GEN;
    const NAME: &'static str = "TPM2_ECDH_KeyGen";
    type Params = ();
    type Reply = EcdhKeyGenReply;

    fn run(command: Authorized<'_, Self>) -> Result<EcdhKeyGenReply, TpmRc> {
        let Authorized { tpm, host, handles, .. } = command;
        let key = tpm.located_object(handles.first())?;
        let PublicArea::Ecc { parms, unique } = &key.public.area else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        let curve = parms.curve_id;
        let drbg = tpm.rng.generator(host)?;
        let scalar = ecc::random_scalar(host, drbg, curve)?;
        let shared = ecc::ecdh(host, curve, &scalar, &full_point(curve, unique)?)?;
        Ok(EcdhKeyGenReply {
            z_point: Tpm2bEccPoint(point(&shared)?),
            pub_point: Tpm2bEccPoint(point(&ecc::public_point(host, curve, &scalar)?)?),
        })
    }
}
