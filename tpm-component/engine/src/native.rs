//! The engine as a [`Component`], in the same process as its host: for tests, and for the development server.
//!
//! What the sandbox enforces from outside has no counterpart here: a fault cannot befall this component, so its `Fault` is [`Infallible`]. The
//! wasm component is this very type over the host that its imports are.

use alloc::{string::ToString, vec::Vec};
use core::convert::Infallible;

use tpm_contract::{Component, Description, Failure, Host, Identity, Record, bounds};

use crate::{commands::capability::properties, state::image, tpm::Tpm};

/// The engine with its host.
pub struct NativeComponent<H> {
    host: H,
    tpm: Option<Tpm>,
}

impl<H: Host> NativeComponent<H> {
    /// A TPM that is not powered on yet.
    pub const fn new(host: H) -> Self {
        Self { host, tpm: None }
    }

    /// The host.
    pub const fn host(&mut self) -> &mut H {
        &mut self.host
    }

    /// Runs `action` on the TPM, if it is powered on.
    fn powered<T>(&mut self, action: impl FnOnce(&mut Tpm, &mut dyn Host) -> Result<T, Failure>) -> Answer<T> {
        Ok(match &mut self.tpm {
            Some(tpm) => action(tpm, &mut self.host),
            None => Err(Failure::NotPowered),
        })
    }
}

/// The answer of a component to which no fault can happen.
type Answer<T> = Result<Result<T, Failure>, Infallible>;

impl<H: Host> Component for NativeComponent<H> {
    type Fault = Infallible;

    fn describe(&mut self) -> Result<Description, Infallible> {
        Ok(Description {
            name: "Cloister TPM".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            state_format: image::VERSION,
            manufacturer: properties::MANUFACTURER,
            firmware_version: properties::FIRMWARE_VERSION,
        })
    }

    fn power_on(&mut self, saved: &[Record]) -> Answer<()> {
        if self.tpm.is_some() {
            return Ok(Err(Failure::AlreadyPowered));
        }
        Ok(Tpm::power_on(&mut self.host, saved).map(|tpm| self.tpm = Some(tpm)))
    }

    fn execute(&mut self, locality: u8, command: &[u8]) -> Answer<Vec<u8>> {
        self.powered(|tpm, host| tpm.execute(host, locality, command))
    }

    fn identity(&mut self) -> Answer<Identity> {
        self.powered(|tpm, host| tpm.identity(host))
    }

    fn hash_start(&mut self) -> Answer<()> {
        self.powered(|tpm, _| {
            tpm.hash_start();
            Ok(())
        })
    }

    fn hash_data(&mut self, data: &[u8]) -> Answer<()> {
        self.powered(|tpm, host| {
            if data.len() > bounds::MAX_HASH_DATA {
                return Err(Failure::BadOperand);
            }
            tpm.hash_data(host, data);
            Ok(())
        })
    }

    fn hash_end(&mut self) -> Answer<()> {
        self.powered(|tpm, host| tpm.hash_end(host))
    }

    fn save_persistent(&mut self) -> Answer<Vec<Record>> {
        self.powered(|tpm, _| Ok(tpm.save_persistent()))
    }

    fn save_volatile(&mut self) -> Answer<Vec<u8>> {
        self.powered(|tpm, _| Ok(tpm.save_volatile()))
    }

    fn restore_volatile(&mut self, state: &[u8]) -> Answer<()> {
        self.powered(|tpm, host| tpm.restore_volatile(host, state))
    }
}
