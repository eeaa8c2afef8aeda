//! TPM2_PolicyAuthorizeNV (Part 3 §23.23): the policy so far is the one that an NV index holds, and from here on it is that index's policy. Who may
//! write the index may so change the policy of objects that exist already.

use super::{session, session_mut};
use crate::{
    commands::nv::index,
    dispatch::{Authorized, Command},
    nv::access,
    structures::{TpmCc, TpmRc, TpmtHa},
    wire::{Reader, Unmarshal},
};

/// TPM2_PolicyAuthorizeNV.
pub struct PolicyAuthorizeNv;

impl Command for PolicyAuthorizeNv {
    const CODE: TpmCc = TpmCc::POLICY_AUTHORIZE_NV;
    const NAME: &'static str = "TPM2_PolicyAuthorizeNV";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let (authorized_by, handle) = (command.handles.first(), command.handles.third());
        let index = index(command.tpm, command.handles.second(), 2)?;
        let session = session(command.tpm, handle)?;
        if !session.is_trial() {
            access::check_read(index, authorized_by)?;
            let approved = TpmtHa::unmarshal(&mut Reader::new(index.bytes()))?;
            if approved.hash_alg() != session.auth_hash {
                return Err(TpmRc::HASH);
            }
            if approved.digest() != session.policy.digest.as_bytes() {
                return Err(TpmRc::VALUE);
            }
        }
        let name = index.name(command.host)?;
        let session = session_mut(command.tpm, handle)?;
        session.clear_digest();
        // There is no policyRef, not even an empty one: one hash, where TPM2_PolicyAuthorize has two.
        session.extend(command.host, Self::CODE, name.as_bytes());
        Ok(())
    }
}
