//! Honest evidence in every form is trusted, on every product, under both kinds of key; and nothing is trusted that was not asked for.

mod support;

use sim_pki::{Leaf, Platform};
use support::*;
use svsm_proto::report::AttestationReport;
use verifier::{Form, Outcome, Subject, Tcb, TrustRoots, verify};
use zerocopy::IntoBytes;

#[test]
fn honest_evidence_of_every_form_is_trusted() {
    for form in Form::ALL {
        let verdict = verify(&evidence(form, SoftTpm::get(), milan()), &expectations(form, milan()));
        assert!(verdict.is_trusted(), "{}\n{verdict}", form.name());
        assert_eq!(verdict.headline(), "TRUSTED");
    }
}

#[test]
fn honest_quote_is_trusted_through_either_endorsement_key() {
    for (form, rsa) in [
        (Form::VtpmV0, true),
        (Form::CloisterV0, true),
        (Form::CloisterV0, false),
        (Form::CloisterV1, false),
        (Form::CloisterV3, true),
        (Form::CloisterV3, false),
        (Form::BootIdentity, false),
    ] {
        let mut evidence = evidence(form, SoftTpm::get(), milan());
        evidence.key_proof = Some(key_proof(SoftTpm::get(), rsa));
        let mut expected = expectations(form, milan());
        expected.pcrs = pcrs();
        let verdict = verify(&evidence, &expected);
        assert!(verdict.is_trusted(), "{} rsa {rsa}\n{verdict}", form.name());
        for subject in [
            Subject::Credential,
            Subject::AttestationKey,
            Subject::Quote,
            Subject::Pcrs,
        ] {
            let check = verdict
                .checks
                .iter()
                .find(|check| check.subject == subject)
                .expect("made");
            assert_eq!(check.outcome, Outcome::Passed);
        }
    }
}

// README, "Attestation": bit 0 of the flags is "ephemeral", bit 1 "Secure TSC".
#[test]
fn kind_of_tpm_is_stated_and_its_clock_can_be_demanded() {
    let said = |form: Form, flags: u8, secure_clock: bool| {
        let mut evidence = evidence(form, SoftTpm::get(), milan());
        if form == Form::CloisterV3 {
            evidence.manifest[20] = flags;
            let bound = bound(&NONCE, &evidence.manifest);
            evidence.report = signed(bound, milan()).as_bytes().to_vec();
        }
        let mut expected = expectations(form, milan());
        expected.secure_clock = secure_clock;
        let verdict = verify(&evidence, &expected);
        let outcome = |subject| {
            let mut checks = verdict.checks.iter();
            let check = checks.find(|check| check.subject == subject).expect("made");
            (check.outcome, check.reason.clone())
        };
        let json = verdict.to_json().to_string();
        (
            verdict.is_trusted(),
            outcome(Subject::TpmState),
            outcome(Subject::TpmClock),
            json,
        )
    };
    let (trusted, state, clock, json) = said(Form::CloisterV3, 3, true);
    assert!(trusted);
    assert!(state.1.starts_with("ephemeral"), "{state:?}");
    assert!(clock.1.starts_with("Secure TSC"), "{clock:?}");
    assert!(
        json.contains("\"tpm-state\"") && json.contains("\"tpm-clock\""),
        "{json}"
    );
    let (trusted, _, clock, _) = said(Form::CloisterV3, 1, false);
    assert!(trusted);
    assert_eq!(clock, (Outcome::Passed, "the hypervisor can scale it".to_owned()));
    let (trusted, _, clock, _) = said(Form::CloisterV3, 1, true);
    assert!(!trusted);
    assert_eq!(clock.0, Outcome::Failed);
    let (trusted, state, _, _) = said(Form::CloisterV3, 2, true);
    assert!(trusted);
    assert!(state.1.starts_with("kept"), "{state:?}");
    assert!(!said(Form::CloisterV3, 4, false).0, "a flag without a meaning");
    for form in [Form::VtpmV0, Form::CloisterV0, Form::CloisterV1, Form::BootIdentity] {
        let (trusted, state, clock, _) = said(form, 0, false);
        assert!(trusted, "{}", form.name());
        assert_eq!((state.0, clock.0), (Outcome::NotAsked, Outcome::NotAsked));
        assert!(!said(form, 0, true).0, "{}", form.name());
    }
}

#[test]
fn report_of_every_version_product_and_key_kind_is_trusted() {
    let genoa = Platform {
        family: 0x19,
        model: 0x11,
        product: "Genoa-B1",
        ..Platform::default()
    };
    // TCB_VERSION of Turin: FMC, bootloader, TEE, SNP, three reserved, microcode.
    let turin = Platform {
        family: 0x1A,
        model: 0x02,
        product: "Turin-B0",
        reported_tcb: u64::from_le_bytes([1, 2, 3, 4, 0, 0, 0, 5]),
        ..Platform::default()
    };
    let form = Form::VtpmV0;
    for (platform, minimum) in [
        (
            Platform::default(),
            Tcb {
                bootloader: 4,
                snp: 24,
                microcode: 219,
                ..Tcb::default()
            },
        ),
        (genoa, Tcb::default()),
        (
            turin,
            Tcb {
                fmc: 1,
                bootloader: 2,
                tee: 3,
                snp: 4,
                microcode: 5,
            },
        ),
    ] {
        for leaf in [Leaf::Chip, Leaf::Provider("a cloud")] {
            let chain = authority().issue(platform, leaf).expect("certificate");
            for version in [2, 3, 5] {
                let mut evidence = evidence(form, SoftTpm::get(), &chain);
                let mut report = AttestationReport::parse(&evidence.report).expect("a report");
                report.version = version;
                if version == 2 {
                    (report.cpuid_fam_id, report.cpuid_mod_id, report.cpuid_step) = (0, 0, 0);
                }
                if matches!(leaf, Leaf::Provider(_)) {
                    report.key_info = 1 << 2;
                }
                sign(&mut report, &chain);
                evidence.report = report.as_bytes().to_vec();
                let mut expected = expectations(form, &chain);
                expected.minimum_tcb = Some(minimum);
                let verdict = verify(&evidence, &expected);
                assert!(
                    verdict.is_trusted(),
                    "{} version {version} {leaf:?}\n{verdict}",
                    platform.product
                );
            }
        }
    }
}

#[test]
fn certificates_in_a_table_and_as_der_serve_as_well_as_pem() {
    let form = Form::VtpmV0;
    let chain = milan();
    let table = sim_pki::certificate_table(&chain.vcek, &chain.ask, &chain.ark).expect("small");
    let apart = vec![chain.ark.clone(), chain.vcek.clone(), chain.ask.clone()];
    for certificates in [
        vec![table.clone()],
        apart,
        vec![table, chain.pem().expect("PEM").into_bytes()],
    ] {
        let mut evidence = evidence(form, SoftTpm::get(), chain);
        evidence.certificates = certificates;
        let verdict = verify(&evidence, &expectations(form, chain));
        assert!(verdict.is_trusted(), "{verdict}");
    }
}

#[test]
fn simulator_is_not_trusted_unless_its_root_is_named() {
    let form = Form::VtpmV0;
    let mut expected = expectations(form, milan());
    expected.roots = TrustRoots::Amd;
    let verdict = verify(&evidence(form, SoftTpm::get(), milan()), &expected);
    assert!(
        verdict.failed(Subject::CertificateChain) && !verdict.is_trusted(),
        "{verdict}"
    );
    // The words of a trusted verdict say whose root it was.
    let trusted = verify(&evidence(form, SoftTpm::get(), milan()), &expectations(form, milan()));
    assert!(trusted.to_string().contains("NOT AMD's"), "{trusted}");
}

#[test]
fn json_verdict_carries_outcome_and_reason_of_every_check() {
    let form = Form::VtpmV0;
    let mut expected = expectations(form, milan());
    expected.measurements = vec![[0; 48]];
    let verdict = verify(&evidence(form, SoftTpm::get(), milan()), &expected);
    let json = verdict.to_json();
    assert_eq!(json["trusted"], false);
    let checks = json["checks"].as_array().expect("a list");
    assert_eq!(checks.len(), verdict.checks.len());
    let measurement = checks
        .iter()
        .find(|check| check["subject"] == "measurement")
        .expect("made");
    assert_eq!(measurement["outcome"], "failed");
    assert!(measurement["reason"].as_str().expect("words").contains("4d4d4d"));
}
