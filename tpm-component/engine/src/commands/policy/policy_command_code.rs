//! TPM2_PolicyCommandCode (Part 3 §23.11): the session authorises this command only.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters, table},
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyCommandCode.
pub struct PolicyCommandCode;

parameters! {
    /// Parameters of TPM2_PolicyCommandCode.
    pub struct Params {
        /// The command.
        pub code: TpmCc,
    }
}

impl Command for PolicyCommandCode {
    const CODE: TpmCc = TpmCc::POLICY_COMMAND_CODE;
    const NAME: &'static str = "TPM2_PolicyCommandCode";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let code = command.params.code;
        let session = session_mut(command.tpm, command.handles.first())?;
        if session.policy.command_code.is_some_and(|known| known != code) {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        if table::find(code).is_err() {
            return Err(TpmRc::POLICY_CC.with_parameter(1));
        }
        session.extend(command.host, Self::CODE, &code.0.to_be_bytes());
        session.policy.command_code = Some(code);
        Ok(())
    }
}
