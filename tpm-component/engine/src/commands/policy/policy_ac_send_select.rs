//! TPM2_Policy_AC_SendSelect (Part 3 §32.4): the session authorises sending one object to one attached component. This TPM has no attached component, so
//! the session then authorises nothing; its digest can be computed, and can be one branch of a TPM2_PolicyOR.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bName, TpmCc, TpmRc},
};

/// TPM2_Policy_AC_SendSelect.
pub struct PolicyAcSendSelect;

parameters! {
    /// Parameters of TPM2_Policy_AC_SendSelect.
    pub struct Params {
        /// The Name of the object.
        pub object_name: Tpm2bName,
        /// The Name of what authorises the component's use.
        pub auth_handle_name: Tpm2bName,
        /// The Name of the component.
        pub ac_name: Tpm2bName,
        /// Whether the object's Name is part of the digest.
        pub include_object: bool,
    }
}

impl Command for PolicyAcSendSelect {
    const CODE: TpmCc = TpmCc::POLICY_AC_SEND_SELECT;
    const NAME: &'static str = "TPM2_Policy_AC_SendSelect";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            object_name,
            auth_handle_name,
            ac_name,
            include_object,
        } = command.params;
        let session = session_mut(command.tpm, command.handles.first())?;
        let codes = (Self::CODE, TpmCc::AC_SEND);
        session.select(
            command.host,
            codes,
            &object_name,
            &[&auth_handle_name, &ac_name],
            include_object,
        )
    }
}
