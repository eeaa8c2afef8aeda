//! Part 3 §15: hashes and HMACs.

mod hash;

pub use hash::Hash;
