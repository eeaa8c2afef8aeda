//! TPM2_ContextLoad (Part 3 §28.3).

use crate::wipe::Wiped;

use super::{KEY, Protection};
use crate::{
    crypto::cipher,
    dispatch::{Authorized, Command, parameters, reply},
    object::Object,
    session::Session,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmiAlgSymObject, TpmiRhHierarchy, TpmsContext},
    wire::{Reader, Unmarshal},
};

/// TPM2_ContextLoad.
pub struct ContextLoad;

parameters! {
    /// The parameters of TPM2_ContextLoad.
    pub struct ContextLoadParams {
        /// The context.
        pub context: TpmsContext,
    }
}

reply! {
    /// The reply of TPM2_ContextLoad.
    pub struct ContextLoadReply {
        /// Where it is loaded.
        handle loaded_handle: TpmHandle,
    }
}

impl Command for ContextLoad {
    const CODE: TpmCc = TpmCc::CONTEXT_LOAD;
    const NAME: &'static str = "TPM2_ContextLoad";
    type Params = ContextLoadParams;
    type Reply = ContextLoadReply;

    fn run(command: Authorized<'_, Self>) -> Result<ContextLoadReply, TpmRc> {
        let Authorized { tpm, host, params, .. } = command;
        let TpmsContext {
            sequence,
            saved_handle,
            hierarchy,
            context_blob,
        } = params.context;
        if !tpm.state_clear.enables.contains(hierarchy) {
            return Err(TpmRc::HIERARCHY.with_parameter(1));
        }
        let protection = Protection {
            sequence,
            saved_handle,
            hierarchy,
        };
        let mut reader = Reader::new(context_blob.as_bytes());
        let claimed = Tpm2bDigest::unmarshal(&mut reader).map_err(|_| TpmRc::INTEGRITY.with_parameter(1))?;
        let mut secret = Wiped::new(reader.rest().to_vec());
        // Tpm2bDigest compares in constant time.
        if protection.integrity(tpm, host, &secret) != claimed {
            return Err(TpmRc::INTEGRITY.with_parameter(1));
        }
        let key = protection.key(tpm, host);
        let (key, iv) = key.split_at(KEY);
        cipher::cfb_decrypt(host, TpmiAlgSymObject::Aes, key, iv, &mut secret)?;
        let handle = saved_handle.handle();
        if handle.is_session() {
            // A context is good once: it must be the one that was saved last.
            let current = tpm
                .volatile
                .sessions
                .saved(handle)
                .is_some_and(|saved| saved.sequence == sequence);
            if !current || hierarchy != TpmiRhHierarchy::Null {
                return Err(TpmRc::HANDLE.with_parameter(1));
            }
            let session = Session::from_bytes(&secret).map_err(|_| TpmRc::FAILURE)?;
            tpm.volatile.sessions.restore(handle, session)?;
            return Ok(ContextLoadReply { loaded_handle: handle });
        }
        let object = Object::from_bytes(&secret).map_err(|_| TpmRc::FAILURE)?;
        let loaded_handle = tpm.volatile.objects.insert(object)?;
        Ok(ContextLoadReply { loaded_handle })
    }
}
