//! TPMS_ATTEST of a quote (Part 2 §10.12.12) and the PCR digest it carries.
//!
//! What a quote proves is only what is in these bytes: that a restricted key of a TPM said so (magic), that it is a quote (type), for
//! whom (extraData), and over which PCRs (selection and digest). The PCR values themselves travel beside it and are worth what the
//! digest says.

use anyhow::{Context, Result, bail, ensure};

use super::hash::HashAlg;
use super::wire::Reader;

const TPM_GENERATED_VALUE: u32 = 0xFF54_4347;
const TPM_ST_ATTEST_QUOTE: u16 = 0x8018;
const MAX_NAME: usize = 68;
const MAX_DATA: usize = 66;
/// Banks in one selection: more than any TPM has.
const MAX_SELECTIONS: u32 = 16;
const PCR_COUNT: usize = 24;

/// The content of one PCR, as sent along with a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcrValue {
    /// Bank.
    pub bank: HashAlg,
    /// Index, 0 to 23.
    pub index: u8,
    /// Content.
    pub digest: Vec<u8>,
}

/// A parsed quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// extraData: the qualifying data.
    pub extra_data: Vec<u8>,
    /// pcrSelect, one entry per selected PCR, in the order in which the digest covers them.
    pub selection: Vec<(HashAlg, u8)>,
    /// pcrDigest
    pub pcr_digest: Vec<u8>,
}

impl Quote {
    /// Reads a TPMS_ATTEST that takes up all of `bytes` and is a quote.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let magic = reader.u32().context("magic")?;
        ensure!(magic == TPM_GENERATED_VALUE, "magic {magic:#010x}: not made by a TPM");
        let kind = reader.u16().context("type")?;
        ensure!(kind == TPM_ST_ATTEST_QUOTE, "type {kind:#06x}: not a quote");
        reader.tpm2b(MAX_NAME).context("qualifiedSigner")?;
        let extra_data = reader.tpm2b(MAX_DATA).context("extraData")?.to_vec();
        reader.u64().context("clock")?;
        reader.u32().context("resetCount")?;
        reader.u32().context("restartCount")?;
        let safe = reader.u8().context("safe")?;
        ensure!(safe <= 1, "safe is {safe}");
        reader.u64().context("firmwareVersion")?;
        let selection = read_selection(&mut reader).context("pcrSelect")?;
        let pcr_digest = reader.tpm2b(64).context("pcrDigest")?.to_vec();
        reader.finish()?;
        Ok(Quote {
            extra_data,
            selection,
            pcr_digest,
        })
    }

    /// Fails unless `values` are exactly the selected PCRs and hash to the quoted digest under the signing scheme's hash.
    pub fn require_values(&self, values: &[PcrValue], hash: HashAlg) -> Result<()> {
        let mut parts = Vec::new();
        for (bank, index) in &self.selection {
            let mut of_this = values
                .iter()
                .filter(|value| value.bank == *bank && value.index == *index);
            let value = of_this
                .next()
                .with_context(|| format!("no value given for {}:{index}", bank.name()))?;
            ensure!(of_this.next().is_none(), "two values given for {}:{index}", bank.name());
            ensure!(
                value.digest.len() == bank.size(),
                "the value of {}:{index} has the wrong size",
                bank.name()
            );
            parts.push(value.digest.as_slice());
        }
        if let Some(extra) = values
            .iter()
            .find(|value| !self.selection.contains(&(value.bank, value.index)))
        {
            bail!(
                "a value is given for {}:{}, which the quote does not cover",
                extra.bank.name(),
                extra.index
            );
        }
        ensure!(
            hash.digest(&parts) == self.pcr_digest,
            "the PCR values do not hash to the quoted digest"
        );
        Ok(())
    }
}

fn read_selection(reader: &mut Reader<'_>) -> Result<Vec<(HashAlg, u8)>> {
    let count = reader.u32()?;
    ensure!(count <= MAX_SELECTIONS, "{count} banks");
    let mut selection = Vec::new();
    for _ in 0..count {
        let bank = HashAlg::from_id(reader.u16()?)?;
        let size = usize::from(reader.u8()?);
        ensure!(size == PCR_COUNT / 8, "a bitmap of {size} bytes");
        for (byte, bits) in reader.bytes(size)?.iter().enumerate() {
            for bit in (0..8).filter(|bit| bits & (1 << bit) != 0) {
                let pcr = (bank, (byte * 8 + bit) as u8);
                ensure!(!selection.contains(&pcr), "{}:{} is selected twice", bank.name(), pcr.1);
                selection.push(pcr);
            }
        }
    }
    Ok(selection)
}
