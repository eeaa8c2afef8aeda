//! The parts of the simulated SNP platform that need no hardware: they compile and are tested on the dev host.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod igvm;
pub mod model;
pub mod options;
pub mod pki;
