//! The answer: what was checked, with which outcome, and why.
//!
//! A verdict is the list of its checks; it is TRUSTED only if none of them failed. A check that could not be made because an earlier
//! one failed has failed too. What was not asked for is listed as such, so that nobody takes silence for a yes.

use std::fmt;

use serde::Serialize;

use crate::event_log::EventLog;

/// What a check looks at. The names are stable: scripts compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The certificates can be read and chain up to a trusted root.
    CertificateChain,
    /// The certificates are within their validity periods.
    CertificateValidity,
    /// What the signing key's certificate claims.
    SigningKey,
    /// Size, version and algorithm of the report.
    ReportFormat,
    /// The report's signature.
    ReportSignature,
    /// Product line of the report against the certificate's.
    Product,
    /// Chip or cloud provider of the report against the certificate's.
    Chip,
    /// REPORTED_TCB against the certificate's.
    TcbBinding,
    /// TCB versions against the caller's minimum.
    TcbMinimum,
    /// Guest policy.
    Policy,
    /// The report's VMPL.
    Vmpl,
    /// The launch digest.
    Measurement,
    /// HOST_DATA.
    HostData,
    /// The manifest's form and contents.
    Manifest,
    /// The nonce.
    Nonce,
    /// REPORT_DATA against nonce and manifest, or keys.
    ReportData,
    /// The TPM's keys against their templates.
    TpmKeys,
    /// The component's hash.
    Component,
    /// The report made at power-on.
    BootIdentity,
    /// Whether the TPM's state outlives the VM.
    TpmState,
    /// Who can change the speed of the TPM's clock.
    TpmClock,
    /// The secret that only the right TPM can return.
    Credential,
    /// The attestation key.
    AttestationKey,
    /// The quote.
    Quote,
    /// PCR values.
    Pcrs,
    /// The report over the event log, where it is not the manifest itself.
    EventLogReport,
    /// The event log of the measured boot.
    EventLog,
    /// Quoted PCRs against the event log.
    Replay,
    /// The kernel in the event log.
    Kernel,
    /// The initial file system in the event log.
    Initrd,
    /// The command line in the event log.
    CommandLine,
}

impl Subject {
    /// How the subject is called in words.
    pub fn words(self) -> &'static str {
        match self {
            Subject::CertificateChain => "certificate chain",
            Subject::CertificateValidity => "certificate validity",
            Subject::SigningKey => "signing key",
            Subject::ReportFormat => "report format",
            Subject::ReportSignature => "report signature",
            Subject::Product => "product",
            Subject::Chip => "chip",
            Subject::TcbBinding => "TCB of the signing key",
            Subject::TcbMinimum => "TCB minimum",
            Subject::Policy => "guest policy",
            Subject::Vmpl => "VMPL",
            Subject::Measurement => "measurement",
            Subject::HostData => "host data",
            Subject::Manifest => "manifest",
            Subject::Nonce => "nonce",
            Subject::ReportData => "report data",
            Subject::TpmKeys => "TPM keys",
            Subject::Component => "TPM component",
            Subject::BootIdentity => "boot identity",
            Subject::TpmState => "TPM state",
            Subject::TpmClock => "TPM clock",
            Subject::Credential => "credential",
            Subject::AttestationKey => "attestation key",
            Subject::Quote => "quote",
            Subject::Pcrs => "PCR values",
            Subject::EventLogReport => "report over the event log",
            Subject::EventLog => "event log",
            Subject::Replay => "replay of the event log",
            Subject::Kernel => "kernel",
            Subject::Initrd => "initial file system",
            Subject::CommandLine => "command line",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not as it should be, or not checkable.
    Failed,
    /// The caller did not ask for it, or the evidence has no such part.
    NotAsked,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub subject: Subject,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// All checks of one verification.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verdict {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// The event log of the measured boot, if one was given and could be read. Worth what the checks say.
    #[serde(skip)]
    pub event_log: Option<EventLog>,
}

impl Verdict {
    /// Whether every check that was made passed, and any was made at all.
    pub fn is_trusted(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Passed) && self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed)
    }

    /// Whether the check of `subject` failed.
    pub fn failed(&self, subject: Subject) -> bool {
        self.failures().any(|check| check.subject == subject)
    }

    /// One line: TRUSTED, or NOT TRUSTED with the first reason.
    pub fn headline(&self) -> String {
        match self.failures().next() {
            None if self.is_trusted() => "TRUSTED".to_owned(),
            None => "NOT TRUSTED: nothing was checked".to_owned(),
            Some(first) => format!("NOT TRUSTED: {}: {}", first.subject.words(), first.reason),
        }
    }

    /// The verdict as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "trusted": self.is_trusted(),
            "verdict": self.headline(),
            "checks": self.checks,
            "event_log": self.event_log.as_ref().map(EventLog::to_json),
        })
    }

    /// Records a check and hands on its value. The text of a passed check is its reason.
    pub(crate) fn record<T>(&mut self, subject: Subject, result: anyhow::Result<(T, String)>) -> Option<T> {
        let (value, outcome, reason) = match result {
            Ok((value, reason)) => (Some(value), Outcome::Passed, reason),
            Err(error) => (None, Outcome::Failed, format!("{error:#}")),
        };
        self.checks.push(Check {
            subject,
            outcome,
            reason,
        });
        value
    }

    /// Records a check that yields nothing but its outcome.
    pub(crate) fn note(&mut self, subject: Subject, result: anyhow::Result<String>) {
        self.record(subject, result.map(|reason| ((), reason)));
    }

    /// Records that something was not asked for.
    pub(crate) fn skip(&mut self, subject: Subject, reason: &str) {
        self.checks.push(Check {
            subject,
            outcome: Outcome::NotAsked,
            reason: reason.to_owned(),
        });
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = match check.outcome {
                Outcome::Passed => "ok      ",
                Outcome::Failed => "FAILED  ",
                Outcome::NotAsked => "not asked",
            };
            writeln!(out, "  {mark:<10}{}: {}", check.subject.words(), check.reason)?;
        }
        write!(out, "{}", self.headline())
    }
}
