//! The TPM 2.0 engine: commands in, responses out, and state that its host keeps.
//!
//! Everything in a command is hostile (the guest wrote it) and everything that a host returns is checked; the crate does no I/O and
//! knows nothing of WebAssembly. One request travels `tpm.rs` → `dispatch/` → `commands/<chapter>/<command>.rs`, over the types of
//! `structures/` (TPM 2.0 Library, Part 2), which `wire/` reads and writes.
//!
//! Editions: TPM 2.0 Library 1.59, with the additions of 1.83 and 1.84 where a comment names them; PC Client Platform TPM Profile
//! 1.05 for the shape of the PCR.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod structures;
pub mod wire;
