//! TPM2_Import (Part 3 §13.3): takes a duplicate in and wraps it for storage under its new parent. The private half of such a key was
//! outside, perhaps still is; its attributes say so for ever, since fixedTPM and fixedParent must be CLEAR.

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        binding::{self, Places},
        checks::{self, Parent},
        duplication::{self, Subject, inner, inner_key_size},
        name, protection,
        seed_exchange::{self, Purpose},
    },
    structures::{
        Tpm2bData, Tpm2bEncryptedSecret, Tpm2bPrivate, Tpm2bPublic, TpmCc, TpmRc, TpmaObject, TpmtSymDefObject,
    },
};

/// TPM2_Import.
pub struct Import;

parameters! {
    /// The parameters of TPM2_Import.
    pub struct ImportParams {
        /// The key of the inner wrap.
        pub encryption_key: Tpm2bData,
        /// The public area.
        pub object_public: Tpm2bPublic,
        /// The duplicate.
        pub duplicate: Tpm2bPrivate,
        /// The seed of the outer wrap.
        pub in_sym_seed: Tpm2bEncryptedSecret,
        /// The cipher of the inner wrap.
        pub symmetric_alg: TpmtSymDefObject,
    }
}

reply! {
    /// The reply of TPM2_Import.
    pub struct ImportReply {
        /// The private part, wrapped for storage.
        pub out_private: Tpm2bPrivate,
    }
}

impl Command for Import {
    const CODE: TpmCc = TpmCc::IMPORT;
    const NAME: &'static str = "TPM2_Import";
    type Params = ImportParams;
    type Reply = ImportReply;

    fn run(command: Authorized<'_, Self>) -> Result<ImportReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let public = &params.object_public.0;
        let fixed = TpmaObject::FIXED_TPM.with(TpmaObject::FIXED_PARENT);
        if public.object_attributes.intersects(fixed) {
            return Err(TpmRc::ATTRIBUTES.with_parameter(2));
        }
        let parent = tpm.located_parent(handles.first())?;
        let key_size = inner_key_size(&params.symmetric_alg);
        if params.encryption_key.len() != key_size.unwrap_or(0) {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let encrypted = public.has(TpmaObject::ENCRYPTED_DUPLICATION);
        if encrypted && key_size.is_none() {
            return Err(TpmRc::ATTRIBUTES.with_parameter(1));
        }
        let seed = if params.in_sym_seed.is_empty() {
            if encrypted {
                return Err(TpmRc::ATTRIBUTES.with_parameter(4));
            }
            None
        } else {
            if !parent.is_asymmetric() {
                return Err(TpmRc::TYPE.with_handle(1));
            }
            let seed = seed_exchange::receive(host, &parent, Purpose::Duplicate, &params.in_sym_seed);
            Some(seed.map_err(|code| code.with_parameter(4))?)
        };
        let wrong_public = |code: TpmRc| code.with_parameter(2);
        let wrong_private = |code: TpmRc| code.with_parameter(3);
        let name_alg = public.name_alg.ok_or(TpmRc::HASH.with_parameter(2))?;
        let name = name::object_name(host, public)?;
        let subject = Subject { name: &name, name_alg };
        let inner = inner(&params.symmetric_alg, params.encryption_key.as_bytes());
        let outer = seed.as_ref().map(|seed| (&*parent, &seed[..]));
        let sensitive =
            duplication::unwrap(host, &subject, params.duplicate.as_bytes(), inner, outer).map_err(wrong_private)?;
        if sensitive.auth_value.len() > name_alg.digest_size() {
            return Err(TpmRc::SIZE.with_parameter(3));
        }
        checks::public_area(public, Parent::Hierarchy).map_err(wrong_public)?;
        let sensitive = binding::canonical(public, sensitive)?;
        tpm.test_before_use_of(host, &public.area)?;
        let places = Places { public: 2, private: 3 };
        binding::pair(host, public, &sensitive, places).map_err(wrong_private)?;
        let out_private = protection::wrap(tpm, host, &parent, &name, &sensitive)?;
        Ok(ImportReply { out_private })
    }
}
