//! Writes the corpus that every run starts from, into `corpus/` beside the package: commands of every chapter, a state with something in it, and components.

#[path = "../../svsm-host/sandbox/tests/parts/mod.rs"]
#[allow(dead_code)]
mod parts;

use fuzz_targets::{Moment, execute, started};
use parts::Parts;
use std::{fs, io, path::Path};
use tpm_client::Cmd;

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const KEY: u32 = 0x8000_0000;
const INDEX: u32 = 0x0150_0016;

fn bytes(text: &str) -> Vec<u8> {
    let nibble = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(nibble).collect()
}

fn primary(hierarchy: u32, template: &str) -> Cmd {
    let command = Cmd::new(0x131).handle(hierarchy).password(b"").sized(&[0; 4]);
    command.sized(&bytes(template)).sized(&[]).u32(0)
}

/// Conversations: each is a seed of its own.
fn conversations() -> Vec<(&'static str, Vec<Cmd>)> {
    let storage = "0023000b00030472000000060080004300100003001000000000";
    let signing = "0023000b00040072000000100018000b0003001000000000";
    let ecdaa = "0023000b000400720000001000 1a000b00000003001000000000".replace(' ', "");
    let hmac = "0008000b00040072000000050 00b0000".replace(' ', "");
    let cipher = "0025000b00060072000000060080 00430000".replace(' ', "");
    let sealed = "0008000b00000052000000100000";
    let by_key = |code: u32| Cmd::new(code).handle(KEY).password(b"");
    let define = |index: u32, attributes: u32, size: u16| {
        let area = [
            &index.to_be_bytes()[..],
            &[0, 0x0B],
            &attributes.to_be_bytes(),
            &[0, 0],
            &size.to_be_bytes(),
        ]
        .concat();
        Cmd::new(0x12A).handle(OWNER).password(b"").sized(b"pin").sized(&area)
    };
    let nv = |code: u32, index: u32| Cmd::new(code).handle(index).handle(index).password(b"pin");
    let session = |kind: u8| {
        let start = Cmd::new(0x176).handle(NULL).handle(NULL).sized(&[1; 16]).sized(&[]);
        start.u8(kind).hex("000600800043000b")
    };
    let policy = |code: u32| Cmd::new(code).handle(0x0300_0000);
    vec![
        (
            "random",
            vec![
                Cmd::new(0x17B).u16(32),
                Cmd::new(0x146).sized(b"stir"),
                Cmd::new(0x143).u8(1),
                Cmd::new(0x17C),
            ],
        ),
        (
            "hashes",
            vec![
                Cmd::new(0x17D).sized(b"abc").u16(0x0B).u32(OWNER),
                Cmd::new(0x186).sized(b"").u16(0x0C),
                Cmd::new(0x15C).handle(KEY).password(b"").sized(b"part"),
                Cmd::new(0x13E).handle(KEY).password(b"").sized(b"end").u32(NULL),
                Cmd::new(0x186).sized(b"").u16(0x10),
                Cmd::new(0x185)
                    .handle(16)
                    .handle(KEY)
                    .password(b"")
                    .password(b"")
                    .sized(b"event"),
            ],
        ),
        (
            "capabilities",
            (0..=9)
                .map(|group| Cmd::new(0x17A).u32(group).u32(0).u32(100))
                .collect(),
        ),
        (
            "pcrs",
            vec![
                Cmd::new(0x182).handle(16).password(b"").u32(1).u16(0x0B).raw(&[7; 32]),
                Cmd::new(0x13C).handle(16).password(b"").sized(b"abc"),
                Cmd::new(0x17E).hex("00000001000b03010001"),
                Cmd::new(0x13D).handle(16).password(b""),
                Cmd::new(0x12B)
                    .handle(PLATFORM)
                    .password(b"")
                    .hex("00000002000403000000000b03ffffff"),
            ],
        ),
        (
            "storage",
            vec![
                primary(OWNER, storage),
                by_key(0x153)
                    .sized(&[0, 0, 0, 1, 7])
                    .sized(&bytes(sealed))
                    .sized(&[])
                    .u32(0),
                by_key(0x191).sized(&[0, 0, 0, 1, 7]).sized(&bytes(sealed)),
                Cmd::new(0x15E).handle(KEY + 1).password(b""),
                Cmd::new(0x173).handle(KEY),
                Cmd::new(0x162).handle(KEY),
                Cmd::new(0x120).handle(OWNER).handle(KEY).password(b"").u32(0x8100_0005),
                Cmd::new(0x165).u32(KEY),
            ],
        ),
        (
            "signatures",
            vec![
                primary(ENDORSEMENT, signing),
                by_key(0x15D).sized(&[9; 32]).hex("0018000b8024400000070000"),
                by_key(0x158).sized(b"q").u16(0x10).hex("00000001000b03010000"),
                Cmd::new(0x148)
                    .handle(KEY)
                    .handle(KEY)
                    .password(b"")
                    .password(b"")
                    .sized(b"q")
                    .u16(0x10),
                Cmd::new(0x14C)
                    .handle(ENDORSEMENT)
                    .handle(KEY)
                    .password(b"")
                    .password(b"")
                    .sized(b"q")
                    .u16(0x10),
            ],
        ),
        (
            "anonymous",
            vec![primary(OWNER, &ecdaa), by_key(0x18B).sized(&[]).sized(&[]).sized(&[])],
        ),
        (
            "macs",
            vec![
                primary(NULL, &hmac),
                by_key(0x155).sized(b"data").u16(0x0B),
                by_key(0x15B).sized(b"").u16(0x10),
            ],
        ),
        (
            "ciphers",
            vec![
                primary(NULL, &cipher),
                by_key(0x193).sized(&[5; 32]).u8(0).u16(0x43).sized(&[1; 16]),
                by_key(0x164).u8(1).u16(0x10).sized(&[1; 16]).sized(&[5; 33]),
            ],
        ),
        (
            "nv",
            vec![
                define(INDEX, 0x0006_0006, 40),
                nv(0x137, INDEX).sized(b"in the middle").u16(10),
                nv(0x14E, INDEX).u16(40).u16(0),
                define(INDEX + 1, 0x0006_0016, 8),
                nv(0x134, INDEX + 1),
                define(INDEX + 2, 0x0006_0046, 32),
                nv(0x136, INDEX + 2).sized(b"extended"),
                define(INDEX + 3, 0x0406_0026, 8),
                nv(0x135, INDEX + 3).u64(5),
                Cmd::new(0x169).handle(INDEX),
                Cmd::new(0x122).handle(OWNER).handle(INDEX).password(b""),
            ],
        ),
        (
            "policies",
            vec![
                session(1),
                policy(0x16C).u32(0x15E),
                policy(0x17F).sized(&[]).hex("00000001000b03010000"),
                policy(0x171).u32(2).sized(&[1; 32]).sized(&[2; 32]),
                policy(0x16B),
                policy(0x18C),
                policy(0x16D).sized(&[0; 8]).u16(0).u16(0),
                policy(0x189),
                policy(0x180),
            ],
        ),
        (
            "sessions",
            vec![
                session(0),
                session(3),
                Cmd::new(0x162).handle(0x0200_0000),
                Cmd::new(0x165).u32(0x0300_0001),
            ],
        ),
        (
            "curves",
            vec![
                Cmd::new(0x178).u16(3),
                Cmd::new(0x18E).u16(4),
                primary(
                    OWNER,
                    "0023000b0002007200000010001900 0b0003001000000000"
                        .replace(' ', "")
                        .as_str(),
                ),
                Cmd::new(0x163).handle(KEY),
            ],
        ),
        (
            "hierarchies",
            vec![
                Cmd::new(0x129).handle(OWNER).password(b"").sized(b"one"),
                Cmd::new(0x12E).handle(OWNER).password(b"one").sized(&[7; 32]).u16(0x0B),
                Cmd::new(0x121).handle(PLATFORM).password(b"").u32(ENDORSEMENT).u8(0),
                Cmd::new(0x126).handle(PLATFORM).password(b""),
                Cmd::new(0x125).handle(PLATFORM).password(b""),
                Cmd::new(0x145).u16(1),
                Cmd::new(0x144).u16(1),
            ],
        ),
    ]
}

fn step(locality: u8, command: &[u8]) -> Vec<u8> {
    [&[locality][..], &(command.len() as u16).to_be_bytes(), command].concat()
}

fn put(target: &str, name: &str, seed: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), seed)
}

fn main() -> io::Result<()> {
    for (name, commands) in conversations() {
        let mut seed: Vec<u8> = commands
            .iter()
            .flat_map(|command| step(0, &command.to_bytes()))
            .collect();
        // Into another instance, and through a power cycle.
        seed.extend([0xFE, 0xFF]);
        put("commands", name, &seed)?;
        // Parameters for the unmarshallers: whichever fits.
        let mut engine = started().again();
        for command in &commands {
            let code = execute(&mut engine, 0, &command.to_bytes());
            println!("{name}: {:#x} ends in {code:#x}", command.code());
        }
        let moment = Moment::of(&mut engine);
        let mut records = vec![0];
        for record in moment.records() {
            records.extend(record.key.to_be_bytes());
            records.extend((record.value.len() as u16).to_be_bytes());
            records.extend(&record.value);
        }
        put("state", &format!("records-{name}"), &records)?;
        let volatile = [&[1][..], moment.volatile()].concat();
        put("state", &format!("volatile-{name}"), &volatile)?;
    }
    // One for each unmarshaller.
    for kind in 0..80u8 {
        put(
            "structures",
            &format!("{kind:02x}"),
            &[
                &[kind][..],
                &bytes("0023000b00030472000000060080004300100003001000000000"),
            ]
            .concat(),
        )?;
    }
    let honest = Parts::HONEST;
    put("component", "honest", &honest.file())?;
    let growing = Parts {
        execute: "(drop (memory.grow (i32.const 1))) (i32.const 16)",
        ..Parts::HONEST
    };
    put("component", "growing", &growing.file())?;
    let endless = Parts {
        describe: "(loop (br 0)) unreachable",
        ..Parts::HONEST
    };
    put("component", "endless", &endless.file())
}
