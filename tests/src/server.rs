//! A development server with its state in a temporary folder, and Debian's tpm2-tools as its client.

use crate::{artefact, clients::run_limited};
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output},
};
use tempfile::TempDir;
use tpm_client::ServerProgram;

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
    engine: &'static str,
    folder: TempDir,
}

impl Server {
    /// Starts a server with a new state.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(engine: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (child, port) = spawn(engine, folder.path());
        Self {
            child,
            port,
            engine,
            folder,
        }
    }

    /// Ends the server as `kill -9` does and starts it again over the same state.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
        (self.child, self.port) = spawn(self.engine, self.folder.path());
    }

    /// Asks the server to end (SIGTERM) and waits for it.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .expect("kill")
                .success()
        );
        self.child.wait().expect("wait")
    }

    /// Cuts the TPM's power and gives it back, through the simulator's platform port; the program goes on.
    ///
    /// # Panics
    /// When the server does not acknowledge.
    pub fn power_cycle(&self) {
        const POWER_OFF: u32 = 2;
        const POWER_ON: u32 = 1;
        let mut platform = TcpStream::connect(("127.0.0.1", self.port + 1)).expect("the platform port");
        for signal in [POWER_OFF, POWER_ON] {
            platform.write_all(&signal.to_be_bytes()).expect("write");
            let mut answer = [0xFF; 4];
            platform.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer, [0; 4], "signal {signal}");
        }
    }

    /// The engine that runs.
    pub fn engine(&self) -> &'static str {
        self.engine
    }

    /// The MSSIM command port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The swtpm data port.
    pub fn swtpm_port(&self) -> u16 {
        self.port + 2
    }

    /// The socket file with swtpm's protocol.
    pub fn swtpm_socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The folder in which client programs run and leave their files.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Runs one tpm2-tools command line over MSSIM, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn tpm2(&self, line: &str) -> String {
        let output = self.try_tpm2(&format!("mssim:host=127.0.0.1,port={}", self.port), line);
        assert!(
            output.status.success(),
            "{} engine: tpm2 {line}: {}\n{}{}",
            self.engine,
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs one tpm2-tools command line that must fail, and returns what it printed to standard error.
    ///
    /// # Panics
    /// When it succeeds.
    pub fn tpm2_refused(&self, line: &str) -> String {
        let output = self.try_tpm2(&format!("mssim:host=127.0.0.1,port={}", self.port), line);
        assert!(
            !output.status.success(),
            "{} engine: tpm2 {line} succeeded",
            self.engine
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs one tpm2-tools command line through any TCTI.
    pub fn try_tpm2(&self, tcti: &str, line: &str) -> Output {
        let mut command = Command::new("tpm2");
        command
            .args(line.split_whitespace())
            .current_dir(self.work())
            .env("TPM2TOOLS_TCTI", tcti);
        command.env("TSS2_LOG", "all+none");
        run_limited(command, &[])
    }

    /// Writes a file for client programs.
    pub fn write(&self, name: impl AsRef<OsStr>, bytes: &[u8]) {
        fs::write(self.work().join(Path::new(name.as_ref())), bytes).expect("write");
    }

    /// Reads a file that a client program left.
    pub fn read(&self, name: impl AsRef<OsStr>) -> Vec<u8> {
        fs::read(self.work().join(Path::new(name.as_ref()))).expect("read")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The test may have ended the server itself.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Starts a server on four free ports in a row: MSSIM command and platform, swtpm data and control.
fn spawn(engine: &str, folder: &Path) -> (Child, u16) {
    fs::create_dir_all(folder.join("work")).expect("work folder");
    let program = ServerProgram {
        program: artefact("tpm_server"),
        component: artefact("tpm.component.wasm"),
    };
    for _ in 0..20 {
        let port = free_ports();
        let sockets = [
            "--mssim".to_owned(),
            format!("127.0.0.1:{port}"),
            "--swtpm".to_owned(),
            format!("127.0.0.1:{}", port + 2),
            "--swtpm-unix".to_owned(),
            socket(folder).display().to_string(),
        ];
        // When somebody else took a port in the meantime, the server has said so and ended.
        if let Ok(child) = program.start(engine, &folder.join("state"), &sockets) {
            return (child, port);
        }
    }
    panic!("the {engine} server did not become ready");
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("swtpm.sock")
}

fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = first.local_addr().expect("address").port();
        let row = (1..4).all(|n| {
            port.checked_add(n)
                .is_some_and(|next| TcpListener::bind(("127.0.0.1", next)).is_ok())
        });
        if row {
            return port;
        }
    }
}
