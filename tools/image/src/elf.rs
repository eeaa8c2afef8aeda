//! Just enough of ELF64 to place a statically linked program in memory.
//!
//! Firmware and bare-metal guest are linked at the addresses where they run, so loading is copying PT_LOAD segments; relocations,
//! dynamic linking and sections do not exist here. The input is our own build's output or a file that the user names; a damaged one
//! is an error. Format: System V ABI, chapters 4 and 5.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::digest::PAGE_SIZE;
use crate::fields::{u16_at, u32_at, u64_at};

/// Pages by address. `None` is a page of zeros.
pub type Pages = BTreeMap<u64, Option<Box<[u8; PAGE_SIZE]>>>;

const PROGRAM_HEADER_SIZE: usize = 56;
const PT_LOAD: u32 = 1;
const EM_X86_64: u16 = 62;
const ET_EXEC: u16 = 2;
/// More memory than any program of ours takes.
const MEMORY_LIMIT: u64 = 64 << 20;

/// A program, ready to be placed.
#[derive(Debug, Clone)]
pub struct Program {
    /// Address of the first instruction.
    pub entry: u64,
    /// Every page that a segment touches.
    pub pages: Pages,
}

impl Program {
    /// Reads an executable.
    pub fn parse(file: &[u8]) -> Result<Self> {
        ensure!(
            file.starts_with(b"\x7fELF\x02\x01\x01"),
            "not a little-endian ELF64 file"
        );
        ensure!(u16_at(file, 16)? == ET_EXEC, "not a fixed-address executable");
        ensure!(u16_at(file, 18)? == EM_X86_64, "not for x86-64");
        let entry = u64_at(file, 24)?;
        let table = usize::try_from(u64_at(file, 32)?)?;
        ensure!(
            usize::from(u16_at(file, 54)?) == PROGRAM_HEADER_SIZE,
            "program headers of another size"
        );
        let mut pages = Pages::new();
        for index in 0..usize::from(u16_at(file, 56)?) {
            let header = file
                .get(
                    table
                        .checked_add(index * PROGRAM_HEADER_SIZE)
                        .context("program header table")?..,
                )
                .and_then(|rest| rest.get(..PROGRAM_HEADER_SIZE))
                .context("a program header lies outside the file")?;
            if u32_at(header, 0)? == PT_LOAD {
                load(file, header, &mut pages)?;
            }
        }
        ensure!(
            pages.contains_key(&(entry & !(PAGE_SIZE as u64 - 1))),
            "the entry point {entry:#x} is in no segment"
        );
        Ok(Program { entry, pages })
    }
}

/// Places one segment. Segments may share a page as long as their bytes do not overlap.
fn load(file: &[u8], header: &[u8], pages: &mut Pages) -> Result<()> {
    let (offset, address) = (usize::try_from(u64_at(header, 8)?)?, u64_at(header, 16)?);
    let (file_size, memory_size) = (u64_at(header, 32)?, u64_at(header, 40)?);
    if memory_size == 0 {
        return Ok(());
    }
    ensure!(
        file_size <= memory_size && memory_size <= MEMORY_LIMIT,
        "a segment of {memory_size:#x} bytes"
    );
    ensure!(
        u64_at(header, 24)? == address,
        "a segment with a load address of its own"
    );
    let end = address
        .checked_add(memory_size)
        .context("a segment at the end of the address space")?;
    let data = file
        .get(offset..)
        .and_then(|rest| rest.get(..usize::try_from(file_size).ok()?))
        .context("a segment lies outside the file")?;
    let page_size = PAGE_SIZE as u64;
    for page in (address & !(page_size - 1)..end).step_by(PAGE_SIZE) {
        pages.entry(page).or_default();
    }
    for (distance, byte) in data.iter().enumerate() {
        if *byte != 0 {
            let target = address + distance as u64;
            let page = pages.entry(target & !(page_size - 1)).or_default();
            page.get_or_insert_with(|| Box::new([0; PAGE_SIZE]))[(target % page_size) as usize] = *byte;
        }
    }
    Ok(())
}

/// Cuts bytes into pages from `address` on; pages of zeros carry no data.
pub fn pages_of(bytes: &[u8], address: u64) -> Pages {
    bytes
        .chunks(PAGE_SIZE)
        .zip((address..).step_by(PAGE_SIZE))
        .map(|(chunk, address)| {
            let data = chunk.iter().any(|byte| *byte != 0).then(|| {
                let mut page = Box::new([0; PAGE_SIZE]);
                page[..chunk.len()].copy_from_slice(chunk);
                page
            });
            (address, data)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hand-made executable: one segment of `data` at `address`, `memory` bytes long.
    pub(crate) fn executable(address: u64, data: &[u8], memory: u64) -> Vec<u8> {
        let mut file = vec![0u8; 64 + PROGRAM_HEADER_SIZE];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&ET_EXEC.to_le_bytes());
        file[18..20].copy_from_slice(&EM_X86_64.to_le_bytes());
        file[24..32].copy_from_slice(&address.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[54..56].copy_from_slice(&(PROGRAM_HEADER_SIZE as u16).to_le_bytes());
        file[56..58].copy_from_slice(&1u16.to_le_bytes());
        let header = &mut file[64..];
        header[..4].copy_from_slice(&PT_LOAD.to_le_bytes());
        header[8..16].copy_from_slice(&((64 + PROGRAM_HEADER_SIZE) as u64).to_le_bytes());
        header[16..24].copy_from_slice(&address.to_le_bytes());
        header[24..32].copy_from_slice(&address.to_le_bytes());
        header[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
        header[40..48].copy_from_slice(&memory.to_le_bytes());
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn segment_across_a_page_end_fills_both_pages_and_zeroes_the_rest() {
        let program = Program::parse(&executable(0x1FFE, &[1, 2, 3, 4], 0x1800)).expect("valid");
        let addresses: Vec<u64> = program.pages.keys().copied().collect();
        assert_eq!(addresses, [0x1000, 0x2000, 0x3000]);
        let page = |address: u64| program.pages[&address].as_deref();
        assert_eq!(page(0x1000).map(|page| &page[0xFFE..]), Some(&[1u8, 2][..]));
        assert_eq!(page(0x2000).map(|page| &page[..3]), Some(&[3u8, 4, 0][..]));
        assert_eq!(page(0x3000), None);
    }

    #[test]
    fn truncated_executable_is_an_error_at_every_length() {
        let file = executable(0x1000, &[1; 32], 32);
        for length in 0..file.len() {
            assert!(Program::parse(&file[..length]).is_err(), "length {length}");
        }
    }
}
