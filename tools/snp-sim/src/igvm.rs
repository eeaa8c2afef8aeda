//! Reads an IGVM file: the directives that QEMU's loader supports for SNP, in file order (Microsoft IGVM specification; QEMU
//! `docs/system/igvm.rst`).
//!
//! The file is the image owner's; a malformed one is refused with its reason, and so is everything that loaders are known to treat
//! differently: what is measured must not depend on the loader.

use crate::model::{
    address::{Gpa, PAGE_SIZE, PageSize},
    field,
};
use alloc::vec::Vec;

const MAGIC: u32 = 0x4D56_4749;
const PLATFORM_SEV_SNP: u8 = 2;
/// Largest parameter area.
const MAX_AREA: u64 = 1 << 20;
/// First address that no guest page has.
const MAX_GPA: u64 = 1 << 48;
/// Most directives.
const MAX_DIRECTIVES: usize = 1 << 20;

/// How a page of the file is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Measured.
    Normal,
    /// Not measured.
    Unmeasured,
    /// Left shared.
    Shared,
    /// The secrets page.
    Secrets,
    /// The CPUID page.
    Cpuid,
}

/// What a parameter area is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Number of virtual processors.
    VpCount,
    /// Memory map.
    MemoryMap,
    /// Environment flags.
    Environment,
}

/// One directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive<'a> {
    /// A page; empty data means zeros.
    Page {
        /// Where.
        gpa: Gpa,
        /// How.
        kind: PageKind,
        /// Contents, at most one page.
        data: &'a [u8],
    },
    /// Declares a parameter area.
    Area {
        /// Its number.
        index: u32,
        /// Its size.
        bytes: u64,
    },
    /// A parameter inside an area.
    Parameter {
        /// What.
        parameter: Parameter,
        /// The area's number.
        area: u32,
        /// Byte offset in the area.
        offset: u32,
    },
    /// Puts an area into guest memory as unmeasured pages.
    Insert {
        /// Where.
        gpa: Gpa,
        /// The area's number.
        area: u32,
    },
    /// Memory that must be there and private, but is not launched.
    Required {
        /// Where.
        gpa: Gpa,
        /// How much.
        bytes: u64,
    },
    /// Initial state of a virtual processor.
    Vp {
        /// Which one.
        index: u16,
        /// A save area.
        vmsa: &'a [u8],
    },
}

/// A parsed file.
pub struct Image<'a> {
    /// The guest policy.
    pub policy: u64,
    /// Directives for SNP in file order.
    pub directives: Vec<Directive<'a>>,
}

/// Why a file is refused.
pub type Refusal = &'static str;

impl<'a> Image<'a> {
    /// Parses a file.
    pub fn parse(file: &'a [u8]) -> Result<Self, Refusal> {
        let (start, end) = check_fixed_header(file)?;
        let mut image = Image {
            policy: 0x30000,
            directives: Vec::new(),
        };
        let mut mask = 0;
        let mut section = 0;
        let mut offset = start;
        while offset < end {
            let (kind, content, next) = next_header(file, offset, end)?;
            if kind >> 8 < section {
                return Err("headers are out of order");
            }
            section = kind >> 8;
            match kind {
                0x001 => mask |= platform_mask(content)?,
                0x101 if applies(content, 8, mask)? => {
                    image.policy = field::read_u64(content, 0).ok_or("short policy")?
                }
                0x101 => {}
                _ => image.directive(file, kind, content, mask)?,
            }
            offset = next;
        }
        if mask == 0 {
            return Err("the image does not support SEV-SNP");
        }
        Ok(image)
    }

    fn directive(&mut self, file: &'a [u8], kind: u32, content: &'a [u8], mask: u32) -> Result<(), Refusal> {
        const SHORT: Refusal = "directive is too short";
        let word = |at| field::read_u32(content, at).ok_or(SHORT);
        let long = |at| field::read_u64(content, at).ok_or(SHORT);
        let parameter = |parameter| -> Result<_, Refusal> {
            Ok(Directive::Parameter {
                parameter,
                area: word(0)?,
                offset: word(4)?,
            })
        };
        let directive = match kind {
            0x301 => area(content)?,
            0x302 if applies(content, 8, mask)? => page(file, content)?,
            0x303 if applies(content, 8, mask)? => Directive::Insert {
                gpa: page_address(long(0)?)?,
                area: word(12)?,
            },
            0x304 if applies(content, 8, mask)? => processor(file, content)?,
            0x305 if applies(content, 8, mask)? => Directive::Required {
                gpa: page_address(long(0)?)?,
                bytes: u64::from(word(12)?),
            },
            0x302..=0x305 => return Ok(()),
            0x307 => parameter(Parameter::VpCount)?,
            0x30C => parameter(Parameter::MemoryMap)?,
            0x313 => parameter(Parameter::Environment)?,
            0x30B => return Err("ID blocks are not modelled"),
            _ => return Err("directive that QEMU does not support"),
        };
        let launched = |directive: &Directive| matches!(directive, Directive::Page { .. } | Directive::Vp { .. });
        if !launched(&directive)
            && !matches!(directive, Directive::Required { .. })
            && self.directives.iter().any(launched)
        {
            return Err("parameter directives after pages: loaders measure them in different order");
        }
        if self.directives.len() == MAX_DIRECTIVES {
            return Err("too many directives");
        }
        self.directives.push(directive);
        Ok(())
    }
}

/// Checks magic, sizes and checksum; the range of the variable headers.
fn check_fixed_header(file: &[u8]) -> Result<(usize, usize), Refusal> {
    const SHORT: Refusal = "file is too short";
    let word = |at| field::read_u32(file, at).ok_or(SHORT);
    if word(0)? != MAGIC || word(4)? != 1 {
        return Err("not an IGVM file of format version 1");
    }
    let (start, size) = (word(8)? as usize, word(12)? as usize);
    let end = start.checked_add(size).ok_or(SHORT)?;
    if start < 24 || start % 8 != 0 || word(16)? as usize != file.len() {
        return Err("malformed fixed header");
    }
    let mut headers = file.get(..end).ok_or(SHORT)?.to_vec();
    headers[20..24].fill(0);
    if crc32(&headers) != word(20)? {
        return Err("wrong checksum");
    }
    Ok((start, end))
}

/// Type, content and the offset of the following header.
fn next_header(file: &[u8], offset: usize, end: usize) -> Result<(u32, &[u8], usize), Refusal> {
    let kind = field::read_u32(file, offset).ok_or("truncated header")?;
    let length = field::read_u32(file, offset + 4).ok_or("truncated header")? as usize;
    let first = offset + 8;
    let last = first
        .checked_add(length)
        .filter(|&last| last <= end)
        .ok_or("header is too long")?;
    Ok((kind, &file[first..last], last.next_multiple_of(8)))
}

fn platform_mask(content: &[u8]) -> Result<u32, Refusal> {
    let mask = field::read_u32(content, 0).ok_or("short platform header")?;
    let platform = *content.get(5).ok_or("short platform header")?;
    if platform != PLATFORM_SEV_SNP {
        return Ok(0);
    }
    if field::read_u64(content, 8) != Some(0) {
        return Err("a shared GPA boundary (vTOM) is not modelled");
    }
    Ok(mask)
}

fn applies(content: &[u8], at: usize, mask: u32) -> Result<bool, Refusal> {
    Ok(field::read_u32(content, at).ok_or("directive is too short")? & mask != 0)
}

fn page_address(gpa: u64) -> Result<Gpa, Refusal> {
    let gpa = Gpa(gpa);
    let legal = gpa.is_aligned(PageSize::Small) && gpa.0 < MAX_GPA;
    legal
        .then_some(gpa)
        .ok_or("address is not page-aligned or beyond the address space")
}

fn area(content: &[u8]) -> Result<Directive<'_>, Refusal> {
    let bytes = field::read_u64(content, 0).ok_or("short area")?;
    let initial = field::read_u32(content, 12).ok_or("short area")?;
    if bytes == 0 || bytes % PAGE_SIZE != 0 || bytes > MAX_AREA {
        return Err("parameter area of an illegal size");
    }
    if initial != 0 {
        return Err("parameter areas with initial data are not modelled");
    }
    Ok(Directive::Area {
        index: field::read_u32(content, 8).ok_or("short area")?,
        bytes,
    })
}

fn page<'a>(file: &'a [u8], content: &[u8]) -> Result<Directive<'a>, Refusal> {
    const SHORT: Refusal = "short page directive";
    let offset = field::read_u32(content, 12).ok_or(SHORT)? as usize;
    let flags = field::read_u32(content, 16).ok_or(SHORT)?;
    let data = match offset {
        0 => &[],
        offset => file
            .get(offset..offset.saturating_add(PAGE_SIZE as usize))
            .ok_or("page data lies outside the file")?,
    };
    let kind = match (field::read_u16(content, 20).ok_or(SHORT)?, flags) {
        (0, 0) => PageKind::Normal,
        (0, 2) => PageKind::Unmeasured,
        (0, 4 | 6) => PageKind::Shared,
        (1, 0) => PageKind::Secrets,
        (2, 0) => PageKind::Cpuid,
        _ => return Err("page directive with illegal type or flags"),
    };
    Ok(Directive::Page {
        gpa: page_address(field::read_u64(content, 0).ok_or(SHORT)?)?,
        kind,
        data,
    })
}

fn processor<'a>(file: &'a [u8], content: &[u8]) -> Result<Directive<'a>, Refusal> {
    const SHORT: Refusal = "short processor context";
    if field::read_u64(content, 0) != Some(0xFFFF_FFFF_F000) {
        return Err("a save area must lie at GPA 0xFFFFFFFFF000");
    }
    let offset = field::read_u32(content, 12).ok_or(SHORT)? as usize;
    Ok(Directive::Vp {
        index: field::read_u16(content, 16).ok_or(SHORT)?,
        vmsa: file
            .get(offset..offset.saturating_add(PAGE_SIZE as usize))
            .filter(|_| offset != 0)
            .ok_or("save area lies outside the file")?,
    })
}

/// CRC-32 (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    // "123456789" is the check value that every description of this CRC gives.
    #[test]
    fn checksum_of_the_check_string_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    fn header(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn file(headers: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
        let variable = headers.concat();
        let data_at = (24 + variable.len()).next_multiple_of(4096);
        let mut file = vec![0; data_at];
        file[24..24 + variable.len()].copy_from_slice(&variable);
        file.extend_from_slice(data);
        let total = file.len() as u32;
        for (at, word) in [(0, MAGIC), (4, 1), (8, 24), (12, variable.len() as u32), (16, total)] {
            field::write(&mut file, at, &word.to_le_bytes());
        }
        let sum = crc32(&file[..24 + variable.len()]);
        field::write(&mut file, 20, &sum.to_le_bytes());
        file
    }

    fn platform() -> Vec<u8> {
        header(1, &[1, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn page_header(gpa: u64, offset: u32, flags: u32, kind: u16) -> Vec<u8> {
        let mut content = gpa.to_le_bytes().to_vec();
        for word in [1, offset, flags, u32::from(kind)] {
            content.extend_from_slice(&word.to_le_bytes());
        }
        header(0x302, &content)
    }

    fn area_header() -> Vec<u8> {
        header(0x301, &[0, 0x10, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])
    }

    // Layout: the IGVM specification's tables of the headers used.
    #[test]
    fn pages_and_areas_are_read_in_file_order() {
        let bytes = file(
            &[
                platform(),
                area_header(),
                page_header(0x1000, 4096, 0, 0),
                page_header(0x2000, 0, 0, 1),
            ],
            &[0x5A; 4096],
        );
        let image = Image::parse(&bytes).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(image.directives[0], Directive::Area { index: 7, bytes: 4096 });
        assert!(
            matches!(image.directives[1], Directive::Page { gpa: Gpa(0x1000), kind: PageKind::Normal, data } if data == [0x5A; 4096])
        );
        assert!(matches!(
            image.directives[2],
            Directive::Page {
                kind: PageKind::Secrets,
                data: &[],
                ..
            }
        ));
    }

    #[test]
    fn ambiguous_and_damaged_files_are_refused() {
        let late = file(&[platform(), page_header(0x1000, 0, 0, 0), area_header()], &[]);
        assert!(Image::parse(&late).is_err());
        let outside = file(&[platform(), page_header(0x1000, 1 << 20, 0, 0)], &[]);
        assert!(Image::parse(&outside).is_err());
        let mut damaged = file(&[platform(), area_header()], &[]);
        damaged[40] ^= 1;
        assert_eq!(Image::parse(&damaged).err(), Some("wrong checksum"));
        assert!(Image::parse(&file(&[area_header()], &[])).is_err());
    }
}
