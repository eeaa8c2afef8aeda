//! The contract's own rules: they hold for any component, whatever TPM commands it knows.

use super::{Kind, Rule, Subject, Trial, done, failed, refused, respond, saved_is_committed};
use crate::{conversation as tpm_bytes, host::RepeatingHost, world_shape::WorldShape};
use anyhow::{Result, anyhow, ensure};
use std::collections::BTreeSet;
use tpm_contract::{CommitError, Component, Failure, Record, bounds};

const CONTRACT: &str = include_str!("../../../../wit/tpm.wit");

/// TPM_RC_COMMAND_SIZE.
const COMMAND_SIZE: u32 = 0x142;
/// TPM_RC_COMMAND_CODE.
const COMMAND_CODE: u32 = 0x143;
/// TPM_RC_INSUFFICIENT, as of a header that is read field by field.
const INSUFFICIENT: u32 = 0x9A;
/// TPM_RC_BAD_TAG.
const BAD_TAG: u32 = 0x1E;

const fn rule(name: &'static str, check: fn(&Subject) -> Result<()>) -> Rule {
    Rule {
        name,
        kind: Kind::Contract,
        check,
    }
}

pub(super) const RULES: [Rule; 13] = [
    rule("world", world),
    rule("description", description),
    rule("not-powered", not_powered),
    rule("already-powered", already_powered),
    rule("first-state-committed", first_state_committed),
    rule("no-entropy", no_entropy),
    rule("refused-first-commit", refused_first_commit),
    rule("power-cycle", power_cycle),
    rule("damaged-state", damaged_state),
    rule("volatile-state", volatile_state),
    rule("malformed-commands", malformed_commands),
    rule("unknown-commands", unknown_commands),
    rule("largest-operands", largest_operands),
];

/// The component exports what the contract says and imports no more; and the sandbox takes it.
fn world(subject: &Subject) -> Result<()> {
    let contract = WorldShape::of_text(CONTRACT, "tpm-component")?;
    let own = WorldShape::of_component(subject.file)?;
    let beyond = own.imports_beyond(&contract);
    ensure!(beyond.is_empty(), "imports that no host gives: {}", beyond.join("; "));
    let mut other = own.differences(&contract);
    // What a component does not use it need not import.
    other.retain(|difference| !difference.starts_with("import "));
    ensure!(
        other.is_empty(),
        "exports that are not the contract's: {}",
        other.join("; ")
    );
    subject.load(RepeatingHost::new(true)).map(drop)
}

/// `describe` works before `power-on`, within its bounds, and never changes its mind.
fn description(subject: &Subject) -> Result<()> {
    let mut trial = subject.load(RepeatingHost::new(true))?;
    let before = trial.describe().map_err(|fault| anyhow!("describe: {fault}"))?;
    ensure!(!before.name.is_empty(), "the name is empty");
    ensure!(!before.version.is_empty(), "the version is empty");
    done("power-on", trial.power_on(&[]))?;
    let after = trial.describe().map_err(|fault| anyhow!("describe: {fault}"))?;
    ensure!(before == after, "the description changes with power-on");
    Ok(())
}

/// Everything but `describe` and `power-on` is refused before `power-on`.
fn not_powered(subject: &Subject) -> Result<()> {
    let expected = [Failure::NotPowered];
    let mut trial = subject.load(RepeatingHost::new(true))?;
    failed("execute", trial.execute(0, &tpm_bytes::startup()), &expected)?;
    failed("identity", trial.identity(), &expected)?;
    failed("hash-start", trial.hash_start(), &expected)?;
    failed("hash-data", trial.hash_data(b"data"), &expected)?;
    failed("hash-end", trial.hash_end(), &expected)?;
    failed("save-persistent", trial.save_persistent(), &expected)?;
    failed("save-volatile", trial.save_volatile(), &expected)?;
    failed("restore-volatile", trial.restore_volatile(&[]), &expected)?;
    ensure!(trial.host().state.is_empty(), "a state was committed before power-on");
    done("power-on after all that", trial.power_on(&[]))
}

/// A second `power-on` is refused, and changes nothing.
fn already_powered(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    let before = trial.host().state.clone();
    failed("a second power-on", trial.power_on(&[]), &[Failure::AlreadyPowered])?;
    failed(
        "a third power-on, with state",
        trial.power_on(&before),
        &[Failure::AlreadyPowered],
    )?;
    ensure!(trial.host().state == before, "the second power-on committed a state");
    respond(&mut trial, "a command after it", &tpm_bytes::startup()).map(drop)
}

/// A component that is powered on without state commits its first one.
fn first_state_committed(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    ensure!(!trial.host().state.is_empty(), "nothing was committed");
    saved_is_committed(&mut trial, "after power-on")
}

/// Without entropy nothing is manufactured, unless the component needs none.
fn no_entropy(subject: &Subject) -> Result<()> {
    let mut host = RepeatingHost::new(true);
    host.dry = true;
    let mut trial = subject.load(host)?;
    let answer = trial.power_on(&[]);
    if trial.host().draws == 0 {
        return done("power-on, which needs no entropy", answer);
    }
    failed("power-on without entropy", answer, &[Failure::NoEntropy])?;
    ensure!(trial.host().state.is_empty(), "a state was committed all the same");
    Ok(())
}

/// A first state that the host does not take is no state.
fn refused_first_commit(subject: &Subject) -> Result<()> {
    for error in [CommitError::Unavailable, CommitError::Full] {
        let mut host = RepeatingHost::new(true);
        host.refuse = Some(error);
        let answer = subject.load(host)?.power_on(&[]);
        failed(
            &format!("power-on when commits are refused as {error:?}"),
            answer,
            &[Failure::NotCommitted],
        )?;
    }
    Ok(())
}

/// What was committed is what a new instance needs, and it keeps it.
fn power_cycle(subject: &Subject) -> Result<()> {
    let mut first = subject.powered()?;
    let state = done("save-persistent", first.save_persistent())?;
    let mut host = first.host().clone();
    host.state = state;
    let mut second = subject.powered_with(host)?;
    saved_is_committed(&mut second, "after a power cycle")
}

/// A state that is damaged is refused, neither used nor made anew.
fn damaged_state(subject: &Subject) -> Result<()> {
    let whole = subject.powered()?.host().state.clone();
    let mut newer = whole.clone();
    let mut cut = whole.clone();
    for record in &mut newer {
        record.value.iter_mut().for_each(|byte| *byte = 0xFF);
    }
    for record in &mut cut {
        record.value.truncate(record.value.len() / 2);
    }
    let foreign = vec![Record {
        key: u32::MAX,
        value: vec![0xA5; 64],
    }];
    for (what, state) in [("overwritten", newer), ("cut off", cut), ("foreign", foreign)] {
        let mut trial = subject.load(RepeatingHost::new(true))?;
        failed(
            &format!("power-on with a state that is {what}"),
            trial.power_on(&state),
            &[Failure::BadState],
        )?;
        ensure!(
            trial.host().state.is_empty(),
            "power-on with a state that is {what} commits another"
        );
    }
    Ok(())
}

/// Volatile state goes into a new instance; anything else does not.
fn volatile_state(subject: &Subject) -> Result<()> {
    let mut first = subject.powered()?;
    let volatile = done("save-volatile", first.save_volatile())?;
    let host = first.host().clone();
    let mut second = subject.powered_with(host.clone())?;
    done("restore-volatile", second.restore_volatile(&volatile))?;
    let again = done("save-volatile", second.save_volatile())?;
    ensure!(
        again == volatile,
        "save-volatile gives other bytes after restore-volatile"
    );
    let refusals = [Failure::BadState, Failure::BadOperand];
    let mut longer = volatile.clone();
    longer.push(0xA5);
    let garbage = vec![0xA5; 1000];
    for (what, state) in [("with a byte too many", longer), ("of garbage", garbage)] {
        let mut third = subject.powered_with(host.clone())?;
        failed(
            &format!("restore-volatile {what}"),
            third.restore_volatile(&state),
            &refusals,
        )?;
    }
    Ok(())
}

/// Commands that are no commands get TPM responses.
fn malformed_commands(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    let sizes = [COMMAND_SIZE];
    let too_short = [COMMAND_SIZE, INSUFFICIENT];
    refused(&mut trial, "an empty command", b"", &too_short)?;
    refused(&mut trial, "a command of one byte", b"\x80", &too_short)?;
    refused(
        &mut trial,
        "a command of nine bytes",
        b"\x80\x01\0\0\0\x09\0\0\x01",
        &too_short,
    )?;
    refused(
        &mut trial,
        "a wrong tag",
        b"\x80\x07\0\0\0\x0c\0\0\x01\x44\0\0",
        &[BAD_TAG],
    )?;
    refused(
        &mut trial,
        "a size that is too small",
        b"\x80\x01\0\0\0\x0b\0\0\x01\x44\0\0",
        &sizes,
    )?;
    refused(
        &mut trial,
        "a size that is too large",
        b"\x80\x01\0\0\0\x0d\0\0\x01\x44\0\0",
        &sizes,
    )?;
    damaged_commands(&mut trial)
}

/// Every single-bit damage of a few good commands is answered.
fn damaged_commands(trial: &mut Trial) -> Result<()> {
    let good = [
        tpm_bytes::startup(),
        tpm_bytes::get_random(8),
        tpm_bytes::pcr_read(),
        tpm_bytes::pcr_extend(8, [7; 32]),
    ];
    for command in good {
        for bit in 0..command.len() * 8 {
            let mut damaged = command.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            respond(trial, &format!("{damaged:02x?}"), &damaged)?;
        }
    }
    Ok(())
}

/// Commands that the component does not list do not exist, the vendor's included.
fn unknown_commands(subject: &Subject) -> Result<()> {
    let mut trial = subject.powered()?;
    respond(&mut trial, "TPM2_Startup", &tpm_bytes::startup())?;
    let known = listed_commands(&mut trial)?;
    for code in (0..0x300).chain(0x2000_0000..0x2000_1000) {
        if !known.contains(&code) {
            refused(
                &mut trial,
                &format!("command {code:#x}, which is not listed"),
                &tpm_bytes::plain(code, &[]),
                &[COMMAND_CODE],
            )?;
        }
    }
    Ok(())
}

/// The codes of the commands that TPM2_GetCapability lists; none when there is no such command.
pub(super) fn listed_commands(trial: &mut Trial) -> Result<BTreeSet<u32>> {
    // TPM_CAP_COMMANDS from the first, more than there can be.
    let ask = tpm_bytes::plain(0x17A, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    let response = respond(trial, "TPM2_GetCapability", &ask)?;
    if tpm_bytes::code(&response) != 0 {
        return Ok(BTreeSet::new());
    }
    ensure!(
        response.get(10) == Some(&0),
        "TPM2_GetCapability does not give all commands at once"
    );
    let attributes = response.get(19..).unwrap_or_default().chunks_exact(4);
    // TPMA_CC: the code in bits 0 to 15, V in bit 29.
    Ok(attributes.map(|cc| tpm_bytes::word(cc, 0) & 0x2000_FFFF).collect())
}

/// Operands as long as their bounds allow are answered, with a failure or a response.
fn largest_operands(subject: &Subject) -> Result<()> {
    let refusals = [Failure::BadState, Failure::BadOperand];
    let mut trial = subject.powered()?;
    let mut command = vec![0; bounds::MAX_COMMAND];
    command[..10].copy_from_slice(b"\x80\x01\0\0\x10\0\0\0\x01\x44");
    respond(&mut trial, "the longest command", &command)?;
    trial
        .hash_data(&[0; bounds::MAX_HASH_DATA])
        .map_err(|fault| anyhow!("hash-data of the longest operand: {fault}"))?
        .or_else(|failure| {
            (failure == Failure::BadOperand)
                .then_some(())
                .ok_or(anyhow!("hash-data: {failure}"))
        })?;
    let answer = trial.restore_volatile(&vec![0xA5; bounds::MAX_STATE]);
    failed("restore-volatile of the longest operand", answer, &refusals)?;
    let records = (0..(bounds::MAX_STATE / bounds::MAX_RECORD) as u32).map(|key| Record {
        key,
        value: vec![0xA5; bounds::MAX_RECORD],
    });
    let mut trial = subject.load(RepeatingHost::new(true))?;
    let answer = trial.power_on(&records.collect::<Vec<_>>());
    failed("power-on with the largest state", answer, &[Failure::BadState])
}
