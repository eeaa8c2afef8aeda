//! Policy sessions against swtpm: policy commands in any order, drawn at random from fixed seeds, on trial and policy sessions of several hashes, which
//! then authorise commands of the owner with the policy that they have reached. Codes and digests must be the same after every command.

use cloister_tests::dice::Dice;
use cloister_tests::oracle::{Cmd, Pair, Tpm};

const OWNER: u32 = 0x4000_0001;
const NULL: u32 = 0x4000_0007;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const INDEX: u32 = 0x0150_0016;
/// ownerAuth.
const SECRET: &[u8] = b"secret";

/// A digest of a size that is mostly the right one. Digests of two kinds are never the same: swtpm 0.7.1 takes one for the other then.
fn some_digest(dice: &mut Dice, kind: u8, right: usize) -> Vec<u8> {
    let size = if dice.once_in(8) {
        dice.pick(&[0, 20, 32, 48, 65])
    } else {
        right
    };
    vec![kind << 4 | dice.below(3) as u8; size]
}

/// A Name that is mostly one.
fn name(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => OWNER.to_be_bytes().to_vec(),
        1 => vec![0, 0x0B, 1],
        2 => vec![0, 0x10],
        _ => [&[0, 0x0B][..], &[dice.below(3) as u8; 32]].concat(),
    }
}

/// A session that both TPMs have under the same handle.
#[derive(Clone, Copy)]
struct Session {
    handle: u32,
    /// TPM_SE, 1 or 3.
    kind: u8,
    alg: u16,
    size: usize,
}

impl Session {
    fn start(pair: &mut Pair, kind: u8, alg: u16, size: usize) -> Self {
        let command = Cmd::new(0x176).handle(NULL).handle(NULL).sized(&[1; 16]).sized(&[]);
        let command = command.u8(kind).u16(0x10).u16(alg).to_bytes();
        let start = pair.each("TPM2_StartAuthSession", |tpm| tpm.send(&command)[6..14].to_vec());
        assert_eq!(start[..4], [0; 4]);
        Self {
            handle: u32::from_be_bytes(start[4..].try_into().expect("four bytes")),
            kind,
            alg,
            size,
        }
    }

    /// policyDigest.
    fn digest(self, pair: &mut Pair) -> Vec<u8> {
        let answer = pair.identical(&Cmd::new(0x189).handle(self.handle));
        answer.parameters(false)[2..].to_vec()
    }
}

/// A policy command on a session.
fn policy(dice: &mut Dice, session: Session, digest: &[u8]) -> Cmd {
    let on = |code: u32| Cmd::new(code).handle(session.handle);
    let selection = "00000001000b03010000";
    match dice.below(20) {
        0 => on(0x16B),
        1 => on(0x18C),
        2 | 3 => on(0x16C).u32(dice.pick(&[0x129, 0x129, 0x137, 0x151, 0x12F, 0xFFFF])),
        4 => on(0x16F).u8(dice.pick(&[0, 1, 3, 0x1F, 0x1E, 0x20, 0x40])),
        5 => on(0x16E).sized(&some_digest(dice, 1, session.size)),
        6 => on(0x170).sized(&some_digest(dice, 2, session.size)),
        7 => on(0x190).sized(&some_digest(dice, 3, session.size)),
        8 => on(0x18F).u8(dice.pick(&[0, 1, 1, 2])),
        9 => on(0x187),
        10 | 11 => {
            let given = if dice.once_in(3) {
                some_digest(dice, 4, session.size)
            } else {
                Vec::new()
            };
            on(0x17F).sized(&given).hex(dice.pick(&[
                selection,
                "00000000",
                "00000001000b03000100",
                "00000001001203010000",
            ]))
        }
        12 => {
            // One branch is what there is, most of the time.
            let branches = dice.pick(&[2usize, 3, 8, 1, 9]);
            let right = dice.below(branches + 1);
            (0..branches).fold(on(0x171).u32(branches as u32), |command, at| {
                if at == right {
                    command.sized(digest)
                } else {
                    command.sized(&vec![at as u8; session.size])
                }
            })
        }
        13 => on(0x188).sized(&name(dice)).sized(&name(dice)).u8(dice.pick(&[0, 1])),
        14 => {
            let (entity, password): (u32, &[u8]) = dice.pick(&[
                (OWNER, SECRET),
                (OWNER, &b""[..]),
                (ENDORSEMENT, b""),
                (NULL, b""),
                (INDEX, b"pin"),
            ]);
            let secret = Cmd::new(0x151).handle(entity).handle(session.handle).password(password);
            // On a trial session nothing is checked, and it would replace a digest of another kind.
            let cp_hash = if session.kind == 1 && dice.once_in(5) {
                some_digest(dice, 5, session.size)
            } else {
                Vec::new()
            };
            let reference = vec![3; dice.pick(&[0, 0, 5, 65])];
            // Without a ticket, which only the TPM that made it knows.
            secret
                .sized(if dice.once_in(9) { &[1; 16] } else { &[] })
                .sized(&cp_hash)
                .sized(&reference)
                .u32(dice.pick(&[0, 0, 100]))
        }
        15 => {
            let policy = Cmd::new(0x149)
                .handle(OWNER)
                .handle(INDEX)
                .handle(session.handle)
                .password(SECRET);
            policy
                .sized(&[0, 1])
                .u16(dice.pick(&[0, 6, 9]))
                .u16(dice.pick(&[0, 1, 9, 12]))
        }
        16 => on(0x16D)
            .sized(&[1])
            .u16(dice.pick(&[24, 25, 26]))
            .u16(dice.pick(&[0, 1, 10])),
        17 => {
            // TPM2_PolicyAuthorize: nobody has approved anything.
            let approved = if dice.once_in(2) {
                digest.to_vec()
            } else {
                some_digest(dice, 6, session.size)
            };
            on(0x16A)
                .sized(&approved)
                .sized(&[])
                .sized(&name(dice))
                .hex(dice.pick(&["8022400000070000", "80224000000b00020102", "8021400000070000"]))
        }
        18 => Cmd::new(0x192)
            .handle(OWNER)
            .handle(INDEX)
            .handle(session.handle)
            .password(SECRET),
        _ => on(0x180),
    }
}

/// Gives the owner the policy that a session has reached, and lets the session authorise something.
fn authorize(pair: &mut Pair, dice: &mut Dice, session: Session) {
    let digest = session.digest(pair);
    let set = Cmd::new(0x12E).handle(PLATFORM).password(b"");
    pair.same(&set.sized(&digest).u16(session.alg));
    let set = Cmd::new(0x12E).handle(OWNER).password(SECRET);
    pair.same(&set.sized(&digest).u16(session.alg));
    let by = dice.pick(&[OWNER, OWNER, OWNER, PLATFORM, ENDORSEMENT]);
    let hmac: &[u8] = match dice.below(4) {
        0 => SECRET,
        1 => &[7; 32],
        _ => b"",
    };
    let attributes = dice.pick(&[0u8, 1, 1, 1]);
    let command = match dice.below(3) {
        0 => Cmd::new(0x129)
            .handle(by)
            .session(session.handle, &[], attributes, hmac)
            .sized(if by == OWNER { SECRET } else { b"" }),
        1 => Cmd::new(0x137)
            .handle(by)
            .handle(INDEX)
            .session(session.handle, &[], attributes, hmac)
            .sized(&[0; 8])
            .u16(0),
        _ => Cmd::new(0x13D)
            .handle(16)
            .session(session.handle, &[], attributes, hmac),
    };
    pair.same(&command);
}

#[test]
fn policy_sessions_live_alike() {
    for seed in 1..=16u64 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::started();
        pair.same(&Cmd::new(0x129).handle(OWNER).password(b"").sized(SECRET));
        // OWNERWRITE, PPWRITE, OWNERREAD, AUTHREAD, NO_DA.
        let public = [&INDEX.to_be_bytes()[..], &[0, 0x0B, 2, 6, 0, 3, 0, 0, 0, 8]].concat();
        pair.same(
            &Cmd::new(0x12A)
                .handle(OWNER)
                .password(SECRET)
                .sized(b"pin")
                .sized(&public),
        );
        let mut sessions = [(3u8, 0x0Bu16, 32usize), (1, 0x0B, 32), (1, 0x0C, 48)]
            .map(|(kind, alg, size)| Session::start(&mut pair, kind, alg, size));
        let mut history = Vec::new();
        for step in 0..500 {
            let slot = dice.pick(&[0, 1, 1, 1, 2]);
            let session = sessions[slot];
            if dice.once_in(8) && session.kind == 1 {
                history.push(format!("authorize by {:#x}", session.handle));
                println!("seed {seed}, step {step}:\n{}", history.join("\n"));
                history.clear();
                authorize(&mut pair, &mut dice, session);
            } else if dice.once_in(25) {
                pair.same(&Cmd::new(0x13D).handle(16).password(b""));
                pair.same(
                    &Cmd::new(0x182)
                        .handle(dice.pick(&[0, 16]))
                        .password(b"")
                        .u32(1)
                        .u16(0x0B)
                        .raw(&[5; 32]),
                );
            } else {
                let digest = session.digest(&mut pair);
                let bytes = policy(&mut dice, session, &digest).to_bytes();
                history.push(hex::encode(&bytes));
                let (theirs, ours) = (pair.swtpm.send(&bytes), pair.engine.send(&bytes));
                let from = history.len().saturating_sub(30);
                assert_eq!(
                    hex::encode(&ours),
                    hex::encode(&theirs),
                    "engine (left) and swtpm (right), seed {seed}, step {step}:\n{}",
                    history[from..].join("\n")
                );
            }
            let look = Cmd::new(0x189).handle(session.handle);
            if pair.same(&look) == 0 {
                pair.identical(&look);
            } else {
                // It has authorised something, and was not to continue.
                sessions[slot] = Session::start(&mut pair, session.kind, session.alg, session.size);
            }
            if dice.once_in(12) {
                pair.same(&Cmd::new(0x180).handle(sessions[slot].handle));
            }
        }
    }
}
