//! TPM2_ObjectChangeAuth (Part 3 §12.8): wraps an object anew with another authValue. The loaded object keeps the old one, and so does every blob
//! of it that exists already.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{name, protection},
    structures::{Tpm2bAuth, Tpm2bPrivate, TpmCc, TpmRc},
};

/// TPM2_ObjectChangeAuth.
pub struct ObjectChangeAuth;

parameters! {
    /// The parameters of TPM2_ObjectChangeAuth.
    pub struct ObjectChangeAuthParams {
        /// The new authValue.
        pub new_auth: Tpm2bAuth,
    }
}

reply! {
    /// The reply of TPM2_ObjectChangeAuth.
    pub struct ObjectChangeAuthReply {
        /// The wrapped private part with the new authValue.
        pub out_private: Tpm2bPrivate,
    }
}

impl Command for ObjectChangeAuth {
    const CODE: TpmCc = TpmCc::OBJECT_CHANGE_AUTH;
    const NAME: &'static str = "TPM2_ObjectChangeAuth";
    type Params = ObjectChangeAuthParams;
    type Reply = ObjectChangeAuthReply;

    fn run(command: Authorized<'_, Self>) -> Result<ObjectChangeAuthReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let object = tpm.located_object(handles.first())?;
        let parent = tpm.located_object(handles.second())?;
        // The Qualified Name tells whether it is the parent; primary objects have none that is an object.
        let alg = object.public.name_alg.ok_or(TpmRc::TYPE.with_handle(1))?;
        let expected = name::qualified_name(host, alg, &parent.qualified_name, &object.name)?;
        if !parent.is_storage_parent() || expected != object.qualified_name {
            return Err(TpmRc::TYPE.with_handle(2));
        }
        let new_auth = params.new_auth.trimmed();
        if new_auth.len() > alg.digest_size() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let mut sensitive = object.sensitive.clone().ok_or(TpmRc::TYPE.with_handle(1))?;
        sensitive.auth_value = new_auth;
        let out_private = protection::wrap(tpm, host, &parent, &object.name, &sensitive)?;
        Ok(ObjectChangeAuthReply { out_private })
    }
}
