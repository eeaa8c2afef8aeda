//! TPM2_GetCapability (Part 3 §30.2): what this TPM is and has. Anybody may ask; nothing secret is in the answers.

use super::{algorithms::ALGORITHMS, at_most, at_most_of, handle_lists, policies, properties};
use crate::{
    dispatch::{Authorized, Command, parameters, reply, table::TABLE},
    pcr::attributes,
    structures::{
        TpmCap, TpmCc, TpmHandle, TpmRc, TpmiEccCurve, TpmlActData, TpmlAlgProperty, TpmlCc, TpmlCca, TpmlEccCurve,
        TpmlHandle, TpmlPcrSelection, TpmlTaggedPcrProperty, TpmlTaggedPolicy, TpmlTaggedTpmProperty,
        TpmsCapabilityData,
    },
    tpm::Tpm,
    wire::{Marshal, Writer},
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
        pub capability_data: Answer,
    }
}

/// A TPMS_CAPABILITY_DATA.
#[derive(Debug)]
pub enum Answer {
    /// A list that was made for this answer.
    Made(TpmsCapabilityData),
    /// A part of what never changes, with the number of its elements and their wire form.
    Fixed(TpmCap, usize, &'static [u8]),
}

/// The commands as TPML_CCA holds them, behind the count.
static COMMANDS: [[u8; 4]; TABLE.len()] = {
    let mut written = [[0; 4]; TABLE.len()];
    let mut at = 0;
    while at < TABLE.len() {
        written[at] = TABLE[at].tpma_cc().bits().to_be_bytes();
        at += 1;
    }
    written
};

/// The algorithms as TPML_ALG_PROPERTY holds them, behind the count.
static WRITTEN_ALGORITHMS: [[u8; 6]; ALGORITHMS.len()] = {
    let mut written = [[0; 6]; ALGORITHMS.len()];
    let mut at = 0;
    while at < ALGORITHMS.len() {
        let [a0, a1] = ALGORITHMS[at].alg.0.to_be_bytes();
        let [p0, p1, p2, p3] = ALGORITHMS[at].alg_properties.bits().to_be_bytes();
        written[at] = [a0, a1, p0, p1, p2, p3];
        at += 1;
    }
    written
};

impl Marshal for Answer {
    fn marshal(&self, writer: &mut Writer) {
        match self {
            Self::Made(data) => writer.put(data),
            Self::Fixed(group, count, elements) => {
                writer.put(group);
                writer.put(&(*count as u32));
                writer.bytes(elements);
            }
        }
    }
}

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

/// The capabilities of an answer, and whether there are more.
type Found = Result<(Answer, bool), TpmRc>;

fn made(data: TpmsCapabilityData, more: bool) -> Found {
    Ok((Answer::Made(data), more))
}

fn fixed<const SIZE: usize>(group: TpmCap, (elements, more): (&'static [[u8; SIZE]], bool)) -> Found {
    Ok((Answer::Fixed(group, elements.len(), elements.as_flattened()), more))
}

/// At most `count` capabilities of a group from `property` on.
fn answer(tpm: &Tpm, group: TpmCap, property: u32, count: usize) -> Found {
    match group {
        TpmCap::Algs => {
            let first = ALGORITHMS.partition_point(|entry| u32::from(entry.alg.0) < property);
            let count = count.min(TpmlAlgProperty::MAX);
            fixed(group, at_most_of(&WRITTEN_ALGORITHMS, first, count))
        }
        TpmCap::Commands => {
            let first = TABLE.partition_point(|row| row.code.0 < property);
            fixed(group, at_most_of(&COMMANDS, first, count.min(TpmlCca::MAX)))
        }
        TpmCap::Handles => handles(tpm, property, count),
        TpmCap::PpCommands => {
            let all = TABLE.iter().filter(|row| row.physical_presence).map(|row| row.code);
            let (list, more) = codes(all, property, count)?;
            made(TpmsCapabilityData::PpCommands(list), more)
        }
        TpmCap::AuditCommands => {
            let (list, more) = codes(tpm.persistent.audit.iter(), property, count)?;
            made(TpmsCapabilityData::AuditCommands(list), more)
        }
        TpmCap::Pcrs => banks(tpm, property, count),
        TpmCap::TpmProperties => {
            let count = count.min(TpmlTaggedTpmProperty::MAX);
            if let Some(part) = properties::fixed_from(property, count) {
                return fixed(group, part);
            }
            let (list, more) = at_most(properties::from(tpm, property).into_iter(), count);
            made(
                TpmsCapabilityData::TpmProperties(TpmlTaggedTpmProperty::new(list)?),
                more,
            )
        }
        TpmCap::PcrProperties => {
            let all = attributes::properties()
                .into_iter()
                .filter(|entry| entry.tag.0 >= property);
            let (list, more) = at_most(all, count.min(TpmlTaggedPcrProperty::MAX));
            made(
                TpmsCapabilityData::PcrProperties(TpmlTaggedPcrProperty::new(list)?),
                more,
            )
        }
        TpmCap::EccCurves => curves(property, count),
        TpmCap::AuthPolicies => policies(tpm, property, count),
        TpmCap::Act if TpmHandle(property).is_act() => {
            let all = tpm.state_clear.acts.capabilities(tpm.time.now);
            let (list, more) = at_most(all.filter(|act| act.handle.0 >= property), count.min(TpmlActData::MAX));
            made(TpmsCapabilityData::ActData(TpmlActData::new(list)?), more)
        }
        TpmCap::Act => Err(WRONG_PROPERTY),
        // A group that exists, of which there is nothing here.
        TpmCap::VendorProperty => Err(TpmRc::VALUE.with_parameter(1)),
    }
}

/// A property that is not of its group.
const WRONG_PROPERTY: TpmRc = TpmRc::VALUE.with_parameter(2);

fn handles(tpm: &Tpm, from: u32, count: usize) -> Found {
    let all = handle_lists::from(tpm, TpmHandle(from)).map_err(|code| code.with_parameter(2))?;
    let (list, more) = at_most(all, count.min(TpmlHandle::MAX));
    made(TpmsCapabilityData::Handles(TpmlHandle::new(list)?), more)
}

/// At most `count` of these command codes from `from` on.
fn codes(all: impl Iterator<Item = TpmCc>, from: u32, count: usize) -> Result<(TpmlCc, bool), TpmRc> {
    let (list, more) = at_most(all.filter(|code| code.0 >= from), count.min(TpmlCc::MAX));
    Ok((TpmlCc::new(list)?, more))
}

fn banks(tpm: &Tpm, property: u32, count: usize) -> Found {
    if property != 0 {
        return Err(WRONG_PROPERTY);
    }
    let none = count == 0;
    let list = if none {
        TpmlPcrSelection::empty()
    } else {
        tpm.state_clear.pcrs.allocation().selections()
    };
    made(TpmsCapabilityData::AssignedPcr(list), none)
}

fn curves(from: u32, count: usize) -> Found {
    let all = TpmiEccCurve::ALL
        .iter()
        .copied()
        .filter(|curve| u32::from(curve.value()) >= from);
    let (list, more) = at_most(all, count.min(TpmlEccCurve::MAX));
    made(TpmsCapabilityData::EccCurves(TpmlEccCurve::new(list)?), more)
}

/// The policies of the permanent handles.
fn policies(tpm: &Tpm, from: u32, count: usize) -> Found {
    let all = policies::from(tpm, TpmHandle(from)).ok_or(WRONG_PROPERTY)?;
    let (list, more) = at_most(all, count.min(TpmlTaggedPolicy::MAX));
    made(TpmsCapabilityData::AuthPolicies(TpmlTaggedPolicy::new(list)?), more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dispatch::table,
        structures::TpmPt,
        test_tpm::{Call, TestTpm},
        wire::{Reader, Unmarshal},
    };

    fn get(tpm: &mut TestTpm, group: TpmCap, property: u32, count: u32) -> (bool, alloc::vec::Vec<u8>) {
        let call = Call::new(TpmCc::GET_CAPABILITY)
            .with(&group)
            .with(&property)
            .with(&count);
        let parameters = tpm.run(call).expect("a capability").parameters;
        assert_eq!(parameters[1..5], group.value().to_be_bytes());
        (parameters[0] == 1, parameters[5..].to_vec())
    }

    #[test]
    fn commands_are_those_that_work_and_as_many_as_the_property_says() {
        // Part 2 §6.13, TPM_PT_TOTAL_COMMANDS; Linux compares the two.
        let mut tpm = TestTpm::started();
        let (more, list) = get(&mut tpm, TpmCap::Commands, 0, u32::MAX);
        let list = TpmlCca::from_bytes(&list).expect("a list");
        assert!(!more && list.iter().all(|word| table::find(word.command_code()).is_ok()));
        let (_, property) = get(&mut tpm, TpmCap::TpmProperties, TpmPt::TOTAL_COMMANDS.0, 1);
        let property = TpmlTaggedTpmProperty::from_bytes(&property).expect("a property");
        assert_eq!(property.as_slice()[0].value as usize, list.len());
        // What is not in the list is not there.
        for code in (0x11F..0x1A2)
            .map(TpmCc)
            .filter(|code| !list.iter().any(|word| word.command_code() == *code))
        {
            assert_eq!(
                tpm.run(Call::new(code)).expect_err("not implemented"),
                TpmRc::COMMAND_CODE
            );
        }
    }

    #[test]
    fn nothing_asked_for_is_an_empty_list_with_more_to_come() {
        // facts/tpm/behaviours.md §20: "propertyCount 0 → empty list and moreData YES if anything exists".
        let mut tpm = TestTpm::started();
        for group in [
            TpmCap::Algs,
            TpmCap::Commands,
            TpmCap::PpCommands,
            TpmCap::AuditCommands,
            TpmCap::Pcrs,
            TpmCap::TpmProperties,
            TpmCap::EccCurves,
        ] {
            let property = if group == TpmCap::TpmProperties { 0x100 } else { 0 };
            assert_eq!(
                get(&mut tpm, group, property, 0),
                (true, alloc::vec![0; 4]),
                "{group:?}"
            );
        }
        assert_eq!(get(&mut tpm, TpmCap::PpCommands, 0x12E, 0), (false, alloc::vec![0; 4]));
        assert_eq!(
            get(&mut tpm, TpmCap::TpmProperties, 0x300, 1),
            (false, alloc::vec![0; 4])
        );
    }

    #[test]
    fn list_is_the_same_in_one_answer_and_in_many() {
        // Part 3 §30.2: moreData says whether there are more of the group, and the next starts behind the last.
        let mut tpm = TestTpm::started();
        for (group, first, size, key) in [
            (TpmCap::Algs, 0, 6, 0..2),
            (TpmCap::Handles, 0, 4, 0..4),
            (TpmCap::Handles, 0x4000_0000, 4, 0..4),
            // Of TPMA_CC only the code counts.
            (TpmCap::Commands, 0, 4, 2..4),
            (TpmCap::PpCommands, 0, 4, 0..4),
            (TpmCap::AuditCommands, 0, 4, 0..4),
            (TpmCap::TpmProperties, 0x100, 8, 0..4),
            (TpmCap::TpmProperties, 0x200, 8, 0..4),
            (TpmCap::PcrProperties, 0, 8, 0..4),
            (TpmCap::EccCurves, 0, 2, 0..2),
            (TpmCap::AuthPolicies, 0x4000_0000, 6, 0..4),
            (TpmCap::Act, 0x4000_0110, 12, 0..4),
        ] {
            let (more, whole) = get(&mut tpm, group, first, u32::MAX);
            assert!(!more, "{group:?}");
            let (mut next, mut collected) = (first, alloc::vec::Vec::new());
            loop {
                let (more, one) = get(&mut tpm, group, next, 1);
                assert_eq!((&one[..4], one.len()), (&[0, 0, 0, 1][..], 4 + size), "{group:?}");
                collected.extend_from_slice(&one[4..]);
                let key = one[4..][key.clone()]
                    .iter()
                    .fold(0, |key, byte| key << 8 | u32::from(*byte));
                next = key + 1;
                if !more {
                    break;
                }
            }
            assert_eq!(collected, whole[4..], "{group:?}");
        }
    }

    #[test]
    fn properties_stay_within_their_group_and_ascend() {
        let mut tpm = TestTpm::started();
        for (from, first) in [
            (0, 0x100),
            (0x100, 0x100),
            (0x115, 0x116),
            (0x200, 0x200),
            (0x203, 0x203),
        ] {
            let (more, list) = get(&mut tpm, TpmCap::TpmProperties, from, 127);
            let list = TpmlTaggedTpmProperty::from_bytes(&list).expect("a list");
            assert!(!more && list.as_slice().is_sorted_by(|one, next| one.property < next.property));
            assert!(list.iter().all(|entry| entry.property.0 / 0x100 == first / 0x100));
            assert_eq!(list.as_slice()[0].property.0, first);
        }
    }

    #[test]
    fn policies_are_listed_by_their_handles() {
        let mut tpm = TestTpm::started();
        let set = Call::new(TpmCc::SET_PRIMARY_POLICY)
            .on(TpmHandle::ENDORSEMENT)
            .password(b"");
        tpm.run(set.with(&32u16).with_raw(&[7; 32]).with(&0x0Bu16))
            .expect("set");
        let (more, list) = get(&mut tpm, TpmCap::AuthPolicies, TpmHandle::LOCKOUT.0, 2);
        let mut reader = Reader::new(&list);
        let mut word = || u32::unmarshal(&mut reader).expect("a word");
        assert_eq!((more, word(), word()), (true, 2, TpmHandle::LOCKOUT.0));
        let mut expected = alloc::vec![0, 0x10];
        expected.extend(TpmHandle::ENDORSEMENT.0.to_be_bytes());
        expected.extend([0, 0x0B]);
        expected.extend([7; 32]);
        assert_eq!(reader.rest(), expected);
    }
}
