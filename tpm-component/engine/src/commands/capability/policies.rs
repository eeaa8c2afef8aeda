//! TPM_CAP_AUTH_POLICIES: the policies of the permanent handles.

use crate::{
    countdown,
    structures::{TpmHandle, TpmsTaggedPolicy},
    tpm::Tpm,
};

/// The permanent handles that have a policy, ascending; above them are the countdown timers.
const WITH_POLICY: &[TpmHandle] = &[
    TpmHandle::OWNER,
    TpmHandle::LOCKOUT,
    TpmHandle::ENDORSEMENT,
    TpmHandle::PLATFORM,
];

/// The policies under `from` and the handles above it; nothing when `from` is no permanent handle.
pub fn from(tpm: &Tpm, from: TpmHandle) -> Option<impl Iterator<Item = TpmsTaggedPolicy> + '_> {
    let policy = |handle: &TpmHandle| TpmsTaggedPolicy {
        handle: *handle,
        policy_hash: tpm.permanent_policy(*handle).flatten().cloned(),
    };
    let all = WITH_POLICY.iter().chain(&countdown::HANDLES);
    let all = all.filter(move |handle| **handle >= from).map(policy);
    (from.0 >> 24 == TpmHandle::OWNER.0 >> 24).then_some(all)
}
