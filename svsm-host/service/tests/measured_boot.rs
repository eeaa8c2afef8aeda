//! Measured boot: what goes into the PCRs and into the log, in which order, and what stops the boot.
//!
//! Expected records are put together from the structures of the TCG PC Client Platform Firmware Profile (TCG_PCR_EVENT2, TCG_EfiSpecIdEvent), not with
//! the encoder. Over the real engine, tpm2_eventlog of tpm2-tools replays the log, and the TPM's own PCRs must be what it says; where tpm2-tools are not
//! installed that test says so and checks nothing (`cargo xtask test` installs them).

mod support;

use fake_platform::{FakeClock, FakeEntropy, FakePlatform, Machine, ModelTpm, Quirk};
use sha2::Digest;
use std::{fmt::Write, process::Command};
use support::*;
use svsm_accel::NativeArithmetic;
use svsm_proto::{launch_info::LaunchInfo, report::AttestationReport};
use svsm_service::{
    host::TpmHost,
    measured_boot::{self, MeasuredBootError, Started},
    tpm::{ExtendError, PlatformHierarchy, Tpm},
};
use tpm_contract::{Component, Failure};
use tpm_engine::native::NativeComponent;
use zerocopy::FromZeros;

const PCR_EXTEND: u32 = 0x182;
/// The launch digest that the PSP reports.
const MEASUREMENT: [u8; 48] = [0x4D; 48];

/// TPML_DIGEST_VALUES of `what`, numbers as `count` and `algorithm` write them.
fn digest_values(what: &[u8], count: [u8; 4], algorithm: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut out = count.to_vec();
    let mut put = |id, digest: &[u8]| {
        out.extend_from_slice(&algorithm(id));
        out.extend_from_slice(digest);
    };
    put(0x0004, &sha1::Sha1::digest(what));
    put(0x000B, &sha2::Sha256::digest(what));
    put(0x000C, &sha2::Sha384::digest(what));
    put(0x000D, &sha2::Sha512::digest(what));
    out
}

fn record(pcr: u32, event_type: u32, what: &[u8], data: &[u8]) -> Vec<u8> {
    [
        &pcr.to_le_bytes()[..],
        &event_type.to_le_bytes(),
        &digest_values(what, [4, 0, 0, 0], u16::to_le_bytes),
        &(data.len() as u32).to_le_bytes(),
        data,
    ]
    .concat()
}

/// PCR, event type, what is hashed and the event's data, in the order of the log.
fn expected_events(info: &LaunchInfo) -> Vec<(u32, u32, Vec<u8>, Vec<u8>)> {
    let version: Vec<u8> = format!("Cloister SVSM {}\0", env!("CARGO_PKG_VERSION"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let blob = [
        &[13][..],
        b"TPM component",
        &info.component_gpa.to_le_bytes(),
        &info.component_len.to_le_bytes(),
    ]
    .concat();
    let mut events = vec![
        (0, 8, version.clone(), version),
        (0, 7, MEASUREMENT.to_vec(), b"AMD SEV-SNP launch digest\0".to_vec()),
        (0, 0x8000_000A, COMPONENT.to_vec(), blob),
    ];
    events.extend((0..8).map(|pcr| (pcr, 4, vec![0; 4], vec![0; 4])));
    events.push((4, 0xD, launched(KERNEL), b"kernel".to_vec()));
    if info.initrd_len != 0 {
        events.push((9, 0xD, launched(INITRD), b"initrd".to_vec()));
    }
    if info.command_line_len != 0 {
        let text = COMMAND_LINE.1.as_bytes();
        events.push((9, 0xD, text.to_vec(), [b"kernel_cmdline: ", text].concat()));
    }
    events
}

fn expected_log(info: &LaunchInfo) -> Vec<u8> {
    let mut log = [
        &[0, 0, 0, 0, 3, 0, 0, 0][..],
        &[0; 20],
        &[45, 0, 0, 0],
        b"Spec ID Event03\0",
        &[0, 0, 0, 0, 0, 2, 105, 2, 4, 0, 0, 0],
        &[4, 0, 20, 0, 0x0B, 0, 32, 0, 0x0C, 0, 48, 0, 0x0D, 0, 64, 0],
        &[0],
    ]
    .concat();
    for (pcr, event_type, what, data) in expected_events(info) {
        log.extend(record(pcr, event_type, &what, &data));
    }
    log
}

/// Powers a component on and measures a boot with it.
fn measure<C: Component>(
    component: C,
    info: &LaunchInfo,
    change: impl FnOnce(&mut Machine),
) -> (Tpm<C>, Result<Vec<u8>, MeasuredBootError>) {
    let machine = machine(info);
    change(&mut machine.lock());
    let mut platform = FakePlatform::new(&machine, CPU);
    let mut boot_report = AttestationReport::new_zeroed();
    boot_report.measurement = MEASUREMENT;
    let mut tpm = Tpm::power_on(component, &[], PlatformHierarchy::CloseNow, &mut FakeEntropy::new(7)).expect("on");
    let started = Started {
        launch: info,
        component: COMPONENT,
        boot_report: &boot_report,
    };
    let log = measured_boot::measure(&mut tpm, &mut platform, &memory_map(), &started);
    assert_eq!(machine.lock().violations, []);
    (tpm, log)
}

fn error(quirk: Quirk, change: impl FnOnce(&mut LaunchInfo)) -> MeasuredBootError {
    let mut info = launch_info();
    change(&mut info);
    measure(ModelTpm::new(quirk), &info, |_| ()).1.expect_err("refused")
}

#[test]
fn log_and_pcrs_name_everything_that_starts_in_the_profiles_order() {
    type Change = fn(&mut LaunchInfo);
    let cases: [Change; 3] = [
        |_| (),
        |info| info.initrd_len = 0,
        |info| (info.initrd_len, info.command_line_len) = (0, 0),
    ];
    for change in cases {
        let mut info = launch_info();
        change(&mut info);
        let (mut tpm, log) = measure(ModelTpm::new(Quirk::None), &info, |_| ());
        assert_eq!(log.as_deref(), Ok(&expected_log(&info)[..]));
        let extended: Vec<_> = expected_events(&info)
            .into_iter()
            .map(|(pcr, _, what, _)| (pcr, digest_values(&what, [0, 0, 0, 4], u16::to_be_bytes)))
            .collect();
        assert_eq!(tpm.component().expect("working").extended, extended);
    }
}

#[test]
fn any_changed_byte_of_the_guest_changes_its_event_and_no_other() {
    let info = launch_info();
    let honest = expected_log(&info);
    for gpa in [
        KERNEL.start,
        KERNEL.end - 1,
        INITRD.start + 0x1_0000,
        INITRD.end - 1,
        COMMAND_LINE.0,
    ] {
        let (_, log) = measure(ModelTpm::new(Quirk::None), &info, |machine| {
            let byte = machine.peek(gpa, 1)[0];
            machine.poke(gpa, &[byte ^ 1]);
        });
        let log = log.expect("measured");
        let changed = honest.chunks(4).zip(log.chunks(4)).filter(|(a, b)| a != b).count();
        // 164 bytes of digests, and the command line's text.
        assert!((35..=45).contains(&changed), "{gpa:#x}: {changed} words differ");
        let pcr_4_record = honest.len() - record(9, 0xD, &[], b"initrd").len() - {
            record(9, 0xD, &[], b"kernel_cmdline: console=ttyS0 quiet").len()
        };
        assert_eq!(
            log[..pcr_4_record] == honest[..pcr_4_record],
            !KERNEL.contains(&gpa),
            "{gpa:#x}"
        );
    }
    // One byte behind each part is not measured.
    for gpa in [KERNEL.end, INITRD.end, COMMAND_LINE.0 + COMMAND_LINE.1.len() as u64] {
        let (_, log) = measure(ModelTpm::new(Quirk::None), &info, |machine| machine.poke(gpa, &[0xEE]));
        assert_eq!(log.as_deref(), Ok(&honest[..]), "{gpa:#x}");
    }
}

#[test]
fn guest_that_cannot_be_measured_is_an_error() {
    assert_eq!(
        error(Quirk::None, |info| info.kernel_len = 0),
        MeasuredBootError::NoKernel
    );
    assert_eq!(
        error(Quirk::None, |info| info.command_line_len = 2049),
        MeasuredBootError::CommandLine
    );
    assert_eq!(
        error(Quirk::None, |info| info.kernel_gpa = u64::MAX - 0x100),
        MeasuredBootError::Range
    );
    assert_eq!(
        error(Quirk::None, |info| info.initrd_gpa = MEMORY),
        MeasuredBootError::Range
    );
    for gpa in [KERNEL.end - 1, INITRD.start, COMMAND_LINE.0] {
        let (_, log) = measure(ModelTpm::new(Quirk::None), &launch_info(), |machine| {
            machine.take_away(gpa);
        });
        assert_eq!(log, Err(MeasuredBootError::Fault), "{gpa:#x}");
    }
}

#[test]
fn longest_command_line_fits_the_log() {
    let mut info = launch_info();
    info.command_line_len = 2048;
    let (_, log) = measure(ModelTpm::new(Quirk::None), &info, |_| ());
    assert!(log.is_ok_and(|log| log.len() > 4000));
}

#[test]
fn tpm_that_does_not_extend_is_an_error() {
    let in_failure = MeasuredBootError::Extend(ExtendError::TpmInFailure);
    assert_eq!(error(Quirk::TrapOn(PCR_EXTEND), |_| ()), in_failure);
    assert_eq!(error(Quirk::GarbageOn(PCR_EXTEND), |_| ()), in_failure);
    assert_eq!(
        error(Quirk::FailOn(PCR_EXTEND, Failure::NotCommitted), |_| ()),
        in_failure
    );
    // TPM_RC_LOCALITY.
    assert_eq!(
        error(Quirk::RefuseOn(PCR_EXTEND, 0x907), |_| ()),
        MeasuredBootError::Extend(ExtendError::Refused(0x907))
    );
}

/// The PCRs of all four banks as the TPM says, in the form in which tpm2_eventlog prints them; those that are zero are left out.
fn pcrs_of_the_tpm<C: Component>(tpm: &mut Tpm<C>) -> String {
    let mut text = String::new();
    for (name, id) in [("sha1", 4u16), ("sha256", 0xB), ("sha384", 0xC), ("sha512", 0xD)] {
        writeln!(text, "  {name}:").expect("memory");
        for pcr in 0..24u8 {
            // TPM2_PCR_Read of one PCR (Part 3 §22.4).
            let mut select = [0u8; 3];
            select[usize::from(pcr / 8)] = 1 << (pcr % 8);
            let [high, low] = id.to_be_bytes();
            let command = [
                &[0x80, 0x01, 0, 0, 0, 20, 0, 0, 0x01, 0x7E][..],
                &[0, 0, 0, 1, high, low, 3],
                &select,
            ]
            .concat();
            let response = tpm.execute(&command);
            assert_eq!(response[6..10], [0; 4], "TPM2_PCR_Read");
            // Update counter, selection, TPML_DIGEST with one TPM2B.
            let value = &response[10 + 4 + 10 + 4 + 2..];
            // PCR 17 to 22 start as ones, all others as zeros (PC Client Platform TPM Profile).
            let initial = if (17..23).contains(&pcr) { 0xFF } else { 0 };
            if value.iter().any(|byte| *byte != initial) {
                writeln!(text, "    {pcr:<3}: 0x{}", hex::encode(value)).expect("memory");
            }
        }
    }
    text
}

#[test]
fn pcrs_of_the_engine_are_what_tpm2_eventlog_replays() {
    let host = TpmHost::new(FakeEntropy::new(42), FakeClock::default(), NativeArithmetic);
    let (mut tpm, log) = measure(NativeComponent::new(host), &launch_info(), |_| ());
    let log = log.expect("measured");
    let file = std::env::temp_dir().join(format!("cloister-event-log-{}", std::process::id()));
    std::fs::write(&file, &log).expect("written");
    let output = Command::new("tpm2_eventlog").arg(&file).output();
    std::fs::remove_file(&file).expect("removed");
    let Ok(output) = output else {
        eprintln!("not run: tpm2-tools are not installed");
        return;
    };
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, replayed) = text.split_once("\npcrs:\n").expect("a replay");
    assert_eq!(replayed, pcrs_of_the_tpm(&mut tpm));
    for words in [
        "EV_S_CRTM_VERSION",
        "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        "kernel_cmdline: console=ttyS0 quiet",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(text.matches("EventType: EV_SEPARATOR").count(), 8);
}
