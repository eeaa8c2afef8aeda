//! What the host asks: the generated interface over the contract's [`Component`], which the engine implements.
//!
//! Parameters have left the host's hands and may be secret; they are wiped after use. A command cannot come in while another one runs: the component is
//! single-threaded and the host does not re-enter it.

use crate::{
    bindings::exports::cloister::tpm::engine::{self, Guest},
    imports::WasmHost,
};
use alloc::vec::Vec;
use core::{cell::RefCell, convert::Infallible};
use tpm_contract::{Component, Failure, Record};
use tpm_engine::native::NativeComponent;
use tpm_engine::wipe::Wipe;

/// The vendor command on which a component that was built to be faulty traps.
#[cfg(feature = "trap-on-request")]
const TRAP_COMMAND: [u8; 4] = 0x2000_0BADu32.to_be_bytes();

type Engine = NativeComponent<WasmHost>;

/// What only one thread can ever reach.
struct SingleThreaded<T>(RefCell<T>);

// SAFETY: a component's instance has one thread: the contract imports no shared memory and the target has no threads, so no other thread
// exists that could share the value.
#[expect(unsafe_code, reason = "a static must be Sync, and the engine is not")]
unsafe impl<T> Sync for SingleThreaded<T> {}

static ENGINE: SingleThreaded<Option<Engine>> = SingleThreaded(RefCell::new(None));

/// Runs `work` on this instance's engine, which is made on first use. Nothing can befall it here: its fault is a type without values.
fn with_engine<R>(work: impl FnOnce(&mut Engine) -> Result<R, Infallible>) -> R {
    let mut engine = ENGINE.0.borrow_mut();
    let Ok(answer) = work(engine.get_or_insert_with(|| NativeComponent::new(WasmHost)));
    answer
}

fn failure(failure: Failure) -> engine::Failure {
    match failure {
        Failure::NotPowered => engine::Failure::NotPowered,
        Failure::AlreadyPowered => engine::Failure::AlreadyPowered,
        Failure::BadState => engine::Failure::BadState,
        Failure::NoEntropy => engine::Failure::NoEntropy,
        Failure::NotCommitted => engine::Failure::NotCommitted,
        Failure::BadOperand => engine::Failure::BadOperand,
        Failure::SelfTest => engine::Failure::SelfTest,
    }
}

/// The exports of the world.
pub(crate) struct Exports;

impl Guest for Exports {
    fn describe() -> engine::Description {
        let description = with_engine(Component::describe);
        engine::Description {
            name: description.name,
            version: description.version,
            state_format: description.state_format,
            manufacturer: description.manufacturer,
            firmware_version: description.firmware_version,
        }
    }

    fn power_on(saved: Vec<engine::StateRecord>) -> Result<(), engine::Failure> {
        let mut saved: Vec<Record> = saved
            .into_iter()
            .map(|record| Record {
                key: record.key,
                value: record.value,
            })
            .collect();
        let answer = with_engine(|engine| engine.power_on(&saved));
        saved.iter_mut().for_each(|record| record.value.wipe());
        answer.map_err(failure)
    }

    fn execute(locality: u8, mut command: Vec<u8>) -> Result<Vec<u8>, engine::Failure> {
        #[cfg(feature = "trap-on-request")]
        if command.get(6..10) == Some(&TRAP_COMMAND) {
            core::arch::wasm32::unreachable();
        }
        let answer = with_engine(|engine| engine.execute(locality, &command));
        command.as_mut_slice().wipe();
        // The engine's buffer is for the longest response; what leaves is as long as it has to be, and what the buffer held is wiped.
        let mut answer = answer.map_err(failure)?;
        let exact = answer.as_slice().to_vec();
        answer.as_mut_slice().wipe();
        Ok(exact)
    }

    fn identity() -> Result<engine::IdentityKeys, engine::Failure> {
        let identity = with_engine(Component::identity).map_err(failure)?;
        Ok(engine::IdentityKeys {
            rsa_ek: identity.rsa_ek,
            p256_ek: identity.p256_ek,
            rsa_srk: identity.rsa_srk,
            p256_srk: identity.p256_srk,
        })
    }

    fn hash_start() -> Result<(), engine::Failure> {
        with_engine(Component::hash_start).map_err(failure)
    }

    fn hash_data(mut data: Vec<u8>) -> Result<(), engine::Failure> {
        let answer = with_engine(|engine| engine.hash_data(&data));
        data.wipe();
        answer.map_err(failure)
    }

    fn hash_end() -> Result<(), engine::Failure> {
        with_engine(Component::hash_end).map_err(failure)
    }

    fn save_persistent() -> Result<Vec<engine::StateRecord>, engine::Failure> {
        let records = with_engine(Component::save_persistent).map_err(failure)?;
        Ok(records
            .into_iter()
            .map(|record| engine::StateRecord {
                key: record.key,
                value: record.value,
            })
            .collect())
    }

    fn save_volatile() -> Result<Vec<u8>, engine::Failure> {
        with_engine(Component::save_volatile).map_err(failure)
    }

    fn restore_volatile(mut state: Vec<u8>) -> Result<(), engine::Failure> {
        let answer = with_engine(|engine| engine.restore_volatile(&state));
        state.wipe();
        answer.map_err(failure)
    }
}
