//! The predicted events against the inputs of the image, and the predicted PCRs against a value that every PC shows.

use sha2::{Digest, Sha256, Sha384};
use svsm_image::{Image, Inputs, Options, Payload, Platform, Thing, build, measure, predict_boot};
use svsm_proto::event_log::Bank;
use svsm_proto::launch_info::{FIRMWARE_GPA, SIM_GUEST_GPA};

const COMPONENT: [u8; 5000] = [0xC0; 5000];

/// A fixed-address executable of these segments: address, bytes, size in memory.
fn executable(segments: &[(u64, &[u8], u64)]) -> Vec<u8> {
    let mut file = vec![0u8; 64 + 56 * segments.len()];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0]);
    put(24, &segments[0].0.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(54, &[56, 0, segments.len() as u8, 0]);
    let mut offset = 64 + 56 * segments.len() as u64;
    for (index, (address, data, memory)) in segments.iter().enumerate() {
        let header = 64 + 56 * index;
        put(header, &1u32.to_le_bytes());
        put(header + 8, &offset.to_le_bytes());
        put(header + 16, &address.to_le_bytes());
        put(header + 24, &address.to_le_bytes());
        put(header + 32, &(data.len() as u64).to_le_bytes());
        put(header + 40, &memory.to_le_bytes());
        offset += data.len() as u64;
    }
    segments.iter().for_each(|(_, data, _)| file.extend_from_slice(data));
    file
}

fn image(command_line: &str) -> Image {
    build(&Inputs {
        firmware: &executable(&[(FIRMWARE_GPA, &[0xF4; 9000], 20_000)]),
        component: &COMPONENT,
        guest: Payload::Program(&executable(&[
            (SIM_GUEST_GPA, &[0x90; 5000], 5000),
            (SIM_GUEST_GPA + 0x5010, &[0xDA; 16], 0x1000),
        ])),
        command_line,
        options: Options::default(),
    })
    .expect("the inputs are good")
}

/// The guest's memory from its first page to its last, the gap between the segments zero.
fn kernel() -> Vec<u8> {
    let mut memory = vec![0; 0x7000];
    memory[..5000].fill(0x90);
    memory[0x5010..0x5020].fill(0xDA);
    memory
}

#[test]
fn events_are_those_of_the_inputs() {
    let image = image("story");
    assert_eq!(
        (image.layout.info.kernel_gpa, image.layout.info.kernel_len),
        (SIM_GUEST_GPA, 0x7000)
    );
    let measurement = measure(&image.file, Platform::Simulator, 1).expect("our own").digest;
    let boot = predict_boot(&image.file, &measurement).expect("our own");
    let sha256 = |thing| boot.digests(thing).expect("measured").sha256;
    assert_eq!(sha256(Thing::LaunchDigest)[..], Sha256::digest(measurement)[..]);
    assert_eq!(sha256(Thing::Component)[..], Sha256::digest(COMPONENT)[..]);
    assert_eq!(sha256(Thing::Kernel)[..], Sha256::digest(kernel())[..]);
    assert_eq!(sha256(Thing::CommandLine)[..], Sha256::digest("story")[..]);
    assert_eq!(boot.digests(Thing::Initrd), None);
    assert_eq!(boot.command_line.as_deref(), Some("story"));
    let pcrs: Vec<u8> = boot.events.iter().map(|event| event.pcr).collect();
    assert_eq!(pcrs, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 4, 9]);
}

// A PCR with nothing but a separator, as on real machines.
#[test]
fn pcrs_are_extended_as_the_tpm_does_it() {
    let image = image("story");
    let boot = predict_boot(&image.file, &[0x4D; 48]).expect("our own");
    let pcrs = boot.pcrs(Bank::Sha256);
    assert_eq!(pcrs.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 9]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        hex(&pcrs[&1]),
        "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969"
    );
    assert_eq!(
        hex(&boot.pcrs(Bank::Sha1)[&7]),
        "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236"
    );
    // PCR 9: one event after 48 zero bytes (Part 1 §17.2).
    let expected = Sha384::digest([&[0; 48][..], &Sha384::digest("story")].concat());
    assert_eq!(boot.pcrs(Bank::Sha384)[&9], expected.to_vec());
}

#[test]
fn image_without_command_line_has_no_event_for_it() {
    let boot = predict_boot(&image("").file, &[0; 48]).expect("our own");
    assert_eq!(boot.command_line, None);
    assert!(!boot.pcrs(Bank::Sha256).contains_key(&9));
}

#[test]
fn changed_image_gives_other_pcrs_or_is_refused() {
    let file = image("story").file;
    let pcrs = |file: &[u8]| {
        let measurement = measure(file, Platform::Simulator, 1)?.digest;
        predict_boot(file, &measurement).map(|boot| boot.pcrs(Bank::Sha256))
    };
    let honest = pcrs(&file).expect("our own");
    for length in (0..file.len()).step_by(97) {
        assert!(pcrs(&file[..length]).is_err(), "length {length:#x}");
    }
    for position in (0..file.len()).step_by(211) {
        let mut changed = file.clone();
        changed[position] ^= 0x10;
        match pcrs(&changed) {
            Ok(changed) => assert_ne!(changed[&0], honest[&0], "byte {position:#x}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
