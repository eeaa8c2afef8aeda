//! TPM2_PCR_SetAuthValue (Part 3 §22.7): gives an authValue to the PCR of a group. The PC Client profile has no PCR that takes one (§4.6.2).

use crate::{
    dispatch::{Authorized, Command, parameters},
    pcr::attributes,
    structures::{Tpm2bAuth, TpmCc, TpmRc},
};

/// TPM2_PCR_SetAuthValue.
pub struct PcrSetAuthValue;

parameters! {
    /// The parameters of TPM2_PCR_SetAuthValue.
    pub struct Params {
        /// The authValue.
        pub auth: Tpm2bAuth,
    }
}

impl Command for PcrSetAuthValue {
    const CODE: TpmCc = TpmCc::PCR_SET_AUTH_VALUE;
    const NAME: &'static str = "TPM2_PCR_SetAuthValue";
    type Params = Params;
    type Reply = ();

    fn run(_command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        Err(attributes::NOT_IN_A_GROUP)
    }
}
