//! TPM2_PolicyDuplicationSelect (Part 3 §23.16): the session authorises the duplication of one object to one new parent, or, when the object
//! is not part of the digest, of whichever object has this policy.

use super::session_mut;
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bName, TpmCc, TpmRc},
};

/// TPM2_PolicyDuplicationSelect.
pub struct PolicyDuplicationSelect;

parameters! {
    /// Parameters of TPM2_PolicyDuplicationSelect.
    pub struct Params {
        /// The Name of the object.
        pub object_name: Tpm2bName,
        /// The Name of its new parent.
        pub new_parent_name: Tpm2bName,
        /// Whether the object's Name is part of the digest.
        pub include_object: bool,
    }
}

impl Command for PolicyDuplicationSelect {
    const CODE: TpmCc = TpmCc::POLICY_DUPLICATION_SELECT;
    const NAME: &'static str = "TPM2_PolicyDuplicationSelect";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Params {
            object_name,
            new_parent_name,
            include_object,
        } = command.params;
        let session = session_mut(command.tpm, command.handles.first())?;
        let codes = (Self::CODE, TpmCc::DUPLICATE);
        session.select(command.host, codes, &object_name, &[&new_parent_name], include_object)
    }
}
