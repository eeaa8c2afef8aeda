//! Session areas against swtpm: commands with up to four sessions that audit, encrypt, decrypt and authorise in every combination, drawn at random from fixed
//! seeds. Codes and response attributes must be the same, and so must the audit digests of sessions and of the TPM, as far as nothing random went into
//! them. The sessions have no key, so that an empty HMAC is a good one.

use cloister_tests::dice::Dice;
use cloister_tests::oracle::{
    AUDIT, Answer, CONTINUE, Client, Cmd, DECRYPT, ENCRYPT, Pair, SessionOptions, Together, Tpm, sha256, sized,
};

const NULL: u32 = 0x4000_0007;
const PASSWORD: u32 = 0x4000_0009;
const ENDORSEMENT: u32 = 0x4000_000B;
/// auditExclusive and auditReset.
const EXCLUSIVE: u8 = 0x02;
const RESET: u8 = 0x04;
/// TPM_ALG_NULL.
const ALG_NULL: u16 = 0x10;
/// TPM2_Hash, TPM2_GetRandom.
const HASH: u32 = 0x17D;
const GET_RANDOM: u32 = 0x17B;

/// A session that both TPMs have under the same handle.
#[derive(Clone, Copy)]
struct Session {
    handle: u32,
    /// TPM_SE.
    kind: u8,
    symmetric: &'static [u8],
    /// Something random is in its audit digest.
    random: bool,
}

impl Session {
    fn start(pair: &mut Pair, kind: u8, symmetric: &'static [u8]) -> Self {
        let command = Cmd::new(0x176).handle(NULL).handle(NULL).sized(&[1; 16]).sized(&[]);
        let command = command.u8(kind).raw(symmetric).u16(0x0B).to_bytes();
        let start = pair.each("TPM2_StartAuthSession", |tpm| tpm.send(&command)[6..14].to_vec());
        assert_eq!(start[..4], [0; 4]);
        let handle = u32::from_be_bytes(start[4..].try_into().expect("four bytes"));
        Self {
            handle,
            kind,
            symmetric,
            random: false,
        }
    }
}

const NONE: &[u8] = &[0, 0x10];
const AES: &[u8] = &[0, 6, 0, 128, 0, 0x43];
const XOR: &[u8] = &[0, 0x0A, 0, 0x0B];

/// One session of a command.
#[derive(Clone, Copy)]
struct Use {
    /// Which of the sessions; none for a password or a session that is not there.
    slot: Option<usize>,
    attributes: u8,
}

/// A command without sessions: what it needs, and nothing random in its answer but for TPM2_GetRandom.
fn command(dice: &mut Dice, sessions: &[Session]) -> Cmd {
    match dice.below(9) {
        0 | 1 => Cmd::new(HASH).sized(b"abc").u16(0x0B).u32(NULL),
        2 => Cmd::new(0x146).sized(&[1, 2, 3]),
        3 => Cmd::new(0x13D).handle(16),
        4 => Cmd::new(0x18A).hex("00080010"),
        5 => Cmd::new(0x17C),
        6 => Cmd::new(0x189).handle(dice.pick(sessions).handle),
        7 => Cmd::new(GET_RANDOM).u16(4),
        // Two handles to be authorised, of which the second does not exist.
        _ => Cmd::new(0x14C).handle(ENDORSEMENT).handle(NULL).sized(&[]).u16(0x10),
    }
}

/// Appends sessions of any kind to a command.
fn with_sessions(dice: &mut Dice, sessions: &[Session], mut command: Cmd) -> (Cmd, Vec<Use>) {
    let count = dice.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 3, 4]);
    let mut uses = Vec::new();
    for _ in 0..count {
        let slot = dice.below(sessions.len());
        let mut attributes = if dice.once_in(12) { 0 } else { CONTINUE };
        for (flag, rarely) in [
            (AUDIT, 3),
            (DECRYPT, 4),
            (ENCRYPT, 4),
            (EXCLUSIVE, 8),
            (RESET, 8),
            (0x08, 60),
        ] {
            if dice.once_in(rarely) {
                attributes |= flag;
            }
        }
        let (handle, slot) = match dice.below(24) {
            0 => (0x0200_0030, None),
            1 => (sessions[slot].handle ^ 0x0100_0000, None),
            2..=5 => {
                attributes &= if dice.once_in(8) { 0xFF } else { CONTINUE };
                (PASSWORD, None)
            }
            _ => (sessions[slot].handle, Some(slot)),
        };
        let nonce: &[u8] = match (handle, dice.below(20)) {
            (PASSWORD, 0) => &[1; 4],
            (PASSWORD, _) => &[],
            (_, 0) => &[2; 65],
            (_, 1..=4) => &[],
            (_, _) => &[3; 16],
        };
        let hmac: &[u8] = if dice.once_in(20) { &[7; 32] } else { &[] };
        command = command.session(handle, nonce, attributes, hmac);
        uses.push(Use { slot, attributes });
    }
    (command, uses)
}

/// The attributes of the sessions in a response.
fn attributes(answer: &Answer) -> Vec<u8> {
    let mut area = answer.sessions(false);
    let mut found = Vec::new();
    let skip = |area: &[u8]| 2 + usize::from(u16::from_be_bytes([area[0], area[1]]));
    while !area.is_empty() {
        area = &area[skip(area)..];
        found.push(area[0]);
        area = &area[1..];
        area = &area[skip(area)..];
    }
    found
}

/// The part of an unsigned statement that says what is attested; or the code of the refusal.
fn attested(tpm: &mut dyn Tpm, command: &Cmd) -> String {
    let answer = Answer::new(tpm.send(&command.clone().u16(0).u16(0x10).to_bytes()));
    if answer.code() != 0 {
        return format!("{:#x}", answer.code());
    }
    let parameters = answer.parameters(false);
    let size = usize::from(u16::from_be_bytes([parameters[0], parameters[1]]));
    // Behind magic, type, signer, no extraData, clock and version.
    hex::encode(&parameters[2 + 4 + 2 + 6 + 2 + 17 + 8..2 + size])
}

/// What the command leaves in the audit digests is random.
fn is_random(command: &Cmd, uses: &[Use]) -> bool {
    let any = |flag| uses.iter().any(|session| session.attributes & flag != 0);
    command.code() == GET_RANDOM || command.code() == 0x14C || any(ENCRYPT) || (command.code() == HASH && any(DECRYPT))
}

/// Compares the digests that have nothing random in them.
fn compare_digests(pair: &mut Pair, sessions: &[Session], command_audit_random: bool) {
    for session in sessions {
        let command = Cmd::new(0x14D).handle(ENDORSEMENT).handle(NULL).handle(session.handle);
        let command = command.password(b"").password(b"");
        pair.each("session audit", |tpm| {
            let all = attested(tpm, &command);
            // Exclusive or not is never random.
            if session.random { all[..2].to_owned() } else { all }
        });
    }
    let command = Cmd::new(0x133)
        .handle(ENDORSEMENT)
        .handle(NULL)
        .password(b"")
        .password(b"");
    pair.each("command audit", |tpm| {
        let all = attested(tpm, &command);
        if command_audit_random {
            all[..16].to_owned()
        } else {
            all
        }
    });
}

#[test]
fn session_areas_of_all_kinds_are_judged_alike() {
    for seed in 1..=24u64 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::started();
        // TPM2_GetTestResult, whose answer is audited, then is the same: this engine tests an algorithm before its first use, swtpm when it starts.
        pair.same(&Cmd::new(0x143).u8(1));
        // Command audit with SHA-256, of TPM2_Hash and TPM2_PCR_Reset.
        let set = |alg: u16, codes: &[u32]| {
            let command = Cmd::new(0x140).handle(0x4000_0001).password(b"").u16(alg);
            let command = command.u32(codes.len() as u32);
            codes.iter().fold(command, |command, code| command.u32(*code)).u32(0)
        };
        pair.same(&set(0x0B, &[]));
        pair.same(&set(0x10, &[HASH, 0x13D]));
        let kinds: [(u8, &'static [u8]); 3] = match seed % 4 {
            0 => [(0, NONE), (0, AES), (1, AES)],
            1 => [(0, AES), (0, XOR), (0, AES)],
            2 => [(0, AES), (1, XOR), (3, AES)],
            _ => [(0, XOR), (0, NONE), (0, AES)],
        };
        let mut sessions = kinds.map(|(kind, symmetric)| Session::start(&mut pair, kind, symmetric));
        let mut command_audit_random = false;
        let mut history = Vec::new();
        for step in 0..600 {
            let bare = command(&mut dice, &sessions);
            let (sent, uses) = with_sessions(&mut dice, &sessions, bare.clone());
            let bytes = sent.to_bytes();
            history.push(hex::encode(&bytes));
            let theirs = Answer::new(pair.swtpm.send(&bytes));
            let ours = Answer::new(pair.engine.send(&bytes));
            let outcome = |answer: &Answer| {
                let sessions = (answer.code() == 0 && !uses.is_empty()).then(|| attributes(answer));
                (format!("{:#x}", answer.code()), sessions)
            };
            let from = history.len().saturating_sub(12);
            assert_eq!(
                outcome(&ours),
                outcome(&theirs),
                "engine (left) and swtpm (right), seed {seed}, step {step}:\n{}",
                history[from..].join("\n")
            );
            if ours.code() != 0 {
                continue;
            }
            let random = is_random(&bare, &uses);
            command_audit_random |= random && matches!(bare.code(), HASH | 0x13D);
            for session in &uses {
                let Some(slot) = session.slot else { continue };
                if session.attributes & AUDIT != 0 {
                    let reset = session.attributes & RESET != 0;
                    sessions[slot].random = random || (sessions[slot].random && !reset);
                }
            }
            for session in &uses {
                let Some(slot) = session.slot else { continue };
                if session.attributes & CONTINUE == 0 {
                    let Session { kind, symmetric, .. } = sessions[slot];
                    sessions[slot] = Session::start(&mut pair, kind, symmetric);
                }
            }
            if dice.once_in(10) {
                compare_digests(&mut pair, &sessions, command_audit_random);
            }
        }
    }
}

/// An HMAC key with the authValue "key" at which guesses do not count; and its Name.
fn hmac_key() -> (Cmd, Vec<u8>) {
    let bytes = |text: &str| hex::decode(text).expect("hexadecimal");
    // TPM_ALG_KEYEDHASH, authValue, a seed of 32 bytes, the key.
    let (seed, key) = ([4; 32], bytes("0102030405060708"));
    let sensitive = [&bytes("00080003")[..], b"key", &sized(&seed), &sized(&key)].concat();
    let unique = sha256(&[&seed, &key]);
    let public = [&bytes("0008000b0004044000000005000b")[..], &sized(&unique)].concat();
    let name = [&[0, 0x0B][..], &sha256(&[&public])].concat();
    let load = Cmd::new(0x167).sized(&sensitive).sized(&public).u32(NULL);
    (load, name)
}

#[test]
fn sessions_that_share_a_command_protect_it_alike() {
    // TPM2_HMAC, whose first parameter may be encrypted in both directions: one session authorises, any of three encrypts, decrypts and audits.
    let mut pair = Pair::started();
    let (load, name) = hmac_key();
    assert_eq!(pair.same(&load), 0);
    let command = Cmd::new(0x155)
        .handle(0x8000_0000)
        .sized(b"what is encrypted on its way")
        .u16(ALG_NULL);
    let plain = command.clone().only_password(b"key").to_bytes();
    let expected = pair.each("without sessions", |tpm| {
        Answer::new(tpm.send(&plain)).parameters(false).to_vec()
    });
    pair.each("with sessions", |tpm| {
        let mut clients = [(AES, None), (XOR, Some(0x4000_0001)), (AES, Some(0x4000_000B))].map(|(symmetric, bind)| {
            let bind = bind.map(|entity| (entity, Vec::new()));
            let symmetric = symmetric.to_vec();
            Client::start(
                tpm,
                &SessionOptions {
                    bind,
                    kind: 0,
                    symmetric,
                },
            )
        });
        let mut outcomes = Vec::new();
        for choice in 0..81 {
            let mut uses = Vec::new();
            // Which session decrypts, encrypts, audits: none of them, or one.
            let (decrypts, encrypts, audits, last) = (choice % 3, choice / 3 % 3, choice / 9 % 3, choice / 27);
            for (at, client) in clients.iter_mut().enumerate() {
                let flag = |which: usize, flag| if which == at { flag } else { 0 };
                uses.push(Together {
                    client,
                    auth: (at == 0).then_some((&b"key"[..], true)),
                    attributes: CONTINUE | flag(decrypts, DECRYPT) | flag(encrypts, ENCRYPT) | flag(audits, AUDIT),
                });
            }
            // A session that is there for nothing is refused, so not all of them are always there.
            uses.truncate(1 + last.max(decrypts).max(encrypts).max(audits).min(2));
            let forgetful = choice % 7 == 3;
            let outcome = Client::run_together(&mut uses, tpm, &command, &[&name], forgetful);
            if let Ok(parameters) = &outcome {
                assert_eq!(parameters, &expected, "choice {choice}");
            }
            outcomes.push((choice, outcome));
        }
        assert!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count() > 20);
        assert!(outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count() > 5);
        outcomes
    });
}
