//! A TPM that knows just the commands with which the SVSM provisions one and measures a boot, and that can be told to misbehave.
//!
//! It stands for a component behind the sandbox: hostile, buggy or fine. Its keys are real P-256 points and well-formed moduli, derived from a counter for each
//! seed; it signs nothing. The engine itself is tested with the same services elsewhere; this model is for what the engine would never do.

use p256::{SecretKey, elliptic_curve::sec1::ToSec1Point};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt};
use tpm_contract::{Component, Description, Failure, Identity, Record};

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// None.
    None,
    /// The sandbox stops it when this command arrives.
    TrapOn(u32),
    /// It answers this command with something that is no response.
    GarbageOn(u32),
    /// It answers this command with a response of so many bytes.
    LongOn(u32, usize),
    /// It fails in an orderly way on this command.
    FailOn(u32, Failure),
    /// It refuses this command with a response code.
    RefuseOn(u32, u32),
    /// It fails when asked for its identity.
    FailIdentity(Failure),
    /// TPM2_FlushContext says that it did, and did not.
    KeepTransients,
    /// It names a point that is not on the curve.
    OffCurve,
    /// It names a key of other attributes.
    OtherTemplate,
}

/// What the sandbox would report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFault;

impl fmt::Display for ModelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trap")
    }
}

/// The model.
#[derive(Clone, Debug)]
pub struct ModelTpm {
    /// How it misbehaves.
    pub quirk: Quirk,
    /// Codes of the commands it has seen.
    pub seen: Vec<u32>,
    /// What PCRs were extended by: the PCR and the TPML_DIGEST_VALUES, in the order of the commands.
    pub extended: Vec<(u32, Vec<u8>)>,
    /// What lies at persistent handles.
    pub persistent: BTreeMap<u32, Vec<u8>>,
    transient: BTreeMap<u32, Vec<u8>>,
    seeds: BTreeMap<u32, u8>,
    auths: BTreeMap<u32, Vec<u8>>,
    powered: bool,
    started: bool,
}

/// The parts of a template that are not `unique`, up to RSA exponent or ECC KDF, told apart by type.
fn head_len(public: &[u8]) -> usize {
    let policy = usize::from(u16::from_be_bytes([public[8], public[9]]));
    10 + policy + if public[1] == 1 { 6 + 2 + 2 + 4 } else { 6 + 2 + 2 + 2 }
}

const OWNER: u32 = 0x4000_0001;
const ENDORSEMENT: u32 = 0x4000_000B;
const PLATFORM: u32 = 0x4000_000C;

/// Templates of the TCG EK Credential Profile (L-1, L-2) and of the provisioning guidance, without `unique`.
const HEADS: [(u32, &str); 4] = [
    (
        ENDORSEMENT,
        "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010080000000000",
    ),
    (
        ENDORSEMENT,
        "0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100003\
         0010",
    ),
    (OWNER, "0001000b0003047200000006008000430010080000000000"),
    (
        OWNER,
        "0023000b00030472000000060080004300100003\
         0010",
    ),
];

impl ModelTpm {
    /// A new one.
    pub fn new(quirk: Quirk) -> Self {
        ModelTpm {
            quirk,
            seen: Vec::new(),
            extended: Vec::new(),
            persistent: BTreeMap::new(),
            transient: BTreeMap::new(),
            seeds: BTreeMap::new(),
            auths: BTreeMap::new(),
            powered: false,
            started: false,
        }
    }

    /// How many transient objects are loaded.
    pub fn transients(&self) -> usize {
        self.transient.len()
    }

    /// The authorisation value of a hierarchy.
    pub fn auth(&self, hierarchy: u32) -> &[u8] {
        self.auths.get(&hierarchy).map_or(&[], Vec::as_slice)
    }

    /// The key that a template gives with the hierarchy's seed of this moment.
    fn derive(&self, hierarchy: u32, head: &[u8]) -> Vec<u8> {
        let seed = self.seeds.get(&hierarchy).copied().unwrap_or(0);
        let digest = Sha256::new()
            .chain_update([seed])
            .chain_update(hierarchy.to_be_bytes())
            .chain_update(head);
        let digest = digest.finalize();
        let mut public = head.to_vec();
        if head[1] == 1 {
            let mut modulus: Vec<u8> = digest.iter().copied().cycle().take(256).collect();
            modulus[0] |= 0x80;
            modulus[255] |= 1;
            public.extend_from_slice(&[1, 0]);
            public.extend_from_slice(&modulus);
        } else {
            let point = SecretKey::from_slice(&digest).map(|key| key.public_key().to_sec1_point(false));
            let point = point.map(|point| point.as_bytes().to_vec()).unwrap_or_default();
            for coordinate in point.get(1..).unwrap_or_default().chunks(32) {
                public.extend_from_slice(&[0, 32]);
                public.extend_from_slice(coordinate);
            }
        }
        public
    }

    fn serve(&mut self, command: &[u8]) -> Result<Vec<u8>, u32> {
        const INITIALIZE: u32 = 0x100;
        const SIZE: u32 = 0x142;
        let word = |at: usize| {
            command
                .get(at..at + 4)
                .and_then(|w| w.first_chunk())
                .map(|w| u32::from_be_bytes(*w))
                .ok_or(SIZE)
        };
        let code = word(6)?;
        if self.started == (code == 0x144) {
            return Err(INITIALIZE);
        }
        match code {
            0x144 => {
                self.started = true;
                Ok(Vec::new())
            }
            0x173 => {
                let public = self.persistent.get(&word(10)?).ok_or(0x18Bu32)?;
                Ok(sized(public))
            }
            0x131 => self.create_primary(word(10)?, command.get(27..).ok_or(SIZE)?),
            0x120 => {
                let (object, handle) = (word(14)?, word(command.len() - 4)?);
                self.evict(object, handle)
            }
            0x165 => {
                if self.quirk != Quirk::KeepTransients {
                    self.transient.remove(&word(10)?).ok_or(0x1CBu32)?;
                }
                Ok(Vec::new())
            }
            0x129 => {
                let hierarchy = word(10)?;
                self.authorise(hierarchy)?;
                self.auths.insert(hierarchy, command.get(29..).ok_or(SIZE)?.to_vec());
                Ok(Vec::new())
            }
            0x182 => {
                self.extended.push((word(10)?, command.get(27..).ok_or(SIZE)?.to_vec()));
                Ok(Vec::new())
            }
            0x124 => {
                self.authorise(PLATFORM)?;
                *self.seeds.entry(ENDORSEMENT).or_default() += 1;
                Ok(Vec::new())
            }
            0x17A => {
                let mut body = vec![0];
                body.extend_from_slice(&1u32.to_be_bytes());
                body.extend_from_slice(&(self.transient.len().min(1) as u32).to_be_bytes());
                body.extend(
                    self.transient
                        .keys()
                        .next()
                        .into_iter()
                        .flat_map(|handle| handle.to_be_bytes()),
                );
                Ok(body)
            }
            _ => Err(0x143),
        }
    }

    /// The model's only notion of authorisation: the value is empty, or the command fails.
    fn authorise(&self, hierarchy: u32) -> Result<(), u32> {
        if self.auth(hierarchy).is_empty() {
            Ok(())
        } else {
            Err(0x9A2)
        }
    }

    fn create_primary(&mut self, hierarchy: u32, parameters: &[u8]) -> Result<Vec<u8>, u32> {
        self.authorise(hierarchy)?;
        // inSensitive of 6 bytes, then the template's size.
        let template = parameters.get(8..).ok_or(0x142u32)?;
        let public = self.derive(hierarchy, &template[..head_len(template)]);
        let handle = (0x8000_0000..)
            .find(|handle| !self.transient.contains_key(handle))
            .ok_or(0x902u32)?;
        self.transient.insert(handle, public.clone());
        let mut parameters = sized(&public);
        parameters.extend_from_slice(&[0, 0, 0, 0]);
        let mut body = handle.to_be_bytes().to_vec();
        body.extend_from_slice(&(parameters.len() as u32).to_be_bytes());
        body.extend_from_slice(&parameters);
        Ok(body)
    }

    fn evict(&mut self, object: u32, handle: u32) -> Result<Vec<u8>, u32> {
        self.authorise(OWNER)?;
        if object == handle {
            return self.persistent.remove(&handle).map(|_| Vec::new()).ok_or(0x18B);
        }
        let public = self.transient.get(&object).ok_or(0x28Bu32)?.clone();
        if self.persistent.contains_key(&handle) {
            return Err(0x14C);
        }
        self.persistent.insert(handle, public);
        Ok(Vec::new())
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

fn response(result: Result<Vec<u8>, u32>) -> Vec<u8> {
    let (code, body) = result.map_or_else(|code| (code, Vec::new()), |body| (0, body));
    let mut out = vec![0x80, 0x01];
    out.extend_from_slice(&(10 + body.len() as u32).to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&body);
    out
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

impl Component for ModelTpm {
    type Fault = ModelFault;

    fn describe(&mut self) -> Result<Description, ModelFault> {
        Ok(Description {
            name: "model".into(),
            version: "0".into(),
            state_format: 0,
            manufacturer: 0,
            firmware_version: 0,
        })
    }

    fn power_on(&mut self, _saved: &[Record]) -> Result<Result<(), Failure>, ModelFault> {
        let first = !self.powered;
        self.powered = true;
        Ok(if first { Ok(()) } else { Err(Failure::AlreadyPowered) })
    }

    fn execute(&mut self, locality: u8, command: &[u8]) -> Result<Result<Vec<u8>, Failure>, ModelFault> {
        let code = command
            .get(6..10)
            .and_then(|code| code.first_chunk())
            .map_or(0, |code| u32::from_be_bytes(*code));
        self.seen.push(code);
        match self.quirk {
            Quirk::TrapOn(wanted) if wanted == code => return Err(ModelFault),
            Quirk::GarbageOn(wanted) if wanted == code => return Ok(Ok(vec![0x80, 1, 0, 0, 1, 0, 0, 0, 0, 0])),
            Quirk::LongOn(wanted, len) if wanted == code => return Ok(Ok(response(Ok(vec![0xAA; len - 10])))),
            Quirk::RefuseOn(wanted, refusal) if wanted == code => return Ok(Ok(response(Err(refusal)))),
            Quirk::FailOn(wanted, failure) if wanted == code => return Ok(Err(failure)),
            _ => {}
        }
        Ok(Ok(response(if locality == 0 {
            self.serve(command)
        } else {
            Err(0x907)
        })))
    }

    fn identity(&mut self) -> Result<Result<Identity, Failure>, ModelFault> {
        if let Quirk::FailIdentity(failure) = self.quirk {
            return Ok(Err(failure));
        }
        let mut keys = HEADS.map(|(hierarchy, head)| self.derive(hierarchy, &unhex(head)));
        match self.quirk {
            Quirk::OffCurve => *keys[1].last_mut().expect("a point") ^= 1,
            Quirk::OtherTemplate => keys[0][7] ^= 0x40,
            _ => {}
        }
        let [rsa_ek, p256_ek, rsa_srk, p256_srk] = keys;
        Ok(Ok(Identity {
            rsa_ek,
            p256_ek,
            rsa_srk,
            p256_srk,
        }))
    }

    fn hash_start(&mut self) -> Result<Result<(), Failure>, ModelFault> {
        Ok(Ok(()))
    }

    fn hash_data(&mut self, _data: &[u8]) -> Result<Result<(), Failure>, ModelFault> {
        Ok(Ok(()))
    }

    fn hash_end(&mut self) -> Result<Result<(), Failure>, ModelFault> {
        Ok(Ok(()))
    }

    fn save_persistent(&mut self) -> Result<Result<Vec<Record>, Failure>, ModelFault> {
        Ok(Ok(Vec::new()))
    }

    fn save_volatile(&mut self) -> Result<Result<Vec<u8>, Failure>, ModelFault> {
        Ok(Ok(Vec::new()))
    }

    fn restore_volatile(&mut self, _state: &[u8]) -> Result<Result<(), Failure>, ModelFault> {
        Ok(Ok(()))
    }
}
