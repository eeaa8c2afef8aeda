//! Both TPMs with what was made in them, and one step of a run: choose, spoil perhaps, send, compare.

use super::{
    operations,
    verdicts::{self, Difference},
};
use crate::dice::Dice;
use crate::oracle::{Answer, Cmd, Pair, Tpm};

/// The same thing of both TPMs: the engine's, then swtpm's.
pub type Both<T> = [T; 2];

/// What of a successful response must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The code alone: the contents tell which implementation it is.
    Code,
    /// The size as well.
    Size,
    /// A digest with its ticket: the size, and all but the ticket's digest.
    ToTicket,
    /// Every byte.
    Bytes,
}

/// What happens to the world's books after success on both.
type After = Box<dyn FnOnce(&mut World, &Both<Answer>)>;

/// A command for both.
pub struct Request {
    /// The command of each; they differ where handles, names or private data do.
    pub commands: Both<Cmd>,
    /// What must be equal.
    pub compare: Compare,
    /// What follows from success.
    pub after: Option<After>,
}

impl Request {
    /// The same command for both.
    pub fn same(command: Cmd, compare: Compare) -> Self {
        Self {
            commands: [command.clone(), command],
            compare,
            after: None,
        }
    }

    /// A command made for each.
    pub fn each(make: impl Fn(usize) -> Cmd, compare: Compare) -> Self {
        Self {
            commands: [make(0), make(1)],
            compare,
            after: None,
        }
    }

    /// With what follows from success.
    #[must_use]
    pub fn then(mut self, after: impl FnOnce(&mut World, &Both<Answer>) + 'static) -> Self {
        self.after = Some(Box::new(after));
        self
    }
}

/// A loaded object, or a sequence.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its handle.
    pub handle: Both<u32>,
    /// Its authValue.
    pub auth: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// TPM2B_PUBLIC contents.
    pub public: Both<Vec<u8>>,
}

/// What an object can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A storage key.
    Parent,
    /// An ECC signing key.
    EccSigner,
    /// A restricted ECC signing key.
    Attester,
    /// An ECC key for ECDH.
    EccDecrypter,
    /// An RSA key for both purposes, from outside.
    Rsa,
    /// An HMAC key.
    Hmac,
    /// A symmetric key.
    Cipher,
    /// Sealed data.
    Sealed,
    /// A hash or HMAC sequence.
    Sequence,
}

/// A created object that was not loaded.
#[derive(Clone, Debug)]
pub struct Blob {
    /// TPM2B_PRIVATE with its size.
    pub private: Both<Vec<u8>>,
    /// TPM2B_PUBLIC with its size.
    pub public: Both<Vec<u8>>,
    /// Its authValue.
    pub auth: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// An NV index.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its handle.
    pub handle: u32,
    /// Its authValue.
    pub auth: Vec<u8>,
    /// TPMA_NV.
    pub attributes: u32,
    /// Bytes.
    pub size: u16,
}

impl Index {
    /// Whether it is of type TPM_NT_COUNTER.
    pub const fn is_counter(&self) -> bool {
        self.attributes >> 4 & 0xF == 1
    }
}

/// The books.
pub struct World {
    pair: Pair,
    /// The choices.
    pub dice: Dice,
    /// Loaded objects.
    pub objects: Vec<Object>,
    /// Created ones.
    pub blobs: Vec<Blob>,
    /// Saved contexts.
    pub contexts: Vec<Both<Vec<u8>>>,
    /// Policy sessions.
    pub policies: Vec<Both<u32>>,
    /// HMAC sessions.
    pub sessions: Vec<Both<u32>>,
    /// NV indices.
    pub indices: Vec<Index>,
    /// The last signature of each, with the digest and the position of its key.
    pub signature: Option<(Vec<u8>, Both<Vec<u8>>)>,
    history: Vec<String>,
}

/// What a step came to.
pub enum Step {
    /// Both answered the same.
    Same {
        /// The command.
        code: u32,
        /// Both did it.
        succeeded: bool,
    },
    /// A difference for which there is a reason.
    Judged {
        /// The reason.
        reason: &'static str,
        /// The two do not hold the same state any more.
        parted: bool,
    },
    /// A difference without one.
    Found(Finding),
}

/// A difference without a reason.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The run.
    pub seed: u64,
    /// What differs.
    pub what: String,
    /// The last commands and codes that led there.
    pub history: Vec<String>,
}

/// Commands whose responses begin with a handle.
const MAKE_HANDLES: [u32; 7] = [0x131, 0x157, 0x167, 0x161, 0x186, 0x15B, 0x176];

/// Commands that a finding shows.
const SHOWN: usize = 12;

impl World {
    /// Two new TPMs after TPM2_Startup(CLEAR).
    pub fn new(dice: Dice) -> Self {
        Self {
            pair: Pair::started(),
            dice,
            objects: Vec::new(),
            blobs: Vec::new(),
            contexts: Vec::new(),
            policies: Vec::new(),
            sessions: Vec::new(),
            indices: Vec::new(),
            signature: None,
            history: Vec::new(),
        }
    }

    /// Chooses a command, sends it to both, and compares.
    pub fn step(&mut self) -> Step {
        if self.dice.once_in(150) {
            return self.power_cycle();
        }
        let request = operations::choose(self);
        let mut bytes = [request.commands[0].to_bytes(), request.commands[1].to_bytes()];
        let spoiled = self.dice.once_in(4);
        if spoiled {
            self.spoil(&mut bytes);
        }
        self.exchange(request, bytes)
    }

    fn exchange(&mut self, request: Request, bytes: Both<Vec<u8>>) -> Step {
        let command = request.commands[0].code();
        let answers = [
            Answer::new(self.pair.engine.send(&bytes[0])),
            Answer::new(self.pair.swtpm.send(&bytes[1])),
        ];
        let codes = [answers[0].code(), answers[1].code()];
        self.history.push(format!(
            "{} -> engine {:#x}, swtpm {:#x}",
            hex::encode(&bytes[0]),
            codes[0],
            codes[1]
        ));
        let sizes = [answers[0].bytes().len(), answers[1].bytes().len()];
        // Both give the lowest free handle: from another one on, the same handle would mean two things.
        let handles = MAKE_HANDLES.contains(&command) && codes == [0, 0] && answers[0].handle() != answers[1].handle();
        let equal = codes[0] == codes[1]
            && !handles
            && (codes[0] != 0
                || match request.compare {
                    Compare::Code => true,
                    Compare::Size => sizes[0] == sizes[1],
                    Compare::ToTicket => sizes[0] == sizes[1] && to_ticket(&answers[0]) == to_ticket(&answers[1]),
                    Compare::Bytes => answers[0] == answers[1],
                });
        if equal {
            let succeeded = codes[0] == 0;
            if succeeded && let Some(after) = request.after {
                after(self, &answers);
            }
            return Step::Same {
                code: command,
                succeeded,
            };
        }
        let difference = Difference {
            command,
            sent: &bytes[0],
            codes,
        };
        let parted = codes.contains(&0);
        if let Some(reason) = verdicts::reason(&difference) {
            return Step::Judged { reason, parted };
        }
        let contents = if codes == [0, 0] {
            format!(
                "\n  engine {}\n  swtpm  {}",
                hex::encode(answers[0].bytes()),
                hex::encode(answers[1].bytes())
            )
        } else {
            String::new()
        };
        let from = self.history.len().saturating_sub(SHOWN);
        Step::Found(Finding {
            seed: 0,
            what: format!(
                "command {command:#x}: engine {:#x} ({} bytes), swtpm {:#x} ({} bytes){contents}",
                codes[0], sizes[0], codes[1], sizes[1]
            ),
            history: self.history.split_off(from),
        })
    }

    /// An orderly or sudden loss of power, and a start.
    fn power_cycle(&mut self) -> Step {
        let (shutdown, startup) = self
            .dice
            .pick(&[(Some(0u16), 0u16), (Some(1), 0), (Some(1), 1), (None, 0)]);
        if let Some(kind) = shutdown {
            let request = Request::same(Cmd::new(0x145).u16(kind), Compare::Bytes);
            let bytes = [request.commands[0].to_bytes(), request.commands[1].to_bytes()];
            let step = self.exchange(request, bytes);
            if !matches!(step, Step::Same { .. }) {
                return step;
            }
        }
        self.pair.power_cycle();
        self.history.push("power cycle".into());
        self.objects.retain(|object| object.handle[0] >> 24 == 0x81);
        self.policies.clear();
        self.sessions.clear();
        let request = Request::same(Cmd::new(0x144).u16(startup), Compare::Bytes);
        let bytes = [request.commands[0].to_bytes(), request.commands[1].to_bytes()];
        self.exchange(request, bytes)
    }

    /// Changes one thing in both commands, at the same place.
    fn spoil(&mut self, bytes: &mut Both<Vec<u8>>) {
        let length = bytes[0].len().min(bytes[1].len());
        let at = 10 + self.dice.below(length.saturating_sub(10).max(1));
        match self.dice.below(7) {
            // A bit, or a byte, behind the header; not a byte that one of the two has already, or one command would be spoiled and the other not.
            0 | 1 => {
                let xor = 1 << self.dice.below(8);
                self.change(bytes, at, |byte| byte ^ xor);
            }
            2 => {
                let value = self.dice.pick(&[0u8, 1, 0x10, 0x7F, 0x80, 0xFF]);
                if bytes.iter().all(|bytes| bytes.get(at) != Some(&value)) {
                    self.change(bytes, at, |_| value);
                }
            }
            // Bytes are missing at the end, or there are some more.
            3 => {
                let left = 10 + self.dice.below((length - 9).max(1));
                resize(bytes, |length| left.min(length));
            }
            4 => {
                let more = 1 + self.dice.below(4);
                resize(bytes, |length| length + more);
            }
            // A size that is not the command's.
            5 => {
                let change = self.dice.pick(&[1u8, 2, 0xFF]);
                self.change(bytes, 5, |byte| byte.wrapping_add(change));
            }
            // The tag.
            _ => {
                let tag = self.dice.pick(&[1u8, 2, 0, 0x14]);
                self.change(bytes, 1, |_| tag);
            }
        }
    }

    fn change(&self, bytes: &mut Both<Vec<u8>>, at: usize, to: impl Fn(u8) -> u8) {
        for bytes in bytes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to(*byte);
            }
        }
    }

    /// The position of a loaded object of one of these kinds.
    pub fn find(&mut self, kinds: &[Kind]) -> Option<Object> {
        let fitting: Vec<&Object> = self
            .objects
            .iter()
            .filter(|object| kinds.contains(&object.kind))
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let at = self.dice.below(fitting.len());
        Some(fitting[at].clone())
    }

    /// An object's authValue, or now and then another.
    pub fn auth_of(&mut self, auth: &[u8]) -> Vec<u8> {
        if self.dice.once_in(25) {
            b"wrong".to_vec()
        } else {
            auth.to_vec()
        }
    }
}

/// A digest, and the tag and the hierarchy of the ticket behind it; what follows is made with the TPM's own secret.
fn to_ticket(answer: &Answer) -> Option<&[u8]> {
    let parameters = answer.parameters(false);
    let size = u16::from_be_bytes(*parameters.first_chunk()?);
    parameters.get(..2 + usize::from(size) + 6)
}

/// Gives both commands another length, with the header saying it.
fn resize(bytes: &mut Both<Vec<u8>>, to: impl Fn(usize) -> usize) {
    for bytes in bytes {
        let length = to(bytes.len());
        bytes.resize(length, 0);
        bytes[2..6].copy_from_slice(&(length as u32).to_be_bytes());
    }
}
