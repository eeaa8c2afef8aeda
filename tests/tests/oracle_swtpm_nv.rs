//! NV indices against swtpm: long sequences of commands, drawn at random from fixed seeds, on indices of every type with attributes of every kind. After
//! each command both must have answered the same bytes.

use cloister_tests::dice::Dice;
use cloister_tests::oracle::{Answer, Cmd, Pair, Tpm, sha256};

const OWNER: u32 = 0x4000_0001;
const LOCKOUT: u32 = 0x4000_000A;
const PLATFORM: u32 = 0x4000_000C;
/// The indices that come and go.
const INDICES: [u32; 4] = [0x0150_0016, 0x0150_0017, 0x0140_0001, 0x01C0_0002];

/// What a sequence is about: indices that are written in parts, or PINs. When only a part of a PIN is written first, the rest is in swtpm whatever its
/// memory held before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Parts,
    Pins,
}

/// What authorises: the owner, the platform, or the index itself with its password, now and then a wrong one.
fn authorize(dice: &mut Dice, code: u32, index: u32) -> Cmd {
    let by = dice.pick(&[OWNER, OWNER, PLATFORM, index, index]);
    let password: &[u8] = match (by == index, dice.once_in(10)) {
        (true, false) => b"pin",
        (true, true) => b"nip",
        (false, _) => b"",
    };
    Cmd::new(code).handle(by).handle(index).password(password)
}

/// TPM2_NV_Read from the beginning.
fn read(by: u32, index: u32, password: &[u8], size: u16) -> Cmd {
    let command = Cmd::new(0x14E).handle(by).handle(index).password(password);
    command.u16(size).u16(0)
}

/// The policy session of a sequence.
const SESSION: u32 = 0x0300_0000;

/// The command with the policy session as its third handle.
fn on_session(command: Cmd) -> Cmd {
    command.handle(SESSION)
}

/// TPM2_NV_Certify without a key, from a command with the two other handles and the password.
fn certify(by: Cmd) -> Cmd {
    by.first_handle(0x4000_0007).first_password(b"").sized(&[]).u16(0x10)
}

/// Starts the policy session of a sequence.
fn start_session(pair: &mut Pair) {
    let start = Cmd::new(0x176).handle(0x4000_0007).handle(0x4000_0007);
    let start = start.sized(&[1; 16]).sized(&[]).u8(1).u16(0x10).u16(0x0B).to_bytes();
    pair.each("TPM2_StartAuthSession", |tpm| tpm.send(&start)[6..14].to_vec());
}

/// TPM2_NV_DefineSpace with attributes that are mostly, not always, consistent.
fn define(dice: &mut Dice, about: About, index: u32) -> Cmd {
    // PPWRITE, OWNERWRITE, AUTHWRITE, PPREAD, OWNERREAD, AUTHREAD, NO_DA.
    let mut attributes = 0x0207_0007u32;
    let kind = dice.pick(&[0u32, 0, 0, 1, 1, 2, 4, 8, 9, 3]);
    // One counter at a time: swtpm 0.7.1 starts a new one above those that are gone, this TPM above those that are there, too (Part 1 §37.2.4).
    let kind = if kind == 1 && index != INDICES[0] { 0 } else { kind };
    let kind = if kind >= 8 && about == About::Parts { 0 } else { kind };
    attributes |= kind << 4;
    let platform = dice.once_in(3);
    if platform {
        attributes |= 0x4000_0000;
    }
    if kind >= 8 {
        attributes &= !0x4;
    }
    // WRITEALL, WRITEDEFINE, WRITE_STCLEAR, GLOBALLOCK, ORDERLY, CLEAR_STCLEAR, READ_STCLEAR; some writers and readers less; POLICY_DELETE.
    for flag in [0x1000, 0x2000, 0x4000, 0x8000, 0x0400_0000, 0x0800_0000, 0x8000_0000] {
        if dice.once_in(3) {
            attributes |= flag;
        }
    }
    for flag in [
        0x1,
        0x2,
        0x4,
        0x1_0000,
        0x2_0000,
        0x4_0000,
        0x0200_0000,
        0x400,
        0x2000_0000,
    ] {
        if dice.once_in(12) {
            attributes ^= flag;
        }
    }
    let alg = dice.pick(&[0x0Bu16, 0x0B, 0x04, 0x0C]);
    let digest = match alg {
        0x04 => 20,
        0x0C => 48,
        _ => 32,
    };
    let size = match kind {
        0 if about == About::Pins => 8,
        0 | 3 => dice.pick(&[0u16, 1, 8, 8, 40, 1024, 1025, 2048, 2049]),
        4 => digest,
        _ => 8,
    };
    // swtpm has little room for what is orderly.
    let size = if attributes & 0x0400_0000 != 0 {
        size.min(48)
    } else {
        size
    };
    let size = if dice.once_in(20) { size + 1 } else { size };
    // A lock on an orderly counter goes with the power in swtpm; this TPM commits locks.
    if kind == 1 && attributes & 0x0400_0000 != 0 {
        attributes &= !0x2000;
    }
    let mut public = index.to_be_bytes().to_vec();
    public.extend(alg.to_be_bytes());
    public.extend(attributes.to_be_bytes());
    public.extend([0, 0]);
    public.extend(size.to_be_bytes());
    let by = if platform || dice.once_in(10) { PLATFORM } else { OWNER };
    Cmd::new(0x12A).handle(by).password(b"").sized(b"pin").sized(&public)
}

/// A command on an index, or one that concerns all of them.
fn command(dice: &mut Dice, about: About) -> Cmd {
    let index = dice.pick(&INDICES);
    match dice.below(34) {
        0..=5 => define(dice, about, index),
        6..=10 => {
            // Not nothing: an empty first write leaves in swtpm whatever its memory held before.
            let (count, offset) = match about {
                About::Parts => (
                    dice.pick(&[1usize, 1, 4, 8, 8, 8, 40, 1024]),
                    dice.pick(&[0u16, 0, 0, 0, 4, 8, 41]),
                ),
                About::Pins => (8, 0),
            };
            let mut data = dice.bytes(count);
            if count == 8 && dice.once_in(2) {
                // A PIN: little used, few uses.
                data = vec![0, 0, 0, dice.below(3) as u8, 0, 0, 0, dice.below(4) as u8];
            }
            authorize(dice, 0x137, index).sized(&data).u16(offset)
        }
        11..=13 => authorize(dice, 0x134, index),
        14 | 15 => authorize(dice, 0x135, index).raw(&dice.bytes(8)),
        16 | 17 => {
            let count = dice.below(40);
            authorize(dice, 0x136, index).sized(&dice.bytes(count))
        }
        18..=21 => {
            let size = dice.pick(&[0u16, 1, 8, 8, 8, 40, 1024, 1025]);
            authorize(dice, 0x14E, index)
                .u16(size)
                .u16(dice.pick(&[0u16, 0, 0, 4, 9, 1024]))
        }
        22 => authorize(dice, 0x14F, index),
        23 => authorize(dice, 0x138, index),
        24 => Cmd::new(0x132).handle(dice.pick(&[OWNER, PLATFORM])).password(b""),
        25 => Cmd::new(0x122)
            .handle(dice.pick(&[OWNER, OWNER, PLATFORM]))
            .handle(index)
            .password(b""),
        26 => Cmd::new(0x169).handle(index),
        // HierarchyControl of the platform's NV, off and on.
        27 => Cmd::new(0x121)
            .handle(PLATFORM)
            .password(b"")
            .u32(0x4000_000D)
            .u8(u8::from(!dice.once_in(3))),
        28 => Cmd::new(0x139).handle(LOCKOUT).password(b""),
        // PolicyNV, PolicyAuthorizeNV, PolicyGetDigest and NV_Certify without a key.
        29 => on_session(authorize(dice, 0x149, index))
            .sized(&[0; 4][..dice.below(5)])
            .u16(dice.pick(&[0, 0, 4, 8]))
            .u16(dice.pick(&[0, 1, 3, 5])),
        30 => on_session(authorize(dice, 0x192, index)),
        31 => Cmd::new(0x189).handle(SESSION),
        32 => {
            let by = authorize(dice, 0x184, index);
            certify(by).u16(dice.pick(&[0, 8, 8, 1024])).u16(dice.pick(&[0, 0, 4]))
        }
        // NV_UndefineSpaceSpecial and NV_ChangeAuth, which need a policy.
        _ => {
            if dice.once_in(2) {
                Cmd::new(0x11F)
                    .handle(index)
                    .handle(PLATFORM)
                    .password(b"pin")
                    .password(b"")
            } else {
                Cmd::new(0x13B).handle(index).password(b"pin").sized(b"new")
            }
        }
    }
}

/// Takes the power away, after a TPM2_Shutdown or without one, and starts again.
fn cycle(pair: &mut Pair, dice: &mut Dice) {
    let shutdown = dice.below(3);
    if shutdown < 2 {
        pair.same(&Cmd::new(0x145).u16(shutdown as u16));
    }
    pair.power_cycle();
    let wanted = dice.below(2) as u16;
    if pair.same(&Cmd::new(0x144).u16(wanted)) != 0 {
        pair.same(&Cmd::new(0x144).u16(0));
    }
    // A disorderly end of the power counts as a failure in swtpm, which may have lost one. This TPM commits failures before it answers.
    pair.same(&Cmd::new(0x139).handle(LOCKOUT).password(b""));
    start_session(pair);
}

/// Everything that can be seen of the indices.
fn observe(pair: &mut Pair) {
    for index in INDICES {
        let public = Cmd::new(0x169).handle(index).to_bytes();
        pair.each("public area", |tpm| hex::encode(tpm.send(&public)));
        for size in [8, 32, 1024] {
            let read = read(OWNER, index, b"", size).to_bytes();
            pair.each("contents", |tpm| hex::encode(tpm.send(&read)));
        }
    }
}

#[test]
fn indices_of_all_kinds_live_alike() {
    for seed in 1..=12 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::started();
        start_session(&mut pair);
        let mut history = Vec::new();
        let about = if seed % 2 == 0 { About::Parts } else { About::Pins };
        for step in 0..700 {
            if dice.once_in(40) {
                cycle(&mut pair, &mut dice);
                history.push("power".to_owned());
                // Shown when what follows differs.
                println!("seed {seed}:\n{}", history.join("\n"));
                history.clear();
                observe(&mut pair);
                continue;
            }
            let bytes = command(&mut dice, about).to_bytes();
            history.push(hex::encode(&bytes));
            // An attestation tells the time; of it only the code is the same.
            let seen = if bytes[6..10] == [0, 0, 1, 0x84] {
                6..10
            } else {
                0..usize::MAX
            };
            let answer = |tpm: &mut dyn Tpm| {
                let answer = tpm.send(&bytes);
                hex::encode(&answer[seen.start..seen.end.min(answer.len())])
            };
            let theirs = answer(&mut pair.swtpm);
            let ours = answer(&mut pair.engine);
            let from = history.len().saturating_sub(60);
            assert_eq!(
                ours,
                theirs,
                "engine (left) and swtpm (right), seed {seed}, step {step}:\n{}",
                history[from..].join("\n")
            );
        }
        observe(&mut pair);
    }
}

/// TPM2_NV_DefineSpace by the owner of an index with SHA-256.
fn define_plain(index: u32, attributes: u32, size: u16) -> Cmd {
    let mut public = index.to_be_bytes().to_vec();
    public.extend([0, 0x0B]);
    public.extend(attributes.to_be_bytes());
    public.extend([0, 0]);
    public.extend(size.to_be_bytes());
    Cmd::new(0x12A).handle(OWNER).password(b"").sized(b"pin").sized(&public)
}

/// TPM_EO_SIGNED_GT, _LT, _GE and _LE.
fn is_signed(operation: u16) -> bool {
    matches!(operation, 2 | 4 | 6 | 8)
}

fn is_negative(number: &[u8]) -> bool {
    number.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// TPM2_PolicyNV by the owner.
fn policy_nv(index: u32, operand: &[u8], offset: u16, operation: u16) -> Cmd {
    let command = Cmd::new(0x149).handle(OWNER).handle(index).handle(SESSION);
    command.password(b"").sized(operand).u16(offset).u16(operation)
}

/// Part 2 §6.8 (TPM_EO): signed numbers are two's complement. libtpms before 0.10 does otherwise with negative ones, so the expectation is
/// arithmetic; swtpm 0.10.2 answers like it.
#[test]
fn negative_numbers_are_compared_as_numbers() {
    let mut pair = Pair::started();
    let index = INDICES[0];
    pair.same(&define_plain(index, 0x0202_0002, 8));
    start_session(&mut pair);
    for (value, other) in [
        (0i64, -1i64),
        (-1, 0),
        (i64::MAX, i64::MIN),
        (i64::MIN, i64::MAX),
        (5, -5),
        (-300, 2),
        (-300, -2),
        (i64::MIN + 2, i64::MIN),
    ] {
        let write = Cmd::new(0x137).handle(OWNER).handle(index).password(b"");
        pair.same(&write.sized(&value.to_be_bytes()).u16(0));
        for (operation, holds) in [
            (2, value > other),
            (4, value < other),
            (6, value >= other),
            (8, value <= other),
        ] {
            let command = policy_nv(index, &other.to_be_bytes(), 0, operation);
            let code = Answer::new(pair.engine.send(&command.to_bytes())).code();
            // TPM_RC_POLICY.
            assert_eq!(code, if holds { 0 } else { 0x126 }, "{value} {operation} {other}");
        }
    }
}

#[test]
fn comparisons_of_policies_are_alike() {
    // OWNERWRITE, OWNERREAD, NO_DA.
    let mut pair = Pair::started();
    let index = INDICES[0];
    pair.same(&define_plain(index, 0x0202_0002, 8));
    let mut dice = Dice::new(99);
    start_session(&mut pair);
    let numbers = [
        [0; 8],
        [0xFF; 8],
        [0x80, 0, 0, 0, 0, 0, 0, 0],
        [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        [0, 0, 0, 1, 0x80, 0, 0, 2],
    ];
    for number in numbers {
        let write = Cmd::new(0x137).handle(OWNER).handle(index).password(b"");
        pair.same(&write.sized(&number).u16(0));
        for operation in 0..13u16 {
            for _ in 0..6 {
                let offset = dice.pick(&[0usize, 0, 4, 7, 8, 9]);
                let count = dice.pick(&[0, 1, 2, 4, 8]);
                let mut operand = dice.pick(&numbers)[..count].to_vec();
                if dice.once_in(3) {
                    operand = number.iter().skip(offset).take(count).copied().collect();
                }
                // Without bytes there is no sign to compare, and negative numbers have a test of their own.
                let value = number.get(offset..offset + operand.len()).unwrap_or_default();
                if is_signed(operation) && (operand.is_empty() || is_negative(&operand) || is_negative(value)) {
                    continue;
                }
                pair.same(&policy_nv(index, &operand, offset as u16, operation));
            }
        }
    }
    pair.identical(&Cmd::new(0x189).handle(SESSION));
    // resetCount, restartCount and safe of TPMS_TIME_INFO are the same on both.
    for operation in 0..13u16 {
        for (offset, operand) in [
            (16u16, &[0, 0, 0, 1][..]),
            (16, &[0, 0, 0, 2]),
            (16, &[0xFF, 0, 0, 1]),
            (20, &[0, 0, 0, 0]),
            (20, &[0x80, 0, 0, 0, 1]),
            (24, &[1]),
            (24, &[0]),
            (25, &[]),
            (26, &[]),
            (24, &[1, 1]),
        ] {
            if operand.is_empty() && is_signed(operation) {
                continue;
            }
            let policy = Cmd::new(0x16D).handle(SESSION).sized(operand);
            pair.same(&policy.u16(offset).u16(operation));
        }
    }
    pair.identical(&Cmd::new(0x189).handle(SESSION));
}

#[test]
fn pins_count_alike() {
    for kind in [0x80u32, 0x90] {
        // PIN FAIL, then PIN PASS; OWNERWRITE, OWNERREAD, AUTHREAD, NO_DA.
        let mut pair = Pair::started();
        let index = INDICES[0];
        pair.same(&define_plain(index, 0x0206_0002 | kind, 8));
        let guess = |password: &[u8]| read(index, index, password, 8);
        let look = read(OWNER, index, b"", 8).to_bytes();
        let secret = |password: &[u8], expiration: u32| {
            let command = Cmd::new(0x151).handle(index).handle(SESSION).password(password);
            command.sized(&[]).sized(&[]).sized(&[]).u32(expiration)
        };
        start_session(&mut pair);
        let bind = Cmd::new(0x176).handle(0x4000_0007).handle(index);
        let steps = [
            ("not written", guess(b"pin")),
            ("not written, policy", secret(b"pin", 0)),
            ("bind", bind.sized(&[1; 16]).sized(&[]).u8(0).u16(0x10).u16(0x0B)),
        ];
        pair.same_all(&steps);
        for limit in [0u8, 1, 3] {
            let write = Cmd::new(0x137).handle(OWNER).handle(index).password(b"");
            pair.same(&write.sized(&[0, 0, 0, 0, 0, 0, 0, limit]).u16(0));
            let steps = [
                guess(b"pin"),
                guess(b"nip"),
                secret(b"pin", 0),
                secret(b"nip", 0),
                guess(b"pin"),
                // A parameter that is wrong: the PIN was used all the same.
                secret(b"pin", 0).u8(0),
                read(index, index, b"pin", 9),
                // A ticket, which only PIN PASS does not give.
                secret(b"pin", 0xFFFF_FFF0),
                secret(b"nip", 0),
                secret(b"nip", 0),
                secret(b"nip", 0),
                secret(b"pin", 0),
            ];
            for step in steps {
                pair.same(&step);
                pair.each("PIN", |tpm| hex::encode(tpm.send(&look)));
            }
        }
    }
}

#[test]
fn hybrid_counters_go_on_alike() {
    // A counter with ORDERLY; OWNERWRITE, OWNERREAD, NO_DA.
    let mut pair = Pair::started();
    let index = INDICES[0];
    pair.same(&define_plain(index, 0x0602_0012, 8));
    let increment = Cmd::new(0x134).handle(OWNER).handle(index).password(b"").to_bytes();
    let count = read(OWNER, index, b"", 8).to_bytes();
    for (times, end) in [(3, 0u16), (300, 0), (5, 2), (1, 1), (254, 2), (2, 1), (3, 2), (600, 2)] {
        for _ in 0..times {
            pair.each("increment", |tpm| tpm.send(&increment));
        }
        if end < 2 {
            pair.same(&Cmd::new(0x145).u16(end));
        }
        pair.power_cycle();
        pair.same(&Cmd::new(0x144).u16(0));
        pair.each("counter", |tpm| hex::encode(tpm.send(&count)));
    }
    // Another counter starts above those that are gone.
    pair.same(&Cmd::new(0x122).handle(OWNER).handle(index).password(b""));
    let other = INDICES[1];
    for attributes in [0x0202_0012, 0x0602_0012] {
        pair.same(&define_plain(other, attributes, 8));
        let on = |code: u32| Cmd::new(code).handle(OWNER).handle(other).password(b"");
        pair.same(&on(0x134));
        pair.identical(&on(0x14E).u16(8).u16(0));
        pair.same(&Cmd::new(0x122).handle(OWNER).handle(other).password(b""));
    }
}

/// The index of a matrix of policies, defined by the platform: every right by policy alone, and POLICY_DELETE, READ_STCLEAR, WRITE_STCLEAR and NO_DA.
fn define_policy(kind: u32, size: u16, policy: &[u8]) -> Cmd {
    let attributes = 0x4000_0000u32 | 0x8000_0000 | 0x0208_0408 | 0x4000 | kind << 4;
    let mut public = INDICES[0].to_be_bytes().to_vec();
    public.extend([0, 0x0B]);
    public.extend(attributes.to_be_bytes());
    public.extend((policy.len() as u16).to_be_bytes());
    public.extend(policy);
    public.extend(size.to_be_bytes());
    Cmd::new(0x12A)
        .handle(PLATFORM)
        .password(b"")
        .sized(b"pin")
        .sized(&public)
}

#[test]
fn policies_authorise_the_commands_of_indices_alike() {
    let index = INDICES[0];
    let zeros = [0; 32];
    for (kind, size) in [(0u32, 8u16), (1, 8), (2, 8), (4, 32), (8, 8), (9, 8)] {
        let mut pair = Pair::started();
        // By the policy of one command every command is tried.
        for allowed in [
            0x137u32, 0x134, 0x135, 0x136, 0x14E, 0x14F, 0x138, 0x13B, 0x11F, 0x149, 0x184, 0x151,
        ] {
            let digest = sha256(&[&zeros, &[0, 0, 1, 0x6C], &allowed.to_be_bytes()]);
            assert_eq!(pair.same(&define_policy(kind, size, &digest)), 0);
            for code in [
                0x13B, 0x137, 0x134, 0x135, 0x136, 0x14E, 0x149, 0x184, 0x151, 0x138, 0x14F, 0x11F,
            ] {
                start_session(&mut pair);
                pair.same(&Cmd::new(0x16C).handle(SESSION).u32(allowed));
                let by = |command: Cmd| command.session(SESSION, &[], 0, b"");
                let on = |code: u32| Cmd::new(code).handle(index).handle(index);
                let command = match code {
                    0x137 => by(on(code)).sized(&[0, 0, 0, 0, 0, 0, 0, 4]).u16(0),
                    0x135 => by(on(code)).raw(&[1; 8]),
                    0x136 => by(on(code)).sized(b"more"),
                    0x14E => by(on(code)).u16(size).u16(0),
                    0x13B => by(Cmd::new(code).handle(index)).sized(b"pin"),
                    0x11F => by(Cmd::new(code).handle(index).handle(PLATFORM)).password(b""),
                    // A second session, since the first one is in use.
                    0x149 => by(on(code).handle(SESSION)).sized(&[0]).u16(0).u16(0),
                    0x151 => by(Cmd::new(code).handle(index).handle(SESSION))
                        .sized(&[])
                        .sized(&[])
                        .sized(&[])
                        .u32(0),
                    0x184 => by(Cmd::new(code)
                        .handle(0x4000_0007)
                        .handle(index)
                        .handle(index)
                        .password(b""))
                    .sized(&[])
                    .u16(0x10)
                    .u16(size)
                    .u16(0),
                    _ => by(on(code)),
                };
                pair.same(&command);
                let public = Cmd::new(0x169).handle(index).to_bytes();
                pair.each("public area", |tpm| hex::encode(tpm.send(&public)));
                pair.same(&Cmd::new(0x165).u32(SESSION));
            }
            // Whatever is left of it goes with a new platform.
            start_session(&mut pair);
            pair.same(&Cmd::new(0x16C).handle(SESSION).u32(0x11F));
            let delete = Cmd::new(0x11F)
                .handle(index)
                .handle(PLATFORM)
                .session(SESSION, &[], 0, b"");
            let left = pair.same(&delete.password(b"")) != 0 && pair.same(&Cmd::new(0x169).handle(index)) == 0;
            pair.same(&Cmd::new(0x165).u32(SESSION));
            if left {
                pair = Pair::started();
            }
        }
    }
}
