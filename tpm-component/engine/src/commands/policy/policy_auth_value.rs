//! TPM2_PolicyAuthValue (Part 3 §23.17): whoever uses the session also knows the entity's authValue, and proves it in the session's HMAC.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyAuthValue.
pub struct PolicyAuthValue;

impl Command for PolicyAuthValue {
    const CODE: TpmCc = TpmCc::POLICY_AUTH_VALUE;
    const NAME: &'static str = "TPM2_PolicyAuthValue";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let session = session_mut(command.tpm, command.handles.first())?;
        session.extend(command.host, Self::CODE, &[]);
        session.policy.needs_auth_value = true;
        session.policy.needs_password = false;
        Ok(())
    }
}
