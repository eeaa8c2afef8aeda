//! Turns a static ELF64 program below 4 GiB into the ELF32 form that QEMU's multiboot loader insists on.
//!
//! Multiboot 1 predates long mode: the loader takes only `EM_386` files, although the code inside may switch to 64 bits at once. Only
//! the loadable segments and the entry point are carried over (System V ABI, gABI chapters 4 and 5); the input is our own linker's.

use anyhow::{Context, Result, ensure};

const EHDR32: usize = 52;
const PHDR32: usize = 32;
const PHDR64: usize = 56;
const PT_LOAD: u32 = 1;

/// One loadable segment.
struct Segment<'a> {
    flags: u32,
    virtual_address: u32,
    physical_address: u32,
    file: &'a [u8],
    memory_size: u32,
}

/// The ELF32 file with the same loadable segments and entry point.
pub fn from_elf64(elf: &[u8]) -> Result<Vec<u8>> {
    ensure!(
        elf.get(..6) == Some(b"\x7fELF\x02\x01"),
        "not a little-endian ELF64 file"
    );
    let entry = below_4g(u64_at(elf, 24)?)?;
    let table = usize::try_from(u64_at(elf, 32)?)?;
    let count = usize::from(u16_at(elf, 56)?);
    ensure!(
        usize::from(u16_at(elf, 54)?) == PHDR64,
        "unexpected program header size"
    );
    let mut segments = Vec::new();
    for index in 0..count {
        let header = table
            .checked_add(index * PHDR64)
            .context("program header table out of range")?;
        if u32_at(elf, header)? != PT_LOAD || u64_at(elf, header + 40)? == 0 {
            continue;
        }
        let offset = usize::try_from(u64_at(elf, header + 8)?)?;
        let size = usize::try_from(u64_at(elf, header + 32)?)?;
        segments.push(Segment {
            flags: u32_at(elf, header + 4)?,
            virtual_address: below_4g(u64_at(elf, header + 16)?)?,
            physical_address: below_4g(u64_at(elf, header + 24)?)?,
            file: offset
                .checked_add(size)
                .and_then(|end| elf.get(offset..end))
                .context("segment out of range")?,
            memory_size: below_4g(u64_at(elf, header + 40)?)?,
        });
    }
    ensure!(!segments.is_empty(), "no loadable segment");
    write(entry, &segments)
}

fn write(entry: u32, segments: &[Segment]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.extend_from_slice(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    out.extend_from_slice(&2u16.to_le_bytes()); // ET_EXEC
    out.extend_from_slice(&3u16.to_le_bytes()); // EM_386
    for word in [1, entry, EHDR32 as u32, 0, 0] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    for half in [EHDR32 as u16, PHDR32 as u16, u16::try_from(segments.len())?, 40, 0, 0] {
        out.extend_from_slice(&half.to_le_bytes());
    }
    let mut offset = u32::try_from((EHDR32 + PHDR32 * segments.len()).next_multiple_of(4096))?;
    for segment in segments {
        let size = u32::try_from(segment.file.len())?;
        let words = [
            PT_LOAD,
            offset,
            segment.virtual_address,
            segment.physical_address,
            size,
            segment.memory_size,
            segment.flags,
            4096,
        ];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        offset += size.next_multiple_of(4096);
    }
    for segment in segments {
        out.resize(out.len().next_multiple_of(4096), 0);
        out.extend_from_slice(segment.file);
    }
    Ok(out)
}

fn below_4g(value: u64) -> Result<u32> {
    u32::try_from(value)
        .ok()
        .with_context(|| format!("{value:#x} is not below 4 GiB"))
}

fn bytes_at<const N: usize>(elf: &[u8], at: usize) -> Result<[u8; N]> {
    elf.get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok())
        .context("ELF file is too short")
}

fn u16_at(elf: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(bytes_at(elf, at)?))
}

fn u32_at(elf: &[u8], at: usize) -> Result<u32> {
    Ok(u32::from_le_bytes(bytes_at(elf, at)?))
}

fn u64_at(elf: &[u8], at: usize) -> Result<u64> {
    Ok(u64::from_le_bytes(bytes_at(elf, at)?))
}
