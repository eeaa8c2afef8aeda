//! TPM2_NV_ChangeAuth (Part 3 §31.15): a new authValue for an NV index. The ADMIN role was given by the index's policy.

use super::index;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bAuth, TpmCc, TpmRc},
};

/// TPM2_NV_ChangeAuth.
pub struct NvChangeAuth;

parameters! {
    /// Parameters of TPM2_NV_ChangeAuth.
    pub struct Params {
        /// The new authValue.
        pub new_auth: Tpm2bAuth,
    }
}

impl Command for NvChangeAuth {
    const CODE: TpmCc = TpmCc::NV_CHANGE_AUTH;
    const NAME: &'static str = "TPM2_NV_ChangeAuth";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let new_auth = command.params.new_auth.trimmed();
        if new_auth.len() > index(command.tpm, handle, 1)?.public().name_alg.digest_size() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        command.tpm.persistent.nv.edit(handle)?.set_auth(&new_auth);
        Ok(())
    }
}
