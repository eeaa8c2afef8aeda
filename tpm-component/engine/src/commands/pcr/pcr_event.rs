//! TPM2_PCR_Event (Part 3 §22.3): hashes data with every algorithm that this TPM implements, extends a PCR with the digests, and answers
//! them all, those of banks without the PCR included.

use alloc::vec::Vec;

use super::extendable;
use crate::{
    crypto::hash,
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bEvent, TpmCc, TpmRc, TpmiAlgHash, TpmlDigestValues, TpmtHa},
};

/// TPM2_PCR_Event.
pub struct PcrEvent;

parameters! {
    /// Parameters of TPM2_PCR_Event.
    pub struct Params {
        /// The data.
        pub event_data: Tpm2bEvent,
    }
}

reply! {
    /// Reply of TPM2_PCR_Event.
    pub struct Reply {
        /// The digests.
        pub digests: TpmlDigestValues,
    }
}

impl Command for PcrEvent {
    const CODE: TpmCc = TpmCc::PCR_EVENT;
    const NAME: &'static str = "TPM2_PCR_Event";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let pcr = extendable(command.handles.first(), command.locality)?;
        let pcrs = &mut command.tpm.state_clear.pcrs;
        let mut digests = Vec::new();
        for bank in TpmiAlgHash::ALL.iter().copied() {
            let digest = hash(command.host, bank, &[command.params.event_data.as_bytes()]);
            if let Some(pcr) = pcr {
                pcrs.extend(command.host, bank, pcr, digest.as_bytes())?;
            }
            digests.push(TpmtHa::new(bank, digest.as_bytes())?);
        }
        Ok(Reply {
            digests: TpmlDigestValues::new(digests)?,
        })
    }
}
