//! Attestation protocol, good and bad (SVSM chapter 7), and the forms of the manifest (README, "Attestation").

mod support;

use fake_platform::{Carrier, ModelTpm, Quirk};
use sha2::{Digest, Sha512};
use support::*;
use svsm_proto::{
    attest_call::{Buffer, Nonce, Services, SingleService, call},
    launch_info::REGION_GPA,
    manifest::{self, CLOISTER_GUID, CloisterManifest, DescribedManifest, Guid, TpmTraits, VTPM_GUID},
    report::AttestationReport,
};
use tpm_contract::{Component, Failure, Identity};
use zerocopy::{FromBytes, IntoBytes};

const OPERATION: u64 = SCRATCH;
const NONCE: u64 = SCRATCH + 0x1FF0; // spans two pages, which is allowed
const REPORT: u64 = SCRATCH + 0x3000;
const MANIFEST: u64 = SCRATCH + 0x4000;
const CERTIFICATES: u64 = SCRATCH + 0x6000;

fn services() -> Services {
    let buffer = |gpa, size| Buffer { gpa, size, reserved: 0 };
    Services {
        report: buffer(REPORT, 0x1000),
        nonce: Nonce {
            gpa: NONCE,
            size: 64,
            reserved: [0; 6],
        },
        manifest: buffer(MANIFEST, 0x2000),
        certificates: buffer(0, 0),
    }
}

fn single(guid: Guid, version: u32) -> SingleService {
    SingleService {
        services: services(),
        guid,
        version,
        reserved: 0,
    }
}

fn bench() -> Bench<ModelTpm> {
    let bench = Bench::boot(ModelTpm::new(Quirk::None));
    bench.write(NONCE, &nonce());
    bench
}

fn nonce() -> [u8; 64] {
    core::array::from_fn(|at| at as u8 ^ 0x5A)
}

fn attest<C: Component>(bench: &mut Bench<C>, number: u32, operation: &[u8]) -> Out {
    bench.write(OPERATION, operation);
    bench.call(1, number, [OPERATION, u64::MAX, u64::MAX])
}

fn attest_single<C: Component>(bench: &mut Bench<C>, operation: &SingleService) -> Out {
    attest(bench, call::SINGLE_SERVICE, operation.as_bytes())
}

/// Manifest and report of a successful call; checks what binds them: REPORT_DATA = SHA-512(nonce || manifest), VMPL 0.
fn evidence<C: Component>(bench: &Bench<C>, out: Out) -> (Vec<u8>, AttestationReport) {
    assert_eq!((out.rax, out.rdx, out.r8), (code::SUCCESS, 0, 0x4A0));
    let manifest = bench.read(MANIFEST, out.rcx as usize);
    let report = AttestationReport::read_from_bytes(&bench.read(REPORT, 0x4A0)).expect("a report");
    let expected = Sha512::new().chain_update(nonce()).chain_update(&manifest).finalize();
    assert_eq!(report.report_data[..], expected[..]);
    assert_eq!(report.vmpl, 0);
    (manifest, report)
}

fn identity<C: Component>(bench: &Bench<C>) -> Identity {
    let mut tpm = bench.svsm.tpm().lock();
    tpm.component()
        .expect("working")
        .identity()
        .ok()
        .and_then(Result::ok)
        .expect("identity")
}

#[test]
fn vtpm_manifest_is_the_rsa_endorsement_key() {
    let mut bench = bench();
    let out = attest_single(&mut bench, &single(VTPM_GUID, 0));
    assert_eq!(out.rcx, 314, "TPMT_PUBLIC of template L-1");
    let (manifest, _) = evidence(&bench, out);
    assert_eq!(manifest, identity(&bench).rsa_ek);
}

#[test]
fn own_manifest_names_component_boot_identity_and_four_keys() {
    let mut bench = bench();
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 0));
    let (bytes, _) = evidence(&bench, out);
    let manifest = CloisterManifest::parse(&bytes).expect("well-formed to its last byte");
    let keys = identity(&bench);
    assert_eq!(manifest.component_sha256, [0xC0; 32]);
    assert_eq!(manifest.boot_report, bench.svsm.evidence().boot_report.as_bytes());
    assert_eq!(
        [manifest.rsa_ek, manifest.p256_ek, manifest.rsa_srk, manifest.p256_srk],
        [&keys.rsa_ek[..], &keys.p256_ek, &keys.rsa_srk, &keys.p256_srk]
    );
    // The boot identity: X of both P-256 keys, 32 bytes each, where TPMS_ECC_POINT has them.
    let x = |public: &[u8]| public[public.len() - 66..public.len() - 34].to_vec();
    let boot = AttestationReport::read_from_bytes(manifest.boot_report).expect("a report");
    assert_eq!(
        boot.report_data.to_vec(),
        [x(&keys.p256_ek), x(&keys.p256_srk)].concat()
    );
    assert_eq!(boot.vmpl, 0);
}

#[test]
fn described_manifest_says_what_kind_of_tpm_it_is() {
    let mut bench = bench();
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 0));
    let (plain, _) = evidence(&bench, out);
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 3));
    let (bytes, _) = evidence(&bench, out);
    // Ephemeral, and the fake clock says that it is the Secure TSC.
    assert_eq!(bytes, [&plain[..16], &[3, 0, 0, 0, 3, 0, 0, 0], &plain[20..]].concat());
    let manifest = DescribedManifest::parse(&bytes).expect("well-formed to its last byte");
    assert_eq!(manifest.traits, TpmTraits::EPHEMERAL | TpmTraits::SECURE_TSC);
}

#[test]
fn pair_manifest_is_both_p256_keys_and_nothing_else() {
    let mut bench = bench();
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 1));
    let (manifest, _) = evidence(&bench, out);
    let keys = identity(&bench);
    assert_eq!(manifest, [keys.p256_ek, keys.p256_srk].concat());
    assert_eq!(manifest.len(), 122 + 90);
}

#[test]
fn event_log_is_that_of_the_guests_start_whatever_becomes_of_the_tpm() {
    // The model fails for good on TPM2_GetRandom.
    let mut bench = Bench::boot(ModelTpm::new(Quirk::TrapOn(0x17B)));
    bench.write(NONCE, &nonce());
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 2));
    let (log, _) = evidence(&bench, out);
    assert_eq!(log, bench.svsm.evidence().event_log);
    // TCG_PCClientPCREvent: PCR 0, EV_NO_ACTION, no digest, 45 bytes of TCG_EfiSpecIdEvent.
    assert_eq!(log[..8], [0, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(&log[32..48], b"Spec ID Event03\0");
    // TPM2_PCR_Extend of PCR 4 by the guest, which is not the log's business; then the fault.
    let mut extend = vec![0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, 0, 0, 0, 4, 0, 0, 0, 9];
    extend.extend([0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x0B]);
    extend.extend([0xEE; 32]);
    assert_eq!(bench.svsm.tpm().lock().execute(&extend)[6..10], [0; 4]);
    bench
        .svsm
        .tpm()
        .lock()
        .execute(&[0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7B, 0, 8]);
    assert!(!bench.svsm.tpm().lock().is_working());
    let out = attest_single(&mut bench, &single(CLOISTER_GUID, 2));
    assert_eq!(evidence(&bench, out).0, log);
    assert_eq!(
        attest_single(&mut bench, &single(CLOISTER_GUID, 0)).rax,
        code::INVALID_REQUEST,
        "a TPM that has failed has no keys to report"
    );
}

#[test]
fn all_services_carry_version_zero_of_each() {
    let mut bench = bench();
    let out = attest(&mut bench, call::SERVICES, services().as_bytes());
    let (bytes, _) = evidence(&bench, out);
    let table = manifest::Services::parse(&bytes).expect("well-formed to its last byte");
    assert_eq!(table.entries().count(), 2);
    assert_eq!(table.find(&VTPM_GUID), Some(&identity(&bench).rsa_ek[..]));
    let own = table.find(&CLOISTER_GUID).expect("listed");
    assert!(CloisterManifest::parse(own).is_ok());
}

#[test]
fn service_or_version_that_does_not_exist_is_refused() {
    let mut bench = bench();
    for (guid, version, expected) in [
        (VTPM_GUID, 1, code::INVALID_PARAMETER),
        (VTPM_GUID, u32::MAX, code::INVALID_PARAMETER),
        (CLOISTER_GUID, 4, code::INVALID_PARAMETER),
        (manifest::SERVICES_GUID, 0, code::UNSUPPORTED_PROTOCOL),
        ([0; 16], 0, code::UNSUPPORTED_PROTOCOL),
    ] {
        assert_eq!(
            attest_single(&mut bench, &single(guid, version)).rax,
            expected,
            "{version}"
        );
    }
    assert_eq!(bench.call(1, 2, [OPERATION, 0, 0]).rax, code::UNSUPPORTED_CALL);
}

#[test]
fn operation_that_breaks_a_rule_is_refused_and_costs_no_report() {
    let mut bench = bench();
    let delivered = bench.machine.lock().psp.delivered;
    type Change = fn(&mut SingleService);
    let cases: [(&str, Change, u64); 17] = [
        ("no nonce", |o| o.services.nonce.size = 0, code::INVALID_PARAMETER),
        ("nonce of 63", |o| o.services.nonce.size = 63, code::INVALID_PARAMETER),
        ("nonce of 65", |o| o.services.nonce.size = 65, code::INVALID_PARAMETER),
        ("nonce of 128", |o| o.services.nonce.size = 128, code::INVALID_PARAMETER),
        (
            "nonce size in 32 bits",
            |o| o.services.nonce.reserved[0] = 1,
            code::INVALID_PARAMETER,
        ),
        (
            "reserved in report",
            |o| o.services.report.reserved = 1,
            code::INVALID_PARAMETER,
        ),
        (
            "reserved in manifest",
            |o| o.services.manifest.reserved = 1,
            code::INVALID_PARAMETER,
        ),
        (
            "reserved in certificates",
            |o| o.services.certificates.reserved = 1,
            code::INVALID_PARAMETER,
        ),
        ("reserved at the end", |o| o.reserved = 1, code::INVALID_PARAMETER),
        (
            "misaligned report",
            |o| o.services.report.gpa += 8,
            code::INVALID_PARAMETER,
        ),
        (
            "misaligned manifest",
            |o| o.services.manifest.gpa += 8,
            code::INVALID_PARAMETER,
        ),
        (
            "misaligned certificates",
            |o| o.services.certificates.gpa = 8,
            code::INVALID_PARAMETER,
        ),
        (
            "report in the SVSM",
            |o| o.services.report.gpa = REGION_GPA,
            code::INVALID_ADDRESS,
        ),
        (
            "manifest in the SVSM",
            |o| o.services.manifest.gpa = REGION_GPA,
            code::INVALID_ADDRESS,
        ),
        (
            "nonce in the SVSM",
            |o| o.services.nonce.gpa = REGION_GPA,
            code::INVALID_ADDRESS,
        ),
        (
            "manifest that wraps",
            |o| o.services.manifest.gpa = !0xFFF,
            code::INVALID_ADDRESS,
        ),
        (
            "manifest over everything",
            |o| o.services.manifest.size = u32::MAX,
            code::INVALID_ADDRESS,
        ),
    ];
    for (what, change, expected) in cases {
        let mut operation = single(VTPM_GUID, 0);
        change(&mut operation);
        assert_eq!(attest_single(&mut bench, &operation).rax, expected, "{what}");
    }
    for gpa in [OPERATION + 4, OPERATION + 0x1000 - 0x50] {
        assert_eq!(
            bench.call(1, call::SINGLE_SERVICE, [gpa, 0, 0]).rax,
            code::INVALID_PARAMETER,
            "{gpa:#x}"
        );
    }
    assert_eq!(
        bench.call(1, call::SINGLE_SERVICE, [REGION_GPA, 0, 0]).rax,
        code::INVALID_ADDRESS
    );
    assert_eq!(bench.machine.lock().psp.delivered, delivered);
}

#[test]
fn buffer_too_small_is_an_error_with_the_sizes_that_are_needed() {
    let mut bench = bench();
    let delivered = bench.machine.lock().psp.delivered;
    type Change = fn(&mut SingleService);
    let cases: [Change; 4] = [
        |o| o.services.manifest.size = 313,
        |o| o.services.manifest.size = 0,
        |o| o.services.report.size = 0x49F,
        |o| o.services.report.size = 0,
    ];
    for change in cases {
        let mut operation = single(VTPM_GUID, 0);
        change(&mut operation);
        let out = attest_single(&mut bench, &operation);
        assert_eq!(
            out,
            Out {
                rax: code::INVALID_PARAMETER,
                rcx: 314,
                rdx: 0,
                r8: 0x4A0
            }
        );
    }
    assert_eq!(bench.machine.lock().psp.delivered, delivered);
    let mut exact = single(VTPM_GUID, 0);
    exact.services.manifest.size = 314;
    exact.services.report.size = 0x4A0;
    assert_eq!(attest_single(&mut bench, &exact).rax, code::SUCCESS);
}

#[test]
fn operation_and_nonce_are_fetched_once() {
    let mut bench = bench();
    bench.machine.lock().accesses.clear();
    // Another vCPU replaces structure and nonce as soon as they were read.
    bench.machine.lock().after_read(|pages, _| {
        for (gpa, page) in pages {
            if (SCRATCH..SCRATCH + 0x3000).contains(gpa) {
                page.fill(0xEE);
            }
        }
    });
    let out = attest_single(&mut bench, &single(VTPM_GUID, 0));
    evidence(&bench, out);
    let machine = bench.machine.lock();
    for start in [OPERATION, NONCE] {
        let reads = machine
            .accesses
            .iter()
            .filter(|access| !access.write && access.range.contains(&start));
        assert_eq!(reads.count(), 1, "{start:#x}");
    }
}

/// A certificate table with one entry, as the hypervisor hands it out (GHCB §4.1.8.1).
fn certificate_table(blob: &[u8]) -> Vec<u8> {
    let mut table = vec![0x63; 16];
    table.extend_from_slice(&48u32.to_le_bytes());
    table.extend_from_slice(&(blob.len() as u32).to_le_bytes());
    table.extend_from_slice(&[0; 24]);
    table.extend_from_slice(blob);
    table
}

#[test]
fn certificates_come_with_the_report_when_wanted() {
    let mut bench = bench();
    let table = certificate_table(&[0xCE; 100]);
    bench.machine.lock().psp.certificates = table.clone();
    let mut operation = single(VTPM_GUID, 0);
    operation.services.certificates = Buffer {
        gpa: CERTIFICATES,
        size: 0x2000,
        reserved: 0,
    };
    let out = attest_single(&mut bench, &operation);
    assert_eq!((out.rax, out.rdx), (code::SUCCESS, table.len() as u64));
    assert_eq!(bench.read(CERTIFICATES, table.len()), table);
    bench.machine.lock().psp.certificates = Vec::new();
    let out = attest_single(&mut bench, &operation);
    assert_eq!(
        (out.rax, out.rdx),
        (code::SUCCESS, 0),
        "a hypervisor without certificates"
    );
    let mut beyond = table.clone();
    beyond[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    for bad in [beyond, vec![0xFF; 0x2000], vec![0x63; 0x2000]] {
        bench.machine.lock().psp.certificates = bad;
        let out = attest_single(&mut bench, &operation);
        assert_eq!((out.rax, out.rdx), (code::SUCCESS, 0), "not a table");
    }
}

#[test]
fn certificates_that_do_not_fit_are_an_error_and_use_the_sequence_number_up() {
    let mut bench = bench();
    bench.machine.lock().psp.carriers.push_back(Carrier::TooSmall(3));
    let mut operation = single(VTPM_GUID, 0);
    operation.services.certificates = Buffer {
        gpa: CERTIFICATES,
        size: 0x1000,
        reserved: 0,
    };
    let out = attest_single(&mut bench, &operation);
    assert_eq!(
        (out.rax, out.rcx, out.rdx, out.r8),
        (code::INVALID_PARAMETER, 314, 0x3000, 0x4A0)
    );
    // The next exchange is not a reuse, or the machine would say so.
    assert_eq!(attest_single(&mut bench, &operation).rax, code::SUCCESS);
}

#[test]
fn certificate_buffer_of_part_of_a_page_is_enough_for_what_fits_into_it() {
    let mut bench = bench();
    let mut operation = single(VTPM_GUID, 0);
    let table = certificate_table(&[0xCE; 100]);
    for (size, certificates, expected) in [
        (8, &[][..], (code::SUCCESS, 0)),
        (147, &table, (code::INVALID_PARAMETER, 148)),
        (148, &table, (code::SUCCESS, 148)),
        (4095, &table, (code::SUCCESS, 148)),
        (4097, &table, (code::SUCCESS, 148)),
    ] {
        bench.machine.lock().psp.certificates = certificates.to_vec();
        operation.services.certificates = Buffer {
            gpa: CERTIFICATES,
            size,
            reserved: 0,
        };
        bench.write(CERTIFICATES, &[0xEE; 200]);
        let out = attest_single(&mut bench, &operation);
        assert_eq!((out.rax, out.rdx), expected, "{size}");
        let written = if expected.0 == code::SUCCESS { certificates } else { &[] };
        let after = bench.read(CERTIFICATES, 200);
        assert_eq!(after[..written.len()], *written, "{size}");
        assert!(after[written.len()..].iter().all(|byte| *byte == 0xEE), "{size}");
    }
}

#[test]
fn failed_tpm_is_not_vouched_for() {
    let mut bench = Bench::boot(ModelTpm::new(Quirk::TrapOn(0x17B)));
    bench.write(NONCE, &nonce());
    bench
        .svsm
        .tpm()
        .lock()
        .execute(&[0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7B, 0, 8]);
    for guid in [VTPM_GUID, CLOISTER_GUID] {
        assert_eq!(attest_single(&mut bench, &single(guid, 0)).rax, code::INVALID_REQUEST);
    }
    assert_eq!(
        attest(&mut bench, call::SERVICES, services().as_bytes()).rax,
        code::INVALID_REQUEST
    );
}

#[test]
fn component_that_names_bad_keys_after_boot_is_not_vouched_for() {
    for quirk in [
        Quirk::OffCurve,
        Quirk::OtherTemplate,
        Quirk::FailIdentity(Failure::SelfTest),
        // SVSM §7 knows SVSM_ERR_BUSY, but Linux repeats a busy call without limit.
        Quirk::FailIdentity(Failure::NoEntropy),
        Quirk::FailIdentity(Failure::NotCommitted),
    ] {
        let mut bench = bench();
        bench.svsm.tpm().lock().component().expect("working").quirk = quirk;
        assert_eq!(
            attest_single(&mut bench, &single(CLOISTER_GUID, 0)).rax,
            code::INVALID_REQUEST,
            "{quirk:?}"
        );
    }
}

#[test]
fn foreign_key_at_the_persistent_handle_is_not_vouched_for() {
    let mut bench = bench();
    let genuine = identity(&bench).rsa_ek;
    // What TPM2_EvictControl of an imported key leaves behind; the engine's own test does it by commands.
    let mut foreign = genuine.clone();
    foreign[100] ^= 1;
    bench
        .svsm
        .tpm()
        .lock()
        .component()
        .expect("working")
        .persistent
        .insert(0x8101_0001, foreign);
    let out = attest_single(&mut bench, &single(VTPM_GUID, 0));
    let (manifest, _) = evidence(&bench, out);
    assert_eq!(manifest, genuine);
}

#[test]
fn psp_that_stays_busy_is_busy_and_a_lost_key_is_final() {
    let mut bench = bench();
    bench
        .machine
        .lock()
        .psp
        .carriers
        .extend(std::iter::repeat_n(Carrier::Busy, 64));
    assert_eq!(attest_single(&mut bench, &single(VTPM_GUID, 0)).rax, code::BUSY);
    let out = attest_single(&mut bench, &single(VTPM_GUID, 0));
    evidence(&bench, out);
    bench.machine.lock().psp.carriers.push_back(Carrier::Nothing);
    assert_eq!(
        attest_single(&mut bench, &single(VTPM_GUID, 0)).rax,
        code::INVALID_REQUEST
    );
    assert_eq!(
        attest_single(&mut bench, &single(VTPM_GUID, 0)).rax,
        code::INVALID_REQUEST
    );
    assert_eq!(bench.call(0, 6, [1, 0, 0]).rax, code::SUCCESS, "the rest goes on");
}
