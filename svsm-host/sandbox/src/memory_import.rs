//! Rewrites a core module so that it imports its memory instead of defining it.
//!
//! The interpreter grows a memory that it made itself by copying it to a larger place: the old and the new one exist at once, up to three
//! times the limit in all. A firmware with few megabytes for everything cannot reserve that. An imported memory can be one that the host made, over a
//! fixed buffer of the full size, in which growing only moves a number. For the module nothing changes: its one memory has
//! index 0 either way, with the same size and maximum. Custom sections (names, producers) are left out.
//!
//! The input comes from anybody, but [`Survey`] has already found exactly one memory in it. (WebAssembly 2.0, 5.5.)

use crate::{component_file::leb_u32, fault::SandboxFault, survey::Survey};
use alloc::vec::Vec;

/// Module and name of the memory import.
pub(crate) const NAME: (&str, &str) = ("cloister", "memory");

const HEADER: usize = 8;
const CUSTOM: u8 = 0;
const TYPES: u8 = 1;
const IMPORTS: u8 = 2;
const MEMORIES: u8 = 5;
const KIND_MEMORY: u8 = 2;

/// The module with its memory imported.
pub(crate) fn rewrite(module: &[u8], survey: &Survey) -> Result<Vec<u8>, SandboxFault> {
    let entry = import_entry(survey);
    let mut out = Vec::new();
    out.try_reserve_exact(module.len() + entry.len() + 16)
        .map_err(|_| SandboxFault::HostOutOfMemory)?;
    let (header, mut rest) = module.split_at_checked(HEADER).ok_or(SandboxFault::InvalidModule)?;
    out.extend_from_slice(header);
    let mut imported = false;
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = leb_u32(after).ok_or(SandboxFault::InvalidModule)?;
        let (body, after) = after
            .split_at_checked(length as usize)
            .ok_or(SandboxFault::InvalidModule)?;
        rest = after;
        if id != TYPES && id != IMPORTS && id != CUSTOM && !imported {
            section(&mut out, IMPORTS, &[&leb(1), &entry]);
            imported = true;
        }
        match id {
            CUSTOM | MEMORIES => {}
            IMPORTS => {
                let (count, entries) = leb_u32(body).ok_or(SandboxFault::InvalidModule)?;
                let count = count.checked_add(1).ok_or(SandboxFault::InvalidModule)?;
                section(&mut out, IMPORTS, &[&leb(count), entries, &entry]);
                imported = true;
            }
            _ => section(&mut out, id, &[body]),
        }
    }
    Ok(out)
}

fn import_entry(survey: &Survey) -> Vec<u8> {
    let mut entry = Vec::new();
    for name in [NAME.0, NAME.1] {
        entry.extend(leb(name.len() as u32));
        entry.extend_from_slice(name.as_bytes());
    }
    entry.push(KIND_MEMORY);
    entry.push(u8::from(survey.memory_maximum.is_some()));
    entry.extend(leb(survey.memory_minimum));
    if let Some(maximum) = survey.memory_maximum {
        entry.extend(leb(maximum));
    }
    entry
}

fn section(out: &mut Vec<u8>, id: u8, parts: &[&[u8]]) {
    out.push(id);
    out.extend(leb(parts.iter().map(|part| part.len() as u32).sum()));
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5);
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WebAssembly 2.0, 5.2.2.
    #[test]
    fn leb_is_the_shortest_encoding() {
        assert_eq!(leb(0), [0]);
        assert_eq!(leb(624_485), [0xe5, 0x8e, 0x26]);
        for value in [0, 127, 128, 16_383, 16_384, u32::MAX] {
            assert_eq!(leb_u32(&leb(value)), Some((value, &[][..])));
        }
    }
}
