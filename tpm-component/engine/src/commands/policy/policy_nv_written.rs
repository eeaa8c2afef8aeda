//! TPM2_PolicyNvWritten (Part 3 §23.21): the session authorises commands on an NV index that was written, or on one that was not.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
    wire::Marshal,
};

/// TPM2_PolicyNvWritten.
pub struct PolicyNvWritten;

parameters! {
    /// Parameters of TPM2_PolicyNvWritten.
    pub struct Params {
        /// Whether TPMA_NV_WRITTEN shall be set.
        pub written_set: bool,
    }
}

impl Command for PolicyNvWritten {
    const CODE: TpmCc = TpmCc::POLICY_NV_WRITTEN;
    const NAME: &'static str = "TPM2_PolicyNvWritten";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let written = command.params.written_set;
        let session = session_mut(command.tpm, command.handles.first())?;
        if session.policy.nv_written.is_some_and(|known| known != written) {
            return Err(TpmRc::VALUE.with_parameter(1));
        }
        session.extend(command.host, Self::CODE, &written.to_bytes());
        session.policy.nv_written = Some(written);
        Ok(())
    }
}
