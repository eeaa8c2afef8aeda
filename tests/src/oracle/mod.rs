//! Two TPMs side by side: this project's engine in the same process, and `swtpm`, another implementation, as a child process on a Unix socket.
//! A test sends both the same command and compares what comes back.
//!
//! Neither is trusted by the other or by the client (`session.rs`), which computes what a caller has to compute with code of its own.

mod command;
mod host;
mod session;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command as Process, Stdio},
    thread,
    time::{Duration, Instant},
};

pub use command::{Answer, Cmd, sized};
pub use host::MemoryHost;
pub use session::{AUDIT, CONTINUE, Client, DECRYPT, ENCRYPT, SessionOptions, Together, sha256};

use tempfile::TempDir;
use tpm_contract::{Component, Record};
use tpm_engine::native::NativeComponent;

/// Longest time for swtpm to come up, and for one command.
const LIMIT: Duration = Duration::from_secs(60);
/// TPM_RC_RETRY, with which swtpm answers the first use of a protected authValue.
const RETRY: u32 = 0x922;

/// A TPM that takes bytes.
pub trait Tpm {
    /// Answers one command.
    fn send(&mut self, command: &[u8]) -> Vec<u8>;
    /// Takes the power away and gives it back.
    fn power_cycle(&mut self);
}

/// A TPM with its hardware interface.
pub trait Interface: Tpm {
    /// Answers one command from a locality.
    fn send_at(&mut self, locality: u8, command: &[u8]) -> Vec<u8>;
    /// _TPM_Hash_Start, _TPM_Hash_Data for each piece, _TPM_Hash_End.
    fn measure(&mut self, pieces: &[&[u8]]);
}

/// `swtpm` on a Unix socket.
pub struct Swtpm {
    child: Child,
    socket: UnixStream,
    control: UnixStream,
    folder: TempDir,
}

impl Swtpm {
    /// A new TPM.
    ///
    /// # Panics
    /// When `swtpm` is not installed or does not come up.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (child, socket, control) = Self::spawn(folder.path());
        Self {
            child,
            socket,
            control,
            folder,
        }
    }

    fn spawn(folder: &Path) -> (Child, UnixStream, UnixStream) {
        let (path, control) = (folder.join("socket"), folder.join("control"));
        for path in [&path, &control] {
            if path.exists() {
                std::fs::remove_file(path).expect("the old socket");
            }
        }
        let mut child = Process::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init", "--tpmstate"])
            .arg(format!("dir={}", folder.display()))
            .arg("--server")
            .arg(format!("type=unixio,path={}", path.display()))
            .arg("--ctrl")
            .arg(format!("type=unixio,path={}", control.display()))
            .arg("--log")
            .arg(format!("file={},level=1", folder.join("log").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("swtpm is needed for this test: install Debian's package `swtpm`");
        match (Self::connect(&path), Self::connect(&control)) {
            (Some(socket), Some(control)) => (child, socket, control),
            _ => {
                let ended = child.kill().and_then(|()| child.wait());
                panic!("swtpm did not open its socket: {ended:?}");
            }
        }
    }

    fn connect(path: &Path) -> Option<UnixStream> {
        let started = Instant::now();
        while started.elapsed() < LIMIT {
            if let Ok(socket) = UnixStream::connect(path) {
                socket.set_read_timeout(Some(LIMIT)).expect("a timeout");
                return Some(socket);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn stop(&mut self) {
        // It may have ended already, which is as good.
        let killed = self.child.kill();
        let waited = self.child.wait();
        assert!(waited.is_ok(), "swtpm could not be ended: {killed:?} {waited:?}");
    }

    fn exchange(&mut self, command: &[u8]) -> Vec<u8> {
        self.socket.write_all(command).expect("swtpm takes the command");
        let mut response = vec![0; 10];
        self.socket.read_exact(&mut response).expect("swtpm answers");
        let size = u32::from_be_bytes([response[2], response[3], response[4], response[5]]) as usize;
        response.resize(size, 0);
        self.socket
            .read_exact(&mut response[10..])
            .expect("swtpm answers to the end");
        response
    }
}

/// Commands of swtpm's control channel.
mod control {
    pub const SET_LOCALITY: u32 = 0x05;
    pub const HASH_START: u32 = 0x06;
    pub const HASH_DATA: u32 = 0x07;
    pub const HASH_END: u32 = 0x08;
}

impl Swtpm {
    /// One command of the control channel, which must succeed.
    fn control(&mut self, command: u32, payload: &[u8]) {
        let request = [&command.to_be_bytes(), payload].concat();
        self.control
            .write_all(&request)
            .expect("swtpm takes the control command");
        let mut result = [0; 4];
        self.control.read_exact(&mut result).expect("swtpm answers");
        assert_eq!(result, [0; 4], "control command {command}");
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
        self.stop();
        (self.child, self.socket, self.control) = Self::spawn(self.folder.path());
    }
}

impl Interface for Swtpm {
    fn send_at(&mut self, locality: u8, command: &[u8]) -> Vec<u8> {
        self.control(control::SET_LOCALITY, &[locality]);
        let response = self.send(command);
        self.control(control::SET_LOCALITY, &[0]);
        response
    }

    fn measure(&mut self, pieces: &[&[u8]]) {
        self.control(control::HASH_START, &[]);
        for piece in pieces {
            let length = u32::try_from(piece.len()).expect("a short piece").to_be_bytes();
            self.control(control::HASH_DATA, &[&length, *piece].concat());
        }
        self.control(control::HASH_END, &[]);
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.stop();
    }
}

/// This project's engine, in process.
pub struct Engine(NativeComponent<MemoryHost>);

impl Engine {
    /// A new TPM.
    pub fn start() -> Self {
        Self::powered_on(MemoryHost::default())
    }

    fn powered_on(host: MemoryHost) -> Self {
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

    /// Takes the power away from both and gives it back.
    pub fn power_cycle(&mut self) {
        self.swtpm.power_cycle();
        self.engine.power_cycle();
    }
}
