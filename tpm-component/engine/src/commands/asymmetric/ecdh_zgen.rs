//! TPM2_ECDH_ZGen (Part 3 §14.5): the point that a key shares with somebody's public point.

use super::{decrypting_ecc, ecc_scalar, point_on_curve};
use crate::{
    crypto::ecc,
    dispatch::{Authorized, Command, parameters, reply},
    object::creation::point,
    structures::{Tpm2bEccPoint, TpmCc, TpmRc, TpmtEccScheme},
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
        let parms = decrypting_ecc(&key)?;
        if !matches!(parms.scheme, TpmtEccScheme::Null | TpmtEccScheme::Ecdh(_)) {
            return Err(TpmRc::SCHEME.with_handle(1));
        }
        let scalar = ecc_scalar(&key)?;
        let theirs = point_on_curve(parms.curve_id, &params.in_point).map_err(|code| code.with_parameter(1))?;
        let shared = ecc::ecdh(host, parms.curve_id, scalar, &theirs)?;
        Ok(EcdhZgenReply {
            out_point: Tpm2bEccPoint(point(&shared)?),
        })
    }
}
