//! An SNP machine in the same process, for tests of what stands on `svsm_platform`: memory with RMP states and permissions, a PSP that seals its
//! messages, a hypervisor and a guest that do what a test tells them, and a small TPM that can be told to misbehave.
//!
//! It is a second opinion, not a mirror: the rules come from the specifications (APM volume 2 §15.36, SNP firmware ABI), and where the code under
//! test breaks one that a real machine would not report, such as granting a page that was never zeroed or sealing two plaintexts under one sequence
//! number, [`Machine::violations`] names it.
//!
//! [`Machine`] is shared by all vCPUs; a [`FakePlatform`] is one vCPU's view of it and implements the traits. It runs on dev hosts only and may
//! panic, but only on a test's own mistakes.

#![forbid(unsafe_code)]

mod machine;
mod model_tpm;
mod platform;
mod psp;
mod sources;

pub use machine::{Access, Machine, PageInfo, Violation};
pub use model_tpm::{ModelFault, ModelTpm, Quirk};
pub use platform::{FakePlatform, PageStateChanges, SharedMachine};
pub use psp::{Carrier, FakePsp, ReportFields};
pub use sources::{FakeClock, FakeEntropy};

/// The README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
