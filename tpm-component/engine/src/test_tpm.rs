//! A powered-on TPM for tests of commands: they send bytes and look at bytes, as a guest does, and can ask the host what it was told to
//! store.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use svsm_accel::NativeArithmetic;
use tpm_contract::{Arithmetic, Change, CommitError, Curve, Host, LogLevel, Record, Refusal, bounds};

use crate::{
    dispatch::table,
    session::{InlineDigest, Session, SessionKey, SessionKind, policy::PolicyState},
    state::Undo,
    structures::{TpmCc, TpmHandle, TpmRc, TpmSu, TpmaCc, TpmiAlgHash, TpmtSymDef},
    tpm::{Phase, Tpm},
    wire::{Marshal, Reader, Unmarshal, Writer},
};

/// A host with native arithmetic, a clock that a test moves, and a store.
#[derive(Default)]
pub(crate) struct TestHost {
    /// Milliseconds since power-on.
    pub now: u64,
    /// What the commits left.
    pub store: BTreeMap<u32, Vec<u8>>,
    /// How many commits there were.
    pub commits: usize,
    /// The next commits fail so.
    pub refuse: Option<CommitError>,
    /// What the host computes on curves is wrong.
    pub miscounts: bool,
    /// The source of entropy gives the same byte again and again.
    pub stuck: bool,
    entropy_calls: u64,
    arithmetic: NativeArithmetic,
}

impl Arithmetic for TestHost {
    fn lender(&mut self) -> Option<&mut dyn Arithmetic> {
        Some(&mut self.arithmetic)
    }

    fn ec_multiply(&mut self, curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        let mut product = self.arithmetic.ec_multiply(curve, scalar, point)?;
        if let (true, Some(byte)) = (self.miscounts, product.last_mut()) {
            *byte ^= 1;
        }
        Ok(product)
    }
}

impl Host for TestHost {
    /// Never the same twice, always the same in a test.
    fn entropy(&mut self, out: &mut [u8]) -> bool {
        self.entropy_calls += 1;
        if self.stuck {
            out.fill(0x5A);
            return true;
        }
        let mut state = self.entropy_calls.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for byte in out {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        true
    }

    fn clock(&mut self) -> u64 {
        self.now
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        if let Some(error) = self.refuse {
            return Err(error);
        }
        let size: usize = changes
            .iter()
            .filter_map(|change| change.value.as_ref())
            .map(Vec::len)
            .sum();
        assert!(
            changes.len() <= bounds::MAX_CHANGES && size <= bounds::MAX_COMMIT,
            "a commit within its bounds"
        );
        self.commits += 1;
        for change in changes {
            match &change.value {
                Some(value) => drop(self.store.insert(change.key, value.clone())),
                None => drop(self.store.remove(&change.key)),
            }
        }
        Ok(())
    }

    fn log(&mut self, _level: LogLevel, _message: &str) {}
}

/// nonceTPM of every session that [`TestTpm::policy_session`] adds: 60..6f.
pub(crate) const NONCE_TPM: [u8; 16] = [
    0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
];

/// A TPM with its host.
pub(crate) struct TestTpm {
    /// The TPM.
    pub tpm: Tpm,
    /// Its host.
    pub host: TestHost,
}

/// One command on its way.
pub(crate) struct Call {
    code: TpmCc,
    handles: Vec<TpmHandle>,
    passwords: Vec<Vec<u8>>,
    policies: Vec<TpmHandle>,
    parameters: Writer,
    locality: u8,
}

/// What came back from a command that succeeded.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The response handle.
    pub handle: Option<TpmHandle>,
    /// The response parameters.
    pub parameters: Vec<u8>,
}

impl Answer {
    /// The parameters as one type, to the last byte.
    pub fn read<T: Unmarshal>(&self) -> T {
        T::from_bytes(&self.parameters).unwrap_or_else(|code| panic!("{code:?} in {:02x?}", self.parameters))
    }

    /// Nothing came back.
    pub fn is_empty(&self) -> bool {
        self.handle.is_none() && self.parameters.is_empty()
    }
}

impl Call {
    /// A command without anything.
    pub fn new(code: TpmCc) -> Self {
        Self {
            code,
            handles: Vec::new(),
            passwords: Vec::new(),
            policies: Vec::new(),
            parameters: Writer::new(),
            locality: 0,
        }
    }

    /// One more handle.
    pub fn on(mut self, handle: TpmHandle) -> Self {
        self.handles.push(handle);
        self
    }

    /// One more password session.
    pub fn password(mut self, password: &[u8]) -> Self {
        self.passwords.push(password.to_vec());
        self
    }

    /// One more policy session, which continues and has no HMAC.
    pub fn policy(mut self, session: TpmHandle) -> Self {
        self.policies.push(session);
        self
    }

    /// One more parameter.
    pub fn with(mut self, parameter: &(impl Marshal + ?Sized)) -> Self {
        self.parameters.put(parameter);
        self
    }

    /// More bytes of parameters.
    pub fn with_raw(mut self, bytes: &[u8]) -> Self {
        self.parameters.bytes(bytes);
        self
    }

    /// From another locality than 0.
    pub fn at(mut self, locality: u8) -> Self {
        self.locality = locality;
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut area = Writer::new();
        for session in &self.policies {
            area.put(session);
            area.bytes(&[0, 0, 1, 0, 0]);
        }
        for password in &self.passwords {
            area.put(&TpmHandle::RS_PW);
            area.bytes(&[0, 0, 0]);
            area.sized(|w| w.bytes(password));
        }
        let mut body = Writer::new();
        self.handles.iter().for_each(|handle| body.put(handle));
        if !area.is_empty() {
            body.put(&(area.len() as u32));
            body.bytes(area.as_slice());
        }
        body.bytes(self.parameters.as_slice());
        let mut command = Writer::new();
        command.put(&if area.is_empty() { 0x8001u16 } else { 0x8002 });
        command.put(&(body.len() as u32 + 10));
        command.put(&self.code);
        command.bytes(body.as_slice());
        command.into_vec()
    }
}

impl TestTpm {
    /// A new TPM after TPM2_Startup(TPM_SU_CLEAR).
    pub fn started() -> Self {
        let mut this = Self::powered_on(TestHost::default());
        let answer = this.send(0, &hex("80010000000c000001440000"));
        assert_eq!(answer, hex("80010000000a00000000"), "TPM2_Startup");
        this
    }

    /// A TPM after _TPM_Init, with what is in the host's store.
    pub fn powered_on(mut host: TestHost) -> Self {
        let saved: Vec<Record> = host
            .store
            .iter()
            .map(|(key, value)| Record {
                key: *key,
                value: value.clone(),
            })
            .collect();
        let tpm = Tpm::power_on(&mut host, &saved).expect("the store is sound");
        assert_eq!(*tpm.phase, Phase::Initialized);
        Self { tpm, host }
    }

    /// Takes the power away and gives it back.
    pub fn power_cycle(self) -> Self {
        Self::powered_on(self.host)
    }

    /// As [`Self::power_cycle`], with TPM2_Startup behind it.
    pub fn restarted(self, kind: TpmSu) -> Self {
        let mut this = self.power_cycle();
        this.run(Call::new(TpmCc::STARTUP).with(&kind)).expect("started");
        this
    }

    /// Sends bytes.
    pub fn send(&mut self, locality: u8, command: &[u8]) -> Vec<u8> {
        // What a test has put into the state itself is not the command's.
        self.tpm.settle();
        self.tpm
            .execute(&mut self.host, locality, command)
            .expect("bounds are kept")
    }

    /// Sends a command.
    pub fn run(&mut self, call: Call) -> Result<Answer, TpmRc> {
        let response = self.send(call.locality, &call.to_bytes());
        let mut reader = Reader::new(&response);
        let tag = u16::unmarshal(&mut reader).expect("a header");
        let size = u32::unmarshal(&mut reader).expect("a header");
        assert_eq!(usize::try_from(size), Ok(response.len()), "size of the response");
        let code = u32::unmarshal(&mut reader).expect("a header");
        if code != 0 {
            assert_eq!((tag, response.len()), (0x8001, 10), "an error is a header");
            return Err(TpmRc::new(code));
        }
        let row = table::find(call.code).expect("a command that succeeds is in the table");
        let has_handle = row.tpma_cc().contains(TpmaCc::R_HANDLE);
        let handle = has_handle.then(|| TpmHandle::unmarshal(&mut reader).expect("a response handle"));
        let parameters = if tag == 0x8002 {
            let size = u32::unmarshal(&mut reader).expect("parameterSize");
            reader.take(size as usize).expect("parameterSize is right").to_vec()
        } else {
            reader.rest().to_vec()
        };
        Ok(Answer { handle, parameters })
    }

    /// Adds a policy session (or a trial session) with SHA-256, without key and encryption, as TPM2_StartAuthSession would.
    pub fn policy_session(&mut self, trial: bool) -> TpmHandle {
        let hash = TpmiAlgHash::Sha256;
        let session = Session {
            kind: if trial { SessionKind::Trial } else { SessionKind::Policy },
            auth_hash: hash,
            symmetric: TpmtSymDef::Null,
            nonce_tpm: InlineDigest::new(&NONCE_TPM).expect("short"),
            key: SessionKey::default(),
            binding: None,
            bound_to_protected: false,
            bound_to_lockout: false,
            audit: None,
            policy: PolicyState::begin(hash, self.tpm.time.now, self.tpm.time.epoch),
        };
        self.tpm.volatile.sessions.start(session).expect("room")
    }

    /// Loads an HMAC key with SHA-256 that may sign, whose key is 10..2f, and answers its handle.
    pub fn load_hmac_key(&mut self) -> TpmHandle {
        let key: Vec<u8> = (0x10..0x30).collect();
        let seed = [0; 32];
        // Part 1 §27.5.3.2: unique is H(seedValue, key).
        let unique = crate::crypto::hash(&mut self.host, TpmiAlgHash::Sha256, &[&seed, &key]);
        let sensitive = [&hex("000800000020")[..], &seed, &hex("0020"), &key].concat();
        let public = [&hex("0008000b0004004000000005000b")[..], &unique.to_bytes()].concat();
        let mut parameters = Writer::new();
        parameters.sized(|w| w.bytes(&sensitive));
        parameters.sized(|w| w.bytes(&public));
        parameters.put(&TpmHandle::NULL);
        let call = Call {
            parameters,
            ..Call::new(TpmCc::LOAD_EXTERNAL)
        };
        self.run(call).expect("well formed").handle.expect("a handle")
    }

    /// The policyDigest of a session, in hexadecimal.
    pub fn policy_digest(&self, session: TpmHandle) -> String {
        hex::encode(
            self.tpm
                .volatile
                .sessions
                .loaded(session)
                .expect("loaded")
                .policy
                .digest
                .as_bytes(),
        )
    }
}

/// Bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}
