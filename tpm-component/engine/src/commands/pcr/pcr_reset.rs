//! TPM2_PCR_Reset (Part 3 §22.8): sets a PCR to zeros in all banks, if the profile lets this locality do so.

use super::number;
use crate::{
    dispatch::{Authorized, Command},
    pcr::attributes,
    structures::{TpmCc, TpmRc},
};

/// TPM2_PCR_Reset.
pub struct PcrReset;

impl Command for PcrReset {
    const CODE: TpmCc = TpmCc::PCR_RESET;
    const NAME: &'static str = "TPM2_PCR_Reset";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let pcr = number(command.handles.first())?;
        if !attributes::may_reset(pcr, command.locality.number()) {
            return Err(TpmRc::LOCALITY);
        }
        command.tpm.state_clear.pcrs.reset(pcr);
        Ok(())
    }
}
