//! Does a component keep the rules of `wit/tpm.wit`, and is it a TPM that the SVSM can start?
//!
//! Each rule has a name, runs the component in fresh sandboxes with the firmware's limits, and either holds or says what it saw. The component may be
//! anybody's: a trap or a loop is a rule broken, not an end of the trial. Passing is no proof of honesty. The rules of the first kind are the contract's
//! and hold for any component; those of the second are what the SVSM needs of a TPM before it starts a guest (TPM 2.0 Library, Part 3).

mod contract;
mod tpm;

use crate::{conversation as tpm_bytes, host::RepeatingHost};
use anyhow::{Result, anyhow, bail, ensure};
use svsm_sandbox::{Limits, Sandbox, SandboxFault};
use tpm_contract::{Component, Failure, Record};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The contract: `wit/tpm.wit`.
    Contract,
    /// What makes the component a TPM.
    Tpm,
}

/// One rule.
pub struct Rule {
    /// Its name, as a verdict gives it.
    pub name: &'static str,
    /// What it is about.
    pub kind: Kind,
    check: fn(&Subject) -> Result<()>,
}

/// What became of one rule.
pub struct Verdict {
    /// The rule.
    pub rule: &'static Rule,
    /// Why it does not hold.
    pub broken: Option<String>,
}

/// All rules, in the order in which they are tried.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    contract::RULES.iter().chain(&tpm::RULES)
}

/// Tries a component file against every rule; `seen` is told each verdict as it comes.
pub fn judge(file: &[u8], mut seen: impl FnMut(&Verdict)) -> Vec<Verdict> {
    let subject = Subject { file };
    rules()
        .map(|rule| {
            let broken = (rule.check)(&subject).err().map(|error| format!("{error:#}"));
            let verdict = Verdict { rule, broken };
            seen(&verdict);
            verdict
        })
        .collect()
}

/// The component under trial.
struct Subject<'a> {
    file: &'a [u8],
}

type Trial = Sandbox<RepeatingHost>;

impl Subject<'_> {
    /// A fresh instance that is not powered on.
    fn load(&self, host: RepeatingHost) -> Result<Trial> {
        Sandbox::load(self.file, Limits::default(), host).map_err(|fault| anyhow!("the sandbox refuses it: {fault}"))
    }

    /// A fresh instance, powered on with the state that its host holds.
    fn powered_with(&self, host: RepeatingHost) -> Result<Trial> {
        let saved = host.state.clone();
        let mut trial = self.load(host)?;
        done("power-on", trial.power_on(&saved))?;
        Ok(trial)
    }

    /// A fresh instance, manufactured.
    fn powered(&self) -> Result<Trial> {
        self.powered_with(RepeatingHost::new(true))
    }

    /// A fresh instance after TPM2_Startup(CLEAR).
    fn started(&self) -> Result<Trial> {
        let mut trial = self.powered()?;
        succeed(&mut trial, "TPM2_Startup", &tpm_bytes::startup())?;
        Ok(trial)
    }
}

type Answer<R> = Result<Result<R, Failure>, SandboxFault>;

/// The value of an export that had to work.
fn done<R>(what: &str, answer: Answer<R>) -> Result<R> {
    answer
        .map_err(|fault| anyhow!("{what}: {fault}"))?
        .map_err(|failure| anyhow!("{what}: {failure}"))
}

/// An export that had to fail in one of these ways.
fn failed<R>(what: &str, answer: Answer<R>, expected: &[Failure]) -> Result<()> {
    match answer {
        Ok(Err(failure)) if expected.contains(&failure) => Ok(()),
        Ok(Err(failure)) => bail!("{what}: {failure:?}, not one of {expected:?}"),
        Ok(Ok(_)) => bail!("{what} succeeds; {expected:?} was due"),
        Err(fault) => bail!("{what}: {fault}; {expected:?} was due"),
    }
}

/// The response to a command, which is well-formed whatever the command was: a header with the size, and for an error nothing but that (Part 3 §5).
fn respond(trial: &mut Trial, what: &str, command: &[u8]) -> Result<Vec<u8>> {
    let response = done(what, trial.execute(0, command))?;
    ensure!(response.len() >= 10, "{what}: a response of {} bytes", response.len());
    let (tag, size) = (&response[..2], tpm_bytes::word(&response, 2));
    ensure!(
        size as usize == response.len(),
        "{what}: a response of {} bytes that says {size}",
        response.len()
    );
    match tpm_bytes::code(&response) {
        0 => ensure!(matches!(tag, [0x80, 1 | 2]), "{what}: tag {tag:02x?} of a success"),
        // TPM_RC_BAD_TAG comes with the tag of TPM 1.2, TPM_ST_RSP_COMMAND.
        0x1E => ensure!(
            matches!(tag, [0, 0xC4] | [0x80, 1]) && size == 10,
            "{what}: {response:02x?}"
        ),
        _ => ensure!(matches!(tag, [0x80, 1]) && size == 10, "{what}: {response:02x?}"),
    }
    Ok(response)
}

/// The response to a command that must succeed.
fn succeed(trial: &mut Trial, what: &str, command: &[u8]) -> Result<Vec<u8>> {
    let response = respond(trial, what, command)?;
    let code = tpm_bytes::code(&response);
    ensure!(code == 0, "{what}: response code {code:#x}");
    Ok(response)
}

/// A command that must end in one of these response codes.
fn refused(trial: &mut Trial, what: &str, command: &[u8], expected: &[u32]) -> Result<()> {
    let code = tpm_bytes::code(&respond(trial, what, command)?);
    ensure!(
        expected.contains(&code),
        "{what}: response code {code:#x}, not one of {expected:#x?}"
    );
    Ok(())
}

/// A state without regard to its order.
fn sorted(mut state: Vec<Record>) -> Vec<Record> {
    state.sort_by_key(|record| record.key);
    state
}

/// What the component would save is what its host holds.
fn saved_is_committed(trial: &mut Trial, when: &str) -> Result<()> {
    let saved = sorted(done("save-persistent", trial.save_persistent())?);
    ensure!(
        saved == sorted(trial.host().state.clone()),
        "{when}, save-persistent gives another state than was committed"
    );
    Ok(())
}
