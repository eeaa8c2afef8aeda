//! TPM2_ClearControl (Part 3 §24.7): whether TPM2_Clear works. lockoutAuth may only disable it.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmHandle, TpmRc},
};

/// TPM2_ClearControl.
pub struct ClearControl;

parameters! {
    /// The parameters of TPM2_ClearControl.
    pub struct ClearControlParams {
        /// disableClear.
        pub disable: bool,
    }
}

impl Command for ClearControl {
    const CODE: TpmCc = TpmCc::CLEAR_CONTROL;
    const NAME: &'static str = "TPM2_ClearControl";
    type Params = ClearControlParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        if handles.first() == TpmHandle::LOCKOUT && !params.disable {
            return Err(TpmRc::AUTH_FAIL);
        }
        tpm.persistent.hierarchies.edit().disable_clear = params.disable;
        Ok(())
    }
}
