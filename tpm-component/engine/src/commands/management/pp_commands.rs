//! TPM2_PP_Commands (Part 3 §26.2): which commands need physical presence besides platform authorisation. The command itself always needs it, and there is
//! nobody present in a virtual machine: its authorisation fails with TPM_RC_PP before its action is reached, and so the list stays
//! as it is, with this one command in it.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc, TpmlCc},
};

/// TPM2_PP_Commands.
pub struct PpCommands;

parameters! {
    /// The parameters of TPM2_PP_Commands.
    pub struct Params {
        /// Commands that are to need physical presence.
        pub set_list: TpmlCc,
        /// Commands that are to need it no longer.
        pub clear_list: TpmlCc,
    }
}

impl Command for PpCommands {
    const CODE: TpmCc = TpmCc::PP_COMMANDS;
    const NAME: &'static str = "TPM2_PP_Commands";
    type Params = Params;
    type Reply = ();

    fn run(_command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        Err(TpmRc::PP)
    }
}
