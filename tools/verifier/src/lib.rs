//! Judges attestation evidence of Cloister, and of any SVSM that speaks the published vTPM protocol.
//!
//! The relying party hands over what a guest sent (report, certificates, manifest, event log, quote) and what it expects (measurement,
//! component, TCB, PCRs, kernel), and gets a [`Verdict`] with a reason for every check, in words and in JSON. Binding a quote to the reported endorsement
//! key takes one exchange: [`Challenge`] makes a credential that only the right TPM can open, and the verification wants its secret back.
//!
//! All evidence is hostile. Parsers are this crate's own where they are about TPM structures, strict to the last byte, and cannot panic;
//! AMD's roots are pinned, any other root has to be named by the caller; which form of evidence is looked at is the caller's word, never
//! a guess. Specifications: SNP firmware ABI (56860), VCEK certificates (57230), SVSM (58019) §7 and §8, TPM 2.0 library 1.59,
//! TCG PC Client Platform Firmware Profile (PFP) 1.05.
#![forbid(unsafe_code)]

mod certificates;
mod chain;
pub mod cli;
mod credential;
mod event_log;
mod guid;
mod key_proof;
mod manifest;
mod measured_boot;
mod report;
mod roots;
mod tcb;
mod tpm;
mod verdict;
mod verification;

pub use certificates::Certificate;
pub use credential::{Credential, make_credential};
pub use event_log::{Bank, BootEvents, Digests, EventLog, LogEvent, Measured};
pub use key_proof::{Challenge, KeyProof};
pub use manifest::Form;
pub use measured_boot::AttestedLog;
pub use report::PolicyDemands;
pub use roots::{Product, TrustRoots};
pub use tcb::Tcb;
pub use tpm::attest::PcrValue;
pub use tpm::hash::HashAlg;
pub use tpm::public::TpmtPublic;
pub use verdict::{Check, Outcome, Subject, Verdict};
pub use verification::{BootExpectations, Certification, Evidence, Expectations, judge, verify};
