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
    structures::{TpmCc, TpmRc},
    tpm::{Locality, Phase, Tpm},
};
use auth_area::{Account, AuthArea};
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
    let mut account = Account::default();
    match attempt(tpm, host, locality, command, &mut account) {
        Ok(response) => response,
        Err(code) => {
            tpm.roll_back();
            if tpm.rng.is_broken() {
                tpm.fail();
                return response::error(TpmRc::FAILURE);
            }
            response::error(settle(tpm, host, &account).err().unwrap_or(code))
        }
    }
}

/// The six steps. What has to be counted goes to `account`.
fn attempt(
    tpm: &mut Tpm,
    host: &mut dyn Host,
    locality: Locality,
    command: &[u8],
    account: &mut Account,
) -> Result<Vec<u8>, TpmRc> {
    let header = header::Header::read(command)?;
    let row = table::find(header.code)?;
    if *tpm.state_clear.read_only && row.changes_tpm {
        return Err(TpmRc::READ_ONLY);
    }
    check_phase(tpm, header.code)?;
    let located = Located::locate(tpm, row, header)?;
    let handles = located.handles;
    for (_, handle) in handles.iter() {
        if let Some(part) = tpm
            .object_under(handle)
            .and_then(|object| Part::key(&object.public.area))
        {
            tpm.test_before_use(host, part)?;
        }
    }
    let mut area = AuthArea::new(tpm, row, located.sessions);
    let permitted = auth_area::authorize(tpm, host, locality, located, &mut area, account)?;
    let mut response = Response::begin(row, permitted.sessions);
    (row.action)(tpm, host, locality, handles, permitted.parameters(), &mut response)?;
    let completed = response.complete(tpm, host, permitted)?;
    tpm.commit(host)?;
    Ok(completed.take())
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
fn settle(tpm: &mut Tpm, host: &mut dyn Host, account: &Account) -> Result<(), TpmRc> {
    for entity in &account.proven {
        tpm.persistent.nv.record_pin_use(*entity, true)?;
    }
    if let Some(handle) = account.pin {
        tpm.persistent.nv.record_pin_use(handle, false)?;
    }
    match account.guess {
        Some(guess) => tpm.register_guess(host, guess),
        None => tpm.commit(host),
    }
}
