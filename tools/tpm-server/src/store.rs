//! The TPM's persistent state on disk: a journal of commits that survives `kill -9` and power cuts.
//!
//! Each commit is one entry: length, CRC-32 of the body, body. It is acknowledged after `fdatasync`. At opening the journal is replayed up
//! to the first entry that is cut short or damaged, and what follows is cut off: such an entry was never acknowledged. When the journal
//! has grown to several times the state it describes, it is replaced by one entry through a temporary file and `rename`. A lock keeps
//! a second server out of the folder.
//!
//! Beside the journal, each in a file of its own: a volatile state that is to be taken up again, and tpmEstablishment.
//!
//! Whoever can write to the folder owns the TPM; this is a development server, and the folder is the user's own.

use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use tpm_contract::{Change, CommitError, Record, bounds};

/// First bytes of a journal: name and format version.
const MAGIC: &[u8; 8] = b"CLTPMJ\0\x01";
/// A journal is rewritten when it is longer than this and than four times its content.
const COMPACT_ABOVE: u64 = 1 << 20;

/// The records and the journal that holds them.
pub struct Store {
    folder: PathBuf,
    journal: File,
    length: u64,
    records: BTreeMap<u32, Vec<u8>>,
    _lock: File,
}

impl Store {
    /// Opens or creates the state in `folder`.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("{} is in use by another server", folder.display());
        }
        let path = folder.join("journal");
        let mut journal = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        let mut bytes = Vec::new();
        journal.read_to_end(&mut bytes)?;
        let mut records = BTreeMap::new();
        let mut length = MAGIC.len() as u64;
        if bytes.len() < MAGIC.len() {
            // Empty, or the very first write was cut short: nothing was ever acknowledged.
            ensure!(
                MAGIC.starts_with(&bytes),
                "{} is not a journal of this server",
                path.display()
            );
            journal.set_len(0)?;
            journal.seek(SeekFrom::Start(0))?;
            journal.write_all(MAGIC)?;
            journal.sync_all()?;
        } else {
            ensure!(
                bytes.starts_with(MAGIC),
                "{} is not a journal of this server, or a newer one",
                path.display()
            );
            let mut rest = &bytes[MAGIC.len()..];
            while let Some((changes, size)) = decode_entry(rest) {
                apply(&mut records, changes);
                rest = &rest[size..];
                length += size as u64;
            }
            journal.set_len(length)?;
            journal.seek(SeekFrom::Start(length))?;
        }
        Ok(Self {
            folder: folder.into(),
            journal,
            length,
            records,
            _lock: lock,
        })
    }

    /// The state as `power-on` takes it.
    pub fn records(&self) -> Vec<Record> {
        self.records
            .iter()
            .map(|(&key, value)| Record {
                key,
                value: value.clone(),
            })
            .collect()
    }

    /// Carries out a commit; when this returns, it is on disk.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), CommitError> {
        let size: usize = changes
            .iter()
            .filter_map(|change| change.value.as_ref())
            .map(Vec::len)
            .sum();
        let too_long = changes
            .iter()
            .filter_map(|c| c.value.as_ref())
            .any(|value| value.len() > bounds::MAX_RECORD);
        if changes.len() > bounds::MAX_CHANGES || size > bounds::MAX_COMMIT || too_long {
            return Err(CommitError::BadOperand);
        }
        let entry = encode_entry(changes);
        if let Err(error) = self.append(&entry) {
            eprintln!("commit failed: {error}");
            // Whatever part of it reached the file is cut off again, so that a later commit does not stand behind a damaged entry.
            let position = self.length;
            if self
                .journal
                .set_len(position)
                .and_then(|()| self.journal.seek(SeekFrom::Start(position)))
                .is_err()
            {
                return Err(CommitError::Unavailable);
            }
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            return Err(if full {
                CommitError::Full
            } else {
                CommitError::Unavailable
            });
        }
        self.length += entry.len() as u64;
        apply(&mut self.records, changes.to_vec());
        let content: usize = self.records.values().map(|value| value.len() + 9).sum();
        if self.length > COMPACT_ABOVE
            && self.length > 4 * content as u64
            && let Err(error) = self.compact()
        {
            eprintln!("the journal could not be compacted: {error}");
        }
        Ok(())
    }

    /// Replaces the whole state (a state blob from outside).
    pub fn replace(&mut self, records: Vec<Record>) -> Result<()> {
        self.records = records.into_iter().map(|record| (record.key, record.value)).collect();
        self.compact().context("cannot write the new state")
    }

    /// Keeps `bytes` in a file of their own, durably; `None` removes it.
    pub fn set_volatile(&self, bytes: Option<&[u8]>) -> Result<()> {
        let path = self.folder.join("volatile");
        match bytes {
            Some(bytes) => write_durably(&self.folder, "volatile", bytes)?,
            None if path.exists() => fs::remove_file(path)?,
            None => {}
        }
        Ok(())
    }

    /// What [`Store::set_volatile`] kept.
    pub fn volatile(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join("volatile")) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// tpmEstablishment as [`Store::set_established`] last kept it; not set in a new folder.
    pub fn established(&self) -> Result<bool> {
        let path = self.folder.join("established");
        match fs::read(&path) {
            Ok(bytes) => match bytes[..] {
                [0] => Ok(false),
                [1] => Ok(true),
                _ => bail!("{} is not of this server", path.display()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps tpmEstablishment durably.
    pub fn set_established(&self, established: bool) -> Result<()> {
        write_durably(&self.folder, "established", &[u8::from(established)]).context("cannot keep tpmEstablishment")
    }

    fn append(&mut self, entry: &[u8]) -> std::io::Result<()> {
        self.journal.write_all(entry)?;
        self.journal.sync_data()
    }

    fn compact(&mut self) -> std::io::Result<()> {
        let changes: Vec<Change> = self
            .records
            .iter()
            .map(|(&key, value)| Change {
                key,
                value: Some(value.clone()),
            })
            .collect();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&encode_entry(&changes));
        write_durably(&self.folder, "journal", &bytes)?;
        self.journal = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.folder.join("journal"))?;
        self.length = self.journal.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let partial = folder.join(format!("{name}.new"));
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(name))?;
    File::open(folder)?.sync_all()
}

fn apply(records: &mut BTreeMap<u32, Vec<u8>>, changes: Vec<Change>) {
    for change in changes {
        match change.value {
            Some(value) => records.insert(change.key, value),
            None => records.remove(&change.key),
        };
    }
}

/// Entry: u32 body length, u32 CRC-32 of the body, body. Body: per change u32 key, u8 1 and u32 length and bytes, or u8 0. Little-endian.
fn encode_entry(changes: &[Change]) -> Vec<u8> {
    let mut body = Vec::new();
    for change in changes {
        body.extend_from_slice(&change.key.to_le_bytes());
        match &change.value {
            Some(value) => {
                body.push(1);
                body.extend_from_slice(&(value.len() as u32).to_le_bytes());
                body.extend_from_slice(value);
            }
            None => body.push(0),
        }
    }
    let mut entry = (body.len() as u32).to_le_bytes().to_vec();
    entry.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    entry.extend_from_slice(&body);
    entry
}

/// The first entry of `bytes` and its size, or `None` when it is not whole.
fn decode_entry(bytes: &[u8]) -> Option<(Vec<Change>, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let mut body = rest.get(..length)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut changes = Vec::new();
    while !body.is_empty() {
        let (key, rest) = body.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first()?;
        let key = u32::from_le_bytes(*key);
        if *kind == 0 {
            changes.push(Change { key, value: None });
            body = rest;
            continue;
        }
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        changes.push(Change {
            key,
            value: Some(value.to_vec()),
        });
        body = rest;
    }
    Some((changes, 8 + length))
}

/// The whole state as one block of bytes, for state blobs.
pub fn encode_records(records: &[Record]) -> Vec<u8> {
    let changes: Vec<Change> = records
        .iter()
        .map(|record| Change {
            key: record.key,
            value: Some(record.value.clone()),
        })
        .collect();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&encode_entry(&changes));
    bytes
}

/// Reads what [`encode_records`] wrote; `None` when the bytes are anything else.
pub fn decode_records(bytes: &[u8]) -> Option<Vec<Record>> {
    let body = bytes.strip_prefix(MAGIC)?;
    let (changes, size) = decode_entry(body)?;
    if size != body.len() || changes.len() > bounds::MAX_RECORDS {
        return None;
    }
    changes
        .into_iter()
        .map(|change| {
            Some(Record {
                key: change.key,
                value: change.value?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: u32, value: &[u8]) -> Change {
        Change {
            key,
            value: Some(value.to_vec()),
        }
    }

    // The expectation is the promise of `host.commit` in wit/tpm.wit: all changes or none, and nothing acknowledged is ever lost.
    #[test]
    fn journal_cut_at_every_byte_keeps_every_acknowledged_commit() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal");
        let mut ends = Vec::new();
        {
            let mut store = Store::open(folder.path()).expect("open");
            for commit in [vec![change(1, b"one"), change(2, b"two")], vec![change(1, b"ONE")]] {
                store.commit(&commit).expect("commit");
                ends.push(fs::metadata(&path).expect("journal").len());
            }
            store.commit(&[Change { key: 2, value: None }]).expect("commit");
        }
        let whole = fs::read(&path).expect("journal");
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).expect("write");
            let records = Store::open(folder.path()).expect("open").records();
            let expected: &[(u32, &[u8])] = match cut as u64 {
                cut if cut < ends[0] => &[],
                cut if cut < ends[1] => &[(1, b"one"), (2, b"two")],
                cut if cut < whole.len() as u64 => &[(1, b"ONE"), (2, b"two")],
                _ => &[(1, b"ONE")],
            };
            let found: Vec<(u32, &[u8])> = records.iter().map(|r| (r.key, r.value.as_slice())).collect();
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn second_server_in_the_same_folder_is_refused() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let _first = Store::open(folder.path()).expect("open");
        assert!(Store::open(folder.path()).is_err());
    }

    #[test]
    fn foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("journal"), b"somebody else's bytes").expect("write");
        assert!(Store::open(folder.path()).is_err());
        assert_eq!(
            fs::read(folder.path().join("journal")).expect("read"),
            b"somebody else's bytes"
        );
    }

    #[test]
    fn compaction_keeps_the_state() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let big = vec![7; 60_000];
        {
            let mut store = Store::open(folder.path()).expect("open");
            for round in 0..40u8 {
                store.commit(&[change(9, &big), change(1, &[round])]).expect("commit");
            }
            assert!(store.length < 2 * COMPACT_ABOVE);
        }
        let records = Store::open(folder.path()).expect("open").records();
        assert_eq!(
            records,
            [
                Record {
                    key: 1,
                    value: vec![39]
                },
                Record { key: 9, value: big }
            ]
        );
    }
}
