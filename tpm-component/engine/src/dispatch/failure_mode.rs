//! Failure mode (Part 1 §12.2.5, Part 3 §5.1): what a TPM that failed its self-test still answers, without touching anything that may be
//! broken.
//!
//! The commands come from whoever can send any. Two are answered: that the test failed, and who made this TPM. It lasts until the next
//! _TPM_Init.

use alloc::vec::Vec;

use super::{header::Header, response};
use crate::{
    commands::capability::properties,
    structures::{TpmCap, TpmCc, TpmPt, TpmRc, TpmlTaggedTpmProperty, TpmsCapabilityData, TpmsTaggedProperty},
    wire::{Unmarshal, Writer},
};

/// Answers one command.
pub fn answer(command: &[u8]) -> Vec<u8> {
    match reply(command) {
        Some(parameters) => response::plain(&parameters),
        None => response::error(TpmRc::FAILURE),
    }
}

/// The response parameters of a command that is answered.
fn reply(command: &[u8]) -> Option<Writer> {
    let mut header = Header::read(command).ok().filter(|header| !header.sessions)?;
    let mut parameters = Writer::new();
    match header.code {
        TpmCc::GET_TEST_RESULT if header.body.is_empty() => {
            // No vendor data.
            parameters.put(&0u16);
            parameters.put(&Err::<(), _>(TpmRc::FAILURE));
        }
        TpmCc::GET_CAPABILITY => {
            let group = TpmCap::unmarshal(&mut header.body).ok()?;
            let property = u32::unmarshal(&mut header.body).ok()?;
            let count = u32::unmarshal(&mut header.body).ok()?;
            if group != TpmCap::TpmProperties || count == 0 || !header.body.is_empty() {
                return None;
            }
            let (more, value) = maker(property)?;
            parameters.put(&more);
            parameters.put(&TpmsCapabilityData::TpmProperties(
                TpmlTaggedTpmProperty::new(alloc::vec![value]).ok()?,
            ));
        }
        _ => return None,
    }
    Some(parameters)
}

/// The property that says who made this TPM, at or above the one asked for, and whether there are more.
fn maker(property: u32) -> Option<(bool, TpmsTaggedProperty)> {
    let last = TpmPt::FIRMWARE_VERSION_2;
    let from = property.max(TpmPt::MANUFACTURER.0);
    let (property, value) = properties::fixed()
        .into_iter()
        .find(|(known, _)| known.0 >= from && *known <= last)?;
    Some((property < last, TpmsTaggedProperty { property, value }))
}
