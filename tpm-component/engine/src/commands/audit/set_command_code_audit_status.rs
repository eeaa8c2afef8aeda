//! TPM2_SetCommandCodeAuditStatus (Part 3 §21.2): changes the list of audited commands, or the algorithm of the audit digest. Not both: a digest
//! of the new algorithm starts with the next audited command, and this one is then in neither.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmiAlgHash, TpmlCc},
};

/// TPM2_SetCommandCodeAuditStatus.
pub struct SetCommandCodeAuditStatus;

parameters! {
    /// The parameters of TPM2_SetCommandCodeAuditStatus.
    pub struct Params {
        /// The algorithm, or none to leave it as it is.
        pub audit_alg: Option<TpmiAlgHash>,
        /// Commands that are audited from now on.
        pub set_list: TpmlCc,
        /// Commands that are audited no longer.
        pub clear_list: TpmlCc,
    }
}

impl Command for SetCommandCodeAuditStatus {
    const CODE: TpmCc = TpmCc::SET_COMMAND_CODE_AUDIT_STATUS;
    const NAME: &'static str = "TPM2_SetCommandCodeAuditStatus";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let mut audit = (*tpm.persistent.audit).clone();
        match params.audit_alg.filter(|alg| *alg != audit.hash) {
            Some(alg) => {
                if !params.set_list.is_empty() || !params.clear_list.is_empty() {
                    return Err(TpmRc::VALUE.with_parameter(1));
                }
                audit.hash = alg;
                tpm.state_reset.audit_digest.set(Tpm2bDigest::empty());
            }
            None => {
                params.set_list.iter().for_each(|code| audit.include(*code));
                params.clear_list.iter().for_each(|code| audit.exclude(*code));
            }
        }
        tpm.persistent.audit.set(audit);
        Ok(())
    }
}
