//! The log as people and programs read it: a table, and JSON.
//!
//! Data of events come from outside. They are shown as text only as far as their type says that they are text, with everything escaped that is
//! not printable; a terminal gets nothing to interpret.

use std::fmt;

use super::bank::Bank;
use super::parse::{EventLog, LogEvent};

/// Widest column of types: EV_EFI_PLATFORM_FIRMWARE_BLOB2.
const TYPE_WIDTH: usize = 30;

/// The TCG's name of an event type; the number where it has none here.
pub fn type_name(event_type: u32) -> String {
    let name = match event_type {
        0x0 => "EV_PREBOOT_CERT",
        0x1 => "EV_POST_CODE",
        0x3 => "EV_NO_ACTION",
        0x4 => "EV_SEPARATOR",
        0x5 => "EV_ACTION",
        0x6 => "EV_EVENT_TAG",
        0x7 => "EV_S_CRTM_CONTENTS",
        0x8 => "EV_S_CRTM_VERSION",
        0xD => "EV_IPL",
        0x8000_0003 => "EV_EFI_BOOT_SERVICES_APPLICATION",
        0x8000_0007 => "EV_EFI_ACTION",
        0x8000_0008 => "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        0x8000_000A => "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        other => return format!("{other:#010x}"),
    };
    name.to_owned()
}

/// Bytes as text, everything escaped that is not printable ASCII; a terminator at the end is left out.
pub fn text_of(data: &[u8]) -> String {
    data.strip_suffix(&[0]).unwrap_or(data).escape_ascii().to_string()
}

/// Terminated UCS-2, escaped.
pub fn ucs2_text(data: &[u8]) -> Option<String> {
    let (units, odd) = data.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let text = units.strip_suffix(&[0])?;
    let text = String::from_utf16(text).ok()?;
    odd.is_empty().then(|| text.escape_default().to_string())
}

impl LogEvent {
    /// What the event is about, in words.
    pub fn description(&self) -> String {
        match self.event_type {
            0x4 => format!("separator {}", hex::encode(&self.data)),
            0x8 => ucs2_text(&self.data).unwrap_or_else(|| hex::encode(&self.data)),
            0x5 | 0x7 | 0xD => text_of(&self.data),
            0x8000_000A => self.blob().unwrap_or_else(|| hex::encode(&self.data)),
            _ => hex::encode(&self.data),
        }
    }

    /// UEFI_PLATFORM_FIRMWARE_BLOB2 in words.
    fn blob(&self) -> Option<String> {
        let (size, rest) = self.data.split_first()?;
        let (description, rest) = rest.split_at_checked(usize::from(*size))?;
        let (base, rest) = rest.split_first_chunk()?;
        let length = <[u8; 8]>::try_from(rest).ok()?;
        Some(format!(
            "{}, {} bytes at {:#x}",
            text_of(description),
            u64::from_le_bytes(length),
            u64::from_le_bytes(*base)
        ))
    }
}

impl EventLog {
    /// The bank whose digests are shown: SHA-256, if the log has it.
    fn shown_bank(&self) -> Bank {
        match self.banks.first() {
            Some(first) if !self.banks.contains(&Bank::Sha256) => *first,
            _ => Bank::Sha256,
        }
    }

    /// Events and replayed PCRs as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let digests = |digest: &dyn Fn(Bank) -> Option<Vec<u8>>| -> serde_json::Map<String, serde_json::Value> {
            self.banks
                .iter()
                .filter_map(|bank| Some((bank.name().to_owned(), hex::encode(digest(*bank)?).into())))
                .collect()
        };
        let events: Vec<_> = self
            .events
            .iter()
            .map(|event| {
                serde_json::json!({
                    "pcr": event.pcr,
                    "type": type_name(event.event_type),
                    "digests": digests(&|bank| event.digests.in_bank(bank).map(<[u8]>::to_vec)),
                    "data": hex::encode(&event.data),
                    "description": event.description(),
                })
            })
            .collect();
        let pcrs: Vec<_> = self
            .pcrs()
            .into_iter()
            .map(|pcr| serde_json::json!({ "pcr": pcr, "digests": digests(&|bank| self.replay(bank, pcr)) }))
            .collect();
        serde_json::json!({ "events": events, "replay": pcrs })
    }
}

impl fmt::Display for EventLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bank = self.shown_bank();
        let width = bank.size() * 2;
        writeln!(
            out,
            "  PCR {:<TYPE_WIDTH$} {:<width$} description",
            "event",
            format!("{} digest", bank.name())
        )?;
        for event in &self.events {
            writeln!(
                out,
                "  {:>3} {:<TYPE_WIDTH$} {:<width$} {}",
                event.pcr,
                type_name(event.event_type),
                hex::encode(event.digests.in_bank(bank).unwrap_or_default()),
                event.description()
            )?;
        }
        writeln!(out, "  replayed, {}:", bank.name())?;
        for pcr in self.pcrs() {
            writeln!(
                out,
                "  {pcr:>3} {}",
                hex::encode(self.replay(bank, pcr).unwrap_or_default())
            )?;
        }
        Ok(())
    }
}
