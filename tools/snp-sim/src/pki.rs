//! The simulated processor's key and identity, from the file that `tools/sim-pki` writes.
//!
//! Little-endian: magic `CLPKI\0\0\1`, the VCEK's private scalar (48 bytes, big-endian), CHIP_ID (64), REPORTED_TCB (8), CPUID family,
//! model and stepping (1 each), 5 zero bytes, length of the certificate table (4), the table (GHCB specification 4.1.8.1). The file
//! comes from the person who runs the simulator; a malformed one is an error.

use crate::model::{field, report::ChipIdentity};
use p384::ecdsa::SigningKey;

const MAGIC: [u8; 8] = *b"CLPKI\0\0\x01";
const TABLE: usize = 140;
/// Longest certificate table: as much as Linux takes.
const MAX_TABLE: usize = 0x4000;

/// The file's contents.
pub struct Pki<'a> {
    /// The key that signs reports.
    pub vcek: SigningKey,
    /// The processor's identity.
    pub chip: ChipIdentity,
    /// The hypervisor's certificate table.
    pub certificates: &'a [u8],
}

impl<'a> Pki<'a> {
    /// Parses the file; the error says what is wrong.
    pub fn parse(file: &'a [u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "file is too short";
        if field::read::<8>(file, 0) != Some(MAGIC) {
            return Err("wrong magic or version");
        }
        let scalar: [u8; 48] = field::read(file, 8).ok_or(SHORT)?;
        let rest: [u8; 8] = field::read(file, 128).ok_or(SHORT)?;
        let length = field::read_u32(file, 136).ok_or(SHORT)? as usize;
        if rest[3..] != [0; 5] || length > MAX_TABLE || file.len() != TABLE + length {
            return Err("malformed lengths");
        }
        Ok(Self {
            vcek: SigningKey::from_slice(&scalar).map_err(|_| "the signing key is no P-384 scalar")?,
            chip: ChipIdentity {
                chip_id: field::read(file, 56).ok_or(SHORT)?,
                tcb: field::read_u64(file, 120).ok_or(SHORT)?,
                family_model_stepping: [rest[0], rest[1], rest[2]],
            },
            certificates: &file[TABLE..],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Layout: the table in this module's documentation, which `tools/sim-pki` implements independently.
    #[test]
    fn file_of_the_documented_layout_is_parsed_and_any_other_length_is_refused() {
        let mut file = alloc::vec![0; TABLE];
        file[..8].copy_from_slice(&MAGIC);
        file[8..56].fill(5);
        file[56..120].fill(6);
        file[120] = 7;
        file[128..131].copy_from_slice(&[0x19, 1, 2]);
        file[136] = 3;
        file.extend_from_slice(b"abc");
        let pki = Pki::parse(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(pki.chip.family_model_stepping, [0x19, 1, 2]);
        assert_eq!(pki.chip.tcb, 7);
        assert_eq!(pki.certificates, b"abc");
        file.push(0);
        assert!(Pki::parse(&file).is_err());
    }
}
