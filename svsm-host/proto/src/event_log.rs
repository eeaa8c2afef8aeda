//! The event log of the measured boot: how its records are laid out, and what the SVSM's own events are called.
//!
//! The SVSM writes it, once, before the guest starts; guests and relying parties read it, so the form is the one that every tool knows: the
//! crypto-agile log of the TCG PC Client Platform Firmware Profile (PFP 1.05, §10.2): a TCG_PCClientPCREvent that carries a
//! TCG_EfiSpecIdEvent, then TCG_PCR_EVENT2 records, all little-endian. Only the encoder stands here. The verifier parses logs
//! with code of its own, and the image builder predicts events with code of its own; what they share with the SVSM are the constants
//! below, which make a prediction possible.
//!
//! Builders hand bytes to a sink and need no heap. Nothing from outside enters but the command line's text and lengths that were checked
//! before; bounds are checked all the same.

/// Signature of the first record's event, with its terminator.
const SPEC_ID_SIGNATURE: [u8; 16] = *b"Spec ID Event03\0";

/// PFP 2.0, errata level 1.05: the first with EV_EFI_PLATFORM_FIRMWARE_BLOB2.
const SPEC_VERSION: [u8; 3] = [0, 2, 105];

/// uintnSize: 64-bit.
const UINTN_64: u8 = 2;

/// Most bytes of one event's data.
pub const MAX_EVENT_DATA: usize = 4096;

/// Most bytes of a log.
pub const MAX_EVENT_LOG: usize = 12 << 10;

/// Longest command line that is measured: Linux's limit on x86.
pub const MAX_COMMAND_LINE: usize = 2048;

/// Types of events (PFP §10.4.1).
pub mod event_type {
    /// Says something, extends nothing.
    pub const EV_NO_ACTION: u32 = 3;
    /// Ends a PCR's pre-OS part.
    pub const EV_SEPARATOR: u32 = 4;
    /// What the root of trust for measurement consists of.
    pub const EV_S_CRTM_CONTENTS: u32 = 7;
    /// Version of the root of trust for measurement.
    pub const EV_S_CRTM_VERSION: u32 = 8;
    /// Something that a boot loader starts or passes on. The data are a text; the digest is that of the thing.
    pub const EV_IPL: u32 = 0xD;
    /// A part of the platform's firmware, with description, address and length.
    pub const EV_EFI_PLATFORM_FIRMWARE_BLOB2: u32 = 0x8000_000A;
}

/// PCR of the SVSM and of the TPM component.
pub const PCR_SVSM: u32 = 0;
/// PCR of the kernel.
pub const PCR_KERNEL: u32 = 4;
/// PCR of initial file system and command line.
pub const PCR_PAYLOAD: u32 = 9;
/// PCRs that get a separator: all that the PFP gives to the platform.
pub const SEPARATED_PCRS: core::ops::Range<u32> = 0..8;
/// Data of a separator after a boot without errors.
pub const SEPARATOR: [u8; 4] = [0; 4];

/// Version of the SVSM, as EV_S_CRTM_VERSION carries it: UCS-2 with a terminator (PFP §10.4.1).
pub const VERSION: [u8; VERSION_TEXT.len() * 2 + 2] = ucs2();
/// The same as text.
pub const VERSION_TEXT: &str = concat!("Cloister SVSM ", env!("CARGO_PKG_VERSION"));
/// Data of the event whose digest is that of the 48 bytes of MEASUREMENT: the launch digest, as the PSP reports it.
pub const LAUNCH_DIGEST: &[u8] = b"AMD SEV-SNP launch digest\0";
/// Description of the TPM component's file.
pub const COMPONENT: &[u8] = b"TPM component";
/// Data of the kernel's event.
pub const KERNEL: &[u8] = b"kernel";
/// Data of the initial file system's event.
pub const INITRD: &[u8] = b"initrd";
/// What stands before the command line's text in its event; the digest is that of the text alone, as with GRUB.
pub const COMMAND_LINE_PREFIX: &[u8] = b"kernel_cmdline: ";

const fn ucs2() -> [u8; VERSION_TEXT.len() * 2 + 2] {
    let mut out = [0; VERSION_TEXT.len() * 2 + 2];
    let mut rest = VERSION_TEXT.as_bytes();
    let mut at = 0;
    while let Some((first, tail)) = rest.split_first() {
        let (_, slot) = out.split_at_mut(at);
        if let Some(slot) = slot.first_mut() {
            *slot = *first;
        }
        rest = tail;
        at += 2;
    }
    out
}

/// A bank of PCRs: its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Bank {
    /// All of them, in the order of every record.
    pub const ALL: [Bank; 4] = [Bank::Sha1, Bank::Sha256, Bank::Sha384, Bank::Sha512];

    /// TPM_ALG_ID (Part 2 §6.3).
    pub const fn id(self) -> u16 {
        match self {
            Bank::Sha1 => 0x0004,
            Bank::Sha256 => 0x000B,
            Bank::Sha384 => 0x000C,
            Bank::Sha512 => 0x000D,
        }
    }

    /// Bytes of a digest.
    pub const fn size(self) -> usize {
        match self {
            Bank::Sha1 => 20,
            Bank::Sha256 => 32,
            Bank::Sha384 => 48,
            Bank::Sha512 => 64,
        }
    }
}

/// One thing's digest in every bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// SHA-1.
    pub sha1: [u8; 20],
    /// SHA-256.
    pub sha256: [u8; 32],
    /// SHA-384.
    pub sha384: [u8; 48],
    /// SHA-512.
    pub sha512: [u8; 64],
}

impl Digests {
    /// The digest in one bank.
    pub const fn of(&self, bank: Bank) -> &[u8] {
        match bank {
            Bank::Sha1 => &self.sha1,
            Bank::Sha256 => &self.sha256,
            Bank::Sha384 => &self.sha384,
            Bank::Sha512 => &self.sha512,
        }
    }
}

/// An event's data are longer than [`MAX_EVENT_DATA`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong;

/// Hands the log's first record to `sink`, piece by piece: TCG_PCClientPCREvent with TCG_EfiSpecIdEvent (PFP §10.2.1, §10.4.5.1).
pub fn emit_header(mut sink: impl FnMut(&[u8])) {
    let algorithms = Bank::ALL.len() as u32;
    // Signature, platform class, versions and uintnSize, number of algorithms, the algorithms, vendorInfoSize.
    let size = 16 + 4 + 4 + 4 + 4 * algorithms + 1;
    sink(&0u32.to_le_bytes());
    sink(&event_type::EV_NO_ACTION.to_le_bytes());
    sink(&[0; 20]);
    sink(&size.to_le_bytes());
    sink(&SPEC_ID_SIGNATURE);
    sink(&0u32.to_le_bytes());
    sink(&SPEC_VERSION);
    sink(&[UINTN_64]);
    sink(&algorithms.to_le_bytes());
    for bank in Bank::ALL {
        sink(&bank.id().to_le_bytes());
        sink(&(bank.size() as u16).to_le_bytes());
    }
    sink(&[0]);
}

/// One event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// PCR that it extends.
    pub pcr: u32,
    /// Type, one of [`event_type`].
    pub event_type: u32,
    /// What it extends the PCR by.
    pub digests: &'a Digests,
    /// Data, in pieces.
    pub data: &'a [&'a [u8]],
}

impl Event<'_> {
    /// Hands the record to `sink`, piece by piece: TCG_PCR_EVENT2 (PFP §10.2.2).
    pub fn emit(&self, mut sink: impl FnMut(&[u8])) -> Result<(), EventTooLong> {
        let size = self
            .data
            .iter()
            .try_fold(0usize, |sum, piece| sum.checked_add(piece.len()))
            .filter(|size| *size <= MAX_EVENT_DATA)
            .ok_or(EventTooLong)?;
        sink(&self.pcr.to_le_bytes());
        sink(&self.event_type.to_le_bytes());
        sink(&(Bank::ALL.len() as u32).to_le_bytes());
        for bank in Bank::ALL {
            sink(&bank.id().to_le_bytes());
            sink(self.digests.of(bank));
        }
        sink(&(size as u32).to_le_bytes());
        self.data.iter().for_each(|piece| sink(piece));
        Ok(())
    }
}

/// Data of a firmware part's event, UEFI_PLATFORM_FIRMWARE_BLOB2 (PFP §10.2.5), in pieces: the description's length, the description, and
/// then address and length of the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareBlob {
    /// Bytes of [`COMPONENT`].
    pub description_size: [u8; 1],
    /// Address of the part.
    pub base: [u8; 8],
    /// Its bytes.
    pub length: [u8; 8],
}

impl FirmwareBlob {
    /// The TPM component's file at `base`, `length` bytes.
    pub const fn component(base: u64, length: u64) -> Self {
        FirmwareBlob {
            description_size: [COMPONENT.len() as u8],
            base: base.to_le_bytes(),
            length: length.to_le_bytes(),
        }
    }

    /// The pieces, in their order.
    pub const fn pieces(&self) -> [&[u8]; 4] {
        [&self.description_size, COMPONENT, &self.base, &self.length]
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    const DIGESTS: Digests = Digests {
        sha1: [1; 20],
        sha256: [2; 32],
        sha384: [3; 48],
        sha512: [4; 64],
    };

    // PFP §10.4.5.1, table of TCG_EfiSpecIdEvent, written out: SHA-1, SHA-256, SHA-384, SHA-512.
    #[test]
    fn header_has_the_bytes_of_the_profile() {
        let mut bytes = Vec::new();
        emit_header(|piece| bytes.extend_from_slice(piece));
        let expected: &[&[u8]] = &[
            &[0, 0, 0, 0, 3, 0, 0, 0],
            &[0; 20],
            &[45, 0, 0, 0],
            b"Spec ID Event03\0",
            &[0, 0, 0, 0, 0, 2, 105, 2, 4, 0, 0, 0],
            &[4, 0, 20, 0, 0x0B, 0, 32, 0, 0x0C, 0, 48, 0, 0x0D, 0, 64, 0],
            &[0],
        ];
        assert_eq!(bytes, expected.concat());
    }

    // PFP §10.2.2, TCG_PCR_EVENT2: index, type, TPML_DIGEST_VALUES, size, event.
    #[test]
    fn event_has_the_bytes_of_the_profile() {
        let mut bytes = Vec::new();
        let event = Event {
            pcr: 9,
            event_type: event_type::EV_IPL,
            digests: &DIGESTS,
            data: &[b"kernel_cmdline: ", b"quiet"],
        };
        event.emit(|piece| bytes.extend_from_slice(piece)).expect("short");
        let expected: &[&[u8]] = &[
            &[9, 0, 0, 0, 0x0D, 0, 0, 0, 4, 0, 0, 0],
            &[4, 0],
            &[1; 20],
            &[0x0B, 0],
            &[2; 32],
            &[0x0C, 0],
            &[3; 48],
            &[0x0D, 0],
            &[4; 64],
            &[21, 0, 0, 0],
            b"kernel_cmdline: quiet",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn event_that_is_too_long_is_refused_and_writes_nothing() {
        let long = [0; MAX_EVENT_DATA];
        let event = Event {
            pcr: 9,
            event_type: event_type::EV_IPL,
            digests: &DIGESTS,
            data: &[&long, &[0]],
        };
        let mut written = 0;
        assert_eq!(event.emit(|piece| written += piece.len()), Err(EventTooLong));
        assert_eq!(written, 0);
    }

    // UEFI_PLATFORM_FIRMWARE_BLOB2: UINT8 size, description, UINT64 base, UINT64 length.
    #[test]
    fn firmware_blob_has_the_bytes_of_the_profile() {
        let blob = FirmwareBlob::component(0xC012_3000, 0x4567);
        let expected: &[&[u8]] = &[
            &[13],
            b"TPM component",
            &[0, 0x30, 0x12, 0xC0, 0, 0, 0, 0],
            &[0x67, 0x45, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(blob.pieces().concat(), expected.concat());
    }

    #[test]
    fn version_is_terminated_ucs_2() {
        let units: Vec<u16> = VERSION
            .chunks(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        let (last, text) = units.split_last().expect("not empty");
        assert_eq!(*last, 0);
        assert_eq!(std::string::String::from_utf16_lossy(text), VERSION_TEXT);
    }
}
