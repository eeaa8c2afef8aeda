//! Part 3 §24: hierarchies.

mod change_eps;
mod change_pps;
mod clear;
mod clear_control;
mod hierarchy_change_auth;
mod hierarchy_control;
mod read_only_control;
mod set_primary_policy;

pub use change_eps::ChangeEps;
pub use change_pps::ChangePps;
pub use clear::Clear;
pub use clear_control::ClearControl;
pub use hierarchy_change_auth::HierarchyChangeAuth;
pub use hierarchy_control::HierarchyControl;
pub use read_only_control::ReadOnlyControl;
pub use set_primary_policy::SetPrimaryPolicy;

use crate::{
    hierarchy::Authorization,
    structures::{TpmHandle, TpmRc},
    tpm::Tpm,
};

/// The authorisation of a hierarchy or of lockout, to be changed.
fn edit_authorization(tpm: &mut Tpm, handle: TpmHandle) -> Result<&mut Authorization, TpmRc> {
    Ok(match handle {
        TpmHandle::OWNER => &mut tpm.persistent.hierarchies.edit().owner_authorization,
        TpmHandle::ENDORSEMENT => &mut tpm.persistent.hierarchies.edit().endorsement_authorization,
        TpmHandle::LOCKOUT => &mut tpm.persistent.hierarchies.edit().lockout_authorization,
        TpmHandle::PLATFORM => tpm.state_clear.platform.edit(),
        _ => return Err(TpmRc::VALUE),
    })
}
