//! Finds out whether the interpreter keeps its native stack flat.
//!
//! The interpreter's instructions call each other; only tail calls keep that from filling the native stack. Whether the compiler made them is decided by the
//! target and the flags, and where it failed to, small programs still work. So the firmware runs these loops at boot, on its own
//! stack with its guard page: more than a million instructions of each kind in one call, among them those that grow a memory or a table, which are
//! the ones that lost their tail calls on bare metal. Nothing from outside enters here.

use alloc::vec::Vec;
use wasmi::{Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc};

/// Turns of each loop.
const TURNS: u32 = 1_000_000;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTestError {
    /// The interpreter refused the test program.
    Refused,
    /// A loop gave a wrong number.
    WrongResult,
}

/// Runs the loops, and checks what they compute.
pub fn run() -> Result<(), SelfTestError> {
    let mut config = Config::default();
    config.wasm_reference_types(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, program()).map_err(|_| SelfTestError::Refused)?;
    let limits = StoreLimitsBuilder::new().memory_size(1 << 16).table_elements(1).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits: &mut StoreLimits| limits);
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .map_err(|_| SelfTestError::Refused)?;
    let loops: TypedFunc<u32, u32> = instance
        .get_typed_func(&store, "f")
        .map_err(|_| SelfTestError::Refused)?;
    match loops.call(&mut store, TURNS) {
        Ok(sum) if sum == expected(TURNS) => Ok(()),
        Ok(_) => Err(SelfTestError::WrongResult),
        Err(_) => Err(SelfTestError::Refused),
    }
}

/// What the program below computes: every turn adds two growths that fail (-1 each), what a call returns (the turn), and the turn.
fn expected(turns: u32) -> u32 {
    (1..=turns).fold(0u32, |sum, turn| {
        sum.wrapping_add(turn).wrapping_add(turn).wrapping_sub(2)
    })
}

/// ```wat
/// (module
///   (type $f (func (param i32) (result i32)))
///   (table 1 1 funcref) (memory 1 1) (elem (i32.const 0) 0)
///   (func $id (type $f) local.get 0)
///   (func (export "f") (type $f) (local $sum i32)
///     loop
///       local.get $sum
///       (memory.grow (local.get 0)) i32.add
///       (table.grow (ref.null func) (local.get 0)) i32.add
///       local.get 0  i32.const 0  call_indirect (type $f)  i32.add
///       local.get 0  i32.add
///       local.set $sum
///       (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))
///       br_if 0
///     end
///     local.get $sum))
/// ```
fn program() -> Vec<u8> {
    const SECTIONS: [(u8, &[u8]); 7] = [
        (1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        (3, &[2, 0, 0]),
        (4, &[1, 0x70, 1, 1, 1]),
        (5, &[1, 1, 1, 1]),
        (7, &[1, 1, b'f', 0, 1]),
        (9, &[1, 0, 0x41, 0, 0x0b, 1, 0]),
        (10, CODE),
    ];
    #[rustfmt::skip]
    const CODE: &[u8] = &[
        2,
        4, 0, 0x20, 0, 0x0b,
        46, 1, 1, 0x7f,
        0x03, 0x40,
        0x20, 1,
        0x20, 0, 0x40, 0, 0x6a,
        0xd0, 0x70, 0x20, 0, 0xfc, 15, 0, 0x6a,
        0x20, 0, 0x41, 0, 0x11, 0, 0, 0x6a,
        0x20, 0, 0x6a,
        0x21, 1,
        0x20, 0, 0x41, 1, 0x6b, 0x22, 0,
        0x0d, 0,
        0x0b,
        0x20, 1,
        0x0b,
    ];
    let mut module = Vec::from(*b"\0asm\x01\0\0\0");
    for (id, body) in SECTIONS {
        module.push(id);
        module.push(body.len() as u8);
        module.extend_from_slice(body);
    }
    module
}

#[cfg(test)]
mod tests {
    /// The program is correct and its loops give the numbers that they should; on the host that is all this says.
    #[test]
    fn loops_compute_what_they_should() {
        assert_eq!(super::run(), Ok(()));
    }
}
