//! TPM2_LoadExternal (Part 3 §12.3): a public key, or a whole key pair, that did not come from this TPM. Nothing can be stored under it.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        Object, Prepared,
        binding::{self, Places},
        checks::{self, Parent},
        name,
    },
    structures::{
        Tpm2bName, Tpm2bPublicPlus, Tpm2bSensitive, TpmCc, TpmRc, TpmaObject, TpmiRhHierarchy, TpmtPublic,
        TpmtSensitive,
    },
};

/// TPM2_LoadExternal.
pub struct LoadExternal;

parameters! {
    /// The parameters of TPM2_LoadExternal.
    pub struct LoadExternalParams {
        /// The private part, or nothing.
        pub in_private: Tpm2bSensitive,
        /// The public area.
        pub in_public: Tpm2bPublicPlus,
        /// The hierarchy that the object is to live in.
        pub hierarchy: TpmiRhHierarchy,
    }
}

reply! {
    /// The reply of TPM2_LoadExternal.
    pub struct LoadExternalReply {
        /// Where the object is loaded.
        handle object_handle: TpmHandle,
        /// Its Name.
        pub name: Tpm2bName,
    }
}

impl Command for LoadExternal {
    const CODE: TpmCc = TpmCc::LOAD_EXTERNAL;
    const NAME: &'static str = "TPM2_LoadExternal";
    type Params = LoadExternalParams;
    type Reply = LoadExternalReply;

    fn run(command: Authorized<'_, Self>) -> Result<LoadExternalReply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        if !tpm.state_clear.enables.contains(params.hierarchy) {
            return Err(TpmRc::HIERARCHY.with_parameter(3));
        }
        let public = params.in_public.0;
        let mut sensitive = params.in_private.0;
        if let Some(sensitive) = &mut sensitive {
            check_private(&public, sensitive, params.hierarchy)?;
            sensitive.auth_value.trim();
        }
        let checked = if sensitive.is_some() && public.name_alg.is_some() {
            checks::public_area(&public, Parent::None)
        } else {
            checks::unvouched(&public)
        };
        checked.map_err(|code| code.with_parameter(2))?;
        let places = Places { public: 2, private: 1 };
        let sensitive = match sensitive {
            Some(sensitive) => {
                let sensitive = binding::canonical(&public, sensitive)?;
                tpm.test_before_use_of(host, &public.area)?;
                binding::pair(host, &public, &sensitive, places)?;
                Some(sensitive)
            }
            None => {
                binding::public_only(&public, places)?;
                None
            }
        };
        tpm.volatile.objects.check_room()?;
        let name = name::object_name(host, &public)?;
        let st_clear = public.has(TpmaObject::ST_CLEAR);
        let object_handle = tpm.volatile.objects.insert(Object {
            public,
            sensitive,
            hierarchy: params.hierarchy,
            qualified_name: name.clone(),
            name: name.clone(),
            external: true,
            st_clear,
            prepared: Prepared::default(),
            sequence: None,
        })?;
        Ok(LoadExternalReply { object_handle, name })
    }
}

/// What a private part from outside may claim, and where it may live.
fn check_private(public: &TpmtPublic, sensitive: &TpmtSensitive, hierarchy: TpmiRhHierarchy) -> Result<(), TpmRc> {
    // A private part that anybody may know must not pass for a key of this TPM.
    if hierarchy != TpmiRhHierarchy::Null {
        return Err(TpmRc::HIERARCHY.with_parameter(3));
    }
    let claims = TpmaObject::FIXED_TPM
        .with(TpmaObject::FIXED_PARENT)
        .with(TpmaObject::RESTRICTED);
    if public.object_attributes.intersects(claims) {
        return Err(TpmRc::ATTRIBUTES.with_parameter(2));
    }
    if public
        .name_alg
        .is_some_and(|alg| sensitive.auth_value.as_bytes().len() > alg.digest_size())
    {
        return Err(TpmRc::SIZE.with_parameter(1));
    }
    Ok(())
}
