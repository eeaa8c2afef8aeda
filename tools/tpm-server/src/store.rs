//! The TPM's persistent state on disk: a journal of commits that survives `kill -9` and power cuts.
//!
//! Each commit is one entry: length, CRC-32 of the body, body. It is acknowledged after `fdatasync`. At opening the journal is replayed up
//! to the first entry that is cut short or damaged, and what follows is cut off: such an entry was never acknowledged. When the journal
//! has grown to several times the state it describes, it is replaced by one entry through a temporary file and `rename`. A lock keeps
//! a second server out of the folder.
//!
//! The file is longer than its entries, by zeros: a commit that fits into them changes nothing but bytes, and `fdatasync` has no new length to write down,
//! which is a third of its time. Zeros are no entry, since one has at least a change.
//!
//! Beside the journal, each in a file of its own: a volatile state that is to be taken up again, and tpmEstablishment.
//!
//! Whoever can write to the folder owns the TPM; this is a development server, and the folder is the user's own.

use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};
use tpm_contract::{Change, CommitError, Record, bounds};

/// First bytes of a journal: name and format version.
const MAGIC: &[u8; 8] = b"CLTPMJ\0\x02";
/// Those of a journal without zeros behind its entries, and of a state blob.
const MAGIC_1: &[u8; 8] = b"CLTPMJ\0\x01";
/// A journal is rewritten when it is longer than this and than four times its content.
const COMPACT_ABOVE: u64 = 1 << 20;
/// Zeros are added up to a multiple of this.
const RESERVE: u64 = 64 << 10;

/// The records and the journal that holds them.
pub struct Store {
    folder: PathBuf,
    journal: File,
    /// Where the entries end.
    length: u64,
    /// Where the zeros behind them end, and with them the file.
    reserved: u64,
    /// What is behind the entries may be something else: a commit failed, and what it left could not be cut off yet.
    is_torn: bool,
    /// The folder may durably name an older journal.
    is_unnamed: bool,
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
        let is_old = bytes.starts_with(MAGIC_1);
        if bytes.len() < MAGIC.len() {
            // Empty, or the very first write was cut short: nothing was ever acknowledged.
            ensure!(
                MAGIC.starts_with(&bytes) || MAGIC_1.starts_with(&bytes),
                "{} is not a journal of this server",
                path.display()
            );
            journal.write_all_at(MAGIC, 0)?;
            journal.sync_all()?;
            bytes = MAGIC.to_vec();
        } else {
            ensure!(
                is_old || bytes.starts_with(MAGIC),
                "{} is not a journal of this server, or a newer one",
                path.display()
            );
        }
        let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
        // In an old journal an entry may be without changes.
        while let Some((changes, size)) = decode_entry(rest).filter(|(changes, _)| is_old || !changes.is_empty()) {
            apply(&mut records, changes);
            rest = &rest[size..];
            length += size as u64;
        }
        let is_torn = rest.iter().any(|byte| *byte != 0);
        let mut store = Self {
            folder: folder.into(),
            journal,
            length,
            reserved: bytes.len() as u64,
            is_torn,
            is_unnamed: false,
            records,
            _lock: lock,
        };
        if is_old {
            store
                .rewrite(store.records.clone())
                .context("cannot bring the journal to the newest format")?;
        } else if is_torn {
            store.cut()?;
        }
        Ok(store)
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
        if changes.is_empty() {
            return Ok(());
        }
        // What an earlier failure left open: nothing is promised on top of it.
        if self.is_unnamed && self.name().is_err() || self.is_torn && self.cut().is_err() {
            return Err(CommitError::Unavailable);
        }
        let entry = encode_entry(changes);
        if let Err(error) = self.append(&entry) {
            eprintln!("commit failed: {error}");
            // Whatever part of it reached the file is cut off again, so that nothing of it stands behind a later commit.
            self.is_torn = true;
            if self.cut().is_err() {
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
            && let Err(error) = self.rewrite(self.records.clone())
        {
            eprintln!("the journal could not be compacted: {error}");
        }
        Ok(())
    }

    /// Replaces the whole state (a state blob from outside).
    pub fn replace(&mut self, records: Vec<Record>) -> Result<()> {
        let records = records.into_iter().map(|record| (record.key, record.value)).collect();
        self.rewrite(records).context("cannot write the new state")
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

    /// Writes an entry behind the others, and new zeros behind it when the old ones do not suffice.
    fn append(&mut self, entry: &[u8]) -> std::io::Result<()> {
        let end = self.length + entry.len() as u64;
        if end <= self.reserved {
            self.journal.write_all_at(entry, self.length)?;
        } else {
            let reserved = end.next_multiple_of(RESERVE);
            let mut bytes = entry.to_vec();
            bytes.resize((reserved - self.length) as usize, 0);
            self.journal.write_all_at(&bytes, self.length)?;
            self.reserved = reserved;
        }
        self.journal.sync_data()
    }

    /// Cuts off what is behind the entries, durably: the power may fail before anything else is written.
    fn cut(&mut self) -> std::io::Result<()> {
        self.journal.set_len(self.length)?;
        self.journal.sync_all()?;
        self.reserved = self.length;
        self.is_torn = false;
        Ok(())
    }

    /// Puts a journal with these records, in one entry, in the place of the present one.
    fn rewrite(&mut self, records: BTreeMap<u32, Vec<u8>>) -> std::io::Result<()> {
        let changes: Vec<Change> = records
            .iter()
            .map(|(&key, value)| Change {
                key,
                value: Some(value.clone()),
            })
            .collect();
        let mut bytes = MAGIC.to_vec();
        // Without changes it would be no entry.
        if !changes.is_empty() {
            bytes.extend_from_slice(&encode_entry(&changes));
        }
        // From here on it is the journal, whether or not the folder can be told so durably.
        self.journal = replace_file(&self.folder, "journal", &bytes)?;
        self.records = records;
        self.length = bytes.len() as u64;
        self.reserved = self.length;
        self.is_torn = false;
        self.is_unnamed = true;
        self.name()
    }

    /// Has the folder name the journal durably.
    fn name(&mut self) -> std::io::Result<()> {
        File::open(&self.folder)?.sync_all()?;
        self.is_unnamed = false;
        Ok(())
    }
}

fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    replace_file(folder, name, bytes)?;
    File::open(folder)?.sync_all()
}

/// Puts a file with these bytes in the place of another; which of the two there is after a power cut is settled once the folder is synced.
fn replace_file(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<File> {
    let partial = folder.join(format!("{name}.new"));
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(name))?;
    Ok(file)
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
    let mut bytes = MAGIC_1.to_vec();
    bytes.extend_from_slice(&encode_entry(&changes));
    bytes
}

/// Reads what [`encode_records`] wrote; `None` when the bytes are anything else.
pub fn decode_records(bytes: &[u8]) -> Option<Vec<Record>> {
    let body = bytes.strip_prefix(MAGIC_1)?;
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
                ends.push(store.length);
            }
            store.commit(&[Change { key: 2, value: None }]).expect("commit");
            ends.push(store.length);
        }
        let file = fs::read(&path).expect("journal");
        assert_eq!(file.len() as u64, RESERVE);
        let (whole, zeros) = file.split_at(ends[2] as usize);
        assert!(zeros.iter().all(|byte| *byte == 0));
        // The file ends at the cut, as a file that grew; or there are zeros behind it; or something else.
        for (cut, behind) in
            (0..=whole.len()).flat_map(|cut| [&[][..], &[0; 64], &[0xA5; 64]].map(|behind| (cut, behind)))
        {
            // A name that is not whole is nobody's.
            if cut < MAGIC.len() && !behind.is_empty() {
                continue;
            }
            let bytes = [&whole[..cut], behind].concat();
            fs::write(&path, &bytes).expect("write");
            let records = Store::open(folder.path()).expect("open").records();
            // The last entry ends in a zero, which may as well be one of those behind it.
            let kept = ends
                .iter()
                .filter(|end| bytes.starts_with(&whole[..**end as usize]))
                .count();
            let expected: &[(u32, &[u8])] = match kept {
                0 => &[],
                1 => &[(1, b"one"), (2, b"two")],
                2 => &[(1, b"ONE"), (2, b"two")],
                _ => &[(1, b"ONE")],
            };
            let found: Vec<(u32, &[u8])> = records.iter().map(|r| (r.key, r.value.as_slice())).collect();
            assert_eq!(found, expected, "cut at {cut}, then {behind:?}");
        }
    }

    // The promise as above. What a torn commit left behind could be read as an entry once a shorter one stands in front of it.
    #[test]
    fn what_is_left_of_a_torn_commit_never_follows_another() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal");
        drop(Store::open(folder.path()).expect("open"));
        let [short, never] = [change(1, b"short"), change(2, b"never")].map(|change| encode_entry(&[change]));
        let torn = [&vec![0xA5; short.len()], &never[..]].concat();
        fs::write(&path, [&MAGIC[..], &torn].concat()).expect("write");
        let mut store = Store::open(folder.path()).expect("open");
        store.commit(&[change(1, b"short")]).expect("commit");
        drop(store);
        let records = Store::open(folder.path()).expect("open").records();
        let found: Vec<_> = records.iter().map(|record| record.key).collect();
        assert_eq!(found, [1]);
    }

    #[test]
    fn commits_that_fit_leave_the_files_length_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal");
        let length = || fs::metadata(&path).expect("journal").len();
        let mut store = Store::open(folder.path()).expect("open");
        for round in 0..100u8 {
            store.commit(&[change(1, &[round; 100])]).expect("commit");
            assert_eq!(length(), RESERVE);
        }
        drop(store);
        let mut store = Store::open(folder.path()).expect("open");
        store.commit(&[change(2, b"again")]).expect("commit");
        assert_eq!(length(), RESERVE, "the zeros of an earlier server serve the next");
        store.commit(&[change(3, &vec![3; 60_000])]).expect("commit");
        assert_eq!(length(), 2 * RESERVE);
        drop(store);
        let records = Store::open(folder.path()).expect("open").records();
        assert_eq!(records.iter().map(|record| record.key).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn journal_of_the_first_version_is_read_and_rewritten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal");
        let entries = [vec![change(1, b"one")], Vec::new(), vec![change(2, b"two")]].map(|entry| encode_entry(&entry));
        // Its last entry was cut short.
        fs::write(&path, [&MAGIC_1[..], &entries.concat(), &entries[0][..9]].concat()).expect("write");
        for round in 0..2 {
            let mut store = Store::open(folder.path()).expect("open");
            let keys: Vec<_> = store.records().iter().map(|record| record.key).collect();
            assert_eq!(keys, [&[1, 2][..], &[1, 2, 3]][round]);
            store.commit(&[change(3, b"three")]).expect("commit");
        }
        assert!(fs::read(&path).expect("journal").starts_with(MAGIC));
    }

    #[test]
    fn commits_after_an_empty_state_are_kept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("open");
        store.commit(&[change(1, b"one")]).expect("commit");
        store.replace(Vec::new()).expect("an empty state");
        store.commit(&[change(2, b"two")]).expect("commit");
        drop(store);
        let records = Store::open(folder.path()).expect("open").records();
        assert_eq!(records.iter().map(|record| record.key).collect::<Vec<_>>(), [2]);
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
