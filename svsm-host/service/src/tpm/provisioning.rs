//! The SVSM's own conversation with a TPM that has just been powered on: start it, put four keys where every guest looks for them, close the
//! platform hierarchy.
//!
//! It happens before the guest's first instruction, through ordinary commands, and leaves nothing behind: no transient object, no session, and a
//! platformAuth that nobody knows. At every power-on each handle is compared with what the seeds give; a missing or foreign key is replaced. What lies
//! at a handle later is the guest's business, and no report depends on it (`identity`).

use super::{
    Owner, PowerOnError, Tpm,
    command::{self, Malformed, RC_AUTH_FAIL, RC_BAD_AUTH, RC_HANDLE_1, RC_SUCCESS, Response},
    identity::CheckedIdentity,
    templates::{KEYS, KeyTemplate, RH_OWNER, RH_PLATFORM},
};
use crate::notes::{Note, note};
use alloc::vec::Vec;
use svsm_platform::Entropy;
use tpm_contract::Component;
use zeroize::Zeroizing;

/// Why the keys are not in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisionError {
    /// The TPM is in failure mode.
    TpmInFailure,
    /// A command was refused, with this response code.
    Refused {
        /// What was attempted.
        step: Step,
        /// The response code.
        code: u32,
    },
    /// A response does not hold what it must.
    Malformed(Step),
    /// The created key is not the one that the seeds give.
    OtherKey,
    /// A transient object is left over.
    TransientLeft,
}

/// What provisioning was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// TPM2_Startup.
    Startup,
    /// TPM2_ReadPublic of a persistent handle.
    ReadPublic,
    /// TPM2_CreatePrimary.
    CreatePrimary,
    /// TPM2_EvictControl that removes a foreign key.
    Remove,
    /// TPM2_EvictControl that makes a key persistent.
    Persist,
    /// TPM2_FlushContext.
    Flush,
    /// TPM2_GetCapability.
    Count,
    /// TPM2_HierarchyChangeAuth.
    Close,
}

/// Sends a command; its response must be a success.
fn send<C: Component>(tpm: &mut Tpm<C>, step: Step, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProvisionError> {
    let (code, response) = send_any(tpm, step, command)?;
    if code == RC_SUCCESS {
        Ok(response)
    } else {
        Err(ProvisionError::Refused { step, code })
    }
}

/// Sends a command; returns its response code as well.
fn send_any<C: Component>(
    tpm: &mut Tpm<C>,
    step: Step,
    command: &[u8],
) -> Result<(u32, Zeroizing<Vec<u8>>), ProvisionError> {
    let response = tpm.try_execute(command).map_err(|_| ProvisionError::TpmInFailure)?;
    let code = Response::parse(&response)
        .map_err(|Malformed| ProvisionError::Malformed(step))?
        .code;
    Ok((code, response))
}

/// TPM2_Startup(CLEAR).
pub fn startup<C: Component>(tpm: &mut Tpm<C>) -> Result<(), ProvisionError> {
    send(tpm, Step::Startup, &command::startup_clear()).map(|_| ())
}

/// Puts each of the four keys at its handle, and leaves no transient object.
///
/// In a TPM with a past, the owner may have set authorisations that the SVSM does not know; a key that it may not replace therefore stays as it is.
/// Nothing depends on it: reports are made from the seeds.
pub fn provision<C: Component>(
    tpm: &mut Tpm<C>,
    identity: &CheckedIdentity,
    owner: Owner,
) -> Result<(), ProvisionError> {
    for (key, expected) in KEYS.iter().zip(identity.publics()) {
        let found = read_public(tpm, key.handle)?;
        if found.as_deref() == Some(expected) {
            continue;
        }
        match put(tpm, key, expected, found.is_some()) {
            Ok(()) => note(Note::KeyProvisioned {
                handle: key.handle,
                replaced: found.is_some(),
            }),
            Err(ProvisionError::Refused {
                code: RC_BAD_AUTH | RC_AUTH_FAIL,
                ..
            }) if owner == Owner::Perhaps => {
                note(Note::KeyNotProvisioned { handle: key.handle });
            }
            Err(error) => return Err(error),
        }
    }
    let response = send(tpm, Step::Count, &command::transient_handles())?;
    if transient_count(&response).map_err(|Malformed| ProvisionError::Malformed(Step::Count))? != 0 {
        return Err(ProvisionError::TransientLeft);
    }
    Ok(())
}

/// The public area at a persistent handle, if there is one.
fn read_public<C: Component>(tpm: &mut Tpm<C>, handle: u32) -> Result<Option<Vec<u8>>, ProvisionError> {
    let step = Step::ReadPublic;
    let (code, response) = send_any(tpm, step, &command::read_public(handle))?;
    match code {
        RC_SUCCESS => {
            let public = Response::parse(&response).and_then(|mut response| response.sized());
            public
                .map(|public| Some(public.to_vec()))
                .map_err(|Malformed| ProvisionError::Malformed(step))
        }
        RC_HANDLE_1 => Ok(None),
        code => Err(ProvisionError::Refused { step, code }),
    }
}

/// Creates a key, makes it persistent in place of another if there is one, and flushes it, whatever happens in between.
fn put<C: Component>(
    tpm: &mut Tpm<C>,
    key: &KeyTemplate,
    expected: &[u8],
    occupied: bool,
) -> Result<(), ProvisionError> {
    let step = Step::CreatePrimary;
    let response = send(tpm, step, &command::create_primary(key.hierarchy, &key.public()))?;
    let mut created = Response::parse(&response).map_err(|Malformed| ProvisionError::Malformed(step))?;
    let handle = created.u32().map_err(|Malformed| ProvisionError::Malformed(step))?;
    let public = created.u32().and_then(|_parameter_size| created.sized());
    let persisted = match public {
        Err(Malformed) => Err(ProvisionError::Malformed(step)),
        Ok(public) if public != expected => Err(ProvisionError::OtherKey),
        Ok(_) => persist(tpm, handle, key.handle, occupied),
    };
    let flushed = send(tpm, Step::Flush, &command::flush_context(handle)).map(|_| ());
    persisted.and(flushed)
}

fn persist<C: Component>(tpm: &mut Tpm<C>, object: u32, handle: u32, occupied: bool) -> Result<(), ProvisionError> {
    if occupied {
        send(tpm, Step::Remove, &command::evict_control(RH_OWNER, handle, handle))?;
    }
    send(tpm, Step::Persist, &command::evict_control(RH_OWNER, object, handle)).map(|_| ())
}

/// How many transient handles a response of TPM2_GetCapability lists.
fn transient_count(response: &[u8]) -> Result<u32, Malformed> {
    let mut response = Response::parse(response)?;
    response.u8()?;
    response.u32()?;
    response.u32()
}

/// Sets platformAuth to a random value that is then forgotten.
pub fn close_platform<C: Component>(tpm: &mut Tpm<C>, entropy: &mut impl Entropy) -> Result<(), PowerOnError> {
    let mut auth = Zeroizing::new([0; 32]);
    entropy.fill(&mut *auth).map_err(|_| PowerOnError::NoEntropy)?;
    send(tpm, Step::Close, &command::hierarchy_change_auth(RH_PLATFORM, &*auth)).map_err(PowerOnError::Provision)?;
    note(Note::PlatformClosed);
    Ok(())
}
