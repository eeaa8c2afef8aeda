//! Client programs of the distribution, run as short shell scripts against a development server.
//!
//! A script is what a user would type, so that a failure can be repeated by hand: it stops at the first command that fails, works in the server's
//! own folder, which is also its home, and finds the TPM in `$TCTI` and in the ports. Everything that a script started is ended with it.

use crate::server::Server;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::{
    env,
    io::{self, Read, Seek, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Longest time that one client program or script may take.
const CLIENT_LIMIT: Duration = Duration::from_secs(240);

/// What every script can use. `refuse` runs a command that must fail by its own decision, neither missing nor ended by a signal. `has` looks for
/// a text in all of its input, where a `grep` that ends at the first match would end its writer with a signal.
const PRELUDE: &str = r#"
refuse() { local code=0; "$@" || code=$?; test $code -gt 0 -a $code -lt 126; }
has() { local input; input=$(tr -d '\0'); [[ $input == *"$1"* ]]; }
"#;

/// How a client reaches the TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The TCG simulator's protocol over TCP.
    Mssim,
    /// swtpm's protocol over TCP.
    Swtpm,
    /// swtpm's protocol over a socket file.
    SwtpmFile,
}

impl Way {
    /// The TCP protocols, which every client speaks.
    pub const TCP: [Self; 2] = [Self::Mssim, Self::Swtpm];
    /// All.
    pub const ALL: [Self; 3] = [Self::Mssim, Self::Swtpm, Self::SwtpmFile];

    /// The TCTI's name and settings, as the TPM software stack writes them.
    pub fn tcti(self, server: &Server) -> String {
        match self {
            Self::Mssim => format!("mssim:host=127.0.0.1,port={}", server.port()),
            Self::Swtpm => format!("swtpm:host=127.0.0.1,port={}", server.swtpm_port()),
            Self::SwtpmFile => format!("swtpm:path={}", server.swtpm_socket().display()),
        }
    }
}

/// A place to run scripts in.
pub struct Client<'a> {
    server: &'a Server,
    variables: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    /// Scripts that find the TPM in `TCTI`, and tpm2-tools in `TPM2TOOLS_TCTI`.
    pub fn new(server: &'a Server, way: Way) -> Self {
        let tcti = way.tcti(server);
        let work = server.work().display().to_string();
        let variables = vec![
            ("TPM2TOOLS_TCTI", tcti.clone()),
            ("TCTI", tcti),
            ("TSS2_LOG", "all+error".into()),
            ("MSSIM_PORT", server.port().to_string()),
            ("SWTPM_PORT", server.swtpm_port().to_string()),
            // A home and a place for temporary files that go with the server.
            ("HOME", work.clone()),
            ("TMPDIR", work),
        ];
        Self { server, variables }
    }

    /// Sets one more environment variable.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs a script and returns what it printed.
    ///
    /// # Panics
    /// When one of its commands fails.
    pub fn run(&self, script: &str) -> String {
        let output = self.output(script);
        assert!(
            output.status.success(),
            "{} engine, {:?}: {}\n{}\n{}",
            self.server.engine(),
            self.variables.first(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs one command that must fail by its own decision, and returns what it printed to standard error.
    ///
    /// # Panics
    /// When it succeeds, is ended by a signal, or is not there.
    pub fn refused(&self, command: &str) -> String {
        let output = self.output(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        assert!(
            code.is_some_and(|code| code != 0 && code < 126),
            "{} engine: {command}: {}\n{said}",
            self.server.engine(),
            output.status
        );
        said
    }

    fn output(&self, script: &str) -> Output {
        let mut command = Command::new("bash");
        // Every command is printed before it runs, so that the output of a failure names its place.
        command
            .args(["-eux", "-o", "pipefail", "-c", &[PRELUDE, script].concat()])
            .current_dir(self.server.work());
        run_limited(command, &self.variables)
    }
}

/// Whether the programs of a package can be used: not when `cargo xtask test` found that the distribution has no such package, which is said.
///
/// # Panics
/// When standard output is closed.
pub fn packaged(packages: &[&str]) -> bool {
    let absent = env::var("CLOISTER_ABSENT_PACKAGES").unwrap_or_default();
    let Some(package) = packages
        .iter()
        .find(|package| absent.split_whitespace().any(|name| name == **package))
    else {
        return true;
    };
    // Past the test runner's capture, because a skipped test must not look like one that passed.
    writeln!(io::stdout(), "skipped: this distribution has no package {package}").expect("standard output");
    false
}

/// Whether the long forms of the tests were asked for.
pub fn long() -> bool {
    env::var_os("CLOISTER_LONG").is_some_and(|value| value == "1")
}

/// A file of an installed package, by the end of its path.
///
/// # Panics
/// When the package is not installed or has no such file.
pub fn file_of(package: &str, end: &str) -> PathBuf {
    let output = Command::new("dpkg")
        .args(["--listfiles", package])
        .output()
        .expect("dpkg");
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(path) = list.lines().find(|line| line.ends_with(end)) else {
        panic!("{package} has no file …{end}");
    };
    path.into()
}

/// Runs a client to its end, and ends what it left running; one that hangs is ended and its exit status says so.
pub(crate) fn run_limited(mut command: Command, variables: &[(&str, String)]) -> Output {
    // Files instead of pipes: a pipe fills up, or stays open with a daemon.
    let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
    let mut child = command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map(Stdio::from).expect("a copy"))
        .stderr(stderr.try_clone().map(Stdio::from).expect("a copy"))
        .process_group(0)
        .spawn()
        .expect("the client is installed");
    let group = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    let deadline = Instant::now() + CLIENT_LIMIT;
    // Only looked at, not reaped: while it is there, no other group can have its number.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(group), look).expect("wait").is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    kill_process_group(group, Signal::KILL).expect("kill");
    let status = child.wait().expect("wait");
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("read");
        bytes
    };
    Output {
        status,
        stdout: read(&mut stdout),
        stderr: read(&mut stderr),
    }
}

/// The programs of an installed Debian package whose names begin so, without that beginning.
///
/// # Panics
/// When `dpkg` does not run.
pub fn programs_of(package: &str, beginning: &str) -> Vec<String> {
    let list = std::process::Command::new("dpkg")
        .args(["--listfiles", package])
        .output()
        .expect("dpkg");
    String::from_utf8_lossy(&list.stdout)
        .lines()
        .filter_map(|line| line.strip_prefix("/usr/bin/")?.strip_prefix(beginning))
        .map(str::to_owned)
        .collect()
}
