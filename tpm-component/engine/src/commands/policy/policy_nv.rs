//! TPM2_PolicyNV (Part 3 §23.9): bytes of an NV index stand in a relation to bytes that the caller gives. The comparison is made now; the index's
//! Name in the digest says which index it was, in which state of being written and locked.

use super::{compare, session, session_mut};
use crate::{
    commands::nv::index,
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    nv::access,
    structures::{Tpm2bOperand, TpmCc, TpmEo, TpmRc},
    wire::Marshal,
};

/// TPM2_PolicyNV.
pub struct PolicyNv;

parameters! {
    /// Parameters of TPM2_PolicyNV.
    pub struct Params {
        /// The bytes to compare with.
        pub operand_b: Tpm2bOperand,
        /// Where in the index operand A starts.
        pub offset: u16,
        /// The relation.
        pub operation: TpmEo,
    }
}

impl Command for PolicyNv {
    const CODE: TpmCc = TpmCc::POLICY_NV;
    const NAME: &'static str = "TPM2_PolicyNV";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let (authorized_by, handle) = (command.handles.first(), command.handles.third());
        let Params {
            operand_b,
            offset,
            operation,
        } = command.params;
        let index = index(command.tpm, command.handles.second(), 2)?;
        let session = session(command.tpm, handle)?;
        if !session.is_trial() {
            access::check_read(index, authorized_by)?;
            let room = index
                .contents()
                .len()
                .checked_sub(usize::from(offset))
                .ok_or(TpmRc::VALUE.with_parameter(2))?;
            if operand_b.len() > room {
                return Err(TpmRc::SIZE.with_parameter(1));
            }
            if !compare::holds(
                index.read(usize::from(offset), operand_b.len())?,
                operand_b.as_bytes(),
                operation,
            ) {
                return Err(TpmRc::POLICY);
            }
        }
        let arguments: &[&[u8]] = &[operand_b.as_bytes(), &offset.to_bytes(), &operation.to_bytes()];
        let digest = hash(command.host, session.auth_hash, arguments);
        let name = index.name(command.host)?;
        let session = session_mut(command.tpm, handle)?;
        session.extend(command.host, Self::CODE, &[digest.as_bytes(), name.as_bytes()].concat());
        Ok(())
    }
}
