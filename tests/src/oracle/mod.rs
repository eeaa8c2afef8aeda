//! Two TPMs side by side: this project's engine in the same process, and `swtpm`, another implementation, as a child process on a Unix socket.
//! A test sends both the same command and compares what comes back.
//!
//! Neither is trusted by the other or by the client (`tpm_client`), which computes what a caller has to compute with code of its own.

mod host;
mod objects;

pub use host::MemoryHost;
pub use objects::{
    create_primary, duplicate, duplication_policy, flush, import, primary, public_area, split, succeed, take,
};
pub use tpm_client::{
    AUDIT, Answer, CONTINUE, Client, Cmd, DECRYPT, ENCRYPT, SessionOptions, Together, Tpm, sha256, sized,
};

use tpm_client::{SwtpmProgram, TpmProcess};
use tpm_contract::{Component, Record};
use tpm_engine::native::NativeComponent;

/// TPM_RC_RETRY, with which swtpm answers the first use of a protected authValue.
const RETRY: u32 = 0x922;

/// A TPM with its hardware interface.
pub trait Interface: Tpm {
    /// Answers one command from a locality.
    fn send_at(&mut self, locality: u8, command: &[u8]) -> Vec<u8>;
    /// _TPM_Hash_Start, _TPM_Hash_Data for each piece, _TPM_Hash_End.
    fn measure(&mut self, pieces: &[&[u8]]);
}

/// `swtpm` on a Unix socket.
pub struct Swtpm(TpmProcess);

impl Swtpm {
    /// A new TPM.
    ///
    /// # Panics
    /// When `swtpm` is not installed or does not come up.
    pub fn start() -> Self {
        let process = TpmProcess::swtpm(SwtpmProgram::at("swtpm"));
        Self(process.expect("swtpm is needed for this test: install Debian's package `swtpm`"))
    }

    fn exchange(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.exchange(command).expect("swtpm answers")
    }
}

impl Tpm for Swtpm {
    fn send(&mut self, command: &[u8]) -> Vec<u8> {
        let response = self.exchange(command);
        if response[6..10] == RETRY.to_be_bytes() {
            self.exchange(command)
        } else {
            response
        }
    }

    fn power_cycle(&mut self) {
        self.0.kill_and_restart().expect("swtpm starts again");
    }
}

impl Interface for Swtpm {
    fn send_at(&mut self, locality: u8, command: &[u8]) -> Vec<u8> {
        self.0.control().set_locality(locality).expect("swtpm has localities");
        let response = self.send(command);
        self.0.control().set_locality(0).expect("swtpm has localities");
        response
    }

    fn measure(&mut self, pieces: &[&[u8]]) {
        self.0.control().measure(pieces).expect("swtpm measures");
    }
}

/// This project's engine, in process.
pub struct Engine(NativeComponent<MemoryHost>);

impl Engine {
    /// A new TPM.
    pub fn start() -> Self {
        Self::powered_on(MemoryHost::default())
    }

    /// The TPM whose host has this store.
    ///
    /// # Panics
    /// When the engine does not accept what is stored.
    pub fn powered_on(host: MemoryHost) -> Self {
        let records: Vec<Record> = host.records();
        let mut component = NativeComponent::new(host);
        let Ok(outcome) = component.power_on(&records);
        outcome.expect("the engine powers on");
        Self(component)
    }

    /// The component itself.
    pub fn component(&mut self) -> &mut NativeComponent<MemoryHost> {
        &mut self.0
    }
}

impl Tpm for Engine {
    fn send(&mut self, command: &[u8]) -> Vec<u8> {
        self.send_at(0, command)
    }

    fn power_cycle(&mut self) {
        let host = std::mem::take(self.0.host());
        *self = Self::powered_on(host);
    }
}

impl Interface for Engine {
    fn send_at(&mut self, locality: u8, command: &[u8]) -> Vec<u8> {
        let Ok(outcome) = self.0.execute(locality, command);
        outcome.expect("the command is within its bound")
    }

    fn measure(&mut self, pieces: &[&[u8]]) {
        let Ok(outcome) = self.0.hash_start();
        outcome.expect("the TPM is on");
        for piece in pieces {
            let Ok(outcome) = self.0.hash_data(piece);
            outcome.expect("a short piece");
        }
        let Ok(outcome) = self.0.hash_end();
        outcome.expect("the TPM commits");
    }
}

/// Both TPMs.
pub struct Pair {
    /// The other implementation.
    pub swtpm: Swtpm,
    /// This one.
    pub engine: Engine,
}

impl Pair {
    /// Two new TPMs that were not started.
    pub fn initialized() -> Self {
        Self {
            swtpm: Swtpm::start(),
            engine: Engine::start(),
        }
    }

    /// Two new TPMs after TPM2_Startup(TPM_SU_CLEAR).
    pub fn started() -> Self {
        let mut pair = Self::initialized();
        pair.same(&Cmd::new(0x144).u16(0));
        pair
    }

    /// Sends both the same bytes; both must answer with the same code, which comes back.
    ///
    /// # Panics
    /// When the codes differ.
    pub fn same_bytes(&mut self, command: &[u8]) -> u32 {
        let theirs = Answer::new(self.swtpm.send(command));
        let ours = Answer::new(self.engine.send(command));
        assert_eq!(
            format!("{:#x}", ours.code()),
            format!("{:#x}", theirs.code()),
            "engine (left) and swtpm (right) differ on {}",
            hex::encode(command)
        );
        ours.code()
    }

    /// As [`Self::same_bytes`], for a command.
    pub fn same(&mut self, command: &Cmd) -> u32 {
        self.same_bytes(&command.to_bytes())
    }

    /// As [`Self::same`] for many commands, one after the other; all differences are named together.
    ///
    /// # Panics
    /// When a code differs.
    pub fn same_all(&mut self, commands: &[(&str, Cmd)]) {
        let mut differences = Vec::new();
        for (name, command) in commands {
            let bytes = command.to_bytes();
            let theirs = Answer::new(self.swtpm.send(&bytes)).code();
            let ours = Answer::new(self.engine.send(&bytes)).code();
            if ours != theirs {
                differences.push(format!("{name}: engine {ours:#05x}, swtpm {theirs:#05x}"));
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    /// Sends both the same command, which must succeed on both with the very same response, which comes back.
    ///
    /// # Panics
    /// When a response is an error, or the responses differ.
    pub fn identical(&mut self, command: &Cmd) -> Answer {
        let bytes = command.to_bytes();
        let theirs = Answer::new(self.swtpm.send(&bytes));
        let ours = Answer::new(self.engine.send(&bytes));
        assert_eq!(theirs.code(), 0, "swtpm: {}", hex::encode(&bytes));
        assert_eq!(
            hex::encode(ours.bytes()),
            hex::encode(theirs.bytes()),
            "on {}",
            hex::encode(&bytes)
        );
        ours
    }

    /// Does the same with each of the two by itself; the outcomes must be equal.
    ///
    /// # Panics
    /// When they are not.
    pub fn each<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        mut action: impl FnMut(&mut dyn Interface) -> T,
    ) -> T {
        let theirs = action(&mut self.swtpm);
        let ours = action(&mut self.engine);
        assert_eq!(ours, theirs, "engine (left) and swtpm (right) differ: {what}");
        ours
    }

    /// Does something with two new TPMs, the engine as the first and swtpm as the second, then the other way round.
    pub fn both_ways(mut action: impl FnMut(&mut dyn Tpm, &mut dyn Tpm)) {
        let Self { mut swtpm, mut engine } = Self::started();
        action(&mut engine, &mut swtpm);
        action(&mut swtpm, &mut engine);
    }

    /// Takes the power away from both and gives it back.
    pub fn power_cycle(&mut self) {
        self.swtpm.power_cycle();
        self.engine.power_cycle();
    }
}
