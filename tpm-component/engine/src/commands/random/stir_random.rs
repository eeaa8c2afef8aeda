//! TPM2_StirRandom (Part 3 §16.2): the caller's bytes go into the generator as additional input. They are never trusted to add anything: the
//! generator's strength comes from the host's entropy alone.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bSensitiveData, TpmCc, TpmRc},
};

/// TPM2_StirRandom.
pub struct StirRandom;

parameters! {
    /// The parameters of TPM2_StirRandom.
    pub struct StirRandomParams {
        /// Additional input.
        pub in_data: Tpm2bSensitiveData,
    }
}

impl Command for StirRandom {
    const CODE: TpmCc = TpmCc::STIR_RANDOM;
    const NAME: &'static str = "TPM2_StirRandom";
    type Params = StirRandomParams;
    type Reply = ();

    fn run(_command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        Ok(())
    }
}
