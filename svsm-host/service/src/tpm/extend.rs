//! Extending a PCR with digests that the SVSM computed itself, for the measured boot (TPM2_PCR_Extend, Part 3 §22.2).
//!
//! The digests are ours; the answer is the component's, which may be hostile. Only a response that says success counts as extended, and even that is the
//! component's word: a quote beside the log shows whether it was true.

use super::{
    Tpm,
    command::{self, RC_SUCCESS, Response},
};
use svsm_proto::event_log::Digests;
use tpm_contract::Component;

/// Why a PCR was not extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendError {
    /// The TPM is in failure mode.
    TpmInFailure,
    /// The TPM refused, with this response code.
    Refused(u32),
    /// The response holds no response code.
    Malformed,
}

impl<C: Component> Tpm<C> {
    /// TPM2_PCR_Extend in all banks. A bank that the component does not have is none of its PCRs, and it ignores the digest (Part 3 §22.2).
    pub(crate) fn extend(&mut self, pcr: u32, digests: &Digests) -> Result<(), ExtendError> {
        let response = self
            .try_execute(&command::pcr_extend(pcr, digests))
            .map_err(|_| ExtendError::TpmInFailure)?;
        match Response::parse(&response) {
            Ok(response) if response.code == RC_SUCCESS => Ok(()),
            Ok(response) => Err(ExtendError::Refused(response.code)),
            Err(command::Malformed) => Err(ExtendError::Malformed),
        }
    }
}
