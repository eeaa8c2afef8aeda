//! The power fails at every commit of a session that changes everything that lasts. Afterwards the TPM must be what it was before the command that was
//! interrupted, or what it was after it (wit/tpm.wit, `commit`: wholly or not at all), and a command that was answered must have
//! happened: what a caller can see of the living TPM is what it sees after the power came back.
//!
//! "What a caller can see" is [`facts`]; none of it is read out of the engine, only out of its answers.

use std::collections::BTreeMap;

use cloister_tests::oracle::{Answer, Cmd, Engine, MemoryHost, Tpm};
use tpm_contract::{CommitError, Component, Failure, Record};

const OWNER: u32 = 0x4000_0001;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const INDEX: u32 = 0x0150_0016;
const PERSISTENT: u32 = 0x8100_0005;
/// Every authValue that the session gives to a hierarchy or an index.
const PASSWORDS: [&[u8]; 4] = [b"", b"one", b"two", b"guess"];
/// PPWRITE, AUTHWRITE, PPREAD, AUTHREAD: read and written with the index's authValue or the platform's, which a reset makes empty.
const BY_PLATFORM_AND_AUTH: u32 = 0x0005_0005;
/// TPMA_NV_ORDERLY.
const ORDERLY: u32 = 0x0400_0000;
/// A P-256 storage key, and a P-256 signing key with ECDSA.
const STORAGE: &str = "0023000b00030472000000060080004300100003001000000000";
const SIGNING: &str = "0023000b00040072000000100018000b0003001000000000";

/// What a caller can see, each under a name.
type Facts = BTreeMap<String, String>;

fn ask(tpm: &mut Engine, command: &Cmd) -> Answer {
    Answer::new(tpm.send(&command.to_bytes()))
}

fn told(tpm: &mut Engine, command: &Cmd) -> String {
    hex::encode(&ask(tpm, command).bytes()[6..])
}

fn list(tpm: &mut Engine, group: u32, first: u32) -> String {
    told(tpm, &Cmd::new(0x17A).u32(group).u32(first).u32(100))
}

/// The handles of a kind.
fn handles(tpm: &mut Engine, first: u32) -> Vec<u32> {
    let answer = ask(tpm, &Cmd::new(0x17A).u32(1).u32(first).u32(1000));
    // moreData, capability, count.
    answer.bytes()[19..]
        .chunks_exact(4)
        .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect()
}

fn primary(hierarchy: u32, password: &[u8], template: &str) -> Cmd {
    Cmd::new(0x131)
        .handle(hierarchy)
        .password(password)
        .sized(&[0; 4])
        .sized(&hex::decode(template).expect("hexadecimal"))
        .sized(&[])
        .u32(0)
}

/// What lasts, as seen by a caller of a TPM that is started. Uses the TPM up: it guesses passwords. `make` gives the same TPM again.
fn facts(make: &dyn Fn() -> Engine) -> Facts {
    let mut facts = Facts::new();
    let mut tell = |name: String, what: String| drop(facts.insert(name, what));
    let mut tpm = make();
    let tpm = &mut tpm;
    // TPM_PT_PERMANENT, HR_NV_INDEX, HR_PERSISTENT, NV_COUNTERS, LOCKOUT_COUNTER to LOCKOUT_RECOVERY, AUDIT_COUNTER_0 and _1.
    for property in [0x200, 0x202, 0x208, 0x20A, 0x20E, 0x20F, 0x210, 0x211, 0x213, 0x214] {
        let told = told(tpm, &Cmd::new(0x17A).u32(6).u32(property).u32(1));
        tell(format!("property {property:#x}"), told);
    }
    tell("commands of physical presence".into(), list(tpm, 3, 0));
    tell("audited commands".into(), list(tpm, 4, 0));
    for hierarchy in [OWNER, LOCKOUT, ENDORSEMENT] {
        let policy = told(tpm, &Cmd::new(0x17A).u32(9).u32(hierarchy).u32(1));
        tell(format!("policy of {hierarchy:#x}"), policy);
    }
    for handle in handles(tpm, 0x8100_0000) {
        tell(
            format!("object {handle:#x}"),
            told(tpm, &Cmd::new(0x173).handle(handle)),
        );
    }
    for index in handles(tpm, 0x0100_0000) {
        let public = ask(tpm, &Cmd::new(0x169).handle(index));
        // TPM2B_NV_PUBLIC: size, index, nameAlg, attributes, policy, dataSize.
        let attributes = u32::from_be_bytes(public.bytes()[18..22].try_into().expect("four bytes"));
        let size = u16::from_be_bytes(public.bytes()[24..26].try_into().expect("two bytes"));
        if attributes & ORDERLY != 0 {
            // It lasts from shutdown to startup only (Part 2 §13.4): looked at after restarts.
            tell(format!("index {index:#x}"), "defined".into());
            continue;
        }
        tell(format!("index {index:#x}"), hex::encode(public.bytes()));
        let read = Cmd::new(0x14E).handle(PLATFORM).handle(index).password(b"");
        tell(format!("contents of {index:#x}"), told(tpm, &read.u16(size).u16(0)));
        for password in PASSWORDS {
            let mut tpm = make();
            let read = Cmd::new(0x14E).handle(index).handle(index).password(password);
            let code = ask(&mut tpm, &read.u16(0).u16(0)).code();
            tell(
                format!("index {index:#x} with {}", hex::encode(password)),
                format!("{code:#x}"),
            );
        }
    }
    for hierarchy in [OWNER, LOCKOUT, ENDORSEMENT] {
        for password in PASSWORDS {
            let mut tpm = make();
            let change = Cmd::new(0x129).handle(hierarchy).password(password).sized(b"new");
            let code = ask(&mut tpm, &change).code();
            tell(
                format!("{hierarchy:#x} with {}", hex::encode(password)),
                format!("{code:#x}"),
            );
            if code == 0 && hierarchy != LOCKOUT {
                let key = ask(&mut tpm, &primary(hierarchy, b"new", STORAGE));
                tell(
                    format!("primary key of {hierarchy:#x}"),
                    hex::encode(&key.bytes()[14..]),
                );
            }
        }
    }
    let key = ask(&mut make(), &primary(PLATFORM, b"", STORAGE));
    tell("primary key of the platform".into(), hex::encode(&key.bytes()[14..]));
    facts
}

/// The TPM that comes up when the power comes back, before TPM2_Startup.
fn revived(records: &[Record]) -> Engine {
    Engine::powered_on(MemoryHost::holding(records))
}

/// As [`facts`], after the power came back: and what a reset or a resume makes of the rest.
fn facts_after_restart(records: &[Record]) -> Facts {
    let start = || {
        let mut tpm = revived(records);
        assert_eq!(ask(&mut tpm, &Cmd::new(0x144).u16(0)).code(), 0, "TPM2_Startup(CLEAR)");
        tpm
    };
    let mut facts = facts(&start);
    let mut tpm = start();
    facts.insert("clock".into(), told(&mut tpm, &Cmd::new(0x181)));
    facts.insert("banks".into(), list(&mut tpm, 5, 0));
    facts.insert("policies of PCRs".into(), list(&mut tpm, 7, 0));
    for index in handles(&mut tpm, 0x0100_0000) {
        let read = Cmd::new(0x14E).handle(PLATFORM).handle(index).password(b"");
        let contents = told(&mut tpm, &read.u16(8).u16(0));
        facts.insert(format!("first bytes of {index:#x}"), contents);
        let public = told(&mut tpm, &Cmd::new(0x169).handle(index));
        facts.insert(format!("index {index:#x} after restart"), public);
    }
    let mut tpm = revived(records);
    let resumed = ask(&mut tpm, &Cmd::new(0x144).u16(1)).code();
    facts.insert("TPM2_Startup(STATE)".into(), format!("{resumed:#x}"));
    if resumed == 0 {
        let read = told(&mut tpm, &Cmd::new(0x17E).hex("00000001000b03ff0001"));
        facts.insert("PCRs after resume".into(), read);
        facts.insert("clock after resume".into(), told(&mut tpm, &Cmd::new(0x181)));
    }
    facts
}

/// The living TPM once more, in a new instance.
fn twin(tpm: &mut Engine) -> Engine {
    let Ok(records) = tpm.component().save_persistent();
    let Ok(state) = tpm.component().save_volatile();
    let mut twin = revived(&records.expect("the TPM is on"));
    let Ok(outcome) = twin.component().restore_volatile(&state.expect("the TPM is on"));
    outcome.expect("its own state");
    twin
}

/// [`facts`] of the living TPM, if it is started.
fn facts_if_started(tpm: &mut Engine) -> Facts {
    if ask(tpm, &Cmd::new(0x17C)).code() != 0 {
        return Facts::new();
    }
    let tpm = std::cell::RefCell::new(tpm);
    facts(&|| twin(&mut tpm.borrow_mut()))
}

fn differences(left: &Facts, right: &Facts) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| format!("{name}: {:?} and {:?}", left.get(name), right.get(name)))
        .collect()
}

fn defined(index: u32, kind: u32, more: u32, size: u16) -> Cmd {
    let mut area = index.to_be_bytes().to_vec();
    area.extend([0, 0x0B]);
    area.extend((BY_PLATFORM_AND_AUTH | kind << 4 | more).to_be_bytes());
    area.extend([0, 0]);
    area.extend(size.to_be_bytes());
    Cmd::new(0x12A)
        .handle(OWNER)
        .password(b"one")
        .sized(b"one")
        .sized(&area)
}

fn by_index(code: u32, index: u32) -> Cmd {
    Cmd::new(code).handle(index).handle(index).password(b"one")
}

fn by_platform(code: u32) -> Cmd {
    Cmd::new(code).handle(PLATFORM).password(b"")
}

/// The session: what each step is called, its command, and the code that Part 3 gives it.
#[rustfmt::skip]
fn session() -> Vec<(&'static str, Cmd, u32)> {
    let auth = |hierarchy, old: &[u8], new: &[u8]| Cmd::new(0x129).handle(hierarchy).password(old).sized(new);
    let evict = |object, persistent| Cmd::new(0x120).handle(OWNER).handle(object).password(b"one").u32(persistent);
    let no_da = 0x0200_0000;
    vec![
        ("TPM2_Startup", Cmd::new(0x144).u16(0), 0),
        ("owner's password", auth(OWNER, b"", b"one"), 0),
        ("lockout's password", auth(LOCKOUT, b"", b"two"), 0),
        ("endorsement's password", auth(ENDORSEMENT, b"", b"one"), 0),
        ("owner's policy", Cmd::new(0x12E).handle(OWNER).password(b"one").sized(&[7; 32]).u16(0x0B), 0),
        ("lockout's parameters", Cmd::new(0x13A).handle(LOCKOUT).password(b"two").u32(5).u32(1000).u32(2000), 0),
        ("define", defined(INDEX, 0, 0, 40), 0),
        ("define a counter", defined(INDEX + 1, 1, 0, 8), 0),
        ("define bits", defined(INDEX + 2, 2, 0x2000, 8), 0),
        ("define an index to extend", defined(INDEX + 3, 4, 0, 32), 0),
        ("define an orderly counter", defined(INDEX + 4, 1, ORDERLY, 8), 0),
        ("define an orderly index", defined(INDEX + 5, 0, ORDERLY | no_da, 16), 0),
        ("define a PIN", {
            let attributes = 0x0003_0001u32 | 8 << 4 | no_da;
            let area = [&(INDEX + 6).to_be_bytes()[..], &[0, 0x0B], &(attributes | 0x0004_0000).to_be_bytes(), &[0, 0, 0, 8]].concat();
            Cmd::new(0x12A).handle(OWNER).password(b"one").sized(b"one").sized(&area)
        }, 0),
        ("write", by_index(0x137, INDEX).sized(&[0xD1; 40]).u16(0), 0),
        ("write a part", by_index(0x137, INDEX).sized(b"in the middle").u16(10), 0),
        ("increment", by_index(0x134, INDEX + 1), 0),
        ("increment again", by_index(0x134, INDEX + 1), 0),
        ("set bits", by_index(0x135, INDEX + 2).u64(5), 0),
        ("extend", by_index(0x136, INDEX + 3).sized(b"extended"), 0),
        ("increment orderly", by_index(0x134, INDEX + 4), 0),
        ("increment orderly again", by_index(0x134, INDEX + 4), 0),
        ("write orderly", by_index(0x137, INDEX + 5).sized(&[0xD2; 16]).u16(0), 0),
        ("write the PIN", Cmd::new(0x137).handle(PLATFORM).handle(INDEX + 6).password(b"").sized(&[0, 0, 0, 0, 0, 0, 0, 9]).u16(0), 0),
        ("a wrong guess at an index", Cmd::new(0x14E).handle(INDEX).handle(INDEX).password(b"nip").u16(1).u16(0), 0x98E),
        ("another", Cmd::new(0x14E).handle(INDEX).handle(INDEX).password(b"nip").u16(1).u16(0), 0x98E),
        ("a wrong guess at the PIN", Cmd::new(0x14E).handle(INDEX + 6).handle(INDEX + 6).password(b"nip").u16(1).u16(0), 0x9A2),
        ("a right guess at the PIN", by_index(0x14E, INDEX + 6).u16(8).u16(0), 0),
        ("the lockout's reset", Cmd::new(0x139).handle(LOCKOUT).password(b"two"), 0),
        ("lock", by_index(0x138, INDEX + 2), 0),
        ("a key", primary(OWNER, b"one", SIGNING), 0),
        ("persist it", evict(0x8000_0000, PERSISTENT), 0),
        ("persist it twice", evict(0x8000_0000, PERSISTENT + 1), 0),
        ("evict one", evict(PERSISTENT + 1, PERSISTENT + 1), 0),
        ("undefine", Cmd::new(0x122).handle(OWNER).handle(INDEX + 3).password(b"one"), 0),
        ("audit a command", Cmd::new(0x140).handle(OWNER).password(b"one").u16(0x10).u32(1).u32(0x17B).u32(0), 0),
        ("the audit's hash", Cmd::new(0x140).handle(OWNER).password(b"one").u16(0x0C).u32(0).u32(0), 0),
        ("an audited command", Cmd::new(0x17B).u16(4), 0),
        ("physical presence", by_platform(0x12D).u32(1).u32(0x126).u32(0), 0x990),
        ("the clock", Cmd::new(0x128).handle(OWNER).password(b"one").u64(123_456_789), 0),
        ("disable TPM2_Clear", Cmd::new(0x127).handle(LOCKOUT).password(b"two").u8(1), 0),
        ("refuse TPM2_Clear", Cmd::new(0x126).handle(LOCKOUT).password(b"two"), 0x120),
        ("enable it", by_platform(0x127).u8(0), 0),
        ("extend a PCR", Cmd::new(0x182).handle(3).password(b"").u32(1).u16(0x0B).raw(&[5; 32]), 0),
        ("TPM2_Shutdown(STATE)", Cmd::new(0x145).u16(1), 0),
        ("going on", by_index(0x134, INDEX + 1), 0),
        ("no banks but two", by_platform(0x12B).hex("00000004000403000000000b03ffffff000c03ffffff000d03000000"), 0),
        ("no TPM2_Shutdown(STATE) any more", Cmd::new(0x145).u16(1), 0x1CA),
        ("TPM2_Shutdown(CLEAR)", Cmd::new(0x145).u16(0), 0),
        ("going on again", Cmd::new(0x182).handle(3).password(b"").u32(1).u16(0x0B).raw(&[6; 32]), 0),
        ("a new endorsement seed", by_platform(0x124), 0),
        ("TPM2_Clear", Cmd::new(0x126).handle(LOCKOUT).password(b"two"), 0),
        ("a new platform seed", by_platform(0x125), 0),
        ("define after TPM2_Clear", defined(INDEX + 7, 0, 0, 8).only_password(b""), 0),
    ]
}

#[test]
fn power_cut_at_every_commit_leaves_the_state_before_or_after() {
    let mut tpm = revived(&[]);
    let mut before = tpm.component().host().records();
    let mut facts_before = facts_after_restart(&before);
    let (mut commits, mut changing) = (0, 0);
    let mut wrong = Vec::new();
    for (name, command, code) in session() {
        tpm.component().host().history = Some(Vec::new());
        assert_eq!(
            format!("{:#x}", ask(&mut tpm, &command).code()),
            format!("{code:#x}"),
            "{name}"
        );
        let history = tpm.component().host().history.take().unwrap_or_default();
        let after = tpm.component().host().records();
        let facts_after = if after == before {
            facts_before.clone()
        } else {
            facts_after_restart(&after)
        };
        commits += history.len();
        changing += usize::from(facts_after != facts_before);
        // Each commit but the last leaves something in between; the last one is `after`.
        for (at, records) in history.iter().enumerate().filter(|(_, records)| **records != after) {
            let found = facts_after_restart(records);
            if found != facts_before && found != facts_after {
                wrong.push(format!(
                    "{name}, cut after commit {at}: from before {:#?}, from after {:#?}",
                    differences(&found, &facts_before),
                    differences(&found, &facts_after)
                ));
            }
        }
        // What was answered has happened.
        for (fact, value) in &facts_if_started(&mut tpm) {
            if facts_after.get(fact) != Some(value) {
                wrong.push(format!(
                    "{name}: {fact} is {value} before the cut, {:?} after",
                    facts_after.get(fact)
                ));
            }
        }
        before = after;
        facts_before = facts_after;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The session would prove nothing if it changed nothing.
    assert!(
        commits >= 40 && changing >= 35,
        "{commits} commits, {changing} commands with a lasting effect"
    );
}

/// A command whose commit fails has not happened, and says so: TPM_RC_NV_UNAVAILABLE or TPM_RC_NV_SPACE (wit/tpm.wit, `commit-error`).
#[test]
fn command_whose_commit_fails_changes_nothing() {
    let mut tpm = revived(&[]);
    for (name, command, code) in session() {
        let mut answers = Vec::new();
        for (error, refusal) in [(CommitError::Unavailable, 0x923), (CommitError::Full, 0x14B)] {
            // Before TPM2_Startup there is nothing to move over.
            let mut other = match name {
                "TPM2_Startup" => revived(&tpm.component().host().records()),
                _ => twin(&mut tpm),
            };
            other.component().host().refuse = Some(error);
            let Ok(outcome) = other.component().execute(0, &command.to_bytes());
            answers.push((
                outcome.map(|bytes| Answer::new(bytes).code()),
                refusal,
                facts_if_started(&mut other),
            ));
        }
        let unchanged = facts_if_started(&mut tpm);
        tpm.component().host().history = Some(Vec::new());
        assert_eq!(
            format!("{:#x}", ask(&mut tpm, &command).code()),
            format!("{code:#x}"),
            "{name}"
        );
        let commits = tpm.component().host().history.take().unwrap_or_default();
        for (answer, refusal, facts) in answers {
            if commits.is_empty() {
                assert_eq!(answer, Ok(code), "{name} commits nothing");
                continue;
            }
            match answer {
                Ok(answer) => assert_eq!(format!("{answer:#x}"), format!("{refusal:#x}"), "{name}"),
                Err(failure) => assert_eq!(failure, Failure::NotCommitted, "{name}"),
            }
            let changes = differences(&facts, &unchanged);
            assert!(changes.is_empty(), "{name}: {changes:#?}");
        }
    }
}
