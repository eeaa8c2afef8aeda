//! TPM2_DictionaryAttackLockReset (Part 3 §25.2): forgives all failed tries.

use crate::{
    dispatch::{Authorized, Command},
    structures::{TpmCc, TpmRc},
};

/// TPM2_DictionaryAttackLockReset.
pub struct DictionaryAttackLockReset;

impl Command for DictionaryAttackLockReset {
    const CODE: TpmCc = TpmCc::DICTIONARY_ATTACK_LOCK_RESET;
    const NAME: &'static str = "TPM2_DictionaryAttackLockReset";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        command.tpm.persistent.dictionary_attack.edit().failed_tries = 0;
        Ok(())
    }
}
