//! Hierarchies, PCR, lockout and starts against swtpm: long sequences of commands, drawn at random from fixed seeds. After each command both must have
//! answered the same bytes, and now and then all properties that vary must be the same.

use cloister_tests::dice::Dice;
use cloister_tests::oracle::{Answer, Cmd, Pair, Tpm};

const OWNER: u32 = 0x4000_0001;
const LOCKOUT: u32 = 0x4000_000A;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;
const PLATFORM_NV: u32 = 0x4000_000D;
const NULL: u32 = 0x4000_0007;
/// An index that guesses count at, and one that they do not.
const PROTECTED: u32 = 0x0150_0016;
const FREE: u32 = 0x0150_0017;
/// The authValues that there are.
const SECRETS: [&[u8]; 3] = [b"", b"a", b"longer than one"];

/// What the test knows of the TPMs, so that most of its commands are good ones.
struct World {
    dice: Dice,
    /// The authValues of owner, endorsement, platform and lockout, as the last good command left them.
    auths: [&'static [u8]; 4],
}

const HIERARCHIES: [u32; 4] = [OWNER, ENDORSEMENT, PLATFORM, LOCKOUT];

impl World {
    /// The authValue of a hierarchy; now and then another one.
    fn auth(&mut self, hierarchy: u32) -> &'static [u8] {
        let known = HIERARCHIES.iter().position(|known| *known == hierarchy);
        // lockoutAuth is not guessed at: one failure would close it for the whole sequence.
        if hierarchy != LOCKOUT && self.dice.once_in(15) {
            return self.dice.pick(&SECRETS);
        }
        known.map_or(b"", |at| self.auths[at])
    }

    fn by(&mut self, code: u32, hierarchy: u32) -> Cmd {
        let auth = self.auth(hierarchy);
        Cmd::new(code).handle(hierarchy).password(auth)
    }

    /// The next command, and what it changes of the authValues if it is carried out.
    fn command(&mut self) -> (Cmd, Option<Change>) {
        let dice = &mut self.dice;
        let any = dice.pick(&HIERARCHIES);
        match dice.below(26) {
            0..=2 => {
                let new = self.dice.pick(&SECRETS);
                let command = self.by(0x129, any).sized(new);
                (command, Some(Change::Auth(any, new)))
            }
            3 | 4 => {
                let which = dice.pick(&[OWNER, ENDORSEMENT, PLATFORM, PLATFORM_NV, NULL]);
                let state = u8::from(!dice.once_in(3));
                // Without a platform nothing would be left to be seen until the next start.
                let state = if which == PLATFORM { 1 } else { state };
                (self.by(0x121, any).u32(which).u8(state), None)
            }
            5 => {
                let (size, alg) = dice.pick(&[
                    (0u16, 0x10u16),
                    (32, 0x0B),
                    (32, 0x0C),
                    (20, 0x04),
                    (0, 0x0B),
                    (65, 0x0D),
                ]);
                let policy = vec![7; size.into()];
                (self.by(0x12E, any).sized(&policy).u16(alg), None)
            }
            6 if dice.once_in(4) => (self.by(0x126, any), Some(Change::Clear)),
            6 => (self.by(0x126, not_clearing(any)), None),
            7 => {
                let state = u8::from(dice.once_in(3));
                (self.by(0x127, any).u8(state), None)
            }
            8 => (self.by(0x139, any), None),
            9 => {
                let tries = dice.pick(&[0u32, 1, 3, 5, 32]);
                let recovery = dice.pick(&[0u32, 10_000, 0xFFFF_FFFF]);
                (self.by(0x13A, any).u32(tries).u32(recovery).u32(10_000), None)
            }
            10 => {
                let by = if dice.once_in(4) { any } else { PLATFORM };
                (self.by(0x124, by), Some(Change::Endorsement))
            }
            11 => (self.by(0x125, any), None),
            12..=14 => (self.guess(), None),
            15 | 16 => {
                let pcr = dice.pick(&[0u32, 7, 16, 16, 17, 23, 24, NULL]);
                let extend = Cmd::new(0x182).handle(pcr).password(b"").u32(2);
                let extend = extend.u16(0x0B).raw(&[dice.below(256) as u8; 32]);
                (extend.u16(0x04).raw(&[1; 20]), None)
            }
            17 => {
                let pcr = dice.pick(&[1u32, 16, 21, NULL]);
                let event = vec![dice.below(256) as u8; dice.pick(&[0, 5, 1024, 1025])];
                (Cmd::new(0x13C).handle(pcr).password(b"").sized(&event), None)
            }
            18 => (
                Cmd::new(0x13D).handle(dice.pick(&[0, 16, 17, 20, 23])).password(b""),
                None,
            ),
            19 | 20 => {
                let select = [dice.below(256) as u8, dice.below(256) as u8, dice.below(256) as u8];
                let alg = dice.pick(&[0x04u16, 0x0B, 0x0C, 0x0D, 0x12]);
                (Cmd::new(0x17E).u32(1).u16(alg).u8(3).raw(&select), None)
            }
            21 => {
                // CreatePrimary of sealed data in a hierarchy that may be off; it is flushed at once.
                let template = hex::decode("0008000b00000052000000100000").expect("hexadecimal");
                let hierarchy = dice.pick(&[OWNER, ENDORSEMENT, PLATFORM, NULL]);
                let create = self.by(0x131, hierarchy).hex("00080000000474657374");
                (create.sized(&template).u16(0).u32(0), Some(Change::Object))
            }
            22 => (
                Cmd::new(0x12A)
                    .handle(OWNER)
                    .password(b"")
                    .sized(b"pin")
                    .sized(&index(PROTECTED)),
                None,
            ),
            23 => (self.by(0x12A, OWNER).sized(b"pin").sized(&index(FREE)), None),
            24 => {
                let index = dice.pick(&[PROTECTED, FREE]);
                let write = Cmd::new(0x137).handle(index).handle(index).password(b"pin");
                (write.sized(&[1; 8]).u16(0), None)
            }
            _ => (Cmd::new(0x145).u16(dice.pick(&[0, 1])), None),
        }
    }

    /// A use of an index's authValue, which may be wrong.
    fn guess(&mut self) -> Cmd {
        let index = self.dice.pick(&[PROTECTED, PROTECTED, FREE]);
        let password: &[u8] = self.dice.pick(&[b"pin", b"pin", b"nip"]);
        Cmd::new(0x14E)
            .handle(index)
            .handle(index)
            .password(password)
            .u16(8)
            .u16(0)
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Auth(hierarchy, new) => {
                if let Some(at) = HIERARCHIES.iter().position(|known| *known == hierarchy) {
                    self.auths[at] = new;
                }
            }
            Change::Clear => self.auths = [b"", b"", self.auths[2], b""],
            Change::Endorsement => self.auths[1] = b"",
            Change::Object => {}
        }
    }
}

/// A hierarchy that may not clear.
const fn not_clearing(hierarchy: u32) -> u32 {
    if hierarchy == PLATFORM || hierarchy == LOCKOUT {
        OWNER
    } else {
        hierarchy
    }
}

/// What a good command changes.
#[derive(Clone, Copy)]
enum Change {
    /// An authValue.
    Auth(u32, &'static [u8]),
    /// All but the platform's.
    Clear,
    /// The endorsement's.
    Endorsement,
    /// An object is loaded.
    Object,
}

/// The public area of an index of 8 bytes that its authValue reads and writes.
fn index(handle: u32) -> Vec<u8> {
    let attributes: u32 = if handle == FREE { 0x0206_0006 } else { 0x0006_0006 };
    let mut public = handle.to_be_bytes().to_vec();
    public.extend([0, 0x0B]);
    public.extend(attributes.to_be_bytes());
    public.extend([0, 0, 0, 8]);
    public
}

/// Every property that varies, the policies, and the PCR.
fn observe(pair: &mut Pair) {
    for property in [
        0x200u32, 0x201, 0x202, 0x203, 0x205, 0x208, 0x20A, 0x20C, 0x20E, 0x20F, 0x210, 0x211, 0x212, 0x213, 0x214,
    ] {
        pair.identical(&Cmd::new(0x17A).u32(6).u32(property).u32(1));
    }
    // Behind the four come the countdown timers' policies, which the engine has and swtpm does not: all but moreData is the same.
    pair.each("policies", |tpm| {
        let answer = Answer::new(tpm.send(&Cmd::new(0x17A).u32(9).u32(0x4000_0000).u32(4).to_bytes()));
        hex::encode(&answer.bytes()[11..])
    });
    for pcr in [[1u8, 0, 0], [0xC0, 0xFF, 0], [0, 0, 0xFF]] {
        for alg in [0x04u16, 0x0B] {
            pair.identical(&Cmd::new(0x17E).u32(1).u16(alg).u8(3).raw(&pcr));
        }
    }
}

/// Takes the power away after a TPM2_Shutdown, and starts again.
fn cycle(pair: &mut Pair, world: &mut World) {
    let shutdown = world.dice.below(2) as u16;
    pair.same(&Cmd::new(0x145).u16(shutdown));
    pair.power_cycle();
    let wanted = world.dice.below(2) as u16;
    let resumed = pair.same(&Cmd::new(0x144).u16(wanted)) == 0 && wanted == 1;
    if !resumed {
        pair.engine.send(&Cmd::new(0x144).u16(0).to_bytes());
        pair.swtpm.send(&Cmd::new(0x144).u16(0).to_bytes());
        world.auths[2] = b"";
    }
}

#[test]
fn hierarchies_and_lockout_live_alike() {
    for seed in 1..=12 {
        let mut world = World {
            dice: Dice::new(seed),
            auths: [b"", b"", b"", b""],
        };
        let mut pair = Pair::started();
        let mut history = Vec::new();
        for step in 0..700 {
            if world.dice.once_in(50) {
                cycle(&mut pair, &mut world);
                history.push("power".to_owned());
                println!("seed {seed}, step {step}:\n{}", history.join("\n"));
                history.clear();
                observe(&mut pair);
                continue;
            }
            let (command, change) = world.command();
            let bytes = command.to_bytes();
            history.push(hex::encode(&bytes));
            let (theirs, ours) = (pair.swtpm.send(&bytes), pair.engine.send(&bytes));
            // Of an object only whether there is one is the same.
            let seen = if bytes[6..10] == [0, 0, 1, 0x31] {
                10
            } else {
                usize::MAX
            };
            let answer = |answer: &[u8]| hex::encode(&answer[..seen.min(answer.len())][6..]);
            let from = history.len().saturating_sub(40);
            assert_eq!(
                answer(&ours),
                answer(&theirs),
                "engine (left) and swtpm (right), seed {seed}, step {step}:\n{}",
                history[from..].join("\n")
            );
            if ours[6..10] != [0; 4] {
                continue;
            }
            if let Some(change) = change {
                world.apply(change);
                if matches!(change, Change::Object) {
                    pair.same(&Cmd::new(0x165).u32(0x8000_0000));
                }
            }
        }
        observe(&mut pair);
    }
}
