//! TPM2_GetTime (Part 3 §18.7): the TPM attests Time and Clock. Those in the statement's body are not shifted, which is why the privacy
//! administrator has to agree.

use super::Attester;
use crate::{
    commands::capability::properties::FIRMWARE_VERSION,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bAttest, Tpm2bData, TpmCc, TpmRc, TpmsTimeAttestInfo, TpmtSigScheme, TpmtSignature, TpmuAttest},
};

/// TPM2_GetTime.
pub struct GetTime;

parameters! {
    /// The parameters of TPM2_GetTime.
    pub struct GetTimeParams {
        /// What the caller wants to find in the statement.
        pub qualifying_data: Tpm2bData,
        /// The scheme, when the key has none of its own.
        pub in_scheme: TpmtSigScheme,
    }
}

reply! {
    /// The reply of TPM2_GetTime.
    pub struct GetTimeReply {
        /// The statement.
        pub time_info: Tpm2bAttest,
        /// The signature over it.
        pub signature: Option<TpmtSignature>,
    }
}

impl Command for GetTime {
    const CODE: TpmCc = TpmCc::GET_TIME;
    const NAME: &'static str = "TPM2_GetTime";
    type Params = GetTimeParams;
    type Reply = GetTimeReply;

    fn run(command: Authorized<'_, Self>) -> Result<GetTimeReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let attester = Attester::new(tpm, handles.second(), 2, &params.in_scheme, 2)?;
        let attested = TpmuAttest::Time(TpmsTimeAttestInfo {
            time: tpm.time_info(),
            firmware_version: FIRMWARE_VERSION,
        });
        let (time_info, signature) = attester.attest(tpm, host, params.qualifying_data, attested)?;
        Ok(GetTimeReply { time_info, signature })
    }
}
