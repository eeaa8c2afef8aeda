//! TPM2_Duplicate (Part 3 §13.1): wraps an object for another parent. Only a policy can allow it.

use crate::wipe::Wiped;

use super::new_parent;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        duplication::{self, Subject, inner, inner_key_size},
        seed_exchange::{self, Purpose},
    },
    structures::{Tpm2bData, Tpm2bEncryptedSecret, Tpm2bPrivate, TpmCc, TpmRc, TpmaObject, TpmtSymDefObject},
};

/// TPM2_Duplicate.
pub struct Duplicate;

parameters! {
    /// The parameters of TPM2_Duplicate.
    pub struct DuplicateParams {
        /// The key of the inner wrap, or nothing when the TPM chooses it.
        pub encryption_key_in: Tpm2bData,
        /// The cipher of the inner wrap.
        pub symmetric_alg: TpmtSymDefObject,
    }
}

reply! {
    /// The reply of TPM2_Duplicate.
    pub struct DuplicateReply {
        /// The key of the inner wrap, when the TPM chose it.
        pub encryption_key_out: Tpm2bData,
        /// The duplicate.
        pub duplicate: Tpm2bPrivate,
        /// The seed of the outer wrap, for the new parent.
        pub out_sym_seed: Tpm2bEncryptedSecret,
    }
}

impl Command for Duplicate {
    const CODE: TpmCc = TpmCc::DUPLICATE;
    const NAME: &'static str = "TPM2_Duplicate";
    type Params = DuplicateParams;
    type Reply = DuplicateReply;

    fn run(command: Authorized<'_, Self>) -> Result<DuplicateReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let object = tpm.located_object(handles.first())?;
        if object.has(TpmaObject::FIXED_PARENT) {
            return Err(TpmRc::ATTRIBUTES.with_handle(1));
        }
        let name_alg = object.public.name_alg.ok_or(TpmRc::TYPE.with_handle(1))?;
        let sensitive = object.sensitive.as_ref().ok_or(TpmRc::TYPE.with_handle(1))?;
        let parent = new_parent(tpm, handles.second())?;
        let key_size = inner_key_size(&params.symmetric_alg);
        if object.has(TpmaObject::ENCRYPTED_DUPLICATION) {
            if key_size.is_none() {
                return Err(TpmRc::SYMMETRIC.with_parameter(2));
            }
            if parent.is_none() {
                return Err(TpmRc::HIERARCHY.with_handle(2));
            }
        }
        let given = params.encryption_key_in.len();
        if given != 0 && key_size != Some(given) {
            return Err(TpmRc::SIZE.with_parameter(1));
        }
        let (inner_key, encryption_key_out) = match key_size {
            None => (None, Tpm2bData::empty()),
            Some(_) if given != 0 => {
                let key = Wiped::new(params.encryption_key_in.as_bytes().to_vec());
                (Some(key), Tpm2bData::empty())
            }
            Some(size) => {
                let key = tpm.rng.bytes(host, size)?;
                let out = Tpm2bData::new(&key)?;
                (Some(key), out)
            }
        };
        let (seed, out_sym_seed) = match &parent {
            Some(parent) => seed_exchange::send(tpm, host, parent, Purpose::Duplicate)?,
            None => (Wiped::default(), Tpm2bEncryptedSecret::empty()),
        };
        let subject = Subject {
            name: &object.name,
            name_alg,
        };
        let outer = parent.as_deref().map(|parent| (parent, &seed[..]));
        let inner = inner_key.as_ref().and_then(|key| inner(&params.symmetric_alg, key));
        let duplicate = duplication::wrap(host, &subject, sensitive, inner, outer)?;
        Ok(DuplicateReply {
            encryption_key_out,
            duplicate: Tpm2bPrivate::from_vec(duplicate)?,
            out_sym_seed,
        })
    }
}
