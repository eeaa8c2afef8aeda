//! TPM2_Startup (Part 3 §9.3): the first command after _TPM_Init decides what of the state is taken up again.
//!
//! Whoever boots the machine sends it. TPM Resume is possible only directly after TPM2_Shutdown(STATE), at the same locality, and at most
//! once, since the start itself ends the orderliness that the shutdown had established.

use crate::{
    countdown::Acts,
    dispatch::{Authorized, Command, parameters},
    hierarchy::{Authorization, Enables},
    nv::NvStart,
    object::commitment::Commitments,
    pcr::Pcr0,
    state::Orderliness,
    structures::{Tpm2bDigest, TpmCc, TpmRc, TpmSu},
    tpm::{Phase, Tpm},
};

/// TPM2_Startup.
pub struct Startup;

parameters! {
    /// The parameters of TPM2_Startup.
    pub struct StartupParams {
        /// TPM_SU_CLEAR or TPM_SU_STATE.
        pub startup_type: TpmSu,
    }
}

/// The locality of a start by an S-RTM that is not the boot firmware (PC Client profile §4.6.2).
const PRIVILEGED_LOCALITY: u8 = 3;

impl Command for Startup {
    const CODE: TpmCc = TpmCc::STARTUP;
    const NAME: &'static str = "TPM2_Startup";
    type Params = StartupParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm,
            host,
            locality,
            params,
            ..
        } = command;
        if locality.number() != 0 && locality.number() != PRIVILEGED_LOCALITY {
            return Err(TpmRc::LOCALITY);
        }
        // What an H-CRTM has measured takes the place of the locality in PCR 0, so that it does not count any more.
        let privileged = locality.number() == PRIVILEGED_LOCALITY && !*tpm.volatile.measured;
        let before = *tpm.persistent.orderliness;
        let start = kind_of_start(tpm, &before, params.startup_type, privileged)?;
        let new_null = if start == NvStart::Reset {
            Some(tpm.new_root(host)?)
        } else {
            None
        };
        match new_null {
            Some(root) => {
                reset(tpm);
                tpm.state_reset.null.set(root);
            }
            None => {
                let restarts = tpm.state_reset.restart_count.wrapping_add(1);
                tpm.state_reset.restart_count.set(restarts);
            }
        }
        start_state_clear(tpm, start, locality.number())?;
        tpm.persistent.nv.start(start, before.shutdown.is_some())?;
        tpm.volatile.sessions.flush_loaded();
        if before.shutdown.is_none() {
            tpm.orderly.edit().safe = false;
        }
        if tpm.persistent.dictionary_attack.lockout_recovery == 0
            && !tpm.persistent.dictionary_attack.lockout_auth_enabled
        {
            tpm.persistent.dictionary_attack.edit().lockout_auth_enabled = true;
        }
        tpm.persistent.orderliness.set(Orderliness {
            shutdown: None,
            startup_locality_3: privileged,
            measured: *tpm.volatile.measured,
        });
        tpm.volatile.started_orderly.set(before.shutdown.is_some());
        tpm.suspended.set(None);
        tpm.phase.set(Phase::Started);
        Ok(())
    }
}

/// Which of the three starts this is, or why it is none.
fn kind_of_start(tpm: &Tpm, before: &Orderliness, asked: TpmSu, privileged: bool) -> Result<NvStart, TpmRc> {
    match (before.shutdown, asked) {
        (Some(TpmSu::State), TpmSu::State) => {
            if before.measured != *tpm.volatile.measured {
                Err(TpmRc::VALUE.with_parameter(1))
            } else if before.startup_locality_3 != privileged {
                Err(TpmRc::LOCALITY)
            } else {
                Ok(NvStart::Resume)
            }
        }
        (_, TpmSu::State) => Err(TpmRc::VALUE.with_parameter(1)),
        (Some(TpmSu::State), TpmSu::Clear) => Ok(NvStart::Restart),
        (Some(TpmSu::Clear) | None, TpmSu::Clear) => Ok(NvStart::Reset),
    }
}

/// The counters and contexts of TPM Reset.
fn reset(tpm: &mut Tpm) {
    let counters = tpm.persistent.counters.edit();
    counters.total_reset = counters.total_reset.wrapping_add(1);
    counters.reset = counters.reset.wrapping_add(1);
    tpm.state_reset.restart_count.set(0);
    tpm.state_reset.clear_count.set(0);
    tpm.state_reset.object_sequence.set(0);
    tpm.state_reset.session_sequence.set(0);
    tpm.state_reset.audit_digest.set(Tpm2bDigest::empty());
    tpm.state_reset.commitments.set(Commitments::default());
    tpm.volatile.sessions.flush_saved();
}

/// State-clear data: as saved on TPM Resume, at its defaults otherwise.
fn start_state_clear(tpm: &mut Tpm, start: NvStart, locality: u8) -> Result<(), TpmRc> {
    let suspended = tpm.suspended.clone();
    if start == NvStart::Resume {
        let suspended = suspended.ok_or(TpmRc::NV_UNINITIALIZED)?;
        tpm.state_clear.enables.set(Enables {
            platform: true,
            ..suspended.enables
        });
        tpm.state_clear.platform.set(suspended.platform.clone());
        tpm.state_clear.pcrs.resume(suspended.pcrs.clone());
        tpm.state_clear.read_only.set(suspended.read_only);
        let acts = tpm.persistent.acts.resumed(tpm.time.now);
        tpm.state_clear.acts.set(acts);
        return Ok(());
    }
    tpm.state_clear.enables.set(Enables::ALL);
    tpm.state_clear.platform.set(Authorization::default());
    tpm.state_clear.read_only.set(false);
    tpm.state_clear.acts.set(Acts::default());
    if let Some(suspended) = suspended {
        tpm.state_clear.pcrs.restore_counter(&suspended.pcrs);
        let clears = tpm.state_reset.clear_count.wrapping_add(1);
        tpm.state_reset.clear_count.set(clears);
    }
    let pcr0 = if *tpm.volatile.measured {
        Pcr0::Measured
    } else {
        Pcr0::Locality(locality)
    };
    tpm.state_clear.pcrs.start(start == NvStart::Reset, pcr0);
    Ok(())
}
