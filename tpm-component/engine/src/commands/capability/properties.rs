//! TPM_CAP_TPM_PROPERTIES: what is fixed about this TPM, and what varies.

use alloc::vec::Vec;

use super::at_most_of;
use crate::{
    dispatch::table::TABLE,
    structures::{
        TpmAlgId, TpmPt, TpmaMemory, TpmaPermanent, TpmaStartupClear, TpmiAlgHash, TpmiEccCurve, TpmsTaggedProperty,
        limits,
    },
    tpm::{CLOCK_UPDATE_BITS, Tpm},
};

/// TPM_PT_MANUFACTURER: "CLST".
pub const MANUFACTURER: u32 = u32::from_be_bytes(*b"CLST");
/// TPM_PT_FIRMWARE_VERSION_1 and _2.
pub const FIRMWARE_VERSION: u64 = 0x0000_0001_0000_0000;
/// TPM_PT_FAMILY_INDICATOR: "2.0".
const FAMILY: u32 = u32::from_be_bytes(*b"2.0\0");
/// TPM_PT_REVISION, _DAY_OF_YEAR, _YEAR: 1.59 of 8 November 2019.
const REVISION: (u32, u32, u32) = (159, 312, 2019);
/// TPM_PT_VENDOR_STRING_1 to _4.
const VENDOR: [&[u8; 4]; 4] = [b"Cloi", b"ster", b" vTP", b"M\0\0\0"];
/// TPM_PT_PS_FAMILY_INDICATOR: TPM_PS_PC.
const PLATFORM_FAMILY: u32 = 1;
/// TPM_PT_PS_REVISION: PC Client profile 1.05.
const PLATFORM_REVISION: u32 = 0x0105;
/// TPM_PT_CONTEXT_GAP_MAX.
const CONTEXT_GAP_MAX: u32 = 0xFFFF;
/// TPM_PT_CONTEXT_SYM_SIZE.
const CONTEXT_KEY_BITS: u32 = 256;
/// Bytes of a TPMS_TAGGED_PROPERTY.
const PROPERTY: usize = 8;
/// A group of properties (PT_GROUP): one answer stays within one.
const GROUP: u32 = 0x100;

/// The properties of the group of `from`, ascending from it.
pub fn from(tpm: &Tpm, from: u32) -> Vec<TpmsTaggedProperty> {
    let from = from.max(TpmPt::FAMILY_INDICATOR.0);
    let group = from / GROUP;
    let all = if group == TpmPt::FAMILY_INDICATOR.0 / GROUP {
        fixed().to_vec()
    } else if group == TpmPt::PERMANENT.0 / GROUP {
        variable(tpm)
    } else {
        Vec::new()
    };
    all.into_iter()
        .filter(|(property, _)| property.0 >= from)
        .map(|(property, value)| TpmsTaggedProperty { property, value })
        .collect()
}

/// How many properties never change.
const FIXED_COUNT: usize = 46;

/// What never changes, ascending.
pub const fn fixed() -> [(TpmPt, u32); FIXED_COUNT] {
    let [vendor_1, vendor_2, vendor_3, vendor_4] = VENDOR;
    let commands = TABLE.len() as u32;
    [
        (TpmPt::FAMILY_INDICATOR, FAMILY),
        (TpmPt::LEVEL, 0),
        (TpmPt::REVISION, REVISION.0),
        (TpmPt::DAY_OF_YEAR, REVISION.1),
        (TpmPt::YEAR, REVISION.2),
        (TpmPt::MANUFACTURER, MANUFACTURER),
        (TpmPt::VENDOR_STRING_1, u32::from_be_bytes(*vendor_1)),
        (TpmPt::VENDOR_STRING_2, u32::from_be_bytes(*vendor_2)),
        (TpmPt::VENDOR_STRING_3, u32::from_be_bytes(*vendor_3)),
        (TpmPt::VENDOR_STRING_4, u32::from_be_bytes(*vendor_4)),
        (TpmPt::VENDOR_TPM_TYPE, 1),
        (TpmPt::FIRMWARE_VERSION_1, (FIRMWARE_VERSION >> 32) as u32),
        (TpmPt::FIRMWARE_VERSION_2, FIRMWARE_VERSION as u32),
        (TpmPt::INPUT_BUFFER, limits::MAX_DIGEST_BUFFER as u32),
        (TpmPt::HR_TRANSIENT_MIN, limits::MAX_LOADED_OBJECTS as u32),
        (TpmPt::HR_PERSISTENT_MIN, limits::MAX_PERSISTENT_OBJECTS as u32),
        (TpmPt::HR_LOADED_MIN, limits::MAX_LOADED_SESSIONS as u32),
        (TpmPt::ACTIVE_SESSIONS_MAX, limits::MAX_ACTIVE_SESSIONS as u32),
        (TpmPt::PCR_COUNT, limits::PCR_COUNT as u32),
        (TpmPt::PCR_SELECT_MIN, limits::PCR_SELECT_SIZE as u32),
        (TpmPt::CONTEXT_GAP_MAX, CONTEXT_GAP_MAX),
        (TpmPt::NV_COUNTERS_MAX, 0),
        (TpmPt::NV_INDEX_MAX, limits::MAX_NV_INDEX_SIZE as u32),
        (TpmPt::MEMORY, TpmaMemory::SHARED_NV.bits()),
        (TpmPt::CLOCK_UPDATE, 1 << CLOCK_UPDATE_BITS),
        (TpmPt::CONTEXT_HASH, limits::CONTEXT_HASH.value() as u32),
        (TpmPt::CONTEXT_SYM, TpmAlgId::AES.0 as u32),
        (TpmPt::CONTEXT_SYM_SIZE, CONTEXT_KEY_BITS),
        (TpmPt::ORDERLY_COUNT, (1 << limits::ORDERLY_BITS) - 1),
        (TpmPt::MAX_COMMAND_SIZE, tpm_contract::bounds::MAX_COMMAND as u32),
        (TpmPt::MAX_RESPONSE_SIZE, tpm_contract::bounds::MAX_RESPONSE as u32),
        (TpmPt::MAX_DIGEST, TpmiAlgHash::Sha512.digest_size() as u32),
        (TpmPt::MAX_OBJECT_CONTEXT, limits::MAX_CONTEXT_DATA as u32),
        (TpmPt::MAX_SESSION_CONTEXT, limits::MAX_CONTEXT_DATA as u32),
        (TpmPt::PS_FAMILY_INDICATOR, PLATFORM_FAMILY),
        (TpmPt::PS_LEVEL, 0),
        (TpmPt::PS_REVISION, PLATFORM_REVISION),
        (TpmPt::PS_DAY_OF_YEAR, 0),
        (TpmPt::PS_YEAR, 0),
        (TpmPt::SPLIT_MAX, 0),
        (TpmPt::TOTAL_COMMANDS, commands),
        (TpmPt::LIBRARY_COMMANDS, commands),
        (TpmPt::VENDOR_COMMANDS, 0),
        (TpmPt::NV_BUFFER_MAX, limits::MAX_NV_BUFFER_SIZE as u32),
        (TpmPt::MODES, 0),
        (TpmPt::MAX_CAP_BUFFER, limits::MAX_CAP_BUFFER as u32),
    ]
}

/// What never changes as TPML_TAGGED_TPM_PROPERTY holds it, behind the count.
static FIXED: [[u8; PROPERTY]; FIXED_COUNT] = {
    let mut written = [[0; PROPERTY]; FIXED_COUNT];
    let mut at = 0;
    while at < FIXED_COUNT {
        let (property, value) = fixed()[at];
        let ([p0, p1, p2, p3], [v0, v1, v2, v3]) = (property.0.to_be_bytes(), value.to_be_bytes());
        written[at] = [p0, p1, p2, p3, v0, v1, v2, v3];
        at += 1;
    }
    written
};

/// At most `count` of what never changes from a property on, as TPML_TAGGED_TPM_PROPERTY holds it behind the count, and whether there are more;
/// none when `from` is of another group.
pub fn fixed_from(from: u32, count: usize) -> Option<(&'static [[u8; PROPERTY]], bool)> {
    if from / GROUP > TpmPt::FAMILY_INDICATOR.0 / GROUP {
        return None;
    }
    let first = FIXED.partition_point(|[p0, p1, p2, p3, ..]| u32::from_be_bytes([*p0, *p1, *p2, *p3]) < from);
    Some(at_most_of(&FIXED, first, count))
}

/// What changes, ascending.
fn variable(tpm: &Tpm) -> Vec<(TpmPt, u32)> {
    let sessions = &tpm.volatile.sessions;
    let nv = &tpm.persistent.nv;
    let rules = &tpm.persistent.dictionary_attack;
    let persistent = tpm.persistent.objects.len();
    let room = |bound: usize, used: usize| bound.saturating_sub(used) as u32;
    alloc::vec![
        (TpmPt::PERMANENT, permanent(tpm).bits()),
        (TpmPt::STARTUP_CLEAR, startup_clear(tpm).bits()),
        (TpmPt::HR_NV_INDEX, nv.len() as u32),
        (TpmPt::HR_LOADED, sessions.loaded_count() as u32),
        (
            TpmPt::HR_LOADED_AVAIL,
            room(limits::MAX_LOADED_SESSIONS, sessions.loaded_count())
        ),
        (TpmPt::HR_ACTIVE, sessions.active_count() as u32),
        (
            TpmPt::HR_ACTIVE_AVAIL,
            room(limits::MAX_ACTIVE_SESSIONS, sessions.active_count())
        ),
        (
            TpmPt::HR_TRANSIENT_AVAIL,
            room(limits::MAX_LOADED_OBJECTS, tpm.volatile.objects.iter().count())
        ),
        (TpmPt::HR_PERSISTENT, persistent as u32),
        (
            TpmPt::HR_PERSISTENT_AVAIL,
            room(limits::MAX_PERSISTENT_OBJECTS, persistent)
        ),
        (TpmPt::NV_COUNTERS, nv.counters() as u32),
        (TpmPt::NV_COUNTERS_AVAIL, room(limits::MAX_NV_INDICES, nv.len())),
        (TpmPt::ALGORITHM_SET, *tpm.persistent.algorithm_set),
        (TpmPt::LOADED_CURVES, TpmiEccCurve::ALL.len() as u32),
        (TpmPt::LOCKOUT_COUNTER, rules.failed_tries),
        (TpmPt::MAX_AUTH_FAIL, rules.max_tries),
        (TpmPt::LOCKOUT_INTERVAL, rules.recovery_time),
        (TpmPt::LOCKOUT_RECOVERY, rules.lockout_recovery),
        (TpmPt::NV_WRITE_RECOVERY, 0),
        (TpmPt::AUDIT_COUNTER_0, (tpm.persistent.audit.counter >> 32) as u32),
        (TpmPt::AUDIT_COUNTER_1, tpm.persistent.audit.counter as u32),
    ]
}

/// TPMA_PERMANENT.
fn permanent(tpm: &Tpm) -> TpmaPermanent {
    let hierarchies = &tpm.persistent.hierarchies;
    TpmaPermanent::TPM_GENERATED_EPS
        .set_to(
            TpmaPermanent::OWNER_AUTH_SET,
            !hierarchies.owner_authorization.auth.is_empty(),
        )
        .set_to(
            TpmaPermanent::ENDORSEMENT_AUTH_SET,
            !hierarchies.endorsement_authorization.auth.is_empty(),
        )
        .set_to(
            TpmaPermanent::LOCKOUT_AUTH_SET,
            !hierarchies.lockout_authorization.auth.is_empty(),
        )
        .set_to(TpmaPermanent::DISABLE_CLEAR, hierarchies.disable_clear)
        .set_to(
            TpmaPermanent::IN_LOCKOUT,
            tpm.persistent.dictionary_attack.is_locked_out(),
        )
}

/// TPMA_STARTUP_CLEAR.
fn startup_clear(tpm: &Tpm) -> TpmaStartupClear {
    let enables = *tpm.state_clear.enables;
    TpmaStartupClear::empty()
        .set_to(TpmaStartupClear::PH_ENABLE, enables.platform)
        .set_to(TpmaStartupClear::SH_ENABLE, enables.owner)
        .set_to(TpmaStartupClear::EH_ENABLE, enables.endorsement)
        .set_to(TpmaStartupClear::PH_ENABLE_NV, enables.platform_nv)
        .set_to(TpmaStartupClear::READ_ONLY, *tpm.state_clear.read_only)
        .set_to(TpmaStartupClear::ORDERLY, *tpm.volatile.started_orderly)
}
