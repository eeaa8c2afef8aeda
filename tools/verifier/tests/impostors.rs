//! Guests that own everything but what they pretend to: keys from elsewhere, evidence of another guest, manifests that fit themselves.

mod support;

use sim_pki::{Authority, Leaf, Platform};
use support::*;
use svsm_proto::report::AttestationReport;
use verifier::{Challenge, Form, Subject, TpmtPublic, Verdict, verify};
use zerocopy::IntoBytes;

const FORM: Form = Form::CloisterV0;

/// The verdict on honest evidence with a proof by `tpm` through its P-256 endorsement key.
fn verdict_on_proof(proof: verifier::KeyProof) -> Verdict {
    let mut evidence = evidence(FORM, SoftTpm::get(), milan());
    evidence.key_proof = Some(proof);
    verify(&evidence, &expectations(FORM, milan()))
}

#[test]
fn imported_attestation_key_is_refused_whoever_activates_with_it() {
    // An imported object cannot have fixedTPM and fixedParent (Part 3, Import), and one with a known secret no sensitiveDataOrigin.
    let missing = [
        (1u32 << 1, "fixedTPM"),
        (1 << 4, "fixedParent"),
        (1 << 5, "sensitiveDataOrigin"),
    ];
    for (bit, name) in missing {
        let imported = SoftTpm::new(AK_ATTRIBUTES & !bit);
        let verdict = verdict_on_proof(key_proof(&imported, false));
        let reason = verdict
            .failures()
            .find(|check| check.subject == Subject::AttestationKey);
        assert!(reason.is_some_and(|check| check.reason.contains(name)), "{verdict}");
    }
}

#[test]
fn attestation_key_that_signs_foreign_data_is_refused() {
    for (attributes, name) in [
        (AK_ATTRIBUTES & !(1 << 16), "restricted"),
        (AK_ATTRIBUTES & !(1 << 18), "sign"),
        (AK_ATTRIBUTES | 1 << 17, "decrypt"),
    ] {
        let verdict = verdict_on_proof(key_proof(&SoftTpm::new(attributes), false));
        let reason = verdict
            .failures()
            .find(|check| check.subject == Subject::AttestationKey);
        assert!(reason.is_some_and(|check| check.reason.contains(name)), "{verdict}");
    }
}

#[test]
fn challenge_for_an_endorsement_key_outside_the_report_is_refused() {
    // Another TPM answers its own challenge correctly, but the report vouches for this one: the RSA keys are each TPM's own.
    let other = SoftTpm::new(AK_ATTRIBUTES);
    let verdict = verdict_on_proof(key_proof(&other, true));
    assert!(
        verdict.failed(Subject::Credential) && !verdict.failed(Subject::Quote),
        "{verdict}"
    );
}

#[test]
fn secret_opened_for_another_attestation_key_is_refused() {
    let tpm = SoftTpm::get();
    let endorsement_key = TpmtPublic::parse(&tpm.p256_ek()).expect("well-formed");
    let other = TpmtPublic::parse(&SoftTpm::new(AK_ATTRIBUTES | 1 << 10).ak()).expect("well-formed");
    let (challenge, credential) = Challenge::new(&endorsement_key, &other).expect("made");
    assert_eq!(
        tpm.activate(&credential, false),
        None,
        "a TPM refuses a credential for another Name"
    );
    let mut proof = key_proof(tpm, false);
    proof.challenge = challenge;
    assert!(verdict_on_proof(proof).failed(Subject::Credential));
}

#[test]
fn quote_of_an_unknown_key_or_without_a_nonce_is_refused() {
    let mut proof = key_proof(SoftTpm::get(), false);
    proof.qualifying_data.clear();
    (proof.attest, proof.signature) = SoftTpm::get().quote(&[], &pcrs());
    assert!(
        verdict_on_proof(proof).failed(Subject::Quote),
        "a quote that answers nothing may be old"
    );
}

#[test]
fn quote_over_other_pcrs_than_shown_is_refused() {
    let mut wrong_values = key_proof(SoftTpm::get(), false);
    wrong_values.pcrs.pop();
    assert!(verdict_on_proof(wrong_values).failed(Subject::Quote));
    let mut extra = key_proof(SoftTpm::get(), false);
    extra.pcrs.push(verifier::PcrValue {
        index: 1,
        ..extra.pcrs[0].clone()
    });
    assert!(verdict_on_proof(extra).failed(Subject::Quote));
    let mut expected = expectations(FORM, milan());
    expected.pcrs = vec![verifier::PcrValue {
        index: 7,
        ..pcrs()[0].clone()
    }];
    let mut evidence = evidence(FORM, SoftTpm::get(), milan());
    assert!(
        verify(&evidence, &expected).failed(Subject::Quote),
        "values are expected, no quote was given"
    );
    evidence.key_proof = Some(key_proof(SoftTpm::get(), false));
    assert!(
        verify(&evidence, &expected).failed(Subject::Pcrs),
        "the quote does not cover what is expected"
    );
}

/// Evidence over a manifest of the caller's making, with a report that is truly bound to it.
fn verdict_on_manifest(form: Form, manifest: Vec<u8>) -> Verdict {
    let mut evidence = evidence(form, SoftTpm::get(), milan());
    evidence.report = signed(bound(&NONCE, &manifest), milan()).as_bytes().to_vec();
    evidence.manifest = manifest;
    verify(&evidence, &expectations(form, milan()))
}

#[test]
fn manifest_of_another_form_or_with_extra_bytes_is_refused_though_the_report_covers_it() {
    let tpm = SoftTpm::get();
    for form in [Form::VtpmV0, Form::CloisterV0, Form::CloisterV1] {
        for other in [Form::VtpmV0, Form::CloisterV0, Form::CloisterV1] {
            let verdict = verdict_on_manifest(form, manifest(other, tpm, milan()));
            assert_eq!(
                verdict.is_trusted(),
                form == other,
                "{} as {}\n{verdict}",
                other.name(),
                form.name()
            );
        }
        let longer = [manifest(form, tpm, milan()), vec![0]].concat();
        assert!(verdict_on_manifest(form, longer).failed(Subject::Manifest));
    }
}

#[test]
fn endorsement_key_that_differs_from_its_template_is_refused_though_the_report_covers_it() {
    let tpm = SoftTpm::get();
    // Each bit before `unique`: type, hash, attributes, policy, symmetric, scheme, sizes.
    for bit in 0..54 * 8 {
        let mut manifest = manifest(Form::CloisterV1, tpm, milan());
        manifest[bit / 8] ^= 1 << (bit % 8);
        let verdict = verdict_on_manifest(Form::CloisterV1, manifest);
        assert!(
            verdict.failed(Subject::TpmKeys) || verdict.failed(Subject::Manifest),
            "bit {bit}\n{verdict}"
        );
    }
    let mut off_curve = manifest(Form::CloisterV1, tpm, milan());
    let last_of_y = tpm.p256_ek().len() - 1;
    off_curve[last_of_y] ^= 1;
    assert!(verdict_on_manifest(Form::CloisterV1, off_curve).failed(Subject::TpmKeys));
    let mut even = manifest(Form::VtpmV0, tpm, milan());
    let last = even.len() - 1;
    even[last] &= !1;
    assert!(verdict_on_manifest(Form::VtpmV0, even).failed(Subject::TpmKeys));
}

#[test]
fn nonce_boundary_cannot_be_moved() {
    // The concatenation is unframed: a longer nonce with a shorter manifest hashes the same.
    let mut evidence = evidence(Form::VtpmV0, SoftTpm::get(), milan());
    let first = evidence.manifest.remove(0);
    evidence.nonce.push(first);
    let verdict = verify(&evidence, &expectations(Form::VtpmV0, milan()));
    assert!(
        verdict.failed(Subject::Nonce) && !verdict.failed(Subject::ReportData),
        "{verdict}"
    );
}

/// The verdict on a full manifest whose boot report was changed; the fresh report covers the change.
fn verdict_on_boot_report(change: impl Fn(&mut AttestationReport), accept_replaced_keys: bool) -> Verdict {
    let mut boot = report(boot_identity(SoftTpm::get()), milan());
    change(&mut boot);
    sign(&mut boot, milan());
    verdict_on_boot_bytes(boot.as_bytes(), accept_replaced_keys)
}

fn verdict_on_boot_bytes(boot: &[u8], accept_replaced_keys: bool) -> Verdict {
    let honest = manifest(FORM, SoftTpm::get(), milan());
    // GUID, version, component hash and length precede the boot report.
    let mut manifest = honest.clone();
    manifest[56..56 + boot.len()].copy_from_slice(boot);
    let mut evidence = evidence(FORM, SoftTpm::get(), milan());
    evidence.report = signed(bound(&NONCE, &manifest), milan()).as_bytes().to_vec();
    evidence.manifest = manifest;
    let mut expected = expectations(FORM, milan());
    expected.accept_replaced_keys = accept_replaced_keys;
    verify(&evidence, &expected)
}

#[test]
fn boot_identity_of_another_guest_image_or_level_is_refused() {
    assert!(verdict_on_boot_report(|_| {}, false).is_trusted());
    type Change = fn(&mut AttestationReport);
    let cases: [Change; 4] = [
        |r| r.report_id[0] ^= 1,
        |r| r.measurement[0] ^= 1,
        |r| r.vmpl = 2,
        |r| r.policy |= 1 << 19,
    ];
    for change in cases {
        assert!(verdict_on_boot_report(change, true).failed(Subject::BootIdentity));
    }
    let mut forged = signed(boot_identity(SoftTpm::get()), milan());
    forged.report_id = [0x1D; 32];
    forged.signature.r[0] ^= 1;
    assert!(verdict_on_boot_bytes(forged.as_bytes(), true).failed(Subject::BootIdentity));
}

#[test]
fn keys_replaced_since_power_on_are_accepted_only_on_request() {
    let replaced = |r: &mut AttestationReport| r.report_data[0] ^= 1;
    assert!(verdict_on_boot_report(replaced, false).failed(Subject::BootIdentity));
    assert!(verdict_on_boot_report(replaced, true).is_trusted());
}

#[test]
fn component_that_is_not_the_expected_one_or_not_named_is_refused() {
    let mut expected = expectations(FORM, milan());
    expected.component = Some([0; 32]);
    assert!(verify(&evidence(FORM, SoftTpm::get(), milan()), &expected).failed(Subject::Component));
    let other = Form::CloisterV1;
    assert!(verify(&evidence(other, SoftTpm::get(), milan()), &expected).failed(Subject::Component));
}

#[test]
fn chain_of_a_second_authority_does_not_reach_the_trusted_root() {
    let impostor = Authority::generate()
        .and_then(|one| one.issue(Platform::default(), Leaf::Chip))
        .expect("keys");
    let expected = expectations(FORM, milan());
    let all_theirs = evidence(FORM, SoftTpm::get(), &impostor);
    assert!(verify(&all_theirs, &expected).failed(Subject::CertificateChain));
    // Same names throughout, so only the signatures tell: their leaf under our root, with either intermediate.
    let honest = milan();
    for middle in [&honest.ask, &impostor.ask] {
        let mut mixed = all_theirs.clone();
        mixed.certificates = vec![impostor.vcek.clone(), middle.clone(), honest.ark.clone()];
        assert!(verify(&mixed, &expected).failed(Subject::CertificateChain));
    }
    // Two leaves, or none: the verifier does not choose.
    let mut two = evidence(FORM, SoftTpm::get(), honest);
    two.certificates.push(impostor.vcek.clone());
    assert!(verify(&two, &expected).failed(Subject::CertificateChain));
    let mut none = evidence(FORM, SoftTpm::get(), honest);
    none.certificates = vec![honest.ask.clone(), honest.ark.clone()];
    assert!(verify(&none, &expected).failed(Subject::CertificateChain));
}
