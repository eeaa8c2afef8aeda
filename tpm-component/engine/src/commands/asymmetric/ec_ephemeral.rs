//! TPM2_EC_Ephemeral (Part 3 §19.3): the public point of an ephemeral key for one TPM2_ZGen_2Phase. The key is a commitment without a signer.

use crate::{
    crypto::{ecc, self_test::Part},
    dispatch::{Authorized, Command, parameters, reply},
    object::creation::point,
    structures::{Tpm2bEccPoint, Tpm2bName, TpmCc, TpmRc, TpmiEccCurve},
};

/// TPM2_EC_Ephemeral.
pub struct EcEphemeral;

parameters! {
    /// The parameters of TPM2_EC_Ephemeral.
    pub struct EcEphemeralParams {
        /// The curve.
        pub curve_id: TpmiEccCurve,
    }
}

reply! {
    /// The reply of TPM2_EC_Ephemeral.
    pub struct EcEphemeralReply {
        /// The public point.
        pub q: Tpm2bEccPoint,
        /// The commitment's count.
        pub counter: u16,
    }
}

impl Command for EcEphemeral {
    const CODE: TpmCc = TpmCc::EC_EPHEMERAL;
    const NAME: &'static str = "TPM2_EC_Ephemeral";
    type Params = EcEphemeralParams;
    type Reply = EcEphemeralReply;

    fn run(command: Authorized<'_, Self>) -> Result<EcEphemeralReply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        let curve = params.curve_id;
        tpm.test_before_use(host, Part::curve(curve))?;
        let scalar = tpm.next_commitment(host, curve, &Tpm2bName::empty())?;
        let q = Tpm2bEccPoint(point(&ecc::public_point(host, curve, &scalar)?)?);
        Ok(EcEphemeralReply {
            q,
            counter: tpm.open_commitment(),
        })
    }
}
