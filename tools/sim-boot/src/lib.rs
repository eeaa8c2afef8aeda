//! Boots an image on the simulated SNP platform: starts stock QEMU with the simulator, reads its log line by line, and holds the
//! other end of the guest owner's channel.
//!
//! What comes out of the machine is hostile text and bytes to whoever reads them here: lines are cut at a bound, and nothing in them
//! is acted upon but compared. The machine has a limit on its time; when this value is dropped, it is ended.
//!
//! The command line is the one of `tools/snp-sim`'s documentation; `cargo xtask run` and the boot tests both come through here.

#![forbid(unsafe_code)]

mod log;
pub mod owner;
mod scenario;
pub mod session;

pub use log::{Line, Origin};
pub use scenario::{Guest, LINUX_COMMAND_LINE, LINUX_ONE_PROCESSOR, LINUX_SEVERAL_PROCESSORS, Prepared, Scenario};

use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest log line that is kept, in bytes.
const MAX_LINE: u64 = 65_536;

/// How long a machine that went wrong may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// What to boot.
pub struct Machine {
    /// The simulator, ELF32.
    pub simulator: PathBuf,
    /// The IGVM image.
    pub image: PathBuf,
    /// The simulated processor's keys and certificates (`sim_pki`).
    pub pki: PathBuf,
    /// Memory of QEMU's machine in MiB.
    pub memory_mib: u64,
    /// The simulator's options, such as `trace=1`.
    pub options: Vec<String>,
    /// Longest run.
    pub limit: Duration,
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The guest switched the machine off.
    PowerOff,
    /// The hardware model stopped the VM: violation, termination, shutdown. The reason stands in the log.
    Stopped,
    /// The simulator itself failed.
    SimulatorFailed,
    /// QEMU ended in a way that the simulator never causes.
    Other(i32),
}

/// A running machine.
pub struct Running {
    qemu: Child,
    lines: Receiver<Line>,
    history: Vec<Line>,
    owner: OwnerChannel,
    started: Instant,
    limit: Duration,
    _folder: TempDir,
}

impl Machine {
    /// Starts QEMU.
    pub fn start(&self) -> Result<Running> {
        let folder = tempfile::Builder::new().prefix("cloister-").tempdir()?;
        let socket = folder.path().join("owner");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args([
                "-accel",
                "tcg",
                "-cpu",
                "max,+svm,phys-bits=52",
                "-m",
                &self.memory_mib.to_string(),
                "-display",
                "none",
                "-nodefaults",
            ])
            .args(["-no-reboot", "-serial", "stdio", "-chardev"])
            .arg(format!("socket,id=owner,path={},server=on,wait=off", socket.display()))
            .args([
                "-serial",
                "chardev:owner",
                "-device",
                "isa-debug-exit,iobase=0xf4,iosize=4",
                "-kernel",
            ])
            .arg(&self.simulator)
            .arg("-initrd")
            .arg(format!("{},{}", self.image.display(), self.pki.display()))
            .args(["-append", &self.options.join(" ")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("qemu-errors"))?);
        let mut qemu = command
            .spawn()
            .context("cannot start qemu-system-x86_64 (Debian: qemu-system-x86)")?;
        let (sender, lines) = channel();
        let output = qemu.stdout.take().context("QEMU has no output")?;
        thread::spawn(move || {
            let mut reader = BufReader::new(output);
            loop {
                let mut bytes = Vec::new();
                match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if sender.send(Line::parse(&bytes)).is_err() => return,
                    Ok(_) => {}
                }
            }
        });
        let owner = match OwnerChannel::connect(&socket, &mut qemu) {
            Ok(owner) => owner,
            Err(error) => {
                let _gone = qemu.kill();
                let _reaped = qemu.wait();
                let said = fs::read_to_string(folder.path().join("qemu-errors")).unwrap_or_default();
                return Err(error.context(said));
            }
        };
        Ok(Running {
            qemu,
            lines,
            history: Vec::new(),
            owner,
            started: Instant::now(),
            limit: self.limit,
            _folder: folder,
        })
    }
}

impl Running {
    /// The next log line, or `None` when the machine has ended and every line was read.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        let left = self.limit.saturating_sub(self.started.elapsed());
        match self.lines.recv_timeout(left) {
            Ok(line) => {
                self.history.push(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "the machine did not end within {} s; its log so far:\n{}",
                    self.limit.as_secs(),
                    self.log_tail(40)
                )
            }
        }
    }

    /// Reads the log until a line of `origin` contains `text`, and returns that line. An error when the machine ends before.
    pub fn wait_for(&mut self, origin: Origin, text: &str) -> Result<Line> {
        while let Some(line) = self.next_line()? {
            if line.origin == origin && line.text.contains(text) {
                return Ok(line);
            }
        }
        bail!(
            "the machine ended before it printed '{text}'; its log:\n{}",
            self.log_tail(40)
        )
    }

    /// Reads the log to its end and returns how the machine ended.
    pub fn wait_end(&mut self) -> Result<End> {
        while self.next_line()?.is_some() {}
        let deadline = Instant::now() + Duration::from_secs(10);
        let status = loop {
            if let Some(status) = self.qemu.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("QEMU closed its log but did not end");
            }
            thread::sleep(Duration::from_millis(20));
        };
        Ok(match status.code() {
            Some(33) => End::PowerOff,
            Some(65) => End::Stopped,
            Some(97) => End::SimulatorFailed,
            code => End::Other(code.unwrap_or(-1)),
        })
    }

    /// Gives the machine a moment to end by itself, ends it otherwise, and returns how it ended: for a boot that went wrong.
    pub fn stop(&mut self) -> Result<End> {
        self.limit = self.limit.min(self.started.elapsed() + GRACE);
        match self.wait_end() {
            Ok(end) => Ok(end),
            Err(_) => {
                self.qemu.kill()?;
                let _reaped = self.qemu.wait()?;
                Ok(End::Other(-1))
            }
        }
    }

    /// The guest owner's end of the channel to the guest.
    pub fn owner(&mut self) -> &mut OwnerChannel {
        &mut self.owner
    }

    /// Every line that was read so far.
    pub fn history(&self) -> &[Line] {
        &self.history
    }

    /// The last lines, for an error message.
    pub fn log_tail(&self, count: usize) -> String {
        let from = self.history.len().saturating_sub(count);
        self.history[from..]
            .iter()
            .map(|line| line.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended by itself; either way it is reaped.
        let _gone = self.qemu.kill();
        let _reaped = self.qemu.wait();
    }
}

/// The guest owner's end of the byte channel (the guest's COM2), as lines of text.
pub struct OwnerChannel {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl OwnerChannel {
    /// The owner's end of a channel that is open already.
    pub fn attach(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    fn connect(socket: &Path, qemu: &mut Child) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(stream) = UnixStream::connect(socket) {
                return Self::attach(stream);
            }
            if let Some(status) = qemu.try_wait()? {
                bail!("QEMU ended at once ({status})");
            }
            if Instant::now() > deadline {
                bail!("QEMU did not open the guest owner's channel");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) -> Result<()> {
        self.stream.write_all(line.as_bytes())?;
        self.stream.write_all(b"\n")?;
        Ok(())
    }

    /// The next line from the guest; an error when none comes within `limit`, or a line is longer than 65,536 bytes.
    pub fn receive(&mut self, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.buffer.len() as u64 > MAX_LINE {
                bail!("the guest sent a line without end");
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("the machine ended while the guest owner waited for its answer"),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    if Instant::now() > deadline {
                        bail!("the guest did not answer its owner within {} s", limit.as_secs());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
