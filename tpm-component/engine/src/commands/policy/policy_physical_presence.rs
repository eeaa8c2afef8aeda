//! TPM2_PolicyPhysicalPresence (Part 3 §23.13): physical presence is asserted when the session is used. A virtual TPM has no such signal, so
//! the session then authorises nothing; the digest can be one branch of a TPM2_PolicyOR all the same.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc},
};

/// TPM2_PolicyPhysicalPresence.
pub struct PolicyPhysicalPresence;

impl Command for PolicyPhysicalPresence {
    const CODE: TpmCc = TpmCc::POLICY_PHYSICAL_PRESENCE;
    const NAME: &'static str = "TPM2_PolicyPhysicalPresence";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let session = session_mut(command.tpm, command.handles.first())?;
        session.extend(command.host, Self::CODE, &[]);
        session.policy.needs_physical_presence = true;
        Ok(())
    }
}
