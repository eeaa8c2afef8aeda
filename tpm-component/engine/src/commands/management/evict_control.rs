//! TPM2_EvictControl (Part 3 §28.5): makes a loaded object persistent, or a persistent one go.
//!
//! The owner's half of the handles is not only for the owner's objects: endorsement keys live there too. What is persisted need not be
//! what others expect under a well-known handle, so nothing in this TPM relies on what stands there.

use crate::{
    dispatch::{Authorized, Command, parameters},
    structures::{TpmCc, TpmHandle, TpmRc, TpmiDhPersistent, TpmiRhHierarchy, limits},
    tpm::Tpm,
};

/// TPM2_EvictControl.
pub struct EvictControl;

parameters! {
    /// The parameters of TPM2_EvictControl.
    pub struct EvictControlParams {
        /// The persistent handle.
        pub persistent_handle: TpmiDhPersistent,
    }
}

impl Command for EvictControl {
    const CODE: TpmCc = TpmCc::EVICT_CONTROL;
    const NAME: &'static str = "TPM2_EvictControl";
    type Params = EvictControlParams;
    type Reply = ();

    fn run(command: Authorized<'_, Self>) -> Result<(), TpmRc> {
        let Authorized {
            tpm, handles, params, ..
        } = command;
        let platform = handles.first() == TpmHandle::PLATFORM;
        let (object, target) = (handles.second(), params.persistent_handle.handle());
        if object.is_persistent() {
            evict(tpm, platform, object, target)
        } else {
            persist(tpm, platform, object, target)
        }
    }
}

fn evict(tpm: &mut Tpm, platform: bool, object: TpmHandle, target: TpmHandle) -> Result<(), TpmRc> {
    if object != target {
        return Err(TpmRc::HANDLE.with_handle(2));
    }
    // The platform may remove anything, the owner nothing of the platform's, which is what its half of the range holds.
    if !platform && target.is_platform_persistent() {
        return Err(TpmRc::HIERARCHY.with_handle(2));
    }
    if tpm.persistent.objects.remove(target) {
        Ok(())
    } else {
        Err(TpmRc::HANDLE.with_handle(2))
    }
}

fn persist(tpm: &mut Tpm, platform: bool, handle: TpmHandle, target: TpmHandle) -> Result<(), TpmRc> {
    let object = tpm.located_object(handle)?;
    let temporary = object.sensitive.is_none() || object.st_clear || object.hierarchy == TpmiRhHierarchy::Null;
    if temporary {
        return Err(TpmRc::ATTRIBUTES.with_handle(2));
    }
    if platform != (object.hierarchy == TpmiRhHierarchy::Platform) {
        return Err(TpmRc::HIERARCHY.with_handle(2));
    }
    if platform != target.is_platform_persistent() {
        return Err(TpmRc::RANGE.with_parameter(1));
    }
    if tpm.persistent.objects.contains(target) {
        return Err(TpmRc::NV_DEFINED);
    }
    if tpm.persistent.objects.len() >= limits::MAX_PERSISTENT_OBJECTS {
        return Err(TpmRc::NV_SPACE);
    }
    tpm.persistent.objects.insert(target, object);
    Ok(())
}
