//! TPM2_HierarchyControl (Part 3 §24.2): enables and disables hierarchies, and the platform's NV indices. Whoever owns a hierarchy may disable
//! it; only the platform may enable one, and nobody the platform hierarchy before the next TPM2_Startup.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmHandle, TpmRc, TpmiRhEnables, TpmiRhHierarchy},
};

/// TPM2_HierarchyControl.
pub struct HierarchyControl;

parameters! {
    /// The parameters of TPM2_HierarchyControl.
    pub struct HierarchyControlParams {
        /// What is enabled or disabled.
        pub enable: TpmiRhEnables,
        /// Whether it is to be enabled.
        pub state: bool,
    }
}

impl Command for HierarchyControl {
    const CODE: TpmCc = TpmCc::HIERARCHY_CONTROL;
    const NAME: &'static str = "TPM2_HierarchyControl";
    type Params = HierarchyControlParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        let by_platform = handles.first() == TpmHandle::PLATFORM;
        let enable = params.enable.handle();
        // Enabling what authorises the command changes nothing: were it disabled, it could not authorise.
        let own = handles.first() == enable;
        if !by_platform && !own {
            return Err(TpmRc::AUTH_TYPE);
        }
        let enables = tpm.state_clear.enables.edit();
        match enable {
            TpmHandle::OWNER => enables.owner = params.state,
            TpmHandle::ENDORSEMENT => enables.endorsement = params.state,
            TpmHandle::PLATFORM => enables.platform = params.state,
            _ => enables.platform_nv = params.state,
        }
        if let Some(hierarchy) = TpmiRhHierarchy::from_value(enable.0).filter(|_| !params.state) {
            tpm.volatile.objects.retain(|object| object.hierarchy != hierarchy);
        }
        Ok(())
    }
}
