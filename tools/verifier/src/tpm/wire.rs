//! Big-endian reading and writing with a bound on every length (Part 2 §4, §10.4).

use anyhow::{Context, Result, ensure};

/// Largest TPM2B that any structure of the verifier may hold.
pub const MAX_TPM2B: usize = 1280;

/// A cursor over bytes from outside.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().context("ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }

    /// UINT8.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// UINT16.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// UINT32.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// UINT64.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A TPM2B of at most `limit` bytes.
    pub fn tpm2b(&mut self, limit: usize) -> Result<&'a [u8]> {
        let size = usize::from(self.u16()?);
        ensure!(size <= limit, "a buffer of {size} bytes where at most {limit} belong");
        self.bytes(size)
    }

    /// Fails unless every byte was read.
    pub fn finish(self) -> Result<()> {
        ensure!(self.0.is_empty(), "{} bytes too many", self.0.len());
        Ok(())
    }
}

/// Appends a TPM2B. Lengths come from this crate's own fixed sizes and from parsed TPM2Bs, so they fit.
pub fn put_tpm2b(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    out.extend_from_slice(
        &u16::try_from(bytes.len())
            .context("a buffer above 64 KiB")?
            .to_be_bytes(),
    );
    out.extend_from_slice(bytes);
    Ok(())
}
