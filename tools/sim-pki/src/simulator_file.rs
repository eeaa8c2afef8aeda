//! The simulator's input file: signing key, identity of the processor, certificate table.
//!
//! Little-endian, in this order: magic, VCEK private scalar (48 bytes, big-endian), CHIP_ID (64), REPORTED_TCB (u64), CPUID family,
//! model and stepping (u8 each), five zero bytes, length of the certificate table (u32), the table. The table is what a hypervisor
//! hands out for an extended guest request (GHCB specification §4.1.8.1): entries of GUID, offset and length, a zero entry, then the
//! certificates. It is unauthenticated by design; a verifier checks the chain itself.

use anyhow::{Result, ensure};

use crate::chain::Chain;

/// First bytes of the simulator's input file; the last one is the format's version.
pub const PKI_MAGIC: [u8; 8] = *b"CLPKI\0\0\x01";

const SCALAR_OFFSET: usize = 8;
const CHIP_ID_OFFSET: usize = SCALAR_OFFSET + 48;
const TABLE_LENGTH_OFFSET: usize = CHIP_ID_OFFSET + 64 + 8 + 8;
const TABLE_OFFSET: usize = TABLE_LENGTH_OFFSET + 4;
/// Linux takes at most this much from an extended guest request.
const TABLE_LIMIT: usize = 0x4000;
const ENTRY_SIZE: usize = 24;

/// GUIDs of the table's entries, in the mixed-endian byte order of the table.
const VCEK_GUID: [u8; 16] = guid(0x63da_758d, 0xe664, 0x4564, 0xadc5_f4b9_3be8_accd);
const ASK_GUID: [u8; 16] = guid(0x4ab7_b379, 0xbbac, 0x4fe4, 0xa02f_05ae_f327_c782);
const ARK_GUID: [u8; 16] = guid(0xc0b4_06a4, 0xa803, 0x4952, 0x9743_3fb6_014c_d0ae);

const fn guid(first: u32, second: u16, third: u16, rest: u64) -> [u8; 16] {
    let (a, b, c, d) = (
        first.to_le_bytes(),
        second.to_le_bytes(),
        third.to_le_bytes(),
        rest.to_be_bytes(),
    );
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7],
    ]
}

/// The extended-guest-request table with VCEK, ASK and ARK.
pub fn certificate_table(vcek: &[u8], ask: &[u8], ark: &[u8]) -> Result<Vec<u8>> {
    let certificates = [(VCEK_GUID, vcek), (ASK_GUID, ask), (ARK_GUID, ark)];
    let mut offset = ENTRY_SIZE * (certificates.len() + 1);
    let mut table = Vec::new();
    for (guid, certificate) in certificates {
        table.extend_from_slice(&guid);
        table.extend_from_slice(&u32::try_from(offset)?.to_le_bytes());
        table.extend_from_slice(&u32::try_from(certificate.len())?.to_le_bytes());
        offset += certificate.len();
    }
    table.extend_from_slice(&[0; ENTRY_SIZE]);
    for (_, certificate) in certificates {
        table.extend_from_slice(certificate);
    }
    ensure!(
        table.len() <= TABLE_LIMIT,
        "the certificate table has {} bytes, guests take {TABLE_LIMIT}",
        table.len()
    );
    Ok(table)
}

/// The whole input file of the simulator for one hierarchy.
pub fn pki_file(chain: &Chain) -> Result<Vec<u8>> {
    let table = certificate_table(&chain.vcek, &chain.ask, &chain.ark)?;
    let mut file = Vec::with_capacity(TABLE_OFFSET + table.len());
    file.extend_from_slice(&PKI_MAGIC);
    file.extend_from_slice(chain.vcek_scalar.as_ref());
    file.extend_from_slice(&chain.chip_id);
    file.extend_from_slice(&chain.platform.reported_tcb.to_le_bytes());
    file.extend_from_slice(&[chain.platform.family, chain.platform.model, chain.platform.stepping]);
    file.extend_from_slice(&[0; 5]);
    file.extend_from_slice(&u32::try_from(table.len())?.to_le_bytes());
    file.extend_from_slice(&table);
    Ok(file)
}

/// Whether a file found on disk has the present format and was packed from just these certificates, and its key is the VCEK's.
pub(crate) fn is_consistent(file: &[u8], ark: &[u8], ask: &[u8], vcek: &[u8]) -> bool {
    let Ok(table) = certificate_table(vcek, ask, ark) else {
        return false;
    };
    let (Some(header), Some(packed)) = (file.get(..TABLE_OFFSET), file.get(TABLE_OFFSET..)) else {
        return false;
    };
    let Ok(key) = p384::SecretKey::from_slice(&header[SCALAR_OFFSET..CHIP_ID_OFFSET]) else {
        return false;
    };
    let point = key.public_key().to_sec1_bytes();
    header.starts_with(&PKI_MAGIC)
        && header[TABLE_LENGTH_OFFSET..] == u32::try_from(table.len()).unwrap_or(u32::MAX).to_le_bytes()
        && packed == table
        && vcek.windows(point.len()).any(|window| *window == *point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guid_bytes_are_mixed_endian() {
        // Known from the SVSM specification's example of the order: c476f1eb-0123-45a5-... starts EB F1 76 C4 23 01 A5 45.
        let bytes = guid(0xc476_f1eb, 0x0123, 0x45a5, 0x9641_b4e7_dde5_bfe3);
        assert_eq!(
            bytes[..10],
            [0xeb, 0xf1, 0x76, 0xc4, 0x23, 0x01, 0xa5, 0x45, 0x96, 0x41]
        );
    }

    #[test]
    fn table_entries_point_at_their_certificates() {
        let table = certificate_table(b"leaf", b"middle", b"root!").expect("small");
        for (index, content) in [&b"leaf"[..], b"middle", b"root!"].into_iter().enumerate() {
            let entry = &table[index * ENTRY_SIZE..][..ENTRY_SIZE];
            let word = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().expect("four bytes")) as usize;
            assert_eq!(&table[word(16)..][..word(20)], content);
        }
        assert_eq!(table[3 * ENTRY_SIZE..4 * ENTRY_SIZE], [0; ENTRY_SIZE]);
    }
}
