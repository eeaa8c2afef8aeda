//! TPM2_ChangePPS (Part 3 §24.4): a new platform primary seed. Every key of the platform hierarchy is gone.

use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc, TpmiRhHierarchy},
};

/// TPM2_ChangePPS.
pub struct ChangePps;

impl Command for ChangePps {
    const CODE: TpmCc = TpmCc::CHANGE_PPS;
    const NAME: &'static str = "TPM2_ChangePPS";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, host, .. } = command;
        let root = tpm.new_root(host)?;
        tpm.persistent.hierarchies.edit().platform = root;
        tpm.state_clear.platform.edit().policy = None;
        tpm.flush_hierarchies(&[TpmiRhHierarchy::Platform]);
        Ok(())
    }
}
