//! Brings the guest up (GHCB, SVSM, TPM protocol) and runs the mode that the measured command line names.

use crate::{attacks, calls, crowd, games, ghcb::Ghcb, instructions, memory, races, story, svsm::Svsm, wild};
use core::fmt::Write;
use svsm_proto::launch_info::GuestBootInfo;

extern crate alloc;
use alloc::{string::String, vec::Vec};

/// Everything that the modes use.
pub struct Machine {
    /// What the SVSM told us.
    pub info: GuestBootInfo,
    /// Our page tables.
    pub tables: memory::Tables,
    /// The SVSM.
    pub svsm: Svsm,
    /// The hypervisor.
    pub ghcb: Ghcb,
    unread: Vec<u8>,
}

impl Machine {
    /// Makes a GHCB and registers it.
    pub fn new(info: GuestBootInfo) -> Self {
        let mut tables = memory::Tables::new(info.page_tables_gpa, info.c_bit);
        let svsm = Svsm::new(info.caa_gpa);
        let page = memory::pages(1);
        svsm.share(&mut tables, page);
        let ghcb = Ghcb::register(page);
        Self {
            info,
            tables,
            svsm,
            ghcb,
            unread: Vec::new(),
        }
    }

    /// Runs the mode of the command line.
    pub fn run(&mut self) {
        let bytes = memory::read_bytes(self.info.command_line_gpa, self.info.command_line_len as usize);
        let command_line = String::from_utf8_lossy(&bytes).into_owned();
        self.say(format_args!(
            "guest at VMPL{}, command line '{command_line}'",
            self.info.vmpl
        ));
        // CPUID is intercepted: the answer comes through the #VC handler from the CPUID page.
        let leaf = instructions::cpuid(0x8000_001F);
        let c_bit = u64::from(leaf[1] & 0x3F);
        self.check(
            "the CPUID page names the C-bit that the SVSM used",
            c_bit,
            self.info.c_bit,
        );
        match command_line.trim_end_matches('\0') {
            "" | "story" => story::run(self),
            "calls" => calls::run(self),
            "trap" => story::trap(self),
            "resist" => attacks::resisted(self),
            "games" => games::run(self),
            "races" => races::run(self),
            "crowd" => crowd::run(self),
            other => match other.split_once(':') {
                Some(("attack", name)) => attacks::run(self, name),
                Some(("wild", rest)) => wild::run(self, rest),
                _ => self.say(format_args!("FAIL: no mode '{other}'")),
            },
        }
    }

    /// Writes a line to the log.
    pub fn say(&self, line: core::fmt::Arguments<'_>) {
        let text = alloc::format!("{line}\n");
        self.ghcb.log(&text);
    }

    /// Compares and says PASS or FAIL.
    pub fn check(&self, what: &str, found: u64, expected: u64) {
        if found == expected {
            self.say(format_args!("PASS: {what}"));
        } else {
            self.say(format_args!("FAIL: {what}: {found:#x} instead of {expected:#x}"));
        }
    }

    /// The next line from the owner.
    pub fn receive_line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return String::from_utf8_lossy(&line).trim_end().into();
            }
            if self.unread.len() > sim_guest::owner::MAX_LINE {
                self.unread.clear();
            }
            if let Some(byte) = self.ghcb.receive() {
                self.unread.push(byte);
            }
        }
    }

    /// Sends a line to the owner.
    pub fn send_line(&self, line: &str) {
        let mut text = String::from(line);
        // Writing to a string cannot fail.
        let _infallible = writeln!(text);
        self.ghcb.send(text.as_bytes());
    }

    /// Ends the run.
    pub fn power_off(&self) -> ! {
        self.say(format_args!("guest ends"));
        self.ghcb.power_off()
    }
}
