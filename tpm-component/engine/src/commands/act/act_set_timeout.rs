//! TPM2_ACT_SetTimeout (Part 3 §33.2): starts a countdown anew, ends it, or takes back its signal. It is never TPM_RC_RETRY, which is for hardware that
//! has not yet taken the last value.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_ACT_SetTimeout.
pub struct ActSetTimeout;

parameters! {
    /// Parameters of TPM2_ACT_SetTimeout.
    pub struct Params {
        /// The seconds until the timer signals.
        pub start_timeout: u32,
    }
}

impl Command for ActSetTimeout {
    const CODE: TpmCc = TpmCc::ACT_SET_TIMEOUT;
    const NAME: &'static str = "TPM2_ACT_SetTimeout";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        let now = tpm.time.now;
        let act = tpm.state_clear.acts.edit().get_mut(handles.first());
        act.ok_or(TpmRc::VALUE)?
            .set_timeout(now, params.start_timeout)
            .map_err(|code| code.with_parameter(1))
    }
}
