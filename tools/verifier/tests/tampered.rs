//! Everything that can be changed on the way is changed, and each change is refused by the check that covers it: one bit of every byte, and with
//! `CLOISTER_LONG=1`, as in `cargo xtask test --all`, every bit of everything but the certificates above the leaf.

mod support;

use support::*;
use svsm_proto::report::AttestationReport;
use verifier::{Certification, Evidence, Expectations, Form, Subject, Verdict, judge, verify};
use zerocopy::IntoBytes;

/// Which bits of `length` bytes are flipped: over eight bytes each place in a byte once, or all.
fn bits(length: usize) -> impl Iterator<Item = usize> {
    let all = std::env::var_os("CLOISTER_LONG").is_some_and(|value| value == "1");
    (0..length * 8).filter(move |bit| all || bit % 8 == bit / 8 % 8)
}

/// Verifies after flipping each of `bits` in the part that `part` picks; each verdict must show one of `subjects` as failed.
fn refuse_each_bit(
    evidence: &Evidence,
    expected: &Expectations,
    bits: impl Iterator<Item = usize>,
    part: impl Fn(&mut Evidence) -> &mut [u8],
    subjects: &[Subject],
) {
    let certified = Certification::check(&evidence.certificates, &expected.roots, expected.now);
    for bit in bits {
        let mut tampered = evidence.clone();
        part(&mut tampered)[bit / 8] ^= 1 << (bit % 8);
        let verdict = if tampered.certificates == evidence.certificates {
            judge(&tampered, expected, &certified)
        } else {
            verify(&tampered, expected)
        };
        assert!(!verdict.is_trusted(), "bit {bit} of {subjects:?}");
        assert!(
            subjects.iter().any(|subject| verdict.failed(*subject)),
            "bit {bit} of {subjects:?}\n{verdict}"
        );
        assert!(verdict.failures().all(|check| !check.reason.is_empty()));
    }
}

fn with_quote(form: Form) -> (Evidence, Expectations) {
    let mut evidence = evidence(form, SoftTpm::get(), milan());
    evidence.key_proof = Some(key_proof(SoftTpm::get(), form == Form::VtpmV0));
    let mut expected = expectations(form, milan());
    expected.pcrs = pcrs();
    assert!(verify(&evidence, &expected).is_trusted());
    (evidence, expected)
}

#[test]
fn every_byte_of_the_report_is_covered() {
    let (evidence, expected) = (
        evidence(Form::VtpmV0, SoftTpm::get(), milan()),
        expectations(Form::VtpmV0, milan()),
    );
    let bits = bits(evidence.report.len());
    let subjects = [Subject::ReportSignature, Subject::ReportFormat];
    refuse_each_bit(&evidence, &expected, bits, |evidence| &mut evidence.report, &subjects);
}

#[test]
fn every_byte_of_manifest_and_nonce_is_covered() {
    for form in Form::ALL {
        let (evidence, expected) = (evidence(form, SoftTpm::get(), milan()), expectations(form, milan()));
        let subjects: &[Subject] = match form {
            // Without a hash, what is bound are the X coordinates; templates and curve equation cover the rest.
            Form::BootIdentity => &[Subject::ReportData, Subject::TpmKeys, Subject::Manifest],
            _ => &[Subject::ReportData],
        };
        let length = match form {
            // Header and flags; what follows is version 0's.
            Form::CloisterV3 => 24,
            _ => evidence.manifest.len(),
        };
        refuse_each_bit(
            &evidence,
            &expected,
            bits(length),
            |evidence| &mut evidence.manifest,
            subjects,
        );
        refuse_each_bit(
            &evidence,
            &expected,
            bits(evidence.nonce.len()),
            |evidence| &mut evidence.nonce,
            &[Subject::ReportData],
        );
    }
}

#[test]
fn every_byte_of_quote_signature_key_secret_and_pcrs_is_covered() {
    let (evidence, expected) = with_quote(Form::CloisterV1);
    let proof = evidence.key_proof.clone().expect("a proof");
    type Part = fn(&mut Evidence) -> &mut [u8];
    fn proof_of(evidence: &mut Evidence) -> &mut verifier::KeyProof {
        evidence.key_proof.as_mut().expect("a proof")
    }
    let parts: [(usize, Part, &[Subject]); 6] = [
        (proof.attest.len(), |one| &mut proof_of(one).attest, &[Subject::Quote]),
        (
            proof.signature.len(),
            |one| &mut proof_of(one).signature,
            &[Subject::Quote],
        ),
        (
            proof.attestation_key.len(),
            |one| &mut proof_of(one).attestation_key,
            &[Subject::AttestationKey, Subject::Credential],
        ),
        (
            proof.returned_secret.len(),
            |one| &mut proof_of(one).returned_secret,
            &[Subject::Credential],
        ),
        (
            proof.qualifying_data.len(),
            |one| &mut proof_of(one).qualifying_data,
            &[Subject::Quote],
        ),
        (32, |one| &mut proof_of(one).pcrs[1].digest, &[Subject::Quote]),
    ];
    for (length, part, subjects) in parts {
        refuse_each_bit(&evidence, &expected, bits(length), part, subjects);
    }
}

#[test]
fn every_byte_of_the_chain_is_covered() {
    let form = Form::VtpmV0;
    let chain = milan();
    let mut evidence = evidence(form, SoftTpm::get(), chain);
    evidence.certificates = vec![chain.vcek.clone(), chain.ask.clone(), chain.ark.clone()];
    let expected = expectations(form, chain);
    let subjects = [Subject::CertificateChain];
    let leaf_bits = bits(chain.vcek.len());
    refuse_each_bit(
        &evidence,
        &expected,
        leaf_bits,
        |evidence| &mut evidence.certificates[0],
        &subjects,
    );
    for (index, length) in [(1, chain.ask.len()), (2, chain.ark.len())] {
        let one_per_byte = (0..length).map(|byte| byte * 8 + byte % 8);
        refuse_each_bit(
            &evidence,
            &expected,
            one_per_byte,
            |evidence| &mut evidence.certificates[index],
            &subjects,
        );
    }
}

#[test]
fn every_shorter_or_longer_part_is_refused() {
    let (evidence, expected) = with_quote(Form::CloisterV0);
    type Part = fn(&mut Evidence) -> &mut Vec<u8>;
    let parts: [Part; 7] = [
        |one| &mut one.report,
        |one| &mut one.manifest,
        |one| &mut one.nonce,
        |one| &mut one.key_proof.as_mut().expect("a proof").attest,
        |one| &mut one.key_proof.as_mut().expect("a proof").signature,
        |one| &mut one.key_proof.as_mut().expect("a proof").attestation_key,
        |one| &mut one.key_proof.as_mut().expect("a proof").returned_secret,
    ];
    let certified = Certification::check(&evidence.certificates, &expected.roots, expected.now);
    let verify = |evidence: &Evidence, expected: &Expectations| judge(evidence, expected, &certified);
    for (index, part) in parts.into_iter().enumerate() {
        let mut longer = evidence.clone();
        part(&mut longer).push(0);
        assert!(
            !verify(&longer, &expected).is_trusted(),
            "part {index} with a byte more"
        );
        for length in 0..part(&mut evidence.clone()).len() {
            let mut shorter = evidence.clone();
            part(&mut shorter).truncate(length);
            assert!(
                !verify(&shorter, &expected).is_trusted(),
                "part {index} cut to {length}"
            );
        }
    }
}

/// The verdict on a report that says something else, signed by the right processor nevertheless.
fn resigned(change: impl Fn(&mut AttestationReport)) -> Verdict {
    let mut evidence = evidence(Form::VtpmV0, SoftTpm::get(), milan());
    let mut report = AttestationReport::parse(&evidence.report).expect("a report");
    change(&mut report);
    sign(&mut report, milan());
    evidence.report = report.as_bytes().to_vec();
    let mut expected = expectations(Form::VtpmV0, milan());
    expected.minimum_tcb = Some(verifier::Tcb {
        bootloader: 4,
        snp: 24,
        microcode: 219,
        ..Default::default()
    });
    expected.host_data = Some([0; 32]);
    expected.policy.minimum_abi = (0, 0);
    expected.policy.must_not = 1 << 20;
    verify(&evidence, &expected)
}

#[test]
fn truthfully_signed_report_of_the_wrong_thing_is_refused_by_name() {
    assert!(resigned(|_| {}).is_trusted());
    type Change = fn(&mut AttestationReport);
    let cases: [(&str, Change, Subject); 24] = [
        ("version 1", |r| r.version = 1, Subject::ReportFormat),
        ("version 6", |r| r.version = 6, Subject::ReportFormat),
        ("algorithm", |r| r.signature_algo = 2, Subject::ReportFormat),
        ("masked key", |r| r.key_info = 2, Subject::ReportFormat),
        ("key kind", |r| r.key_info = 1 << 2, Subject::Chip),
        ("no key", |r| r.key_info = 7 << 2, Subject::Chip),
        ("chip", |r| r.chip_id[63] ^= 1, Subject::Chip),
        ("masked chip", |r| r.chip_id = [0; 64], Subject::Chip),
        ("family", |r| r.cpuid_fam_id = 0x1A, Subject::Product),
        ("model", |r| r.cpuid_mod_id = 0x11, Subject::Product),
        ("unknown processor", |r| r.cpuid_fam_id = 0x17, Subject::Product),
        ("reported TCB", |r| r.reported_tcb[0] += 1, Subject::TcbBinding),
        ("reserved TCB byte", |r| r.reported_tcb[2] = 1, Subject::TcbBinding),
        ("committed TCB", |r| r.committed_tcb[6] -= 1, Subject::TcbMinimum),
        ("current TCB", |r| r.current_tcb[7] -= 1, Subject::TcbMinimum),
        ("launch TCB", |r| r.launch_tcb[0] -= 1, Subject::TcbMinimum),
        ("debugging", |r| r.policy |= 1 << 19, Subject::Policy),
        ("migration", |r| r.policy |= 1 << 18, Subject::Policy),
        ("migration agent", |r| r.report_id_ma[0] = 0, Subject::Policy),
        ("forbidden policy", |r| r.policy |= 1 << 20, Subject::Policy),
        ("VMPL2", |r| r.vmpl = 2, Subject::Vmpl),
        ("the host's own report", |r| r.vmpl = u32::MAX, Subject::Vmpl),
        ("measurement", |r| r.measurement[0] ^= 1, Subject::Measurement),
        ("host data", |r| r.host_data[31] ^= 1, Subject::HostData),
    ];
    for (name, change, subject) in cases {
        let verdict = resigned(change);
        assert!(verdict.failed(subject), "{name}\n{verdict}");
        assert!(
            !verdict.failed(Subject::ReportSignature) || subject == Subject::ReportFormat,
            "{name}\n{verdict}"
        );
    }
    assert!(resigned(|r| r.report_data[0] ^= 1).failed(Subject::ReportData));
}

#[test]
fn certificates_outside_their_validity_are_refused() {
    let form = Form::VtpmV0;
    let evidence = evidence(form, SoftTpm::get(), milan());
    // Ours are valid from 2020 to 2049.
    for seconds in [0, 1_577_836_799, 2_524_608_000] {
        let mut expected = expectations(form, milan());
        expected.now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        assert!(
            verify(&evidence, &expected).failed(Subject::CertificateValidity),
            "{seconds}"
        );
    }
}
