//! TPM2_PolicyCapability (Part 3, 1.83): one element of what TPM2_GetCapability answers stands in a relation to bytes that the caller gives. The comparison is
//! made now. What this TPM does not have is unequal to everything, and stands in no other relation.

use super::{compare, session, session_mut};
use crate::{
    commands::capability,
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bOperand, TpmCap, TpmCc, TpmEo, TpmRc},
    tpm::Tpm,
    wire::Marshal,
};

/// TPM2_PolicyCapability.
pub struct PolicyCapability;

parameters! {
    /// Parameters of TPM2_PolicyCapability.
    pub struct Params {
        /// The bytes to compare with.
        pub operand_b: Tpm2bOperand,
        /// Where in the element operand A starts.
        pub offset: u16,
        /// The relation.
        pub operation: TpmEo,
        /// The group of the element.
        pub capability: TpmCap,
        /// Which element of the group.
        pub property: u32,
    }
}

impl Command for PolicyCapability {
    const CODE: TpmCc = TpmCc::POLICY_CAPABILITY;
    const NAME: &'static str = "TPM2_PolicyCapability";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let params = &command.params;
        let session = session(command.tpm, handle)?;
        if !session.is_trial() {
            check(command.tpm, params)?;
        }
        let arguments: &[&[u8]] = &[
            params.operand_b.as_bytes(),
            &params.offset.to_bytes(),
            &params.operation.to_bytes(),
            &params.capability.to_bytes(),
            &params.property.to_bytes(),
        ];
        let digest = hash(command.host, session.auth_hash, arguments);
        let session = session_mut(command.tpm, handle)?;
        session.extend(command.host, Self::CODE, digest.as_bytes());
        Ok(())
    }
}

/// Whether the relation holds: TPM_RC_POLICY when not.
fn check(tpm: &Tpm, params: &Params) -> Result<(), TpmRc> {
    let element = capability::element(tpm, params.capability, params.property).map_err(|wrong| {
        TpmRc::from(wrong).with_parameter(match wrong {
            capability::NoElement::Group => 4,
            capability::NoElement::Handle | capability::NoElement::Property => 5,
        })
    })?;
    let holds = match element {
        None => params.operation == TpmEo::Neq,
        Some(element) => {
            let rest = element
                .get(usize::from(params.offset)..)
                .ok_or(TpmRc::VALUE.with_parameter(2))?;
            let operand_b = params.operand_b.as_bytes();
            let operand_a = rest.get(..operand_b.len()).ok_or(TpmRc::SIZE.with_parameter(1))?;
            compare::holds(operand_a, operand_b, params.operation)
        }
    };
    if holds { Ok(()) } else { Err(TpmRc::POLICY) }
}
