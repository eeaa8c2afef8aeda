//! A component file that anybody may have made, and what it answers over the component model's canonical ABI: the sandbox must refuse it, or survive every call into it.

use component_trial::host::RepeatingHost;
use svsm_sandbox::{Limits, Sandbox};
use tpm_contract::{Component, Record};

/// Runs one input.
///
/// # Panics
/// When what is looked for is found.
pub fn run(data: &[u8]) {
    let limits = Limits {
        memory_bytes: 1 << 20,
        fuel: 200_000,
        ..Limits::default()
    };
    let Ok(mut sandbox) = Sandbox::load(data, limits, RepeatingHost::new(true)) else {
        return;
    };
    let saved = [Record {
        key: 7,
        value: b"a record".to_vec(),
    }];
    // A fault ends the instance, and says so ever after; an answer is within the contract's bounds. Neither may end the host.
    let mut faulty = false;
    let mut look = |fault: bool| {
        assert!(fault || !faulty, "an instance that faulted went on");
        faulty |= fault;
    };
    look(sandbox.describe().is_err());
    look(sandbox.power_on(&saved).is_err());
    let response = sandbox.execute(0, b"\x80\x01\0\0\0\x0a\0\0\x01\x81");
    if let Ok(Ok(response)) = &response {
        assert!(response.len() <= tpm_contract::bounds::MAX_RESPONSE);
    }
    look(response.is_err());
    look(sandbox.hash_start().is_err());
    look(sandbox.hash_data(b"measured").is_err());
    look(sandbox.hash_end().is_err());
    look(sandbox.identity().is_err());
    look(sandbox.save_persistent().is_err());
    look(sandbox.save_volatile().is_err());
    look(sandbox.restore_volatile(b"state").is_err());
}
