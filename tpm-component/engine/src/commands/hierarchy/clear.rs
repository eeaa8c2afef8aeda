//! TPM2_Clear (Part 3 §24.6): takes the TPM from its owner. The storage seed and what depends on it is gone, the endorsement seed stays, so the
//! endorsement keys are the same but nothing that was made under them loads any more.

use crate::{
    dispatch::{Authorized, Command},
    hierarchy::{
        Authorization,
        dictionary_attack::{AttackTimers, DictionaryAttack},
    },
    state::Orderly,
    structures::{TpmCc, TpmRc, TpmaNv, TpmiRhHierarchy},
};

/// TPM2_Clear.
pub struct Clear;

impl Command for Clear {
    const CODE: TpmCc = TpmCc::CLEAR;
    const NAME: &'static str = "TPM2_Clear";
    type Params = ();
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized { tpm, host, .. } = command;
        if tpm.persistent.hierarchies.disable_clear {
            return Err(TpmRc::DISABLED);
        }
        let owner = tpm.new_root(host)?;
        let endorsement_proof = tpm.new_root(host)?.proof.clone();
        let hierarchies = tpm.persistent.hierarchies.edit();
        hierarchies.owner = owner;
        hierarchies.endorsement.proof = endorsement_proof;
        hierarchies.owner_authorization = Authorization::default();
        hierarchies.endorsement_authorization = Authorization::default();
        hierarchies.lockout_authorization = Authorization::default();
        let enables = tpm.state_clear.enables.edit();
        enables.owner = true;
        enables.endorsement = true;
        tpm.flush_hierarchies(&[TpmiRhHierarchy::Owner, TpmiRhHierarchy::Endorsement]);
        tpm.persistent.nv.retain(|index| index.has(TpmaNv::PLATFORMCREATE))?;
        tpm.persistent.dictionary_attack.set(DictionaryAttack::default());
        let now = tpm.time.now;
        tpm.volatile.attack_timers.set(AttackTimers {
            failed: now,
            lockout_failed: now,
        });
        tpm.orderly.set(Orderly { clock: 0, safe: true });
        tpm.persistent.orderly.set(*tpm.orderly);
        tpm.persistent.counters.edit().reset = 0;
        tpm.persistent.audit.edit().counter = 0;
        tpm.state_reset.restart_count.set(0);
        tpm.state_clear.pcrs.invalidate_policies();
        Ok(())
    }
}
