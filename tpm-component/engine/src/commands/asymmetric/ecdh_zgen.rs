//! TPM2_ECDH_ZGen (Part 3 §14.5): the point that a key shares with somebody's public point.

use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    object::{creation::point, seed_exchange::full_point},
    structures::{PublicArea, Tpm2bEccPoint, TpmCc, TpmRc, TpmaObject, TpmtEccScheme, TpmuSensitiveComposite},
};

/// TPM2_ECDH_ZGen.
pub struct EcdhZgen;

parameters! {
    /// The parameters of TPM2_ECDH_ZGen.
    pub struct EcdhZgenParams {
        /// The other side's public point.
        pub in_point: Tpm2bEccPoint,
    }
}

reply! {
    /// The reply of TPM2_ECDH_ZGen.
    pub struct EcdhZgenReply {
        /// The shared point.
        pub out_point: Tpm2bEccPoint,
    }
}

impl Command for EcdhZgen {
    const CODE: TpmCc = TpmCc::ECDH_ZGEN;
    const NAME: &'static str = "TPM2_ECDH_ZGen";
    type Params = EcdhZgenParams;
    type Reply = EcdhZgenReply;

    fn run(command: Authorized<'_, Self>) -> Result<EcdhZgenReply, TpmRc> {
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
        if !matches!(parms.scheme, TpmtEccScheme::Null | TpmtEccScheme::Ecdh(_)) {
            return Err(TpmRc::SCHEME.with_handle(1));
        }
        let Some(TpmuSensitiveComposite::Ecc(scalar)) = key.sensitive.as_ref().map(|sensitive| &sensitive.sensitive)
        else {
            return Err(TpmRc::KEY.with_handle(1));
        };
        let wrong_point = |code: TpmRc| code.with_parameter(1);
        let theirs = full_point(parms.curve_id, &params.in_point.0).map_err(wrong_point)?;
        if !ecc::is_on_curve(parms.curve_id, &theirs) {
            return Err(TpmRc::ECC_POINT.with_parameter(1));
        }
        let shared = ecc::ecdh(host, parms.curve_id, scalar.as_bytes(), &theirs)?;
        Ok(EcdhZgenReply {
            out_point: Tpm2bEccPoint(point(&shared)?),
        })
    }
}
