//! The prediction against the `igvm` crate's own measurement, and against images changed after the fact.
//!
//! With one vCPU the two measurers answer the same question with different code: ours reads the bytes, the crate's walks the headers it
//! parsed. For more vCPUs only ours knows what KVM adds.

use igvm::measurement::generate_snp_measurement;
use igvm::{IgvmDirectiveHeader, IgvmFile};
use svsm_image::{Image, Inputs, Options, Payload, Platform, build, measure};
use svsm_proto::launch_info::{FIRMWARE_GPA, LAUNCH_INFO_GPA, LaunchInfo, SIM_GUEST_GPA};

/// A fixed-address executable of one segment.
fn executable(address: u64, data: &[u8], memory: u64) -> Vec<u8> {
    let mut file = vec![0u8; 120];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0]);
    put(24, &address.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(54, &[56, 0, 1, 0]);
    put(64, &1u32.to_le_bytes());
    put(72, &120u64.to_le_bytes());
    put(80, &address.to_le_bytes());
    put(88, &address.to_le_bytes());
    put(96, &(data.len() as u64).to_le_bytes());
    put(104, &memory.to_le_bytes());
    file.extend_from_slice(data);
    file
}

fn image(options: Options) -> Image {
    build(&Inputs {
        firmware: &executable(FIRMWARE_GPA, &[0xF4; 9000], 20_000),
        component: &[0xC0; 5000],
        guest: Payload::Program(&executable(SIM_GUEST_GPA, &[0x90; 5000], 0x3000)),
        command_line: "story",
        options,
    })
    .expect("the inputs are good")
}

fn ours(file: &[u8], vcpus: u32) -> [u8; 48] {
    measure(file, Platform::Simulator, vcpus).expect("our own image").digest
}

#[test]
fn both_measurers_agree_for_one_vcpu() {
    for options in [Options::default(), Options::default().with_secure_tsc(false)] {
        let image = image(options);
        let parsed = IgvmFile::new_from_binary(&image.file, None).expect("the crate reads what it wrote");
        let theirs = generate_snp_measurement(parsed.initializations(), parsed.directives(), 1).expect("measurable");
        assert_eq!(ours(&image.file, 1), theirs);
    }
}

#[test]
fn measurement_depends_on_vcpus_signature_and_every_option() {
    let base = image(Options::default());
    let mut digests = vec![ours(&base.file, 1), ours(&base.file, 2), ours(&base.file, 3)];
    digests.push(ours(&image(Options::default().with_secure_tsc(false)).file, 1));
    digests.push(ours(
        &image(Options {
            guest_vmpl: 1,
            ..Options::default()
        })
        .file,
        1,
    ));
    let other = Platform::Kvm { signature: 0x00A1_0F11 };
    digests.push(measure(&base.file, other, 2).expect("measurable").digest);
    for (index, digest) in digests.iter().enumerate() {
        assert!(!digests[..index].contains(digest), "digest {index} repeats");
    }
    // With one vCPU no reset state is measured, so the processor does not matter.
    assert_eq!(measure(&base.file, other, 1).expect("measurable").digest, digests[0]);
}

#[test]
fn same_inputs_give_the_same_bytes() {
    assert_eq!(image(Options::default()).file, image(Options::default()).file);
}

#[test]
fn pages_are_ascending_and_the_start_state_is_last() {
    let parsed = IgvmFile::new_from_binary(&image(Options::default()).file, None).expect("readable");
    let mut addresses = Vec::new();
    for directive in parsed.directives() {
        match directive {
            IgvmDirectiveHeader::PageData { gpa, .. } => addresses.push(*gpa),
            IgvmDirectiveHeader::ParameterInsert(_) => assert!(addresses.is_empty(), "a parameter after a page"),
            _ => {}
        }
    }
    assert!(matches!(
        parsed.directives().last(),
        Some(IgvmDirectiveHeader::SnpVpContext { vp_index: 0, .. })
    ));
    let (svsm, guest): (Vec<u64>, Vec<u64>) = addresses.iter().partition(|gpa| **gpa >= 0xC000_0000);
    assert!(svsm.is_sorted() && guest.is_sorted());
    assert_eq!(addresses, [svsm, guest].concat());
}

#[test]
fn launch_info_in_the_image_is_the_one_the_firmware_accepts() {
    let image = image(Options::default());
    let page = image.layout.svsm[&LAUNCH_INFO_GPA].as_deref().expect("not zero");
    let info = LaunchInfo::parse(page).expect("the firmware's own parser");
    assert_eq!(info.component_len, 5000);
    assert_eq!(info.guest_rip, SIM_GUEST_GPA);
    let launched: u64 = info.guest_ranges().iter().map(|range| range.pages).sum();
    assert_eq!(launched, image.layout.guest.len() as u64);
    let command_line = image.layout.guest[&info.command_line_gpa].as_deref().expect("not zero");
    assert_eq!(&command_line[..5], b"story");
}

#[test]
fn any_changed_byte_changes_the_measurement_or_is_refused() {
    let image = image(Options::default()).file;
    let honest = ours(&image, 1);
    // Every byte would take minutes; a prime stride meets headers, padding, pages and the start state.
    for position in (0..image.len()).step_by(61).chain(0..1024) {
        let mut changed = image.clone();
        changed[position] ^= 0x10;
        match measure(&changed, Platform::Simulator, 1) {
            Ok(measurement) => assert_ne!(measurement.digest, honest, "byte {position:#x}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn truncated_image_is_refused_at_every_length() {
    let image = image(Options::default()).file;
    for length in (0..image.len()).step_by(97) {
        assert!(
            measure(&image[..length], Platform::Simulator, 1).is_err(),
            "length {length:#x}"
        );
    }
}
