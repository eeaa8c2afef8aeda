//! A hostile guest against the firmware image: nonsense by the thousand, structures that overlap, content that changes between two reads, two
//! vCPUs that fight for the same page.
//!
//! Every call must end with a code that the SVSM specification (58019) has for it, or the VM with a named reason; no byte of the guest's is read
//! twice in one call; what is attested and what the TPM holds is what it would be without the attack; and nothing that belongs to VMPL0 alone is left
//! where the guest or the hypervisor can read it, which the simulated hardware looks for at the end (`audit=1`). What the guest tries is in
//! `tools/sim-guest`. Each boot is a machine of its own.

use cloister_tests::artefacts;
use sim_boot::{End, Origin, Running, Scenario};
use std::collections::BTreeMap;

/// Boots a guest of this command line to its end.
fn boot(command_line: &str, processors: u32, options: &[String]) -> (Running, End) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut scenario = Scenario::new(&artefacts(), command_line);
    scenario.processors = processors;
    scenario.options = options.to_vec();
    let prepared = scenario.prepare(&folder.path().join("image.igvm")).expect("an image");
    let mut running = prepared.machine.start().expect("QEMU starts");
    let end = running.wait_end().expect("an end");
    (running, end)
}

fn lines(running: &Running, origin: Origin) -> impl Iterator<Item = &str> {
    let lines = running.history().iter();
    lines
        .filter(move |line| line.origin == origin)
        .map(|line| line.text.as_str())
}

/// Boots, and wants every check of the guest passed and nothing leaked.
fn survives(command_line: &str, processors: u32, options: &[&str], least: usize) -> Running {
    let mut options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    options.push("audit=1".into());
    let (running, end) = boot(command_line, processors, &options);
    let log = || format!("{command_line} {options:?}: {end:?}\n{}", running.log_tail(40));
    assert_eq!(end, End::PowerOff, "{}", log());
    let failed: Vec<&str> = lines(&running, Origin::Guest)
        .filter(|text| text.contains("FAIL"))
        .collect();
    assert!(failed.is_empty(), "{failed:?}\n{}", log());
    let passed = lines(&running, Origin::Guest)
        .filter(|text| text.starts_with("PASS: "))
        .count();
    assert!(passed >= least, "only {passed} checks: {}", log());
    // The same search must find the guest's own key, which lies in its secrets page.
    let audit = lines(&running, Origin::Hardware).find(|text| text.contains(" findings in "));
    let audit = audit.unwrap_or_else(|| panic!("no audit: {}", log()));
    assert!(audit.starts_with("audit: 0 findings in "), "{audit}\n{}", log());
    assert!(audit.ends_with("; 1 hold the guest's own key"), "{audit}\n{}", log());
    running
}

#[test]
fn calls_of_random_nonsense_get_the_specifications_codes() {
    for seed in 1..=3 {
        let running = survives(&format!("wild:{seed}:2500"), 1, &[], 4);
        // Success, and the refusals of table 5 for addresses, parameters, protocols and calls.
        for code in ["0x0", "0x80000001", "0x80000002", "0x80000003", "0x80000005"] {
            let said = format!("wild: result {code} ");
            assert!(
                lines(&running, Origin::Guest).any(|text| text.starts_with(&said)),
                "seed {seed} never met {code}\n{}",
                running.log_tail(20)
            );
        }
    }
}

#[test]
fn nonsense_while_the_processor_is_taken_away_all_the_time_gets_the_same_codes() {
    survives("wild:4:1000", 1, &["tick=97"], 4);
}

#[test]
fn overlapping_structures_and_lying_calling_areas_are_harmless() {
    survives("games", 1, &[], 40);
}

#[test]
fn two_vcpus_that_fight_for_one_page_meet_nothing_unexpected() {
    for slice in ["slice=40", "slice=113", "slice=700"] {
        survives("crowd", 2, &[slice], 10);
    }
}

/// The pages that the racing guest hands to the SVSM, by name.
fn raced_pages() -> BTreeMap<String, u64> {
    let running = survives("races", 1, &[], 10);
    let pages: BTreeMap<String, u64> = lines(&running, Origin::Guest)
        .filter_map(|text| {
            let (name, gpa) = text.strip_prefix("page ")?.split_once(" 0x")?;
            Some((name.to_owned(), u64::from_str_radix(gpa, 16).ok()?))
        })
        .collect();
    assert_eq!(pages.len(), 5, "{pages:?}");
    pages
}

// SVSM §5.2 leaves the flag in the calling area to both sides: it is read once and exchanged once. All else is copied once.
#[test]
fn no_byte_of_the_guests_is_read_twice_in_one_call() {
    let pages = raced_pages();
    let watches: Vec<String> = pages.values().map(|gpa| format!("watch={gpa:#x}")).collect();
    let (running, end) = boot("races", 1, &watches);
    assert_eq!(end, End::PowerOff, "{}", running.log_tail(20));
    let mut reads: BTreeMap<(&str, u64), u32> = BTreeMap::new();
    let mut call = None;
    for line in running.history() {
        match line.origin {
            Origin::Guest => match line.text.split_once(' ') {
                Some(("begin", name)) => call = Some(name),
                Some(("end", _)) => call = None,
                _ => {}
            },
            Origin::Trace => {
                let read = line.text.strip_prefix("watch: VMPL0 read of GPA 0x");
                if let (Some(rest), Some(name)) = (read, call) {
                    let gpa = rest.split(' ').next().and_then(|gpa| u64::from_str_radix(gpa, 16).ok());
                    *reads.entry((name, gpa.expect("an address"))).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let flag = pages["calling-area"];
    for ((name, gpa), times) in &reads {
        let allowed = if *gpa == flag { 2 } else { 1 };
        assert_eq!(*times, allowed, "{name} reads {gpa:#x}");
    }
    // What each call must have read: count and entries, the TPM's buffer, the operation (SVSM tables 6, 14 and 15) and the nonce.
    let read = |name: &str, page: &str| {
        let range = pages[page]..pages[page] + 4096;
        reads
            .keys()
            .filter(|(call, gpa)| *call == name && range.contains(gpa))
            .count()
    };
    assert_eq!(read("PVALIDATE", "list"), 8 + 2 * 8);
    assert_eq!(read("DEPOSIT_MEM", "list"), 8 + 8);
    assert!(read("SVSM_VTPM_CMD", "tpm") >= 9 + 12);
    assert_eq!(read("SVSM_ATTEST_SINGLE_SERVICE", "operation"), 0x58);
    assert_eq!(read("SVSM_ATTEST_SINGLE_SERVICE", "nonce"), 64);
}

#[test]
fn content_that_changes_as_soon_as_it_was_read_changes_nothing() {
    let pages = raced_pages();
    // Where, and which bits: counts, entries, platform command, locality, size, TPM command code, buffer, nonce size, version, nonce.
    let changes = [
        ("list", 0, 0xFF),
        ("list", 8, 0xFF),
        ("list", 14, 0x40),
        ("list", 16, 0x02),
        ("tpm", 0, 0x19),
        ("tpm", 4, 0x01),
        ("tpm", 5, 0xFF),
        ("tpm", 9 + 9, 0xFF),
        ("operation", 5, 0x80),
        ("operation", 24, 0x01),
        ("operation", 32, 0x08),
        ("operation", 80, 0x01),
        ("nonce", 0, 0xFF),
        ("nonce", 63, 0xFF),
    ];
    let races: Vec<String> = changes
        .iter()
        .map(|(page, offset, xor)| format!("hostile=race:{:#x}:{xor:#x}@every", pages[*page] + offset))
        .collect();
    let options: Vec<&str> = races.iter().map(String::as_str).collect();
    let running = survives("races", 1, &options, 10);
    for (page, offset, _) in changes {
        let changed = format!(
            "hostile: another processor at VMPL2 changes the byte at GPA {:#x} ",
            pages[page] + offset
        );
        assert!(
            lines(&running, Origin::Hypervisor).any(|text| text.starts_with(&changed)),
            "{page} {offset} was not raced\n{}",
            running.log_tail(20)
        );
    }
}
