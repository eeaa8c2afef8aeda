//! An event log put together from the structures of the TCG PC Client Platform Firmware Profile (§10.2), record by record, so that each part of
//! it can be changed. Shares no code with the SVSM's encoder.

use sha2::{Digest, Sha256, Sha384, Sha512};
use verifier::{HashAlg, PcrValue};

use super::MEASUREMENT;

pub const COMPONENT_FILE: &[u8] = b"\0asm, a component";
pub const KERNEL: &[u8] = b"MZ, a kernel";
pub const INITRD: &[u8] = b"070701, an initial file system";
pub const COMMAND_LINE: &str = "console=ttyS0 quiet";

/// Hash algorithms: TPM_ALG_ID and digest size.
pub const ALGORITHMS: [(u16, u16); 4] = [(0x4, 20), (0xB, 32), (0xC, 48), (0xD, 64)];

/// One TCG_PCR_EVENT2.
#[derive(Clone)]
pub struct Record {
    pub pcr: u32,
    pub event_type: u32,
    pub digests: Vec<(u16, Vec<u8>)>,
    pub data: Vec<u8>,
    /// Stated size of the data, if it is not the true one.
    pub size: Option<u32>,
}

impl Record {
    pub fn new(pcr: u32, event_type: u32, what: &[u8], data: &[u8]) -> Self {
        let digests = [
            sha1::Sha1::digest(what).to_vec(),
            Sha256::digest(what).to_vec(),
            Sha384::digest(what).to_vec(),
            Sha512::digest(what).to_vec(),
        ];
        Record {
            pcr,
            event_type,
            digests: ALGORITHMS.iter().map(|(id, _)| *id).zip(digests).collect(),
            data: data.to_vec(),
            size: None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = [self.pcr, self.event_type, self.digests.len() as u32]
            .map(u32::to_le_bytes)
            .concat();
        for (id, digest) in &self.digests {
            out.extend(id.to_le_bytes());
            out.extend(digest);
        }
        out.extend(self.size.unwrap_or(self.data.len() as u32).to_le_bytes());
        out.extend(&self.data);
        out
    }
}

/// A log.
#[derive(Clone)]
pub struct Log {
    /// PCR, type, digest and size of the first record.
    pub head: Vec<u8>,
    /// TCG_EfiSpecIdEvent.
    pub spec_id: Vec<u8>,
    pub records: Vec<Record>,
}

/// Positions in [`Log::records`].
pub const VERSION_AT: usize = 0;
pub const LAUNCH_DIGEST_AT: usize = 1;
pub const COMPONENT_AT: usize = 2;
pub const SEPARATORS_AT: usize = 3;
pub const KERNEL_AT: usize = 11;
pub const INITRD_AT: usize = 12;
pub const COMMAND_LINE_AT: usize = 13;

impl Log {
    /// What an SVSM logs that boots with kernel, initial file system and command line.
    pub fn honest() -> Self {
        let spec_id = [
            b"Spec ID Event03\0",
            &[0, 0, 0, 0, 0, 2, 105, 2, 4, 0, 0, 0][..],
            &ALGORITHMS
                .iter()
                .flat_map(|(id, size)| [id.to_le_bytes(), size.to_le_bytes()].concat())
                .collect::<Vec<u8>>(),
            &[0],
        ]
        .concat();
        let version: Vec<u8> = "Cloister SVSM 0.1.0\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let blob = [
            &[13][..],
            b"TPM component",
            &0xC012_3000u64.to_le_bytes(),
            &(COMPONENT_FILE.len() as u64).to_le_bytes(),
        ]
        .concat();
        let mut records = vec![
            Record::new(0, 8, &version, &version),
            Record::new(0, 7, &MEASUREMENT, b"AMD SEV-SNP launch digest\0"),
            Record::new(0, 0x8000_000A, COMPONENT_FILE, &blob),
        ];
        records.extend((0..8).map(|pcr| Record::new(pcr, 4, &[0; 4], &[0; 4])));
        records.push(Record::new(4, 0xD, KERNEL, b"kernel"));
        records.push(Record::new(9, 0xD, INITRD, b"initrd"));
        let text = format!("kernel_cmdline: {COMMAND_LINE}");
        records.push(Record::new(9, 0xD, COMMAND_LINE.as_bytes(), text.as_bytes()));
        let size = (spec_id.len() as u32).to_le_bytes();
        Log {
            head: [&[0, 0, 0, 0, 3, 0, 0, 0][..], &[0; 20], &size].concat(),
            spec_id,
            records,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = [&self.head[..], &self.spec_id].concat();
        self.records.iter().for_each(|record| out.extend(record.bytes()));
        out
    }

    /// SHA-256 values of these PCRs after the log's events (Part 1 §17.2: PCR = H(PCR || digest)).
    pub fn pcrs(&self, wanted: &[u8]) -> Vec<PcrValue> {
        let value = |index: u8| {
            let events = self.records.iter().filter(|record| record.pcr == u32::from(index));
            events.fold(vec![0; 32], |old, record| {
                Sha256::digest([&old[..], &record.digests[1].1].concat()).to_vec()
            })
        };
        wanted
            .iter()
            .map(|index| PcrValue {
                bank: HashAlg::Sha256,
                index: *index,
                digest: value(*index),
            })
            .collect()
    }
}
