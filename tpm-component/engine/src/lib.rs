//! A TPM 2.0 (library specification 1.59) without input or output: commands and time go in, responses and changes of state come out.
//!
//! Everything that the engine is given is hostile: commands come from the guest, state images, entropy and time from the host, which the
//! engine has to believe but never lets break it. It neither panics nor loops without bound on any input, forbids unsafe code, and knows
//! neither wasm nor an operating system, so that the same code runs in the sandbox, in tests and in the development server.
//!
//! | folder | Part | what it decides |
//! |---|---|---|
//! | `wire/`, `structures/` | 2 | how bytes become types |
//! | `dispatch/` | 3 §5 | which command it is, whether it may run |
//! | `session/` | 1 §19 | keys, HMACs, policies of sessions |
//! | `commands/` | 3 | the commands, one file each |
//! | `hierarchy/`, `object/`, `pcr/`, `nv/` | 1 | what the TPM holds |
//! | `x509.rs`, `der.rs` | 3 §18.8 | what it writes into certificates |
//! | `audit.rs` | 1 §36 | what of its commands it records |
//! | `countdown.rs` | 3 §33 | its countdown timers |
//! | `state/` | 1 §12 | how long it holds it |
//! | `crypto/` | 1 Annexes | every algorithm behind one seam |
//!
//! One request travels `tpm.rs` → `dispatch/` → `commands/<chapter>/<command>.rs`. Editions: TPM 2.0 Library 1.59, with the additions of
//! 1.83 and 1.84 where a comment names them; PC Client Platform TPM Profile 1.05 for the shape of the PCR.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod audit;
pub mod commands;
pub mod constant_time;
pub mod countdown;
pub mod crypto;
pub mod der;
pub mod dispatch;
pub mod entity;
pub mod hierarchy;
pub mod identity;
pub mod native;
pub mod nv;
pub mod object;
pub mod pcr;
pub mod session;
pub mod state;
pub mod structures;
#[cfg(test)]
mod test_objects;
#[cfg(test)]
mod test_tpm;
pub mod tpm;
pub mod wipe;
pub mod wire;
pub mod x509;

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
