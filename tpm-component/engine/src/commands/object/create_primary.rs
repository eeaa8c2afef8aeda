//! TPM2_CreatePrimary (Part 3 §24.1): the object that a hierarchy's seed and a template give, loaded.

use crate::{
    commands::object::{Creation, check_creation, creation_data},
    dispatch::{Authorized, Command, parameters, reply},
    object::{checks::Parent, creation, name},
    structures::{
        Tpm2bData, Tpm2bDigest, Tpm2bName, Tpm2bPublic, Tpm2bSensitiveCreate, TpmAlgId, TpmCc, TpmRc, TpmiRhHierarchy,
        TpmlPcrSelection, TpmtTkCreation, Written,
    },
};

/// TPM2_CreatePrimary.
pub struct CreatePrimary;

parameters! {
    /// The parameters of TPM2_CreatePrimary.
    pub struct CreatePrimaryParams {
        /// authValue and data of the new object.
        pub in_sensitive: Tpm2bSensitiveCreate,
        /// The template.
        pub in_public: Tpm2bPublic,
        /// What the caller wants in the creation data.
        pub outside_info: Tpm2bData,
        /// The PCR that the creation data record.
        pub creation_pcr: TpmlPcrSelection,
    }
}

reply! {
    /// The reply of TPM2_CreatePrimary.
    pub struct CreatePrimaryReply {
        /// Where the object is loaded.
        handle object_handle: TpmHandle,
        /// The public area.
        pub out_public: Tpm2bPublic,
        /// Where and how it was created.
        pub creation_data: Written,
        /// The digest of the creation data.
        pub creation_hash: Tpm2bDigest,
        /// That this TPM did it.
        pub creation_ticket: TpmtTkCreation,
        /// The Name.
        pub name: Tpm2bName,
    }
}

impl Command for CreatePrimary {
    const CODE: TpmCc = TpmCc::CREATE_PRIMARY;
    const NAME: &'static str = "TPM2_CreatePrimary";
    type Params = CreatePrimaryParams;
    type Reply = CreatePrimaryReply;

    fn run(command: Authorized<'_, Self>) -> Result<CreatePrimaryReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            locality,
            handles,
            params,
            ..
        } = command;
        let hierarchy = TpmiRhHierarchy::from_value(handles.first().0).ok_or(TpmRc::VALUE.with_handle(1))?;
        let (template, sensitive) = (&params.in_public.0, &params.in_sensitive.0);
        check_creation(template, Parent::Hierarchy, sensitive)?;
        tpm.volatile.objects.check_room()?;
        let object = creation::primary(tpm, host, hierarchy, template, sensitive)?;
        let parent = name::handle_name(hierarchy.handle())?;
        let (creation_data, creation_hash, creation_ticket) = creation_data(
            tpm,
            host,
            &object.public,
            &object.name,
            Creation {
                locality,
                hierarchy,
                parent_name_alg: TpmAlgId::NULL,
                parent_name: &parent,
                parent_qualified_name: &parent,
                outside_info: &params.outside_info,
                pcrs: &params.creation_pcr,
            },
        )?;
        let (out_public, name) = (Tpm2bPublic(object.public.clone()), object.name.clone());
        let object_handle = tpm.volatile.objects.insert(object)?;
        Ok(CreatePrimaryReply {
            object_handle,
            out_public,
            creation_data,
            creation_hash,
            creation_ticket,
            name,
        })
    }
}
