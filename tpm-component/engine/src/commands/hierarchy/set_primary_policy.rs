//! TPM2_SetPrimaryPolicy (Part 3 §24.3): the policy of a hierarchy, of lockout or of a countdown timer.

use super::edit_authorization;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmiAlgHash, TpmtHa},
};

/// TPM2_SetPrimaryPolicy.
pub struct SetPrimaryPolicy;

parameters! {
    /// The parameters of TPM2_SetPrimaryPolicy.
    pub struct SetPrimaryPolicyParams {
        /// The policy, or nothing.
        pub auth_policy: Tpm2bDigest,
        /// The hash with which it is computed, or none.
        pub hash_alg: Option<TpmiAlgHash>,
    }
}

impl Command for SetPrimaryPolicy {
    const CODE: TpmCc = TpmCc::SET_PRIMARY_POLICY;
    const NAME: &'static str = "TPM2_SetPrimaryPolicy";
    type Params = SetPrimaryPolicyParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        let size_error = TpmRc::SIZE.with_parameter(1);
        let policy = match params.hash_alg {
            Some(hash) => Some(TpmtHa::new(hash, params.auth_policy.as_bytes()).map_err(|_| size_error)?),
            None if params.auth_policy.is_empty() => None,
            None => return Err(size_error),
        };
        let handle = handles.first();
        match tpm.state_clear.acts.get(handle) {
            Some(_) => tpm.state_clear.acts.edit().get_mut(handle).ok_or(TpmRc::VALUE)?.policy = policy,
            None => edit_authorization(tpm, handle)?.policy = policy,
        }
        Ok(())
    }
}
