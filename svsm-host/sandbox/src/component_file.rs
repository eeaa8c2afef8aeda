//! Takes the core module out of a component file.
//!
//! The file may come from anybody. A component is a row of sections, each an identifier and a length; a section with
//! identifier 1 holds a whole core module, everything else (types, aliases, how the modules are wired) says nothing that the sandbox needs: the contract
//! fixes names and types, and the sandbox checks the module against them. Tools add small modules of their own beside the main one, so
//! the main one is told by its exports; a file in which two modules have them is refused, since readers could take it to
//! mean different things. (Component Model, Binary.md: component, section 1.)

use crate::{fault::SandboxFault, world};
use wasmparser_of_wasmi::{Parser, Payload};

const MAGIC: [u8; 4] = *b"\0asm";
/// Version 13, layer 1: a component.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
const CORE_MODULE: u8 = 1;

/// The one core module of `file` that exports what the contract demands.
pub(crate) fn core_module(file: &[u8]) -> Result<&[u8], SandboxFault> {
    let mut rest = file
        .strip_prefix(&MAGIC)
        .and_then(|rest| rest.strip_prefix(&COMPONENT))
        .ok_or(SandboxFault::NotAComponent)?;
    let mut found = None;
    while !rest.is_empty() {
        let (section, body, after) = next_section(rest).ok_or(SandboxFault::NotAComponent)?;
        rest = after;
        if section == CORE_MODULE && is_candidate(body)? {
            if found.is_some() {
                return Err(SandboxFault::Ambiguous);
            }
            found = Some(body);
        }
    }
    found.ok_or(SandboxFault::NoCandidate)
}

/// Identifier, body and what follows.
fn next_section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&id, rest) = bytes.split_first()?;
    let (length, rest) = leb_u32(rest)?;
    let (body, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((id, body, after))
}

/// An unsigned LEB128 number of at most 32 bits.
pub(crate) fn leb_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Whether the module exports a name of the contract's engine interface. One that exports some but not all is the main one, too: its error
/// is then a missing export.
fn is_candidate(module: &[u8]) -> Result<bool, SandboxFault> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.map_err(|_| SandboxFault::InvalidModule)? {
            for export in exports {
                let export = export.map_err(|_| SandboxFault::InvalidModule)?;
                if export.name.starts_with(world::ENGINE_PREFIX) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The section lengths are LEB128 (WebAssembly 2.0, 5.2.2): at most five bytes and no bit beyond the 32nd.
    #[test]
    fn leb_longer_than_32_bits_is_refused() {
        assert_eq!(
            leb_u32(&[0xff, 0xff, 0xff, 0xff, 0x0f, 7]),
            Some((u32::MAX, &[7u8][..]))
        );
        assert_eq!(leb_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f]), None);
        assert_eq!(leb_u32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
        assert_eq!(leb_u32(&[0x80]), None);
    }

    #[test]
    fn section_longer_than_the_file_is_refused() {
        let file = [MAGIC, COMPONENT].concat();
        let mut cut = file.clone();
        cut.extend([CORE_MODULE, 100, 0]);
        assert_eq!(core_module(&cut), Err(SandboxFault::NotAComponent));
        assert_eq!(core_module(&file), Err(SandboxFault::NoCandidate));
        assert_eq!(core_module(b"\0asm\x01\0\0\0"), Err(SandboxFault::NotAComponent));
    }
}
