//! The few TPM structures that a verifier reads, parsed strictly.
//!
//! Everything here arrives from the guest, over the network: public areas, quotes, signatures. A parser accepts exactly one encoding
//! of exactly the structures that a verifier needs and consumes every byte; any other type, scheme, reserved bit or trailing byte is
//! an error that says what was wrong. It is deliberately not the engine's marshalling code, so that a mistake there cannot hide here.
//! Structures: TPM 2.0 Library Part 2, revision 1.59.

pub mod attest;
pub mod hash;
pub mod public;
pub mod signature;
pub mod wire;
