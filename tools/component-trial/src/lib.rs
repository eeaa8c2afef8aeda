//! Tries a TPM component on the dev host, in the firmware's own sandbox: what it costs, what world it has, and whether it
//! keeps the contract's rules.
//!
//! The component may be anybody's and hostile; the sandbox confines it. Nothing here runs in the firmware. `component_cost` and `component_conform` are the
//! programs behind `cargo xtask cost` and `cargo xtask conform`; the cross-crate tests use the same host and the same way to look at a world.

#![forbid(unsafe_code)]

pub mod conformance;
pub mod conversation;
pub mod host;
pub mod world_shape;
