//! From bytes to a command's action and back, in the order of checks of Part 3 §5.
//!
//! Whoever can reach the TPM sends these bytes. [`execute`] is the whole story in six calls; each step takes what only the step before can
//! make, so none can be skipped: a `Header` is located by the table, a `Located` command is authorised, and only then
//! does an action see it, as [`Authorized`]. A command that fails leaves no trace but what its authorisations count for: a wrong guess, or the use
//! of a PIN.

mod auth_area;
mod command;
mod failure_mode;
mod handles;
mod header;
mod response;
pub mod table;

use alloc::vec::Vec;

use tpm_contract::Host;

use crate::{
    crypto::self_test::Part,
    state::Undo,
    structures::{TpmCc, TpmHandle, TpmRc},
    tpm::{Locality, Phase, Tpm},
};
use auth_area::Refusal;
pub use command::{Authorized, Command, Parameters, Reply};
pub(crate) use command::{parameters, reply};
pub use handles::Handles;
use handles::Located;
use response::Response;

/// Answers one command.
pub fn execute(tpm: &mut Tpm, host: &mut dyn Host, locality: Locality, command: &[u8]) -> Vec<u8> {
    if *tpm.phase == Phase::Failed {
        return failure_mode::answer(command);
    }
    let mut proven = Vec::new();
    match attempt(tpm, host, locality, command, &mut proven) {
        Ok(response) => response,
        Err(refusal) => {
            tpm.roll_back();
            if tpm.rng.is_broken() {
                tpm.fail();
                return response::error(TpmRc::FAILURE);
            }
            response::error(account(tpm, host, &refusal, &proven).err().unwrap_or(refusal.code))
        }
    }
}

/// The six steps. `proven` receives the NV indices whose authValue was used rightly.
fn attempt(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    locality: Locality,
    command: &[u8],
    proven: &mut Vec<TpmHandle>,
) -> Result<Vec<u8>, Refusal> {
    let header = header::Header::read(command)?;
    let row = table::find(header.code)?;
    if *tpm.state_clear.read_only && row.changes_tpm {
        return Err(TpmRc::READ_ONLY.into());
    }
    check_phase(tpm, header.code)?;
    let located = Located::locate(tpm, row, header)?;
    let handles = located.handles;
    for handle in handles.as_slice() {
        if let Some(part) = tpm
            .object_under(*handle)
            .and_then(|object| Part::key(&object.public.area))
        {
            tpm.test_before_use(host, part)?;
        }
    }
    let (area, parameters) = auth_area::authorize(tpm, host, locality, located, proven)?;
    let mut response = Response::begin(row, area.sessions);
    (row.action)(tpm, host, locality, handles, &parameters, &mut response)?;
    let response = response.succeed(tpm, host, &area)?;
    tpm.commit(host)?;
    Ok(response)
}

/// TPM2_Startup comes first and comes once (Part 3 §5.3).
fn check_phase(tpm: &Tpm, code: TpmCc) -> Result<(), TpmRc> {
    let started = *tpm.phase == Phase::Started;
    if started == (code == TpmCc::STARTUP) {
        Err(TpmRc::INITIALIZE)
    } else {
        Ok(())
    }
}

/// Counts what a refused command was all the same: the use of PINs that it knew, and a wrong guess. When it cannot be counted, the caller does not learn
/// what it was.
fn account(tpm: &mut Tpm, host: &mut dyn Host, refusal: &Refusal, proven: &[TpmHandle]) -> Result<(), TpmRc> {
    for entity in proven {
        tpm.persistent.nv.record_pin_use(*entity, true)?;
    }
    if let Some(handle) = refusal.pin {
        tpm.persistent.nv.record_pin_use(handle, false)?;
    }
    match refusal.guess {
        Some(guess) => tpm.register_guess(host, guess),
        None => tpm.commit(host),
    }
}
