//! The whole question: does this evidence show that this TPM runs in that image on real hardware.
//!
//! Everything in [`Evidence`] was carried by guest, hypervisor and network; everything in [`Expectations`] is the caller's own. Checks
//! run in the order in which trust is built, and each leaves its reason. A failure does not stop the checks that still make sense, so
//! that a verdict names all that is wrong.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, ensure};
use svsm_proto::manifest::TpmTraits;
use svsm_proto::report::AttestationReport;

use crate::certificates::{Certificate, read_all};
use crate::chain::{Chain, SigningKey};
use crate::event_log::{BootEvents, Digests};
use crate::key_proof::{KeyProof, require_attestation_key, require_pcrs, require_quote};
use crate::manifest::{Contents, Form, expected_report_data, require_nonce};
use crate::measured_boot::{self, AttestedLog};
use crate::report::{self, PolicyDemands};
use crate::roots::TrustRoots;
use crate::tcb::Tcb;
use crate::tpm::attest::PcrValue;
use crate::tpm::public::TpmtPublic;
use crate::verdict::{Subject, Verdict};

/// What came from outside.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The report.
    pub report: Vec<u8>,
    /// Certificates: files of PEM or DER, or the table of an extended guest request.
    pub certificates: Vec<Vec<u8>>,
    /// Which form the caller asked for.
    pub form: Form,
    /// The manifest; for [`Form::BootIdentity`] the two public areas as in version 1.
    pub manifest: Vec<u8>,
    /// The nonce that the caller sent.
    pub nonce: Vec<u8>,
    /// Attestation key and quote, if asked for.
    pub key_proof: Option<KeyProof>,
    /// The event log with a report of its own, beside a form that names keys. With [`Form::CloisterV2`] the manifest is the log.
    pub event_log: Option<AttestedLog>,
}

/// What the caller wants to be true.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// Trusted roots.
    pub roots: TrustRoots,
    /// The time at which certificates must be valid.
    pub now: SystemTime,
    /// Acceptable launch digests; at least one.
    pub measurements: Vec<[u8; 48]>,
    /// SHA-256 of the component file that must run.
    pub component: Option<[u8; 32]>,
    /// Lowest acceptable TCB.
    pub minimum_tcb: Option<Tcb>,
    /// Demands on the guest policy.
    pub policy: PolicyDemands,
    /// HOST_DATA that the launch must have had.
    pub host_data: Option<[u8; 32]>,
    /// PCR values that the quote must show.
    pub pcrs: Vec<PcrValue>,
    /// What the event log must name.
    pub boot: BootExpectations,
    /// Accept keys that are not those of power-on: a TPM that was cleared since, by its owner's authority.
    pub accept_replaced_keys: bool,
    /// The TPM's clock must be one that the hypervisor cannot scale.
    pub secure_clock: bool,
}

/// What the event log of the measured boot must name; `None` for what may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootExpectations {
    /// The kernel.
    pub kernel: Option<Digests>,
    /// The initial file system.
    pub initrd: Option<Digests>,
    /// The command line; empty for none.
    pub command_line: Option<String>,
}

impl Expectations {
    /// Expects one of these launch digests under AMD's roots, now, and nothing else beyond what is always demanded.
    pub fn of_measurements(measurements: Vec<[u8; 48]>) -> Self {
        Expectations {
            roots: TrustRoots::Amd,
            now: SystemTime::now(),
            measurements,
            component: None,
            minimum_tcb: None,
            policy: PolicyDemands::default(),
            host_data: None,
            pcrs: Vec::new(),
            boot: BootExpectations::default(),
            accept_replaced_keys: false,
            secure_clock: false,
        }
    }
}

/// A certificate chain that was checked once, for judging any number of reports of one machine.
#[derive(Debug, Clone)]
pub struct Certification {
    verdict: Verdict,
    key: Option<SigningKey>,
}

impl Certification {
    /// Checks certificates (files of PEM or DER, or the table of an extended guest request) against the roots.
    pub fn check(certificates: &[Vec<u8>], roots: &TrustRoots, now: SystemTime) -> Self {
        let mut verdict = Verdict::default();
        let key = certified_key(&mut verdict, certificates, roots, now);
        Certification { verdict, key }
    }
}

/// Checks everything and says so.
pub fn verify(evidence: &Evidence, expected: &Expectations) -> Verdict {
    judge(
        evidence,
        expected,
        &Certification::check(&evidence.certificates, &expected.roots, expected.now),
    )
}

/// The same with a chain that was checked before; the evidence's own certificates are not looked at.
pub fn judge(evidence: &Evidence, expected: &Expectations, certification: &Certification) -> Verdict {
    let Certification { mut verdict, key } = certification.clone();
    let report = verdict.record(
        Subject::ReportFormat,
        report::parse(&evidence.report).map(|report| (report, format!("version {}", report.version))),
    );
    if let Some(report) = &report {
        check_origin(&mut verdict, report, key.as_ref(), expected);
        check_guest(&mut verdict, report, expected);
    }
    let contents = check_contents(&mut verdict, evidence, report.as_ref());
    let log = measured_boot::check_log(
        &mut verdict,
        evidence,
        contents.as_ref(),
        report.as_ref(),
        key.as_ref(),
        expected,
    );
    check_component(&mut verdict, contents.as_ref(), log.as_ref(), expected);
    check_traits(&mut verdict, contents.as_ref(), expected);
    check_boot_identity(
        &mut verdict,
        contents.as_ref(),
        report.as_ref(),
        key.as_ref(),
        evidence.form,
        expected,
    );
    let quoted = check_key_proof(&mut verdict, evidence.key_proof.as_ref(), contents.as_ref(), expected);
    measured_boot::check_replay(&mut verdict, quoted, expected);
    verdict
}

/// The key that may sign reports.
fn certified_key(verdict: &mut Verdict, files: &[Vec<u8>], roots: &TrustRoots, now: SystemTime) -> Option<SigningKey> {
    let chain = (|| {
        let mut certificates: Vec<Certificate> = Vec::new();
        for file in files {
            certificates.append(&mut read_all(file)?);
        }
        Chain::build(&certificates, roots)
    })();
    let chain = verdict.record(
        Subject::CertificateChain,
        chain.map(|chain| {
            let reason = format!("up to {}", chain.root_description);
            (chain, reason)
        }),
    )?;
    let valid = chain
        .require_valid_at(now)
        .map(|()| "all three are within their periods".to_owned());
    verdict.note(Subject::CertificateValidity, valid);
    verdict.record(
        Subject::SigningKey,
        chain.signing_key().map(|key| {
            let reason = format!("certified for {} with {}", key.product.name(), key.tcb);
            (key, reason)
        }),
    )
}

/// Everything that ties a report to the hardware.
fn check_origin(verdict: &mut Verdict, report: &AttestationReport, key: Option<&SigningKey>, expected: &Expectations) {
    let with_key = |check: &dyn Fn(&SigningKey) -> Result<String>| {
        key.map_or_else(|| Err(anyhow!("not checked: there is no certified key")), check)
    };
    let signature = with_key(&|key| report::require_signature(report, key).map(|()| "by the certified key".to_owned()));
    verdict.note(Subject::ReportSignature, signature);
    verdict.note(Subject::Product, with_key(&|key| report::require_product(report, key)));
    verdict.note(Subject::Chip, with_key(&|key| report::require_chip(report, key)));
    verdict.note(
        Subject::TcbBinding,
        with_key(&|key| report::require_tcb_binding(report, key)),
    );
    match &expected.minimum_tcb {
        Some(minimum) => {
            verdict.note(
                Subject::TcbMinimum,
                with_key(&|key| report::require_tcb(report, key.product, minimum)),
            );
        }
        None => verdict.skip(Subject::TcbMinimum, "no minimum was given"),
    }
}

/// What a report says about the guest.
fn check_guest(verdict: &mut Verdict, report: &AttestationReport, expected: &Expectations) {
    verdict.note(Subject::Policy, report::require_policy(report, &expected.policy));
    verdict.note(Subject::Vmpl, report::require_vmpl0(report));
    verdict.note(
        Subject::Measurement,
        report::require_measurement(report, &expected.measurements),
    );
    match &expected.host_data {
        Some(wanted) => {
            let outcome = if report.host_data == *wanted {
                Ok("as expected".to_owned())
            } else {
                Err(anyhow!("not as expected"))
            };
            verdict.note(Subject::HostData, outcome);
        }
        None => verdict.skip(Subject::HostData, "no value was given"),
    }
}

/// Manifest, nonce, REPORT_DATA and the TPM's keys.
fn check_contents(verdict: &mut Verdict, evidence: &Evidence, report: Option<&AttestationReport>) -> Option<Contents> {
    let form = evidence.form;
    let contents = verdict.record(
        Subject::Manifest,
        Contents::parse(form, &evidence.manifest).map(|contents| (contents, format!("well-formed {}", form.name()))),
    );
    verdict.note(Subject::Nonce, require_nonce(form, &evidence.nonce));
    let bound = expected_report_data(form, &evidence.nonce, &evidence.manifest, contents.as_ref()).and_then(|wanted| {
        let report = report.context("not checked: there is no report")?;
        ensure!(
            report.report_data == wanted,
            "the report was not made for this nonce and this manifest"
        );
        Ok(if form.has_nonce() {
            "SHA-512 of nonce and manifest"
        } else {
            "the keys' X coordinates"
        }
        .to_owned())
    });
    verdict.note(Subject::ReportData, bound);
    match &contents {
        Some(_) if form == Form::CloisterV2 => verdict.skip(Subject::TpmKeys, "this form names no key"),
        Some(contents) => verdict.note(Subject::TpmKeys, contents.require_templates()),
        None => {}
    }
    contents
}

/// What kind of TPM it is. Its state is stated, not judged: a TPM that ends with its VM is no worse, only younger.
fn check_traits(verdict: &mut Verdict, contents: Option<&Contents>, expected: &Expectations) {
    let Some(traits) = contents.and_then(|contents| contents.traits) else {
        verdict.skip(Subject::TpmState, "this form does not say");
        match expected.secure_clock {
            true => verdict.note(
                Subject::TpmClock,
                Err(anyhow!("this evidence does not say which clock it is")),
            ),
            false => verdict.skip(Subject::TpmClock, "this form does not say"),
        }
        return;
    };
    let state = if traits.contains(TpmTraits::EPHEMERAL) {
        "ephemeral: it ends with the VM, and began with it"
    } else {
        "kept beyond the VM"
    };
    verdict.note(Subject::TpmState, Ok(state.to_owned()));
    let clock = if traits.contains(TpmTraits::SECURE_TSC) {
        Ok("Secure TSC, of an attested frequency".to_owned())
    } else if expected.secure_clock {
        Err(anyhow!("the hypervisor can scale it"))
    } else {
        Ok("the hypervisor can scale it".to_owned())
    };
    verdict.note(Subject::TpmClock, clock);
}

fn check_component(
    verdict: &mut Verdict,
    contents: Option<&Contents>,
    log: Option<&BootEvents>,
    expected: &Expectations,
) {
    let Some(wanted) = &expected.component else {
        verdict.skip(
            Subject::Component,
            "no hash was given; the component is covered by the measurement alone",
        );
        return;
    };
    let in_manifest = contents.and_then(|contents| contents.component);
    let in_log = log.map(|events| events.component_sha256);
    let found = in_manifest.or(in_log);
    let result = found.context("this evidence does not name the component");
    let result = result.and_then(|found| {
        ensure!(
            in_log.is_none_or(|in_log| in_log == found),
            "the event log names another component than the manifest"
        );
        ensure!(
            found == *wanted,
            "{} runs instead of {}",
            hex::encode(found),
            hex::encode(wanted)
        );
        Ok(hex::encode(found))
    });
    verdict.note(Subject::Component, result);
}

/// The report of power-on inside the manifest: same machine, same guest, same keys.
fn check_boot_identity(
    verdict: &mut Verdict,
    contents: Option<&Contents>,
    fresh: Option<&AttestationReport>,
    key: Option<&SigningKey>,
    form: Form,
    expected: &Expectations,
) {
    if form != Form::CloisterV0 {
        verdict.skip(Subject::BootIdentity, "this form does not carry it");
        return;
    }
    let result = (|| {
        let contents = contents.context("not checked: the manifest could not be read")?;
        let fresh = fresh.context("not checked: there is no report")?;
        let key = key.context("not checked: there is no certified key")?;
        let boot = report::parse(contents.boot_report.as_deref().context("absent")?)?;
        report::require_signature(&boot, key).context("signature")?;
        report::require_product(&boot, key)?;
        report::require_chip(&boot, key)?;
        report::require_tcb_binding(&boot, key)?;
        report::require_policy(&boot, &expected.policy)?;
        report::require_vmpl0(&boot)?;
        ensure!(boot.measurement == fresh.measurement, "of another image");
        ensure!(boot.report_id == fresh.report_id, "of another guest");
        if boot.report_data == contents.boot_identity()? {
            return Ok("made at power-on of this very guest, with the same keys".to_owned());
        }
        ensure!(
            expected.accept_replaced_keys,
            "the P-256 keys are not those of power-on: the TPM was cleared or reseeded since"
        );
        Ok("made at power-on of this very guest; the keys were replaced since, which the caller accepts".to_owned())
    })();
    verdict.note(Subject::BootIdentity, result);
}

/// Credential, attestation key, quote and PCRs; the quoted PCRs if there is a sound quote, `None` if there is none at all.
fn check_key_proof(
    verdict: &mut Verdict,
    proof: Option<&KeyProof>,
    contents: Option<&Contents>,
    expected: &Expectations,
) -> Option<Result<Vec<PcrValue>>> {
    let Some(proof) = proof else {
        if expected.pcrs.is_empty() {
            verdict.skip(Subject::Quote, "no quote was given; nothing is said about PCRs");
        } else {
            verdict.note(
                Subject::Quote,
                Err(anyhow!("PCR values are expected, but no quote was given")),
            );
        }
        return None;
    };
    let key = TpmtPublic::parse(&proof.attestation_key).context("public area");
    let key = verdict.record(
        Subject::AttestationKey,
        key.and_then(|key| {
            let reason = require_attestation_key(&key)?;
            Ok((key, reason))
        }),
    );
    let no_key = || anyhow!("not checked: there is no acceptable attestation key");
    let credential = key.as_ref().ok_or_else(no_key).and_then(|key| {
        let contents = contents.context("not checked: the manifest could not be read")?;
        ensure!(
            !contents.endorsement_keys.is_empty(),
            "this form vouches for no endorsement key: give the log beside a form that does"
        );
        let vouched: Vec<&TpmtPublic> = contents.endorsement_keys.iter().map(|(key, _)| key).collect();
        proof
            .challenge
            .require_credential(&vouched, key, &proof.returned_secret)
    });
    verdict.note(Subject::Credential, credential);
    let quote = verdict.record(
        Subject::Quote,
        key.as_ref()
            .ok_or_else(no_key)
            .and_then(|key| require_quote(proof, key)),
    );
    let no_quote = "not checked: there is no sound quote";
    let quoted = quote.map(|_| proof.pcrs.clone());
    if expected.pcrs.is_empty() {
        verdict.skip(Subject::Pcrs, "no values were given");
    } else {
        let covered = quoted.as_deref().context(no_quote);
        verdict.note(
            Subject::Pcrs,
            covered.and_then(|covered| require_pcrs(&expected.pcrs, covered)),
        );
    }
    Some(quoted.context(no_quote))
}
