//! TPM servers as child processes: `swtpm` and this project's development server, with the state in a temporary folder.
//!
//! Both speak swtpm's protocol on two Unix sockets in that folder, so a client cannot tell by the transport which one it talks to. The folder
//! and the process end with the value.

use crate::{Connection, Control};
use anyhow::{Context, Result, bail, ensure};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest time for a server to come up.
const LIMIT: Duration = Duration::from_secs(60);
/// Libraries of swtpm in a Debian system: its own, and everybody's.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu/swtpm", "usr/lib/x86_64-linux-gnu"];
/// The program interpreter of such a system.
const INTERPRETER: &str = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
/// The sockets' names in the state folder.
const DATA: &str = "socket";
const CONTROL: &str = "socket.ctrl";
/// What swtpm writes to its standard error.
const COMPLAINTS: &str = "stderr";

/// An `swtpm` that can be started.
#[derive(Clone, Debug)]
pub struct SwtpmProgram {
    program: PathBuf,
    root: Option<PathBuf>,
}

impl SwtpmProgram {
    /// The program of this name on the search path, or at this path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            root: None,
        }
    }

    /// The one of a Debian system that is unpacked below `root`, which runs with that system's libraries.
    pub fn in_root(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            program: root.join("usr/bin/swtpm"),
            root: Some(root),
        }
    }

    /// What it says about itself.
    pub fn version(&self) -> Result<String> {
        let output = self.command().arg("--version").stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split("version ").nth(1).and_then(|rest| rest.split(',').next());
        let version = version.with_context(|| format!("{} does not say its version", self.program.display()))?;
        Ok(version.trim().to_owned())
    }

    fn command(&self) -> Command {
        let Some(root) = &self.root else {
            return Command::new(&self.program);
        };
        let libraries = LIBRARIES.map(|folder| root.join(folder).into_os_string());
        let mut command = Command::new(root.join(INTERPRETER));
        command
            .arg("--library-path")
            .arg(libraries.join(OsStr::new(":")))
            .arg(&self.program);
        command
    }

    fn start(&self, folder: &Path) -> Result<Child> {
        let socket = |name: &str| format!("type=unixio,path={}", folder.join(name).display());
        self.command()
            .args(["socket", "--tpm2", "--flags", "not-need-init", "--tpmstate"])
            .arg(format!("dir={}", folder.display()))
            .args(["--server", &socket(DATA), "--ctrl", &socket(CONTROL), "--log"])
            .arg(format!("file={},level=1", folder.join("log").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join(COMPLAINTS))?)
            .spawn()
            .with_context(|| format!("cannot start {} (Debian's package `swtpm`)", self.program.display()))
    }
}

/// The development server and what it runs.
#[derive(Clone, Debug)]
pub struct ServerProgram {
    /// `tpm_server`.
    pub program: PathBuf,
    /// The TPM component.
    pub component: PathBuf,
}

impl ServerProgram {
    /// Starts a server and waits until it listens where `sockets`, arguments of its command line, say.
    pub fn start(&self, engine: &str, state: &Path, sockets: &[impl AsRef<OsStr>]) -> Result<Child> {
        let mut child = Command::new(&self.program)
            .args(["--engine", engine, "--state"])
            .arg(state)
            .arg("--component")
            .arg(&self.component)
            .args(sockets)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if !line.starts_with("ready: ") {
            end(&mut child)?;
            bail!("the {engine} server did not become ready");
        }
        Ok(child)
    }
}

/// How a server is started, again and again.
enum Launch {
    Swtpm(SwtpmProgram),
    Server { program: ServerProgram, engine: String },
}

impl Launch {
    fn start(&self, folder: &Path) -> Result<(Child, Connection, Control)> {
        for name in [DATA, CONTROL] {
            let path = folder.join(name);
            if path.exists() {
                fs::remove_file(&path).context("the old socket")?;
            }
        }
        let mut child = match self {
            Self::Swtpm(program) => program.start(folder)?,
            Self::Server { program, engine } => program.start(
                engine,
                &folder.join("state"),
                &[OsStr::new("--swtpm-unix"), folder.join(DATA).as_os_str()],
            )?,
        };
        match connect(folder, &mut child) {
            Ok((data, control)) => Ok((child, data, control)),
            Err(error) => {
                end(&mut child)?;
                Err(error)
            }
        }
    }
}

/// A running TPM server.
pub struct TpmProcess {
    launch: Launch,
    folder: TempDir,
    child: Child,
    data: Connection,
    control: Control,
}

impl TpmProcess {
    /// Starts `swtpm` with a new TPM.
    pub fn swtpm(program: SwtpmProgram) -> Result<Self> {
        Self::launch(Launch::Swtpm(program))
    }

    /// Starts the development server with a new TPM.
    pub fn server(program: ServerProgram, engine: &str) -> Result<Self> {
        Self::launch(Launch::Server {
            program,
            engine: engine.into(),
        })
    }

    fn launch(launch: Launch) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let (child, data, control) = launch.start(folder.path())?;
        Ok(Self {
            launch,
            folder,
            child,
            data,
            control,
        })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with the state.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a command and waits for the response.
    pub fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        self.data.exchange(command)
    }

    /// The control channel.
    pub fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// Switches the TPM off and on through the control channel.
    pub fn power_cycle(&mut self) -> Result<()> {
        self.control.power_cycle()
    }

    /// Ends the process as `kill -9` does, and starts it again over the same state.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        end(&mut self.child)?;
        (self.child, self.data, self.control) = self.launch.start(self.folder.path())?;
        Ok(())
    }
}

impl Drop for TpmProcess {
    fn drop(&mut self) {
        // There is nobody left to tell, and nothing left to do.
        let _ended = end(&mut self.child);
    }
}

/// Ends a process, which may have ended already, and reaps it.
fn end(child: &mut Child) -> Result<()> {
    let killed = child.kill();
    child.wait().with_context(|| format!("cannot be ended: {killed:?}"))?;
    Ok(())
}

/// Connects to both sockets, which may be some time in coming.
fn connect(folder: &Path, child: &mut Child) -> Result<(Connection, Control)> {
    let started = Instant::now();
    loop {
        let error = match Connection::unix(&folder.join(DATA)) {
            Ok(data) => match Control::unix(&folder.join(CONTROL)) {
                Ok(control) => return Ok((data, control)),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if let Some(status) = child.try_wait()? {
            // The development server's complaints are on the user's terminal already.
            let complaints = fs::read_to_string(folder.join(COMPLAINTS)).unwrap_or_default();
            bail!("the TPM server ended ({status}) before it listened: {complaints}");
        }
        ensure!(started.elapsed() < LIMIT, "the TPM server does not listen: {error:#}");
        thread::sleep(Duration::from_millis(5));
    }
}
