//! Child processes that cannot hang silently: each has a limit, keeps its output in a file and reports progress while it runs.
//!
//! Everything that `cargo xtask` starts goes through [`Step`]. A child gets no standard input, so it cannot wait for an answer that
//! nobody gives; it gets a process group of its own, so that a limit or an interrupt ends whatever it started in turn.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    fs::{self, File},
    io::{IsTerminal, Read, Write},
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
        self.judge(status)
    }

    fn judge(&self, status: ExitStatus) -> Result<()> {
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

    fn spawn(&self, command: &mut Command) -> Result<Child> {
        command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))
    }

    /// Runs `command` and returns its exit status; exceeding the limit is an error.
    pub fn status(&self, command: &mut Command) -> Result<ExitStatus> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.wait(command)
    }

    /// Starts `command` beside what comes next, its output going to the log; [`Running::finish`] waits for it.
    pub fn begin(self, command: &mut Command) -> Result<Running> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        println!("  {} … begun", self.title);
        let child = self.spawn(command)?;
        Ok(Running {
            step: self,
            child,
            started: Instant::now(),
        })
    }

    /// Like [`Step::run`], with the child's output shown every second as well (test runners).
    pub fn run_loud(&self, command: &mut Command) -> Result<()> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut shown = File::open(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        println!("  {} …", self.title);
        let started = Instant::now();
        let mut child = self.spawn(command)?;
        let outcome = self.poll(&mut child, started, |_| show_more(&mut shown));
        show_more(&mut shown);
        let status = outcome?;
        if !status.success() {
            bail!(
                "{} failed ({status}); its output is in {}",
                self.title,
                self.log.display()
            );
        }
        println!("  {} … done ({} s)", self.title, started.elapsed().as_secs());
        Ok(())
    }

    fn wait(&self, command: &mut Command) -> Result<ExitStatus> {
        let started = Instant::now();
        let mut child = self.spawn(command)?;
        self.watch(&mut child, started)
    }

    fn watch(&self, child: &mut Child, started: Instant) -> Result<ExitStatus> {
        let terminal = std::io::stdout().is_terminal();
        print!("  {} …", self.title);
        let _flushed = std::io::stdout().flush();
        let mut shown = 0;
        let status = self.poll(child, started, |seconds| {
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

/// A child that runs beside others. When it is dropped, it is ended.
pub struct Running {
    step: Step,
    child: Child,
    started: Instant,
}

impl Running {
    /// Waits for the end; an exit status other than zero is an error that shows the log's end, and so is exceeding the limit.
    pub fn finish(mut self) -> Result<()> {
        let status = self.step.watch(&mut self.child, self.started)?;
        self.step.judge(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What cannot be asked is taken for running: ending it again does no harm.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            end_group(&mut self.child);
        }
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

/// Copies to the terminal what has come to a log since the last time. A terminal that is gone, or a log that cannot be read, ends nothing: the log is
/// there all the same.
fn show_more(log: &mut File) {
    let mut more = Vec::new();
    if log.read_to_end(&mut more).is_ok() && std::io::stdout().write_all(&more).is_err() {
        eprintln!("  the output can be seen in the log only");
    }
}

/// How long a command may take that only answers a question.
const SHORT: Duration = Duration::from_secs(120);

/// Runs a short command and returns what it prints, or `None` when it cannot be started, fails or hangs.
pub fn output_of(command: &mut Command) -> Option<String> {
    output_within(command, SHORT)
}

fn output_within(command: &mut Command, limit: Duration) -> Option<String> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    // A thread reads, because a child that fills the pipe would wait for ever.
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if started.elapsed() > limit || interrupted() {
            println!("  {command:?} gave no answer in {} s and was ended", limit.as_secs());
            end_group(&mut child);
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let bytes = reader.join().ok()?.ok()?;
    status
        .success()
        .then(|| String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn loud_step_keeps_what_it_shows() {
        let logs = std::env::temp_dir().join(format!("xtask-loud-{}", std::process::id()));
        let step = Step::new(&logs, "a loud step", Duration::from_secs(60)).expect("a folder");
        step.run_loud(&mut shell("echo to stdout; echo to stderr >&2"))
            .expect("it succeeds");
        let kept = fs::read_to_string(logs.join("a-loud-step.log")).expect("a log");
        assert_eq!(kept, "to stdout\nto stderr\n");
        let refused = step.run_loud(&mut shell("echo bad; exit 3")).expect_err("it fails");
        assert!(refused.to_string().contains("a-loud-step.log"), "{refused}");
        fs::remove_dir_all(logs).expect("removed");
    }

    #[test]
    fn step_that_was_begun_is_waited_for_or_ended() {
        let logs = std::env::temp_dir().join(format!("xtask-begun-{}", std::process::id()));
        let step = |title| Step::new(&logs, title, Duration::from_secs(60)).expect("a folder");
        let begun = step("good")
            .begin(&mut shell("sleep 0.1; echo late"))
            .expect("it starts");
        begun.finish().expect("it succeeds");
        assert_eq!(fs::read_to_string(logs.join("good.log")).expect("a log"), "late\n");
        let begun = step("bad").begin(&mut shell("echo reason; exit 3")).expect("it starts");
        let refused = begun.finish().expect_err("it fails");
        assert!(refused.to_string().contains("reason"), "{refused}");
        let begun = step("left").begin(&mut shell("sleep 3600")).expect("it starts");
        let pid = begun.child.id();
        drop(begun);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        fs::remove_dir_all(logs).expect("removed");
    }

    #[test]
    fn question_that_is_not_answered_is_given_up() {
        assert_eq!(output_of(&mut shell("echo ' yes '")).as_deref(), Some("yes"));
        assert_eq!(output_of(&mut shell("echo no; exit 1")), None);
        assert_eq!(output_of(&mut Command::new("/nonexistent")), None);
        // More than a pipe holds.
        let long = output_of(&mut shell("head -c 300000 /dev/zero | tr '\\0' x"));
        assert_eq!(long.map(|text| text.len()), Some(300_000));
        // The pipe stays open in the background process, which is ended with its group.
        let hanging = output_within(&mut shell("sleep 3600 & sleep 3600"), Duration::from_millis(200));
        assert_eq!(hanging, None);
    }
}
