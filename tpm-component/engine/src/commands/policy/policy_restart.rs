//! TPM2_PolicyRestart (Part 3 §11.2): the policy of a session begins anew. The specification has it in the chapter on sessions; it stands here
//! with its siblings, whose state it clears.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command},
    session::policy::PolicyState,
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyRestart.
pub struct PolicyRestart;

impl Command for PolicyRestart {
    const CODE: TpmCc = TpmCc::POLICY_RESTART;
    const NAME: &'static str = "TPM2_PolicyRestart";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let time = command.tpm.time;
        let session = session_mut(command.tpm, command.handles.first())?;
        session.policy = PolicyState::begin(session.auth_hash, time.now, time.epoch);
        Ok(())
    }
}
