//! TPM2_Load (Part 3 §12.2): what TPM2_Create gave, back under its parent.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        Object,
        binding::{self, Places},
        checks::{self, Parent},
        name, protection,
    },
    structures::{Tpm2bName, Tpm2bPrivate, Tpm2bPublic, TpmCc, TpmRc, TpmaObject},
};

/// TPM2_Load.
pub struct Load;

parameters! {
    /// The parameters of TPM2_Load.
    pub struct LoadParams {
        /// The wrapped private part.
        pub in_private: Tpm2bPrivate,
        /// The public area.
        pub in_public: Tpm2bPublic,
    }
}

reply! {
    /// The reply of TPM2_Load.
    pub struct LoadReply {
        /// Where the object is loaded.
        handle object_handle: TpmHandle,
        /// Its Name.
        pub name: Tpm2bName,
    }
}

impl Command for Load {
    const CODE: TpmCc = TpmCc::LOAD;
    const NAME: &'static str = "TPM2_Load";
    type Params = LoadParams;
    type Reply = LoadReply;

    fn run(command: Authorized<'_, Self>) -> Result<LoadReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        if params.in_private.as_bytes().is_empty() {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let parent = tpm.located_parent(handles.first())?;
        let public = params.in_public.0;
        if public.name_alg.is_none() {
            return Err(TpmRc::HASH.with_parameter(2));
        }
        let name = name::object_name(host, &public)?;
        let sensitive = protection::unwrap(host, &parent, &name, &params.in_private).map_err(|code| match code {
            TpmRc::INTEGRITY => code.with_parameter(1),
            other => other,
        })?;
        checks::public_area(&public, Parent::Object(&parent)).map_err(|code| code.with_parameter(2))?;
        // What is fixed to this TPM was made by it, and its integrity value says so. What could be made elsewhere is checked again.
        if !public.has(TpmaObject::FIXED_TPM) {
            tpm.test_before_use_of(host, &public.area)?;
            let places = Places { public: 2, private: 1 };
            binding::pair(host, &public, &sensitive, places)?;
        }
        tpm.volatile.objects.check_room()?;
        let object = Object::under(host, &parent, public, sensitive, name.clone())?;
        let object_handle = tpm.volatile.objects.insert(object)?;
        Ok(LoadReply { object_handle, name })
    }
}
