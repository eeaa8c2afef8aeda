//! The commands of Part 3: one folder for each chapter, one file for each command, named after it. A chapter's `mod.rs` holds only what two
//! of its commands use. `dispatch/table.rs` has a row for each command here, and none other.

pub mod act;
pub mod asymmetric;
pub mod attestation;
pub mod audit;
pub mod capability;
pub mod clock;
pub mod context;
pub mod dictionary_attack;
pub mod duplication;
pub mod hash_hmac;
pub mod hierarchy;
pub mod management;
pub mod nv;
pub mod object;
pub mod pcr;
pub mod policy;
pub mod random;
pub mod session;
pub mod signing;
pub mod startup;
pub mod symmetric;
pub mod testing;
