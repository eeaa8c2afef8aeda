//! Work inside a Linux guest that was booted to be worked in: one script with its exit status, or an interactive shell.
//!
//! Which of the two a guest does, or neither, is decided by its measured command line; nothing that is sent here makes another guest run a
//! script. What comes back is the guest's bytes as the hypervisor let them through: they are shown to the user, and nothing in them is acted upon
//! but the mark that ends a script, which is random so that no output looks like it. The guest's side is `owner.sh` of the Linux guest kit.

use crate::OwnerChannel;
use anyhow::{Context, Result, bail, ensure};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};
use sim_guest::owner::{HELLO, hex};
use std::{
    io::{self, ErrorKind, Read, Stdin, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// Largest script, in bytes: the guest keeps it in memory.
pub const MAX_SCRIPT: usize = 1 << 20;
/// What is sent in one piece, so that a slow guest is not taken for a dead one.
const PIECE: usize = 256;
/// Longest text after the mark that ends a script.
const MAX_STATUS: usize = 8;
/// Ctrl-], which leaves the shell.
const LEAVE: u8 = 0x1D;
/// How long one wait for input lasts.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Runs `script` in a guest of mode `script`; what it prints goes to `output` as it comes. Returns its exit status.
pub fn script(channel: &mut OwnerChannel, script: &[u8], output: &mut dyn Write, limit: Duration) -> Result<u8> {
    ensure!(
        script.len() <= MAX_SCRIPT,
        "a script has {MAX_SCRIPT} bytes at most, this one {}",
        script.len()
    );
    let deadline = Instant::now() + limit;
    greet(channel, limit)?;
    let mut mark = [0; 16];
    getrandom::fill(&mut mark).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let mark = hex(&mark);
    channel.send(&format!("script {} {mark}", script.len()))?;
    for piece in script.chunks(PIECE) {
        channel.stream.write_all(piece)?;
    }
    let end = format!("\n{mark} ").into_bytes();
    loop {
        if let Some(at) = channel.buffer.windows(end.len()).position(|window| window == end) {
            let rest = &channel.buffer[at + end.len()..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                output.write_all(&channel.buffer[..at])?;
                output.flush()?;
                let status = String::from_utf8_lossy(&rest[..length]).into_owned();
                return status
                    .parse()
                    .with_context(|| format!("the guest sent '{status}' as an exit status"));
            }
            ensure!(rest.len() <= MAX_STATUS, "the guest sent an exit status without end");
        } else {
            let shown = channel.buffer.len() - beginning_at_end(&channel.buffer, &end);
            output.write_all(&channel.buffer[..shown])?;
            output.flush()?;
            channel.buffer.drain(..shown);
        }
        ensure!(
            Instant::now() < deadline,
            "the script did not end within {} s",
            limit.as_secs()
        );
        ensure!(take(channel)?, "the machine ended before the script did");
    }
}

/// Connects this terminal with the shell of a guest of mode `shell`, until the shell ends, the user types Ctrl-], or `interrupted` says so.
/// The terminal is put back as it was on every way out.
pub fn shell(channel: &mut OwnerChannel, limit: Duration, interrupted: &dyn Fn() -> bool) -> Result<()> {
    greet(channel, limit)?;
    let mut input = io::stdin();
    let size = tcgetwinsize(io::stdout())
        .ok()
        .filter(|size| size.ws_row > 0 && size.ws_col > 0);
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
    channel.send(&format!("shell {rows} {columns} {}", terminal_name()))?;
    let _raw = RawTerminal::new()?;
    let mut output = io::stdout();
    let mut reading = true;
    while !interrupted() {
        output.write_all(&channel.buffer)?;
        output.flush()?;
        channel.buffer.clear();
        let (typed, answered) = wait(&input, &channel.stream, reading)?;
        if typed {
            reading = forward(&mut input, &mut channel.stream)?;
            if !reading && isatty(io::stdin()) {
                return Ok(());
            }
        }
        if answered && !take(channel)? {
            return Ok(());
        }
    }
    bail!("interrupted")
}

/// Waits for the guest's first line.
fn greet(channel: &mut OwnerChannel, limit: Duration) -> Result<()> {
    let line = channel.receive(limit)?;
    ensure!(line == HELLO, "the guest greets its owner with '{line}'");
    Ok(())
}

/// How many bytes at the end of `buffer` could be the beginning of `pattern`.
fn beginning_at_end(buffer: &[u8], pattern: &[u8]) -> usize {
    (1..pattern.len().min(buffer.len() + 1))
        .rev()
        .find(|&length| buffer.ends_with(&pattern[..length]))
        .unwrap_or(0)
}

/// Adds to the channel's buffer what has come, waiting a moment for it; false when the machine has ended.
fn take(channel: &mut OwnerChannel) -> Result<bool> {
    let mut chunk = [0; 4096];
    match channel.stream.read(&mut chunk) {
        Ok(0) => Ok(false),
        Ok(count) => {
            channel.buffer.extend_from_slice(&chunk[..count]);
            Ok(true)
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends what was typed; false when that was Ctrl-] or there will be no more.
fn forward(input: &mut Stdin, stream: &mut UnixStream) -> Result<bool> {
    let mut typed = [0; PIECE];
    // Reads past the buffer of `Stdin`: poll(2) knows nothing of what that would hold back.
    let count = rustix::io::read(&*input, &mut typed)?;
    let leaving = typed[..count].iter().position(|byte| *byte == LEAVE);
    stream.write_all(&typed[..leaving.unwrap_or(count)])?;
    Ok(count > 0 && leaving.is_none())
}

/// Waits until something was typed or the guest answered, for a moment at most.
fn wait(input: &Stdin, stream: &UnixStream, reading: bool) -> Result<(bool, bool)> {
    let mut files = vec![PollFd::new(stream, PollFlags::IN)];
    if reading {
        files.push(PollFd::new(input, PollFlags::IN));
    }
    match poll(&mut files, Some(&TICK)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = |file: Option<&PollFd>| file.is_some_and(|file| !file.revents().is_empty());
    Ok((ready(files.get(1)), ready(files.first())))
}

/// The user's kind of terminal, as a word that the guest may put on a command line.
fn terminal_name() -> String {
    let name = std::env::var("TERM").unwrap_or_default();
    let sound = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+'));
    if sound { name } else { "vt100".into() }
}

/// The user's terminal, raw; put back as it was when this value goes.
struct RawTerminal {
    before: Option<Termios>,
}

impl RawTerminal {
    /// Makes the terminal raw; does nothing when the input is no terminal.
    fn new() -> Result<Self> {
        let input = io::stdin();
        if !isatty(&input) {
            return Ok(Self { before: None });
        }
        let before = tcgetattr(&input).context("cannot read the terminal's settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Drain, &raw).context("cannot make the terminal raw")?;
        Ok(Self { before: Some(before) })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && let Err(error) = tcsetattr(io::stdin(), OptionalActions::Drain, before)
        {
            eprintln!("cannot put the terminal back ({error}): `reset` does");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        thread,
    };

    fn channel() -> (OwnerChannel, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("two ends");
        (OwnerChannel::attach(ours).expect("a channel"), theirs)
    }

    /// A guest that greets, takes a script, and answers with pieces in which `MARK` stands for the mark.
    fn guest(mut stream: UnixStream, pieces: &'static [&'static str]) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            writeln!(stream, "{HELLO}").expect("greeting");
            let mut reader = BufReader::new(stream.try_clone().expect("another handle"));
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request");
            let words: Vec<&str> = line.trim_end().split(' ').collect();
            let mut script = vec![0; words[1].parse().expect("a length")];
            reader.read_exact(&mut script).expect("the script");
            for piece in pieces {
                let piece = piece.replace("MARK", words[2]);
                stream.write_all(piece.as_bytes()).expect("an answer");
                thread::sleep(Duration::from_millis(20));
            }
            String::from_utf8(script).expect("text")
        })
    }

    const LIMIT: Duration = Duration::from_secs(10);

    // The conversation is this module's and owner.sh's own; the expected output is what the pretended script printed.
    #[test]
    fn script_gives_its_output_and_its_status_even_in_pieces() {
        let (mut channel, theirs) = channel();
        let guest = guest(theirs, &["one\ntw", "o\n\n", "\nMA", "RK x\n\nMARK", " 7\n"]);
        let mut output = Vec::new();
        let status = script(&mut channel, b"echo one; exit 7\n", &mut output, LIMIT).expect("a status");
        assert_eq!(status, 7);
        assert_eq!(String::from_utf8_lossy(&output), "one\ntwo\n\n\nMARK x\n");
        assert_eq!(guest.join().expect("the guest"), "echo one; exit 7\n");
    }

    #[test]
    fn script_without_a_status_is_an_error() {
        for pieces in [
            &["half of the out"] as &[&str],
            &["\nMARK seven\n"],
            &["\nMARK 256\n"],
            &["\nMARK 7777777777"],
        ] {
            let (mut channel, theirs) = channel();
            let guest = guest(theirs, pieces);
            script(&mut channel, b"true", &mut Vec::new(), LIMIT).expect_err("no status");
            guest.join().expect("the guest");
        }
    }

    #[test]
    fn script_of_a_guest_that_does_something_else_is_not_sent() {
        let (mut channel, mut theirs) = channel();
        theirs.write_all(b"login:\n").expect("greeting");
        let error = script(&mut channel, b"true", &mut Vec::new(), LIMIT).expect_err("another greeting");
        assert!(error.to_string().contains("login:"), "{error}");
    }

    #[test]
    fn beginning_of_a_mark_is_the_longest_one() {
        assert_eq!(beginning_at_end(b"abc\n\n12", b"\n123 "), 3);
        assert_eq!(beginning_at_end(b"abc\n", b"\n123 "), 1);
        assert_eq!(beginning_at_end(b"abc", b"\n123 "), 0);
        assert_eq!(beginning_at_end(b"", b"\n123 "), 0);
    }
}
