//! The events of an SVSM of ours, in the only order in which it logs them, and what each promises.
//!
//! Version, launch digest, TPM component (PCR 0); separators (PCR 0 to 7); kernel (PCR 4); initial file system and command line (PCR 9), where there
//! are any. An event whose data are what was hashed must have their digest; the launch digest's event must have the digest of the report's
//! own MEASUREMENT. Anything else in a log is refused: whoever wants to know what an event means should not have to guess.

use anyhow::{Context, Result, anyhow, bail, ensure};
use svsm_proto::event_log::{COMMAND_LINE_PREFIX, COMPONENT, INITRD, KERNEL, LAUNCH_DIGEST};

use super::bank::Digests;
use super::parse::{EventLog, LogEvent};
use super::table::{text_of, type_name, ucs2_text};

const EV_SEPARATOR: u32 = 4;
const EV_S_CRTM_CONTENTS: u32 = 7;
const EV_S_CRTM_VERSION: u32 = 8;
const EV_IPL: u32 = 0xD;
const EV_EFI_PLATFORM_FIRMWARE_BLOB2: u32 = 0x8000_000A;

/// What the log says was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEvents {
    /// Version of the SVSM.
    pub version: String,
    /// SHA-256 of the component file.
    pub component_sha256: [u8; 32],
    /// The component file.
    pub component: Digests,
    /// The kernel.
    pub kernel: Digests,
    /// The initial file system.
    pub initrd: Option<Digests>,
    /// The command line.
    pub command_line: Option<String>,
}

/// A thing that a relying party may expect in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The kernel.
    Kernel,
    /// The initial file system.
    Initrd,
}

impl BootEvents {
    /// Reads the events of a log; `measurement` is that of the report that vouches for it.
    pub fn read(log: &EventLog, measurement: &[u8; 48]) -> Result<Self> {
        let mut events = Events {
            rest: log.events.as_slice(),
            number: 0,
        };
        let (version, component_sha256, component) = read_platform(&mut events, measurement)?;
        let kernel = events.next("the kernel", 4, EV_IPL, |event| {
            ensure!(event.data == KERNEL, "its data are '{}'", text_of(&event.data));
            Ok(event.digests.clone())
        })?;
        let initrd = events.optional(INITRD).map(|event| event.digests.clone());
        let command_line = events.rest.first().map(|_| ()).map(|()| {
            events.next("the command line", 9, EV_IPL, |event| {
                let text = event
                    .data
                    .strip_prefix(COMMAND_LINE_PREFIX)
                    .with_context(|| format!("its data are '{}'", text_of(&event.data)))?;
                event.require_digest_of(text)?;
                String::from_utf8(text.to_vec()).context("the command line")
            })
        });
        let command_line = command_line.transpose()?;
        if let Some(event) = events.rest.first() {
            bail!(
                "event {}: {} of PCR {} is one too many",
                events.number + 1,
                type_name(event.event_type),
                event.pcr
            );
        }
        Ok(BootEvents {
            version,
            component_sha256,
            component,
            kernel,
            initrd,
            command_line,
        })
    }

    /// Fails unless `what` was measured with these digests.
    pub fn require(&self, what: Measured, wanted: &Digests) -> Result<String> {
        let found = match what {
            Measured::Kernel => Some(&self.kernel),
            Measured::Initrd => self.initrd.as_ref(),
        };
        let found = found.context("the log has none")?;
        match found.difference(wanted) {
            None => Ok("measured as expected".to_owned()),
            Some(bank) => Err(anyhow!(
                "{}:{} was measured instead of {}",
                bank.name(),
                hex::encode(found.in_bank(bank).unwrap_or_default()),
                hex::encode(wanted.in_bank(bank).unwrap_or_default())
            )),
        }
    }

    /// Fails unless the command line is `wanted`; an empty one is none.
    pub fn require_command_line(&self, wanted: &str) -> Result<String> {
        let found = self.command_line.as_deref().unwrap_or_default();
        ensure!(
            found == wanted,
            "it is '{}' instead of '{}'",
            found.escape_default(),
            wanted.escape_default()
        );
        Ok(format!("'{}'", found.escape_default()))
    }
}

/// Reads what the SVSM says of itself, and the separators behind it: version, SHA-256 of the component and all its digests.
fn read_platform(events: &mut Events<'_>, measurement: &[u8; 48]) -> Result<(String, [u8; 32], Digests)> {
    let version = events.next("the SVSM's version", 0, EV_S_CRTM_VERSION, |event| {
        event.require_digest_of(&event.data)?;
        ucs2_text(&event.data).context("its data are no terminated UCS-2 text")
    })?;
    events.next("the launch digest", 0, EV_S_CRTM_CONTENTS, |event| {
        ensure!(event.data == LAUNCH_DIGEST, "its data are '{}'", text_of(&event.data));
        let bank = event.digests.difference(&Digests::of(measurement));
        ensure!(bank.is_none(), "it is not the digest of the report's measurement");
        Ok(())
    })?;
    let (component_sha256, component) =
        events.next("the TPM component", 0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, |event| {
            let description = event.data.split_first().and_then(|(size, rest)| {
                let (description, numbers) = rest.split_at_checked(usize::from(*size))?;
                (numbers.len() == 16).then_some(description)
            });
            ensure!(
                description == Some(COMPONENT),
                "its data are no description of the component"
            );
            Ok((event.sha256()?, event.digests.clone()))
        })?;
    for pcr in 0..8 {
        events.next("a separator", pcr, EV_SEPARATOR, |event| {
            ensure!(event.data == [0; 4], "its data are {}", hex::encode(&event.data));
            event.require_digest_of(&event.data)
        })?;
    }
    Ok((version, component_sha256, component))
}

/// The events that were not read yet.
struct Events<'a> {
    rest: &'a [LogEvent],
    number: usize,
}

impl<'a> Events<'a> {
    /// Takes the next event, which must be of this PCR and type.
    fn next<T>(
        &mut self,
        what: &'static str,
        pcr: u8,
        event_type: u32,
        read: impl FnOnce(&LogEvent) -> Result<T>,
    ) -> Result<T> {
        let (event, rest) = self
            .rest
            .split_first()
            .with_context(|| format!("the log ends where {what} belongs"))?;
        self.rest = rest;
        self.number += 1;
        let checked = if (event.pcr, event.event_type) == (pcr, event_type) {
            read(event)
        } else {
            Err(anyhow!(
                "{} of PCR {} instead of {} of PCR {pcr}",
                type_name(event.event_type),
                event.pcr,
                type_name(event_type)
            ))
        };
        checked.with_context(|| format!("event {}, {what}", self.number))
    }

    /// Takes the next event if it is EV_IPL of PCR 9 with these data.
    fn optional(&mut self, data: &[u8]) -> Option<&'a LogEvent> {
        let (event, rest) = self.rest.split_first()?;
        if (event.pcr, event.event_type, event.data.as_slice()) != (9, EV_IPL, data) {
            return None;
        }
        self.rest = rest;
        self.number += 1;
        Some(event)
    }
}
