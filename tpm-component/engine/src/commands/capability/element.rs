//! One element of a group of capabilities, for policies: the bytes that TPM2_GetCapability has for it.

use alloc::vec::Vec;

use super::{algorithms::ALGORITHMS, handle_lists, policies, properties};
use crate::{
    dispatch::table,
    pcr::attributes,
    structures::{TpmCap, TpmCc, TpmHandle, TpmRc, TpmiEccCurve},
    tpm::Tpm,
    wire::Marshal,
};

/// Why there cannot be an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoElement {
    /// The group is not one of elements.
    Group,
    /// There are no handles of this kind.
    Handle,
    /// The property is not one of the group.
    Property,
}

impl From<NoElement> for TpmRc {
    fn from(wrong: NoElement) -> Self {
        match wrong {
            NoElement::Group | NoElement::Property => Self::VALUE,
            NoElement::Handle => Self::HANDLE,
        }
    }
}

/// The element `property` of a group; none when this TPM does not have it.
pub fn element(tpm: &Tpm, group: TpmCap, property: u32) -> Result<Option<Vec<u8>>, NoElement> {
    let code = TpmCc(property);
    Ok(match group {
        TpmCap::Algs => ALGORITHMS
            .iter()
            .find(|entry| u32::from(entry.alg.0) == property)
            .map(Marshal::to_bytes),
        TpmCap::Handles => {
            let handle = TpmHandle(property);
            let mut from = handle_lists::from(tpm, handle).map_err(|_| NoElement::Handle)?;
            // A session is asked for by its number (`handle_lists.rs`).
            let found = from
                .next()
                .is_some_and(|found| found == handle || handle.is_session() && found.number() == handle.number());
            found.then(|| handle.to_bytes())
        }
        TpmCap::Commands => table::find(code).ok().map(|row| row.tpma_cc().to_bytes()),
        TpmCap::PpCommands => table::find(code)
            .is_ok_and(|row| row.physical_presence)
            .then(|| code.to_bytes()),
        TpmCap::AuditCommands => tpm.persistent.audit.contains(code).then(|| code.to_bytes()),
        // All banks are one answer, and the vendor has none.
        TpmCap::Pcrs | TpmCap::VendorProperty => return Err(NoElement::Group),
        TpmCap::TpmProperties => properties::from(tpm, property)
            .into_iter()
            .find(|entry| entry.property.0 == property)
            .map(|entry| entry.to_bytes()),
        TpmCap::PcrProperties => attributes::properties()
            .into_iter()
            .find(|entry| entry.tag.0 == property)
            .map(|entry| entry.to_bytes()),
        TpmCap::EccCurves => u16::try_from(property)
            .ok()
            .and_then(TpmiEccCurve::from_value)
            .map(|curve| curve.to_bytes()),
        TpmCap::AuthPolicies => policies::from(tpm, TpmHandle(property))
            .ok_or(NoElement::Property)?
            .find(|policy| policy.handle.0 == property)
            .map(|policy| policy.to_bytes()),
        TpmCap::Act if TpmHandle(property).is_act() => tpm
            .state_clear
            .acts
            .capabilities(tpm.time.now)
            .find(|act| act.handle.0 == property)
            .map(|act| act.to_bytes()),
        TpmCap::Act => return Err(NoElement::Property),
    })
}
