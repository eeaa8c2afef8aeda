//! TPM2_Create (Part 3 §12.1): a new object under a storage parent. It is not loaded; its private part leaves the TPM wrapped.

use crate::{
    commands::object::{Creation, check_creation, creation_data},
    dispatch::{Authorized, Command, parameters, reply},
    object::{checks::Parent, creation, name, protection},
    structures::{
        Tpm2bData, Tpm2bDigest, Tpm2bPrivate, Tpm2bPublic, Tpm2bSensitiveCreate, TpmAlgId, TpmCc, TpmRc,
        TpmlPcrSelection, TpmtTkCreation, Written,
    },
    wire::Marshal,
};

/// TPM2_Create.
pub struct Create;

parameters! {
    /// The parameters of TPM2_Create.
    pub struct CreateParams {
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
    /// The reply of TPM2_Create.
    pub struct CreateReply {
        /// The wrapped private part.
        pub out_private: Tpm2bPrivate,
        /// The public area.
        pub out_public: Written,
        /// Where and how it was created.
        pub creation_data: Written,
        /// The digest of the creation data.
        pub creation_hash: Tpm2bDigest,
        /// That this TPM did it.
        pub creation_ticket: TpmtTkCreation,
    }
}

impl Command for Create {
    const CODE: TpmCc = TpmCc::CREATE;
    const NAME: &'static str = "TPM2_Create";
    type Params = CreateParams;
    type Reply = CreateReply;

    fn run(command: Authorized<'_, Self>) -> Result<CreateReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            locality,
            handles,
            params,
            ..
        } = command;
        let parent = tpm.located_parent(handles.first())?;
        let (mut public, sensitive) = (params.in_public.0, &params.in_sensitive.0);
        check_creation(&public, Parent::Object(&parent), sensitive)?;
        let private = creation::ordinary(tpm, host, &mut public, sensitive)?;
        let name_alg = public.name_alg.ok_or(TpmRc::HASH)?;
        let out_public = Written::new(public.to_bytes());
        let name = name::digest_name(host, name_alg, &[out_public.as_bytes()])?;
        let out_private = protection::wrap(tpm, host, &parent, &name, &private)?;
        let (creation_data, creation_hash, creation_ticket) = creation_data(
            tpm,
            host,
            &public,
            &name,
            Creation {
                locality,
                hierarchy: parent.hierarchy,
                parent_name_alg: parent
                    .public
                    .name_alg
                    .map_or(TpmAlgId::NULL, |alg| TpmAlgId(alg.value())),
                parent_name: &parent.name,
                parent_qualified_name: &parent.qualified_name,
                outside_info: &params.outside_info,
                pcrs: &params.creation_pcr,
            },
        )?;
        Ok(CreateReply {
            out_private,
            out_public,
            creation_data,
            creation_hash,
            creation_ticket,
        })
    }
}
