//! The TPM itself: all its state, and what can be done to it from outside.
//!
//! The host calls; what it hands in as saved state, time and entropy is believed only as far as it can be checked, and what it hands in as a
//! command is the guest's and not believed at all. [`Tpm::execute`] answers every command, and no answer leaves before the host has
//! acknowledged the state that it promises.
//!
//! A command works on the state in place. Every piece of state remembers how it was (`state/group.rs`), so a failed command is undone
//! without ever having copied what it did not touch.

use alloc::vec::Vec;

use tpm_contract::{Failure, Host, Record, bounds};

use crate::{
    dispatch,
    state::{Group, Orderly, Persistent, StateClear, StateReset, Volatile},
};

/// The locality at which a command came: 0 to 4, or 32 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locality(u8);

impl Locality {
    /// A locality of the interface; none for a number that is not one.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 5 || number >= 32 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Where the TPM is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// After _TPM_Init: only TPM2_Startup is accepted.
    Initialized,
    /// After TPM2_Startup.
    Started,
    /// A self-test failed: only TPM2_GetTestResult and TPM2_GetCapability are answered, until the next _TPM_Init.
    Failed,
}

/// A TPM that is powered on.
pub struct Tpm {
    /// What lasts until something changes it.
    pub persistent: Persistent,
    /// What an orderly shutdown keeps.
    pub orderly: Group<Orderly>,
    /// What TPM2_Startup(CLEAR) sets to its default.
    pub state_clear: StateClear,
    /// What TPM Reset sets to its default.
    pub state_reset: StateReset,
    /// What ends with the power.
    pub volatile: Volatile,
    /// Where the TPM is in its life.
    pub phase: Group<Phase>,
}
