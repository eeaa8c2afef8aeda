//! TPM2_PolicyCounterTimer (Part 3 §23.10): bytes of the TPM's time and counters, as a marshalled TPMS_TIME_INFO, stand in a relation to bytes
//! that the caller gives. The comparison is made now, with time that the guest cannot move.

use super::{compare, session, session_mut};
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bOperand, TpmCc, TpmEo, TpmRc},
    wire::Marshal,
};

/// TPM2_PolicyCounterTimer.
pub struct PolicyCounterTimer;

parameters! {
    /// Parameters of TPM2_PolicyCounterTimer.
    pub struct Params {
        /// The bytes to compare with.
        pub operand_b: Tpm2bOperand,
        /// Where in TPMS_TIME_INFO operand A starts.
        pub offset: u16,
        /// The relation.
        pub operation: TpmEo,
    }
}

impl Command for PolicyCounterTimer {
    const CODE: TpmCc = TpmCc::POLICY_COUNTER_TIMER;
    const NAME: &'static str = "TPM2_PolicyCounterTimer";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let Params {
            operand_b,
            offset,
            operation,
        } = command.params;
        let trial = session(command.tpm, handle)?.is_trial();
        let time_info = command.tpm.time_info().to_bytes();
        let rest = time_info
            .get(usize::from(offset)..)
            .ok_or(TpmRc::VALUE.with_parameter(2))?;
        let operand_a = rest.get(..operand_b.len()).ok_or(TpmRc::RANGE)?;
        if !trial && !compare::holds(operand_a, operand_b.as_bytes(), operation) {
            return Err(TpmRc::POLICY);
        }
        let session = session_mut(command.tpm, handle)?;
        let arguments: &[&[u8]] = &[operand_b.as_bytes(), &offset.to_bytes(), &operation.to_bytes()];
        let digest = hash(command.host, session.auth_hash, arguments);
        session.extend(command.host, Self::CODE, digest.as_bytes());
        Ok(())
    }
}
