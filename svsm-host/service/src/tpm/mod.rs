//! The vTPM's life: power on, provision, execute, fail, and say who it is.
//!
//! The component behind [`Tpm`] is confined and may be hostile; the commands in front of it are the guest's. This file decides what happens
//! between the two: commands are always of locality 0; a component that was stopped, or that answers with something that is no TPM response, is never
//! asked again, and the guest gets TPM_RC_FAILURE until the VM restarts. Nothing that a guest can send resets a TPM
//! under it (DESIGN 7).
//!
//! `provisioning` makes the four keys before the guest's first instruction; `identity` checks what the component says its keys are; `extend` is
//! measured boot's way to the PCRs; `command` is the little of TPM marshalling that these need. The vTPM's lock is around this type, and taken once per call.

mod command;
mod extend;
mod identity;
mod provisioning;
mod templates;

pub use extend::ExtendError;
pub use identity::{CheckedIdentity, IdentityError};
pub use provisioning::{ProvisionError, Step};
pub use templates::{KEYS, KeyTemplate, Unique};

use crate::notes::{Note, TpmFailure, note};
use alloc::vec::Vec;
use svsm_platform::Entropy;
use tpm_contract::{Component, Failure, Record, bounds};
use zeroize::Zeroizing;

/// Locality of everything that the SVSM or the guest sends.
const LOCALITY: u8 = 0;

/// A response that says TPM_RC_FAILURE: tag TPM_ST_NO_SESSIONS, 10 bytes (Part 3 §5.2, Part 2 §6.6.3).
pub const FAILURE_RESPONSE: [u8; 10] = [0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01];

/// The TPM is in failure mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TpmInFailure;

/// Who closes the platform hierarchy before an operating system runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformHierarchy {
    /// Nobody else would: the SVSM sets a random platformAuth and forgets it. For direct boot.
    CloseNow,
    /// The guest's firmware does.
    LeaveToFirmware,
}

/// Whether somebody may have set the owner's or the endorsement authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The TPM has just been made.
    Nobody,
    /// The TPM has a past.
    Perhaps,
}

/// Why there is no TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOnError {
    /// The sandbox stopped the component.
    Fault,
    /// The component refuses to start.
    Component(Failure),
    /// The keys could not be provisioned.
    Provision(ProvisionError),
    /// The component's keys are not what they must be.
    Identity(IdentityError),
    /// There is no entropy.
    NoEntropy,
}

/// The TPM, working or failed. Drops a failed component at once.
pub struct Tpm<C> {
    component: Option<C>,
    /// The keys at power-on.
    first_identity: Option<CheckedIdentity>,
}

impl<C: Component> Tpm<C> {
    /// Powers a fresh component on with `saved` state, starts the TPM, provisions its keys, and closes the platform hierarchy if nobody else will.
    ///
    /// The guest's own TPM2_Startup then gets TPM_RC_INITIALIZE, which clients expect.
    pub fn power_on(
        mut component: C,
        saved: &[Record],
        hierarchy: PlatformHierarchy,
        entropy: &mut impl Entropy,
    ) -> Result<Self, PowerOnError> {
        match component.power_on(saved) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(PowerOnError::Component(failure)),
            Err(_) => return Err(PowerOnError::Fault),
        }
        let mut tpm = Tpm {
            component: Some(component),
            first_identity: None,
        };
        provisioning::startup(&mut tpm).map_err(PowerOnError::Provision)?;
        let identity = tpm.identity().map_err(PowerOnError::Identity)?;
        let owner = if saved.is_empty() {
            Owner::Nobody
        } else {
            Owner::Perhaps
        };
        provisioning::provision(&mut tpm, &identity, owner).map_err(PowerOnError::Provision)?;
        tpm.first_identity = Some(identity);
        match hierarchy {
            PlatformHierarchy::CloseNow => provisioning::close_platform(&mut tpm, entropy)?,
            PlatformHierarchy::LeaveToFirmware => {}
        }
        Ok(tpm)
    }

    /// Executes one command at locality 0. There is always a response; it is wiped when dropped, since it may carry unsealed data.
    pub fn execute(&mut self, command: &[u8]) -> Zeroizing<Vec<u8>> {
        match self.try_execute(command) {
            Ok(response) => response,
            Err(TpmInFailure) => Zeroizing::new(FAILURE_RESPONSE.to_vec()),
        }
    }

    /// The keys of this moment: derived anew from the seeds, checked against their templates.
    pub fn identity(&mut self) -> Result<CheckedIdentity, IdentityError> {
        let Some(component) = &mut self.component else {
            return Err(IdentityError::TpmInFailure);
        };
        match component.identity() {
            Ok(Ok(identity)) => CheckedIdentity::check(identity),
            Ok(Err(failure)) => {
                self.judge(failure);
                Err(IdentityError::Component(failure))
            }
            Err(_) => {
                self.fail(TpmFailure::Fault);
                Err(IdentityError::TpmInFailure)
            }
        }
    }

    /// The keys as they were when the TPM was powered on, for the boot identity.
    pub fn first_identity(&self) -> Option<&CheckedIdentity> {
        self.first_identity.as_ref()
    }

    /// Whether the TPM works.
    pub fn is_working(&self) -> bool {
        self.component.is_some()
    }

    /// The component, for tests and measurements; none in failure mode.
    pub fn component(&mut self) -> Option<&mut C> {
        self.component.as_mut()
    }

    fn try_execute(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, TpmInFailure> {
        let component = self.component.as_mut().ok_or(TpmInFailure)?;
        match component
            .execute(LOCALITY, command)
            .map(|answer| answer.map(Zeroizing::new))
        {
            Ok(Ok(response)) if is_response(&response) => Ok(response),
            Ok(Ok(_)) => {
                self.fail(TpmFailure::BadResponse);
                Err(TpmInFailure)
            }
            Ok(Err(failure)) => {
                self.judge(failure);
                Err(TpmInFailure)
            }
            Err(_) => {
                self.fail(TpmFailure::Fault);
                Err(TpmInFailure)
            }
        }
    }

    /// What an orderly failure means for the commands to come.
    fn judge(&mut self, failure: Failure) {
        match failure {
            // The same command may succeed later.
            Failure::NoEntropy | Failure::NotCommitted | Failure::BadOperand => note(Note::TpmCommandFailed(failure)),
            // A component that is powered on and says this is not to be relied on.
            Failure::NotPowered | Failure::AlreadyPowered | Failure::BadState | Failure::SelfTest => {
                self.fail(TpmFailure::Component(failure));
            }
        }
    }

    fn fail(&mut self, failure: TpmFailure) {
        self.component = None;
        note(Note::TpmFailed(failure));
    }
}

/// Whether bytes can be a response at all: a header, and the size that it states (Part 1 §18.3).
fn is_response(bytes: &[u8]) -> bool {
    let stated = bytes
        .get(2..6)
        .and_then(|size| size.first_chunk())
        .map(|size| u32::from_be_bytes(*size));
    bytes.len() >= 10 && bytes.len() <= bounds::MAX_RESPONSE && stated.is_some_and(|size| size as usize == bytes.len())
}
