//! TPM2_DictionaryAttackParameters (Part 3 §25.3): how many failed tries are tolerated, and how long they count. The count stays as it is, so that
//! a lower bound can lock out at once.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmRc},
};

/// TPM2_DictionaryAttackParameters.
pub struct DictionaryAttackParameters;

parameters! {
    /// Parameters of TPM2_DictionaryAttackParameters.
    pub struct Params {
        /// Failed tries before lockout.
        pub new_max_tries: u32,
        /// Seconds until one is forgiven.
        pub new_recovery_time: u32,
        /// Seconds until lockoutAuth may be used again after a failure.
        pub lockout_recovery: u32,
    }
}

impl Command for DictionaryAttackParameters {
    const CODE: TpmCc = TpmCc::DICTIONARY_ATTACK_PARAMETERS;
    const NAME: &'static str = "TPM2_DictionaryAttackParameters";
    type Params = Params;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let rules = tpm.persistent.dictionary_attack.edit();
        rules.max_tries = params.new_max_tries;
        rules.recovery_time = params.new_recovery_time;
        rules.lockout_recovery = params.lockout_recovery;
        Ok(())
    }
}
