//! The event log among the evidence: who vouches for it, what it names, and whether a quote agrees.
//!
//! A log is evidence only through a report of VMPL0 over nonce and log. It is the manifest of the form `cloister-v2`, or comes beside another form with a
//! report of its own, which must then be of the same guest. A quote that covers its PCRs ties the TPM's state to it: what was extended in addition,
//! or elsewhere, shows as a difference.

use anyhow::{Context, Result, anyhow, ensure};
use svsm_proto::report::AttestationReport;

use crate::chain::SigningKey;
use crate::event_log::{BootEvents, EventLog, Measured};
use crate::manifest::{Contents, Form, expected_report_data, require_nonce};
use crate::report;
use crate::tpm::attest::PcrValue;
use crate::verdict::{Subject, Verdict};
use crate::verification::{Evidence, Expectations};

/// An event log and the report that vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedLog {
    /// The report.
    pub report: Vec<u8>,
    /// The log: manifest version 2 of our service.
    pub log: Vec<u8>,
    /// The nonce that the caller sent for it.
    pub nonce: Vec<u8>,
}

/// Checks the log, if there is one, and what it names; `fresh` is the report of the evidence's own form.
pub(crate) fn check_log(
    verdict: &mut Verdict,
    evidence: &Evidence,
    contents: Option<&Contents>,
    fresh: Option<&AttestationReport>,
    key: Option<&SigningKey>,
    expected: &Expectations,
) -> Option<BootEvents> {
    let no_report = || anyhow!("not checked: there is no report");
    let log = match &evidence.event_log {
        None if evidence.form != Form::CloisterV2 => {
            verdict.skip(
                Subject::EventLog,
                "none was given; nothing is said about what was booted",
            );
            check_expected(verdict, None, expected);
            return None;
        }
        None => contents
            .and_then(|contents| contents.event_log.clone())
            .context("not checked: the manifest could not be read"),
        Some(attested) => {
            let vouched = fresh
                .ok_or_else(no_report)
                .and_then(|fresh| require_report(attested, evidence.form, fresh, key, expected));
            verdict.note(Subject::EventLogReport, vouched);
            EventLog::parse(&attested.log)
        }
    };
    verdict.event_log = log.as_ref().ok().cloned();
    let events = log.and_then(|log| {
        let events = BootEvents::read(&log, &fresh.ok_or_else(no_report)?.measurement)?;
        let reason = format!(
            "{} events of {}, with the report's launch digest",
            log.events.len(),
            events.version
        );
        Ok((events, reason))
    });
    let events = verdict.record(Subject::EventLog, events);
    check_expected(verdict, events.as_ref(), expected);
    events
}

/// Kernel, initial file system and command line against what the caller expects.
fn check_expected(verdict: &mut Verdict, events: Option<&BootEvents>, expected: &Expectations) {
    let events = || events.context("not checked: there is no sound event log");
    let boot = &expected.boot;
    for (subject, what, wanted) in [
        (Subject::Kernel, Measured::Kernel, &boot.kernel),
        (Subject::Initrd, Measured::Initrd, &boot.initrd),
    ] {
        if let Some(wanted) = wanted {
            verdict.note(subject, events().and_then(|events| events.require(what, wanted)));
        }
    }
    if let Some(wanted) = &boot.command_line {
        verdict.note(
            Subject::CommandLine,
            events().and_then(|events| events.require_command_line(wanted)),
        );
    }
}

/// Fails unless a log's own report is of the same guest as `fresh`, and over the log and its nonce.
fn require_report(
    attested: &AttestedLog,
    form: Form,
    fresh: &AttestationReport,
    key: Option<&SigningKey>,
    expected: &Expectations,
) -> Result<String> {
    ensure!(form != Form::CloisterV2, "the manifest is the event log already");
    let key = key.context("not checked: there is no certified key")?;
    let report = report::parse(&attested.report)?;
    report::require_signature(&report, key).context("signature")?;
    report::require_product(&report, key)?;
    report::require_chip(&report, key)?;
    report::require_tcb_binding(&report, key)?;
    report::require_policy(&report, &expected.policy)?;
    report::require_vmpl0(&report)?;
    ensure!(report.measurement == fresh.measurement, "of another image");
    ensure!(report.report_id == fresh.report_id, "of another guest");
    require_nonce(Form::CloisterV2, &attested.nonce).context("nonce")?;
    let wanted = expected_report_data(Form::CloisterV2, &attested.nonce, &attested.log, None)?;
    ensure!(
        report.report_data == wanted,
        "the report was not made for this nonce and this log"
    );
    Ok("of the same guest, over nonce and log".to_owned())
}

/// Checks the quoted PCRs, `None` without a quote, against the log that the verdict holds.
pub(crate) fn check_replay(verdict: &mut Verdict, quoted: Option<Result<Vec<PcrValue>>>, expected: &Expectations) {
    let Some(log) = verdict.event_log.clone() else { return };
    match quoted {
        None => verdict.skip(Subject::Replay, "no quote was given; nothing is said about PCRs"),
        Some(quoted) => verdict.note(
            Subject::Replay,
            quoted.and_then(|quoted| log.require_replay(&quoted, &expected.pcrs)),
        ),
    }
}
