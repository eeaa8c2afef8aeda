//! TPM2_HierarchyChangeAuth (Part 3 §24.8): a new authValue for a hierarchy or lockout. platformAuth lasts until the next TPM Reset or Restart.

use super::edit_authorization;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bAuth, TpmCc, TpmRc},
};

/// TPM2_HierarchyChangeAuth.
pub struct HierarchyChangeAuth;

parameters! {
    /// The parameters of TPM2_HierarchyChangeAuth.
    pub struct HierarchyChangeAuthParams {
        /// The new authValue.
        pub new_auth: Tpm2bAuth,
    }
}

impl Command for HierarchyChangeAuth {
    const CODE: TpmCc = TpmCc::HIERARCHY_CHANGE_AUTH;
    const NAME: &'static str = "TPM2_HierarchyChangeAuth";
    type Params = HierarchyChangeAuthParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        let auth = params.new_auth.trimmed();
        edit_authorization(tpm, handles.first())?.auth = auth;
        Ok(())
    }
}
