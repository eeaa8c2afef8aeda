//! TPM2_CreateLoaded (Part 3 §12.9): creates an object and loads it at once: a primary one under a hierarchy, an ordinary one under a storage
//! parent, a derived one under a derivation parent, which comes from the parent's secret, a label and a context alone.

use crate::{
    commands::object::check_creation,
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        Object,
        checks::{self, Parent},
        creation, name, protection,
    },
    structures::{
        Tpm2bName, Tpm2bPrivate, Tpm2bPublic, Tpm2bSensitiveCreate, Tpm2bSensitiveData, Tpm2bTemplate, TpmCc, TpmRc,
        TpmaObject, TpmiAlgPublic, TpmiRhHierarchy, TpmsDerive, TpmsSensitiveCreate, TpmtPublic,
    },
    tpm::Tpm,
    wire::{Reader, Unmarshal},
};

/// TPM2_CreateLoaded.
pub struct CreateLoaded;

parameters! {
    /// The parameters of TPM2_CreateLoaded.
    pub struct CreateLoadedParams {
        /// authValue and data of the new object.
        pub in_sensitive: Tpm2bSensitiveCreate,
        /// The template, whose form depends on the parent.
        pub in_public: Tpm2bTemplate,
    }
}

reply! {
    /// The reply of TPM2_CreateLoaded.
    pub struct CreateLoadedReply {
        /// Where the object is loaded.
        handle object_handle: TpmHandle,
        /// The wrapped private part of an ordinary object.
        pub out_private: Tpm2bPrivate,
        /// The public area.
        pub out_public: Tpm2bPublic,
        /// The Name.
        pub name: Tpm2bName,
    }
}

impl Command for CreateLoaded {
    const CODE: TpmCc = TpmCc::CREATE_LOADED;
    const NAME: &'static str = "TPM2_CreateLoaded";
    type Params = CreateLoadedParams;
    type Reply = CreateLoadedReply;

    fn run(command: Authorized<'_, Self>) -> Result<CreateLoadedReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let sensitive = &params.in_sensitive.0;
        let template = params.in_public.as_bytes();
        tpm.volatile.objects.check_room()?;
        let (object, out_private) = match TpmiRhHierarchy::from_value(handles.first().0) {
            Some(hierarchy) => {
                let template = read_template(template)?;
                check_creation(&template, Parent::Hierarchy, sensitive)?;
                let object = creation::primary(tpm, host, hierarchy, &template, sensitive)?;
                (object, Tpm2bPrivate::empty())
            }
            None => {
                let parent = tpm.located_object(handles.first())?;
                if parent.is_storage_parent() {
                    ordinary(tpm, host, &parent, template, sensitive)?
                } else if parent.is_parent() {
                    (derived(tpm, host, &parent, template, sensitive)?, Tpm2bPrivate::empty())
                } else {
                    return Err(TpmRc::TYPE.with_handle(1));
                }
            }
        };
        let (out_public, name) = (Tpm2bPublic(object.public.clone()), object.name.clone());
        let object_handle = tpm.volatile.objects.insert(object)?;
        Ok(CreateLoadedReply {
            object_handle,
            out_private,
            out_public,
            name,
        })
    }
}

/// A template in its ordinary form.
fn read_template(bytes: &[u8]) -> Result<TpmtPublic, TpmRc> {
    TpmtPublic::from_bytes(bytes).map_err(|code| code.with_parameter(2))
}

fn ordinary(
    tpm: &mut Tpm,
    host: &mut dyn tpm_contract::Host,
    parent: &Object,
    template: &[u8],
    sensitive: &TpmsSensitiveCreate,
) -> Result<(Object, Tpm2bPrivate), TpmRc> {
    let mut public = read_template(template)?;
    check_creation(&public, Parent::Object(parent), sensitive)?;
    let private = creation::ordinary(tpm, host, &mut public, sensitive)?;
    let name = name::object_name(host, &public)?;
    let wrapped = protection::wrap(tpm, host, parent, &name, &private)?;
    Ok((Object::under(host, parent, public, private, name)?, wrapped))
}

fn derived(
    tpm: &mut Tpm,
    host: &mut dyn tpm_contract::Host,
    parent: &Object,
    template: &[u8],
    sensitive: &TpmsSensitiveCreate,
) -> Result<Object, TpmRc> {
    let wrong_template = |code: TpmRc| code.with_parameter(2);
    let mut reader = Reader::new(template);
    let (template, given) = TpmtPublic::unmarshal_derivation(&mut reader).map_err(wrong_template)?;
    reader.finish().map_err(wrong_template)?;
    if template.object_type() == TpmiAlgPublic::Rsa {
        return Err(TpmRc::TYPE.with_parameter(2));
    }
    if template.has(TpmaObject::SENSITIVE_DATA_ORIGIN) {
        return Err(TpmRc::ATTRIBUTES);
    }
    // It is where its parent is, and cannot leave it: it can be derived again instead.
    let same = template.has(TpmaObject::FIXED_TPM) == parent.has(TpmaObject::FIXED_TPM);
    if !same || !template.has(TpmaObject::FIXED_PARENT) {
        return Err(TpmRc::ATTRIBUTES.with_parameter(2));
    }
    checks::public_area(&template, Parent::Object(parent)).map_err(wrong_template)?;
    let alg = template.name_alg.ok_or(TpmRc::HASH.with_parameter(2))?;
    if sensitive.user_auth.trimmed_bytes().len() > alg.digest_size() {
        return Err(TpmRc::SIZE.with_parameter(1));
    }
    let derive = label_and_context(given, &sensitive.data)?;
    tpm.test_before_use_of(host, &template.area)?;
    let (public, private) = creation::derived(host, parent, &template, &derive, &sensitive.user_auth)?;
    let name = name::object_name(host, &public)?;
    Object::under(host, parent, public, private, name)
}

/// Label and context: what the template says of them, or else what the sensitive area says, if it says anything. As other TPMs do, this looks at
/// no more of the data than the two need.
fn label_and_context(given: TpmsDerive, data: &Tpm2bSensitiveData) -> Result<TpmsDerive, TpmRc> {
    if data.is_empty() {
        return Ok(given);
    }
    let own = TpmsDerive::unmarshal(&mut Reader::new(data.as_bytes()))?;
    Ok(TpmsDerive {
        label: if given.label.is_empty() { own.label } else { given.label },
        context: if given.context.is_empty() {
            own.context
        } else {
            given.context
        },
    })
}
