//! TPM2_PolicyPassword (Part 3 §23.18): as TPM2_PolicyAuthValue, with the authValue in the clear. The digest is the same, so that the policy does
//! not say which of the two it is.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyPassword.
pub struct PolicyPassword;

impl Command for PolicyPassword {
    const CODE: TpmCc = TpmCc::POLICY_PASSWORD;
    const NAME: &'static str = "TPM2_PolicyPassword";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let session = session_mut(command.tpm, command.handles.first())?;
        session.extend(command.host, TpmCc::POLICY_AUTH_VALUE, &[]);
        session.policy.needs_password = true;
        session.policy.needs_auth_value = false;
        Ok(())
    }
}
