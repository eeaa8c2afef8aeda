//! TPM2_GetCapability (Part 3 §30.2): what this TPM is and has. Anybody may ask; nothing secret is in the answers.

use super::{algorithms::ALGORITHMS, at_most, handle_lists, properties};
use crate::{
    dispatch::{Authorized, Command, parameters, reply, table::TABLE},
    pcr::attributes,
    structures::{
        TpmCap, TpmCc, TpmHandle, TpmRc, TpmiEccCurve, TpmlActData, TpmlAlgProperty, TpmlCc, TpmlCca, TpmlEccCurve,
        TpmlHandle, TpmlPcrSelection, TpmlTaggedPcrProperty, TpmlTaggedPolicy, TpmlTaggedTpmProperty,
        TpmsCapabilityData, TpmsTaggedPolicy,
    },
    tpm::Tpm,
};

/// TPM2_GetCapability.
pub struct GetCapability;

parameters! {
    /// The parameters of TPM2_GetCapability.
    pub struct GetCapabilityParams {
        /// The group of capabilities.
        pub capability: TpmCap,
        /// The first that is asked for.
        pub property: u32,
        /// How many are asked for.
        pub property_count: u32,
    }
}

reply! {
    /// The reply of TPM2_GetCapability.
    pub struct GetCapabilityReply {
        /// Whether there are more of this group.
        pub more_data: bool,
        /// The capabilities.
        pub capability_data: TpmsCapabilityData,
    }
}

/// The range of the handles of authenticated countdown timers, of which there is none.
const ACT_HANDLES: core::ops::RangeInclusive<u32> = 0x4000_0110..=0x4000_011F;

impl Command for GetCapability {
    const CODE: TpmCc = TpmCc::GET_CAPABILITY;
    const NAME: &'static str = "TPM2_GetCapability";
    type Params = GetCapabilityParams;
    type Reply = GetCapabilityReply;

    fn run(command: Authorized<'_, Self>) -> Result<Self::Reply, TpmRc> {
        let Authorized { tpm, params, .. } = command;
        let count = usize::try_from(params.property_count).unwrap_or(usize::MAX);
        let (capability_data, more_data) = answer(tpm, params.capability, params.property, count)?;
        Ok(GetCapabilityReply {
            more_data,
            capability_data,
        })
    }
}

/// At most `count` capabilities of a group from `property` on, and whether there are more.
fn answer(tpm: &Tpm, group: TpmCap, property: u32, count: usize) -> Result<(TpmsCapabilityData, bool), TpmRc> {
    let wrong_property = TpmRc::VALUE.with_parameter(2);
    Ok(match group {
        TpmCap::Algs => {
            let all = ALGORITHMS
                .iter()
                .filter(|entry| u32::from(entry.alg.0) >= property)
                .cloned();
            let (list, more) = at_most(all, count.min(TpmlAlgProperty::MAX));
            (TpmsCapabilityData::Algorithms(TpmlAlgProperty::new(list)?), more)
        }
        TpmCap::Handles => {
            let all = handle_lists::from(tpm, TpmHandle(property)).map_err(|code| code.with_parameter(2))?;
            let (list, more) = at_most(all, count.min(TpmlHandle::MAX));
            (TpmsCapabilityData::Handles(TpmlHandle::new(list)?), more)
        }
        TpmCap::Commands => {
            let all = TABLE
                .iter()
                .filter(|row| row.code.0 >= property)
                .map(|row| row.tpma_cc());
            let (list, more) = at_most(all, count.min(TpmlCca::MAX));
            (TpmsCapabilityData::Command(TpmlCca::new(list)?), more)
        }
        // There is no physical presence, and no command audit.
        TpmCap::PpCommands => (TpmsCapabilityData::PpCommands(TpmlCc::empty()), false),
        TpmCap::AuditCommands => (TpmsCapabilityData::AuditCommands(TpmlCc::empty()), false),
        TpmCap::Pcrs => {
            if property != 0 {
                return Err(wrong_property);
            }
            let none = count == 0;
            let list = if none {
                TpmlPcrSelection::empty()
            } else {
                tpm.state_clear.pcrs.allocation().selections().clone()
            };
            (TpmsCapabilityData::AssignedPcr(list), none)
        }
        TpmCap::TpmProperties => {
            let all = properties::from(tpm, property).into_iter();
            let (list, more) = at_most(all, count.min(TpmlTaggedTpmProperty::MAX));
            (
                TpmsCapabilityData::TpmProperties(TpmlTaggedTpmProperty::new(list)?),
                more,
            )
        }
        TpmCap::PcrProperties => {
            let all = attributes::properties()
                .into_iter()
                .filter(|entry| entry.tag.0 >= property);
            let (list, more) = at_most(all, count.min(TpmlTaggedPcrProperty::MAX));
            (
                TpmsCapabilityData::PcrProperties(TpmlTaggedPcrProperty::new(list)?),
                more,
            )
        }
        TpmCap::EccCurves => {
            let all = TpmiEccCurve::ALL
                .iter()
                .copied()
                .filter(|curve| u32::from(curve.value()) >= property);
            let (list, more) = at_most(all, count.min(TpmlEccCurve::MAX));
            (TpmsCapabilityData::EccCurves(TpmlEccCurve::new(list)?), more)
        }
        TpmCap::AuthPolicies => {
            if property >> 24 != TpmHandle::OWNER.0 >> 24 {
                return Err(wrong_property);
            }
            let all = policies(tpm).filter(|entry| entry.handle.0 >= property);
            let (list, more) = at_most(all, count.min(TpmlTaggedPolicy::MAX));
            (TpmsCapabilityData::AuthPolicies(TpmlTaggedPolicy::new(list)?), more)
        }
        TpmCap::Act => {
            if !ACT_HANDLES.contains(&property) {
                return Err(wrong_property);
            }
            (TpmsCapabilityData::ActData(TpmlActData::empty()), false)
        }
    })
}

/// The policies of the permanent handles.
fn policies(tpm: &Tpm) -> impl Iterator<Item = TpmsTaggedPolicy> + '_ {
    handle_lists::WITH_POLICY.iter().map(|handle| {
        let policy_hash = tpm
            .permanent_authorization(*handle)
            .and_then(|authorization| authorization.policy.clone());
        TpmsTaggedPolicy {
            handle: *handle,
            policy_hash,
        }
    })
}
