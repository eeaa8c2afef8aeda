//! TPM2_PCR_Read (Part 3 §22.4): the values of the selected PCR, as many as fit into one answer. The answer says which ones those are, and
//! the caller asks again for the rest; pcrUpdateCounter tells it whether they changed in between.

use alloc::vec::Vec;

use crate::{
    dispatch::{Authorized, Command, parameters, reply},
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmlDigest, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection},
};

/// TPM2_PCR_Read.
pub struct PcrRead;

parameters! {
    /// Parameters of TPM2_PCR_Read.
    pub struct Params {
        /// The PCR that are asked for.
        pub pcr_selection_in: TpmlPcrSelection,
    }
}

reply! {
    /// Reply of TPM2_PCR_Read.
    pub struct Reply {
        /// pcrUpdateCounter.
        pub pcr_update_counter: u32,
        /// The PCR that are answered.
        pub pcr_selection_out: TpmlPcrSelection,
        /// Their values, bank by bank, ascending.
        pub pcr_values: TpmlDigest,
    }
}

impl Command for PcrRead {
    const CODE: TpmCc = TpmCc::PCR_READ;
    const NAME: &'static str = "TPM2_PCR_Read";
    type Params = Params;
    type Reply = Reply;

    fn run(command: Authorized<'_, Self>) -> Result<Reply, TpmRc> {
        let pcrs = &command.tpm.state_clear.pcrs;
        let mut values = Vec::new();
        let mut answered = Vec::new();
        for asked in &command.params.pcr_selection_in {
            let mut select = TpmsPcrSelect::empty();
            for pcr in asked.select.iter() {
                if let Some(value) = pcrs.value(asked.hash, pcr).filter(|_| values.len() < TpmlDigest::MAX) {
                    values.push(Tpm2bDigest::new(value)?);
                    select.insert(pcr);
                }
            }
            answered.push(TpmsPcrSelection {
                hash: asked.hash,
                select,
            });
        }
        Ok(Reply {
            pcr_update_counter: pcrs.update_counter(),
            pcr_selection_out: TpmlPcrSelection::new(answered)?,
            pcr_values: TpmlDigest::new(values)?,
        })
    }
}
