//! What the host asks of the component: lifting of every export in `wit/tpm.wit`.
//!
//! Parameters go in through the component's own allocator, results come back as a pointer that is checked, copied and then released with the
//! export's post-return function, all on the fuel of this one call. Results are the component's claims: lengths are held to the contract's bounds,
//! discriminants and UTF-8 to their definitions, lists may not share bytes. Any fault stops the instance for good.
//! Neighbours: `imports.rs` for the other direction, `guest.rs` for pointers.

use crate::{
    Sandbox,
    fault::{SandboxFault, from_interpreter},
    guest::{Abi, Disjoint, Guest, Phase, Used, bytes, record, within, word},
    limits::Limits,
    world::ENGINE_PREFIX,
};
use alloc::{format, string::String, vec::Vec};
use tpm_contract::{Component, Description, Failure, Host, Identity, Record, bounds};
use wasmi::{Instance, Store, TypedFunc, WasmParams};
use zeroize::{Zeroize, Zeroizing};

/// Size of `record state-record` in memory.
const STATE_RECORD: u32 = 12;

/// One export and, if it has one, its post-return function.
struct Export<P> {
    call: TypedFunc<P, u32>,
    release: Option<TypedFunc<u32, ()>>,
}

impl<P: WasmParams> Export<P> {
    fn find<H>(store: &Store<Guest<H>>, instance: Instance, name: &str) -> Result<Self, SandboxFault> {
        let call = instance
            .get_typed_func(store, &format!("{ENGINE_PREFIX}{name}"))
            .map_err(from_interpreter)?;
        let release = format!("cabi_post_{ENGINE_PREFIX}{name}");
        let release = match instance.get_func(store, &release) {
            Some(function) => Some(function.typed(store).map_err(from_interpreter)?),
            None => None,
        };
        Ok(Self { call, release })
    }
}

/// All exports.
pub(crate) struct Exports {
    describe: Export<()>,
    power_on: Export<(u32, u32)>,
    execute: Export<(u32, u32, u32)>,
    identity: Export<()>,
    hash_start: Export<()>,
    hash_data: Export<(u32, u32)>,
    hash_end: Export<()>,
    save_persistent: Export<()>,
    save_volatile: Export<()>,
    restore_volatile: Export<(u32, u32)>,
}

impl Exports {
    pub fn find<H>(store: &Store<Guest<H>>, instance: Instance) -> Result<Self, SandboxFault> {
        Ok(Self {
            describe: Export::find(store, instance, "describe")?,
            power_on: Export::find(store, instance, "power-on")?,
            execute: Export::find(store, instance, "execute")?,
            identity: Export::find(store, instance, "identity")?,
            hash_start: Export::find(store, instance, "hash-start")?,
            hash_data: Export::find(store, instance, "hash-data")?,
            hash_end: Export::find(store, instance, "hash-end")?,
            save_persistent: Export::find(store, instance, "save-persistent")?,
            save_volatile: Export::find(store, instance, "save-volatile")?,
            restore_volatile: Export::find(store, instance, "restore-volatile")?,
        })
    }
}

/// One call of an export: parameters, the call, its result, its release.
struct Call<'a, H> {
    store: &'a mut Store<Guest<H>>,
    taken: Disjoint,
}

impl<H: Host> Call<'_, H> {
    /// A list of bytes as a parameter.
    fn list(&mut self, list: &[u8]) -> Result<(u32, u32), SandboxFault> {
        self.store.give(list, &mut self.taken)
    }

    /// A list of state records as a parameter.
    fn records(&mut self, saved: &[Record]) -> Result<(u32, u32), SandboxFault> {
        let mut table = Vec::new();
        table
            .try_reserve_exact(saved.len() * STATE_RECORD as usize)
            .map_err(|_| SandboxFault::HostOutOfMemory)?;
        for record in saved {
            let (pointer, length) = self.list(&record.value)?;
            for word in [record.key, pointer, length] {
                table.extend_from_slice(&word.to_le_bytes());
            }
        }
        let first = self.store.allocate(table.len(), 4, &mut self.taken)?;
        self.store.write(first, &table)?;
        Ok((
            first,
            u32::try_from(saved.len()).map_err(|_| SandboxFault::HostOutOfMemory)?,
        ))
    }

    /// Calls the export, reads its result, releases it.
    fn run<P: WasmParams, R>(
        self,
        export: &Export<P>,
        parameters: P,
        lift: impl FnOnce(&[u8], u32) -> Result<R, SandboxFault>,
    ) -> Result<R, SandboxFault> {
        self.store.data_mut().phase = Phase::Export;
        let result = export
            .call
            .call(&mut *self.store, parameters)
            .map_err(from_interpreter)?;
        let (memory, guest) = self.store.split()?;
        guest.phase = Phase::PostReturn;
        let lifted = lift(memory, result)?;
        if let Some(release) = export.release {
            release.call(&mut *self.store, result).map_err(from_interpreter)?;
        }
        self.store.data_mut().phase = Phase::Idle;
        Ok(lifted)
    }
}

impl<H: Host> Sandbox<H> {
    /// Runs one call under a fresh budget. A fault stops the instance.
    fn call<R>(
        &mut self,
        body: impl FnOnce(Call<'_, H>, &Exports) -> Result<R, SandboxFault>,
    ) -> Result<R, SandboxFault> {
        if self.poisoned {
            return Err(SandboxFault::Poisoned);
        }
        refuel(&mut self.store, &self.limits)?;
        let outcome = body(
            Call {
                store: &mut self.store,
                taken: Disjoint::default(),
            },
            &self.exports,
        );
        if outcome.is_err() {
            self.poison();
        }
        outcome
    }
}

/// Starts a call's budget.
pub(crate) fn refuel<H>(store: &mut Store<Guest<H>>, limits: &Limits) -> Result<(), SandboxFault> {
    store.set_fuel(limits.fuel).map_err(from_interpreter)?;
    let guest = store.data_mut();
    guest.used = Used::default();
    guest.phase = Phase::Idle;
    Ok(())
}

type Answer<R> = Result<Result<R, Failure>, SandboxFault>;

impl<H: Host> Component for Sandbox<H> {
    type Fault = SandboxFault;

    fn describe(&mut self) -> Result<Description, SandboxFault> {
        self.call(|call, exports| call.run(&exports.describe, (), description))
    }

    fn power_on(&mut self, saved: &[Record]) -> Answer<()> {
        let sizes = saved.iter().map(|record| record.value.len());
        if saved.len() > bounds::MAX_RECORDS
            || sizes.clone().any(|size| size > bounds::MAX_RECORD)
            || sizes.sum::<usize>() > bounds::MAX_STATE
        {
            return Ok(Err(Failure::BadOperand));
        }
        self.call(|mut call, exports| {
            let list = call.records(saved)?;
            call.run(&exports.power_on, list, nothing)
        })
    }

    fn execute(&mut self, locality: u8, command: &[u8]) -> Answer<Vec<u8>> {
        if command.len() > bounds::MAX_COMMAND {
            return Ok(Err(Failure::BadOperand));
        }
        self.call(|mut call, exports| {
            let (pointer, length) = call.list(command)?;
            call.run(&exports.execute, (locality.into(), pointer, length), |memory, at| {
                list_result(memory, at, "a response", bounds::MAX_RESPONSE)
            })
        })
        .map(unwrapped)
    }

    fn identity(&mut self) -> Answer<Identity> {
        self.call(|call, exports| call.run(&exports.identity, (), identity))
    }

    fn hash_start(&mut self) -> Answer<()> {
        self.call(|call, exports| call.run(&exports.hash_start, (), nothing))
    }

    fn hash_data(&mut self, data: &[u8]) -> Answer<()> {
        if data.len() > bounds::MAX_HASH_DATA {
            return Ok(Err(Failure::BadOperand));
        }
        self.call(|mut call, exports| {
            let list = call.list(data)?;
            call.run(&exports.hash_data, list, nothing)
        })
    }

    fn hash_end(&mut self) -> Answer<()> {
        self.call(|call, exports| call.run(&exports.hash_end, (), nothing))
    }

    fn save_persistent(&mut self) -> Answer<Vec<Record>> {
        self.call(|call, exports| call.run(&exports.save_persistent, (), records_result))
    }

    fn save_volatile(&mut self) -> Answer<Vec<u8>> {
        self.call(|call, exports| {
            call.run(&exports.save_volatile, (), |memory, at| {
                list_result(memory, at, "a volatile state", bounds::MAX_STATE)
            })
        })
        .map(unwrapped)
    }

    fn restore_volatile(&mut self, state: &[u8]) -> Answer<()> {
        if state.len() > bounds::MAX_STATE {
            return Ok(Err(Failure::BadOperand));
        }
        self.call(|mut call, exports| {
            let list = call.list(state)?;
            call.run(&exports.restore_volatile, list, nothing)
        })
    }
}

fn failure(discriminant: u8) -> Result<Failure, SandboxFault> {
    Ok(match discriminant {
        0 => Failure::NotPowered,
        1 => Failure::AlreadyPowered,
        2 => Failure::BadState,
        3 => Failure::NoEntropy,
        4 => Failure::NotCommitted,
        5 => Failure::BadOperand,
        6 => Failure::SelfTest,
        _ => return Err(SandboxFault::BadDiscriminant),
    })
}

/// `result<_, failure>`: discriminant and failure, one byte each.
fn nothing(memory: &[u8], at: u32) -> Answer<()> {
    let [discriminant, code] = record(memory, at, 1)?;
    match discriminant {
        0 => Ok(Ok(())),
        1 => Ok(Err(failure(code)?)),
        _ => Err(SandboxFault::BadDiscriminant),
    }
}

/// A record of `N` bytes with a discriminant first and its payload at offset 4; the failure, if it is one.
fn result<const N: usize>(memory: &[u8], at: u32) -> Answer<[u8; N]> {
    let area: [u8; N] = record(memory, at, 4)?;
    match area.first() {
        Some(0) => Ok(Ok(area)),
        Some(1) => Ok(Err(failure(area.get(4).copied().unwrap_or(u8::MAX))?)),
        _ => Err(SandboxFault::BadDiscriminant),
    }
}

/// Copies the list that the two words at `offset` of `area` describe.
fn copy<const N: usize>(
    memory: &[u8],
    area: &[u8; N],
    offset: usize,
    (what, bound): (&'static str, usize),
    taken: &mut Disjoint,
) -> Result<Vec<u8>, SandboxFault> {
    let (pointer, length) = (word(area, offset), word(area, offset + 4));
    within(what, length.into(), bound)?;
    taken.claim(pointer, length)?;
    let from = bytes(memory, pointer, length)?;
    let mut list = Vec::new();
    list.try_reserve_exact(from.len())
        .map_err(|_| SandboxFault::HostOutOfMemory)?;
    list.extend_from_slice(from);
    Ok(list)
}

/// A list that the caller has to wipe from here on.
fn unwrapped(answer: Result<Zeroizing<Vec<u8>>, Failure>) -> Result<Vec<u8>, Failure> {
    answer.map(|mut list| core::mem::take(&mut *list))
}

/// `result<list<u8>, failure>`; wiped if the call fails after all.
fn list_result(memory: &[u8], at: u32, what: &'static str, bound: usize) -> Answer<Zeroizing<Vec<u8>>> {
    let area = match result::<12>(memory, at)? {
        Ok(area) => area,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut taken = Disjoint::default();
    taken.claim(at, 12)?;
    copy(memory, &area, 4, (what, bound), &mut taken).map(|list| Ok(Zeroizing::new(list)))
}

/// `result<identity, failure>`.
fn identity(memory: &[u8], at: u32) -> Answer<Identity> {
    let area = match result::<36>(memory, at)? {
        Ok(area) => area,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut taken = Disjoint::default();
    taken.claim(at, 36)?;
    let mut public = |offset| copy(memory, &area, offset, ("a public area", bounds::MAX_PUBLIC), &mut taken);
    Ok(Ok(Identity {
        rsa_ek: public(4)?,
        p256_ek: public(12)?,
        rsa_srk: public(20)?,
        p256_srk: public(28)?,
    }))
}

/// `result<list<state-record>, failure>`.
fn records_result(memory: &[u8], at: u32) -> Answer<Vec<Record>> {
    let area = match result::<12>(memory, at)? {
        Ok(area) => area,
        Err(failure) => return Ok(Err(failure)),
    };
    let (first, count) = (word(&area, 4), word(&area, 8));
    within("state records", count.into(), bounds::MAX_RECORDS)?;
    let mut taken = Disjoint::default();
    taken.claim(at, 12)?;
    taken.claim(first, count * STATE_RECORD)?;
    let mut records = Vec::new();
    records
        .try_reserve_exact(count as usize)
        .map_err(|_| SandboxFault::HostOutOfMemory)?;
    let mut total = 0;
    let lifted = (0..count).try_for_each(|index| {
        let at = first
            .checked_add(index * STATE_RECORD)
            .ok_or(SandboxFault::PointerOutOfBounds)?;
        let area: [u8; STATE_RECORD as usize] = record(memory, at, 4)?;
        let value = copy(memory, &area, 4, ("a state record", bounds::MAX_RECORD), &mut taken)?;
        total += value.len();
        records.push(Record {
            key: word(&area, 0),
            value,
        });
        within("a state", total as u64, bounds::MAX_STATE)
    });
    if lifted.is_err() {
        records.iter_mut().for_each(|record| record.value.zeroize());
    }
    lifted.map(|()| Ok(records))
}

/// `description`.
fn description(memory: &[u8], at: u32) -> Result<Description, SandboxFault> {
    let area: [u8; 32] = record(memory, at, 8)?;
    let mut taken = Disjoint::default();
    taken.claim(at, 32)?;
    let mut text = |offset, what, bound| {
        let bytes = copy(memory, &area, offset, (what, bound), &mut taken)?;
        String::from_utf8(bytes).map_err(|_| SandboxFault::BadUtf8)
    };
    let name = text(0, "a name", bounds::MAX_NAME)?;
    let version = text(8, "a version", bounds::MAX_VERSION)?;
    let [low, high] = [word(&area, 24), word(&area, 28)].map(u64::from);
    Ok(Description {
        name,
        version,
        state_format: word(&area, 16),
        manufacturer: word(&area, 20),
        firmware_version: high << 32 | low,
    })
}
