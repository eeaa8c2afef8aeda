//! Service GUIDs and the manifests that REPORT_DATA vouches for (SVSM §7; the project's own service is described in the README).
//!
//! The SVSM builds them, the relying party parses them; in between they pass through guest and network, so a parser takes nothing for
//! granted: every length is checked and a manifest is consumed to its last byte. Builders and parsers stand side by side so that they
//! cannot drift apart. They work on borrowed slices and need no heap.

use crate::report::REPORT_SIZE;

/// A GUID as bytes in EFI order: the first three fields little-endian.
pub type Guid = [u8; 16];

/// Builds a GUID from its five groups.
const fn guid(a: u32, b: u16, c: u16, d: u16, e: u64) -> Guid {
    let (a, b, c, d, e) = (
        a.to_le_bytes(),
        b.to_le_bytes(),
        c.to_le_bytes(),
        d.to_be_bytes(),
        e.to_be_bytes(),
    );
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], e[2], e[3], e[4], e[5], e[6], e[7],
    ]
}

/// The services manifest: 63849ebb-3d92-4670-a1ff-58f9c94b87bb.
pub const SERVICES_GUID: Guid = guid(0x6384_9ebb, 0x3d92, 0x4670, 0xa1ff, 0x58f9_c94b_87bb);

/// vTPM: c476f1eb-0123-45a5-9641-b4e7dde5bfe3.
pub const VTPM_GUID: Guid = guid(0xc476_f1eb, 0x0123, 0x45a5, 0x9641, 0xb4e7_dde5_bfe3);

/// Cloister's own service: a8f0b0f6-5f5c-4d6e-9a58-2c7d1e93c1b4.
pub const CLOISTER_GUID: Guid = guid(0xa8f0_b0f6, 0x5f5c, 0x4d6e, 0x9a58, 0x2c7d_1e93_c1b4);

/// Version of the vTPM manifest that is served: the TPMT_PUBLIC of the RSA endorsement key.
pub const VTPM_VERSION: u32 = 0;

/// Version of our manifest that says everything ([`CloisterManifest`]).
pub const CLOISTER_VERSION_FULL: u32 = 0;

/// Version of our manifest that is TPMT_PUBLIC(P-256 EK) followed by TPMT_PUBLIC(P-256 SRK), exactly.
pub const CLOISTER_VERSION_PAIR: u32 = 1;

/// Version of our manifest that is the event log of the measured boot.
pub const CLOISTER_VERSION_EVENT_LOG: u32 = 2;

/// Version of our manifest that says everything and what kind of TPM it speaks of ([`DescribedManifest`]).
pub const CLOISTER_VERSION_DESCRIBED: u32 = 3;

/// Longest TPMT_PUBLIC in a manifest, as `wit/tpm.wit` bounds it.
pub const MAX_PUBLIC: usize = 1024;

/// Bytes of the nonce, neither more nor less: nonce and manifest are hashed without a frame between them.
pub const NONCE_SIZE: usize = 64;

/// Why a manifest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// It ends too early.
    Truncated,
    /// Bytes are left over.
    Trailing,
    /// It is another service's.
    Guid,
    /// It is another version's.
    Version,
    /// A length is out of its bound, or offsets overlap or leave gaps.
    Length,
    /// A flag is set that has no meaning.
    Flags,
}

/// Takes from the front of a slice and refuses to go beyond its end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ManifestError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(ManifestError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], ManifestError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(ManifestError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, ManifestError> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// The start of a manifest of ours.
    fn cloister(&mut self, version: u32) -> Result<(), ManifestError> {
        if self.array()? != &CLOISTER_GUID {
            return Err(ManifestError::Guid);
        }
        if self.u32()? != version {
            return Err(ManifestError::Version);
        }
        Ok(())
    }

    fn framed(&mut self, max: usize) -> Result<&'a [u8], ManifestError> {
        let len = self.u32()? as usize;
        if len > max {
            return Err(ManifestError::Length);
        }
        self.take(len)
    }

    fn end(&self) -> Result<(), ManifestError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ManifestError::Trailing)
        }
    }
}

/// Our service's manifest, version 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloisterManifest<'a> {
    /// SHA-256 of the component file that runs.
    pub component_sha256: [u8; 32],
    /// The boot-identity report.
    pub boot_report: &'a [u8],
    /// TPMT_PUBLIC of the RSA endorsement key.
    pub rsa_ek: &'a [u8],
    /// TPMT_PUBLIC of the P-256 endorsement key.
    pub p256_ek: &'a [u8],
    /// TPMT_PUBLIC of the RSA storage root key.
    pub rsa_srk: &'a [u8],
    /// TPMT_PUBLIC of the P-256 storage root key.
    pub p256_srk: &'a [u8],
}

impl<'a> CloisterManifest<'a> {
    /// Hands the manifest's bytes to `sink`, piece by piece. Fails when a part is longer than its bound.
    pub fn emit(&self, sink: impl FnMut(&[u8])) -> Result<(), ManifestError> {
        self.emit_after(&CLOISTER_VERSION_FULL.to_le_bytes(), sink)
    }

    /// The same with something else between GUID and component.
    fn emit_after(&self, start: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), ManifestError> {
        let parts = [self.boot_report, self.rsa_ek, self.p256_ek, self.rsa_srk, self.p256_srk];
        if parts[0].len() != REPORT_SIZE || parts[1..].iter().any(|part| part.len() > MAX_PUBLIC) {
            return Err(ManifestError::Length);
        }
        sink(&CLOISTER_GUID);
        sink(start);
        sink(&self.component_sha256);
        for part in parts {
            sink(&(part.len() as u32).to_le_bytes());
            sink(part);
        }
        Ok(())
    }

    /// Parses a manifest to its last byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let mut cursor = Cursor(bytes);
        cursor.cloister(CLOISTER_VERSION_FULL)?;
        Self::parse_rest(cursor)
    }

    /// What follows version 0's version.
    fn parse_rest(mut cursor: Cursor<'a>) -> Result<Self, ManifestError> {
        let component_sha256 = *cursor.array()?;
        let boot_report = cursor.framed(REPORT_SIZE)?;
        if boot_report.len() != REPORT_SIZE {
            return Err(ManifestError::Length);
        }
        let manifest = CloisterManifest {
            component_sha256,
            boot_report,
            rsa_ek: cursor.framed(MAX_PUBLIC)?,
            p256_ek: cursor.framed(MAX_PUBLIC)?,
            rsa_srk: cursor.framed(MAX_PUBLIC)?,
            p256_srk: cursor.framed(MAX_PUBLIC)?,
        };
        cursor.end()?;
        Ok(manifest)
    }
}

bitflags::bitflags! {
    /// What kind of TPM the evidence is about. A bit that is not named here is refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TpmTraits: u32 {
        /// Its state lives in the SVSM's memory and ends with the VM.
        const EPHEMERAL = 1 << 0;
        /// Its clock is the Secure TSC, whose frequency the PSP attests. Without it the hypervisor can scale the TPM's time.
        const SECURE_TSC = 1 << 1;
    }
}

/// Our service's manifest, version 3: GUID, version, flags, then what version 0 has behind its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribedManifest<'a> {
    /// What kind of TPM it is.
    pub traits: TpmTraits,
    /// Component, boot identity and keys.
    pub keys: CloisterManifest<'a>,
}

impl<'a> DescribedManifest<'a> {
    /// Hands the manifest's bytes to `sink`, piece by piece. Fails when a part is longer than its bound.
    pub fn emit(&self, sink: impl FnMut(&[u8])) -> Result<(), ManifestError> {
        let [version, flags] = [CLOISTER_VERSION_DESCRIBED, self.traits.bits()].map(u32::to_le_bytes);
        let mut start = [0; 8];
        let (first, second) = start.split_at_mut(4);
        first.copy_from_slice(&version);
        second.copy_from_slice(&flags);
        self.keys.emit_after(&start, sink)
    }

    /// Parses a manifest to its last byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let mut cursor = Cursor(bytes);
        cursor.cloister(CLOISTER_VERSION_DESCRIBED)?;
        let traits = TpmTraits::from_bits(cursor.u32()?).ok_or(ManifestError::Flags)?;
        let keys = CloisterManifest::parse_rest(cursor)?;
        Ok(DescribedManifest { traits, keys })
    }
}

/// Bytes of the header of the services manifest.
const TABLE_HEADER: usize = 24;

/// Bytes of one row.
const TABLE_ROW: usize = 24;

/// Most services in a table.
pub const MAX_SERVICES: usize = 16;

/// One service in the services manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceEntry<'a> {
    /// The service.
    pub guid: Guid,
    /// Its manifest.
    pub data: &'a [u8],
}

/// Hands the services manifest (SVSM table 13) to `sink`, piece by piece: header, rows, data in the order of the rows.
pub fn emit_services(entries: &[ServiceEntry<'_>], mut sink: impl FnMut(&[u8])) -> Result<(), ManifestError> {
    if entries.len() > MAX_SERVICES {
        return Err(ManifestError::Length);
    }
    let mut offset = TABLE_HEADER + TABLE_ROW * entries.len();
    let total = entries
        .iter()
        .try_fold(offset, |sum, entry| sum.checked_add(entry.data.len()));
    let total = total
        .and_then(|total| u32::try_from(total).ok())
        .ok_or(ManifestError::Length)?;
    sink(&SERVICES_GUID);
    sink(&total.to_le_bytes());
    sink(&(entries.len() as u32).to_le_bytes());
    for entry in entries {
        sink(&entry.guid);
        sink(&(offset as u32).to_le_bytes());
        sink(&(entry.data.len() as u32).to_le_bytes());
        offset += entry.data.len();
    }
    for entry in entries {
        sink(entry.data);
    }
    Ok(())
}

/// A parsed services manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Services<'a> {
    /// Parses a services manifest to its last byte. The data areas must follow the rows in their order, without gap or overlap.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let mut cursor = Cursor(bytes);
        if cursor.array()? != &SERVICES_GUID {
            return Err(ManifestError::Guid);
        }
        match (cursor.u32()? as usize).cmp(&bytes.len()) {
            core::cmp::Ordering::Less => return Err(ManifestError::Trailing),
            core::cmp::Ordering::Greater => return Err(ManifestError::Truncated),
            core::cmp::Ordering::Equal => {}
        }
        let count = cursor.u32()? as usize;
        if count > MAX_SERVICES {
            return Err(ManifestError::Length);
        }
        let mut expected = TABLE_HEADER + TABLE_ROW * count;
        for _ in 0..count {
            cursor.array::<16>()?;
            let (offset, size) = (cursor.u32()? as usize, cursor.u32()? as usize);
            if offset != expected || size > bytes.len() {
                return Err(ManifestError::Length);
            }
            expected += size;
        }
        match expected.cmp(&bytes.len()) {
            core::cmp::Ordering::Less => Err(ManifestError::Trailing),
            core::cmp::Ordering::Greater => Err(ManifestError::Truncated),
            core::cmp::Ordering::Equal => Ok(Services { bytes, count }),
        }
    }

    /// The services in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = ServiceEntry<'a>> {
        let bytes = self.bytes;
        let rows = bytes.get(TABLE_HEADER..).unwrap_or_default();
        rows.chunks_exact(TABLE_ROW).take(self.count).filter_map(move |row| {
            let mut row = Cursor(row);
            let guid = *row.array().ok()?;
            let (offset, size) = (row.u32().ok()? as usize, row.u32().ok()? as usize);
            let data = bytes.get(offset..offset.checked_add(size)?)?;
            Some(ServiceEntry { guid, data })
        })
    }

    /// The manifest of one service; `None` when it is absent or listed twice.
    pub fn find(&self, guid: &Guid) -> Option<&'a [u8]> {
        let mut found = self.entries().filter(|entry| entry.guid == *guid);
        match (found.next(), found.next()) {
            (Some(entry), None) => Some(entry.data),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    // SVSM §7: the vTPM GUID's bytes start EB F1 76 C4 23 01 A5 45 96 41.
    #[test]
    fn guid_bytes_are_in_efi_order() {
        assert_eq!(
            VTPM_GUID[..10],
            [0xEB, 0xF1, 0x76, 0xC4, 0x23, 0x01, 0xA5, 0x45, 0x96, 0x41]
        );
        assert_eq!(VTPM_GUID[10..], [0xB4, 0xE7, 0xDD, 0xE5, 0xBF, 0xE3]);
    }

    fn full() -> Vec<u8> {
        let report = [7; REPORT_SIZE];
        let manifest = CloisterManifest {
            component_sha256: [1; 32],
            boot_report: &report,
            rsa_ek: &[2; 314],
            p256_ek: &[3; 122],
            rsa_srk: &[4; 282],
            p256_srk: &[5; 90],
        };
        let mut bytes = Vec::new();
        manifest
            .emit(|part| bytes.extend_from_slice(part))
            .expect("within bounds");
        bytes
    }

    #[test]
    fn own_manifest_is_parsed_to_its_last_byte() {
        let bytes = full();
        assert_eq!(bytes.len(), 16 + 4 + 32 + 5 * 4 + REPORT_SIZE + 314 + 122 + 282 + 90);
        let parsed = CloisterManifest::parse(&bytes).expect("well-formed");
        assert_eq!((parsed.p256_ek, parsed.p256_srk), (&[3; 122][..], &[5; 90][..]));
        for len in 0..bytes.len() {
            assert!(CloisterManifest::parse(&bytes[..len]).is_err(), "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(CloisterManifest::parse(&longer), Err(ManifestError::Trailing));
    }

    // README, "Attestation": version 3 is version 0 with its number and a word of flags in front of the component.
    #[test]
    fn described_manifest_is_version_0_with_flags_in_front() {
        let plain = full();
        let keys = CloisterManifest::parse(&plain).expect("well-formed");
        let traits = TpmTraits::EPHEMERAL | TpmTraits::SECURE_TSC;
        let mut bytes = Vec::new();
        DescribedManifest { traits, keys }
            .emit(|part| bytes.extend_from_slice(part))
            .expect("within bounds");
        assert_eq!(bytes, [&plain[..16], &[3, 0, 0, 0, 3, 0, 0, 0], &plain[20..]].concat());
        let parsed = DescribedManifest::parse(&bytes).expect("well-formed");
        assert_eq!((parsed.traits, parsed.keys), (traits, keys));
        for len in 0..bytes.len() {
            assert!(DescribedManifest::parse(&bytes[..len]).is_err(), "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(DescribedManifest::parse(&longer), Err(ManifestError::Trailing));
        let mut unknown = bytes.clone();
        unknown[20] |= 4;
        assert_eq!(DescribedManifest::parse(&unknown), Err(ManifestError::Flags));
        assert_eq!(DescribedManifest::parse(&plain), Err(ManifestError::Version));
        assert_eq!(CloisterManifest::parse(&bytes), Err(ManifestError::Version));
    }

    // Layout of SVSM table 13: header of 24 bytes, rows of 24, offsets from the start.
    #[test]
    fn services_table_is_parsed_to_its_last_byte() {
        let entries = [
            ServiceEntry {
                guid: VTPM_GUID,
                data: &[1, 2, 3],
            },
            ServiceEntry {
                guid: CLOISTER_GUID,
                data: &[4],
            },
        ];
        let mut bytes = Vec::new();
        emit_services(&entries, |part| bytes.extend_from_slice(part)).expect("small");
        assert_eq!(bytes.len(), 24 + 48 + 4);
        assert_eq!(bytes[16..24], [76, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[40..48], [72, 0, 0, 0, 3, 0, 0, 0]);
        let parsed = Services::parse(&bytes).expect("well-formed");
        assert!(parsed.entries().eq(entries));
        assert_eq!(parsed.find(&CLOISTER_GUID), Some(&[4][..]));
        assert_eq!(parsed.find(&SERVICES_GUID), None);
        for len in 0..bytes.len() {
            assert!(Services::parse(&bytes[..len]).is_err(), "{len}");
        }
        let mut gap = bytes.clone();
        gap[40] += 1;
        assert_eq!(Services::parse(&gap), Err(ManifestError::Length));
    }
}
