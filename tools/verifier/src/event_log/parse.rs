//! Reads the bytes of a crypto-agile event log (TCG PC Client Platform Firmware Profile 1.05, §10.2): a first record in the old form that
//! carries TCG_EfiSpecIdEvent, then TCG_PCR_EVENT2 records to the last byte. All numbers are little-endian.
//!
//! The bytes come from the guest. What they say is not judged here; but every length, count and algorithm is, so that a log has exactly
//! one reading.

use anyhow::{Context, Result, bail, ensure};

use super::bank::{Bank, Digests};

/// Type of events that extend nothing.
const EV_NO_ACTION: u32 = 3;
const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";
/// PCRs of a PC Client TPM.
const PCR_COUNT: u32 = 24;
/// More than any log of ours has.
const MAX_EVENTS: usize = 256;
/// Longest data of one event.
const MAX_DATA: usize = 4096;

/// One event that extended a PCR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// PCR, 0 to 23.
    pub pcr: u8,
    /// Event type (PFP §10.4.1).
    pub event_type: u32,
    /// What the PCR was extended by, in each bank of the log.
    pub digests: Digests,
    /// Data, informative or not as its type says.
    pub data: Vec<u8>,
}

/// A parsed log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    /// The log's banks.
    pub banks: Vec<Bank>,
    /// Events in their order, the first record left out.
    pub events: Vec<LogEvent>,
}

impl EventLog {
    /// Reads a log that takes up all of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let banks = read_header(&mut reader).context("the log's first record")?;
        let mut events = Vec::new();
        while !reader.0.is_empty() {
            let number = events.len() + 1;
            ensure!(number <= MAX_EVENTS, "more than {MAX_EVENTS} events");
            events.push(read_event(&mut reader, &banks).with_context(|| format!("event {number}"))?);
        }
        Ok(EventLog { banks, events })
    }
}

/// The first record: which hashes the others carry.
fn read_header(reader: &mut Reader<'_>) -> Result<Vec<Bank>> {
    let (pcr, event_type) = (reader.u32("PCR")?, reader.u32("type")?);
    ensure!(
        pcr == 0 && event_type == EV_NO_ACTION,
        "type {event_type:#x} of PCR {pcr} instead of EV_NO_ACTION of PCR 0"
    );
    ensure!(reader.bytes(20, "digest")? == [0; 20], "its digest is not zero");
    let size = reader.u32("size")? as usize;
    let mut event = Reader(reader.bytes(size, "TCG_EfiSpecIdEvent")?);
    ensure!(
        event.bytes(16, "signature")? == SIGNATURE,
        "the signature is not 'Spec ID Event03'"
    );
    let class = event.u32("platform class")?;
    ensure!(class == 0, "platform class {class} instead of client");
    let (minor, major, _errata) = (event.u8("version")?, event.u8("version")?, event.u8("errata")?);
    ensure!((major, minor) == (2, 0), "specification {major}.{minor} instead of 2.0");
    let uintn = event.u8("uintnSize")?;
    ensure!(uintn == 2, "uintnSize {uintn} instead of 64-bit");
    let count = event.u32("number of algorithms")?;
    ensure!((1..=4).contains(&count), "{count} algorithms");
    let mut banks = Vec::new();
    for _ in 0..count {
        let (id, size) = (event.u16("algorithm")?, event.u16("digest size")?);
        let bank = Bank::from_id(id).with_context(|| format!("hash algorithm {id:#06x}"))?;
        ensure!(
            usize::from(size) == bank.size(),
            "digests of {size} bytes for {}",
            bank.name()
        );
        ensure!(!banks.contains(&bank), "{} is listed twice", bank.name());
        banks.push(bank);
    }
    let vendor = event.u8("vendorInfoSize")?;
    ensure!(vendor == 0, "{vendor} bytes of vendor information");
    ensure!(event.0.is_empty(), "{} bytes too many", event.0.len());
    Ok(banks)
}

fn read_event(reader: &mut Reader<'_>, banks: &[Bank]) -> Result<LogEvent> {
    let pcr = reader.u32("PCR")?;
    ensure!(pcr < PCR_COUNT, "PCR {pcr} does not exist");
    let event_type = reader.u32("type")?;
    let count = reader.u32("number of digests")? as usize;
    ensure!(
        count == banks.len(),
        "{count} digests in a log of {} banks",
        banks.len()
    );
    let mut digests = Vec::new();
    for bank in banks {
        let id = reader.u16("algorithm")?;
        match Bank::from_id(id) {
            Some(found) if found == *bank => {}
            Some(found) => bail!("a digest of {} where {} belongs", found.name(), bank.name()),
            None => bail!("a digest of hash algorithm {id:#06x}"),
        }
        digests.push((*bank, reader.bytes(bank.size(), "digest")?.to_vec()));
    }
    let size = reader.u32("size of the data")? as usize;
    ensure!(size <= MAX_DATA, "{size} bytes of data");
    Ok(LogEvent {
        pcr: pcr as u8,
        event_type,
        digests: Digests(digests),
        data: reader.bytes(size, "data")?.to_vec(),
    })
}

/// A cursor over bytes from outside; what is missing is named.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .with_context(|| format!("ends within its {what}"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .with_context(|| format!("ends within its {what}"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self, what: &str) -> Result<u8> {
        self.array(what).map(u8::from_le_bytes)
    }

    fn u16(&mut self, what: &str) -> Result<u16> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }
}
