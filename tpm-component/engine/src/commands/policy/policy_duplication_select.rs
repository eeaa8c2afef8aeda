//! TPM2_PolicyDuplicationSelect (Part 3 §23.16): the session authorises the duplication of one object to one new parent, or, when the object
//! is not part of the digest, of whichever object has this policy.

use super::session_mut;
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    session::policy::Restriction,
    structures::{Tpm2bName, TpmCc, TpmRc},
    wire::Marshal,
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
        if session.policy.restriction != Restriction::None {
            return Err(TpmRc::CPHASH);
        }
        if session.policy.command_code.is_some() {
            return Err(TpmRc::COMMAND_CODE);
        }
        let names: &[&[u8]] = &[object_name.as_bytes(), new_parent_name.as_bytes()];
        session.policy.restriction = Restriction::NameHash(hash(command.host, session.auth_hash, names));
        session.policy.command_code = Some(TpmCc::DUPLICATE);
        let object = if include_object { object_name.as_bytes() } else { &[] };
        let parts: &[&[u8]] = &[object, new_parent_name.as_bytes(), &include_object.to_bytes()];
        session.extend(command.host, Self::CODE, parts);
        Ok(())
    }
}
