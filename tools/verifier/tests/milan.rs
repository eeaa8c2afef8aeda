//! A real report from real hardware (provenance: `data/README.md`): it must verify, and nothing that differs from it in one bit may.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use verifier::{Certification, Evidence, Expectations, Form, Outcome, Subject, Tcb, Verdict, judge, verify};

/// 2026-01-01; the VCEK is valid until 2030.
const WITHIN_VALIDITY: u64 = 1_767_225_600;

fn data(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).expect("fixture")
}

fn report() -> Vec<u8> {
    let text = String::from_utf8(data("report_milan.hex")).expect("text");
    hex::decode(text.trim()).expect("hexadecimal")
}

fn evidence() -> Evidence {
    Evidence {
        report: report(),
        certificates: vec![data("vcek_milan.der"), data("cert_chain_milan")],
        form: Form::VtpmV0,
        manifest: Vec::new(),
        nonce: vec![0; 64],
        key_proof: None,
        event_log: None,
    }
}

fn expectations() -> Expectations {
    let mut expected = Expectations::of_measurements(vec![report()[0x90..0xC0].try_into().expect("48 bytes")]);
    expected.now = UNIX_EPOCH + Duration::from_secs(WITHIN_VALIDITY);
    expected.minimum_tcb = Some(Tcb {
        bootloader: 3,
        tee: 0,
        snp: 8,
        microcode: 0x73,
        fmc: 0,
    });
    expected
}

/// What can hold of a report whose guest had no TPM: everything about the hardware and the guest, nothing about a manifest.
const MUST_PASS: [Subject; 12] = [
    Subject::CertificateChain,
    Subject::CertificateValidity,
    Subject::SigningKey,
    Subject::ReportFormat,
    Subject::ReportSignature,
    Subject::Product,
    Subject::Chip,
    Subject::TcbBinding,
    Subject::TcbMinimum,
    Subject::Policy,
    Subject::Vmpl,
    Subject::Measurement,
];

fn passed(verdict: &Verdict, subject: Subject) -> bool {
    verdict
        .checks
        .iter()
        .any(|check| check.subject == subject && check.outcome == Outcome::Passed)
}

#[test]
fn real_milan_report_passes_every_check_of_hardware_and_guest() {
    let verdict = verify(&evidence(), &expectations());
    for subject in MUST_PASS {
        assert!(passed(&verdict, subject), "{subject:?}\n{verdict}");
    }
    // Its REPORT_DATA is somebody else's, so it does not vouch for a manifest of ours.
    assert!(
        verdict.failed(Subject::ReportData) && !verdict.is_trusted(),
        "{verdict}"
    );
}

#[test]
fn every_flipped_bit_of_the_report_is_refused_by_signature_or_form() {
    let expected = expectations();
    let certified = Certification::check(&evidence().certificates, &expected.roots, expected.now);
    for bit in 0..report().len() * 8 {
        let mut evidence = evidence();
        evidence.report[bit / 8] ^= 1 << (bit % 8);
        let verdict = judge(&evidence, &expected, &certified);
        assert!(
            verdict.failed(Subject::ReportSignature) || verdict.failed(Subject::ReportFormat),
            "bit {bit} of the report\n{verdict}"
        );
    }
}

#[test]
fn changed_certificate_of_the_real_chain_is_refused_at_every_byte() {
    let expected = expectations();
    let text = String::from_utf8(data("cert_chain_milan")).expect("text");
    let authorities = text
        .split_inclusive("-----END CERTIFICATE-----")
        .filter(|part| part.contains("BEGIN"));
    let mut certificates = vec![data("vcek_milan.der")];
    certificates.extend(authorities.map(|pem| der::pem::decode_vec(pem.trim().as_bytes()).expect("PEM").1));
    let trusted = |files: &[Vec<u8>]| {
        let certified = Certification::check(files, &expected.roots, expected.now);
        !judge(&evidence(), &expected, &certified).failed(Subject::ReportSignature)
    };
    assert!(certificates.len() == 3 && trusted(&certificates));
    for index in 0..certificates.len() {
        for byte in 0..certificates[index].len() {
            certificates[index][byte] ^= 1 << (byte % 8);
            assert!(!trusted(&certificates), "certificate {index}, byte {byte}");
            certificates[index][byte] ^= 1 << (byte % 8);
        }
    }
}
