//! TPM2_PolicyPCR (Part 3 §23.7): the selected PCR have these values. The session remembers pcrUpdateCounter, so that it authorises nothing
//! once a PCR has changed.

use super::{session, session_mut};
use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmlPcrSelection, limits},
    wire::Writer,
};

/// The longest selection, of every bank, and the longest digest.
const LONGEST_PART: usize = 4 + TpmlPcrSelection::MAX * (2 + 1 + limits::PCR_SELECT_SIZE) + Tpm2bDigest::MAX;

/// TPM2_PolicyPCR.
pub struct PolicyPcr;

parameters! {
    /// Parameters of TPM2_PolicyPCR.
    pub struct Params {
        /// The digest that the PCR shall have; empty for the one that they have.
        pub pcr_digest: Tpm2bDigest,
        /// The PCR.
        pub pcrs: TpmlPcrSelection,
    }
}

impl Command for PolicyPcr {
    const CODE: TpmCc = TpmCc::POLICY_PCR;
    const NAME: &'static str = "TPM2_PolicyPCR";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let handle = command.handles.first();
        let Params {
            pcr_digest: claimed,
            pcrs: selection,
        } = command.params;
        let (trial, hash, seen) = {
            let session = session(command.tpm, handle)?;
            (session.is_trial(), session.auth_hash, session.policy.pcr_update_counter)
        };
        let pcrs = &command.tpm.state_clear.pcrs;
        let selection = pcrs.filter(&selection);
        let counter = pcrs.update_counter();
        let mut digest = pcrs.digest(command.host, hash, &selection);
        if trial {
            if !claimed.is_empty() {
                digest = claimed;
            }
        } else {
            if seen.is_some_and(|seen| seen != counter) {
                return Err(TpmRc::PCR_CHANGED);
            }
            if !claimed.is_empty() && claimed != digest {
                return Err(TpmRc::VALUE.with_parameter(1));
            }
        }
        let mut part = Writer::with_capacity(LONGEST_PART);
        part.put(&selection);
        part.bytes(digest.as_bytes());
        let session = session_mut(command.tpm, handle)?;
        session.extend(command.host, Self::CODE, part.as_slice());
        if !trial {
            session.policy.pcr_update_counter = Some(counter);
        }
        Ok(())
    }
}
