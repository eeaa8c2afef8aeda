//! Child processes that cannot hang silently: each has a limit, keeps its output in a file and reports progress while it runs.
//!
//! Everything that `cargo xtask` starts goes through [`Step`]. A child gets no standard input, so it cannot wait for an answer that
//! nobody gives; it gets a process group of its own, so that a limit or an interrupt ends whatever it started in turn.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    fs::{self, File},
    io::{IsTerminal, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Set by SIGINT and SIGTERM.
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Lets an interrupt end the running child first and the program after it.
pub fn watch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(())
}

/// True once the user has interrupted the program.
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// One child process with a name, a limit and a log.
pub struct Step {
    title: String,
    limit: Duration,
    log: PathBuf,
}

impl Step {
    /// A step that is shown as `title`, may take `limit`, and keeps its output in `logs/<file-friendly title>.log`.
    pub fn new(logs: &Path, title: &str, limit: Duration) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let file: String = title
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Ok(Self {
            title: title.into(),
            limit,
            log: logs.join(format!("{file}.log")),
        })
    }

    /// Runs `command`, its output going to the log only. An exit status other than zero is an error that shows the log's end.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        let status = self.status(command)?;
        if !status.success() {
            bail!(
                "{} failed ({status}); the end of {}:\n{}",
                self.title,
                self.log.display(),
                self.tail(40)
            );
        }
        Ok(())
    }

    /// Runs `command` and returns its exit status; exceeding the limit is an error.
    pub fn status(&self, command: &mut Command) -> Result<ExitStatus> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.wait(command)
    }

    /// Like [`Step::run`], with the child's output shown as it comes (test runners).
    pub fn run_loud(&self, command: &mut Command) -> Result<()> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit());
        println!("  {} …", self.title);
        let started = Instant::now();
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let status = self.poll(&mut child, started, |_| {})?;
        if !status.success() {
            bail!("{} failed ({status})", self.title);
        }
        println!("  {} … done ({} s)", self.title, started.elapsed().as_secs());
        Ok(())
    }

    fn wait(&self, command: &mut Command) -> Result<ExitStatus> {
        let terminal = std::io::stdout().is_terminal();
        let started = Instant::now();
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        print!("  {} …", self.title);
        let _flushed = std::io::stdout().flush();
        let mut shown = 0;
        let status = self.poll(&mut child, started, |seconds| {
            if terminal {
                print!("\r  {} … {seconds} s", self.title);
            } else if seconds >= shown + 20 {
                print!(" {seconds} s …");
                shown = seconds;
            }
            let _flushed = std::io::stdout().flush();
        })?;
        let verdict = if status.success() { "done" } else { "FAILED" };
        let start = if terminal {
            format!("\r  {} …", self.title)
        } else {
            String::new()
        };
        println!("{start} {verdict} ({} s)", started.elapsed().as_secs());
        Ok(status)
    }

    fn poll(&self, child: &mut Child, started: Instant, mut tick: impl FnMut(u64)) -> Result<ExitStatus> {
        let mut second = 0;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            let elapsed = started.elapsed();
            if elapsed > self.limit || interrupted() {
                end_group(child);
                if interrupted() {
                    bail!("interrupted during: {}", self.title);
                }
                bail!(
                    "{} took longer than its limit of {} s and was ended; the end of {}:\n{}",
                    self.title,
                    self.limit.as_secs(),
                    self.log.display(),
                    self.tail(40)
                );
            }
            if elapsed.as_secs() > second {
                second = elapsed.as_secs();
                tick(second);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// Ends a child and everything in its process group, and reaps it.
fn end_group(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The group may be gone already; then there is nothing left to end.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
    let _reaped = child.wait();
}

/// Runs a short command and returns what it prints, or `None` when it cannot be started or fails.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
