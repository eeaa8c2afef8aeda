//! `cargo xtask run --shell` as a user has it: in a terminal, with Linux on the simulated platform behind it.
//!
//! The test holds the other end of a pseudo-terminal, types, and reads what a user would see. What it must see is the shell's and the line
//! discipline's (termios(3)): echo, the size of the window, Ctrl-C that interrupts what runs; and the README's promise that Ctrl-] leaves.

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// Longest wait for what the terminal should show: software emulation, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(300);

/// A terminal with the command in it.
struct Terminal {
    command: Child,
    keyboard: File,
    shown: Receiver<Vec<u8>>,
    screen: String,
}

/// The project's tool, which `cargo xtask test` built beside this test.
fn xtask() -> PathBuf {
    let test = std::env::current_exe().expect("this test's file");
    test.ancestors().nth(2).expect("target/debug").join("xtask")
}

fn slave(master: &OwnedFd) -> OwnedFd {
    let name = ptsname(master, Vec::new()).expect("a name");
    open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the other end")
}

impl Terminal {
    fn open(arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let size = Winsize {
            ws_row: 33,
            ws_col: 101,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("a size");
        let command = Command::new(xtask())
            .args(arguments)
            .stdin(Stdio::from(slave(&master)))
            .stdout(Stdio::from(slave(&master)))
            .stderr(Stdio::from(slave(&master)))
            .spawn()
            .expect("xtask starts");
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("another handle");
        let (sender, shown) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                match reader.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(count) if sender.send(chunk[..count].to_vec()).is_err() => return,
                    Ok(_) => {}
                    // The last program that had the terminal open is gone.
                    Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => return,
                    Err(error) => panic!("reading the terminal: {error}"),
                }
            }
        });
        Self {
            command,
            keyboard,
            shown,
            screen: String::new(),
        }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits until the screen shows `text` behind what was waited for before.
    fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.screen.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("'{text}' was not shown ({error}):\n{}", self.screen),
            }
        }
        let end = self.screen.find(text).map_or(0, |at| at + text.len());
        self.screen.drain(..end);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is reaped.
        let _gone = self.command.kill();
        let _reaped = self.command.wait();
    }
}

#[test]
fn shell_in_a_terminal_reaches_the_tpm_and_is_left_by_its_key() {
    let mut terminal = Terminal::open(&["run", "--shell"]);
    terminal.shows("Ctrl-] leaves");
    terminal.shows("# ");
    terminal.types("tpm2 getrandom --hex 8 >/tmp/random; stty size; wc -c </tmp/random\n");
    terminal.shows("33 101\r\n16\r\n");
    terminal.types("sleep 1000; echo slept\n");
    terminal.shows("echo slept\r\n");
    // The shell must have started the command before it can be interrupted.
    thread::sleep(Duration::from_secs(3));
    terminal.types("\u{3}");
    terminal.shows("# ");
    terminal.types("cat /sys/devices/system/cpu/sev/vmpl; echo status $?\n");
    terminal.shows("2\r\nstatus 0\r\n");
    terminal.types("\u{1d}");
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match terminal.command.try_wait().expect("a status") {
            Some(status) => break status,
            None => assert!(Instant::now() < deadline, "Ctrl-] does not leave:\n{}", terminal.screen),
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
}
