//! Wiping secrets.
//!
//! `zeroize` writes volatile bytes, one by one, wherever it has no assembly for a barrier; in an interpreter that costs more than most of what the
//! secret was used for. Here memory is filled as a whole, and `zeroize`'s own barrier keeps the compiler from leaving the fill out: in a WebAssembly
//! module the bytes are written when the store instruction runs, and no engine behind it may drop a store to memory that an import can read.

use alloc::{boxed::Box, vec::Vec};
use core::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
};

use crypto_bigint::BoxedUint;
use zeroize::{Zeroize, optimization_barrier};

/// What can be wiped in place.
pub trait Wipe {
    /// Makes it zeros, or nothing where it can be nothing.
    fn wipe(&mut self);
}

impl Wipe for [u8] {
    fn wipe(&mut self) {
        self.fill(0);
        optimization_barrier(self);
    }
}

impl<const N: usize> Wipe for [u8; N] {
    fn wipe(&mut self) {
        self.as_mut_slice().wipe();
    }
}

impl<const N: usize> Wipe for [u64; N] {
    fn wipe(&mut self) {
        self.fill(0);
        optimization_barrier(self);
    }
}

/// Its whole allocation, also what it held when it was longer.
impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        if self.capacity() == 0 {
            return;
        }
        self.clear();
        let all = self.spare_capacity_mut();
        all.fill(MaybeUninit::new(0));
        optimization_barrier(&*all);
    }
}

impl Wipe for Box<[u8]> {
    fn wipe(&mut self) {
        (**self).wipe();
    }
}

impl Wipe for Vec<bool> {
    fn wipe(&mut self) {
        self.fill(false);
        optimization_barrier(self.as_slice());
    }
}

impl Wipe for BoxedUint {
    fn wipe(&mut self) {
        self.zeroize();
    }
}

/// A value that is wiped when it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiped<T: Wipe>(T);

impl<T: Wipe> Wiped<T> {
    /// Takes a value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T: Wipe> From<T> for Wiped<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_is_wiped_in_its_whole_allocation() {
        let mut bytes = alloc::vec![7; 40];
        bytes.truncate(3);
        let capacity = bytes.capacity();
        bytes.wipe();
        assert!(bytes.is_empty());
        // The same allocation, and nothing of what was in it.
        bytes.resize(capacity, 0);
        assert_eq!(bytes, alloc::vec![0; capacity]);
        let mut array = [7u8; 5];
        array.wipe();
        assert_eq!(array, [0; 5]);
    }
}
