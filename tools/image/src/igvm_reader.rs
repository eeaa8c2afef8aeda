//! A reader of IGVM files that shares no code with the crate that writes them.
//!
//! The measurement must not depend on the writer being right, so this reads the bytes from scratch: fixed header, CRC, then the
//! variable headers in order. It accepts what QEMU 10 accepts and nothing else: an unknown header type is an error there, so it is one
//! here. The file comes from our own build or from whoever hands over an image to be measured; every offset and length in it is
//! checked, nothing in it can make this panic. Format: Microsoft's IGVM specification, `igvm_defs`.

use anyhow::{Context, Result, bail, ensure};

use crate::digest::PAGE_SIZE;
use crate::fields::{u16_at, u32_at, u64_at};

const MAGIC: u32 = 0x4D56_4749;
const FIXED_HEADER_SIZE: usize = 24;
const PLATFORM_SEV_SNP: u8 = 2;

/// PAGE_DATA flags that matter to the digest.
const FLAG_2M_PAGE: u32 = 1;
const FLAG_UNMEASURED: u32 = 2;
const FLAG_SHARED: u32 = 4;

/// What kind of page a PAGE_DATA header loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// Data, measured.
    Normal,
    /// Data, not measured.
    Unmeasured,
    /// The secrets page.
    Secrets,
    /// A CPUID page.
    Cpuid,
}

/// One PAGE_DATA header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageData {
    /// Where the page goes.
    pub gpa: u64,
    /// What it is.
    pub kind: PageKind,
    /// Its bytes, zero-padded to a page; `None` if the file carries none (a page of zeros).
    pub data: Option<Box<[u8; PAGE_SIZE]>>,
}

/// The directives that decide what is launched, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directive {
    /// PAGE_DATA.
    Page(PageData),
    /// PARAMETER_INSERT: the pages of a parameter area, filled by the hypervisor.
    ParameterInsert {
        /// First page.
        gpa: u64,
        /// Number of pages.
        pages: u64,
    },
    /// VP_CONTEXT: the start state of one vCPU.
    VpContext {
        /// Which vCPU.
        index: u16,
        /// The VMSA as the file holds it.
        vmsa: Box<[u8; PAGE_SIZE]>,
    },
    /// REQUIRED_MEMORY: private memory that is not launched.
    RequiredMemory {
        /// First byte.
        gpa: u64,
        /// Length in bytes.
        bytes: u64,
    },
}

/// An IGVM file, as far as SEV-SNP is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgvmImage {
    /// Guest policy, if the file carries one.
    pub policy: Option<u64>,
    /// Directives in file order.
    pub directives: Vec<Directive>,
}

impl IgvmImage {
    /// Reads a file; anything that QEMU would not load is an error.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let headers = variable_headers(file)?;
        let mut reader = DirectiveReader {
            file,
            mask: None,
            areas: Vec::new(),
            image: Self::empty(),
        };
        let mut rest = headers;
        while !rest.is_empty() {
            let kind = u32_at(rest, 0)?;
            let length = usize::try_from(u32_at(rest, 4)?)?;
            let content = rest
                .get(8..)
                .and_then(|after| after.get(..length))
                .context("a header ends after the section")?;
            reader
                .read(kind, content)
                .with_context(|| format!("header of type {kind:#x}"))?;
            let advance = length
                .checked_next_multiple_of(8)
                .and_then(|padded| padded.checked_add(8))
                .context("length")?;
            rest = rest
                .get(advance..)
                .context("a header's padding ends after the section")?;
        }
        ensure!(reader.mask.is_some(), "the file supports no SEV-SNP platform");
        Ok(reader.image)
    }

    fn empty() -> Self {
        IgvmImage {
            policy: None,
            directives: Vec::new(),
        }
    }
}

/// Checks the fixed header and the CRC, and finds the variable headers.
fn variable_headers(file: &[u8]) -> Result<&[u8]> {
    ensure!(file.len() >= FIXED_HEADER_SIZE, "too short for an IGVM file");
    ensure!(u32_at(file, 0)? == MAGIC, "not an IGVM file");
    let version = u32_at(file, 4)?;
    ensure!(version == 1, "IGVM format version {version} is not handled");
    let offset = usize::try_from(u32_at(file, 8)?)?;
    let size = usize::try_from(u32_at(file, 12)?)?;
    ensure!(
        offset >= FIXED_HEADER_SIZE && offset.is_multiple_of(8),
        "variable headers at {offset:#x}"
    );
    ensure!(
        usize::try_from(u32_at(file, 16)?)? == file.len(),
        "the file has another length than its header says"
    );
    let end = offset.checked_add(size).context("variable header size")?;
    ensure!(end <= file.len(), "variable headers end after the file");
    let mut covered = file[..end].to_vec();
    covered[20..24].fill(0);
    ensure!(u32_at(file, 20)? == crc32(&covered), "the header checksum is wrong");
    Ok(&file[offset..end])
}

struct DirectiveReader<'a> {
    file: &'a [u8],
    mask: Option<u32>,
    /// Parameter areas not inserted yet: index and size.
    areas: Vec<(u32, u64)>,
    image: IgvmImage,
}

impl DirectiveReader<'_> {
    fn read(&mut self, kind: u32, content: &[u8]) -> Result<()> {
        match kind {
            0x001 => self.supported_platform(content),
            0x101 => {
                if self.is_ours(u32_at(content, 8)?)? {
                    self.image.policy = Some(u64_at(content, 0)?);
                }
                Ok(())
            }
            0x301 => self.parameter_area(content),
            0x302 => self.page_data(content),
            0x303 => self.parameter_insert(content),
            0x304 => self.vp_context(content),
            0x305 => {
                if self.is_ours(u32_at(content, 8)?)? {
                    let bytes = u64::from(u32_at(content, 12)?);
                    self.image.directives.push(Directive::RequiredMemory {
                        gpa: page_address(content)?,
                        bytes,
                    });
                }
                Ok(())
            }
            // VP_COUNT, SNP_ID_BLOCK, MEMORY_MAP, ENVIRONMENT_INFO: allowed, and without effect on the digest.
            0x307 | 0x30B | 0x30C | 0x313 => Ok(()),
            _ => bail!("QEMU does not load this type"),
        }
    }

    fn supported_platform(&mut self, content: &[u8]) -> Result<()> {
        let mask = u32_at(content, 0)?;
        ensure!(
            mask.is_power_of_two(),
            "compatibility mask {mask:#x} has not exactly one bit"
        );
        if content.get(5) == Some(&PLATFORM_SEV_SNP) {
            ensure!(self.mask.is_none(), "two SEV-SNP platforms");
            self.mask = Some(mask);
        }
        Ok(())
    }

    fn is_ours(&self, mask: u32) -> Result<bool> {
        Ok(mask & self.mask.context("a header before SUPPORTED_PLATFORM")? != 0)
    }

    fn parameter_area(&mut self, content: &[u8]) -> Result<()> {
        let (bytes, index) = (u64_at(content, 0)?, u32_at(content, 8)?);
        ensure!(
            bytes != 0 && bytes.is_multiple_of(PAGE_SIZE as u64),
            "an area of {bytes:#x} bytes"
        );
        ensure!(
            !self.areas.iter().any(|(known, _)| *known == index),
            "area {index} is declared twice"
        );
        self.areas.push((index, bytes));
        Ok(())
    }

    fn parameter_insert(&mut self, content: &[u8]) -> Result<()> {
        if !self.is_ours(u32_at(content, 8)?)? {
            return Ok(());
        }
        let index = u32_at(content, 12)?;
        let at = self
            .areas
            .iter()
            .position(|(known, _)| *known == index)
            .with_context(|| format!("no area {index}"))?;
        let (_, bytes) = self.areas.swap_remove(at);
        let pages = bytes / PAGE_SIZE as u64;
        self.image.directives.push(Directive::ParameterInsert {
            gpa: page_address(content)?,
            pages,
        });
        Ok(())
    }

    fn page_data(&mut self, content: &[u8]) -> Result<()> {
        if !self.is_ours(u32_at(content, 8)?)? {
            return Ok(());
        }
        let flags = u32_at(content, 16)?;
        ensure!(
            flags & (FLAG_2M_PAGE | FLAG_SHARED) == 0,
            "2 MiB and shared pages are not handled (flags {flags:#x})"
        );
        let kind = match (u16_at(content, 20)?, flags & FLAG_UNMEASURED != 0) {
            (0, false) => PageKind::Normal,
            (0, true) => PageKind::Unmeasured,
            (1, _) => PageKind::Secrets,
            (2 | 3, _) => PageKind::Cpuid,
            (other, _) => bail!("page data type {other}"),
        };
        let data = self.page_at(u32_at(content, 12)?)?;
        self.image.directives.push(Directive::Page(PageData {
            gpa: page_address(content)?,
            kind,
            data,
        }));
        Ok(())
    }

    fn vp_context(&mut self, content: &[u8]) -> Result<()> {
        if !self.is_ours(u32_at(content, 8)?)? {
            return Ok(());
        }
        let gpa = page_address(content)?;
        ensure!(
            gpa == crate::digest::VMSA_GPA,
            "KVM wants the VMSA at {:#x}, not {gpa:#x}",
            crate::digest::VMSA_GPA
        );
        let vmsa = self
            .page_at(u32_at(content, 12)?)?
            .context("a VP_CONTEXT without data")?;
        self.image.directives.push(Directive::VpContext {
            index: u16_at(content, 16)?,
            vmsa,
        });
        Ok(())
    }

    /// The page of file data at an offset; offset 0 means that there is none.
    fn page_at(&self, offset: u32) -> Result<Option<Box<[u8; PAGE_SIZE]>>> {
        if offset == 0 {
            return Ok(None);
        }
        let start = usize::try_from(offset)?;
        let bytes = self
            .file
            .get(start..)
            .and_then(|rest| rest.first_chunk())
            .context("file data ends after the file")?;
        Ok(Some(Box::new(*bytes)))
    }
}

/// The GPA that starts most headers; must be a page's.
fn page_address(content: &[u8]) -> Result<u64> {
    let gpa = u64_at(content, 0)?;
    ensure!(gpa.is_multiple_of(PAGE_SIZE as u64), "GPA {gpa:#x} is not page-aligned");
    Ok(gpa)
}

/// CRC-32 as in IEEE 802.3 (reflected polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_of_the_check_string_is_the_published_value() {
        // The "check" value of CRC-32/ISO-HDLC in every catalogue of CRC parameters.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
