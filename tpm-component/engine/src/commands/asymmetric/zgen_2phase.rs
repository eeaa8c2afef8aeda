//! TPM2_ZGen_2Phase (Part 3 §14.7): the secret of a key exchange in which each side has a static and an ephemeral key (SP 800-56A §6.1.1: full
//! unified model, and full MQV).
//!
//! Both points of the other side are the caller's. The ephemeral key is that of TPM2_EC_Ephemeral, and is used up with the exchange.

use super::{decrypting_ecc, ecc_scalar, point_on_curve};
use crate::{
    crypto::{
        ecc::{self, mqv::mqv},
        self_test::Part,
    },
    dispatch::{Authorized, Command, parameters, reply},
    object::creation::point,
    structures::{
        Tpm2bEccParameter, Tpm2bEccPoint, Tpm2bName, TpmCc, TpmRc, TpmiEccKeyExchange, TpmsEccPoint, TpmtEccScheme,
    },
};

/// TPM2_ZGen_2Phase.
pub struct ZGen2Phase;

parameters! {
    /// The parameters of TPM2_ZGen_2Phase.
    pub struct ZGen2PhaseParams {
        /// The other side's static public point.
        pub in_qs_b: Tpm2bEccPoint,
        /// The other side's ephemeral public point.
        pub in_qe_b: Tpm2bEccPoint,
        /// The scheme.
        pub in_scheme: TpmiEccKeyExchange,
        /// The count of TPM2_EC_Ephemeral.
        pub counter: u16,
    }
}

reply! {
    /// The reply of TPM2_ZGen_2Phase.
    pub struct ZGen2PhaseReply {
        /// The shared point, of the static keys in the unified model.
        pub out_z1: Tpm2bEccPoint,
        /// The shared point of the ephemeral keys; empty with MQV and SM2.
        pub out_z2: Tpm2bEccPoint,
    }
}

impl Command for ZGen2Phase {
    const CODE: TpmCc = TpmCc::ZGEN_2PHASE;
    const NAME: &'static str = "TPM2_ZGen_2Phase";
    type Params = ZGen2PhaseParams;
    type Reply = ZGen2PhaseReply;

    fn run(command: Authorized<'_, Self>) -> Result<ZGen2PhaseReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let key = tpm.located_object(handles.first())?;
        let parms = decrypting_ecc(&key)?;
        if !allows(&parms.scheme, params.in_scheme) {
            return Err(TpmRc::SCHEME.with_parameter(3));
        }
        let curve = parms.curve_id;
        let on_curve = |given: &Tpm2bEccPoint, parameter: usize| {
            point_on_curve(curve, given).map_err(|code| code.with_parameter(parameter))
        };
        let their_static = on_curve(&params.in_qs_b, 1)?;
        let their_ephemeral = on_curve(&params.in_qe_b, 2)?;
        let private = ecc_scalar(&key)?;
        let ephemeral = tpm
            .commitment(host, curve, &Tpm2bName::empty(), params.counter)
            .ok_or(TpmRc::VALUE.with_parameter(4))?;
        let (z1, z2) = match params.in_scheme {
            TpmiEccKeyExchange::Ecdh => {
                let z1 = ecc::ecdh(host, curve, private, &their_static)?;
                let z2 = ecc::ecdh(host, curve, &ephemeral, &their_ephemeral)?;
                (point(&z1)?, point(&z2)?)
            }
            TpmiEccKeyExchange::Ecmqv => {
                tpm.test_before_use(host, Part::Ecmqv)?;
                let z1 = mqv(host, curve, private, &ephemeral, &their_static, &their_ephemeral)
                    .map_err(|_| TpmRc::NO_RESULT)?;
                (point(&z1)?, no_point())
            }
            #[cfg(feature = "sm2")]
            TpmiEccKeyExchange::Sm2 => {
                tpm.test_before_use(host, Part::Sm2)?;
                let z1 = ecc::sm2::exchange(host, curve, private, &ephemeral, &their_static, &their_ephemeral)
                    .map_err(|_| TpmRc::NO_RESULT)?;
                (point(&z1)?, no_point())
            }
        };
        tpm.close_commitment(params.counter);
        Ok(ZGen2PhaseReply {
            out_z1: Tpm2bEccPoint(z1),
            out_z2: Tpm2bEccPoint(z2),
        })
    }
}

/// What stands in the place of a point that there is not.
fn no_point() -> TpmsEccPoint {
    TpmsEccPoint {
        x: Tpm2bEccParameter::empty(),
        y: Tpm2bEccParameter::empty(),
    }
}

/// Whether a key with this scheme takes part in such an exchange.
const fn allows(own: &TpmtEccScheme, asked: TpmiEccKeyExchange) -> bool {
    match own {
        TpmtEccScheme::Null => true,
        TpmtEccScheme::Ecdh(_) => matches!(asked, TpmiEccKeyExchange::Ecdh),
        TpmtEccScheme::Ecmqv(_) => matches!(asked, TpmiEccKeyExchange::Ecmqv),
        #[cfg(feature = "sm2")]
        TpmtEccScheme::Sm2(_) => matches!(asked, TpmiEccKeyExchange::Sm2),
        TpmtEccScheme::Ecdsa(_) | TpmtEccScheme::Ecdaa(_) | TpmtEccScheme::Ecschnorr(_) => false,
    }
}
