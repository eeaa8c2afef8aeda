//! Hostile components, written in WAT: each ends in the fault that names what it did, and the host lives.
//!
//! The expectations come from the contract (`wit/tpm.wit`), from the canonical ABI (Component Model, CanonicalABI.md) and from the
//! WebAssembly specification. After every fault the tests make sure that the instance refuses further calls and that a fresh, honest one works.

mod calls;
mod files;
mod imports;
mod instances;
#[path = "../parts/mod.rs"]
mod parts;
mod pointers;
mod resources;

use parts::{CountingHost, Parts, file, limits, module};
use svsm_sandbox::{Sandbox, SandboxFault};
use tpm_contract::Component;

impl Parts {
    /// Loads it.
    pub fn load(&self) -> Result<Sandbox<CountingHost>, SandboxFault> {
        Sandbox::load(&self.file(), limits(), CountingHost::default())
    }

    /// Loads it and calls `execute`, which must end in a fault; the instance must then be dead and an honest one alive.
    pub fn fault(&self) -> SandboxFault {
        self.fault_and_host().0
    }

    /// As [`Self::fault`], with the instance afterwards.
    pub fn fault_and_host(&self) -> (SandboxFault, Sandbox<CountingHost>) {
        let mut sandbox = self.load().expect("it loads");
        let fault = sandbox.execute(0, b"command").expect_err("it must end in a fault");
        assert_eq!(sandbox.execute(0, b"command"), Err(SandboxFault::Poisoned));
        assert_eq!(sandbox.describe(), Err(SandboxFault::Poisoned));
        honest_works();
        (fault, sandbox)
    }
}

/// The honest component answers.
pub fn honest_works() {
    let mut sandbox = Parts::HONEST.load().expect("an honest component loads");
    assert_eq!(sandbox.execute(3, b"hello"), Ok(Ok(b"hello".to_vec())));
}
