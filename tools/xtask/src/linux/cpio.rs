//! Writes the initial file system's archive: "newc" cpio, as the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`
//! describes it.
//!
//! The archive is part of what is measured at launch, so the same files must give the same bytes whoever makes it, whenever: entries are
//! sorted, owned by root, dated 1970 and numbered in order. Everything in it comes from this machine; paths are checked all the same, because
//! an archive with two entries of one name, or with a file in a folder that is missing, unpacks differently than it reads.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;

const FOLDER: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// Marks the end of an archive.
const TRAILER: &str = "TRAILER!!!";

/// What is at one path.
struct Entry {
    mode: u32,
    /// Major and minor number of a device.
    device: (u32, u32),
    /// A file's bytes, or where a link leads.
    content: Vec<u8>,
}

/// An archive in the making. Paths have no leading slash.
#[derive(Default)]
pub struct Archive {
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// A folder; the folders above it come by themselves.
    pub fn folder(&mut self, path: &str) -> Result<()> {
        if self.entries.get(path).is_some_and(|entry| entry.mode == FOLDER) {
            return Ok(());
        }
        self.insert(path, FOLDER, (0, 0), Vec::new())
    }

    /// A file that is read.
    pub fn file(&mut self, path: &str, content: Vec<u8>) -> Result<()> {
        self.insert(path, FILE, (0, 0), content)
    }

    /// A file that is executed.
    pub fn program(&mut self, path: &str, content: Vec<u8>) -> Result<()> {
        self.insert(path, PROGRAM, (0, 0), content)
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, to: &str) -> Result<()> {
        self.insert(path, LINK, (0, 0), to.as_bytes().to_vec())
    }

    /// A character device.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) -> Result<()> {
        self.insert(path, CHARACTER_DEVICE, (major, minor), Vec::new())
    }

    fn insert(&mut self, path: &str, mode: u32, device: (u32, u32), content: Vec<u8>) -> Result<()> {
        let sound = path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
        ensure!(
            sound && path != TRAILER,
            "'{path}' is no path for an initial file system"
        );
        ensure!(
            u32::try_from(content.len()).is_ok(),
            "'{path}' is too large for an initial file system"
        );
        if let Some((above, _)) = path.rsplit_once('/') {
            self.folder(above)?;
        }
        let entry = Entry { mode, device, content };
        ensure!(
            self.entries.insert(path.to_owned(), entry).is_none(),
            "'{path}' is there twice"
        );
        Ok(())
    }

    /// The archive's bytes. A folder sorts before what is in it, so that the kernel finds it made.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (path, entry)) in (1u32..).zip(&self.entries) {
            put(&mut bytes, number, path, entry);
        }
        let trailer = Entry {
            mode: 0,
            device: (0, 0),
            content: Vec::new(),
        };
        put(&mut bytes, 0, TRAILER, &trailer);
        bytes
    }
}

/// One entry: thirteen fields of eight hexadecimal digits, name, content; both filled up to a multiple of four.
fn put(bytes: &mut Vec<u8>, number: u32, path: &str, entry: &Entry) {
    let links = if entry.mode == FOLDER { 2 } else { 1 };
    let (major, minor) = entry.device;
    let name_size = path.len() as u32 + 1;
    let fields = [
        number,
        entry.mode,
        0, // user
        0, // group
        links,
        0, // time of change
        entry.content.len() as u32,
        0, // major and minor number of the file system
        0,
        major,
        minor,
        name_size,
        0, // check sum, which this form has not
    ];
    bytes.extend_from_slice(b"070701");
    for field in fields {
        bytes.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    bytes.extend_from_slice(path.as_bytes());
    bytes.push(0);
    fill(bytes);
    bytes.extend_from_slice(&entry.content);
    fill(bytes);
}

fn fill(bytes: &mut Vec<u8>) {
    while !bytes.len().is_multiple_of(4) {
        bytes.push(0);
    }
}

#[cfg(test)]
mod tests {
    // The other implementation that reads what is written here is the kernel: the boots of the Linux guest depend on it.
    use super::*;

    fn sample() -> Archive {
        let mut archive = Archive::default();
        archive.program("init", b"#!/bin/sh\n".to_vec()).expect("init");
        archive.link("bin/sh", "busybox").expect("link");
        archive.device("dev/console", 5, 1).expect("device");
        archive.file("lib/modules/x.ko", vec![7; 5]).expect("file");
        archive
    }

    // The offsets are those of buffer-format.rst: a header of 110 bytes, name and content filled up to four bytes.
    #[test]
    fn archive_has_headers_where_the_format_says() {
        let mut archive = Archive::default();
        archive.file("a", b"hello".to_vec()).expect("file");
        let bytes = archive.to_bytes();
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081a4", "mode");
        assert_eq!(&bytes[54..62], b"00000005", "size");
        assert_eq!(&bytes[94..102], b"00000002", "size of the name");
        assert_eq!(&bytes[110..112], b"a\0");
        assert_eq!(&bytes[112..120], b"hello\0\0\0");
        assert_eq!(&bytes[120..126], b"070701");
        assert_eq!(&bytes[230..241], b"TRAILER!!!\0");
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn archive_is_the_same_whatever_the_order_of_insertion() {
        let mut other = Archive::default();
        other.file("lib/modules/x.ko", vec![7; 5]).expect("file");
        other.device("dev/console", 5, 1).expect("device");
        other.program("init", b"#!/bin/sh\n".to_vec()).expect("init");
        other.link("bin/sh", "busybox").expect("link");
        assert_eq!(other.to_bytes(), sample().to_bytes());
    }

    #[test]
    fn archive_refuses_what_would_unpack_differently_than_it_reads() {
        let mut archive = sample();
        for path in ["", "/init", "a//b", "../x", "bin/.", "init", TRAILER] {
            assert!(archive.file(path, Vec::new()).is_err(), "{path}");
        }
    }
}
