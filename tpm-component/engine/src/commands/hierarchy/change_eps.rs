//! TPM2_ChangeEPS (Part 3 §24.5): a new endorsement primary seed. Every key of the endorsement hierarchy, and with them the identity of this
//! TPM, is gone; fresh attestations carry the new one.

use crate::{
    dispatch::{Authorized, Command},
    hierarchy::Authorization,
    structures::{TpmCc, TpmRc, TpmiRhHierarchy},
};

/// TPM2_ChangeEPS.
pub struct ChangeEps;

impl Command for ChangeEps {
    const CODE: TpmCc = TpmCc::CHANGE_EPS;
    const NAME: &'static str = "TPM2_ChangeEPS";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, host, .. } = command;
        let root = tpm.new_root(host)?;
        let hierarchies = tpm.persistent.hierarchies.edit();
        hierarchies.endorsement = root;
        hierarchies.endorsement_authorization = Authorization::default();
        tpm.state_clear.enables.edit().endorsement = true;
        tpm.flush_hierarchies(&[TpmiRhHierarchy::Endorsement]);
        Ok(())
    }
}
