//! The event log of the measured boot: an honest one is trusted and shown, any other is refused with a reason that names what is wrong.
//!
//! Logs are put together from the structures of the TCG PC Client Platform Firmware Profile. Where a log was changed, the report over it is made
//! anew and truly signed, so that nothing but the log itself can give it away.

mod support;

use std::fs;
use std::process::Command;

use support::event_log::*;
use support::*;
use svsm_proto::event_log as encoder;
use svsm_proto::report::AttestationReport;
use verifier::{
    AttestedLog, BootExpectations, Certification, Digests, EventLog, Evidence, Expectations, Form, HashAlg, Outcome,
    PcrValue, Subject, Verdict, judge, verify,
};
use zerocopy::IntoBytes;

/// The PCRs that an SVSM extends.
const EXTENDED: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 9];

/// Evidence whose manifest is this log, truly reported.
fn reported(log: &[u8]) -> Evidence {
    let mut evidence = evidence(Form::CloisterV2, SoftTpm::get(), milan());
    evidence.manifest = log.to_vec();
    evidence.report = signed(bound(&NONCE, log), milan()).as_bytes().to_vec();
    evidence
}

/// The full manifest, and this log beside it; a quote over these PCRs.
fn beside(log: &Log, pcrs: Vec<PcrValue>) -> Evidence {
    let mut evidence = evidence(Form::CloisterV0, SoftTpm::get(), milan());
    let log = log.bytes();
    let nonce = vec![0x6C; 64];
    evidence.event_log = Some(AttestedLog {
        report: signed(bound(&nonce, &log), milan()).as_bytes().to_vec(),
        log,
        nonce,
    });
    evidence.key_proof = Some(key_proof_over(SoftTpm::get(), false, pcrs));
    evidence
}

fn beside_expectations() -> Expectations {
    let mut expected = expectations(Form::CloisterV0, milan());
    expected.component = None;
    expected
}

/// The reason of the check of `subject`, with its outcome.
fn reason(verdict: &Verdict, subject: Subject) -> (Outcome, &str) {
    let check = verdict.checks.iter().find(|check| check.subject == subject);
    let check = check.unwrap_or_else(|| panic!("{subject:?} was not checked\n{verdict}"));
    (check.outcome, &check.reason)
}

/// The reason for which a truly reported log is refused.
fn refusal(log: &[u8]) -> String {
    let verdict = verify(&reported(log), &expectations(Form::CloisterV2, milan()));
    assert!(!verdict.is_trusted(), "{verdict}");
    assert!(!verdict.failed(Subject::ReportData), "{verdict}");
    let (outcome, why) = reason(&verdict, Subject::EventLog);
    assert_eq!(outcome, Outcome::Failed, "{verdict}");
    match reason(&verdict, Subject::Manifest) {
        (Outcome::Failed, why) => why.to_owned(),
        _ => why.to_owned(),
    }
}

/// How the honest log becomes another.
type Change = fn(&mut Log);

fn changed(change: Change) -> Vec<u8> {
    let mut log = Log::honest();
    change(&mut log);
    log.bytes()
}

/// Each of these logs is refused for a reason with these words in it.
fn refused_by_name(cases: &[(&str, Change)]) {
    for (name, change) in cases {
        let why = refusal(&changed(*change));
        assert!(why.contains(name), "'{why}' instead of '{name}'");
    }
}

/// What one expects who has the files of the honest log.
fn expectations_of_files() -> Expectations {
    let mut expected = expectations(Form::CloisterV2, milan());
    expected.boot = BootExpectations {
        kernel: Some(Digests::of(KERNEL)),
        initrd: Some(Digests::of(INITRD)),
        command_line: Some(COMMAND_LINE.to_owned()),
    };
    expected
}

#[test]
fn log_of_the_svsms_encoder_is_the_one_built_from_the_profile() {
    let log = Log::honest();
    let mut encoded = Vec::new();
    encoder::emit_header(|piece| encoded.extend_from_slice(piece));
    for record in &log.records {
        let of = |at: usize| record.digests[at].1.as_slice();
        let digests = encoder::Digests {
            sha1: of(0).try_into().expect("20 bytes"),
            sha256: of(1).try_into().expect("32 bytes"),
            sha384: of(2).try_into().expect("48 bytes"),
            sha512: of(3).try_into().expect("64 bytes"),
        };
        let event = encoder::Event {
            pcr: record.pcr,
            event_type: record.event_type,
            digests: &digests,
            data: &[&record.data],
        };
        event.emit(|piece| encoded.extend_from_slice(piece)).expect("short");
    }
    assert_eq!(encoded, log.bytes());
}

#[test]
fn cut_log_is_refused_or_a_shorter_one() {
    let log = Log::honest();
    let bytes = log.bytes();
    let mut boundaries = Vec::new();
    for kept in 0..log.records.len() {
        let mut shorter = log.clone();
        shorter.records.truncate(kept);
        boundaries.push(shorter.bytes().len());
    }
    for length in 0..bytes.len() {
        let parsed = EventLog::parse(&bytes[..length]);
        let kept = boundaries.iter().position(|boundary| *boundary == length);
        assert_eq!(parsed.ok().map(|log| log.events.len()), kept, "length {length}");
    }
}

#[test]
fn any_changed_bit_is_refused_or_read_as_what_it_is() {
    // The errata level of the specification says nothing about the form.
    const ERRATA: usize = 32 + 22;
    let bytes = Log::honest().bytes();
    let honest = EventLog::parse(&bytes).expect("well-formed");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match EventLog::parse(&changed) {
            Ok(log) => assert_eq!(log == honest, bit / 8 == ERRATA, "bit {bit}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn honest_log_with_the_expected_files_is_trusted_and_shown() {
    let verdict = verify(&reported(&Log::honest().bytes()), &expectations_of_files());
    assert!(verdict.is_trusted(), "{verdict}");
    for subject in [
        Subject::Component,
        Subject::Kernel,
        Subject::Initrd,
        Subject::CommandLine,
    ] {
        assert_eq!(reason(&verdict, subject).0, Outcome::Passed, "{verdict}");
    }
    let table = verdict.event_log.as_ref().expect("shown").to_string();
    let pcrs = Log::honest().pcrs(&EXTENDED);
    for words in [
        "EV_S_CRTM_VERSION",
        "Cloister SVSM 0.1.0",
        "AMD SEV-SNP launch digest",
        "TPM component, 17 bytes at 0xc0123000",
        "kernel_cmdline: console=ttyS0 quiet",
        &hex::encode(&pcrs[0].digest),
        &hex::encode(&pcrs[8].digest),
    ] {
        assert!(table.contains(words), "{words}\n{table}");
    }
    let json = verdict.to_json();
    assert_eq!(json["event_log"]["events"].as_array().map(Vec::len), Some(14));
    assert_eq!(json["event_log"]["events"][11]["type"], "EV_IPL");
    assert_eq!(
        json["event_log"]["events"][11]["digests"]["sha384"],
        hex::encode(&Log::honest().records[11].digests[2].1)
    );
    assert_eq!(
        json["event_log"]["replay"][4]["digests"]["sha256"],
        hex::encode(&pcrs[4].digest)
    );
}

#[test]
fn log_without_initial_file_system_or_command_line_is_trusted() {
    for kept in [KERNEL_AT + 1, INITRD_AT + 1] {
        let mut log = Log::honest();
        log.records.truncate(kept);
        assert!(verify(&reported(&log.bytes()), &expectations(Form::CloisterV2, milan())).is_trusted());
    }
    let mut log = Log::honest();
    log.records.remove(INITRD_AT);
    let mut expected = expectations(Form::CloisterV2, milan());
    assert!(verify(&reported(&log.bytes()), &expected).is_trusted());
    expected.boot.initrd = Some(Digests::of(INITRD));
    let verdict = verify(&reported(&log.bytes()), &expected);
    assert_eq!(reason(&verdict, Subject::Initrd), (Outcome::Failed, "the log has none"));
}

#[test]
fn log_whose_first_record_breaks_the_profile_is_refused_by_name() {
    let cases: [(&str, Change); 17] = [
        ("type 0x3 of PCR 1 instead of EV_NO_ACTION", |log| log.head[0] = 1),
        ("type 0x4 of PCR 0 instead of EV_NO_ACTION", |log| log.head[4] = 4),
        ("its digest is not zero", |log| log.head[27] = 1),
        ("ends within its TCG_EfiSpecIdEvent", |log| log.head[30] = 1),
        ("the signature is not 'Spec ID Event03'", |log| log.spec_id[14] = b'2'),
        ("platform class 1", |log| log.spec_id[16] = 1),
        ("specification 2.1 instead of 2.0", |log| log.spec_id[20] = 1),
        ("specification 1.0 instead of 2.0", |log| log.spec_id[21] = 1),
        ("uintnSize 1", |log| log.spec_id[23] = 1),
        ("0 algorithms", |log| log.spec_id[24] = 0),
        ("5 algorithms", |log| log.spec_id[24] = 5),
        ("hash algorithm 0x0005", |log| log.spec_id[28] = 5),
        ("digests of 21 bytes for sha1", |log| log.spec_id[30] = 21),
        ("sha256 is listed twice", |log| {
            log.spec_id.copy_within(32..36, 36);
        }),
        ("1 bytes of vendor information", |log| log.spec_id[44] = 1),
        ("11 bytes of vendor information", |log| log.spec_id[24] = 1),
        ("the log's first record: 1 bytes too many", |log| {
            log.spec_id.push(0);
            log.head[28] += 1;
        }),
    ];
    refused_by_name(&cases);
}

#[test]
fn log_whose_events_break_the_profile_is_refused_by_name() {
    let cases: [(&str, Change); 12] = [
        ("event 1: PCR 24 does not exist", |log| log.records[0].pcr = 24),
        ("event 2: 3 digests in a log of 4 banks", |log| {
            log.records[1].digests.pop();
        }),
        ("event 2: 5 digests in a log of 4 banks", |log| {
            log.records[1].digests.push((0xB, vec![0; 32]));
        }),
        ("event 3: a digest of sha1 where sha256 belongs", |log| {
            log.records[2].digests[1].0 = 4
        }),
        ("event 3: a digest of hash algorithm 0x0012", |log| {
            log.records[2].digests[1].0 = 0x12
        }),
        ("event 3: a digest of sha256 where sha1 belongs", |log| {
            log.records[2].digests.swap(0, 1)
        }),
        ("event 4: 4097 bytes of data", |log| log.records[3].size = Some(4097)),
        ("event 14: ends within its data", |log| log.records[13].size = Some(36)),
        ("event 15: ends within its type", |log| {
            log.records[13].size = Some(35);
            log.records[13].data.extend([0, 0, 0, 0, 4]);
        }),
        ("event 14: ends within its size of the data", |log| {
            log.records[13].digests[3].1.truncate(61);
            log.records[13].data.clear();
        }),
        ("event 14: ends within its digest", |log| {
            log.records[13].digests[3].1.truncate(20);
            log.records[13].data.clear();
        }),
        ("event 15: ends within its PCR", |log| {
            log.records[13].size = Some(35);
            log.records[13].data.push(0);
        }),
    ];
    refused_by_name(&cases);
}

#[test]
fn log_whose_events_are_not_an_svsms_is_refused_by_name() {
    fn digested(record: &mut Record, what: &[u8]) {
        *record = Record::new(record.pcr, record.event_type, what, &record.data);
    }
    let cases: [(&str, Change); 13] = [
        (
            "event 1, the SVSM's version: its sha256 digest is not that of its data",
            |log| {
                log.records[VERSION_AT].data[0] ^= 1;
            },
        ),
        (
            "event 1, the SVSM's version: its sha512 digest is not that of its data",
            |log| {
                log.records[VERSION_AT].digests[3].1[63] ^= 1;
            },
        ),
        ("its data are no terminated UCS-2 text", |log| {
            log.records[VERSION_AT] = Record::new(0, 8, b"0.1.0", b"0.1.0");
        }),
        (
            "event 2, the launch digest: its data are 'AMD SEV-SNP launch digesu'",
            |log| {
                log.records[LAUNCH_DIGEST_AT].data[24] ^= 1;
            },
        ),
        ("it is not the digest of the report's measurement", |log| {
            digested(&mut log.records[LAUNCH_DIGEST_AT], &[0x4E; 48]);
        }),
        ("event 3, the TPM component: its data are no description", |log| {
            log.records[COMPONENT_AT].data[0] = 12;
        }),
        ("event 3, the TPM component: EV_POST_CODE of PCR 0 instead of", |log| {
            log.records[COMPONENT_AT].event_type = 1;
        }),
        ("event 3, the TPM component: EV_SEPARATOR of PCR 0 instead of", |log| {
            log.records.remove(COMPONENT_AT);
        }),
        ("event 4, a separator: its data are 01000000", |log| {
            let error = [1, 0, 0, 0];
            log.records[SEPARATORS_AT] = Record::new(0, 4, &error, &error);
        }),
        (
            "event 5, a separator: its sha256 digest is not that of its data",
            |log| {
                log.records[SEPARATORS_AT + 1].digests[1].1[0] ^= 0x80;
            },
        ),
        (
            "event 6, a separator: EV_SEPARATOR of PCR 3 instead of EV_SEPARATOR of PCR 2",
            |log| {
                log.records.remove(SEPARATORS_AT + 2);
            },
        ),
        (
            "event 11, a separator: EV_IPL of PCR 4 instead of EV_SEPARATOR of PCR 7",
            |log| {
                log.records.remove(SEPARATORS_AT + 7);
            },
        ),
        ("event 5, a separator: EV_SEPARATOR of PCR 2", |log| {
            log.records.swap(SEPARATORS_AT + 1, SEPARATORS_AT + 2);
        }),
    ];
    refused_by_name(&cases);
}

#[test]
fn log_of_a_payload_that_an_svsm_would_not_log_so_is_refused_by_name() {
    let cases: [(&str, Change); 9] = [
        ("event 12, the kernel: EV_SEPARATOR of PCR 7", |log| {
            let twice = log.records[SEPARATORS_AT + 7].clone();
            log.records.insert(KERNEL_AT, twice);
        }),
        ("event 12, the kernel: its data are 'kernem'", |log| {
            log.records[KERNEL_AT].data[5] += 1
        }),
        ("event 12, the kernel: EV_IPL of PCR 9", |log| {
            log.records.remove(KERNEL_AT);
        }),
        ("event 12, the kernel: 0x8000000b of PCR 4", |log| {
            log.records[KERNEL_AT].event_type = 0x8000_000B
        }),
        ("the log ends where the kernel belongs", |log| {
            log.records.truncate(KERNEL_AT)
        }),
        ("event 13, the command line: its data are 'initrd\\x1b'", |log| {
            log.records[INITRD_AT].data.push(0x1B);
        }),
        (
            "event 14, the command line: its sha256 digest is not that of its data",
            |log| {
                *log.records[COMMAND_LINE_AT].data.last_mut().expect("text") ^= 1;
            },
        ),
        ("event 14: EV_IPL of PCR 9 is one too many", |log| {
            log.records.swap(INITRD_AT, COMMAND_LINE_AT);
        }),
        ("event 15: EV_NO_ACTION of PCR 0 is one too many", |log| {
            log.records.push(Record::new(0, 3, &[], &[]));
        }),
    ];
    refused_by_name(&cases);
}

#[test]
fn log_of_another_boot_is_refused_by_what_was_expected() {
    let cases: [(Subject, Change); 4] = [
        (Subject::Component, |log| {
            let blob = log.records[COMPONENT_AT].data.clone();
            log.records[COMPONENT_AT] = Record::new(0, 0x8000_000A, b"another", &blob);
        }),
        (Subject::Kernel, |log| {
            log.records[KERNEL_AT] = Record::new(4, 0xD, b"another", b"kernel")
        }),
        (Subject::Initrd, |log| {
            log.records[INITRD_AT] = Record::new(9, 0xD, b"another", b"initrd")
        }),
        (Subject::CommandLine, |log| {
            log.records[COMMAND_LINE_AT] = Record::new(9, 0xD, b"init=/bin/sh", b"kernel_cmdline: init=/bin/sh");
        }),
    ];
    let expected = expectations_of_files();
    for (subject, change) in cases {
        let verdict = verify(&reported(&changed(change)), &expected);
        assert!(verdict.failed(subject) && verdict.failures().count() == 1, "{verdict}");
    }
    // A digest that is right in one bank and wrong in another.
    let mut log = Log::honest();
    log.records[KERNEL_AT].digests[0].1[0] ^= 1;
    assert!(verify(&reported(&log.bytes()), &expected).failed(Subject::Kernel));
    // Something is expected of a log that was not given.
    let mut expected = expectations(Form::CloisterV1, milan());
    expected.boot.kernel = Some(Digests::of(KERNEL));
    let verdict = verify(&evidence(Form::CloisterV1, SoftTpm::get(), milan()), &expected);
    assert!(verdict.failed(Subject::Kernel), "{verdict}");
}

#[test]
fn quote_of_what_the_log_replays_is_trusted() {
    let log = Log::honest();
    let mut expected = beside_expectations();
    expected.pcrs = log.pcrs(&[4, 9]);
    let verdict = verify(&beside(&log, log.pcrs(&EXTENDED)), &expected);
    assert!(verdict.is_trusted(), "{verdict}");
    let (outcome, why) = reason(&verdict, Subject::Replay);
    assert_eq!(outcome, Outcome::Passed);
    assert!(
        why.starts_with("9 quoted PCRs") && why.ends_with("the log extends no other"),
        "{why}"
    );
    let verdict = verify(&beside(&log, log.pcrs(&[0, 4])), &beside_expectations());
    let (_, why) = reason(&verdict, Subject::Replay);
    assert!(why.ends_with("PCR 1, 2, 3, 5, 6, 7, 9 of the log not quoted"), "{why}");
}

#[test]
fn quote_of_anything_else_is_refused_by_the_pcr() {
    let log = Log::honest();
    for at in 0..EXTENDED.len() {
        let mut pcrs = log.pcrs(&EXTENDED);
        pcrs[at].digest[31] ^= 1;
        let verdict = verify(&beside(&log, pcrs), &beside_expectations());
        assert!(!verdict.failed(Subject::Quote), "the quote itself is sound\n{verdict}");
        let (outcome, why) = reason(&verdict, Subject::Replay);
        assert_eq!(outcome, Outcome::Failed);
        assert!(why.starts_with(&format!("sha256:{} is ", EXTENDED[at])), "{why}");
    }
    // PCR 16, of which the log says nothing: wanted is a value from the caller.
    let mut pcrs = log.pcrs(&EXTENDED);
    let other = PcrValue {
        bank: HashAlg::Sha256,
        index: 16,
        digest: vec![0x16; 32],
    };
    pcrs.push(other.clone());
    let mut expected = beside_expectations();
    let verdict = verify(&beside(&log, pcrs.clone()), &expected);
    let (outcome, why) = reason(&verdict, Subject::Replay);
    assert_eq!(outcome, Outcome::Failed);
    assert!(why.contains("covers sha256:16, of which the log says nothing"), "{why}");
    expected.pcrs = vec![other.clone()];
    assert!(verify(&beside(&log, pcrs), &expected).is_trusted());
    let verdict = verify(&beside(&log, vec![other]), &expected);
    assert_eq!(
        reason(&verdict, Subject::Replay),
        (Outcome::Failed, "the quote covers no PCR of the log")
    );
}

#[test]
fn log_beside_another_form_is_covered_by_its_report() {
    let log = Log::honest();
    let honest = beside(&log, log.pcrs(&EXTENDED));
    let expected = beside_expectations();
    let certified = Certification::check(&honest.certificates, &expected.roots, expected.now);
    // Every bit would take minutes; a prime stride meets headers, digests and data.
    type Part = fn(&mut AttestedLog) -> &mut Vec<u8>;
    let parts: [(Part, usize); 3] = [
        (|one| &mut one.log, 61),
        (|one| &mut one.nonce, 7),
        (|one| &mut one.report, 61),
    ];
    for (part, stride) in parts {
        let length = part(&mut honest.event_log.clone().expect("given")).len();
        for bit in (0..length * 8).step_by(stride) {
            let mut tampered = honest.clone();
            part(tampered.event_log.as_mut().expect("given"))[bit / 8] ^= 1 << (bit % 8);
            assert!(
                judge(&tampered, &expected, &certified).failed(Subject::EventLogReport),
                "bit {bit}"
            );
        }
        let mut shorter = honest.clone();
        part(shorter.event_log.as_mut().expect("given")).pop();
        assert!(judge(&shorter, &expected, &certified).failed(Subject::EventLogReport));
    }
}

#[test]
fn report_over_the_log_of_another_guest_is_refused() {
    type Change = fn(&mut AttestationReport);
    let cases: [(&str, Change); 5] = [
        ("of another guest", |report| report.report_id[0] ^= 1),
        ("of another image", |report| report.measurement[0] ^= 1),
        ("VMPL", |report| report.vmpl = 2),
        ("DEBUG", |report| report.policy |= 1 << 19),
        ("was not made for this nonce and this log", |report| {
            report.report_data[0] ^= 1
        }),
    ];
    let log = Log::honest();
    for (words, change) in cases {
        let mut evidence = beside(&log, log.pcrs(&EXTENDED));
        let attested = evidence.event_log.as_mut().expect("given");
        let mut report = AttestationReport::parse(&attested.report).expect("a report");
        change(&mut report);
        sign(&mut report, milan());
        attested.report = report.as_bytes().to_vec();
        let verdict = verify(&evidence, &beside_expectations());
        let (outcome, why) = reason(&verdict, Subject::EventLogReport);
        assert!(outcome == Outcome::Failed && why.contains(words), "{words}: {why}");
    }
    let mut evidence = reported(&log.bytes());
    evidence.event_log = beside(&log, log.pcrs(&EXTENDED)).event_log;
    let verdict = verify(&evidence, &expectations(Form::CloisterV2, milan()));
    assert!(verdict.failed(Subject::EventLogReport), "one log is enough\n{verdict}");
}

#[test]
fn quote_beside_a_form_without_keys_is_refused() {
    let log = Log::honest();
    let mut evidence = reported(&log.bytes());
    evidence.key_proof = Some(key_proof_over(SoftTpm::get(), false, log.pcrs(&EXTENDED)));
    let verdict = verify(&evidence, &expectations(Form::CloisterV2, milan()));
    let (outcome, why) = reason(&verdict, Subject::Credential);
    assert!(
        outcome == Outcome::Failed && why.contains("no endorsement key"),
        "{why}"
    );
}

#[test]
fn command_line_judges_and_shows_a_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let evidence = reported(&Log::honest().bytes());
    let files: [(&str, &[u8]); 8] = [
        ("report.bin", &evidence.report),
        ("log.bin", &evidence.manifest),
        ("chain.pem", &evidence.certificates[0]),
        ("root.der", &milan().ark),
        ("kernel", KERNEL),
        ("initrd", INITRD),
        ("component", COMPONENT_FILE),
        ("other", b"other"),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    let run = |kernel: &str, more: &[&str]| {
        let (nonce, measurement) = (hex::encode(NONCE), hex::encode(MEASUREMENT));
        let question = [
            &[
                "--report",
                "report.bin",
                "--manifest",
                "log.bin",
                "--form",
                "cloister-v2",
                "--nonce",
                &nonce,
            ][..],
            &[
                "--certificates",
                "chain.pem",
                "--trust-root",
                "root.der",
                "--measurement",
                &measurement,
            ],
            &[
                "--expect-kernel",
                kernel,
                "--expect-initrd",
                "initrd",
                "--expect-component",
                "component",
            ],
            &["--expect-command-line", COMMAND_LINE],
            more,
        ];
        let output = Command::new(env!("CARGO_BIN_EXE_cloister-verify"))
            .args(question.concat())
            .current_dir(folder.path())
            .output()
            .expect("built");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (status, words) = run("kernel", &[]);
    assert!(status == Some(0) && words.trim_end().ends_with("\nTRUSTED"), "{words}");
    assert!(
        words.contains("EV_IPL") && words.contains("replayed, sha256:"),
        "{words}"
    );
    let (status, words) = run("other", &["--json"]);
    assert_eq!(status, Some(1), "{words}");
    let json: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    let failed = json["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["outcome"] == "failed");
    assert!(failed.map(|check| &check["subject"]).eq(["kernel"]), "{words}");
    assert_eq!(json["event_log"]["events"].as_array().map(Vec::len), Some(14));
}
