//! TPM2_Rewrap (Part 3 §13.2): exchanges the outer wrap of a duplicate, for a server that moves keys between TPMs without seeing them.

use crate::wipe::Wiped;

use super::new_parent;
use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    object::{
        protection::Protection,
        seed_exchange::{self, Purpose},
    },
    structures::{Tpm2bEncryptedSecret, Tpm2bName, Tpm2bPrivate, TpmCc, TpmHandle, TpmRc},
};

/// TPM2_Rewrap.
pub struct Rewrap;

parameters! {
    /// The parameters of TPM2_Rewrap.
    pub struct RewrapParams {
        /// The duplicate.
        pub in_duplicate: Tpm2bPrivate,
        /// The Name of its object.
        pub name: Tpm2bName,
        /// The seed of its outer wrap.
        pub in_sym_seed: Tpm2bEncryptedSecret,
    }
}

reply! {
    /// The reply of TPM2_Rewrap.
    pub struct RewrapReply {
        /// The duplicate with another outer wrap.
        pub out_duplicate: Tpm2bPrivate,
        /// Its seed, for the new parent.
        pub out_sym_seed: Tpm2bEncryptedSecret,
    }
}

impl Command for Rewrap {
    const CODE: TpmCc = TpmCc::REWRAP;
    const NAME: &'static str = "TPM2_Rewrap";
    type Params = RewrapParams;
    type Reply = RewrapReply;

    fn run(command: Authorized<'_, Self>) -> Result<RewrapReply, TpmRc> {
        let Authorized {
            tpm,
            host,
            handles,
            params,
            ..
        } = command;
        let (old, new) = (handles.first(), handles.second());
        if params.in_sym_seed.is_empty() != (old == TpmHandle::NULL) {
            return Err(TpmRc::HANDLE.with_handle(1));
        }
        let inside = if old == TpmHandle::NULL {
            Wiped::new(params.in_duplicate.as_bytes().to_vec())
        } else {
            let parent = tpm.located_object(old)?;
            if !parent.is_storage_parent() || !parent.is_asymmetric() {
                return Err(TpmRc::TYPE.with_handle(1));
            }
            let seed = seed_exchange::receive(host, &parent, Purpose::Duplicate, &params.in_sym_seed)
                .map_err(|code| code.with_parameter(3))?;
            Protection::under_seed(&parent, &seed)?
                .unwrap_outer(host, params.in_duplicate.as_bytes(), &params.name)
                .map_err(|code| code.with_parameter(1))?
        };
        let (out_duplicate, out_sym_seed) = match new_parent(tpm, new)? {
            None => (inside.to_vec(), Tpm2bEncryptedSecret::empty()),
            Some(parent) => {
                let (seed, encrypted) = seed_exchange::send(tpm, host, &parent, Purpose::Duplicate)?;
                let wrapped = Protection::under_seed(&parent, &seed)?.wrap_outer(host, &inside, &params.name)?;
                (wrapped, encrypted)
            }
        };
        Ok(RewrapReply {
            out_duplicate: Tpm2bPrivate::from_vec(out_duplicate)?,
            out_sym_seed,
        })
    }
}
