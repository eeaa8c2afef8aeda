//! Commands that nobody should send: every known-good command, damaged in every way that a seeded generator comes up with. The engine must neither
//! panic nor take long, must answer with a well-formed response, and must go on working; an error must leave no trace.
//!
//! The expectation is Part 3 §5: a response is a header with its size and a code, and an error is nothing but a header.

use std::time::{Duration, Instant};

use cloister_tests::dice::Dice;
use cloister_tests::oracle::{Answer, Cmd, Engine, Tpm, sized};
use tpm_contract::{Component, Record};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
/// Longest time for one command: an RSA key takes the longest, and it may be unlucky.
const LIMIT: Duration = Duration::from_secs(30);
/// Damaged commands in one run.
const ROUNDS: usize = 60_000;

/// A P-256 storage key's template.
fn template() -> Vec<u8> {
    hex::decode("0023000b0003047200000006008000430010000300100000 0000".replace(' ', "")).expect("hexadecimal")
}

/// Good commands of every chapter.
fn corpus() -> Vec<Vec<u8>> {
    let nv_public = hex::decode("01500016000b020600060000 0020".replace(' ', "")).expect("hexadecimal");
    let key = 0x8000_0000;
    let index = 0x0150_0016;
    let signer = hex::decode("0023000b00040072000000100018000b0003001000000000").expect("hexadecimal");
    let sealed = hex::decode("0008000b00000052000000100000").expect("hexadecimal");
    let primary = |hierarchy: u32, template: &[u8]| {
        Cmd::new(0x131)
            .handle(hierarchy)
            .password(b"")
            .sized(&[0; 4])
            .sized(template)
            .sized(&[])
            .u32(0)
    };
    let attest = "0018000b";
    [
        Cmd::new(0x17B).u16(32),
        Cmd::new(0x146).sized(b"stir"),
        Cmd::new(0x17D).sized(b"abc").u16(0x0B).u32(OWNER),
        Cmd::new(0x17A).u32(6).u32(0x100).u32(10),
        Cmd::new(0x17A).u32(1).u32(0x8000_0000).u32(10),
        Cmd::new(0x181),
        Cmd::new(0x145).u16(1),
        Cmd::new(0x142).u32(1).u16(0x0B),
        Cmd::new(0x18A).u16(0x23).hex("0010001000030010"),
        Cmd::new(0x17E).hex("00000001000b03010000"),
        Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x0B).raw(&[7; 32]),
        Cmd::new(0x13C).handle(16).password(b"").sized(b"abc"),
        Cmd::new(0x13D).handle(16).password(b""),
        primary(OWNER, &template()),
        primary(NULL, &signer),
        Cmd::new(0x153)
            .handle(key)
            .password(b"")
            .sized(&[0, 0, 0, 1, 7])
            .sized(&sealed)
            .sized(&[])
            .u32(0),
        Cmd::new(0x157)
            .handle(key)
            .password(b"")
            .sized(&[&[0, 32][..], &[7; 90]].concat())
            .sized(&sealed),
        Cmd::new(0x167).sized(&[]).sized(&signer).u32(OWNER),
        Cmd::new(0x173).handle(key),
        Cmd::new(0x15D)
            .handle(key)
            .password(b"")
            .sized(&[1; 32])
            .hex(attest)
            .hex("8024400000070000"),
        Cmd::new(0x177).handle(key).sized(&[1; 32]).hex("0018000b000101000101"),
        Cmd::new(0x158)
            .handle(key)
            .password(b"")
            .sized(b"q")
            .hex(attest)
            .hex("00000001000b03010000"),
        Cmd::new(0x148)
            .handle(key)
            .handle(key)
            .password(b"")
            .password(b"")
            .sized(b"q")
            .hex(attest),
        Cmd::new(0x168)
            .handle(key)
            .sized(&[1; 16])
            .sized(&[&[0, 0x0B][..], &[7; 32]].concat()),
        Cmd::new(0x147)
            .handle(key)
            .handle(key)
            .password(b"")
            .password(b"")
            .sized(&[7; 50])
            .sized(&[7; 68]),
        Cmd::new(0x15E).handle(key).password(b""),
        Cmd::new(0x120).handle(OWNER).handle(key).password(b"").u32(0x8100_0005),
        Cmd::new(0x162).handle(key),
        Cmd::new(0x161).u64(1).u32(key).u32(OWNER).sized(&[7; 100]),
        Cmd::new(0x165).u32(key),
        Cmd::new(0x176)
            .handle(NULL)
            .handle(NULL)
            .sized(&[1; 16])
            .sized(&[])
            .u8(1)
            .hex("000600800043000b"),
        Cmd::new(0x17F)
            .handle(0x0300_0000)
            .sized(&[])
            .hex("00000001000b03010000"),
        Cmd::new(0x151)
            .handle(OWNER)
            .handle(0x0300_0000)
            .password(b"")
            .sized(&[])
            .sized(&[])
            .sized(&[])
            .u32(0),
        Cmd::new(0x171)
            .handle(0x0300_0000)
            .u32(2)
            .sized(&[0; 32])
            .sized(&[1; 32]),
        Cmd::new(0x149)
            .handle(OWNER)
            .handle(index)
            .handle(0x0300_0000)
            .password(b"")
            .sized(&[1])
            .u16(0)
            .u16(0),
        Cmd::new(0x16D).handle(0x0300_0000).sized(&[1]).u16(0).u16(2),
        Cmd::new(0x189).handle(0x0300_0000),
        Cmd::new(0x13D).handle(16).session(0x0300_0000, &[1; 16], 0x61, &[]),
        Cmd::new(0x12A)
            .handle(OWNER)
            .password(b"")
            .sized(b"pin")
            .sized(&nv_public),
        Cmd::new(0x137)
            .handle(OWNER)
            .handle(index)
            .password(b"")
            .sized(&[1; 32])
            .u16(0),
        Cmd::new(0x14E)
            .handle(index)
            .handle(index)
            .password(b"pin")
            .u16(32)
            .u16(0),
        Cmd::new(0x169).handle(index),
        Cmd::new(0x122).handle(OWNER).handle(index).password(b""),
        Cmd::new(0x129).handle(OWNER).password(b"").sized(b""),
        Cmd::new(0x12E).handle(OWNER).password(b"").sized(&[7; 32]).u16(0x0B),
        Cmd::new(0x139).handle(0x4000_000A).password(b""),
        Cmd::new(0x128).handle(OWNER).password(b"").u64(1),
        // Keys that encrypt and make MACs, in no hierarchy.
        Cmd::new(0x167)
            .sized(&[&[0, 0x25, 0, 0, 0, 0][..], &sized(&[7; 24])].concat())
            .hex("0012002500100006004000000006 00c000100000".replace(' ', "").as_str())
            .u32(NULL),
        Cmd::new(0x164)
            .handle(key)
            .password(b"")
            .u8(1)
            .u16(0x42)
            .sized(&[1; 16])
            .sized(&[2; 32]),
        Cmd::new(0x193)
            .handle(key)
            .password(b"")
            .sized(&[2; 33])
            .u8(0)
            .u16(0x41)
            .sized(&[1; 16]),
        Cmd::new(0x155).handle(key).password(b"").sized(b"abc").u16(0x3F),
        Cmd::new(0x15B).handle(key).password(b"").sized(b"s").u16(0x3F),
        Cmd::new(0x15C).handle(key).password(b"s").sized(&[1; 100]),
        Cmd::new(0x13E).handle(key).password(b"s").sized(&[1; 7]).u32(OWNER),
        // Three names, and keyUsage.
        Cmd::new(0x197)
            .handle(key)
            .handle(key)
            .password(b"")
            .password(b"")
            .sized(&[])
            .hex(attest)
            .sized(&hex::decode("3019300030003000a311300f300d0603551d0f0101ff0403030107").expect("hexadecimal")),
        Cmd::new(0x140)
            .handle(OWNER)
            .password(b"")
            .u16(0x10)
            .u32(1)
            .u32(0x17D)
            .u32(0),
        Cmd::new(0x133)
            .handle(0x4000_000B)
            .handle(key)
            .password(b"")
            .password(b"")
            .sized(b"q")
            .hex(attest),
        Cmd::new(0x130).handle(OWNER).password(b"").u8(0xFF),
        Cmd::new(0x13F).handle(0x4000_000C).password(b"").u32(1),
        Cmd::new(0x12C)
            .handle(0x4000_000C)
            .password(b"")
            .sized(&[7; 32])
            .u16(0x0B)
            .u32(20),
        Cmd::new(0x183).handle(20).password(b"").sized(b"x"),
        Cmd::new(0x12D).handle(0x4000_000C).password(b"").u32(0).u32(0),
        Cmd::new(0x1A0).handle(0x4000_000C).password(b"").u8(0),
        Cmd::new(0x19B)
            .handle(0x0300_0000)
            .sized(&[0, 4])
            .u16(0)
            .u16(0)
            .u32(8)
            .u32(4),
        Cmd::new(0x196)
            .handle(0x0300_0000)
            .sized(&[7; 34])
            .sized(&[7; 4])
            .sized(&[7; 4])
            .u8(1),
        Cmd::new(0x1A1).handle(0x0300_0000).sized(&[]).sized(&[]),
        Cmd::new(0x19D)
            .handle(OWNER)
            .password(b"")
            .sized(b"pin")
            .sized(&[&[1][..], &nv_public].concat()),
        Cmd::new(0x19E).handle(index),
    ]
    .iter()
    .chain(&curve_commands())
    .map(Cmd::to_bytes)
    .collect()
}

/// Good commands for elliptic curves, RSA and derivation.
fn curve_commands() -> Vec<Cmd> {
    let key = 0x8000_0000;
    let unhex = |text: &str| hex::decode(text).expect("hexadecimal");
    let primary = |data: &[u8], template: &str| {
        Cmd::new(0x131)
            .handle(OWNER)
            .password(b"")
            .sized(&[&[0, 0][..], &sized(data)].concat())
            .sized(&unhex(template))
            .sized(&[])
            .u32(0)
    };
    // The key of RFC 6979 A.2.5.
    let private = unhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let point = unhex(concat!(
        "002060fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "00207903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    ));
    let external = [&unhex("0023000b0006044000000010001000030010")[..], &point].concat();
    let authorised = |code: u32| Cmd::new(code).handle(key).password(b"");
    vec![
        primary(b"", "0023000b0004007200000010001a000b00000003001000000000"),
        primary(b"", "0023000b000200720000001000100002001000000000"),
        primary(b"", "0023000b000600720000001000100005001000000000"),
        primary(b"secret", "0008000b000304400000000a000b00220000"),
        Cmd::new(0x167)
            .sized(&[&[0, 0x23, 0, 0, 0, 0][..], &sized(&private)].concat())
            .sized(&external)
            .u32(NULL),
        authorised(0x18B).sized(&[0; 4]).sized(b"").sized(b""),
        authorised(0x18B).sized(&point).sized(b"").sized(b""),
        authorised(0x15D)
            .sized(&[1; 32])
            .hex("001a000b0000")
            .hex("8024400000070000"),
        authorised(0x15D)
            .sized(&[1; 32])
            .hex("001c000b")
            .hex("8024400000070000"),
        Cmd::new(0x18E).u16(3),
        Cmd::new(0x18E).u16(5),
        authorised(0x18D).sized(&point).sized(&point).u16(0x19).u16(0),
        authorised(0x18D).sized(&point).sized(&point).u16(0x1D).u16(1),
        Cmd::new(0x163).handle(key),
        authorised(0x154).sized(&point),
        Cmd::new(0x199).handle(key).sized(b"message").hex("0021000b"),
        authorised(0x19A)
            .sized(&point)
            .sized(b"message")
            .sized(&[7; 32])
            .hex("0021000b"),
        authorised(0x191)
            .sized(&[0; 4])
            .sized(&unhex("0008000b0004045000000005000b00056c6162656c0000")),
        Cmd::new(0x178).u16(5),
    ]
}

/// Damages a command; its size field is mended most of the time, or nothing behind it would ever be read.
fn damage(dice: &mut Dice, command: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(command.len());
        match dice.below(8) {
            0 => command[at] ^= 1 << dice.below(8),
            1 => command[at] = [0, 1, 0x7F, 0x80, 0xFF][dice.below(5)],
            2 => command.truncate(at.max(1)),
            3 => command.insert(at, dice.word() as u8),
            4 => drop(command.remove(at)),
            5 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len());
                command.truncate(at.max(1));
                command.extend_from_slice(&other[from..]);
            }
            6 => command.extend(sized(&vec![dice.word() as u8; dice.below(1200)])),
            _ => {
                let end = (at + 4).min(command.len());
                command[at..end].iter_mut().for_each(|byte| *byte = 0xFF);
            }
        }
        if command.is_empty() {
            command.push(0x80);
        }
    }
    command.truncate(4096);
    if command.len() >= 10 && dice.below(16) != 0 {
        let size = (command.len() as u32).to_be_bytes();
        command[2..6].copy_from_slice(&size);
    }
}

/// Everything that the TPM remembers, while its clock stands still.
fn memory(engine: &mut Engine) -> (Vec<u8>, Vec<Record>) {
    let Ok(volatile) = engine.component().save_volatile();
    let Ok(persistent) = engine.component().save_persistent();
    (volatile.expect("powered on"), persistent.expect("powered on"))
}

/// TPM_RC_AUTH_FAIL of a session: the one error that is remembered.
fn is_counted(code: u32) -> bool {
    code & 0x8FF == 0x88E
}

#[test]
fn damaged_commands_are_answered_and_the_tpm_lives() {
    let corpus = corpus();
    let mut dice = Dice::new(0x5EED_5EED_5EED_5EED);
    let mut engine = Engine::start();
    engine.component().host().frozen = Some(5);
    let start = Cmd::new(0x144).u16(0).to_bytes();
    assert_eq!(Answer::new(engine.send(&start)).code(), 0);
    let mut successes = 0;
    for round in 0..ROUNDS {
        let mut command = corpus[dice.below(corpus.len())].clone();
        if dice.below(4) != 0 {
            damage(&mut dice, &mut command, &corpus);
        }
        let before = (round % 8 == 0).then(|| memory(&mut engine));
        let started = Instant::now();
        let answer = Answer::new(engine.send(&command));
        assert!(started.elapsed() < LIMIT, "round {round}: {}", hex::encode(&command));
        assert_ne!(
            answer.code(),
            0x101,
            "TPM_RC_FAILURE in round {round} for {}",
            hex::encode(&command)
        );
        if let Some(before) = before.filter(|_| answer.code() != 0 && !is_counted(answer.code())) {
            assert!(
                memory(&mut engine) == before,
                "{:#x} left a trace: {}",
                answer.code(),
                hex::encode(&command)
            );
        }
        successes += usize::from(answer.code() == 0);
        if round % 50 == 0 {
            // What fills up is emptied, so that commands keep succeeding.
            for handle in (0x8000_0000..0x8000_0008u32).chain(0x0200_0000..0x0200_0040) {
                engine.send(&Cmd::new(0x165).u32(handle).to_bytes());
            }
            engine.send(&Cmd::new(0x139).handle(0x4000_000A).password(b"").to_bytes());
        }
        if round % 5_000 == 0 {
            engine.send(&Cmd::new(0x126).handle(0x4000_000C).password(b"").to_bytes());
            engine.power_cycle();
            assert_eq!(Answer::new(engine.send(&start)).code(), 0, "starts after round {round}");
        }
    }
    assert!(
        successes > ROUNDS / 20,
        "only {successes} commands succeeded: the test tests too little"
    );
}
