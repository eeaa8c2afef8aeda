//! Builds Cloister's launch image and predicts how it will be measured.
//!
//! [`predict_boot`] goes on from there to the events that the SVSM measures into the TPM, and to the PCR values that these give.
//!
//! An image is an IGVM file: the SVSM, the TPM component and the guest, each page with its place, and the boot processor's start state.
//! The platform hashes it page by page; a relying party compares the outcome with what [`measure`] predicts. The two halves are kept
//! apart on purpose: [`build`] uses the `igvm` crate, [`measure`] reads the finished bytes with a parser of its own, so that a mistake
//! of the writer shows as a difference instead of being predicted along.
//!
//! Inputs are files of our own build or files that the user names; damaged ones are errors. Format: Microsoft's IGVM specification;
//! loader: QEMU 10; launch: SNP firmware ABI (56860) as KVM drives it.
#![forbid(unsafe_code)]

mod acpi;
mod builder;
mod digest;
pub mod elf;
mod fields;
mod igvm_reader;
mod kvm_vmsa;
mod layout;
mod linux;
mod measure;
mod measured_boot;
pub mod vmsa;

pub use builder::{GUEST_POLICY, Image, build, igvm_file, page_data};
pub use digest::{LaunchDigest, PAGE_SIZE, PageContent, VMSA_GPA};
pub use layout::{Inputs, Layout, Options, Payload};
pub use measure::{MILAN_SIGNATURE, Measurement, Platform, measure};
pub use measured_boot::{BootEvent, BootPrediction, Thing, predict_boot};
