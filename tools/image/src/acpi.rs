//! The ACPI tables of a machine with several processors and nothing else: Linux finds its processors nowhere but in a MADT (ACPI specification
//! 6.5, 5.2.5 to 5.2.12).
//!
//! They are part of the image and measured, so the number of processors is the image owner's statement. There is neither FADT nor DSDT: once
//! the kernel has counted its processors it does without ACPI.

use anyhow::{Result, ensure};

/// Bytes of the root pointer.
const ROOT_POINTER: usize = 36;
/// Distance of the other tables from the root pointer.
const ROOT_TABLE: u64 = 0x40;
const APICS: u64 = 0x80;
const HEADER: usize = 36;
const LOCAL_APIC: u32 = 0xFEE0_0000;
/// The 8259 pair is there.
const PCAT_COMPAT: u32 = 1;
/// Most processors: their APIC IDs have eight bits, and the tables must fit behind each other in the page that they get.
const MAX_PROCESSORS: u32 = 255;
const OEM: &[u8] = b"CLSTR ";

/// Root pointer, XSDT and MADT for `processors`, to be put at `gpa`.
pub fn tables(gpa: u64, processors: u32) -> Result<Vec<u8>> {
    ensure!(
        (1..=MAX_PROCESSORS).contains(&processors),
        "{processors} processors; at most {MAX_PROCESSORS} can be described"
    );
    let mut bytes = root_pointer(gpa + ROOT_TABLE);
    bytes.resize(ROOT_TABLE as usize, 0);
    bytes.extend(table(b"XSDT", 1, &(gpa + APICS).to_le_bytes()));
    bytes.resize(APICS as usize, 0);
    let mut body = [LOCAL_APIC.to_le_bytes(), PCAT_COMPAT.to_le_bytes()].concat();
    for id in (0..=u8::MAX).take(processors as usize) {
        // Processor local APIC: type 0, eight bytes, UID, APIC ID, enabled.
        body.extend([0, 8, id, id, 1, 0, 0, 0]);
    }
    bytes.extend(table(b"APIC", 5, &body));
    Ok(bytes)
}

fn root_pointer(xsdt: u64) -> Vec<u8> {
    let mut bytes = vec![0; ROOT_POINTER];
    bytes[..8].copy_from_slice(b"RSD PTR ");
    bytes[9..15].copy_from_slice(OEM);
    bytes[15] = 2;
    bytes[20..24].copy_from_slice(&(ROOT_POINTER as u32).to_le_bytes());
    bytes[24..32].copy_from_slice(&xsdt.to_le_bytes());
    bytes[8] = checksum(&bytes[..20]);
    bytes[32] = checksum(&bytes);
    bytes
}

fn table(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..4].copy_from_slice(signature);
    bytes[4..8].copy_from_slice(&((HEADER + body.len()) as u32).to_le_bytes());
    bytes[8] = revision;
    bytes[10..16].copy_from_slice(OEM);
    bytes[16..24].copy_from_slice(b"CLOISTER");
    bytes[28..32].copy_from_slice(OEM[..4].try_into().unwrap_or(&[0; 4]));
    bytes.extend_from_slice(body);
    bytes[9] = checksum(&bytes);
    bytes
}

/// What makes the sum of all bytes zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum, byte| u8::wrapping_add(sum, *byte))
    }

    // ACPI 6.5, tables 5.3, 5.7, 5.19 and 5.21.
    #[test]
    fn tables_lead_from_the_root_pointer_to_each_processor() {
        let bytes = tables(0x10_A200, 3).expect("few processors");
        assert_eq!(&bytes[..8], b"RSD PTR ");
        assert_eq!((sum(&bytes[..20]), sum(&bytes[..36])), (0, 0));
        assert_eq!(bytes[24..32], 0x10_A240u64.to_le_bytes());
        let xsdt = &bytes[0x40..0x40 + 44];
        assert_eq!((&xsdt[..4], sum(xsdt)), (&b"XSDT"[..], 0));
        assert_eq!(xsdt[36..44], 0x10_A280u64.to_le_bytes());
        let madt = &bytes[0x80..];
        assert_eq!((&madt[..4], sum(madt), madt.len()), (&b"APIC"[..], 0, 44 + 3 * 8));
        assert_eq!(madt[4..8], (madt.len() as u32).to_le_bytes());
        assert_eq!(madt[44 + 16..], [0, 8, 2, 2, 1, 0, 0, 0]);
        assert!(tables(0, 256).is_err());
    }
}
